/*
 * secrets.h: the bearer token, what is derived from it, and the HMAC keys; read once at start.
 *
 * What is kept of them stays in locked memory where the system allows it, is overwritten before it
 * is given back, and appears in no log, error or reply. Of the keys that is not their bytes
 * (keys.h).
 */
#ifndef CN_SERVER_SECRETS_H
#define CN_SERVER_SECRETS_H

#include "base/error.h"
#include "handlers/session.h"
#include "server/keys.h"

struct cn_secrets {
    struct cn_keyring keyring;
    struct cn_keys keys;               /* the memory behind it */
    struct cn_str token;               /* empty: none */
    struct cn_session_key session_key; /* derived from the token, if there is one */
};

/* The token: the first line of `token_file`, without its line end; CN_INVALID_PARAMETER if it is
 * empty. The keys: every regular file in `keys_dir` whose name does not begin with a dot; its bytes
 * without one trailing line feed; an empty one is CN_INVALID_PARAMETER. Either may be NULL. */
enum cn_code cn_secrets_read(struct cn_secrets *secrets, const char *token_file,
                             const char *keys_dir, struct cn_error *error);
void cn_secrets_release(struct cn_secrets *secrets);

#endif

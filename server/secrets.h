/*
 * secrets.h: the HMAC keys; read once at start.
 *
 * Their bytes stay in locked memory where the system allows it, are overwritten before they are
 * given back, and appear in no log, error or reply.
 */
#ifndef CN_SERVER_SECRETS_H
#define CN_SERVER_SECRETS_H

#include "base/error.h"
#include "expr/expr.h"

struct cn_secrets {
    struct cn_keyring keyring;
    struct cn_key *keys; /* the same, writable */
};

/* Every regular file in `keys_dir` (NULL: there are none) whose name does not begin with a dot; its
 * bytes without one trailing line feed; an empty one is CN_INVALID_PARAMETER. */
enum cn_code cn_secrets_read(struct cn_secrets *secrets, const char *keys_dir,
                             struct cn_error *error);
void cn_secrets_release(struct cn_secrets *secrets);

#endif

/*
 * token.h: the bearer token. Of it only the key of sessions is kept, an HMAC from which it cannot
 * be found again (handlers/session.h); a token that a client sends is put through the same.
 */
#ifndef CN_SERVER_TOKEN_H
#define CN_SERVER_TOKEN_H

#include "base/error.h"
#include "handlers/session.h"

/* The token is the first line of the file, without its line end. CN_INVALID_PARAMETER: it cannot be
 * read, or is empty. */
enum cn_code cn_token_read(struct cn_session_key *key, const char *path, struct cn_error *error);

#endif

/*
 * session.h: the cookie that stands for the bearer token in a browser.
 *
 * Its value is EXPIRY.MAC: seconds since 1970, and in hex the HMAC-SHA256 of them under a key that
 * is derived from the token. So the server keeps nothing: a session outlives a restart with the
 * same token, and ends when the token changes or its time is up.
 */
#ifndef CN_HANDLERS_SESSION_H
#define CN_HANDLERS_SESSION_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define CN_SESSION_COOKIE "colonnade_session"
#define CN_SESSION_SECONDS (12 * 3600)

#define CN_SESSION_KEY_BYTES 32
struct cn_session_key {
    uint8_t bytes[CN_SESSION_KEY_BYTES];
};

/* False: the library for it failed, and the key is all zeros. */
bool cn_session_key_derive(struct cn_session_key *key, struct cn_str token);
void cn_session_key_cleanse(struct cn_session_key *key);

/* Whether the key was derived from this token; in a time that does not depend on where they differ.
 */
bool cn_session_is_token(const struct cn_session_key *key, struct cn_str token);

/*
 * The key of this moment. The token may change while requests are served; then the sessions of the
 * old one end, and nothing is left of its key.
 */
struct cn_sessions {
    pthread_mutex_t lock;
    struct cn_session_key key;
};
/* `key` is copied. */
void cn_sessions_init(struct cn_sessions *sessions, const struct cn_session_key *key);
void cn_sessions_change(struct cn_sessions *sessions, const struct cn_session_key *key);
/* A copy, which the caller cleanses. */
void cn_sessions_key(struct cn_sessions *sessions, struct cn_session_key *key);
void cn_sessions_release(struct cn_sessions *sessions);

/* Room for a cookie's value: up to 19 digits, '.', 64 hex digits and a NUL. */
#define CN_SESSION_VALUE_BYTES 96

/* The value of a session that ends at `expiry_s`, which is not negative. False: as above. */
bool cn_session_make(const struct cn_session_key *key, int64_t expiry_s,
                     char value[CN_SESSION_VALUE_BYTES]);

/*
 * Whether a Cookie header has a session of this key that has not ended at `now_s`. There may be
 * several cookies of the name (browsers send those of other paths and hosts too): one that is good
 * is enough. Only the first CN_SESSION_TRIES that look like one are tried.
 */
#define CN_SESSION_TRIES 8
bool cn_session_check(const struct cn_session_key *key, struct cn_str cookies, int64_t now_s);

#endif

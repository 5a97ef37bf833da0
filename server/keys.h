/*
 * keys.h: the HMAC keys, read once at start.
 *
 * A key's own bytes are in memory only while its file is read, in pages of their own that are
 * overwritten before they are given back. What is kept is what HMAC makes of them (expr/keyring.h),
 * in pages that are locked, left out of core files and not inherited by a fork, where the system
 * can do that.
 */
#ifndef CN_SERVER_KEYS_H
#define CN_SERVER_KEYS_H

#include "base/error.h"
#include "expr/keyring.h"

struct cn_keys {
    struct cn_key *keys; /* in memory of their own */
    size_t n_keys;
    size_t capacity;
};

/* Every regular file in `path` whose name does not begin with a dot; its bytes without one trailing
 * line feed are the key. One that is empty, or longer than 64 KiB, is CN_INVALID_PARAMETER. On
 * failure nothing is kept. */
enum cn_code cn_keys_read(struct cn_keys *keys, const char *path, struct cn_error *error);
void cn_keys_release(struct cn_keys *keys);

struct cn_keyring cn_keys_ring(const struct cn_keys *keys);

#endif

/*
 * keyring.h: the HMAC keys that the server holds, as hmac_sha256(..., key='NAME') uses them.
 *
 * A key here is not what its file says, but what HMAC makes of that (struct cn_hmac_key): the bytes
 * of the file cannot be had from it. A key holds no pointers, so an array of them can be copied
 * into another process as it is.
 */
#ifndef CN_EXPR_KEYRING_H
#define CN_EXPR_KEYRING_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "kernels/digest.h"

#define CN_KEY_NAME 255 /* bytes of a name at most, as of a file's */

struct cn_key {
    struct cn_hmac_key hmac;
    uint32_t name_len;
    char name[CN_KEY_NAME + 1];
};

/* Owner: main. Read-only after start. */
struct cn_keyring {
    const struct cn_key *keys;
    size_t n_keys;
};

struct cn_str cn_key_name(const struct cn_key *key);
/* The key of that name; NULL: the ring (which may be NULL) holds none. */
const struct cn_key *cn_keyring_find(const struct cn_keyring *ring, struct cn_str name);

/* Fills in a key from its name and its own bytes, which are not kept. False: the name is longer
 * than CN_KEY_NAME, or OpenSSL failed. */
CN_NODISCARD bool cn_key_make(struct cn_key *key, struct cn_str name, struct cn_str bytes);

/* A ring over an array of keys that came from another process; false: it is not one. */
CN_NODISCARD bool cn_keyring_adopt(struct cn_keyring *ring, struct cn_str bytes);

#endif

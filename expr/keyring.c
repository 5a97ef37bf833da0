#include "expr/keyring.h"

#include <string.h>

struct cn_str cn_key_name(const struct cn_key *key) {
    return cn_str(key->name, key->name_len);
}

const struct cn_key *cn_keyring_find(const struct cn_keyring *ring, struct cn_str name) {
    for (size_t i = 0; ring != NULL && i < ring->n_keys; i++) {
        if (cn_str_equal(cn_key_name(&ring->keys[i]), name))
            return &ring->keys[i];
    }
    return NULL;
}

bool cn_key_make(struct cn_key *key, struct cn_str name, struct cn_str bytes) {
    memset(key, 0, sizeof *key);
    if (name.len > CN_KEY_NAME)
        return false;
    memcpy(key->name, name.data, name.len);
    key->name_len = (uint32_t)name.len;
    return cn_hmac_key_make(&key->hmac, bytes);
}

bool cn_keyring_adopt(struct cn_keyring *ring, struct cn_str bytes) {
    *ring = (struct cn_keyring){(const void *)bytes.data, bytes.len / sizeof(struct cn_key)};
    bool whole = bytes.len % sizeof(struct cn_key) == 0 &&
                 (uintptr_t)bytes.data % _Alignof(struct cn_key) == 0;
    for (size_t i = 0; whole && i < ring->n_keys; i++)
        whole = ring->keys[i].name_len <= CN_KEY_NAME;
    if (!whole)
        *ring = (struct cn_keyring){0};
    return whole;
}

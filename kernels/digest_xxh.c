/*
 * digest_xxh.c: the hashes of libxxhash, from its header: for short rows the call into the library
 * takes longer than the hash.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "kernels/digest_xxh.h"

static inline void put(uint64_t hash, uint8_t *out) {
    XXH64_canonical_t canonical;
    XXH64_canonicalFromHash(&canonical, hash);
    memcpy(out, canonical.digest, sizeof canonical.digest);
}

void cn_xxh64_rows(const char *base, const size_t *offsets, size_t n, uint8_t *out) {
    for (size_t i = 0; i < n; i++)
        put(XXH64(base + offsets[i], offsets[i + 1] - offsets[i], 0), out + 8 * i);
}

void cn_xxh3_64_rows(const char *base, const size_t *offsets, size_t n, uint8_t *out) {
    for (size_t i = 0; i < n; i++)
        put(XXH3_64bits(base + offsets[i], offsets[i + 1] - offsets[i]), out + 8 * i);
}

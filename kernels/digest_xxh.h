/*
 * digest_xxh.h: xxh64 and xxh3_64 of many rows, seed 0, canonical (big-endian). Private to
 * kernels/.
 */
#ifndef CN_KERNELS_DIGEST_XXH_H
#define CN_KERNELS_DIGEST_XXH_H

#include <stddef.h>
#include <stdint.h>

/* out[8 * i ..] = hash of base[offsets[i] .. offsets[i + 1]), for i < n; base is not NULL. */
void cn_xxh64_rows(const char *base, const size_t *offsets, size_t n, uint8_t *out);
void cn_xxh3_64_rows(const char *base, const size_t *offsets, size_t n, uint8_t *out);

#endif

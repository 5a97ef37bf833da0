/*
 * digest.h: digests of many short texts, and of one long one.
 *
 * cn_digest_rows() is the batch that row hashes use: MD5, SHA-1, SHA-2 and HMAC take several short
 * rows at once in the kernels of the CPU's level (digest_batch.h). OpenSSL is the reference, the
 * way for long texts and for all other methods; xxHash's header for xxh64 and xxh3_64.
 */
#ifndef CN_KERNELS_DIGEST_H
#define CN_KERNELS_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

enum cn_digest_kind {
    CN_DIGEST_MD5,
    CN_DIGEST_SHA1,
    CN_DIGEST_SHA256,
    CN_DIGEST_SHA512,
    CN_DIGEST_SHA3_256,
    CN_DIGEST_BLAKE2B512,
    CN_DIGEST_XXH64,   /* 8 bytes, big-endian (canonical), seed 0 */
    CN_DIGEST_XXH3_64, /* likewise */
    CN_DIGEST_HMAC_SHA256,
    CN_DIGEST_KIND_COUNT
};

#define CN_DIGEST_MAX_SIZE 64

const char *cn_digest_name(enum cn_digest_kind kind); /* "sha3_256", the function's name */
size_t cn_digest_size(enum cn_digest_kind kind);      /* bytes */

/* A key of HMAC-SHA-256 as it is used (RFC 2104): the digest's states behind the key, padded in two
 * ways. It is as good as the key for making HMACs, but the key's own bytes cannot be had from it.
 */
struct cn_hmac_key {
    uint32_t inner[8];
    uint32_t outer[8];
};
/* Makes it from the key's own bytes, of which nothing is kept; false: OpenSSL failed. */
CN_NODISCARD bool cn_hmac_key_make(struct cn_hmac_key *key, struct cn_str bytes);

/* A context for one kind, reused for any number of texts; not thread-safe. `key` is for HMAC and
 * NULL for the others; it is copied, and the copy is cleansed when the context is freed. */
struct cn_digest;
enum cn_code cn_digest_new(struct cn_digest **digest, enum cn_digest_kind kind,
                           const struct cn_hmac_key *key, struct cn_error *error);
void cn_digest_free(struct cn_digest *digest);

/* HMAC-SHA-256 (RFC 2104) of one text. It needs no memory, so it fails only where OpenSSL is
 * broken: what tells who somebody is may not depend on whether there is memory. */
#define CN_HMAC_BYTES 32
bool cn_hmac_sha256(struct cn_str key, struct cn_str text, uint8_t out[CN_HMAC_BYTES]);

/* out[i * size ..] = digest of base[offsets[i] .. offsets[i + 1]), for i < n. Nothing outside of
 * base[offsets[0] .. offsets[n]) is read. The more rows, the less each takes: up to 1,024 are
 * sorted and digested together. */
enum cn_code cn_digest_rows(struct cn_digest *digest, const char *base, const size_t *offsets,
                            size_t n, uint8_t *out, struct cn_error *error);

/* One long text in pieces. */
enum cn_code cn_digest_begin(struct cn_digest *digest, struct cn_error *error);
enum cn_code cn_digest_update(struct cn_digest *digest, const void *data, size_t len,
                              struct cn_error *error);
enum cn_code cn_digest_end(struct cn_digest *digest, uint8_t *out, struct cn_error *error);

/* Lower-case hex, 2 * n bytes; standard base64 with padding, returns its length. */
void cn_hex_encode(const uint8_t *data, size_t n, char *out);
size_t cn_base64_encode(const uint8_t *data, size_t n, char *out);

#endif

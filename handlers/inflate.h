/*
 * inflate.h: gzip (RFC 1952) and zstd (RFC 8878) files, inflated piece by piece.
 *
 * What is fed in pieces of any size, cut anywhere, comes out in blocks of CN_INFLATE_BLOCK bytes,
 * the last one shorter; neither the blocks nor the outcome depend on the cuts. Several members or
 * frames may follow each other, as both formats allow; frames that are to be skipped give nothing.
 * Nothing is inflated twice: what comes out may be a packed file again.
 *
 * Memory is bounded whatever comes: one block, zlib's window of 32 KiB or zstd's of at most
 * 1 << window_log bytes.
 *
 * Errors: CN_INVALID_ENCODING for data that are broken, cut short or followed by something else,
 * with the byte of the packed data in the detail; CN_BODY_TOO_LARGE naming --max-body-bytes or
 * --max-inflate-ratio; CN_LIMIT_EXCEEDED naming --max-window-log. After an error nothing may be fed
 * any more.
 */
#ifndef CN_HANDLERS_INFLATE_H
#define CN_HANDLERS_INFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blocks.h"
#include "base/error.h"
#include "base/str.h"
#include "handlers/coding.h"

#define CN_INFLATE_BLOCK ((size_t)64 << 10)
/* So much may come out whatever the ratio: small tables of equal rows pack without end. */
#define CN_INFLATE_FREE_BYTES ((uint64_t)16 << 20)

struct cn_inflate_limits {
    uint64_t max_bytes;  /* that come out */
    uint64_t max_ratio;  /* of what has come out to what went in, beyond CN_INFLATE_FREE_BYTES */
    uint64_t window_log; /* of zstd: 10 to 31 */
};

/* Takes what came out. A failure ends the inflating with its code. */
struct cn_inflate_sink {
    enum cn_code (*take)(void *context, const char *data, size_t len, struct cn_error *error);
    void *context;
};

/* By the first bytes of a file: the coding, or CN_CODING_NONE. *undecided: there are too few of
 * them to say. No text begins as either does. */
#define CN_CODING_MAGIC 4
enum cn_coding cn_coding_sniff(struct cn_str text, bool *undecided);

struct cn_inflate;

enum cn_code cn_inflate_new(struct cn_inflate **result, enum cn_coding coding,
                            const struct cn_inflate_limits *limits, struct cn_blocks *blocks,
                            struct cn_error *error);
void cn_inflate_free(struct cn_inflate *inflater); /* may be NULL */

enum cn_code cn_inflate_feed(struct cn_inflate *inflater, const char *data, size_t len,
                             const struct cn_inflate_sink *sink, struct cn_error *error);
/* There is no more: hands on the last block, and checks that the last member was complete. */
enum cn_code cn_inflate_end(struct cn_inflate *inflater, const struct cn_inflate_sink *sink,
                            struct cn_error *error);

#endif

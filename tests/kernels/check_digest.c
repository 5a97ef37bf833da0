/*
 * Digests of rows against OpenSSL's and libxxhash's one-shot functions: every length, groups of
 * every size, ragged ones, a few long rows among short ones; texts against unmapped pages.
 */
#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "kernels/digest.h"
#include "kernels/table.h"
#include "tests/kernels/check.h"

#define MOST_ROWS 1100
#define MOST_BYTES ((size_t)1 << 20)
#define BENCH_ROWS 1024

static const char key[] = "a key of the check";

/* Rows back to back, as a block's. */
struct rows {
    const char *base;
    size_t offsets[MOST_ROWS + 1];
    size_t n;
};

struct work {
    struct cn_digest *digest;
    struct rows rows;
    uint8_t out[MOST_ROWS * CN_DIGEST_MAX_SIZE];
};

static void put_canonical(uint64_t value, uint8_t *out) {
    for (size_t i = 0; i < 8; i++)
        out[i] = (uint8_t)(value >> (56 - 8 * i));
}

static void expect(enum cn_digest_kind kind, const char *text, size_t len, uint8_t *out) {
    static const char *const names[] = {"MD5",    "SHA1",     "SHA256",
                                        "SHA512", "SHA3-256", "BLAKE2B-512"};
    int ok = 1;
    switch (kind) {
    case CN_DIGEST_XXH64:
        put_canonical(XXH64(text, len, 0), out);
        break;
    case CN_DIGEST_XXH3_64:
        put_canonical(XXH3_64bits(text, len), out);
        break;
    case CN_DIGEST_HMAC_SHA256:
        ok = HMAC(EVP_sha256(), key, sizeof key - 1, (const unsigned char *)text, len, out, NULL) !=
             NULL;
        break;
    default:
        ok = EVP_Q_digest(NULL, names[kind], NULL, text, len, out, NULL);
    }
    check_that(ok == 1, "the reference of %s fails", cn_digest_name(kind));
}

static struct cn_digest *make(enum cn_digest_kind kind) {
    struct cn_digest *digest = NULL;

    struct cn_hmac_key hmac;

    check_that(cn_hmac_key_make(&hmac, cn_str(key, sizeof key - 1)) &&
                   cn_digest_new(&digest, kind, &hmac, NULL) == CN_OK,
               "no context for %s", cn_digest_name(kind));
    return digest;
}

/* The rows' digests, written to memory that ends with the last one, against the reference. */
static void compare(enum cn_digest_kind kind, struct cn_digest *digest, const struct rows *rows,
                    const struct check_memory *memory, const char *what) {
    size_t size = cn_digest_size(kind);
    uint8_t *out = (uint8_t *)check_at_end(memory, rows->n * size);
    uint8_t expected[CN_DIGEST_MAX_SIZE];

    memset(out, 0xA5, rows->n * size);
    check_that(cn_digest_rows(digest, rows->base, rows->offsets, rows->n, out, NULL) == CN_OK,
               "%s fails", cn_digest_name(kind));
    for (size_t i = 0; i < rows->n; i++) {
        size_t len = rows->offsets[i + 1] - rows->offsets[i];
        expect(kind, rows->base + rows->offsets[i], len, expected);
        check_that(memcmp(out + i * size, expected, size) == 0,
                   "%s of %zu bytes, row %zu of %zu (%s)", cn_digest_name(kind), len, i, rows->n,
                   what);
    }
}

/* Gives the rows their lengths, and texts that end (or begin) at an unmapped page. */
static void place(struct rows *rows, size_t n, size_t (*length)(size_t row),
                  const struct check_memory *memory) {
    size_t shift = check_below(2) ? check_below(32) : 0;

    rows->n = n;
    rows->offsets[0] = shift;
    for (size_t i = 0; i < n; i++)
        rows->offsets[i + 1] = rows->offsets[i] + length(i);
    size_t bytes = rows->offsets[n] - shift;
    char *text = check_below(2) ? check_at_end(memory, bytes) : check_at_start(memory, 0);
    check_fill(text, bytes);
    rows->base = text - shift;
}

static size_t length_is_row(size_t row) {
    return row;
}

static size_t falling_length(size_t row) {
    return row < 300 ? 300 - row : 0;
}

static size_t short_length(size_t row) {
    (void)row;
    return check_below(56);
}

static size_t usual_length(size_t row) {
    (void)row;
    return check_below(8) == 0 ? 40 + check_below(100) : 25 + check_below(25);
}

static size_t ragged_length(size_t row) {
    (void)row;
    return check_below(64) == 0 ? check_below(9000) : check_below(301);
}

static size_t edge_length(size_t row) {
    static const size_t edges[] = {0, 55, 56, 63, 64, 65, 111, 112, 119, 120, 127, 128, 4086, 5000};
    (void)row;
    return edges[check_below(sizeof edges / sizeof edges[0])];
}

static void check_kind(enum cn_digest_kind kind, const struct check_memory *in,
                       const struct check_memory *out) {
    static const struct {
        const char *name;
        size_t (*length)(size_t row);
    } lengths[] = {{"short", short_length},
                   {"usual", usual_length},
                   {"ragged", ragged_length},
                   {"edges", edge_length}};
    static struct rows rows;
    struct cn_digest *digest = make(kind);

    place(&rows, 301, length_is_row, in);
    compare(kind, digest, &rows, out, "rising");
    place(&rows, 301, falling_length, in);
    compare(kind, digest, &rows, out, "falling");
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        for (size_t n = 0; n <= 80; n++) {
            place(&rows, n, lengths[i].length, in);
            compare(kind, digest, &rows, out, lengths[i].name);
        }
        for (size_t n = 1022; n <= 1026; n++) {
            place(&rows, n, lengths[i].length, in);
            compare(kind, digest, &rows, out, lengths[i].name);
        }
    }
    /* One row alone. */
    for (size_t len = 0; len <= 300; len++) {
        rows.base = check_at_end(in, len);
        rows.offsets[0] = 0;
        rows.offsets[1] = len;
        rows.n = 1;
        check_fill(check_at_end(in, len), len);
        compare(kind, digest, &rows, out, "alone");
    }
    cn_digest_free(digest);
}

/* ---- time ---------------------------------------------------------------------------------- */

static void digest(void *context) {
    struct work *work = context;

    cn_digest_rows(work->digest, work->rows.base, work->rows.offsets, work->rows.n, work->out,
                   NULL);
}

static size_t timed_length;
static size_t length_of_all(size_t row) {
    (void)row;
    return timed_length;
}

/* What the level has for this kind; the functions of libraries are the same at every level. */
static void (*kernel_of(enum cn_digest_kind kind))(void) {
    switch (kind) {
    case CN_DIGEST_MD5:
        return (void (*)(void))cn_kernels.md5_rows;
    case CN_DIGEST_SHA1:
        return (void (*)(void))cn_kernels.sha1_rows;
    case CN_DIGEST_SHA256:
    case CN_DIGEST_HMAC_SHA256:
        return (void (*)(void))cn_kernels.sha256_rows;
    case CN_DIGEST_SHA512:
        return (void (*)(void))cn_kernels.sha512_rows;
    default:
        return NULL;
    }
}

static void time_kind(enum cn_digest_kind kind, const struct check_memory *in) {
    static const size_t lengths[] = {10, 39, 60, 200};
    static char names[CN_DIGEST_KIND_COUNT][5][32];
    static struct work work;

    work.digest = make(kind);
    for (size_t i = 0; i < 4; i++) {
        timed_length = lengths[i];
        place(&work.rows, BENCH_ROWS, length_of_all, in);
        snprintf(names[kind][i], sizeof names[kind][i], "%s, %zu bytes", cn_digest_name(kind),
                 lengths[i]);
        check_time(names[kind][i], kernel_of(kind), "row", BENCH_ROWS, digest, &work);
    }
    place(&work.rows, BENCH_ROWS, usual_length, in);
    snprintf(names[kind][4], sizeof names[kind][4], "%s, ragged", cn_digest_name(kind));
    check_time(names[kind][4], kernel_of(kind), "row", BENCH_ROWS, digest, &work);
    cn_digest_free(work.digest);
}

void check_digest(void) {
    struct check_memory in = check_memory_new(MOST_BYTES);
    struct check_memory out = check_memory_new((size_t)MOST_ROWS * CN_DIGEST_MAX_SIZE);

    for (int kind = 0; kind < CN_DIGEST_KIND_COUNT; kind++)
        check_kind((enum cn_digest_kind)kind, &in, &out);
    for (int kind = 0; kind < CN_DIGEST_KIND_COUNT; kind++)
        time_kind((enum cn_digest_kind)kind, &in);
    check_memory_free(&in);
    check_memory_free(&out);
}

/*
 * digest_sha256_sha.c: SHA-256 of two rows at once with the SHA extensions; the two chains hide
 * each other's latency. The instructions want the state as two vectors, ABEF and CDGH (from the
 * highest word down), and do two rounds each: Intel, "Intel SHA Extensions", 2013.
 */
#include <immintrin.h>

#include "kernels/table.h"

#define WORD uint32_t
#define CUT_BYTES 32
#include "kernels/digest_cut.h"
#include "kernels/digest_sha256_table.h"

#define PAIR 2
#define INLINE static inline __attribute__((always_inline))

struct chain {
    __m128i abef, cdgh;
    __m128i w[4]; /* the sixteen words of the schedule that are in use */
};

/* One row: where it is, its block that is being digested, its state. */
struct row {
    _Alignas(32) uint8_t bytes[BLOCK];
    uint32_t state[8];
    size_t index, at, len, blocks;
    uint32_t bits; /* the length; 0 unless this is the last block */
};

INLINE __m128i swap_words(__m128i x) {
    return _mm_shuffle_epi8(x, _mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12));
}

INLINE void load(struct chain *chain, const struct row *row) {
    const __m128i *state = (const __m128i *)row->state;
    __m128i abcd = _mm_loadu_si128(state), efgh = _mm_loadu_si128(state + 1);

    chain->abef = _mm_shuffle_epi32(_mm_unpacklo_epi64(efgh, abcd), 0xB1);
    chain->cdgh = _mm_shuffle_epi32(_mm_unpackhi_epi64(efgh, abcd), 0xB1);
    for (size_t i = 0; i < 4; i++)
        chain->w[i] = swap_words(_mm_load_si128((const __m128i *)row->bytes + i));
    chain->w[3] = _mm_or_si128(chain->w[3], _mm_slli_si128(_mm_cvtsi32_si128((int)row->bits), 12));
}

INLINE void store(const struct chain *chain, struct row *row) {
    __m128i feba = _mm_shuffle_epi32(chain->abef, 0xB1);
    __m128i hgdc = _mm_shuffle_epi32(chain->cdgh, 0xB1);
    __m128i abcd = _mm_unpackhi_epi64(feba, hgdc), efgh = _mm_unpacklo_epi64(feba, hgdc);
    __m128i *state = (__m128i *)row->state;

    _mm_storeu_si128(state, _mm_add_epi32(_mm_loadu_si128(state), abcd));
    _mm_storeu_si128(state + 1, _mm_add_epi32(_mm_loadu_si128(state + 1), efgh));
}

/* Rounds 4 * i to 4 * i + 3, behind the words that they need. */
INLINE void four_rounds(struct chain *chain, size_t i) {
    __m128i *w = chain->w;

    if (i >= 4) {
        __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w[i % 4], w[(i + 1) % 4]),
                                    _mm_alignr_epi8(w[(i + 3) % 4], w[(i + 2) % 4], 4));
        w[i % 4] = _mm_sha256msg2_epu32(sum, w[(i + 3) % 4]);
    }
    __m128i sum =
        _mm_add_epi32(w[i % 4], _mm_loadu_si128((const __m128i *)(cn_sha256_constants + 4 * i)));
    chain->cdgh = _mm_sha256rnds2_epu32(chain->cdgh, chain->abef, sum);
    chain->abef = _mm_sha256rnds2_epu32(chain->abef, chain->cdgh, _mm_shuffle_epi32(sum, 0x0E));
}

#define BOTH(i)                                                                                    \
    four_rounds(&first, i);                                                                        \
    four_rounds(&second, i);
#define FOUR(i) BOTH(i) BOTH(i + 1) BOTH(i + 2) BOTH(i + 3)

/* The SHA extensions are no AVX instructions: behind one that has written the upper half of a
 * vector each of them costs Intel's CPUs some hundred cycles. Hence a function of its own, which
 * begins with none written. */
static __attribute__((noinline)) void compress(struct row rows[PAIR]) {
    struct chain first, second;

    _mm256_zeroupper();
    load(&first, &rows[0]);
    load(&second, &rows[1]);
    FOUR(0)
    FOUR(4)
    FOUR(8)
    FOUR(12)
    store(&first, &rows[0]);
    store(&second, &rows[1]);
}

static void begin_row(struct row *row, const struct cn_digest_batch *batch, size_t i) {
    row->index = batch->order ? batch->order[i] : i;
    row->at = batch->offsets[row->index];
    row->len = batch->offsets[row->index + 1] - row->at;
    row->blocks = cn_digest_blocks(row->len, sizeof(WORD));
    memcpy(row->state, batch->state, sizeof row->state);
}

static void load_block(struct row *row, const struct cn_digest_batch *batch, size_t block) {
    size_t done = block * BLOCK;

    cut_block(batch, row->at + done, (ptrdiff_t)row->len - (ptrdiff_t)done, row->bytes);
    row->bits = block + 1 == row->blocks ? (uint32_t)(row->len + batch->before) * 8 : 0;
}

static void write_digest(const struct row *row, const struct cn_digest_batch *batch) {
    const __m128i *state = (const __m128i *)row->state;
    __m128i *out = (__m128i *)(batch->out + row->index * sizeof row->state);

    _mm_storeu_si128(out, swap_words(_mm_loadu_si128(state)));
    _mm_storeu_si128(out + 1, swap_words(_mm_loadu_si128(state + 1)));
}

void cn_sha256_rows_sha(const struct cn_digest_batch *batch) {
    struct row rows[PAIR];
    uint32_t ended[8];

    for (size_t first = 0; first < batch->n; first += PAIR) {
        size_t n = batch->n - first < PAIR ? 1 : PAIR;
        for (size_t i = 0; i < PAIR; i++)
            begin_row(&rows[i], batch, first + (i < n ? i : 0));
        /* They are sorted: the second one has at least as many blocks as the first. */
        for (size_t block = 0; block < rows[1].blocks; block++) {
            for (size_t i = 0; i < PAIR; i++)
                load_block(&rows[i], batch, block);
            compress(rows);
            if (block + 1 == rows[0].blocks)
                memcpy(ended, rows[0].state, sizeof ended);
        }
        memcpy(rows[0].state, ended, sizeof ended);
        for (size_t i = 0; i < n; i++)
            write_digest(&rows[i], batch);
    }
}

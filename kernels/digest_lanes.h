/*
 * digest_lanes.h: one row a lane. Included by the file of one kernel at one level, which defines
 *
 *     WORD         the type of the digest's words: uint32_t or uint64_t
 *     VECTOR       the bytes of a vector: 16, 32 or 64
 *     GROUPS       vectors whose rows are digested together, to hide the latency of one chain
 *     STATE        words of the state, all of which make the digest
 *     SWAP(x)      the bytes of each word reversed, for digests that are big-endian; else x
 *     LENGTH_WORD  the word of the last block that takes the length in bits (it stays below 2^32)
 *     compress()   one block of each row
 *     KERNEL       the function's name
 *
 * Vectors are the compiler's (GCC's vector extensions), so that this holds no instruction set.
 */
#define CUT_BYTES VECTOR
#include "kernels/digest_cut.h"

#define LANES (VECTOR / sizeof(WORD))
#define ROWS (LANES * GROUPS)
#define SPAN (16 / sizeof(WORD)) /* words of 128 bits */

typedef WORD lanes __attribute__((vector_size(VECTOR)));
/* For shuffles, vectors are seen as 32-bit words. */
typedef uint32_t vector __attribute__((vector_size(VECTOR)));
typedef uint32_t quarter __attribute__((vector_size(16)));

/* Within every 128 bits: the lower, the upper halves of two vectors by turns. */
#if VECTOR == 16
#define LOW_WORDS(x, y) __builtin_shufflevector(x, y, 0, 4, 1, 5)
#define HIGH_WORDS(x, y) __builtin_shufflevector(x, y, 2, 6, 3, 7)
#define LOW_PAIRS(x, y) __builtin_shufflevector(x, y, 0, 1, 4, 5)
#define HIGH_PAIRS(x, y) __builtin_shufflevector(x, y, 2, 3, 6, 7)
#define LOAD_QUARTERS(from, step) load_quarter(from)
#elif VECTOR == 32
#define LOAD_QUARTERS(from, step) load_half(from, step)
#define LOW_WORDS(x, y) __builtin_shufflevector(x, y, 0, 8, 1, 9, 4, 12, 5, 13)
#define HIGH_WORDS(x, y) __builtin_shufflevector(x, y, 2, 10, 3, 11, 6, 14, 7, 15)
#define LOW_PAIRS(x, y) __builtin_shufflevector(x, y, 0, 1, 8, 9, 4, 5, 12, 13)
#define HIGH_PAIRS(x, y) __builtin_shufflevector(x, y, 2, 3, 10, 11, 6, 7, 14, 15)
#else
#define LOAD_QUARTERS(from, step)                                                                  \
    __builtin_shufflevector(load_half(from, step), load_half((from) + 2 * (step), step), 0, 1, 2,  \
                            3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
#define LOW_WORDS(x, y)                                                                            \
    __builtin_shufflevector(x, y, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define HIGH_WORDS(x, y)                                                                           \
    __builtin_shufflevector(x, y, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define LOW_PAIRS(x, y)                                                                            \
    __builtin_shufflevector(x, y, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define HIGH_PAIRS(x, y)                                                                           \
    __builtin_shufflevector(x, y, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#endif

static inline quarter load_quarter(const uint8_t *from) {
    quarter x;
    memcpy(&x, from, sizeof x);
    return x;
}

#if VECTOR > 16
typedef uint32_t half __attribute__((vector_size(32)));
static inline half load_half(const uint8_t *from, size_t step) {
    return __builtin_shufflevector(load_quarter(from), load_quarter(from + step), 0, 1, 2, 3, 4, 5,
                                   6, 7);
}
#endif

/* Keeps the compiler from adding x's terms in another order than that in which they become known.
 */
#ifdef __x86_64__
#define SETTLE(x) __asm__("" : "+v"(x))
#else
#define SETTLE(x) (void)0
#endif

/* The same pointer, of which the compiler does not know where it points: it then loads constants
 * from there, in one instruction, and does not build them in registers. */
static inline const WORD *hide(const WORD *table) {
    __asm__("" : "+r"(table));
    return table;
}

/* The block that is being digested, of every row. */
struct run {
    _Alignas(64) uint8_t bytes[ROWS][BLOCK];
    _Alignas(64) WORD bits[ROWS];   /* the row's length; 0 unless this is its last block */
    _Alignas(64) WORD active[ROWS]; /* all ones while the row lasts */
    lanes words[GROUPS][WORDS];
    lanes state[GROUPS][STATE];
    size_t row[ROWS];
    size_t at[ROWS]; /* where the row begins, behind the batch's base */
    size_t len[ROWS];
};

static void compress(lanes state[GROUPS][STATE], lanes words[GROUPS][WORDS]);

/* SPAN vectors: within every 128 bits, rows become columns. */
static inline __attribute__((always_inline)) void transpose(lanes *x) {
    vector x0 = (vector)x[0], x1 = (vector)x[1];
    if (SPAN == 2) {
        x[0] = (lanes)LOW_PAIRS(x0, x1);
        x[1] = (lanes)HIGH_PAIRS(x0, x1);
        return;
    }
    vector x2 = (vector)x[SPAN - 2], x3 = (vector)x[SPAN - 1];
    vector a = LOW_WORDS(x0, x1), b = HIGH_WORDS(x0, x1);
    vector c = LOW_WORDS(x2, x3), d = HIGH_WORDS(x2, x3);
    x[0] = (lanes)LOW_PAIRS(a, c);
    x[1] = (lanes)HIGH_PAIRS(a, c);
    x[SPAN - 2] = (lanes)LOW_PAIRS(b, d);
    x[SPAN - 1] = (lanes)HIGH_PAIRS(b, d);
}

/* Words of all rows, lane by lane. */
static inline void load_words(struct run *run) {
    for (size_t group = 0; group < GROUPS; group++) {
        lanes *words = run->words[group];
        for (size_t i = 0; i < WORDS; i += SPAN) {
            for (size_t j = 0; j < SPAN; j++)
                words[i + j] = (lanes)LOAD_QUARTERS(
                    run->bytes[group * LANES + j] + sizeof(WORD) * i, SPAN * BLOCK);
            transpose(words + i);
        }
        for (size_t i = 0; i < WORDS; i++)
            words[i] = SWAP(words[i]);
        lanes bits;
        memcpy(&bits, run->bits + group * LANES, sizeof bits);
        words[LENGTH_WORD] |= bits;
    }
}

static void choose_rows(struct run *run, const struct cn_digest_batch *batch, size_t first) {
    for (size_t lane = 0; lane < ROWS; lane++) {
        size_t i = first + lane < batch->n ? first + lane : batch->n - 1;
        size_t row = batch->order ? batch->order[i] : i;
        run->row[lane] = row;
        run->at[lane] = batch->offsets[row];
        run->len[lane] = batch->offsets[row + 1] - batch->offsets[row];
        run->bits[lane] = (WORD)(run->len[lane] + batch->before) * 8;
    }
    WORD state[STATE];
    memcpy(state, batch->state, sizeof state);
    for (size_t group = 0; group < GROUPS; group++)
        for (size_t i = 0; i < STATE; i++)
            run->state[group][i] = state[i] - (lanes){0};
}

/* Rows of more than one block: lanes whose row has ended keep their state. */
static void digest_blocks(struct run *run, const struct cn_digest_batch *batch, size_t blocks) {
    for (size_t block = 0; block < blocks; block++) {
        lanes before[GROUPS][STATE];
        for (size_t lane = 0; lane < ROWS; lane++) {
            size_t own = cn_digest_blocks(run->len[lane], sizeof(WORD)), done = block * BLOCK;
            cut_block(batch, run->at[lane] + done, (ptrdiff_t)run->len[lane] - (ptrdiff_t)done,
                      run->bytes[lane]);
            run->active[lane] = block < own ? (WORD)-1 : 0;
            run->bits[lane] = block + 1 == own ? (WORD)(run->len[lane] + batch->before) * 8 : 0;
        }
        load_words(run);
        memcpy(before, run->state, sizeof before);
        compress(run->state, run->words);
        for (size_t group = 0; group < GROUPS; group++) {
            lanes active;
            memcpy(&active, run->active + group * LANES, sizeof active);
            for (size_t i = 0; i < STATE; i++)
                run->state[group][i] =
                    (run->state[group][i] & active) | (before[group][i] & ~active);
        }
    }
}

/* The digest of each row, 128 bits at a time; what remains (SHA-1's fifth word) word by word. */
static inline void write_digests(struct run *run, size_t n, uint8_t *out) {
    const size_t whole = STATE / SPAN * SPAN;
    for (size_t group = 0; group < GROUPS; group++) {
        lanes *state = run->state[group];
        for (size_t i = 0; i < STATE; i++)
            state[i] = SWAP(state[i]);
        for (size_t i = 0; i < whole; i += SPAN)
            transpose(state + i);
    }
    for (size_t lane = 0; lane < n; lane++) {
        const lanes *state = run->state[lane / LANES];
        size_t in_group = lane % LANES;
        uint8_t *to = out + run->row[lane] * STATE * sizeof(WORD);
        for (size_t i = 0; i < whole; i += SPAN)
            memcpy(to + sizeof(WORD) * i,
                   (const char *)&state[i + in_group % SPAN] + in_group / SPAN * 16, 16);
        for (size_t i = whole; i < STATE; i++)
            memcpy(to + sizeof(WORD) * i, (const char *)&state[i] + sizeof(WORD) * in_group,
                   sizeof(WORD));
    }
}

void KERNEL(const struct cn_digest_batch *batch) {
    struct run run;

    for (size_t first = 0; first < batch->n; first += ROWS) {
        size_t n = batch->n - first < ROWS ? batch->n - first : ROWS;
        choose_rows(&run, batch, first);
        size_t blocks =
            cn_digest_blocks(run.len[ROWS - 1], sizeof(WORD)); /* the most, for they are sorted */
        if (blocks == 1) {
            for (size_t lane = 0; lane < ROWS; lane++)
                cut_block(batch, run.at[lane], (ptrdiff_t)run.len[lane], run.bytes[lane]);
            load_words(&run);
            compress(run.state, run.words);
        } else {
            digest_blocks(&run, batch, blocks);
        }
        write_digests(&run, n, batch->out);
    }
}

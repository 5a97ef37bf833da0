/*
 * text_marks.c: the portable variant, eight bytes a word.
 */
#include "kernels/text_marks.h"

#include "kernels/table.h"

#define EVERY UINT64_C(0x0101010101010101)
#define LOW_BITS (EVERY * 0x7F)
#define HIGH_BITS (EVERY * 0x80)

/* Eight bytes, the first in the lowest bits. */
static inline uint64_t load8(const char *text) {
    uint64_t word;
    __builtin_memcpy(&word, text, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* The byte in every place of a word. */
static inline uint64_t repeat(char byte) {
    return EVERY * (unsigned char)byte;
}

/* The top bit of every byte of `word` that equals that of `pattern`; exact in every place. */
static inline uint64_t match(uint64_t word, uint64_t pattern) {
    uint64_t differs = word ^ pattern;
    return ~(((differs & LOW_BITS) + LOW_BITS) | differs | LOW_BITS);
}

/* The top bits of eight bytes, as the low eight bits. The products 2^(8i) * 2^(56-7j) of the
 * multiplication are all different, so nothing carries; those with i = j are the result. */
static inline uint64_t gather(uint64_t marks) {
    return ((marks >> 7) * UINT64_C(0x0102040810204080)) >> 56;
}

struct comparer {
    uint64_t delimiters;
    uint64_t odd; /* not 0: a byte was not plain */
};

static inline struct comparer comparer_new(char delimiter) {
    return (struct comparer){repeat(delimiter), 0};
}

/* Top bits, one set at least if a byte is NUL or beyond ASCII. */
static inline uint64_t odd_bytes(uint64_t word) {
    return ((word - EVERY) | word) & HIGH_BITS;
}

static inline bool comparer_is_plain(const struct comparer *comparer) {
    return comparer->odd == 0;
}

static inline struct cn_text_chunk compare_all(struct comparer *comparer, const char *text) {
    struct cn_text_chunk chunk = {0};

    for (unsigned i = 0; i < 8; i++) {
        uint64_t word = load8(text + 8 * i);
        comparer->odd |= odd_bytes(word);
        chunk.delimiters |= gather(match(word, comparer->delimiters)) << (8 * i);
        chunk.quotes |= gather(match(word, repeat('"'))) << (8 * i);
        chunk.feeds |= gather(match(word, repeat('\n'))) << (8 * i);
        chunk.returns |= gather(match(word, repeat('\r'))) << (8 * i);
    }
    return chunk;
}

static inline bool compare_plain(struct comparer *comparer, const char *text,
                                 struct cn_text_chunk *chunk) {
    uint64_t others = 0;

    *chunk = (struct cn_text_chunk){0};
    for (unsigned i = 0; i < 8; i++) {
        uint64_t word = load8(text + 8 * i);
        comparer->odd |= odd_bytes(word);
        others |= match(word, repeat('"')) | match(word, repeat('\r'));
        chunk->delimiters |= gather(match(word, comparer->delimiters)) << (8 * i);
        chunk->feeds |= gather(match(word, repeat('\n'))) << (8 * i);
    }
    return others != 0;
}

static inline uint64_t parity(uint64_t bits) {
    return bits ? cn_bits_parity(bits) : 0;
}

static inline size_t count_bits(uint64_t bits) {
    return cn_bits_count(bits);
}

static inline uint32_t *put_offsets(uint32_t *out, uint32_t base, uint64_t bits) {
    for (; bits; bits &= bits - 1)
        *out++ = base + (uint32_t)__builtin_ctzll(bits);
    return out;
}

#include "kernels/text_marks_loop.h"

void cn_text_chunks_scalar(const char *text, size_t len, char delimiter,
                           struct cn_text_chunk *chunks) {
    make_chunks(text, len, delimiter, chunks);
}

void cn_text_marks_find_scalar(const char *text, size_t len, char delimiter,
                               struct cn_text_marks *marks) {
    find_marks(text, len, delimiter, marks);
}

size_t cn_text_count_scalar(const char *text, size_t len, char byte) {
    const uint64_t pattern = repeat(byte);
    size_t i = 0, count = 0;

    while (len - i >= 8) {
        /* Each byte of `counts` grows by one at most a word. */
        uint64_t counts = 0;
        for (unsigned words = 0; words < 31 && len - i >= 8; words++, i += 8)
            counts += match(load8(text + i), pattern) >> 7;
        count += (counts * EVERY) >> 56;
    }
    for (; i < len; i++)
        count += text[i] == byte;
    return count;
}

void cn_text_spans_scalar(const struct cn_text_table *table) {
    for (size_t c = 0; c < table->columns; c++) {
        struct cn_text_span *spans = table->spans + c * table->stride;
        const uint32_t *mark = table->marks + c;
        for (size_t r = 0; r < table->rows; r++, mark += table->columns) {
            uint32_t start = mark[-1] + 1;
            spans[r] = (struct cn_text_span){table->text + start, mark[0] - start, 0};
        }
    }
}

void cn_text_chunks(const char *text, size_t len, char delimiter, struct cn_text_chunk *chunks) {
    cn_kernels.text_chunks(text, len, delimiter, chunks);
}

void cn_text_marks_find(const char *text, size_t len, char delimiter, struct cn_text_marks *marks) {
    cn_kernels.text_marks_find(text, len, delimiter, marks);
}

size_t cn_text_count(const char *text, size_t len, char byte) {
    return cn_kernels.text_count(text, len, byte);
}

void cn_text_spans(const struct cn_text_table *table) {
    cn_kernels.text_spans(table);
}

/*
 * csv_cut.c: where a text may be cut.
 *
 * A quote toggles "inside quotes": a doubled one toggles twice, and a stray one is a fault that
 * the reader reports from the record that holds it, whatever is cut behind it. So the state of 64
 * bytes is the running parity of their quote bits (simdjson: Langdale and Lemire, "Parsing
 * gigabytes of JSON per second", 2019).
 */
#include "columns/csv.h"

#include "columns/csv_scan.h"

void cn_csv_cutter_init(struct cn_csv_cutter *cutter, size_t rows_per_cut, bool one_column) {
    *cutter = (struct cn_csv_cutter){
        .rows_per_cut = rows_per_cut, .one_column = one_column, .line_empty = true};
}

/* Bit i: the number of bits set in 0..i is odd. */
static uint64_t running_parity(uint64_t bits) {
    for (unsigned shift = 1; shift < 64; shift *= 2)
        bits ^= bits << shift;
    return bits;
}

/* One bit a byte for 64 bytes. */
struct chunk_bits {
    uint64_t quotes;
    uint64_t feeds;
    uint64_t returns; /* only when asked for */
};

static inline struct chunk_bits load_bits(const char *text, size_t left, bool with_returns) {
    struct chunk_bits bits = {0};
    char copy[64];
    const char *chunk = cn_csv_chunk(text, left, copy);

    for (unsigned i = 0; i < 8; i++) {
        uint64_t word = cn_csv_load8(chunk + 8 * i);
        bits.quotes |= cn_csv_gather(cn_csv_match(word, cn_csv_repeat('"'))) << (8 * i);
        bits.feeds |= cn_csv_gather(cn_csv_match(word, cn_csv_repeat('\n'))) << (8 * i);
        if (with_returns)
            bits.returns |= cn_csv_gather(cn_csv_match(word, cn_csv_repeat('\r'))) << (8 * i);
    }
    return bits;
}

/* The line ends outside quotes; the cutter's state moves behind the 64 bytes. */
static inline uint64_t record_ends(struct cn_csv_cutter *cutter, const struct chunk_bits *bits) {
    uint64_t inside = running_parity(bits->quotes) ^ (cutter->quoted ? UINT64_MAX : 0);

    cutter->quoted = inside >> 63;
    return bits->feeds & ~inside;
}

static size_t scan_any(struct cn_csv_cutter *cutter, const char *data, size_t from, size_t len) {
    size_t cut = 0;

    if (!cutter->quoted && !memchr(data + from, '"', len - from)) {
        const char *feed = memrchr(data + from, '\n', len - from);
        return feed ? (size_t)(feed - data) + 1 : 0;
    }
    for (size_t at = from; at < len; at += 64) {
        struct chunk_bits bits = load_bits(data + at, len - at, false);
        uint64_t ends = record_ends(cutter, &bits);
        if (ends)
            cut = at + 64 - (size_t)__builtin_clzll(ends);
    }
    return cut;
}

/* The position of the nth bit set (from 0); there is one. */
static unsigned nth_bit(uint64_t bits, size_t n) {
    while (n-- > 0)
        bits &= bits - 1;
    return (unsigned)__builtin_ctzll(bits);
}

/*
 * Of `ends`, those that end a row. An empty line has its line end right behind another, or with
 * only a CR between. (No quote can stand between these bytes, so the line end before is one
 * outside quotes.) The two bytes before the chunk are known from the cutter's state.
 */
static uint64_t row_ends(const struct cn_csv_cutter *cutter, const struct chunk_bits *bits,
                         uint64_t ends) {
    if (cutter->one_column)
        return ends;
    uint64_t fresh = cutter->line_empty && !cutter->line_cr;
    uint64_t cr = cutter->line_empty && cutter->line_cr;
    uint64_t behind_feed = bits->feeds << 1 | fresh;
    uint64_t behind_return = bits->returns << 1 | cr;
    uint64_t second_behind_feed = bits->feeds << 2 | fresh << 1 | cr;
    return ends & ~(behind_feed | (behind_return & second_behind_feed));
}

/* Remembers whether the line so far is empty, from the last bytes of data[from .. len), the state
 * before them and whether they are outside quotes. */
static void remember_line(struct cn_csv_cutter *cutter, const char *data, size_t from, size_t len) {
    size_t n = len - from;

    if (n == 0)
        return;
    char last = data[len - 1];
    bool was_fresh = n == 1 ? cutter->line_empty && !cutter->line_cr : data[len - 2] == '\n';
    cutter->line_empty = !cutter->quoted && (last == '\n' || (last == '\r' && was_fresh));
    cutter->line_cr = last == '\r';
}

static size_t scan_counting(struct cn_csv_cutter *cutter, const char *data, size_t from, size_t len,
                            size_t *scanned) {
    for (size_t at = from; at < len; at += 64) {
        size_t left = len - at;
        size_t stop = at + (left < 64 ? left : 64);
        struct chunk_bits bits = load_bits(data + at, left, true);
        uint64_t ends = row_ends(cutter, &bits, record_ends(cutter, &bits));
        size_t found = (size_t)__builtin_popcountll(ends);
        size_t wanted = cutter->rows_per_cut - cutter->rows;
        if (found >= wanted) {
            size_t cut = at + nth_bit(ends, wanted - 1) + 1;
            cutter->rows = 0;
            cutter->quoted = false;
            cutter->line_empty = true;
            cutter->line_cr = false;
            *scanned = cut;
            return cut;
        }
        cutter->rows += found;
        remember_line(cutter, data, at, stop);
    }
    *scanned = len;
    return 0;
}

size_t cn_csv_cutter_scan(struct cn_csv_cutter *cutter, const char *data, size_t from, size_t len,
                          size_t *scanned) {
    if (cutter->rows_per_cut > 0)
        return scan_counting(cutter, data, from, len, scanned);
    *scanned = len;
    return from < len ? scan_any(cutter, data, from, len) : 0;
}

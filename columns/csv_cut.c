/*
 * csv_cut.c: where a text may be cut.
 *
 * A quote toggles "inside quotes": a doubled one toggles twice, and a stray one is a fault that
 * the reader reports from the record that holds it, whatever is cut behind it. So what is inside
 * quotes follows from the parity of the quotes before it, or from that of all and of those behind.
 */
#include "columns/csv.h"

#include "kernels/text_marks.h"

void cn_csv_cutter_init(struct cn_csv_cutter *cutter, size_t rows_per_cut, bool one_column) {
    *cutter = (struct cn_csv_cutter){
        .rows_per_cut = rows_per_cut, .one_column = one_column, .line_empty = true};
}

/* The bits inside quotes of a chunk that begins inside quotes, or not. */
static inline uint64_t bits_inside(const struct cn_text_chunk *chunk, bool quoted) {
    uint64_t before = quoted ? UINT64_MAX : 0;

    return chunk->quotes ? cn_bits_parity(chunk->quotes) ^ before : before;
}

/* The last record end in data[from .. len), looked for from the end, where `quoted` holds. */
static size_t find_last_end(const char *data, size_t from, size_t len, bool quoted) {
    for (size_t to = len, at; to > from; to = at) {
        struct cn_text_chunk chunk;
        at = to - from > 64 ? to - 64 : from;
        cn_text_chunks(data + at, to - at, 0, &chunk);
        quoted ^= cn_bits_parity(chunk.quotes) >> 63; /* where the chunk begins */
        uint64_t ends = chunk.feeds & ~bits_inside(&chunk, quoted);
        if (ends)
            return at + 64 - (size_t)__builtin_clzll(ends);
    }
    return 0;
}

static size_t scan_any(struct cn_csv_cutter *cutter, const char *data, size_t from, size_t len) {
    const char *quote = memchr(data + from, '"', len - from);

    if (!quote && cutter->quoted)
        return 0; /* all of it is inside quotes */
    if (!quote) {
        const char *feed = memrchr(data + from, '\n', len - from);
        return feed ? (size_t)(feed - data) + 1 : 0;
    }
    size_t quotes = cn_text_count(quote, (size_t)(data + len - quote), '"');
    cutter->quoted ^= quotes & 1;
    return find_last_end(data, from, len, cutter->quoted);
}

/* ---- counted rows ------------------------------------------------------------------------- */

#define CHUNKS 64 /* are compared at once */

/* What the bytes before a chunk mean for it. */
struct before {
    bool quoted;    /* inside quotes */
    uint64_t fresh; /* 1: the line begins here */
    uint64_t cr;    /* 1: it began one byte ago, and that was a CR */
};

/*
 * The ends of rows in a chunk; what is before moves behind it. An empty line has its line end right
 * behind another, or with only a CR between. (No quote can stand between these bytes, so the line
 * end before is one outside quotes.)
 */
static inline uint64_t row_ends(struct before *before, const struct cn_text_chunk *chunk,
                                bool one_column) {
    uint64_t inside = bits_inside(chunk, before->quoted);
    uint64_t ends = chunk->feeds & ~inside;
    uint64_t behind_feed = chunk->feeds << 1 | before->fresh;
    uint64_t behind_return = chunk->returns << 1 | before->cr;
    uint64_t second_behind_feed = chunk->feeds << 2 | before->fresh << 1 | before->cr;
    uint64_t empty = behind_feed | (behind_return & second_behind_feed);

    before->quoted = inside >> 63;
    before->fresh = ends >> 63;
    before->cr = (chunk->returns & behind_feed & ~inside) >> 63;
    return one_column ? ends : ends & ~empty;
}

/* The position of the nth bit set (from 0); there is one. */
static unsigned nth_bit(uint64_t bits, size_t n) {
    while (n-- > 0)
        bits &= bits - 1;
    return (unsigned)__builtin_ctzll(bits);
}

static size_t finish_cut(struct cn_csv_cutter *cutter, size_t cut, size_t *scanned) {
    cutter->rows = 0;
    cutter->quoted = false;
    cutter->line_empty = true;
    cutter->line_cr = false;
    *scanned = cut;
    return cut;
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
    struct before before = {cutter->quoted, cutter->line_empty && !cutter->line_cr,
                            cutter->line_empty && cutter->line_cr};
    struct cn_text_chunk chunks[CHUNKS];
    size_t wanted = cutter->rows_per_cut - cutter->rows;

    for (size_t at = from; at < len;) {
        size_t part = len - at < 64 * CHUNKS ? len - at : 64 * CHUNKS;
        cn_text_chunks(data + at, part, 0, chunks);
        for (size_t i = 0; i * 64 < part; i++) {
            uint64_t ends = row_ends(&before, &chunks[i], cutter->one_column);
            size_t found = cn_bits_count(ends);
            if (found >= wanted)
                return finish_cut(cutter, at + 64 * i + nth_bit(ends, wanted - 1) + 1, scanned);
            wanted -= found;
        }
        at += part;
    }
    cutter->rows = cutter->rows_per_cut - wanted;
    cutter->quoted = before.quoted;
    remember_line(cutter, data, from, len);
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

/*
 * text_marks_loop.h: the loops of text_marks.h, written once; each variant is a file that defines
 * what 64 bytes are and includes this one. Private to text_marks*.c.
 *
 * A variant defines, before it includes this:
 *   struct comparer, comparer_new(delimiter)    what is compared with, and the plainness so far
 *   compare_all(&comparer, text)                the chunk of 64 bytes
 *   compare_plain(&comparer, text, &chunk)      only delimiters and feeds; true: there are others
 *   comparer_is_plain(&comparer)
 *   parity(bits)                                cn_bits_parity()
 *   count_bits(bits)
 *   put_offsets(out, base, bits)                base + offset of each bit set; returns behind the
 *                                               last one; may write CN_TEXT_MARKS_SLACK - 64 more
 */
#include <string.h>

#define CHUNK 64

/* Asks for what comes soon: the marks that are written keep the processor from seeing far ahead by
 * itself. Nothing is read by it, so it may lie behind the end. */
static inline void look_ahead(const char *text) {
    __builtin_prefetch((const void *)((uintptr_t)text + 1024));
}

/* The chunk at text, of which `left` bytes exist. */
static inline struct cn_text_chunk compare_some(struct comparer *comparer, const char *text,
                                                size_t left) {
    char copy[CHUNK];
    struct cn_text_chunk chunk;

    if (left >= CHUNK)
        return compare_all(comparer, text);
    /* What is missing is plain and looks like nothing, but a letter may be the delimiter. */
    memset(copy, 'x', CHUNK);
    memcpy(copy, text, left);
    chunk = compare_all(comparer, copy);
    chunk.delimiters &= (UINT64_C(1) << left) - 1;
    return chunk;
}

static inline void make_chunks(const char *text, size_t len, char delimiter,
                               struct cn_text_chunk *chunks) {
    struct comparer comparer = comparer_new(delimiter);

    for (size_t at = 0; at < len; at += CHUNK)
        *chunks++ = compare_some(&comparer, text + at, len - at);
}

/* What the bytes before a chunk mean for it, one bit each but for `inside`; and the bits that were
 * seen so far. (All in registers: what `marks` points to might be where the offsets go.) */
struct before {
    uint64_t inside;    /* all bits: inside quotes */
    uint64_t separator; /* the last byte separates, or the text begins */
    uint64_t close;     /* the last byte closes quotes */
    uint64_t cr;        /* the last byte is a CR outside quotes */
    uint64_t returns, quotes, doubled, feeds_inside;
    size_t feeds;
};

/* One chunk with quotes or CRs; `exists`: the bits of bytes that do. False: it is irregular. */
static inline bool take_chunk(struct before *before, const struct cn_text_chunk *chunk,
                              uint64_t exists, uint64_t *separators) {
    uint64_t inside = parity(chunk->quotes) ^ before->inside;
    uint64_t opens = chunk->quotes & inside;
    uint64_t closes = chunk->quotes & ~inside;
    uint64_t between = (chunk->delimiters | chunk->feeds) & ~inside;
    uint64_t returns = chunk->returns & ~inside;
    uint64_t behind_separator = between << 1 | before->separator;
    uint64_t behind_close = closes << 1 | before->close;
    uint64_t behind_cr = returns << 1 | before->cr;
    uint64_t irregular = (opens & ~(behind_separator | behind_close)) |
                         (behind_close & ~(between | opens | returns)) |
                         (behind_cr & ~chunk->feeds);

    if (irregular & exists)
        return false;
    before->inside = (uint64_t)((int64_t)inside >> 63);
    before->separator = between >> 63;
    before->close = closes >> 63;
    before->cr = returns >> 63;
    before->returns |= returns;
    before->quotes |= chunk->quotes;
    before->doubled |= opens & behind_close;
    before->feeds_inside |= chunk->feeds & inside;
    before->feeds += count_bits(chunk->feeds & ~inside);
    *separators = between;
    return true;
}

/* What the byte before `at` means, if there were no quotes so far. */
static inline struct before look_back(const char *text, size_t at, char delimiter) {
    if (at == 0)
        return (struct before){.separator = 1};
    return (struct before){.separator = text[at - 1] == delimiter || text[at - 1] == '\n',
                           .cr = text[at - 1] == '\r'};
}

/* As far as there are neither quotes nor CRs. Adds to `marks`; returns how far. */
static inline size_t find_plain(struct comparer *comparer, const char *text, size_t len,
                                struct cn_text_marks *marks) {
    uint32_t *out = marks->at, *enough = out + marks->wanted;
    size_t at = 0, feeds = 0;

    for (; len - at >= CHUNK && out < enough; at += CHUNK) {
        struct cn_text_chunk chunk;
        look_ahead(text + at);
        if (compare_plain(comparer, text + at, &chunk))
            break;
        feeds += count_bits(chunk.feeds);
        out = put_offsets(out, (uint32_t)at, chunk.delimiters | chunk.feeds);
    }
    marks->feeds = feeds;
    marks->count = (size_t)(out - marks->at);
    return at;
}

/* From `at` on, as far as there are no quotes and every CR has its LF. */
static inline size_t find_with_returns(struct comparer *comparer, const char *text, size_t at,
                                       size_t len, char delimiter, struct cn_text_marks *marks) {
    uint32_t *out = marks->at + marks->count, *enough = marks->at + marks->wanted;
    uint64_t cr = look_back(text, at, delimiter).cr, returns = 0;
    size_t feeds = marks->feeds;

    for (; len - at >= CHUNK && out < enough; at += CHUNK) {
        look_ahead(text + at);
        struct cn_text_chunk chunk = compare_all(comparer, text + at);
        if (chunk.quotes | ((chunk.returns << 1 | cr) & ~chunk.feeds))
            break;
        cr = chunk.returns >> 63;
        returns |= chunk.returns;
        feeds += count_bits(chunk.feeds);
        out = put_offsets(out, (uint32_t)at, chunk.delimiters | chunk.feeds);
    }
    marks->returns = returns != 0;
    marks->feeds = feeds;
    marks->count = (size_t)(out - marks->at);
    return at;
}

/* From `at` on, where no quotes were so far, up to the end or what is irregular. */
static inline size_t find_with_quotes(struct comparer *comparer, const char *text, size_t at,
                                      size_t len, char delimiter, struct cn_text_marks *marks) {
    uint32_t *out = marks->at + marks->count, *enough = marks->at + marks->wanted;
    struct before before = look_back(text, at, delimiter);
    bool regular = true;

    for (; len - at >= CHUNK && out < enough; at += CHUNK) {
        uint64_t separators;
        look_ahead(text + at);
        struct cn_text_chunk chunk = compare_all(comparer, text + at);
        regular = take_chunk(&before, &chunk, UINT64_MAX, &separators);
        if (!regular)
            break;
        out = put_offsets(out, (uint32_t)at, separators);
    }
    if (at < len && regular && out < enough) {
        uint64_t separators;
        struct cn_text_chunk chunk = compare_some(comparer, text + at, len - at);
        if (take_chunk(&before, &chunk, (UINT64_C(1) << (len - at)) - 1, &separators)) {
            out = put_offsets(out, (uint32_t)at, separators);
            at = len;
        }
    }
    marks->returns |= before.returns != 0;
    marks->quotes = before.quotes != 0;
    marks->doubled = before.doubled != 0;
    marks->feeds_inside = before.feeds_inside != 0;
    marks->feeds += before.feeds;
    marks->count = (size_t)(out - marks->at);
    return at;
}

static inline void find_marks(const char *text, size_t len, char delimiter,
                              struct cn_text_marks *marks) {
    struct comparer comparer = comparer_new(delimiter);
    size_t at;

    at = find_plain(&comparer, text, len, marks);
    at = find_with_returns(&comparer, text, at, len, delimiter, marks);
    marks->length = find_with_quotes(&comparer, text, at, len, delimiter, marks);
    marks->plain = comparer_is_plain(&comparer);
}

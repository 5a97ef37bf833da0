/* text_ops.c: cutting, joining and searching strings. */
#include "kernels/lanes_loop.h"
#include "kernels/text_space.h"
#include "kernels/utf8.h"

/* White space that is one byte long. */
static bool is_ascii_space(unsigned char byte, enum cn_space space) {
    if (byte == ' ' || (byte >= '\t' && byte <= '\r'))
        return true;
    return space == CN_SPACE_STRIP && byte >= 0x1c && byte <= 0x1f;
}

static bool is_wide_space(uint32_t character) {
    switch (character) {
    case 0x85:
    case 0xa0:
    case 0x1680:
    case 0x2028:
    case 0x2029:
    case 0x202f:
    case 0x205f:
    case 0x3000:
        return true;
    default:
        return character >= 0x2000 && character <= 0x200a;
    }
}

/* Bytes of the white space at the start, or at the end, of a text; 0: none. */
static size_t leading_space(struct cn_str text, enum cn_space space) {
    unsigned char first = (unsigned char)text.data[0];
    if (first < 0x80)
        return is_ascii_space(first, space);
    size_t size;
    uint32_t character = cn_utf8_decode(text.data, text.len, &size);
    return is_wide_space(character) ? size : 0;
}

static size_t trailing_space(struct cn_str text, enum cn_space space) {
    size_t at = text.len - 1;
    unsigned char last = (unsigned char)text.data[at];
    if (last < 0x80)
        return is_ascii_space(last, space);
    while (at > 0 && ((unsigned char)text.data[at] & 0xc0) == 0x80)
        at--;
    size_t size;
    uint32_t character = cn_utf8_decode(text.data + at, text.len - at, &size);
    return is_wide_space(character) ? size : 0;
}

struct cn_str cn_text_strip(struct cn_str text, enum cn_space space) {
    size_t size;
    while (text.len > 0 && (size = leading_space(text, space)) > 0)
        text = cn_str(text.data + size, text.len - size);
    while (text.len > 0 && (size = trailing_space(text, space)) > 0)
        text.len -= size;
    return text;
}

static size_t out_of_memory(struct cn_lanes *lanes) {
    struct cn_str *out = lanes->out;
    lanes->no_memory = true;
    for (size_t i = 0; i < lanes->n; i++)
        out[i] = CN_STR("");
    return 0;
}

static char *put(char *to, struct cn_str text) {
    if (text.len > 0)
        memcpy(to, text.data, text.len);
    return to + text.len;
}

size_t cn_concat2_str(struct cn_lanes *lanes) {
    const struct cn_str *a = lanes->a;
    const struct cn_str *b = lanes->b;
    struct cn_str *out = lanes->out;
    size_t total = 0;
    bool fits = true;
    for (size_t i = 0; i < lanes->n; i++) {
        fits &= !__builtin_add_overflow(total, a[i].len, &total);
        fits &= !__builtin_add_overflow(total, b[i].len, &total);
    }
    char *memory = fits ? cn_arena_alloc(lanes->arena, total) : NULL;
    if (!memory)
        return out_of_memory(lanes);
    for (size_t i = 0; i < lanes->n; i++) {
        char *end = put(put(memory, a[i]), b[i]);
        out[i] = cn_str(memory, (size_t)(end - memory));
        memory = end;
    }
    return 0;
}

CN_LANES_UNARY(cn_trim_str, struct cn_str, struct cn_str, cn_text_strip(x, CN_SPACE_STRIP))
CN_LANES_UNARY(cn_length_str, struct cn_str, int64_t, (int64_t)cn_utf8_length(x.data, x.len))

/* Byte offset of character `start`; from the end if it is negative. */
static size_t start_offset(struct cn_str text, int64_t start) {
    if (start < 0) {
        uint64_t back = 0 - (uint64_t)start;
        uint64_t length = cn_utf8_length(text.data, text.len);
        start = back < length ? (int64_t)(length - back) : 0;
    }
    return cn_utf8_offset(text.data, text.len, (size_t)start);
}

size_t cn_substr_str(struct cn_lanes *lanes) {
    const struct cn_str *a = lanes->a;
    const int64_t *start = lanes->b;
    const int64_t *count = lanes->c;
    struct cn_str *out = lanes->out;
    size_t failures = 0;
    for (size_t i = 0; i < lanes->n; i++) {
        struct cn_str text = a[i];
        if (count[i] < 0) {
            lanes->fail[i] = 1;
            failures++;
            out[i] = CN_STR("");
            continue;
        }
        if (text.len > 0) {
            size_t from = start_offset(text, start[i]);
            text = cn_str(text.data + from, text.len - from);
            /* A text has at least as many bytes as characters. */
            if ((uint64_t)count[i] < text.len)
                text.len = cn_utf8_offset(text.data, text.len, (size_t)count[i]);
        }
        out[i] = text;
    }
    return failures;
}

static bool starts_with(struct cn_str text, struct cn_str part) {
    return part.len == 0 || (part.len <= text.len && memcmp(text.data, part.data, part.len) == 0);
}

static bool ends_with(struct cn_str text, struct cn_str part) {
    return part.len == 0 || (part.len <= text.len &&
                             memcmp(text.data + text.len - part.len, part.data, part.len) == 0);
}

/* Where `part` (not empty) is found first, as an offset; text.len if nowhere. A match of bytes in
 * valid UTF-8 is a match of characters. */
static size_t find(struct cn_str text, struct cn_str part) {
    if (part.len > text.len)
        return text.len;
    const char *at = memmem(text.data, text.len, part.data, part.len);
    return at ? (size_t)(at - text.data) : text.len;
}

static bool contains(struct cn_str text, struct cn_str part) {
    return part.len == 0 || find(text, part) < text.len;
}

CN_LANES_BINARY(cn_starts_with_str, struct cn_str, uint8_t, starts_with(x, y))
CN_LANES_BINARY(cn_ends_with_str, struct cn_str, uint8_t, ends_with(x, y))
CN_LANES_BINARY(cn_contains_str, struct cn_str, uint8_t, contains(x, y))

/* How often `old` occurs, without overlaps; an empty one stands between all characters and at both
 * ends. */
static size_t count_matches(struct cn_str text, struct cn_str old) {
    if (old.len == 0)
        return cn_utf8_length(text.data, text.len) + 1;
    size_t count = 0;
    size_t at = find(text, old);
    while (at < text.len) {
        count++;
        text = cn_str(text.data + at + old.len, text.len - at - old.len);
        at = find(text, old);
    }
    return count;
}

static void replace_into(char *to, struct cn_str text, struct cn_str old, struct cn_str new) {
    while (text.len > 0) {
        size_t keep;
        if (old.len == 0) {
            to = put(to, new);
            (void)cn_utf8_decode(text.data, text.len, &keep);
        } else {
            keep = find(text, old);
        }
        to = put(to, cn_str(text.data, keep));
        if (old.len > 0 && keep < text.len) {
            to = put(to, new);
            keep += old.len;
        }
        text = cn_str(text.data + keep, text.len - keep);
    }
    if (old.len == 0)
        (void)put(to, new);
}

/* False: no memory. */
static bool replace(struct cn_arena *arena, struct cn_str text, struct cn_str old,
                    struct cn_str new, struct cn_str *result) {
    size_t matches = count_matches(text, old);
    *result = text;
    if (matches == 0 || cn_str_equal(old, new))
        return true;
    size_t added;
    size_t len;
    if (__builtin_mul_overflow(matches, new.len, &added) ||
        __builtin_add_overflow(text.len - matches * old.len, added, &len))
        return false;
    char *memory = cn_arena_alloc(arena, len);
    if (!memory)
        return false;
    replace_into(memory, text, old, new);
    *result = cn_str(memory, len);
    return true;
}

size_t cn_replace_str(struct cn_lanes *lanes) {
    const struct cn_str *a = lanes->a;
    const struct cn_str *b = lanes->b;
    const struct cn_str *c = lanes->c;
    struct cn_str *out = lanes->out;
    for (size_t i = 0; i < lanes->n; i++) {
        struct cn_str result;
        if (!replace(lanes->arena, a[i], b[i], c[i], &result))
            return out_of_memory(lanes);
        out[i] = result;
    }
    return 0;
}

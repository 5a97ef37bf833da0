/*
 * text_case.c: lower and upper case, as Python's str.lower() and str.upper().
 *
 * Each text is measured before it is written, for its length in bytes may change; then all results
 * of a block stand in one piece of the arena.
 */
#include "kernels/lanes_ops.h"
#include "kernels/text_case_table.h"
#include "kernels/utf8.h"

#define SIGMA 0x3a3u
#define SMALL_SIGMA 0x3c3u
#define FINAL_SIGMA 0x3c2u

static bool is_ascii(struct cn_str text) {
    size_t i = 0;
    for (; i + 8 <= text.len; i += 8) {
        uint64_t word;
        memcpy(&word, text.data + i, sizeof word);
        if (word & 0x8080808080808080u)
            return false;
    }
    for (; i < text.len; i++)
        if ((unsigned char)text.data[i] >= 0x80)
            return false;
    return true;
}

static bool in_set(const struct cn_case_set *set, uint32_t character) {
    size_t low = 0;
    size_t high = set->n_ranges;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (character > set->ranges[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < set->n_ranges && character >= set->ranges[low].first;
}

/* What becomes of one character: 1 to 3 characters in `to`. Returns how many. */
static uint32_t map_character(const struct cn_case_mapping *mapping, uint32_t character,
                              uint32_t to[3]) {
    size_t low = 0;
    size_t high = mapping->n_runs;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (character > mapping->runs[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < mapping->n_runs) {
        const struct cn_case_run *run = &mapping->runs[low];
        if (character >= run->first && (character - run->first) % run->step == 0) {
            to[0] = (uint32_t)((int32_t)character + run->delta);
            return 1;
        }
    }
    low = 0;
    high = mapping->n_specials;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (character > mapping->specials[middle].from)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < mapping->n_specials && mapping->specials[low].from == character) {
        memcpy(to, mapping->specials[low].to, sizeof mapping->specials[low].to);
        return mapping->specials[low].length;
    }
    to[0] = character;
    return 1;
}

/* Whether a sigma at text[at] ends a word: a cased character before it and none behind it, not
 * counting case-ignorable ones (Unicode's condition Final_Sigma). Each look stops at the next
 * sigma, so that a text of them costs linear time. */
static bool sigma_is_final(struct cn_str text, size_t at) {
    size_t size;
    uint32_t character;
    size_t i = at;
    for (;;) {
        if (i == 0)
            return false;
        do
            i--;
        while (((unsigned char)text.data[i] & 0xc0) == 0x80);
        character = cn_utf8_decode(text.data + i, text.len - i, &size);
        if (!in_set(&cn_case_ignorable, character))
            break;
    }
    if (!in_set(&cn_case_cased, character))
        return false;
    (void)cn_utf8_decode(text.data + at, text.len - at, &size);
    for (i = at + size; i < text.len; i += size) {
        character = cn_utf8_decode(text.data + i, text.len - i, &size);
        if (!in_set(&cn_case_ignorable, character))
            return !in_set(&cn_case_cased, character);
    }
    return true;
}

/* Writes the changed text, or only measures it if `out` is NULL. Returns its bytes. */
static size_t change_text(const struct cn_case_mapping *mapping, struct cn_str text, char *out) {
    size_t written = 0;
    size_t size;
    for (size_t i = 0; i < text.len; i += size) {
        uint32_t to[3] = {0, 0, 0};
        uint32_t count = 1;
        uint32_t character = cn_utf8_decode(text.data + i, text.len - i, &size);
        if (mapping == &cn_case_lower && character == SIGMA)
            to[0] = sigma_is_final(text, i) ? FINAL_SIGMA : SMALL_SIGMA;
        else
            count = map_character(mapping, character, to);
        for (uint32_t k = 0; k < count; k++) {
            char bytes[4];
            size_t n = cn_utf8_encode(to[k], bytes);
            if (out)
                memcpy(out + written, bytes, n);
            written += n;
        }
    }
    return written;
}

/* ASCII letters from `first` on change by their bit 32. Plain arithmetic, so that it vectorises. */
static void change_ascii(struct cn_str text, char *out, char first) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        unsigned char letter = (unsigned char)(byte - (unsigned char)first) < 26;
        out[i] = (char)(byte ^ (letter << 5));
    }
}

static size_t change_rows(struct cn_lanes *lanes, const struct cn_case_mapping *mapping,
                          char first) {
    const struct cn_str *a = lanes->a;
    struct cn_str *out = lanes->out;
    size_t total = 0;
    bool fits = true;
    for (size_t i = 0; i < lanes->n; i++) {
        size_t need = is_ascii(a[i]) ? a[i].len : change_text(mapping, a[i], NULL);
        fits &= !__builtin_add_overflow(total, need, &total);
    }
    char *memory = fits ? cn_arena_alloc(lanes->arena, total) : NULL;
    if (!memory) {
        lanes->no_memory = true;
        for (size_t i = 0; i < lanes->n; i++)
            out[i] = CN_STR("");
        return 0;
    }
    for (size_t i = 0; i < lanes->n; i++) {
        struct cn_str text = a[i];
        size_t len = text.len;
        if (is_ascii(text))
            change_ascii(text, memory, first);
        else
            len = change_text(mapping, text, memory);
        out[i] = cn_str(memory, len);
        memory += len;
    }
    return 0;
}

size_t cn_lower_str(struct cn_lanes *lanes) {
    return change_rows(lanes, &cn_case_lower, 'A');
}

size_t cn_upper_str(struct cn_lanes *lanes) {
    return change_rows(lanes, &cn_case_upper, 'a');
}

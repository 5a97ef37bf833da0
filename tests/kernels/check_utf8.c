/* The check of UTF-8: text of all lengths with a fault or none anywhere, and all pairs of bytes. */
#include <stdio.h>
#include <string.h>

#include "kernels/table.h"
#include "kernels/utf8.h"
#include "tests/kernels/check.h"

#define MOST 300
#define BENCH_BYTES 65536

struct work {
    char text[BENCH_BYTES];
};

static void check_work(void *context) {
    struct work *work = context;

    if (cn_kernels.utf8_check(work->text, sizeof work->text, false) != sizeof work->text)
        printf("the text of the measurement is not valid\n");
}

static void compare(const char *text, size_t len, size_t offset) {
    for (int nul = 0; nul < 2; nul++) {
        size_t expected = cn_utf8_check_scalar(text, len, nul);
        size_t found = cn_kernels.utf8_check(text, len, nul);
        check_that(found == expected, "%zu bytes, %zu behind a page: %zu, not %zu", len, offset,
                   found, expected);
    }
}

/* Valid characters of up to `widest` bytes, the rest filled with letters. */
static void fill(char *text, size_t len, size_t widest) {
    static const uint32_t ends[] = {0x80, 0x800, 0x10000, 0x110000};
    size_t i = 0;

    while (i < len) {
        uint32_t character = (uint32_t)check_below(ends[check_below(widest)]);
        char bytes[4];
        size_t size;
        if (character == 0 || (character >= 0xD800 && character < 0xE000))
            character = 'x';
        size = cn_utf8_encode(character, bytes);
        if (size > len - i)
            size = cn_utf8_encode('y', bytes);
        memcpy(text + i, bytes, size);
        i += size;
    }
}

/* A text of one of three sorts, with up to two bytes of it made something else. */
static void make_text(char *text, size_t len) {
    static const uint8_t odd[] = {0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xC2, 0xE0, 0xED,
                                  0xEF, 0xF0, 0xF4, 0xF5, 0xFF, 0x90, 0xA0, 0x9F};

    fill(text, len, check_below(4) ? 1 + check_below(4) : 1);
    for (uint64_t changes = check_below(3); changes > 0 && len > 0; changes--)
        text[check_below(len)] =
            (char)(check_below(2) ? odd[check_below(sizeof odd)] : check_below(256));
}

static void check_lengths(void) {
    struct check_memory memory = check_memory_new(MOST + 64);

    for (size_t len = 0; len <= MOST; len++) {
        for (int round = 0; round < 16; round++) {
            char *text = check_at_end(&memory, len);
            make_text(text, len);
            compare(text, len, 0);
        }
        for (size_t offset = 0; offset < 64; offset++) {
            char *text = check_at_start(&memory, offset);
            make_text(text, len);
            compare(text, len, offset);
        }
    }
    check_memory_free(&memory);
}

/* Two bytes, and what makes a sequence of them, at every place around the edges of vectors. */
static void check_pairs(void) {
    char text[160];

    for (unsigned pair = 0; pair < 65536; pair++) {
        size_t at = 24 + pair % 48;
        memset(text, 'a', sizeof text);
        text[at] = (char)(pair >> 8);
        text[at + 1] = (char)pair;
        for (size_t more = 0; more < 4; more++) {
            compare(text, sizeof text, 0);
            text[at + 2 + more] = (char)0x80;
        }
    }
}

void check_utf8(void) {
    static const char *const names[] = {"utf8_check_ascii", "utf8_check_latin", "utf8_check_bmp",
                                        "utf8_check_any"};
    static struct work work;

    check_lengths();
    check_pairs();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        fill(work.text, sizeof work.text, i + 1);
        check_time(names[i], (void (*)(void))cn_kernels.utf8_check, "byte", sizeof work.text,
                   check_work, &work);
    }
}

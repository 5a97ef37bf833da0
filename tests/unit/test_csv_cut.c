/*
 * Where CSV text is cut: against a cutter that looks at one byte after the other.
 */
#include "tests/unit/columns_helpers.h"

/* Record ends by the plainest of rules; `rows` counts as the contract says. */
struct slow_cutter {
    bool quoted;
    bool one_column;
    char line[3]; /* the first bytes of the line, as far as they tell whether it is empty */
    size_t len;
};

/* Takes one byte: 0: nothing, 1: a record ends that is no row, 2: a row ends. */
static int slow_take(struct slow_cutter *slow, char c) {
    if (c == '"')
        slow->quoted = !slow->quoted;
    if (c == '\n' && !slow->quoted) {
        bool empty = slow->len == 0 || (slow->len == 1 && slow->line[0] == '\r');
        slow->len = 0;
        return slow->one_column || !empty ? 2 : 1;
    }
    if (slow->len < 3)
        slow->line[slow->len++] = c;
    return 0;
}

static const char alphabet[] = "aab,,\"\"\n\n\n\r";

static void any_record_end(void **state) {
    (void)state;
    struct dice dice = {1};
    char text[400];
    for (int round = 0; round < 20000; round++) {
        size_t len = dice_text(&dice, CN_STR(alphabet), round % 7 ? 70 : 400, text);
        size_t step = 1 + dice_below(&dice, len + 1);
        struct cn_csv_cutter cutter;
        struct slow_cutter slow = {0};
        cn_csv_cutter_init(&cutter, 0, false);
        for (size_t from = 0; from < len;) {
            size_t to = len - from < step ? len : from + step, scanned = 0, expected = 0;
            char *copy = exact_copy(text, to);
            for (size_t i = from; i < to; i++) {
                if (slow_take(&slow, text[i]))
                    expected = i + 1;
            }
            size_t cut = cn_csv_cutter_scan(&cutter, copy, from, to, &scanned);
            free(copy);
            if (cut != expected)
                show_text("text", text, len);
            assert_int_equal(cut, expected);
            assert_int_equal(scanned, to);
            assert_int_equal(cutter.quoted, slow.quoted);
            from = to;
        }
    }
}

/* Every piece has its rows, wherever the text is handed over in between. */
static void counted_rows(void **state) {
    (void)state;
    struct dice dice = {2};
    char text[400];
    for (int round = 0; round < 20000; round++) {
        size_t len = dice_text(&dice, CN_STR(alphabet), round % 7 ? 70 : 400, text);
        size_t step = 1 + dice_below(&dice, len + 1);
        size_t rows_per_cut = 1 + dice_below(&dice, round % 3 ? 3 : 40), rows = 0;
        struct cn_csv_cutter cutter;
        struct slow_cutter slow = {.one_column = round & 1};
        cn_csv_cutter_init(&cutter, rows_per_cut, round & 1);
        size_t from = 0;
        while (from < len) {
            size_t to = len - from < step ? len : from + step, scanned = 0, expected = 0;
            for (size_t i = from; i < to && !expected; i++) {
                if (slow_take(&slow, text[i]) == 2 && ++rows == rows_per_cut)
                    expected = i + 1;
            }
            if (expected)
                rows = 0;
            /* A window that begins at `from`: bytes before it must not be needed. */
            char *copy = exact_copy(text + from, to - from);
            size_t cut = cn_csv_cutter_scan(&cutter, copy, 0, to - from, &scanned);
            free(copy);
            if (cut != (expected ? expected - from : 0))
                show_text("text", text, len);
            assert_int_equal(cut, expected ? expected - from : 0);
            assert_int_equal(scanned, expected ? expected - from : to - from);
            from += scanned;
        }
    }
}

static void plain_cases(void **state) {
    (void)state;
    struct cn_csv_cutter cutter;
    size_t scanned;
    cn_csv_cutter_init(&cutter, 0, false);
    assert_int_equal(cn_csv_cutter_scan(&cutter, "a\n\"b\nc\"\nd", 0, 9, &scanned), 8);
    assert_int_equal(scanned, 9);
    assert_int_equal(cn_csv_cutter_scan(&cutter, "a\n\"b\nc\"\nd", 9, 9, &scanned), 0);
    /* an empty line is no row of a table with two columns */
    cn_csv_cutter_init(&cutter, 2, false);
    assert_int_equal(cn_csv_cutter_scan(&cutter, "1,2\r\n\r\n\r\n3,4\r\n5,6\r\n", 0, 19, &scanned),
                     14);
    cn_csv_cutter_init(&cutter, 2, true);
    assert_int_equal(cn_csv_cutter_scan(&cutter, "1\r\n\r\n\r\n3\r\n", 0, 10, &scanned), 5);
    /* a line that begins with an empty field is not empty */
    cn_csv_cutter_init(&cutter, 1, false);
    assert_int_equal(cn_csv_cutter_scan(&cutter, "\n,\n", 0, 3, &scanned), 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_cases),
        cmocka_unit_test(any_record_end),
        cmocka_unit_test(counted_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

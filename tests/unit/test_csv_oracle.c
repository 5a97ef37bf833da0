/*
 * Reading CSV: the same as a second reader that is as plain as can be, and the same wherever the
 * text was cut.
 */
#include "columns/csv_scan.h"
#include "tests/unit/csv_helpers.h"

/* ---- a second reader, byte by byte --------------------------------------------------------- */

static size_t slow_utf8(const unsigned char *s, size_t left) {
    static const struct {
        unsigned char low, high, second_low, second_high;
        size_t len;
    } forms[] = {
        {0x01, 0x7F, 0, 0, 1},       {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};
    for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++) {
        if (s[0] < forms[f].low || s[0] > forms[f].high)
            continue;
        if (forms[f].len > left)
            return 0;
        if (forms[f].len > 1 && (s[1] < forms[f].second_low || s[1] > forms[f].second_high))
            return 0;
        for (size_t i = 2; i < forms[f].len; i++) {
            if ((s[i] & 0xC0) != 0x80)
                return 0;
        }
        return forms[f].len;
    }
    return 0;
}

/* The slow reader's place in the text, and the first fault that it found. */
struct slow {
    const char *text;
    size_t len;
    size_t at;
    int64_t line;
    const char *fault; /* a word of its detail; NULL: none */
    size_t fault_at;
    int64_t fault_line;
};

static bool slow_fail(struct slow *slow, const char *fault, size_t at, int64_t line) {
    slow->fault = fault;
    slow->fault_at = at;
    slow->fault_line = line;
    return false;
}

static bool slow_is(const struct slow *slow, size_t at, char c) {
    return at < slow->len && slow->text[at] == c;
}

/* Whether a field may end here. */
static bool slow_field_ends(const struct slow *slow, char delimiter) {
    return slow->at >= slow->len || slow_is(slow, slow->at, delimiter) ||
           slow_is(slow, slow->at, '\n') || slow_is(slow, slow->at, '\r');
}

static bool slow_quoted(struct slow *slow, char delimiter) {
    size_t open = slow->at++;
    int64_t open_line = slow->line;
    for (;; slow->at++) {
        if (slow->at >= slow->len)
            return slow_fail(slow, "never closed", open, open_line);
        if (slow_is(slow, slow->at, '"') && slow_is(slow, slow->at + 1, '"'))
            slow->at++;
        else if (slow_is(slow, slow->at, '"'))
            break;
        else if (slow_is(slow, slow->at, '\n'))
            slow->line++;
    }
    slow->at++;
    if (!slow_field_ends(slow, delimiter))
        return slow_fail(slow, "behind the closing quote", slow->at, slow->line);
    return true;
}

static bool slow_plain(struct slow *slow, char delimiter) {
    while (!slow_field_ends(slow, delimiter) && !slow_is(slow, slow->at, '"'))
        slow->at++;
    if (slow_is(slow, slow->at, '"'))
        return slow_fail(slow, "not quoted", slow->at, slow->line);
    return true;
}

/* A record up to its line end; how many fields it has, or 0 with a fault. */
static size_t slow_record(struct slow *slow, char delimiter) {
    for (size_t fields = 1;; fields++) {
        bool good = slow_is(slow, slow->at, '"') ? slow_quoted(slow, delimiter)
                                                 : slow_plain(slow, delimiter);
        if (!good)
            return 0;
        if (slow_is(slow, slow->at, delimiter)) {
            slow->at++;
            continue;
        }
        if (slow_is(slow, slow->at, '\r') && !slow_is(slow, slow->at + 1, '\n')) {
            slow_fail(slow, "carriage return", slow->at, slow->line);
            return 0;
        }
        return fields;
    }
}

/* A fault of the encoding in [start, end) that is on a lower line than the one that is known, or
 * on the same line before it. */
static void slow_encoding(struct slow *slow, size_t start, int64_t line, size_t end) {
    while (start < end) {
        size_t size = slow_utf8((const unsigned char *)slow->text + start, end - start);
        if (size == 0) {
            if (!slow->fault || line < slow->fault_line ||
                (line == slow->fault_line && start < slow->fault_at))
                slow_fail(slow, slow->text[start] ? "not valid UTF-8" : "NUL", start, line);
            return;
        }
        line += slow->text[start] == '\n';
        start += size;
    }
}

/* The first fault of a text as (line, word of its detail); line 0: none. Written from the rules
 * alone: records in order; in a record the fault on the lowest line, then the first byte. */
static int64_t slow_fault(const char *text, size_t len, char delimiter, size_t n_columns,
                          const char **word, size_t *n_rows) {
    struct slow slow = {.text = text, .len = len, .line = 1};
    *n_rows = 0;
    while (slow.at < len) {
        size_t start = slow.at;
        int64_t start_line = slow.line;
        size_t fields = slow_record(&slow, delimiter);
        bool empty = fields == 1 && slow.at == start;
        size_t understood = fields || slow.at >= len ? slow.at : slow.fault_at;
        if (fields && fields != n_columns && !empty)
            slow_fail(&slow, fields == 1 ? "field;" : "fields;", slow.at, start_line);
        slow_encoding(&slow, start, start_line, understood);
        if (slow.fault) {
            *word = slow.fault;
            return slow.fault_line;
        }
        *n_rows += !empty || n_columns == 1;
        slow.at += slow_is(&slow, slow.at, '\r') ? 2 : 1;
        slow.line++;
    }
    return 0;
}

/* ---- cuts ----------------------------------------------------------------------------------- */

/* As a body arrives: `step` bytes at a time, cut where the cutter says, each piece read alone. */
static void read_cut(const char *text, size_t len, char delimiter, size_t n_columns, size_t step,
                     size_t rows_per_cut, struct result *result) {
    struct cn_csv_cutter cutter;
    size_t start = 0, from = 0, have = 0;
    int64_t lines = 0;

    *result = (struct result){0};
    cn_csv_cutter_init(&cutter, rows_per_cut, n_columns == 1);
    while (from < len || have < len) {
        if (from == have)
            have = len - have < step ? len : have + step;
        size_t cut = cn_csv_cutter_scan(&cutter, text, from, have, &from);
        if (cut > 0) {
            if (!read_piece(text + start, cut - start, delimiter, n_columns, &lines, result))
                return;
            start = cut;
        }
    }
    read_piece(text + start, len - start, delimiter, n_columns, &lines, result);
}

static bool same_result(const struct result *a, const struct result *b) {
    if (a->code != b->code)
        return false;
    if (a->code != CN_OK)
        return a->line == b->line && strcmp(a->detail, b->detail) == 0;
    return cn_str_equal(cn_buf_str(&a->rows), cn_buf_str(&b->rows));
}

static void same_as_the_slow_reader(void **state) {
    (void)state;
    struct dice dice = {3};
    char text[300];
    for (int round = 0; round < 60000; round++) {
        size_t len = dice_text(&dice, CN_STR(CSV_LETTERS), round % 5 ? 16 : 300, text);
        size_t n_columns = 1 + dice_below(&dice, 3), n_rows = 0;
        struct result result;
        const char *word = "";
        int64_t line = slow_fault(text, len, ',', n_columns, &word, &n_rows);
        read_whole(text, len, ',', n_columns, &result);
        if (line != (result.code ? result.line : 0) || !strstr(result.detail, word))
            show_text(result.detail, text, len);
        assert_int_equal(line, result.code ? result.line : 0);
        assert_non_null(strstr(result.detail, word));
        if (line == 0) {
            size_t printed = 0;
            for (size_t i = 0; i < result.rows.len; i++)
                printed += result.rows.data[i] == '<';
            assert_int_equal(printed, n_rows * n_columns);
        }
        result_release(&result);
    }
}

static void cut_anywhere(void **state) {
    (void)state;
    struct dice dice = {4};
    char text[160];
    for (int round = 0; round < 6000; round++) {
        size_t len = dice_text(&dice, CN_STR(CSV_LETTERS), round % 5 ? 16 : 160, text);
        size_t n_columns = 1 + dice_below(&dice, 3);
        struct result whole;
        read_whole(text, len, ',', n_columns, &whole);
        for (size_t step = 1; step <= len; step++) {
            for (size_t rows_per_cut = 0; rows_per_cut < 3; rows_per_cut++) {
                struct result cut;
                read_cut(text, len, ',', n_columns, step, rows_per_cut, &cut);
                if (!same_result(&whole, &cut)) {
                    show_text("text", text, len);
                    fail_msg("cut after every %zu bytes: line %" PRId64 " %s; whole: line %" PRId64
                             " %s",
                             step, cut.line, cut.detail, whole.line, whole.detail);
                }
                result_release(&cut);
            }
        }
        result_release(&whole);
    }
}

/* ---- runs of rows --------------------------------------------------------------------------- */

/* One field; some are quoted, and a few of those hold doubled quotes, delimiters or line ends. */
static void add_field(struct dice *dice, uint64_t quotes, struct cn_buf *text) {
    static const char *const inner[] = {"plain",      "a \"\"b\"\"", "x,y",
                                        "two\nlines", "\r\n",        "\"\""};
    static const char *const plain[] = {"", "1", "-12.5", "caf\xC3\xA9", "some longer text"};

    if (dice_below(dice, 100) < quotes)
        assert_true(cn_buf_printf(text, "\"%s\"", inner[dice_below(dice, quotes > 50 ? 6 : 1)]));
    else
        assert_true(cn_buf_add_c(text, plain[dice_below(dice, 5)]));
}

/* Rows nearly all of which are regular; one in `odd` is an empty line, one in `wrong` has a fault.
 */
static void make_rows(struct dice *dice, size_t n_columns, size_t bytes, struct cn_buf *text) {
    static const char *const faults[] = {"\"x", "a\"b\"", "\"a\"b",
                                         "\r",  "\xE9",   "1,2,3,4,5,6,7,8"};
    uint64_t quotes = (uint64_t[]){0, 0, 30, 100}[dice_below(dice, 4)];
    bool returns = dice_below(dice, 3) == 0;
    uint64_t odd = dice_below(dice, 2) ? 100000 : 40, wrong = dice_below(dice, 2) ? 100000 : 400;

    text->len = 0;
    while (text->len < bytes) {
        if (dice_below(dice, odd) == 0)
            assert_true(cn_buf_add_c(text, "\n"));
        if (dice_below(dice, wrong) == 0)
            assert_true(cn_buf_add_c(text, faults[dice_below(dice, 6)]));
        for (size_t c = 0; c < n_columns; c++) {
            if (c > 0)
                assert_true(cn_buf_add_char(text, ','));
            add_field(dice, quotes, text);
        }
        assert_true(cn_buf_add_c(text, returns && dice_below(dice, 50) ? "\r\n" : "\n"));
    }
    if (dice_below(dice, 2))
        text->len--;
}

/* By the reader of single records alone, without the encoding. False: a fault. */
static bool read_records(const char *text, size_t len, size_t n_columns, struct cn_buf *rows) {
    struct cn_csv_field *fields = calloc(n_columns, sizeof *fields);
    struct cn_csv_row row;
    struct cn_csv_block block = {fields, &row, NULL, 1, n_columns, 1};
    const char *at = text, *end = text + len;
    bool good = true;
    int64_t line = 1;

    assert_non_null(fields);
    while (at < end && good) {
        struct cn_csv_record record;
        struct cn_csv_marks marks;
        cn_csv_marks_init(&marks, at, end, ',');
        cn_csv_record_read(&marks, at, fields, 1, n_columns, &record);
        good = record.fault == CN_CSV_FAULT_NONE &&
               (record.n_fields == n_columns || cn_csv_record_empty(&record));
        row = (struct cn_csv_row){record.start, record.end, record.next, line};
        if (good && record.n_fields == n_columns)
            print_row(rows, &block, 0, 0);
        line += record.lines + 1;
        at = record.next;
    }
    free(fields);
    return good;
}

/* Long texts, whole blocks: what is taken from the index is what the records say. */
static void same_as_single_records(void **state) {
    (void)state;
    struct dice dice = {5};
    struct cn_buf text = CN_BUF_INIT;
    for (int round = 0; round < 300; round++) {
        size_t n_columns = (size_t[]){1, 2, 3, 4, 5, 7, 90, 5000}[dice_below(&dice, 8)];
        struct cn_buf rows = CN_BUF_INIT;
        struct result result = {0}, again = {0};
        int64_t lines = 0, lines_again = 0;
        make_rows(&dice, n_columns, 1 + dice_below(&dice, 100000), &text);
        bool good = read_records(text.data, text.len, n_columns, &rows);
        read_blocks(text.data, text.len, ',', n_columns, 0, &lines, &result);
        read_blocks(text.data, text.len, ',', n_columns, 1 + dice_below(&dice, 50), &lines_again,
                    &again);
        if (result.code == CN_OK) {
            assert_true(good);
            assert_true(cn_str_equal(cn_buf_str(&result.rows), cn_buf_str(&rows)));
            assert_int_equal(lines, lines_again);
        } else if (good) { /* the encoding */
            assert_non_null(strstr(result.detail, "0xE9"));
        }
        if (!same_result(&result, &again))
            fail_msg("round %d: %s; %s", round, result.detail, again.detail);
        cn_buf_release(&rows);
        result_release(&result);
        result_release(&again);
    }
    cn_buf_release(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_as_the_slow_reader),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(same_as_single_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

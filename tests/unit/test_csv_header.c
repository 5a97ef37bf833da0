/*
 * The header of a CSV text, whole and in pieces.
 */
#include "tests/unit/columns_helpers.h"
#include "tests/unit/csv_helpers.h"

struct header {
    enum cn_code code;
    int64_t line;
    size_t n, length, line_end;
    char names[1024];
};

static void read_header(const char *text, size_t len, bool complete, bool present, size_t max,
                        struct header *header) {
    struct cn_csv_dialect dialect = {',', present};
    struct cn_arena arena;
    struct cn_error error;
    struct cn_str *names;
    char *copy = exact_copy(text, len);

    *header = (struct header){0};
    cn_arena_init(&arena, 4096);
    cn_error_init(&error);
    header->code = cn_csv_read_header(cn_str(copy, len), complete, dialect, max, &arena, &names,
                                      &header->n, &header->length, &header->line_end, &error);
    assert_int_equal(header->code, error.code);
    size_t at = 0;
    if (header->code == CN_OK) {
        for (size_t i = 0; i < header->n && at < sizeof header->names; i++)
            at += (size_t)snprintf(header->names + at, sizeof header->names - at, "<%.*s>",
                                   (int)names[i].len, names[i].data);
    } else {
        snprintf(header->names, sizeof header->names, "%s %s", error.limit, error.detail);
        header->line = error.line;
    }
    cn_arena_release(&arena);
    free(copy);
}

static void check_header(const char *text, bool present, const char *names, size_t length,
                         size_t line_end) {
    struct header header;
    read_header(text, strlen(text), true, present, 100, &header);
    assert_string_equal(header.names, names);
    assert_int_equal(header.code, CN_OK);
    assert_int_equal(header.length, length);
    assert_int_equal(header.line_end, line_end);
}

static void headers(void **state) {
    (void)state;
    struct header header;
    check_header("a,b\n1,2\n", true, "<a><b>", 4, 1);
    check_header("a,b\r\n1,2\n", true, "<a><b>", 5, 2);
    check_header("a,b", true, "<a><b>", 3, 0);
    check_header("\"a\nb\",\"c\"\"d\",,\n", true, "<a\nb><c\"d><><>", 15, 1);
    check_header("a,b\r\n1,2\n", false, "<c0><c1>", 0, 2);
    check_header("1", false, "<c0>", 0, 0);
    /* empty lines before the header of a table of several columns are skipped, as any are */
    check_header("\n\r\na,b\r\n", true, "<a><b>", 8, 2);
    check_header("\n\r\na,b\r\n", false, "<c0><c1>", 0, 2);
    check_header("\n\r\na\r\n", true, "<>", 1, 1);
    check_header("\r\n", true, "<>", 2, 2);
    read_header("", 0, true, true, 10, &header);
    assert_int_equal(header.code, CN_INVALID_CSV);
    assert_int_equal(header.line, 1);
    read_header("", 0, true, false, 10, &header);
    assert_int_equal(header.code, CN_INVALID_CSV);
    read_header("", 0, false, true, 10, &header);
    assert_int_equal(header.code, CN_OK);
    assert_int_equal(header.n, 0);
    read_header("\n\na\"b", 5, true, true, 10, &header);
    assert_int_equal(header.code, CN_INVALID_CSV);
    assert_int_equal(header.line, 3);
    read_header("\n\xE9,b\n", 6, true, true, 10, &header);
    assert_int_equal(header.code, CN_INVALID_CSV);
    assert_int_equal(header.line, 2);
    read_header("a,b,c\n", 6, true, true, 3, &header);
    assert_int_equal(header.code, CN_OK);
    read_header("a,b,c,d\n", 8, true, true, 3, &header);
    assert_int_equal(header.code, CN_LIMIT_EXCEEDED);
    assert_non_null(strstr(header.names, "--max-columns"));
}

/* With every beginning of a text the answer is "more", until it is that of the whole text. */
static void headers_in_pieces(void **state) {
    (void)state;
    struct dice dice = {5};
    char text[100];
    for (int round = 0; round < 20000; round++) {
        size_t len = dice_text(&dice, CN_STR(CSV_LETTERS), round % 5 ? 12 : 100, text);
        struct header whole, part;
        bool present = round & 1;
        read_header(text, len, true, present, 1000, &whole);
        for (size_t have = 0; have <= len; have++) {
            read_header(text, have, false, present, 1000, &part);
            if (part.code == CN_OK && part.n == 0)
                continue;
            if (part.code != whole.code || strcmp(part.names, whole.names) != 0)
                show_text("text", text, len);
            assert_int_equal(part.code, whole.code);
            assert_string_equal(part.names, whole.names);
            assert_int_equal(part.line, whole.line);
            assert_int_equal(part.n, whole.n);
            assert_int_equal(part.length, whole.length);
            assert_int_equal(part.line_end, whole.line_end);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers),
        cmocka_unit_test(headers_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

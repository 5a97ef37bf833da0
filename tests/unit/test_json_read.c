/*
 * JSON documents; jansson and JSONTestSuite have the last word.
 */
#include "tests/unit/columns_helpers.h"

#include <dirent.h>
#include <jansson.h>

#include "columns/json.h"

static const struct cn_json_limits limits = {.max_depth = 64, .max_columns = 50, .max_rows = 5000};

static enum cn_code read_document(const char *text, size_t len, struct cn_error *error) {
    struct cn_json_document document;
    struct cn_arena arena;
    char *copy = exact_copy(text, len);

    cn_arena_init(&arena, 4096);
    cn_error_init(error);
    enum cn_code code = cn_json_read_document(cn_str(copy, len), &limits, &arena, &document, error);
    assert_int_equal(code, error->code);
    cn_arena_release(&arena);
    free(copy);
    return code;
}

/* ---- documents ---------------------------------------------------------------------------- */

static void members(void **state) {
    (void)state;
    static const char text[] = " {\"let\": {\"a\\u0062\": [1, {}]} , \"columns\":{\"x\":[]},\n"
                               "\"l\\u0065t\":null, \"\\u0000\" : -1.5e3,\"\":\"\\\"\"}\r\n\t";
    struct cn_json_document document;
    struct cn_arena arena;
    cn_arena_init(&arena, 4096);
    assert_int_equal(cn_json_read_document(CN_STR(text), &limits, &arena, &document, NULL), CN_OK);
    assert_true(document.has_columns);
    assert_true(cn_str_is(document.columns, "{\"x\":[]}"));
    assert_int_equal(document.n_members, 4);
    assert_true(cn_str_is(document.members[0].name, "let"));
    assert_true(cn_str_is(document.members[0].value, "{\"a\\u0062\": [1, {}]}"));
    assert_true(cn_str_is(document.members[1].name, "let"));
    assert_true(cn_str_is(document.members[1].value, "null"));
    assert_true(cn_str_equal(document.members[2].name, cn_str("", 1)));
    assert_true(cn_str_is(document.members[2].value, "-1.5e3"));
    assert_true(cn_str_is(document.members[3].name, ""));
    assert_true(cn_str_is(document.members[3].value, "\"\\\"\""));
    assert_int_equal(cn_json_read_document(CN_STR("{}"), &limits, &arena, &document, NULL), CN_OK);
    assert_false(document.has_columns);
    assert_int_equal(document.n_members, 0);
    cn_arena_release(&arena);
}

static void many_members(void **state) {
    (void)state;
    struct cn_buf text = CN_BUF_INIT;
    struct cn_json_document document;
    struct cn_arena arena;
    for (int i = 0; i < 1000; i++)
        assert_true(cn_buf_printf(&text, "%c\"m%d\": [%d]", i ? ',' : '{', i, i));
    assert_true(cn_buf_add_c(&text, "}"));
    cn_arena_init(&arena, 4096);
    assert_int_equal(cn_json_read_document(cn_buf_str(&text), &limits, &arena, &document, NULL),
                     CN_OK);
    assert_int_equal(document.n_members, 1000);
    for (int i = 0; i < 1000; i++) {
        char value[16];
        snprintf(value, sizeof value, "[%d]", i);
        assert_true(cn_str_is(document.members[i].value, value));
    }
    cn_arena_release(&arena);
    cn_buf_release(&text);
}

static void check_document(const char *text, size_t len, enum cn_code code, const char *word) {
    struct cn_error error;
    enum cn_code got = read_document(text, len, &error);
    if (got != code || !strstr(error.detail, word))
        show_text(error.detail, text, len);
    assert_int_equal(got, code);
    assert_non_null(strstr(error.detail, word));
}

#define DOCUMENT(text, code, word) check_document(text, sizeof(text) - 1, code, word)

static void faults(void **state) {
    (void)state;
    DOCUMENT("", CN_INVALID_JSON, "Line 1, column 1 (byte 0): expected a value, found the end");
    DOCUMENT("{\"a\":\n [1, \xC3\xA9]}", CN_INVALID_JSON, "Line 2, column 6 (byte 11)");
    DOCUMENT("{\"\xC3\xA9\":x}", CN_INVALID_JSON, "Line 1, column 6 (byte 6): expected a value");
    DOCUMENT("{\"a\":01}", CN_INVALID_JSON, "zero");
    DOCUMENT("{\"a\":1.}", CN_INVALID_JSON, "a digit behind the point, found '}'");
    DOCUMENT("{\"a\":1e+}", CN_INVALID_JSON, "exponent");
    DOCUMENT("{\"a\":-}", CN_INVALID_JSON, "a digit");
    DOCUMENT("{\"a\":+1}", CN_INVALID_JSON, "a value, found '+'");
    DOCUMENT("{\"a\":NaN}", CN_INVALID_JSON, "a value, found 'N'");
    DOCUMENT("{\"a\":tru}", CN_INVALID_JSON, "true, false and null");
    DOCUMENT("{\"a\":[1 2]}", CN_INVALID_JSON, "',' or ']', found '2'");
    DOCUMENT("{\"a\":[1,]}", CN_INVALID_JSON, "a value, found ']'");
    DOCUMENT("{\"a\":1,}", CN_INVALID_JSON, "a name");
    DOCUMENT("{\"a\" 1}", CN_INVALID_JSON, "':'");
    DOCUMENT("{\"a\":1} x", CN_INVALID_JSON, "behind the document, found 'x'");
    DOCUMENT("{\"a\":1}\0", CN_INVALID_JSON, "the byte 0x00");
    DOCUMENT("{\"a\":1\0}", CN_INVALID_JSON, "the byte 0x00");
    DOCUMENT("{\"a\":\"\0\"}", CN_INVALID_JSON, "controls must be escaped");
    DOCUMENT("{\"a\":\"\t\"}", CN_INVALID_JSON, "controls must be escaped");
    DOCUMENT("{\"a\":\"x}", CN_INVALID_JSON, "closing quote");
    DOCUMENT("{\"a\":\"\\x\"}", CN_INVALID_JSON, "behind a backslash");
    DOCUMENT("{\"a\":\"\\u12G4\"}", CN_INVALID_JSON, "hexadecimal digits behind \\u, found 'G'");
    DOCUMENT("{\"a\":\"\\u12", CN_INVALID_JSON, "hexadecimal");
    DOCUMENT("{\"a\":\"\\", CN_INVALID_JSON, "backslash");
    DOCUMENT("{\"a\":\"\xE9\"}", CN_INVALID_ENCODING, "Line 1, column 7 (byte 6): the byte 0xE9");
    DOCUMENT("{\"a\":\"\xC3", CN_INVALID_ENCODING, "0xC3");
    DOCUMENT("{\"a\":\"\xED\xA0\x80\"}", CN_INVALID_ENCODING, "0xED");
    DOCUMENT("{\"\xC0\x80\":1}", CN_INVALID_ENCODING, "0xC0");
    DOCUMENT("{\"a\":\"\\ud800\"}", CN_INVALID_ENCODING, "\\ud800");
    DOCUMENT("{\"a\":\"\\udc00\"}", CN_INVALID_ENCODING, "surrogate");
    DOCUMENT("{\"a\":\"\\ud800\\u0041\"}", CN_INVALID_ENCODING, "surrogate");
    DOCUMENT("\xEF\xBB\xBF{}", CN_INVALID_JSON, "byte-order mark");
    DOCUMENT("\xFF\xFE{\0}\0", CN_INVALID_JSON, "UTF-16");
    DOCUMENT("\xC3\xA9", CN_INVALID_JSON, "the byte 0xC3");
    DOCUMENT("[1]", CN_INVALID_PARAMETER, "not an object");
    DOCUMENT("[1", CN_INVALID_JSON, "',' or ']'");
    DOCUMENT("1", CN_INVALID_PARAMETER, "not an object");
    DOCUMENT("{\"columns\":{},\"\\u0063olumns\":{}}", CN_INVALID_PARAMETER, "more than once");
    DOCUMENT("{\"columns\":{},\"columns\":{},}", CN_INVALID_JSON, "a name");
    DOCUMENT("{\"columns\":[1]}", CN_INVALID_PARAMETER, "not an object");
    DOCUMENT("{\"a\":\"\\ud83d\\ude00 \\/\\b\\f\\n\\r\\t\\\\ \xF0\x9F\x98\x80\"}", CN_OK, "");
}

/* Every byte in every place of a string that is longer than a machine word. */
static void every_byte(void **state) {
    (void)state;
    for (size_t at = 6; at < 6 + 20; at++) {
        for (int byte = 0; byte < 256; byte++) {
            char text[] = "{\"a\":\"nnnnnnnnnnnnnnnnnnnnn\\n\"}";
            struct cn_error error;
            text[at] = (char)byte;
            enum cn_code expected = byte < 0x20    ? CN_INVALID_JSON
                                    : byte >= 0x80 ? CN_INVALID_ENCODING
                                    : byte == '"'  ? CN_INVALID_JSON
                                                   : CN_OK;
            assert_int_equal(read_document(text, sizeof text - 1, &error), expected);
        }
    }
}

static void depth(void **state) {
    (void)state;
    struct cn_error error;
    for (size_t levels = 1; levels < 200; levels++) {
        struct cn_buf text = CN_BUF_INIT;
        for (size_t i = 1; i < levels; i++)
            assert_true(cn_buf_add_c(&text, i % 2 ? "{\"a\":" : "["));
        assert_true(cn_buf_add_c(&text, "{}"));
        for (size_t i = levels; i-- > 1;)
            assert_true(cn_buf_add_c(&text, i % 2 ? "}" : "]"));
        enum cn_code code = read_document(text.data, text.len, &error);
        assert_int_equal(code, levels <= limits.max_depth ? CN_OK : CN_LIMIT_EXCEEDED);
        if (code != CN_OK)
            assert_string_equal(error.limit, "--max-json-depth");
        cn_buf_release(&text);
    }
}

/* ---- JSONTestSuite ------------------------------------------------------------------------- */

static struct cn_buf read_file(const char *path) {
    struct cn_buf text = CN_BUF_INIT;
    FILE *file = fopen(path, "rb");
    char piece[4096];
    size_t n;
    assert_non_null(file);
    while ((n = fread(piece, 1, sizeof piece, file)) > 0)
        assert_true(cn_buf_add(&text, piece, n));
    fclose(file);
    return text;
}

static void test_suite(void **state) {
    (void)state;
    const char *corpora = getenv("CORPORA");
    char folder[4096], path[8192];
    size_t accepted = 0, rejected = 0;
    snprintf(folder, sizeof folder, "%s/JSONTestSuite/test_parsing", corpora ? corpora : ".");
    DIR *dir = corpora ? opendir(folder) : NULL;
    if (!dir) {
        print_message("skipped: JSONTestSuite is not in the folder that CORPORA names\n");
        skip();
    }
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (!strstr(entry->d_name, ".json"))
            continue;
        struct cn_error error;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        struct cn_buf text = read_file(path), inside = CN_BUF_INIT;
        enum cn_code code = read_document(text.data, text.len, &error);
        /* and as a member's value */
        assert_true(cn_buf_add_c(&inside, "{\"a\":"));
        assert_true(cn_buf_add_str(&inside, cn_buf_str(&text)));
        assert_true(cn_buf_add_c(&inside, "}"));
        enum cn_code inner = read_document(inside.data, inside.len, &error);
        bool good = code == CN_OK || code == CN_INVALID_PARAMETER;
        if (entry->d_name[0] == 'y') {
            if (!good || inner != CN_OK)
                fail_msg("%s is refused: %s", entry->d_name, error.detail);
            accepted++;
        } else if (entry->d_name[0] == 'n') {
            if (good)
                fail_msg("%s is accepted", entry->d_name);
            /* (a few texts become valid inside an object) */
            rejected++;
        }
        cn_buf_release(&text);
        cn_buf_release(&inside);
    }
    closedir(dir);
    assert_true(accepted > 90 && rejected > 180);
}

/* ---- jansson ------------------------------------------------------------------------------- */

/* Valid or not: the scanner and jansson agree on mangled documents. (jansson keeps to RFC 8259
 * but for a NUL behind a number, numbers that it cannot hold, and \u0000 in names.) */
static void same_verdict_as_jansson(void **state) {
    (void)state;
    static const char seed[] = "{\"a\": [1, -2.5e3, true, null, \"x\\n\\u00e9\xC3\xA9\"], "
                               "\"b\": {\"c\": [[], {}, false]}}";
    static const char letters[] = "{}[],:\"\\u0123e+-.truefalsnl \n\xC3\xA9";
    struct dice dice = {9};
    size_t agreed_good = 0;
    for (int round = 0; round < 40000; round++) {
        char text[sizeof seed + 8];
        struct cn_error error;
        size_t len = sizeof seed - 1;
        memcpy(text, seed, len);
        for (size_t n = 1 + dice_below(&dice, 2); n > 0; n--) {
            size_t at = dice_below(&dice, len);
            switch (dice_below(&dice, 3)) {
            case 0:
                text[at] = letters[dice_below(&dice, sizeof letters - 1)];
                break;
            case 1:
                memmove(text + at, text + at + 1, --len - at);
                break;
            default:
                memmove(text + at + 1, text + at, len++ - at);
                text[at] = letters[dice_below(&dice, sizeof letters - 1)];
            }
        }
        json_t *oracle = json_loadb(text, len, JSON_ALLOW_NUL, NULL);
        enum cn_code code = read_document(text, len, &error);
        if ((oracle != NULL) != (code == CN_OK)) {
            /* a number that only jansson refuses to hold */
            if (oracle || !memchr(text, 'e', len))
                show_text(error.detail, text, len);
            assert_false(oracle != NULL);
            assert_non_null(memchr(text, 'e', len));
        }
        agreed_good += oracle != NULL;
        json_decref(oracle);
    }
    assert_true(agreed_good > 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members),
        cmocka_unit_test(many_members),
        cmocka_unit_test(faults),
        cmocka_unit_test(every_byte),
        cmocka_unit_test(depth),
        cmocka_unit_test(test_suite),
        cmocka_unit_test(same_verdict_as_jansson),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

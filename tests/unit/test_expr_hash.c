/* Row hashes and table digests. Expected values are from Python's hashlib. */
#include "tests/unit/expr_helpers.h"

#include <xxhash.h>

/* The value of an expression in one row must be `expected`. */
static void row_is_at(const char *expression, size_t row, const char *expected, const char *file,
                      int line) {
    char let[1024];
    struct run run;
    struct cn_compile_options options = default_options();
    snprintf(let, sizeof let, "r=%s", expression);
    run_lets(&run, let, &options);
    if (run.code != CN_OK)
        print_error("%s: %s\n", expression, run.error.detail);
    _assert_int_equal(run.code, CN_OK, file, line);
    _assert_int_equal(run.outputs[0].type, CN_TYPE_STRING, file, line);
    char got[256] = "null";
    if (run.outputs[0].nulls == NULL || !run.outputs[0].nulls[row]) {
        struct cn_str text = ((const struct cn_str *)run.outputs[0].values)[row];
        snprintf(got, sizeof got, "%.*s", (int)text.len, text.data);
    }
    run_release(&run);
    _assert_string_equal(got, expected, file, line);
}
#define row_is(expression, row, expected) row_is_at(expression, row, expected, __FILE__, __LINE__)

static void the_reference_row(void **state) {
    (void)state;
    row_is("md5(42, 2.233, 23, 'hello')", 0, "de8b962de5f8b353cdc9cc1fc89f0b65");
}

static void algorithms(void **state) {
    (void)state;
    gives("md5(i, x)", "string 0dd249246235de7c89db7e76f09c0876|103d5e9316e4151c991d5e881fcf020d|"
                       "e97a6c864aa06b710afa5adabb50d591|ec0113e2105385a77eea29e61de8aa38");
    row_is("sha1(i, x)", 0, "9b125e5f408583958ad1ffa560120029bf606bc5");
    row_is("sha256(i, x)", 0, "af5e23bbd8a7df35d424fd50665aca8a237d80dbb605da032a78c557a5584b06");
    row_is("sha512(i, x)", 0,
           "c6bc4ba827c066c303984bdf10eec48b47d8f48203de88bcd06c82a9a075d4fc"
           "8c8f13013816dde590a698c6e8ee47e0b940f06ec004f99758fe8bd2699e2c65");
    row_is("sha3_256(i, x)", 0, "45233a5faaa83641973a3e61cd0f6b2ad9564d1dae9278b98e5429023b608506");
    row_is("blake2b512(i, x)", 0,
           "8eda26f0c1168187104a9fc997690c6f5166f4e2e8d55dde184f8861a0445771"
           "a98ce845b5d70fc162e89a3a48ea5547ad320a26678b6fc2553cfc72d75d6850");
    row_is("hmac_sha256(i, x, key='main')", 0,
           "81caf1a0f27f0f16ab4dde1773ebc93fa598e65c2045e18ff6c6399eabbada37");
}

static void fast_hashes(void **state) {
    (void)state;
    char expected[128];
    snprintf(expected, sizeof expected, "%016llx", (unsigned long long)XXH64("7_1.5", 5, 0));
    row_is("xxh64(i, x)", 0, expected);
    snprintf(expected, sizeof expected, "%016llx", (unsigned long long)XXH3_64bits("7_1.5", 5));
    row_is("xxh3_64(i, x)", 0, expected);
    snprintf(expected, sizeof expected, "int64 %lld|%lld|%lld|%lld", (long long)XXH64("7", 1, 0),
             (long long)XXH64("-7", 2, 0), (long long)XXH64("0", 1, 0),
             (long long)XXH64("3", 1, 0));
    gives("xxh64(i, as='int64')", expected);
}

static void keywords(void **state) {
    (void)state;
    row_is("md5(i, x, as='base64')", 0, "DdJJJGI13nyJ23528JwIdg==");
    row_is("md5(j, y)", 3, "5cd106b6ac571a5739537e7d450e68e1");           /* None_nan */
    row_is("md5(j, y, null='-')", 3, "2c6b3be40d5c612986c90bf076e64899"); /* -_- */
    row_is("md5(j, y, null=None)", 3, "null");
    row_is("md5(j, y, frame='length')", 3, "cfab1ba8c67c7c838db98d666f02a132");           /* -- */
    row_is("md5(j, y, frame='length', null='x')", 3, "cfab1ba8c67c7c838db98d666f02a132"); /* -- */
    row_is("md5(j, y, frame='length')", 0, "171a7f264def5d7cafef1ff2cb17fb66"); /* 1:23:0.5 */
    row_is("md5('a', 'b', sep='')", 0, "187ef4436122d1cc2f40dc2b92f0eba0");     /* ab */
    row_is("md5('a', 'b', sep='||')", 0, "8e4350bbfbeaae12c71013d7e16e6603");
    row_is("md5(nul)", 0, "6adf97f83acf6453d4a6a4b1070f3754");   /* None */
    row_is("md5(y * 1)", 3, "a3d2de7675556553a5f08e4c88d2c228"); /* nan */
    row_is("md5('', frame='length')", 0, "9a1c7ee2c7ce38d4bbbaf29ab9f2ac1e");
}

static void raw_texts(void **state) {
    (void)state;
    row_is("md5(x, text='raw')", 0, "a6acbd7fe3dcc4f4328712278f6da218");
    row_is("md5(i * 1, x, text='raw')", 0, "6ddd1497d1c6c0beb061e40c28a8153f");
    /* An expression has no text of its own. */
    row_is("md5(x + 0, text='raw')", 0, "6008647277c4454cecd97d33c069f0ca");
}

static void whole_rows(void **state) {
    (void)state;
    gives("md5(*)", "string 11daa2c1b4e36b7628725218c9f02ebb|b66a86a146e0c3d63462d29cb8170c6d|"
                    "382b64aa1e3c12842c0c457d234aae43|18c9dc70a3ed3a59075655dff9536bf5");
    /* `*` is the input columns, not the lets. */
    char text[256];
    struct run run;
    struct cn_compile_options options = default_options();
    run_lets(&run, "i=1\nh=md5(*)\nk=md5(i)", &options);
    assert_int_equal(run.code, CN_OK);
    vector_text(&run.outputs[1], text, sizeof text);
    assert_true(strncmp(text, "11daa2c1b4e36b7628725218c9f02ebb|b66a", 37) == 0);
    vector_text(&run.outputs[2], text, sizeof text);
    assert_true(strncmp(text, "c4ca4238a0b923820dcc509a6f75849b|c4ca", 37) == 0);
    assert_true(run.hash_ns > 0);
    run_release(&run);
}

static void hashes_of_hashes(void **state) {
    (void)state;
    row_is("upper(md5('a'))", 0, "0CC175B9C0F1B6A831C399E269772661");
    row_is("md5(md5('a'))", 0, "d7afde3e7059cd0a0fe09eec4b0008cd");
    row_is("md5(md5('a'), md5('a'), sep='') if p else 'x'", 1, "x");
}

static void failures(void **state) {
    (void)state;
    fails_in_row("md5(1 // i)", CN_DIVISION_BY_ZERO, 6, 2);
    gives("md5(7 // i) if i > 0 else ''", "string c4ca4238a0b923820dcc509a6f75849b|||"
                                          "c81e728d9d4c2f636f067f89cc14862c");
    struct run run;
    struct cn_compile_options options = default_options();
    options.null_on_error = true;
    run_lets(&run, "h=md5(7 // i)", &options);
    assert_int_equal(run.code, CN_OK);
    assert_int_equal(run.failed[0], 1);
    assert_true(run.outputs[0].nulls[2]);
    run_release(&run);
}

/* The digest of one table over the rows, as a handler computes it. */
static struct cn_table_value table_value(const struct cn_recipe *recipe, int32_t table,
                                         const struct cn_table_value *known) {
    struct cn_compile_options options = default_options();
    struct cn_program *program;
    struct cn_eval *eval;
    struct cn_table_digest *digest;
    struct cn_table_value value;
    struct cn_vector inputs[16];
    struct cn_vector output;
    struct run run = {0};
    bool null = false;
    options.table_preimage = table;
    options.tables = known;
    assert_int_equal(cn_program_compile(&program, recipe, &schema, &options, NULL), CN_OK);
    assert_int_equal(cn_program_output_type(program, 0), CN_TYPE_STRING);
    assert_int_equal(cn_eval_new(&eval, program, NULL), CN_OK);
    assert_int_equal(cn_table_digest_new(&digest, recipe, (size_t)table, &test_keyring, NULL),
                     CN_OK);
    run.program = program;
    run_inputs(&run, inputs);
    assert_int_equal(cn_eval_block(eval, inputs, ROWS, &output, NULL, 0, NULL, NULL), CN_OK);
    for (size_t i = 0; i < ROWS; i++) {
        null = null || (output.nulls != NULL && output.nulls[i]);
        assert_int_equal(
            cn_table_digest_update(digest, ((const struct cn_str *)output.values)[i], NULL), CN_OK);
    }
    assert_int_equal(cn_table_digest_end(digest, null, &value, NULL), CN_OK);
    cn_table_digest_free(digest);
    cn_eval_free(eval);
    cn_program_free(program);
    return value;
}

static void table_digests(void **state) {
    (void)state;
    struct cn_let lets[4];
    struct cn_recipe *recipe;
    struct cn_table_value values[4] = {0};
    size_t n = split_lets("a=i\nb=md5(a, x, over='table')\n"
                          "c=xxh64(b, md5(j, null=None, over='table'), as='int64', over='table')",
                          lets, 4);
    assert_int_equal(cn_recipe_parse(&recipe, lets, n, &limits, NULL), CN_OK);
    assert_int_equal(cn_recipe_tables(recipe), 3);
    assert_true(cn_recipe_uses_table(recipe, 1, 0));
    assert_false(cn_recipe_uses_table(recipe, 0, 0));
    assert_false(cn_recipe_uses_table(recipe, 1, 1));
    assert_true(cn_recipe_uses_table(recipe, 2, 0));
    assert_true(cn_recipe_uses_table(recipe, 2, 1));
    values[0] = table_value(recipe, 0, values);
    assert_string_equal(values[0].text, "e2f919b068b31f884aef4b16307e32a7");
    values[1] = table_value(recipe, 1, values);
    assert_true(values[1].known && values[1].null);
    values[2] = table_value(recipe, 2, values);
    assert_int_equal(values[2].i64, (int64_t)XXH64("e2f919b068b31f884aef4b16307e32a7_None\n"
                                                   "e2f919b068b31f884aef4b16307e32a7_None\n"
                                                   "e2f919b068b31f884aef4b16307e32a7_None\n"
                                                   "e2f919b068b31f884aef4b16307e32a7_None\n",
                                                   152, 0));
    cn_recipe_free(recipe);
    struct run run;
    struct cn_compile_options options = default_options();
    options.tables = values;
    run_lets(&run, "b=md5(i, x, over='table') + '!'\nc=md5(j, over='table', null=None)", &options);
    assert_int_equal(run.code, CN_OK);
    char text[256];
    vector_text(&run.outputs[0], text, sizeof text);
    assert_true(strncmp(text, "e2f919b068b31f884aef4b16307e32a7!|e2f9", 38) == 0);
    vector_text(&run.outputs[1], text, sizeof text);
    assert_string_equal(text, "null|null|null|null");
    run_release(&run);
}

static void table_digest_edges(void **state) {
    (void)state;
    struct cn_let let = {CN_STR("a"), CN_STR("md5(s, over='table')")};
    struct cn_recipe *recipe;
    struct cn_table_digest *digest;
    struct cn_table_value value;
    static char big[40000];
    assert_int_equal(cn_recipe_parse(&recipe, &let, 1, &limits, NULL), CN_OK);
    /* No rows at all. */
    assert_int_equal(cn_table_digest_new(&digest, recipe, 0, NULL, NULL), CN_OK);
    assert_int_equal(cn_table_digest_end(digest, false, &value, NULL), CN_OK);
    assert_string_equal(value.text, "d41d8cd98f00b204e9800998ecf8427e");
    cn_table_digest_free(digest);
    /* Texts around the size of the buffer: the same bytes in one piece. */
    memset(big, 'x', sizeof big);
    for (size_t len = 16380; len < 16390; len++) {
        char got[2][sizeof value.text];
        for (int k = 0; k < 2; k++) {
            assert_int_equal(cn_table_digest_new(&digest, recipe, 0, NULL, NULL), CN_OK);
            if (k == 0)
                assert_int_equal(cn_table_digest_update(digest, CN_STR("a"), NULL), CN_OK);
            big[1] = k == 0 ? 'x' : '\n';
            big[0] = k == 0 ? 'x' : 'a';
            assert_int_equal(
                cn_table_digest_update(digest, cn_str(big, k == 0 ? len : len + 2), NULL), CN_OK);
            assert_int_equal(cn_table_digest_end(digest, false, &value, NULL), CN_OK);
            memcpy(got[k], value.text, sizeof value.text);
            cn_table_digest_free(digest);
        }
        assert_string_equal(got[0], got[1]);
    }
    cn_recipe_free(recipe);
    /* Without the value a program that uses it says so instead of guessing. */
    struct run run;
    struct cn_compile_options options = default_options();
    run_lets(&run, "a=md5(s, over='table')", &options);
    assert_int_equal(run.code, CN_INTERNAL);
    run_release(&run);
}

static const struct cn_texts *texts_of(const struct run *run, const struct cn_texts *x,
                                       struct cn_texts *texts) {
    size_t n;
    const struct cn_program_input *inputs = cn_program_inputs(run->program, &n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(inputs[i].hashed, inputs[i].column == 2 && !inputs[i].raw);
        texts[i] = inputs[i].column == 2 && !inputs[i].raw ? *x : (struct cn_texts){0};
    }
    return texts;
}

static void digests_are(const struct run *run, size_t let, const char *const expected[ROWS]) {
    const struct cn_str *got = run->outputs[let].values;
    for (size_t row = 0; row < ROWS; row++) {
        char text[17];
        snprintf(text, sizeof text, "%016llx",
                 (unsigned long long)XXH64(expected[row], strlen(expected[row]), 0));
        assert_int_equal(got[row].len, 16);
        assert_memory_equal(got[row].data, text, 16);
    }
}

/* Texts that were shown are copied where they are canonical (these are not: that is how the copy
 * is seen), once, and only where there is room to read; others are made. */
static void shown_texts(void **state) {
    (void)state;
    static const char body[] = "<one>,<two>,<three>,<four>, and a tail of 32 bytes and more";
    const char *end = body + sizeof body - 1;
    const struct cn_field fields[ROWS] = {{body, 5, false, false},
                                          {body + 6, 5, false, false},
                                          {body + 12, 7, false, false},
                                          {body + 20, 6, false, false}};
    static const uint8_t canonical = CN_FIELD_FLOAT64 | CN_FIELD_CANONICAL;
    static const uint8_t marks[ROWS] = {canonical, CN_FIELD_FLOAT64, canonical, canonical};
    struct cn_texts x = {fields, marks, end}, texts[8];
    struct cn_compile_options options = default_options();
    struct cn_vector vectors[64];
    struct run run;
    run_lets(&run,
             "r=xxh64(x)\na=x\nb=xxh64(a, x, sep='--')\nc=xxh64(x + 0, x, frame='length')\n"
             "d=xxh64(x, x)\ne=xxh64(x, text='raw')",
             &options);
    assert_int_equal(run.code, CN_OK);
    run_inputs(&run, vectors);
    cn_eval_show_texts(run.eval, texts_of(&run, &x, texts));
    assert_int_equal(cn_eval_block(run.eval, vectors, ROWS, run.outputs, run.failed, 0, NULL, NULL),
                     CN_OK);
    digests_are(&run, 0, (const char *[]){"<one>", "-0.0", "<three>", "<four>"});
    digests_are(
        &run, 2,
        (const char *[]){"<one>--<one>", "-0.0---0.0", "<three>--<three>", "<four>--<four>"});
    digests_are(
        &run, 3,
        (const char *[]){"3:1.55:<one>", "3:0.04:-0.0", "6:1e+3007:<three>", "3:2.06:<four>"});
    digests_are(&run, 4,
                (const char *[]){"<one>_<one>", "-0.0_-0.0", "<three>_<three>", "<four>_<four>"});
    digests_are(&run, 5, (const char *[]){"1.50", "-0", "1e300", "2"});
    /* they were shown for that block alone */
    assert_int_equal(cn_eval_block(run.eval, vectors, ROWS, run.outputs, run.failed, 0, NULL, NULL),
                     CN_OK);
    digests_are(&run, 0, (const char *[]){"1.5", "-0.0", "1e+300", "2.0"});
    /* too near to the end of the text */
    x.end = body + 12 + CN_DOUBLE_TEXT;
    cn_eval_show_texts(run.eval, texts_of(&run, &x, texts));
    assert_int_equal(cn_eval_block(run.eval, vectors, ROWS, run.outputs, run.failed, 0, NULL, NULL),
                     CN_OK);
    digests_are(&run, 0, (const char *[]){"<one>", "-0.0", "<three>", "2.0"});
    run_release(&run);
}

/* Texts of many lengths, so that rows are put together in all the ways that there are. */
static void long_rows(void **state) {
    (void)state;
    static char big[3 << 20];
    struct cn_str strings[ROWS] = {
        {big, sizeof big}, {big, 0}, {big, 1 << 20}, {big, (1 << 20) - 1}};
    struct cn_compile_options options = default_options();
    struct cn_vector vectors[64];
    struct run run;
    char *text = malloc(2 * sizeof big + 64);
    assert_non_null(text);
    memset(big, 'b', sizeof big);
    run_lets(&run, "r=xxh64(s, x, s)", &options);
    assert_int_equal(run.code, CN_OK);
    run_inputs(&run, vectors);
    for (size_t i = 0; i < 2; i++)
        if (vectors[i].type == CN_TYPE_STRING)
            vectors[i].values = strings;
    assert_int_equal(cn_eval_block(run.eval, vectors, ROWS, run.outputs, run.failed, 0, NULL, NULL),
                     CN_OK);
    for (size_t row = 0; row < ROWS; row++) {
        const struct cn_str *got = (const struct cn_str *)run.outputs[0].values + row;
        char expected[17];
        size_t len = strings[row].len;
        memcpy(text, big, len);
        text[len++] = '_';
        len += cn_double_format(column_x[row], text + len);
        text[len++] = '_';
        memcpy(text + len, big, strings[row].len);
        len += strings[row].len;
        snprintf(expected, sizeof expected, "%016llx", (unsigned long long)XXH64(text, len, 0));
        assert_memory_equal(got->data, expected, 16);
    }
    free(text);
    run_release(&run);
}

/* Writers do not look into texts that are said to be digests in hex. */
static void outputs_in_hex(void **state) {
    (void)state;
    static const bool expected[] = {true, true, false, false, false, true, false, false};
    bool wanted[] = {true, true, true, true, true, true, true, false};
    struct cn_compile_options options = default_options();
    struct run run;
    options.wanted = wanted;
    run_lets(&run,
             "a=md5(i)\nb=a\nc=a + s\nd=sha1(x, as='base64')\ne=xxh64(x, as='int64')\n"
             "f=xxh64(a, null=None)\ng=coalesce(md5(nul, null=None), s)\nh=md5(x)",
             &options);
    assert_int_equal(run.code, CN_OK);
    for (size_t let = 0; let < sizeof expected / sizeof expected[0]; let++)
        assert_int_equal(cn_program_output_is_hex(run.program, let), expected[let]);
    run_release(&run);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reference_row), cmocka_unit_test(algorithms),
        cmocka_unit_test(fast_hashes),       cmocka_unit_test(keywords),
        cmocka_unit_test(raw_texts),         cmocka_unit_test(whole_rows),
        cmocka_unit_test(hashes_of_hashes),  cmocka_unit_test(failures),
        cmocka_unit_test(table_digests),     cmocka_unit_test(table_digest_edges),
        cmocka_unit_test(shown_texts),       cmocka_unit_test(long_rows),
        cmocka_unit_test(outputs_in_hex),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

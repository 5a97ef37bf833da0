/*
 * Fuzz target: expressions. The first byte holds options, the rest is one let a line,
 * NAME=EXPRESSION.
 *
 * What must hold: the canonical form parses to the same canonical form; an error points into its
 * text; checking finds an error where compiling does, and the same first one; a block gives what
 * its rows give one by one; a row that fails under on_error=fail is null under on_error=null, and
 * the lowest of them is the one reported.
 */
#include "expr/expr.h"
#include "tests/fuzz/check.h"

#include <math.h>

#define ROWS 6
#define MAX_LETS 32

static const int64_t ints[ROWS] = {0, 1, -1, INT64_MAX, INT64_MIN, 42};
static const int64_t smalls[ROWS] = {3, 0, -2, 64, 63, 7};
static const double floats[ROWS] = {0.0, -0.0, 1.5, 1e300, -INFINITY, NAN};
static const uint8_t bools[ROWS] = {1, 0, 1, 0, 1, 0};
static const struct cn_str strings[ROWS] = {{"", 0},         {"hello", 5}, {" 12 ", 4},
                                            {"\xc3\x84", 2}, {"1e5", 3},   {"a\0b", 3}};
static const uint8_t marks[ROWS] = {0, 0, 1, 0, 1, 0};
static const uint8_t all_marks[ROWS] = {1, 1, 1, 1, 1, 1};

static const struct cn_schema_column columns[] = {
    {{"a", 1}, CN_TYPE_INT64, true, true},    {{"b", 1}, CN_TYPE_INT64, true, true},
    {{"x", 1}, CN_TYPE_FLOAT64, true, true},  {{"y", 1}, CN_TYPE_FLOAT64, false, false},
    {{"p", 1}, CN_TYPE_BOOL, true, true},     {{"q", 1}, CN_TYPE_BOOL, true, true},
    {{"s", 1}, CN_TYPE_STRING, true, true},   {{"t", 1}, CN_TYPE_STRING, true, false},
    {{"n", 1}, CN_TYPE_NULL, true, true},     {{"odd name", 8}, CN_TYPE_INT64, true, true},
    {{"twice", 5}, CN_TYPE_BOOL, true, true}, {{"twice", 5}, CN_TYPE_BOOL, true, true},
};
static const struct cn_schema schema = {columns, sizeof columns / sizeof columns[0]};
static const struct cn_vector vectors[] = {
    {CN_TYPE_INT64, ints, NULL},     {CN_TYPE_INT64, smalls, marks},
    {CN_TYPE_FLOAT64, floats, NULL}, {CN_TYPE_FLOAT64, floats, marks},
    {CN_TYPE_BOOL, bools, NULL},     {CN_TYPE_BOOL, bools, marks},
    {CN_TYPE_STRING, strings, NULL}, {CN_TYPE_STRING, strings, marks},
    {CN_TYPE_NULL, NULL, all_marks}, {CN_TYPE_INT64, ints, NULL},
    {CN_TYPE_BOOL, bools, NULL},     {CN_TYPE_BOOL, bools, NULL},
};
static const struct cn_vector raw = {CN_TYPE_STRING, strings, marks};
static struct cn_key key;
static const struct cn_keyring keyring = {&key, 1};

__attribute__((constructor)) static void make_key(void) {
    if (!cn_key_make(&key, CN_STR("k"), CN_STR("secret")))
        abort();
}
static const struct cn_expr_limits limits = {4096, 512, 60};

static size_t split(const char *text, size_t size, struct cn_let *lets) {
    size_t n = 0;
    const char *end = text + size;
    while (text < end && n < MAX_LETS) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        if (stop == NULL)
            stop = end;
        const char *equals = memchr(text, '=', (size_t)(stop - text));
        const char *name_end = equals != NULL ? equals : text;
        lets[n].name = cn_str(text, (size_t)(name_end - text));
        text = equals != NULL ? equals + 1 : text;
        lets[n].text = cn_str(text, (size_t)(stop - text));
        n++;
        text = stop < end ? stop + 1 : end;
    }
    return n;
}

static void check_error(const struct cn_error *error, enum cn_code code, const struct cn_let *lets,
                        size_t n) {
    CHECK(error->code == code && error->detail[0] != '\0');
    CHECK(error->let >= 0 && (size_t)error->let < n);
    CHECK(error->position >= 0 && (size_t)error->position <= lets[error->let].text.len);
}

static void check_canonical(const struct cn_recipe *recipe, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct cn_buf once = CN_BUF_INIT;
        struct cn_buf twice = CN_BUF_INIT;
        struct cn_let let = {cn_recipe_name(recipe, i), {0}};
        struct cn_recipe *again;
        /* Printing can lengthen a text, and never deepens it. */
        struct cn_expr_limits wide = {1 << 20, limits.max_nodes, limits.max_depth};
        CHECK(cn_recipe_print(recipe, i, &once));
        const char *equals = once.data;
        for (bool quoted = false; quoted || memcmp(equals, " = ", 3) != 0; equals++)
            quoted = *equals == '`' ? !quoted : quoted;
        let.text = cn_str(equals + 3, once.len - (size_t)(equals + 3 - once.data));
        CHECK(cn_recipe_parse(&again, &let, 1, &wide, NULL) == CN_OK);
        CHECK(cn_recipe_print(again, 0, &twice));
        CHECK(cn_str_equal(cn_buf_str(&once), cn_buf_str(&twice)));
        cn_recipe_free(again);
        cn_buf_release(&once);
        cn_buf_release(&twice);
    }
}

/* Evaluates rows [first, first + rows) of the table. */
static enum cn_code evaluate(struct cn_eval *eval, const struct cn_program *program, size_t first,
                             size_t rows, struct cn_vector *outputs, uint64_t *failed,
                             struct cn_error *error) {
    static const size_t widths[] = {0, 1, 8, 8, sizeof(struct cn_str)};
    struct cn_vector inputs[24];
    size_t n;
    const struct cn_program_input *wanted = cn_program_inputs(program, &n);
    CHECK(n <= 24);
    for (size_t i = 0; i < n; i++) {
        inputs[i] = wanted[i].raw ? raw : vectors[wanted[i].column];
        inputs[i].values = (const char *)inputs[i].values + first * widths[inputs[i].type];
        inputs[i].nulls = inputs[i].nulls != NULL ? inputs[i].nulls + first : NULL;
    }
    return cn_eval_block(eval, inputs, rows, outputs, failed, 0, NULL, error);
}

static bool same_value(const struct cn_vector *a, size_t i, const struct cn_vector *b, size_t k) {
    bool a_null = a->type == CN_TYPE_NULL || (a->nulls != NULL && a->nulls[i]);
    bool b_null = b->type == CN_TYPE_NULL || (b->nulls != NULL && b->nulls[k]);
    if (a->type != b->type || a_null != b_null)
        return false;
    if (a_null)
        return true;
    switch (a->type) {
    case CN_TYPE_STRING:
        return cn_str_equal(((const struct cn_str *)a->values)[i],
                            ((const struct cn_str *)b->values)[k]);
    case CN_TYPE_BOOL:
        CHECK(((const uint8_t *)a->values)[i] <= 1);
        return ((const uint8_t *)a->values)[i] == ((const uint8_t *)b->values)[k];
    default: {
        double x = ((const double *)a->values)[i];
        double y = ((const double *)b->values)[k];
        return memcmp(&x, &y, 8) == 0 || (a->type == CN_TYPE_FLOAT64 && isnan(x) && isnan(y));
    }
    }
}

/* The block against its rows; `lowest`: the first row in which a let failed, or ROWS. */
static void check_rows(const struct cn_program *program, size_t n, size_t *lowest) {
    struct cn_eval *whole;
    struct cn_eval *single;
    struct cn_vector outputs[MAX_LETS];
    struct cn_vector row[MAX_LETS];
    uint64_t failed[MAX_LETS] = {0};
    uint64_t row_failed[MAX_LETS] = {0};
    uint64_t before = 0;
    CHECK(cn_eval_new(&whole, program, NULL) == CN_OK);
    CHECK(cn_eval_new(&single, program, NULL) == CN_OK);
    *lowest = ROWS;
    enum cn_code code = evaluate(whole, program, 0, ROWS, outputs, failed, NULL);
    CHECK(code == CN_OK || code == CN_LIMIT_EXCEEDED);
    for (size_t i = 0; code == CN_OK && i < ROWS; i++) {
        CHECK(evaluate(single, program, i, 1, row, row_failed, NULL) == CN_OK);
        uint64_t sum = 0;
        for (size_t k = 0; k < n; k++) {
            CHECK(same_value(&outputs[k], i, &row[k], 0));
            sum += row_failed[k];
        }
        if (sum > before && *lowest == ROWS)
            *lowest = i;
        before = sum;
    }
    for (size_t k = 0; code == CN_OK && k < n; k++)
        CHECK(failed[k] == row_failed[k]);
    if (code != CN_OK)
        *lowest = SIZE_MAX;
    cn_eval_free(whole);
    cn_eval_free(single);
}

static void check_failing(const struct cn_program *program, const struct cn_let *lets, size_t n,
                          size_t lowest) {
    struct cn_eval *eval;
    struct cn_vector outputs[MAX_LETS];
    struct cn_error error;
    cn_error_init(&error);
    CHECK(cn_eval_new(&eval, program, NULL) == CN_OK);
    enum cn_code code = evaluate(eval, program, 0, ROWS, outputs, NULL, &error);
    if (lowest != SIZE_MAX) {
        CHECK((code == CN_OK) == (lowest == ROWS));
        if (code != CN_OK) {
            check_error(&error, code, lets, n);
            CHECK((size_t)error.row == lowest);
        }
    }
    cn_eval_free(eval);
}

static void check_program(const struct cn_recipe *recipe, struct cn_compile_options *options,
                          const struct cn_let *lets, size_t n) {
    struct cn_program *program;
    struct cn_error error;
    size_t lowest;
    cn_error_init(&error);
    options->null_on_error = true;
    enum cn_code code = cn_program_compile(&program, recipe, &schema, options, &error);
    enum cn_type types[MAX_LETS];
    bool failed[MAX_LETS];
    struct cn_error found[MAX_LETS];
    size_t count =
        cn_expr_check(lets, n, &schema, options, &limits, types, failed, NULL, found, MAX_LETS);
    CHECK((count == 0) == (code == CN_OK));
    if (code != CN_OK) {
        check_error(&error, code, lets, n);
        CHECK(found[0].code == code && found[0].let == error.let &&
              found[0].position == error.position);
        return;
    }
    for (size_t i = 0; i < n; i++)
        CHECK(types[i] == cn_program_output_type(program, i));
    check_rows(program, n, &lowest);
    cn_program_free(program);
    options->null_on_error = false;
    CHECK(cn_program_compile(&program, recipe, &schema, options, NULL) == CN_OK);
    check_failing(program, lets, n, lowest);
    cn_program_free(program);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct cn_let lets[MAX_LETS];
    struct cn_table_value tables[MAX_LETS * 8] = {0};
    struct cn_recipe *recipe;
    struct cn_error error;
    if (size < 1)
        return 0;
    cn_error_init(&error);
    size_t n = split((const char *)data + 1, size - 1, lets);
    enum cn_code code = cn_recipe_parse(&recipe, lets, n, &limits, &error);
    if (code != CN_OK) {
        CHECK(recipe == NULL);
        check_error(&error, code, lets, n);
        return 0;
    }
    check_canonical(recipe, n);
    if (cn_recipe_tables(recipe) <= sizeof tables / sizeof tables[0]) {
        for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
            tables[i] =
                (struct cn_table_value){.known = true, .null = i % 3 == 2, .text = "digest"};
        struct cn_compile_options options = {.wrap_overflow = (data[0] & 1) != 0,
                                             .keys = &keyring,
                                             .tables = tables,
                                             .table_preimage = -1};
        check_program(recipe, &options, lets, n);
    }
    cn_recipe_free(recipe);
    return 0;
}

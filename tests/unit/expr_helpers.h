/*
 * expr_helpers.h: a small fixed table, and expressions evaluated on it, for the tests of expr/.
 */
#ifndef CN_TESTS_EXPR_HELPERS_H
#define CN_TESTS_EXPR_HELPERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "expr/expr.h"
#include "kernels/number.h"

#define ROWS 4

/* Columns: i j int64, x y float64, p q bool, s t string, nul (nothing but nulls), `odd name` int64,
 * and two called dup. Row 3 of j, y, q and t is null. */
static const int64_t column_i[ROWS] = {7, -7, 0, 3};
static const int64_t column_j[ROWS] = {2, 2, -3, 99};
static const double column_x[ROWS] = {1.5, -0.0, 1e300, 2.0};
static const double column_y[ROWS] = {0.5, 2.0, -1.0, 99.0};
static const uint8_t column_p[ROWS] = {1, 0, 1, 0};
static const uint8_t column_q[ROWS] = {1, 1, 0, 0};
static const struct cn_str column_s[ROWS] = {
    {"hello", 5}, {"", 0}, {"\xc3\x84pfel", 6}, {" 12 ", 4}};
static const struct cn_str column_t[ROWS] = {{"l", 1}, {"x", 1}, {"pf", 2}, {"?", 1}};
static const uint8_t last_null[ROWS] = {0, 0, 0, 1};
static const uint8_t all_null[ROWS] = {1, 1, 1, 1};

static const struct cn_schema_column schema_columns[] = {
    {{"i", 1}, CN_TYPE_INT64, true, true},   {{"j", 1}, CN_TYPE_INT64, true, true},
    {{"x", 1}, CN_TYPE_FLOAT64, true, true}, {{"y", 1}, CN_TYPE_FLOAT64, true, true},
    {{"p", 1}, CN_TYPE_BOOL, true, true},    {{"q", 1}, CN_TYPE_BOOL, true, true},
    {{"s", 1}, CN_TYPE_STRING, true, true},  {{"t", 1}, CN_TYPE_STRING, true, false},
    {{"nul", 3}, CN_TYPE_NULL, true, true},  {{"odd name", 8}, CN_TYPE_INT64, true, true},
    {{"dup", 3}, CN_TYPE_INT64, true, true}, {{"dup", 3}, CN_TYPE_INT64, true, true},
};
static const struct cn_schema schema = {schema_columns,
                                        sizeof schema_columns / sizeof schema_columns[0]};
static const struct cn_expr_limits limits = {16384, 4096, 200};

static const struct cn_vector column_vectors[] = {
    {CN_TYPE_INT64, column_i, NULL},   {CN_TYPE_INT64, column_j, last_null},
    {CN_TYPE_FLOAT64, column_x, NULL}, {CN_TYPE_FLOAT64, column_y, last_null},
    {CN_TYPE_BOOL, column_p, NULL},    {CN_TYPE_BOOL, column_q, last_null},
    {CN_TYPE_STRING, column_s, NULL},  {CN_TYPE_STRING, column_t, last_null},
    {CN_TYPE_NULL, NULL, all_null},    {CN_TYPE_INT64, column_i, NULL},
    {CN_TYPE_INT64, column_i, NULL},   {CN_TYPE_INT64, column_i, NULL},
};
/* The fields of the columns as a CSV text has them. */
static const struct cn_str raw_fields[ROWS] = {{"1.50", 4}, {"-0", 2}, {"1e300", 5}, {"2", 1}};
static const struct cn_vector raw_vector = {CN_TYPE_STRING, raw_fields, NULL};

static struct cn_key test_keys[1];
static const struct cn_keyring test_keyring = {test_keys, 1};

__attribute__((constructor)) static void make_test_keys(void) {
    if (!cn_key_make(&test_keys[0], CN_STR("main"), CN_STR("secret")))
        abort();
}

/* A computation over the table, with everything that must be released. */
struct run {
    struct cn_recipe *recipe;
    struct cn_program *program;
    struct cn_eval *eval;
    struct cn_vector outputs[64];
    uint64_t failed[64];
    int64_t hash_ns;
    struct cn_error error;
    enum cn_code code; /* of the first part that failed */
};

static inline struct cn_compile_options default_options(void) {
    return (struct cn_compile_options){.keys = &test_keyring, .table_preimage = -1};
}

/* "name = expression" lines; each is one let. */
static inline size_t split_lets(const char *text, struct cn_let *lets, size_t max) {
    size_t n = 0;
    while (*text != '\0' && n < max) {
        size_t len = strcspn(text, "\n");
        size_t name = 0;
        while (name < len && text[name] != '=')
            name++;
        lets[n].name = cn_str(text, name);
        lets[n].text = cn_str(text + name + 1, len - name - 1);
        n++;
        text += len + (text[len] == '\n');
    }
    return n;
}

static inline void run_inputs(const struct run *run, struct cn_vector *vectors) {
    size_t n;
    const struct cn_program_input *inputs = cn_program_inputs(run->program, &n);
    for (size_t i = 0; i < n; i++)
        vectors[i] = inputs[i].raw ? raw_vector : column_vectors[inputs[i].column];
}

/* lets: "a=x + 1\nb=a * 2". Whatever fails first is in run->code and run->error. */
static inline void run_lets(struct run *run, const char *lets_text,
                            const struct cn_compile_options *options) {
    struct cn_let lets[64];
    struct cn_vector vectors[64];
    *run = (struct run){0};
    cn_error_init(&run->error);
    size_t n = split_lets(lets_text, lets, 64);
    run->code = cn_recipe_parse(&run->recipe, lets, n, &limits, &run->error);
    if (run->code == CN_OK)
        run->code = cn_program_compile(&run->program, run->recipe, &schema, options, &run->error);
    if (run->code == CN_OK)
        run->code = cn_eval_new(&run->eval, run->program, &run->error);
    if (run->code != CN_OK)
        return;
    run_inputs(run, vectors);
    run->code = cn_eval_block(run->eval, vectors, ROWS, run->outputs, run->failed, 0, &run->hash_ns,
                              &run->error);
}

static inline void run_release(struct run *run) {
    cn_eval_free(run->eval);
    cn_program_free(run->program);
    cn_recipe_free(run->recipe);
}

/* One value of a vector as text; returns its length. */
static inline size_t value_text(const struct cn_vector *vector, size_t i, char *out, size_t size) {
    char number[CN_DOUBLE_TEXT];
    struct cn_str text = CN_STR("null");
    if (vector->type == CN_TYPE_NULL || (vector->nulls != NULL && vector->nulls[i]))
        ;
    else if (vector->type == CN_TYPE_STRING)
        text = ((const struct cn_str *)vector->values)[i];
    else if (vector->type == CN_TYPE_BOOL)
        text = ((const uint8_t *)vector->values)[i] ? CN_STR("True") : CN_STR("False");
    else if (vector->type == CN_TYPE_INT64)
        text = cn_str(number, cn_int64_format(((const int64_t *)vector->values)[i], number));
    else
        text = cn_str(number, cn_double_format(((const double *)vector->values)[i], number));
    return (size_t)snprintf(out, size, "%.*s", (int)text.len, text.data);
}

/* "1.5|-0.0|null|2.0": a vector as text. */
static inline void vector_text(const struct cn_vector *vector, char *out, size_t size) {
    size_t at = 0;
    for (size_t i = 0; i < ROWS && at + 1 < size; i++) {
        if (i > 0)
            out[at++] = '|';
        at += value_text(vector, i, out + at, size - at);
    }
}

/* The same of output 0, evaluated row by row. The first row that fails ends it: its number is in
 * *failed_row then, and its code and error in `run`. */
static inline void row_by_row_text(struct run *run, char *out, size_t size, int64_t *failed_row) {
    static const size_t widths[] = {[CN_TYPE_NULL] = 0,
                                    [CN_TYPE_BOOL] = 1,
                                    [CN_TYPE_INT64] = 8,
                                    [CN_TYPE_FLOAT64] = 8,
                                    [CN_TYPE_STRING] = sizeof(struct cn_str)};
    struct cn_vector vectors[64];
    size_t n, at = 0;
    cn_program_inputs(run->program, &n);
    *failed_row = -1;
    for (size_t row = 0; row < ROWS && at + 1 < size; row++) {
        run_inputs(run, vectors);
        for (size_t i = 0; i < n; i++) {
            if (vectors[i].values != NULL)
                vectors[i].values = (const char *)vectors[i].values + row * widths[vectors[i].type];
            if (vectors[i].nulls != NULL)
                vectors[i].nulls += row;
        }
        cn_error_init(&run->error);
        run->code = cn_eval_row(run->eval, vectors, run->outputs, NULL, NULL, &run->error);
        if (run->code != CN_OK) {
            *failed_row = (int64_t)row;
            return;
        }
        if (row > 0)
            out[at++] = '|';
        at += value_text(&run->outputs[0], 0, out + at, size - at);
    }
}

/* The value of one expression must be `expected`, preceded by its type: "int64 7|-7|0|3". */
static inline void gives_at(const char *expression, const char *expected,
                            const struct cn_compile_options *options, const char *file, int line) {
    char let[8192];
    char values[4096];
    char single[4096] = "";
    char got[4400];
    int64_t failed_row;
    struct run run;
    snprintf(let, sizeof let, "r=%s", expression);
    run_lets(&run, let, options);
    if (run.code != CN_OK) {
        snprintf(got, sizeof got, "%s", run.error.detail);
    } else {
        vector_text(&run.outputs[0], values, sizeof values);
        snprintf(got, sizeof got, "%s %s", cn_type_name(run.outputs[0].type), values);
        row_by_row_text(&run, single, sizeof single, &failed_row);
        if (strcmp(single, values) != 0) {
            print_error("%s\n", expression);
            _assert_string_equal(single, values, file, line);
        }
    }
    run_release(&run);
    if (strcmp(got, expected) != 0)
        print_error("%s\n", expression);
    _assert_string_equal(got, expected, file, line);
}

#define gives(expression, expected)                                                                \
    do {                                                                                           \
        struct cn_compile_options expect_options = default_options();                              \
        gives_at(expression, expected, &expect_options, __FILE__, __LINE__);                       \
    } while (0)

/* The expression must fail with `code` at `position` (and in `row`, -1 for errors before). */
static inline void fails_at(const char *expression, enum cn_code code, int64_t position,
                            int64_t row, const char *file, int line) {
    char let[8192];
    struct run run;
    struct cn_compile_options options = default_options();
    snprintf(let, sizeof let, "r=%s", expression);
    run_lets(&run, let, &options);
    enum cn_code got = run.code;
    struct cn_error error = run.error;
    if (row >= 0 && run.eval != NULL) {
        char values[4096];
        int64_t failed_row;
        row_by_row_text(&run, values, sizeof values, &failed_row);
        _assert_int_equal((uintmax_t)failed_row, (uintmax_t)row, file, line);
        _assert_int_equal(run.code, got, file, line);
        _assert_int_equal((uintmax_t)run.error.row, 0, file, line);
        _assert_int_equal((uintmax_t)run.error.position, (uintmax_t)error.position, file, line);
        _assert_string_equal(run.error.detail, error.detail, file, line);
    }
    run_release(&run);
    if (got != code || error.position != position || error.row != row)
        print_error("%s\n  %s at %d row %d: %s\n", expression, cn_code_name(got),
                    (int)error.position, (int)error.row, error.detail);
    _assert_int_equal(got, code, file, line);
    _assert_int_equal((uintmax_t)error.position, (uintmax_t)position, file, line);
    _assert_int_equal((uintmax_t)error.row, (uintmax_t)row, file, line);
    if (error.detail[0] == '\0' || error.let != 0)
        _fail(file, line);
}

#define fails(expression, code, position)                                                          \
    fails_at(expression, code, position, -1, __FILE__, __LINE__)
#define fails_in_row(expression, code, position, row)                                              \
    fails_at(expression, code, position, row, __FILE__, __LINE__)

#endif

/*
 * Columns of numbers from fields, as they stand in a text: every variant against cn_text_scan(),
 * and what is said to be canonical against the formatter.
 */
#include <string.h>

#include "kernels/number_plain.h"
#include "kernels/table.h"
#include "tests/kernels/check.h"
#include "tests/kernels/check_parse_texts.h"

#define ROWS 1024
#define ROUNDS 300
#define MOST 300
#define BLOCKS 64 /* timed: more rows than a branch predictor learns by heart */

struct work {
    char text[ROWS * PARSE_TEXT];
    size_t len;
    struct cn_field fields[ROWS];
    size_t rows;
    double doubles[ROWS];
    int64_t integers[ROWS];
    uint8_t marks[ROWS];
    unsigned found;
};

static void make(struct work *work, size_t rows, size_t (*text)(char *)) {
    work->len = 0;
    work->rows = rows;
    for (size_t row = 0; row < rows; row++) {
        size_t len = text(work->text + work->len);
        work->fields[row] = (struct cn_field){work->text + work->len, (uint32_t)len, false, false};
        work->len += len;
        work->text[work->len++] = ',';
    }
}

/* ---- comparing ------------------------------------------------------------------------------ */

static unsigned expected_mark(const struct cn_field *field, int64_t *i, double *d) {
    *i = 0;
    *d = 0;
    if (field->len == 0)
        return field->quoted ? CN_FIELD_STRING : CN_FIELD_EMPTY;
    if (field->escaped)
        return CN_FIELD_STRING;
    unsigned mark = 1U << cn_text_scan(field->data, field->len, i, d);
    if (mark == CN_FIELD_INT64)
        *d = *i == 0 && memchr(field->data, '-', field->len) ? -0.0 : (double)*i;
    *i = mark == CN_FIELD_INT64 ? *i : 0;
    *d = mark & (CN_FIELD_INT64 | CN_FIELD_FLOAT64) ? *d : 0;
    return mark;
}

static bool same(double a, double b) {
    return memcmp(&a, &b, sizeof a) == 0;
}

static void compare_field(const struct work *work, const struct cn_field *field, size_t row,
                          bool doubles) {
    char text[CN_DOUBLE_TEXT];
    int64_t i;
    double d;
    unsigned mark = work->marks[row], expected = expected_mark(field, &i, &d);

    check_that((mark & ~(unsigned)CN_FIELD_CANONICAL) == expected, "kind of '%.*s'",
               (int)field->len, field->data);
    if (doubles)
        check_that(same(work->doubles[row], d), "double of '%.*s'", (int)field->len, field->data);
    else
        check_that(work->integers[row] == i, "int64 of '%.*s'", (int)field->len, field->data);
    if (!(mark & CN_FIELD_CANONICAL))
        return;
    size_t len = doubles ? cn_double_format(d, text) : cn_int64_format(i, text);
    check_that(expected == (doubles ? CN_FIELD_FLOAT64 : CN_FIELD_INT64) && len == field->len &&
                   memcmp(text, field->data, len) == 0,
               "'%.*s' is not '%.*s'", (int)field->len, field->data, (int)len, text);
}

/* The union that the marks of the rows give. */
static unsigned joined(const struct work *work) {
    unsigned all = CN_FIELD_CANONICAL, any = 0;

    for (size_t row = 0; row < work->rows; row++) {
        all &= work->marks[row];
        any |= work->marks[row];
    }
    return (any & ~(unsigned)CN_FIELD_CANONICAL) | all;
}

static void compare(struct work *work, const char *start) {
    static double values[ROWS];
    static uint8_t marks[ROWS];
    unsigned kinds = cn_kernels.fields_scan_doubles(work->fields, work->rows, start, true,
                                                    work->doubles, work->marks);
    check_that(kinds == joined(work), "the union of %zu doubles", work->rows);
    for (size_t row = 0; row < work->rows; row++)
        compare_field(work, &work->fields[row], row, true);
    check_that(cn_kernels.fields_scan_doubles(work->fields, work->rows, start, false, values,
                                              marks) == (kinds & ~(unsigned)CN_FIELD_CANONICAL),
               "the union without canonical");
    for (size_t row = 0; row < work->rows; row++)
        check_that(marks[row] == (work->marks[row] & ~CN_FIELD_CANONICAL) &&
                       same(values[row], work->doubles[row]),
                   "'%.*s' without canonical", (int)work->fields[row].len, work->fields[row].data);
    kinds =
        cn_kernels.fields_scan_int64s(work->fields, work->rows, start, work->integers, work->marks);
    check_that(kinds == joined(work), "the union of %zu integers", work->rows);
    for (size_t row = 0; row < work->rows; row++)
        compare_field(work, &work->fields[row], row, false);
    kinds &= ~(unsigned)CN_FIELD_CANONICAL;
    check_that(cn_kernels.fields_classify(work->fields, work->rows, start) == kinds,
               "the kinds of %zu fields", work->rows);
}

/* One field alone, at the start and at the end of memory that it fills. */
static void compare_alone(struct work *work, const struct check_memory *memory) {
    char text[MOST];

    work->rows = 1;
    for (size_t len = 0; len <= MOST; len++) {
        memset(text, '1', len);
        if (len > 2 && check_below(2))
            text[1 + check_below(len - 2)] = '.';
        for (int form = 0; form < 3; form++) { /* plain, quoted, and with quotes inside */
            if (form == 2 && len > 0)
                text[check_below(len)] = '"';
            char *at = check_at_end(memory, len);
            memcpy(at, text, len);
            work->fields[0] = (struct cn_field){at, (uint32_t)len, form > 0, form == 2 && len > 0};
            compare(work, at);
            at = check_at_start(memory, check_below(64));
            memcpy(at, text, len);
            work->fields[0].data = at;
            compare(work, memory->start);
        }
    }
}

/* Nearly all texts that the formatter writes are recognized. */
static void check_recognized(struct work *work) {
    size_t missed = 0;

    for (int round = 0; round < 20; round++) {
        make(work, ROWS, parse_formatted_text);
        cn_kernels.fields_scan_doubles(work->fields, ROWS, work->text, true, work->doubles,
                                       work->marks);
        for (size_t row = 0; row < ROWS; row++)
            missed += !(work->marks[row] & CN_FIELD_CANONICAL);
    }
    check_that(missed < 20 * ROWS / 500, "%zu of %d canonical texts were not recognized", missed,
               20 * ROWS);
}

/* The small table has what the large one has. */
static void check_scales(void) {
    uint64_t least = 1;

    for (int places = 0; places <= CN_PLAIN_MOST; places++) {
        const struct cn_plain_scale *scale = &cn_plain_scales[places];
        const struct cn_power *power = cn_power(-places);
        if (places > 4)
            least = least * 10;
        check_that(scale->hi == power->hi && scale->lo == power->lo &&
                       scale->exponent == cn_log2_power(-places) + 1085 &&
                       scale->least == (places < 4 ? 0 : least),
                   "the scale of %d places", places);
    }
}

/* ---- timing --------------------------------------------------------------------------------- */

struct blocks {
    struct work block[BLOCKS];
};

static void time_doubles(void *context) {
    struct blocks *blocks = context;

    for (struct work *work = blocks->block; work < blocks->block + BLOCKS; work++)
        work->found = cn_kernels.fields_scan_doubles(work->fields, ROWS, work->text, true,
                                                     work->doubles, work->marks);
}

static void time_values(void *context) {
    struct blocks *blocks = context;

    for (struct work *work = blocks->block; work < blocks->block + BLOCKS; work++)
        work->found = cn_kernels.fields_scan_doubles(work->fields, ROWS, work->text, false,
                                                     work->doubles, work->marks);
}

static void time_int64s(void *context) {
    struct blocks *blocks = context;

    for (struct work *work = blocks->block; work < blocks->block + BLOCKS; work++)
        work->found = cn_kernels.fields_scan_int64s(work->fields, ROWS, work->text, work->integers,
                                                    work->marks);
}

static void time_classify(void *context) {
    struct blocks *blocks = context;

    for (struct work *work = blocks->block; work < blocks->block + BLOCKS; work++)
        work->found = cn_kernels.fields_classify(work->fields, ROWS, work->text);
}

/* What the columns are measured against. */
static void time_scan(void *context) {
    struct blocks *blocks = context;

    for (struct work *work = blocks->block; work < blocks->block + BLOCKS; work++)
        for (size_t row = 0; row < ROWS; row++)
            work->marks[row] = (uint8_t)cn_text_scan(work->fields[row].data, work->fields[row].len,
                                                     &work->integers[row], &work->doubles[row]);
}

static void time_columns(const char *name, struct blocks *blocks, size_t (*text)(char *),
                         void (*kernel)(void), void (*call)(void *)) {
    for (size_t i = 0; i < BLOCKS; i++)
        make(&blocks->block[i], ROWS, text);
    check_time(name, kernel, "value", BLOCKS * ROWS, call, blocks);
}

static void time_all(void) {
    static struct blocks blocks;
    void (*doubles)(void) = (void (*)(void))cn_kernels.fields_scan_doubles;
    void (*int64s)(void) = (void (*)(void))cn_kernels.fields_scan_int64s;
    void (*kinds)(void) = (void (*)(void))cn_kernels.fields_classify;
    void (*scan)(void) = (void (*)(void))cn_text_scan;

    time_columns("parse normals", &blocks, parse_formatted_text, doubles, time_values);
    time_columns("parse normals, canonical", &blocks, parse_formatted_text, doubles, time_doubles);
    time_columns("parse normals singly", &blocks, parse_formatted_text, scan, time_scan);
    time_columns("classify normals", &blocks, parse_formatted_text, kinds, time_classify);
    time_columns("parse hundredths", &blocks, parse_short_text, doubles, time_values);
    time_columns("parse hundredths singly", &blocks, parse_short_text, scan, time_scan);
    time_columns("parse exponents", &blocks, parse_exponent_text, doubles, time_values);
    time_columns("parse exponents singly", &blocks, parse_exponent_text, scan, time_scan);
    time_columns("parse integers", &blocks, parse_integer_text, int64s, time_int64s);
    time_columns("parse integers singly", &blocks, parse_integer_text, scan, time_scan);
    time_columns("parse integers as doubles", &blocks, parse_integer_text, doubles, time_values);
}

void check_parse(void) {
    static struct work work;
    struct check_memory memory = check_memory_new(MOST + 64);

    for (int round = 0; round < ROUNDS; round++) {
        make(&work, 1 + check_below(ROWS), parse_any_text);
        compare(&work, work.text);
    }
    compare_alone(&work, &memory);
    check_scales();
    check_recognized(&work);
    check_memory_free(&memory);
    time_all();
}

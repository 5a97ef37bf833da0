/*
 * Columns of numbers from fields, as they stand in a text: every variant against cn_text_scan(),
 * and what is said to be canonical against the formatter.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/table.h"
#include "tests/kernels/check.h"

#define ROWS 1024
#define WIDTH 64
#define ROUNDS 300
#define MOST 300
#define BLOCKS 64 /* timed: more rows than a branch predictor learns by heart */

struct work {
    char text[ROWS * WIDTH];
    size_t len;
    struct cn_field fields[ROWS];
    size_t rows;
    double doubles[ROWS];
    int64_t integers[ROWS];
    uint8_t marks[ROWS];
    unsigned found;
};

static double random_double(void) {
    uint64_t bits = check_random();
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The sum of a few is near enough to a normal number. */
static double random_normal(void) {
    double sum = 0;

    for (int i = 0; i < 12; i++)
        sum += (double)(check_random() >> 11) * 0x1p-53;
    return sum - 6;
}

static size_t print(char *out, const char *form, int digits, double value) {
    return (size_t)snprintf(out, WIDTH, form, digits, value);
}

/* ---- texts ---------------------------------------------------------------------------------- */

static size_t odd_text(char *out) {
    static const char *const texts[] = {
        "",
        "0",
        "-0",
        "0.0",
        "-0.0",
        "5.",
        ".5",
        "-.5",
        "1e5",
        "1E+16",
        "1e-05",
        "+1",
        " 1",
        "1 ",
        "\t1.5",
        "02134",
        "-02",
        "00",
        "00.5",
        "-",
        ".",
        "-.",
        "1.2.3",
        "1-2",
        "--1",
        "nan",
        "inf",
        "-inf",
        "-nan",
        "True",
        "false",
        "TRUE",
        "x",
        "1x",
        "x1",
        "0x10",
        "1.0",
        "1.50",
        "1.00",
        "0.10",
        "-1.0",
        "120.0",
        "100.0",
        "1e400",
        "0.0001",
        "0.00010",
        "0.00009",
        "1e16",
        "1.5 ",
        "1,5",
        "1\"5",
        "/9",
        ":1",
        "9:",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "999999999999999999",
        "1000000000000000000",
        "-999999999999999999",
        "123456789012345678901234",
        "1234567890123456789012345",
        "0.1234567890123456789012",
        "0.12345678901234567890123",
        "-0.1234567890123456789012",
        "-0.12345678901234567890123",
        "9007199254740992.0",
        "9007199254740993.0",
        "9007199254740994.0",
        "9007199254740991.9",
        "4503599627370497.5",
        "4503599627370496.5",
        "-4503599627370495.5",
        "2251799813685248.5",
        "9999999999999999.9",
        "999999999999999.94",
        "99999999999999.995",
        "9999999999999999.0",
        "0.00009999999999999999",
        "0.000099999999999999999",
        "0.00000000000000000000001",
        "0.0000000000000000000001",
        "0.30000000000000004",
        "0.3",
        "0.299999999999999988",
        "0.29999999999999999",
        "179769313486231570814527423731704356798070567525844996598917"};
    const char *text = texts[check_below(sizeof texts / sizeof texts[0])];
    size_t len = strlen(text);

    memcpy(out, text, len);
    return len;
}

/* A decimal near the halfway point between two doubles, with as many digits as fit. */
static size_t halfway_text(char *out) {
    uint64_t m = ((uint64_t)1 << 53) + (check_random() >> 12);
    int places = 1 + (int)check_below(3); /* m / 2^(places + 1) ends with a halfway point */
    uint64_t scale = (uint64_t)1 << places;
    uint64_t whole = m / scale, rest = m % scale;
    uint64_t tens = 1;

    for (int i = 0; i < places; i++)
        tens *= 10;
    int64_t off = (int64_t)check_below(3) - 1;
    return (size_t)snprintf(out, WIDTH, "%" PRIu64 ".%0*" PRIu64, whole, places,
                            (uint64_t)((int64_t)(rest * tens / scale) + off) % tens);
}

/* A plain decimal of random digits. */
static size_t digits_text(char *out) {
    size_t before = 1 + check_below(check_below(3) ? 3 : 17), behind = 1 + check_below(18);
    size_t len = 0;

    if (check_below(2))
        out[len++] = '-';
    for (size_t i = 0; i < before; i++)
        out[len++] = (char)('0' + check_below(10));
    out[len++] = '.';
    size_t zeros = check_below(4) == 0 ? check_below(6) : 0;
    for (size_t i = 0; i < behind; i++)
        out[len++] = (char)('0' + (i < zeros ? 0 : check_below(10)));
    return len;
}

/* The text of a double, and those of its neighbourhood: other last digits, more zeros. */
static size_t double_text(char *out) {
    double value = check_below(4) ? random_normal() : random_double();
    size_t len;

    switch (check_below(8)) {
    case 0:
        value = ldexp(1, (int)check_below(66) - 13); /* powers of two: uneven neighbours */
        break;
    case 1:
        value *= 1e-4;
        break;
    case 2:
        value *= 1e14;
        break;
    case 3:
        return print(out, "%.*f", (int)check_below(20), random_normal() * 1e3);
    case 4:
        return print(out, "%.*g", 1 + (int)check_below(19), random_normal());
    default:
        break;
    }
    len = cn_double_format(value, out);
    switch (check_below(6)) {
    case 0:
        out[len - 1] = (char)('0' + check_below(10));
        break;
    case 1:
        out[len++] = (char)('0' + check_below(10));
        break;
    default:
        break;
    }
    return len;
}

static size_t integer_text(char *out) {
    int64_t value = (int64_t)(check_random() >> check_below(64));

    return cn_int64_format(check_below(2) ? value : (int64_t)(0 - (uint64_t)value), out);
}

static size_t broken_text(char *out) {
    size_t len = double_text(out);

    out[check_below(len)] = (char)check_random();
    return len;
}

static size_t any_text(char *out) {
    switch (check_below(8)) {
    case 0:
        return odd_text(out);
    case 1:
        return integer_text(out);
    case 2:
        return halfway_text(out);
    case 3:
        return digits_text(out);
    case 4:
        return broken_text(out);
    default:
        return double_text(out);
    }
}

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
static size_t formatted_text(char *out) {
    return cn_double_format(random_normal(), out);
}

static void check_recognized(struct work *work) {
    size_t missed = 0;

    for (int round = 0; round < 20; round++) {
        make(work, ROWS, formatted_text);
        cn_kernels.fields_scan_doubles(work->fields, ROWS, work->text, true, work->doubles,
                                       work->marks);
        for (size_t row = 0; row < ROWS; row++)
            missed += !(work->marks[row] & CN_FIELD_CANONICAL);
    }
    check_that(missed < 20 * ROWS / 500, "%zu of %d canonical texts were not recognized", missed,
               20 * ROWS);
}

/* ---- timing --------------------------------------------------------------------------------- */

static size_t short_text(char *out) {
    return print(out, "%.*f", 2, random_normal() * 100);
}

static size_t exponent_text(char *out) {
    return cn_double_format(random_normal() * 1e-7, out);
}

static size_t small_integer_text(char *out) {
    return cn_int64_format((int64_t)check_below(1000000), out);
}

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

    time_columns("parse normals", &blocks, formatted_text, doubles, time_values);
    time_columns("parse normals, canonical", &blocks, formatted_text, doubles, time_doubles);
    time_columns("parse normals singly", &blocks, formatted_text, scan, time_scan);
    time_columns("classify normals", &blocks, formatted_text, kinds, time_classify);
    time_columns("parse hundredths", &blocks, short_text, doubles, time_values);
    time_columns("parse hundredths singly", &blocks, short_text, scan, time_scan);
    time_columns("parse exponents", &blocks, exponent_text, doubles, time_values);
    time_columns("parse exponents singly", &blocks, exponent_text, scan, time_scan);
    time_columns("parse integers", &blocks, small_integer_text, int64s, time_int64s);
    time_columns("parse integers singly", &blocks, small_integer_text, scan, time_scan);
    time_columns("parse integers as doubles", &blocks, small_integer_text, doubles, time_values);
}

void check_parse(void) {
    static struct work work;
    struct check_memory memory = check_memory_new(MOST + 64);

    for (int round = 0; round < ROUNDS; round++) {
        make(&work, 1 + check_below(ROWS), any_text);
        compare(&work, work.text);
    }
    compare_alone(&work, &memory);
    check_recognized(&work);
    check_memory_free(&memory);
    time_all();
}

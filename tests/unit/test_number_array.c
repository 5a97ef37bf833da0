/*
 * Runs of JSON numbers: whatever is read is a number by the grammar, and has the value of its text.
 */
#include "tests/unit/columns_helpers.h"

#include <math.h>

#include "kernels/number.h"
#include "kernels/number_array.h"

static bool digits(const char **at, const char *end) {
    const char *start = *at;
    while (*at < end && **at >= '0' && **at <= '9')
        ++*at;
    return *at > start;
}

/* The grammar of RFC 8259, section 6. */
static bool is_number(struct cn_str text, bool *fractional) {
    const char *at = text.data, *end = at + text.len, *first;
    *fractional = false;
    at += at < end && *at == '-';
    first = at;
    if (!digits(&at, end) || (*first == '0' && at > first + 1))
        return false;
    if (at < end && *at == '.') {
        *fractional = true;
        at++;
        if (!digits(&at, end))
            return false;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        *fractional = true;
        at++;
        at += at < end && (*at == '+' || *at == '-');
        if (!digits(&at, end))
            return false;
    }
    return at == end;
}

/* The cell at `at` up to its comma; NULL: there is none. */
static const char *cell_end(const char *at, const char *end) {
    return at < end ? memchr(at, ',', (size_t)(end - at)) : NULL;
}

static const char *skip_blanks(const char *at, const char *end) {
    while (at < end && memchr(" \n\r\t", *at, 4))
        at++;
    return at;
}

/* Reads all that can be read, stepping over the cells where reading stops; counts what was read. */
static size_t check_text(const char *text, size_t len, size_t room) {
    char *copy = exact_copy(text, len);
    const char *end = copy + len;
    size_t count = 0;
    for (int kind = 0; kind < 2; kind++) {
        struct cn_number_text run = {copy, copy, end};
        while (run.at < end) {
            union {
                double doubles[8];
                int64_t ints[8];
            } values;
            const char *at = run.at;
            size_t n = kind ? cn_array_read_doubles(&run, room, values.doubles)
                            : cn_array_read_int64s(&run, room, values.ints);
            assert_true(n <= room);
            for (size_t i = 0; i < n; i++) {
                const char *behind = cell_end(at, end);
                assert_non_null(behind);
                struct cn_str cell = cn_str(at, (size_t)(behind - at));
                bool fractional;
                double d = 0;
                int64_t whole = 0;
                if (!is_number(cell, &fractional) || (fractional && kind == 0))
                    fail_msg("read: '%.*s'", (int)cell.len, cell.data);
                if (!fractional)
                    assert_true(cn_int64_parse(cell.data, cell.len, &whole, NULL));
                if (kind == 0) {
                    assert_int_equal(values.ints[i], whole);
                } else {
                    assert_true(cn_double_parse(cell.data, cell.len, &d));
                    d = fractional ? d : (double)whole;
                    if (memcmp(&d, &values.doubles[i], sizeof d) != 0)
                        fail_msg("'%.*s' is %.17g, not %.17g", (int)cell.len, cell.data, d,
                                 values.doubles[i]);
                }
                at = skip_blanks(behind + 1, end);
            }
            assert_ptr_equal(at, run.at);
            count += n;
            if (n == room)
                continue;
            const char *next = cell_end(run.at, end);
            run.at = next ? skip_blanks(next + 1, end) : end;
        }
    }
    free(copy);
    return count;
}

static void add_digits(struct dice *dice, struct cn_buf *text, size_t count) {
    for (size_t i = 0; i < count; i++)
        assert_true(cn_buf_add_char(text, (char)('0' + dice_below(dice, 10))));
}

static void add_number(struct dice *dice, struct cn_buf *text) {
    char out[CN_DOUBLE_TEXT];
    uint64_t bits = dice_next(dice);
    double value;
    memcpy(&value, &bits, sizeof value);
    switch (dice_below(dice, 4)) {
    case 0:
        if (!isfinite(value))
            value = 0;
        assert_true(cn_buf_add(text, out, cn_double_format(value, out)));
        return;
    case 1:
        value = ((double)(bits >> 11) * 0x1p-53 - 0.5) * 20;
        assert_true(cn_buf_add(text, out, cn_double_format(value, out)));
        return;
    default:
        if (dice_below(dice, 2))
            assert_true(cn_buf_add_char(text, '-'));
        add_digits(dice, text, dice_below(dice, 4) ? 1 + dice_below(dice, 3) : bits % 26);
        if (dice_below(dice, 2)) {
            assert_true(cn_buf_add_char(text, '.'));
            add_digits(dice, text, bits % 28);
        }
        if (dice_below(dice, 4) == 0) {
            assert_true(cn_buf_add_c(text, dice_below(dice, 2) ? "e" : "E-"));
            add_digits(dice, text, bits % 5);
        }
    }
}

static void random_runs(void **state) {
    struct dice dice = {7};
    struct cn_buf text = CN_BUF_INIT;
    size_t count = 0;
    (void)state;
    for (int round = 0; round < 20000; round++) {
        text.len = 0;
        size_t cells = 1 + dice_below(&dice, 20);
        for (size_t i = 0; i < cells; i++) {
            add_number(&dice, &text);
            assert_true(cn_buf_add_c(&text, dice_below(&dice, 3) ? "," : ",\n  "));
        }
        if (round % 4 == 0) /* a wrong byte somewhere */
            text.data[dice_below(&dice, text.len)] =
                ".,-+eE0 \n\"/:\0\x80\xB0"[dice_below(&dice, 15)];
        count += check_text(text.data, text.len, 1 + dice_below(&dice, 8));
    }
    assert_true(count > 100000);
    cn_buf_release(&text);
}

/* What is plain is read at once, but for the cells that stand too near to either end. */
static void plain_numbers(void **state) {
    static const char *const plain[] = {"0",
                                        "-0",
                                        "7",
                                        "-12",
                                        "12345678",
                                        "1234567890123456789",
                                        "-9223372036854775807",
                                        "0.5",
                                        "-0.0",
                                        "1e5",
                                        "1E0",
                                        "1.5E-007",
                                        "0.12345678901234567",
                                        "-123.45678901234567",
                                        "1e-9",
                                        "0.0",
                                        "10",
                                        "9.5",
                                        "2.5e+30000",
                                        "00"};
    const size_t n = sizeof plain / sizeof plain[0], n_good = n - 2;
    (void)state;
    for (size_t i = 0; i < n; i++) {
        struct cn_buf text = CN_BUF_INIT;
        double values[30];
        assert_true(cn_buf_printf(&text, "%40s", ""));
        for (int k = 0; k < 60; k++)
            assert_true(cn_buf_printf(&text, "%s, ", plain[i]));
        struct cn_number_text run = {text.data, text.data + 40, text.data + text.len};
        assert_int_equal(cn_array_read_doubles(&run, 30, values), i < n_good ? 30 : 0);
        cn_buf_release(&text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_runs),
                                       cmocka_unit_test(plain_numbers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

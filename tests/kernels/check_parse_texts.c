/* Fields to be read as numbers: plain ones, odd ones, and those that are easily taken wrongly. */
#include "tests/kernels/check_parse_texts.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/number.h"
#include "tests/kernels/check.h"

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
    return (size_t)snprintf(out, PARSE_TEXT, form, digits, value);
}

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
    return (size_t)snprintf(out, PARSE_TEXT, "%" PRIu64 ".%0*" PRIu64, whole, places,
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

size_t parse_any_text(char *out) {
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

size_t parse_formatted_text(char *out) {
    return cn_double_format(random_normal(), out);
}

size_t parse_short_text(char *out) {
    return print(out, "%.*f", 2, random_normal() * 100);
}

size_t parse_exponent_text(char *out) {
    return cn_double_format(random_normal() * 1e-7, out);
}

size_t parse_integer_text(char *out) {
    return cn_int64_format((int64_t)check_below(1000000), out);
}

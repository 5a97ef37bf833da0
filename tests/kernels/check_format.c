/* Numbers to text: one and many, every kind of number, against unmapped pages. That the portable
 * variant is right is for prove_numbers.py to show. */
#include <math.h>
#include <string.h>

#include "kernels/number.h"
#include "kernels/table.h"
#include "tests/kernels/check.h"

#define MOST 300
#define ROUNDS 300
#define BLOCK 1024

static double from_bits(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static double any_bits(void) {
    return from_bits(check_random());
}

static double normal(void) {
    double u = ((double)(check_random() >> 11) + 1) * 0x1p-53;
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * (double)check_below(1 << 30) * 0x1p-30);
}

static double hundredths(void) {
    return (double)(int64_t)(check_below(200000) - 100000) / 100;
}

static double whole(void) {
    return (double)((int64_t)check_random() >> (24 + check_below(40)));
}

static double decimal(void) {
    return whole() * pow(10, (double)check_below(40) - 30);
}

/* Few bits set, or all but a few; at both ends of the range too. */
static double odd_one(void) {
    uint64_t bits = (check_below(2048) << 52) + check_below(4) - 2;
    switch (check_below(8)) {
    case 0:
        return from_bits(check_below(2) << 63);
    case 1:
        return from_bits(UINT64_C(0x7FF) << 52 | check_below(2) << 63 | check_below(2) << 51);
    case 2:
        return from_bits(check_below(3));
    case 3:
        return from_bits(check_random() >> (12 + check_below(52)));
    case 4:
        return (double)(check_random() >> 10) / 4;
    default:
        return from_bits(bits ^ check_below(2) << 63);
    }
}

static double (*const kinds[])(void) = {any_bits, normal, hundredths, whole, decimal, odd_one};
#define KINDS (sizeof kinds / sizeof kinds[0])

static int64_t any_int64(void) {
    return (int64_t)check_random() >> check_below(64);
}

static int64_t near_power(void) {
    int64_t power = 1;
    for (uint64_t i = check_below(19); i > 0; i--)
        power *= 10;
    power += (int64_t)check_below(3) - 1;
    return check_below(2) ? power : -power;
}

static void compare_double(double value, char *out) {
    char expected[CN_DOUBLE_TEXT];
    size_t len = cn_double_format_scalar(value, expected);

    memset(out, '#', CN_DOUBLE_TEXT);
    size_t found = cn_kernels.double_format(value, out);
    check_that(found == len && memcmp(out, expected, len) == 0, "%a gave %.*s", value, (int)found,
               out);
}

static void compare_int64(int64_t value, char *out) {
    char expected[CN_INT64_TEXT];
    size_t len = cn_int64_format_scalar(value, expected);

    memset(out, '#', CN_INT64_TEXT);
    size_t found = cn_kernels.int64_format(value, out);
    check_that(found == len && memcmp(out, expected, len) == 0, "%lld gave %.*s", (long long)value,
               (int)found, out);
}

struct block {
    double doubles[BLOCK];
    int64_t integers[BLOCK];
    char text[BLOCK * CN_DOUBLE_TEXT];
    uint8_t lengths[BLOCK];
};

static void compare_doubles(struct block *expected, const double *values, size_t n, char *out,
                            uint8_t *lengths) {
    cn_doubles_format_scalar(values, n, expected->text, expected->lengths);
    memset(out, '#', n * CN_DOUBLE_TEXT);
    memset(lengths, 0, n);
    cn_kernels.doubles_format(values, n, out, lengths);
    for (size_t i = 0; i < n; i++)
        check_that(lengths[i] == expected->lengths[i] &&
                       memcmp(out + i * CN_DOUBLE_TEXT, expected->text + i * CN_DOUBLE_TEXT,
                              lengths[i]) == 0,
                   "%a, %zu of %zu, gave %.*s", values[i], i, n, lengths[i],
                   out + i * CN_DOUBLE_TEXT);
}

static void compare_int64s(struct block *expected, const int64_t *values, size_t n, char *out,
                           uint8_t *lengths) {
    cn_int64s_format_scalar(values, n, expected->text, expected->lengths);
    memset(out, '#', n * CN_INT64_TEXT);
    memset(lengths, 0, n);
    cn_kernels.int64s_format(values, n, out, lengths);
    for (size_t i = 0; i < n; i++)
        check_that(lengths[i] == expected->lengths[i] &&
                       memcmp(out + i * CN_INT64_TEXT, expected->text + i * CN_INT64_TEXT,
                              lengths[i]) == 0,
                   "%lld, %zu of %zu, gave %.*s", (long long)values[i], i, n, lengths[i],
                   out + i * CN_INT64_TEXT);
}

struct memories {
    struct check_memory values, text, lengths;
};

/* One kind of doubles (the last: all of them mixed), every length. */
static void compare_kind(struct block *expected, const struct memories *memories, size_t kind) {
    for (size_t n = 0; n <= MOST; n++) {
        for (size_t offset = 0; offset < 2; offset++) {
            size_t shift = offset ? check_below(64) : 0;
            double *values = (double *)(offset ? check_at_start(&memories->values, shift & 56)
                                               : check_at_end(&memories->values, n * 8));
            char *out = offset ? check_at_start(&memories->text, shift)
                               : check_at_end(&memories->text, n * CN_DOUBLE_TEXT);
            uint8_t *lengths = (uint8_t *)(offset ? check_at_start(&memories->lengths, shift)
                                                  : check_at_end(&memories->lengths, n));
            for (size_t i = 0; i < n; i++)
                values[i] = kinds[kind < KINDS ? kind : check_below(KINDS)]();
            compare_doubles(expected, values, n, out, lengths);
        }
    }
}

static void compare_integers(struct block *expected, const struct memories *memories) {
    for (size_t n = 0; n <= MOST; n++) {
        for (size_t offset = 0; offset < 2; offset++) {
            size_t shift = offset ? check_below(64) : 0;
            int64_t *values = (int64_t *)(offset ? check_at_start(&memories->values, shift & 56)
                                                 : check_at_end(&memories->values, n * 8));
            char *out = offset ? check_at_start(&memories->text, shift)
                               : check_at_end(&memories->text, n * CN_INT64_TEXT);
            uint8_t *lengths = (uint8_t *)(offset ? check_at_start(&memories->lengths, shift)
                                                  : check_at_end(&memories->lengths, n));
            for (size_t i = 0; i < n; i++)
                values[i] = check_below(2) ? any_int64() : near_power();
            compare_int64s(expected, values, n, out, lengths);
        }
    }
}

static void compare_single(const struct memories *memories) {
    for (size_t i = 0; i < ROUNDS * 64; i++) {
        double value = kinds[i % KINDS]();
        compare_double(value, check_at_end(&memories->text, CN_DOUBLE_TEXT));
        compare_double(value, check_at_start(&memories->text, i % 64));
        int64_t integer = i % 2 ? any_int64() : near_power();
        compare_int64(integer, check_at_end(&memories->text, CN_INT64_TEXT));
        compare_int64(integer, check_at_start(&memories->text, i % 64));
    }
    compare_int64(INT64_MIN, check_at_end(&memories->text, CN_INT64_TEXT));
    compare_int64(INT64_MAX, check_at_end(&memories->text, CN_INT64_TEXT));
}

static void one_by_one(void *context) {
    struct block *block = context;

    for (size_t i = 0; i < BLOCK; i++)
        block->lengths[i] =
            (uint8_t)cn_kernels.double_format(block->doubles[i], block->text + i * CN_DOUBLE_TEXT);
}

static void together(void *context) {
    struct block *block = context;

    cn_kernels.doubles_format(block->doubles, BLOCK, block->text, block->lengths);
}

static void integers_one_by_one(void *context) {
    struct block *block = context;

    for (size_t i = 0; i < BLOCK; i++)
        block->lengths[i] =
            (uint8_t)cn_kernels.int64_format(block->integers[i], block->text + i * CN_INT64_TEXT);
}

static void integers_together(void *context) {
    struct block *block = context;

    cn_kernels.int64s_format(block->integers, BLOCK, block->text, block->lengths);
}

static int64_t of_six_digits(void) {
    return (int64_t)check_below(2000000) - 1000000;
}

static void time_doubles(struct block *block, double (*kind)(void), const char *one,
                         const char *many) {
    for (size_t i = 0; i < BLOCK; i++)
        block->doubles[i] = kind();
    check_time(one, (void (*)(void))cn_kernels.double_format, "value", BLOCK, one_by_one, block);
    check_time(many, (void (*)(void))cn_kernels.doubles_format, "value", BLOCK, together, block);
}

static void time_integers(struct block *block, int64_t (*kind)(void), const char *one,
                          const char *many) {
    for (size_t i = 0; i < BLOCK; i++)
        block->integers[i] = kind();
    check_time(one, (void (*)(void))cn_kernels.int64_format, "value", BLOCK, integers_one_by_one,
               block);
    check_time(many, (void (*)(void))cn_kernels.int64s_format, "value", BLOCK, integers_together,
               block);
}

static int64_t of_all_bits(void) {
    return (int64_t)check_random();
}

void check_format(void) {
    static struct block block;
    struct memories memories = {check_memory_new(MOST * 8 + 64),
                                check_memory_new(MOST * CN_DOUBLE_TEXT + 64),
                                check_memory_new(MOST + 64)};

    compare_single(&memories);
    for (size_t kind = 0; kind <= KINDS; kind++)
        compare_kind(&block, &memories, kind);
    compare_integers(&block, &memories);
    check_memory_free(&memories.values);
    check_memory_free(&memories.text);
    check_memory_free(&memories.lengths);
    time_doubles(&block, normal, "double_format normal", "doubles_format normal");
    time_doubles(&block, hundredths, "double_format 12.34", "doubles_format 12.34");
    time_doubles(&block, whole, "double_format whole", "doubles_format whole");
    time_doubles(&block, any_bits, "double_format bits", "doubles_format bits");
    time_integers(&block, of_six_digits, "int64_format 6 digits", "int64s_format 6 digits");
    time_integers(&block, any_int64, "int64_format any length", "int64s_format any length");
    time_integers(&block, of_all_bits, "int64_format 19 digits", "int64s_format 19 digits");
}

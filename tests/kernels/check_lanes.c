/*
 * The elementwise kernels: each variant against the portable one, over edge values and random ones
 * of every size. Doubles must have the same bits, NaN too, whose sign can be asked for. Two things
 * are left to the compiler: which of two NaN operands comes out, and whether a signaling one, which
 * no computation makes, comes out quiet.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/lanes_levels.h"
#include "tests/kernels/check.h"

#define MOST 300
#define MANY 16384 /* rows of random values for each kernel */
#define BENCH_ROWS 1024

/* What a kernel's name says of it: cn_OPERATION_TYPE, cn_to_RESULT_TYPE. */
struct kernel {
    const struct cn_lanes_level *level;
    cn_lanes_fn fn;
    size_t width; /* of an element of a and b */
    size_t out_width;
    bool real; /* out is double */
    bool choice;
};

static const double edges[] = {0.0,
                               0x1p-1074,
                               0x1p-1022,
                               1e-310,
                               0x1p-900,
                               0x1p-600,
                               0x1p-60,
                               0x1p-31,
                               0x1p-30,
                               0x1p-27,
                               0.25,
                               0.5,
                               1.0,
                               1.5,
                               2.0,
                               2.5,
                               3.0,
                               M_PI,
                               M_PI_2,
                               64.0,
                               511.9999,
                               512.0,
                               709.0,
                               709.78,
                               709.7827,
                               709.79,
                               710.0,
                               710.4758,
                               710.48,
                               745.2,
                               1023.9999,
                               1024.0,
                               0x1p52,
                               0x1p53,
                               0x1p60,
                               0x1.8p60,
                               0x1p62,
                               0x1p63,
                               0x1p500,
                               0x1.8p511,
                               0x1p512,
                               1e300,
                               0x1p1023,
                               0x1p-1073,
                               HUGE_VAL,
                               (double)NAN,
                               0x1.fffffffffffffp1023,
                               0.9999999999999999,
                               1.0000000000000002,
                               0.49999999999999994,
                               0x1.fffffffffffffp51};
static const int64_t whole[] = {0,
                                1,
                                2,
                                3,
                                63,
                                64,
                                INT32_MAX,
                                INT64_C(1) << 31,
                                INT64_C(1) << 32,
                                3037000499,
                                3037000500,
                                INT64_C(1) << 53,
                                (INT64_C(1) << 53) + 1,
                                INT64_C(1) << 62,
                                INT64_MAX};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static double random_unit(void) {
    return (double)(check_random() >> 11) * 0x1p-53;
}

static double some_real(size_t kind) {
    uint64_t bits = check_random();
    double x;

    switch (kind) {
    case 0:
        memcpy(&x, &bits, sizeof x);
        return x;
    case 1:
        x = edges[check_below(COUNT(edges))];
        return bits & 1 ? x : -x;
    case 2:
        return (random_unit() - 0.5) * 4;
    case 3:
        return ldexp(random_unit() - 0.5, (int)check_below(80) - 40);
    case 4:
        return (random_unit() - 0.5) * 1600;
    default:
        return (double)(int64_t)check_below(2001) - 1000;
    }
}

static int64_t some_whole(size_t kind) {
    int64_t x = (int64_t)check_random();

    if (kind == 0)
        return x;
    if (kind == 1)
        return (x & 1 ? -1 : 1) * whole[check_below(COUNT(whole))] - (x >> 1 & 1);
    return x >> (kind == 2 ? 32 : kind == 3 ? 58 : check_below(64));
}

/* Each run of rows is of one kind, or of all: a kernel may look at a whole block first. */
static void fill(const struct kernel *kernel, void *data, size_t n) {
    bool real = strcmp(strrchr(kernel->level->name, '_'), "_f64") == 0;
    size_t one = check_below(12);

    for (size_t i = 0; i < n; i++) {
        size_t kind = one < 6 ? one : check_below(6);
        if (kernel->width == 1)
            ((uint8_t *)data)[i] = (uint8_t)check_below(2);
        else if (real)
            ((double *)data)[i] = some_real(kind);
        else
            ((int64_t *)data)[i] = some_whole(kind);
    }
}

static struct kernel describe(const struct cn_lanes_level *level) {
    const char *type = strrchr(level->name, '_');
    const char *name = level->name + strlen("cn_");
    struct kernel kernel = {.level = level, .fn = cn_lanes_variant(level->portable)};

    kernel.choice = strncmp(name, "where_", 6) == 0;
    kernel.width = strcmp(type, "_bool") == 0 || strcmp(type, "_1") == 0 ? 1 : 8;
    kernel.out_width = kernel.width;
    if (strncmp(name, "to_", 3) == 0)
        kernel.out_width = strncmp(name, "to_bool", 7) == 0 ? 1 : 8;
    else if (type == name + 2 && strncmp(name, "or", 2) != 0) /* lt, le, gt, ge, eq, ne */
        kernel.out_width = 1;
    else if (strncmp(name, "is", 2) == 0)
        kernel.out_width = 1;
    kernel.real = strncmp(name, "to_f64", 6) == 0 ||
                  (strcmp(type, "_f64") == 0 && kernel.out_width == 8 && strncmp(name, "to_", 3));
    return kernel;
}

static bool is_nan(const struct kernel *kernel, const void *operand, size_t row) {
    double x;

    if (kernel->width != sizeof x)
        return false;
    memcpy(&x, (const char *)operand + row * sizeof x, sizeof x);
    return isnan(x);
}

/* Whether two results count as one; nans: both operands are NaN. */
static bool same_real(const char *got, const char *want, bool nans) {
    const uint64_t quiet = UINT64_C(1) << 51;
    uint64_t x, y;
    double value;

    memcpy(&x, got, sizeof x);
    memcpy(&y, want, sizeof y);
    memcpy(&value, got, sizeof value);
    if (x == y)
        return true;
    return isnan(value) && (nans || (x | quiet) == (y | quiet));
}

/* The first row that differs; n: none. a and b are the operands. */
static size_t first_wrong(const struct kernel *kernel, const void *got, const void *want,
                          const void *a, const void *b, size_t n) {
    size_t width = kernel->out_width;
    size_t i = 0;

    for (; i < n; i++) {
        const char *x = (const char *)got + i * width, *y = (const char *)want + i * width;
        bool nans = is_nan(kernel, a, i) && is_nan(kernel, b, i);
        if (kernel->real ? !same_real(x, y, nans) : memcmp(x, y, width) != 0)
            break;
    }
    return i;
}

/* One call of each form on the same rows; out is memory of its own or a's. */
static void compare(const struct kernel *kernel, struct cn_lanes *lanes, bool in_place) {
    static uint64_t want[MANY], before[MANY];
    static uint8_t want_fail[MANY], fail[MANY];
    struct cn_lanes portable = *lanes;
    size_t n = lanes->n, failures, want_failures;
    const uint64_t *a = before, *b = lanes->b;
    size_t row;

    memset(want_fail, 0, n);
    memset(fail, 0, n);
    memcpy(before, lanes->a, n * (kernel->choice ? 1 : kernel->width));
    portable.out = want;
    portable.fail = want_fail;
    lanes->fail = fail;
    want_failures = kernel->level->portable(&portable);
    if (in_place)
        lanes->out = (void *)(uintptr_t)lanes->a;
    failures = kernel->fn(lanes);
    check_that(failures == want_failures && memcmp(fail, want_fail, n) == 0,
               "%s, %zu rows: %zu failed, %zu should", kernel->level->name, n, failures,
               want_failures);
    row = first_wrong(kernel, lanes->out, want, before, lanes->b, n);
    check_that(row == n, "%s, row %zu of %zu, in place %d: of %#llx and %#llx", kernel->level->name,
               row, n, in_place, kernel->width == 8 && row < n ? (unsigned long long)a[row] : 0,
               kernel->width == 8 && row < n ? (unsigned long long)b[row] : 0);
}

static void compare_lengths(const struct kernel *kernel, struct check_memory *memory) {
    struct check_memory *a = &memory[0], *b = &memory[1], *c = &memory[2], *out = &memory[3];
    size_t a_width = kernel->choice ? 1 : kernel->width;

    for (size_t n = 0; n <= MOST; n++) {
        struct cn_lanes lanes = {.a = check_at_end(a, n * a_width),
                                 .b = check_at_end(b, n * kernel->width),
                                 .c = check_at_end(c, n * kernel->width),
                                 .out = check_at_end(out, n * kernel->out_width),
                                 .n = n};
        for (size_t round = 0; round < 3; round++) {
            fill(kernel, check_at_end(b, n * kernel->width), n);
            fill(kernel, check_at_end(c, n * kernel->width), n);
            if (kernel->choice)
                for (size_t i = 0; i < n; i++)
                    check_at_end(a, n)[i] = (char)check_below(2);
            else
                fill(kernel, check_at_end(a, n * kernel->width), n);
            compare(kernel, &lanes, round == 2 && a_width == kernel->out_width);
        }
        /* Blocks begin at cache lines, slices of columns at any element. */
        size_t offset = n % 64 / kernel->width * kernel->width;
        memmove(check_at_start(a, n % 64 / a_width * a_width), lanes.a, n * a_width);
        lanes.a = check_at_start(a, n % 64 / a_width * a_width);
        memmove(check_at_start(b, offset), lanes.b, n * kernel->width);
        lanes.b = check_at_start(b, offset);
        lanes.out = check_at_start(out, (n / 3) % 64 / kernel->out_width * kernel->out_width);
        compare(kernel, &lanes, false);
    }
}

static void compare_many(const struct kernel *kernel) {
    static double a[MANY], b[MANY], out[MANY];
    struct cn_lanes lanes = {.a = a, .b = b, .out = out, .n = MANY};

    if (kernel->choice)
        return;
    for (size_t at = 0; at < MANY; at += MOST) {
        size_t n = MANY - at < MOST ? MANY - at : MOST;
        fill(kernel, (char *)a + at * kernel->width, n);
        fill(kernel, (char *)b + at * kernel->width, n);
    }
    compare(kernel, &lanes, false);
}

static void call(void *context) {
    struct cn_lanes *lanes = context;
    cn_lanes_fn fn;

    memcpy(&fn, lanes->arena, sizeof fn);
    fn(lanes);
}

static void measure(const struct kernel *kernel) {
    static double a[BENCH_ROWS], b[BENCH_ROWS], c[BENCH_ROWS], out[BENCH_ROWS];
    static uint8_t fail[BENCH_ROWS];
    cn_lanes_fn fn = kernel->fn;
    struct cn_lanes lanes = {
        .a = a, .b = b, .c = c, .out = out, .fail = fail, .n = BENCH_ROWS, .arena = (void *)&fn};
    bool real = strcmp(strrchr(kernel->level->name, '_'), "_f64") == 0;

    for (size_t i = 0; i < BENCH_ROWS; i++) {
        int64_t x = (int64_t)check_below(1000000), y = (int64_t)check_below(60) + 1;
        a[i] = random_unit();
        b[i] = random_unit() + 0.5;
        c[i] = random_unit();
        if (!real && !kernel->choice) {
            memcpy(&a[i], &x, sizeof x);
            memcpy(&b[i], &y, sizeof y);
        }
        if (kernel->width == 1 || kernel->choice)
            ((uint8_t *)a)[i] = i % 3 == 0;
    }
    check_time(kernel->level->name, (void (*)(void))fn, "row", BENCH_ROWS, call, &lanes);
}

void check_lanes(void) {
    struct check_memory memory[4];
    size_t n;
    const struct cn_lanes_level *levels = cn_lanes_levels(&n);

    for (size_t i = 0; i < COUNT(memory); i++)
        memory[i] = check_memory_new(MOST * sizeof(double) + 64);
    for (size_t i = 0; i < n; i++) {
        struct kernel kernel = describe(&levels[i]);
        compare_lengths(&kernel, memory);
        for (size_t round = 0; round < 8; round++)
            compare_many(&kernel);
        measure(&kernel);
    }
    for (size_t i = 0; i < COUNT(memory); i++)
        check_memory_free(&memory[i]);
}

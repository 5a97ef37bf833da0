/* Random numbers: every length from every place, and many values of many seeds. */
#include <string.h>

#include "kernels/table.h"
#include "tests/kernels/check.h"

#define MOST 300
#define MANY 65536
#define BENCH_ROWS 1024

typedef void (*random_fn)(uint64_t seed, uint64_t column, uint64_t first, size_t n, double *out);

struct work {
    random_fn fn;
    double out[BENCH_ROWS];
};

static void compare(const char *name, random_fn fn, random_fn scalar, uint64_t first, size_t n,
                    double *out) {
    static double want[MANY];
    uint64_t seed = check_random(), column = check_random();

    scalar(seed, column, first, n, want);
    memset(out, 0, n * sizeof *out);
    fn(seed, column, first, n, out);
    check_that(memcmp(out, want, n * sizeof *out) == 0, "%s: %zu rows from %llu on", name, n,
               (unsigned long long)first);
}

static void make(void *context) {
    struct work *work = context;

    work->fn(42, 1, 0, BENCH_ROWS, work->out);
}

static void check_kind(const char *name, random_fn fn, random_fn scalar) {
    static struct work work;
    static double many[MANY];
    struct check_memory out = check_memory_new(MOST * sizeof(double) + 64);

    for (size_t n = 0; n <= MOST; n++) {
        double *end = (double *)(void *)check_at_end(&out, n * sizeof(double));
        compare(name, fn, scalar, check_below(64), n, end);
        compare(name, fn, scalar, check_random() >> check_below(64), n, end);
        /* The words of a counter carry. */
        compare(name, fn, scalar, (UINT64_C(1) << 33) - check_below(300), n, end);
        compare(name, fn, scalar, UINT64_MAX - MOST - check_below(300), n, end);
        compare(name, fn, scalar, check_below(64), n,
                (double *)(void *)check_at_start(&out, n % 8 * sizeof(double)));
    }
    for (size_t i = 0; i < 4; i++)
        compare(name, fn, scalar, check_random() >> 8, MANY, many);
    check_memory_free(&out);
    work.fn = fn;
    check_time(name, (void (*)(void))fn, "value", BENCH_ROWS, make, &work);
}

void check_random_numbers(void) {
    check_kind("random_uniform", cn_kernels.random_uniform, cn_random_uniform_scalar);
    check_kind("random_normal", cn_kernels.random_normal, cn_random_normal_scalar);
}

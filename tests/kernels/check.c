/*
 * check.c: runs every check at every level that this CPU has. `check --bench [NAME]` times the
 * kernels, `check --seed N` repeats a run, `check --levels` prints the levels that there are.
 */
#include "tests/kernels/check.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "kernels/cpu.h"

static const struct check checks[] = {
    {"hex", check_hex},     {"format", check_format},         {"digest", check_digest},
    {"lanes", check_lanes}, {"random", check_random_numbers}, {"hex", check_hex},
    {"csv", check_csv},     {"marks", check_marks},           {"utf8", check_utf8},
    {"hex", check_hex},     {"parse", check_parse},
};

#define SAMPLES 31
#define SAMPLE_NS 2000000
#define SHOWN_FAILURES 5
#define MOST_TIMED 512

static struct {
    uint64_t random;
    bool bench;
    const char *only;
    const char *check;
    size_t comparisons, failures;
    struct {
        const char *name;
        void (*kernel)(void);
    } timed[MOST_TIMED];
    size_t n_timed;
} state;

void check_that(bool holds, const char *text, ...) {
    va_list arguments;

    state.comparisons++;
    if (holds)
        return;
    if (state.failures++ >= SHOWN_FAILURES)
        return;
    printf("%s at level %s: ", state.check, cn_cpu_level_name(cn_cpu_level()));
    va_start(arguments, text);
    vprintf(text, arguments);
    va_end(arguments);
    printf("\n");
}

/* SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014). */
uint64_t check_random(void) {
    uint64_t x = state.random += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

uint64_t check_below(uint64_t bound) {
    return check_random() % bound;
}

void check_fill(void *data, size_t len) {
    uint8_t *bytes = data;

    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)check_random();
}

struct check_memory check_memory_new(size_t size) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t pages = (size + page - 1) / page;
    char *map =
        mmap(NULL, (pages + 2) * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (map == MAP_FAILED || mprotect(map, page, PROT_NONE) != 0 ||
        mprotect(map + (pages + 1) * page, page, PROT_NONE) != 0) {
        perror("mmap");
        exit(2);
    }
    return (struct check_memory){map + page, map + (pages + 1) * page};
}

void check_memory_free(struct check_memory *memory) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    munmap(memory->start - page, (size_t)(memory->end - memory->start) + 2 * page);
}

char *check_at_end(const struct check_memory *memory, size_t len) {
    assert(len <= (size_t)(memory->end - memory->start));
    return memory->end - len;
}

char *check_at_start(const struct check_memory *memory, size_t offset) {
    return memory->start + offset;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Whether this kernel was timed at a lower level already. */
static bool is_known(const char *name, void (*kernel)(void)) {
    for (size_t i = 0; i < state.n_timed; i++)
        if (strcmp(state.timed[i].name, name) == 0 && state.timed[i].kernel == kernel)
            return true;
    if (state.n_timed < MOST_TIMED) {
        state.timed[state.n_timed].name = name;
        state.timed[state.n_timed++].kernel = kernel;
    }
    return false;
}

void check_time(const char *name, void (*kernel)(void), const char *unit, size_t items,
                void (*call)(void *), void *context) {
    double samples[SAMPLES];
    int64_t once;
    size_t rounds;

    if (!state.bench || is_known(name, kernel))
        return;
    call(context);
    once = cn_clock_now();
    call(context);
    once = cn_clock_now() - once;
    rounds = once < SAMPLE_NS ? (size_t)(SAMPLE_NS / (once + 1)) + 1 : 1;
    for (size_t i = 0; i < SAMPLES; i++) {
        int64_t start = cn_clock_now();
        for (size_t round = 0; round < rounds; round++)
            call(context);
        samples[i] = (double)(cn_clock_now() - start) / (double)rounds / (double)items;
    }
    qsort(samples, SAMPLES, sizeof samples[0], compare);
    printf("%-28s %-7s %9.3f ns a %s (least %.3f, most %.3f)\n", name,
           cn_cpu_level_name(cn_cpu_level()), samples[SAMPLES / 2], unit, samples[0],
           samples[SAMPLES - 1]);
}

static bool run(const struct check *check) {
    size_t failed_before = state.failures;

    state.check = check->name;
    check->run();
    return state.failures == failed_before;
}

static int print_levels(void) {
    for (enum cn_cpu_level level = 0; level <= cn_cpu_best(); level++)
        printf("%s\n", cn_cpu_level_name(level));
    return 0;
}

int main(int argc, char **argv) {
    uint64_t seed = (uint64_t)cn_clock_now();
    size_t passed = 0, failed = 0;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--bench") == 0)
            state.bench = true;
        else if (strcmp(argv[i], "--levels") == 0)
            return print_levels();
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 10);
        else
            state.only = argv[i];
    }
    printf("seed %" PRIu64 "\n", seed);
    for (enum cn_cpu_level level = 0; level <= cn_cpu_best(); level++) {
        cn_cpu_use(level);
        for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
            if (state.only && strcmp(state.only, checks[i].name) != 0)
                continue;
            state.random = seed;
            if (run(&checks[i]))
                passed++;
            else
                failed++;
        }
    }
    printf("%zu comparisons\nkernels: %zu passed, %zu failed\n", state.comparisons, passed, failed);
    return failed > 0 || passed == 0;
}

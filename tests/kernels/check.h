/*
 * check.h: what the checks of the kernels share. Each check compares the kernels of the level that
 * is in use with the portable ones: on random and on structured input, for lengths 0 to 300, at
 * every alignment, against unmapped pages at both ends. The same program times them (--bench).
 * In the manner of dav1d's checkasm.
 */
#ifndef CN_TESTS_KERNELS_CHECK_H
#define CN_TESTS_KERNELS_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* One family of kernels; run once at each level. */
struct check {
    const char *name;
    void (*run)(void);
};

void check_hex(void);
void check_format(void);
void check_digest(void);
void check_lanes(void);
void check_random_numbers(void);
void check_csv(void);
void check_marks(void);
void check_utf8(void);
void check_parse(void);

/* Counts a comparison; a failure is printed with what the text says, the first ones of a family. */
void check_that(bool holds, const char *text, ...) CN_PRINTF(2, 3);

/* The next number of a stream that the seed on the command line starts. */
uint64_t check_random(void);
uint64_t check_below(uint64_t bound);
void check_fill(void *data, size_t len);

/* Memory of `size` bytes between two pages that nobody may touch. */
struct check_memory {
    char *start;
    char *end;
};
struct check_memory check_memory_new(size_t size);
void check_memory_free(struct check_memory *memory);

/* `len` bytes of it that end at the unmapped page; those that begin `offset` behind the other. */
char *check_at_end(const struct check_memory *memory, size_t len);
char *check_at_start(const struct check_memory *memory, size_t offset);

/*
 * Times call(context), which works on `items` things (bytes, rows, values), and prints the median
 * and the minimum of a few samples a thing. Only with --bench, and only where `kernel`, the
 * function in the table, is another than at the level below.
 */
void check_time(const char *name, void (*kernel)(void), const char *unit, size_t items,
                void (*call)(void *), void *context);

#endif

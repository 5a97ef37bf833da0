/* confined_helpers.h: what tests of confined workers share: kinds that do what a worker may not do,
 * or too much, and what the kernel says of a process. */
#ifndef CN_TESTS_CONFINED_HELPERS_H
#define CN_TESTS_CONFINED_HELPERS_H

#include "tests/unit/pool_helpers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The task's argument. */
static inline size_t number_of(const struct cn_run *run) {
    size_t number;
    memcpy(&number, run->args, sizeof(number));
    return number;
}

/* So many bytes, and up to a line more. */
static inline enum cn_code run_output(struct cn_run *run, struct cn_error *error) {
    static const char line[4096] = {'x'};
    for (size_t i = 0; i < number_of(run); i += sizeof(line))
        if (!cn_buf_add(run->out, line, sizeof(line)))
            return cn_error_memory(error);
    return CN_OK;
}

static inline enum cn_code run_abort(struct cn_run *run, struct cn_error *error) {
    (void)run;
    (void)error;
    abort();
}

/* The value of a line of /proc/PID/status, as a number of the given base; -1: nobody may look. */
static inline long status_of(pid_t pid, const char *name, int base) {
    char path[64];
    char line[256];
    long value = -1;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file))
        if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
            value = strtol(line + strlen(name) + 1, NULL, base);
    fclose(file);
    return value;
}

#endif

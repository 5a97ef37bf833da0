/* run_helpers.h: records of runs, for the tests of the store and the history. */
#ifndef CN_TESTS_RUN_HELPERS_H
#define CN_TESTS_RUN_HELPERS_H

#include <stdio.h>
#include <stdlib.h>

#include "handlers/runs.h"

/* Its id is the number in decimal digits. */
static inline struct cn_run_record run_make(int number) {
    struct cn_run_record record = {.operation = "compute",
                                   .executor = "threads",
                                   .mode = "vector",
                                   .workers = 2,
                                   .rows = (uint64_t)number,
                                   .status = 200,
                                   .started_at = INT64_C(1700000000123456000),
                                   .reason = "",
                                   .input_types = {"", 0},
                                   .request = {"", 0},
                                   .document = {"", 0}};
    snprintf(record.id, sizeof record.id, "%032d", number);
    return record;
}

static inline long run_number(const char *id) {
    return strtol(id, NULL, 10);
}

static inline void run_ignore(const struct cn_run_record *record, void *context) {
    (void)record;
    (void)context;
}

#endif

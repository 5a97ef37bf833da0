/*
 * compute_kind.h: the task that computes one morsel of rows.
 */
#ifndef CN_HANDLERS_COMPUTE_KIND_H
#define CN_HANDLERS_COMPUTE_KIND_H

#include "handlers/plan.h"

extern const struct cn_kind cn_kind_compute;

/* The task that reads a large body which had to wait for its end (compute.c). */
enum cn_code cn_compute_run_ending(struct cn_run *run, struct cn_error *error);

/* A task's arguments. Inputs: CSV: the text, whole records. Frame: cn_frame_slice() of the plan's
 * loaded columns. Generate: none. */
struct cn_morsel_args {
    uint64_t first_row;   /* frame and generate */
    uint64_t rows;        /* frame and generate */
    uint64_t output_rows; /* encode at most so many of its rows */
};

/*
 * A task's result. The output buffer holds `data_len` bytes of data and a trailer:
 *   n_columns bytes: what kinds of text each CSV column holds (cn_csv_seen_column)
 *   n_lets uint64: rows that could not be computed (on_error=null)
 *   n_outputs uint64: JSON only, the length of each output's piece of the data
 *   a uint64: over='table', rows whose text is null
 *   a struct cn_error, if `failed`: the row that could not be computed
 * A fault of the body fails the task. One of computing does not: the rest is still checked, and
 * the fault is part of the result.
 */
struct cn_morsel_result {
    uint64_t rows;  /* read */
    uint64_t lines; /* line ends passed */
    uint64_t data_len;
    bool body_fault; /* the task's error is of the body */
    bool failed;     /* a row could not be computed; there is no data */
};

/* The result of a task, which a worker process may have written; `text_len`: bytes of CSV that it
 * read (0: it read none). False: no sound worker says that. */
bool cn_morsel_result_read(struct cn_morsel_result *result, const struct cn_task *task,
                           size_t text_len);

/* The views of a trailer; `out` is the task's buffer. */
struct cn_morsel_trailer {
    const uint8_t *seen;
    const char *failed; /* unaligned uint64 */
    const char *pieces; /* unaligned uint64 */
    uint64_t null_rows;
    struct cn_error error; /* code is CN_OK if none failed */
};
bool cn_morsel_trailer(const struct cn_plan *plan, const struct cn_morsel_result *result,
                       const struct cn_buf *out, struct cn_morsel_trailer *trailer);
uint64_t cn_morsel_u64(const char *at, size_t index);

#endif

/*
 * run_read_inside.h: what the files that read a run's document share. Only they include it.
 */
#ifndef CN_HANDLERS_RUN_READ_INSIDE_H
#define CN_HANDLERS_RUN_READ_INSIDE_H

#include "handlers/json_in.h"
#include "handlers/runs.h"

/* Times beyond it (104 days) are none of ours; below, sums of a few cannot overflow, and a browser
 * can show each exactly. */
#define CN_RUN_MOST_NS (INT64_C(1) << 53)

/* More elements of one list than any run of ours has: what is small in a text need not be small in
 * memory. LINES is for each list that has no bound of its own (struct cn_json_in, `most`). */
enum { CN_RUN_MOST_LINES = 1 << 16, CN_RUN_MOST_CHUNKS = 1 << 18 };
/* A run that was saved here may have as many computed columns as --max-columns can be set to. */
enum { CN_RUN_MOST_LINES_SAVED = 1 << 20 };

struct let_errors;
struct run_reading {
    struct cn_run_record record;
    int64_t wall_ns;
    int64_t exported_at;
    size_t max_depth;
    struct let_errors **last_let;
};

/* run_read_timing.c; `target` is the reading. */
enum cn_code cn_run_read_timing(struct cn_json_in *in, void *target, struct cn_error *error);
enum cn_code cn_run_read_chunks(struct cn_json_in *in, void *target, struct cn_error *error);
/* run_read_request.c */
enum cn_code cn_run_read_input(struct cn_json_in *in, void *target, struct cn_error *error);
enum cn_code cn_run_read_request(struct cn_json_in *in, void *target, struct cn_error *error);
enum cn_code cn_run_read_machine(struct cn_json_in *in, void *target, struct cn_error *error);
/* run_read_compare.c */
enum cn_code cn_run_read_comparison(struct cn_json_in *in, void *target, struct cn_error *error);

#endif

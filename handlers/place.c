/*
 * place.c: where a job runs, and why.
 *
 * A crossing into a pool costs `dispatch_ns` (measured at the start of the service); it pays when
 * the work that other workers take over is more than that. The cost of a row is estimated from the
 * program and the measured cost of a byte of CSV.
 */
#include "handlers/compute.h"

/* Cost that a thread that serves connections may bear, when there is nobody to share it with. */
#define CALLER_NS 1e6
/* Writing a value of a frame's column, beside what the program costs. */
#define OUTPUT_NS 40.0
#define DEFAULT_DISPATCH_NS 20000.0
#define DEFAULT_BYTE_NS 2.0
/* What the modes tuple and row add to a row: a call, with something for each argument and each let;
 * a record, with something for each column. As measured, in round figures. */
#define CALL_NS 40.0
#define CALL_LET_NS 20.0
#define CALL_ARGUMENT_NS 10.0
#define RECORD_NS 50.0
#define RECORD_COLUMN_NS 25.0

const char *cn_executor_kind_name(enum cn_executor_kind kind) {
    static const char *const names[] = {"auto", "serial", "threads", "processes", "gil"};

    return kind < CN_EXECUTOR_KIND_COUNT ? names[kind] : "?";
}

bool cn_executor_kind_emulates(enum cn_executor_kind kind) {
    return kind == CN_EXECUTOR_GIL;
}

const char *cn_mode_name(enum cn_mode mode) {
    static const char *const names[] = {"vector", "tuple", "row"};

    return mode < CN_MODE_COUNT ? names[mode] : "?";
}

static double mode_cost(const struct cn_job *job) {
    const struct cn_program *program = job->output_plan ? job->output_plan->program : NULL;
    size_t n_lets = cn_recipe_lets(job->spec->recipe);
    double cost = CALL_NS + CALL_LET_NS * (double)n_lets;
    size_t n_inputs = 0;

    if (job->spec->mode == CN_MODE_VECTOR || n_lets == 0)
        return 0;
    if (program)
        cn_program_inputs(program, &n_inputs);
    cost += CALL_ARGUMENT_NS * (double)n_inputs;
    if (job->spec->mode == CN_MODE_ROW)
        cost += RECORD_NS + RECORD_COLUMN_NS * (double)job->spec->n_columns;
    return cost;
}

static double row_cost(const struct cn_compute *compute, uint64_t rows, uint64_t bytes) {
    const struct cn_job *job = compute->job;
    const struct cn_calibration *measured = &compute->exchange->service->calibration;
    double cost = OUTPUT_NS * (double)(job->spec->n_outputs ? job->spec->n_outputs : 1);

    if (job->output_plan && job->output_plan->program)
        cost += cn_program_row_cost(job->output_plan->program);
    cost += mode_cost(job);
    if (job->spec->source == CN_SOURCE_FRAME && rows > 0)
        cost += (double)bytes / (double)rows; /* texts may be long */
    if (job->spec->source == CN_SOURCE_CSV && rows > 0) {
        double byte = measured->csv_ns_per_byte > 0 ? measured->csv_ns_per_byte : DEFAULT_BYTE_NS;
        cost += byte * (double)bytes / (double)rows;
    }
    return cost;
}

static void choose(struct cn_compute *compute, uint64_t rows, double cost, bool more,
                   enum cn_executor_kind *kind, bool *on_caller) {
    struct cn_job *job = compute->job;
    const struct cn_service *service = compute->exchange->service;
    int cpus = service->cpus.usable;
    size_t width = compute->options.workers ? (size_t)compute->options.workers : (size_t)cpus;
    double parts = (double)(width < (size_t)cpus ? width : (size_t)cpus);
    double dispatch = service->calibration.dispatch_ns > 0
                          ? (double)service->calibration.dispatch_ns
                          : DEFAULT_DISPATCH_NS;
    double total = cost * (double)rows;
    double break_even = parts > 1 ? 2 * dispatch / (cost * (1 - 1 / parts)) : 0;

    job->row_ns = cost;
    job->break_even = break_even;
    if (parts < 2) {
        *kind = CN_EXECUTOR_SERIAL;
        *on_caller = !more && total < CALLER_NS;
    } else if (!more && (double)rows < break_even) {
        *kind = CN_EXECUTOR_SERIAL;
        *on_caller = true;
    } else {
        *kind = CN_EXECUTOR_THREADS;
    }
}

/* The choice was made on an estimate of the rows; the reason names those that there were. */
const char *cn_job_reason(struct cn_job *job) {
    unsigned long long rows = cn_job_total_rows(job);

    if (!job->chosen)
        return "asked for";
    if (job->break_even <= 0)
        snprintf(job->reason, sizeof job->reason,
                 "auto: %llu rows of %.2g µs; there is one worker to use, so nothing is shared",
                 rows, job->row_ns / 1e3);
    else if (job->executor_kind == CN_EXECUTOR_SERIAL)
        snprintf(job->reason, sizeof job->reason,
                 "auto: %llu rows of %.2g µs, under the break-even of %.0f rows%s", rows,
                 job->row_ns / 1e3, job->break_even,
                 job->executor ? "" : "; answered without a crossing");
    else
        snprintf(job->reason, sizeof job->reason,
                 "auto: %llu rows of %.2g µs, over the break-even of %.0f rows", rows,
                 job->row_ns / 1e3, job->break_even);
    return job->reason;
}

enum cn_code cn_compute_place(struct cn_compute *compute, uint64_t rows, uint64_t bytes, bool more,
                              struct cn_error *error) {
    struct cn_job *job = compute->job;
    const struct cn_service *service = compute->exchange->service;
    enum cn_executor_kind kind = compute->options.executor;
    double cost = row_cost(compute, rows, bytes);
    size_t width =
        compute->options.workers ? (size_t)compute->options.workers : (size_t)service->cpus.usable;
    bool on_caller = false;

    if (kind == CN_EXECUTOR_AUTO) {
        job->chosen = true;
        choose(compute, rows, cost, more, &kind, &on_caller);
    } else {
        on_caller = kind == CN_EXECUTOR_SERIAL && !more && cost * (double)rows < CALLER_NS;
    }
    return cn_job_place(job, kind, width, on_caller, compute->exchange->deadline_ns, error);
}

/*
 * place.c: where a job runs, and why.
 *
 * A crossing into a pool costs `dispatch_ns` (measured at the start of the service); it pays when
 * the work that other workers take over is more than that, and when there are workers that have
 * nothing else to do. The cost of a row is estimated from the program and from what was measured of
 * its parts.
 */
#include <sys/resource.h>

#include "handlers/calibration.h"
#include "handlers/cluster_choice.h"
#include "handlers/place.h"

/* Cost that a thread that serves connections may bear: others wait behind it meanwhile. */
#define CALLER_NS 1e6
/* Less work is not worth another thought. */
#define LEAST_TASK_NS 5e4
/* Used where nothing was measured. */
#define DEFAULT_BYTE_NS 1.0
#define DEFAULT_FORMAT_NS 25.0
#define DEFAULT_GENERATE_NS 10.0
/* Writing a value that is a text already, or a short number; taking a value from a frame. */
#define COPY_NS 8.0
#define LOAD_NS 1.0
/* What the modes tuple and row add to a row: a call, with something for each argument and each let;
 * a record, with something for each column. As measured, in round figures. */
#define CALL_NS 40.0
#define CALL_LET_NS 20.0
#define CALL_ARGUMENT_NS 10.0
#define RECORD_NS 50.0
#define RECORD_COLUMN_NS 25.0

const char *cn_executor_kind_name(enum cn_executor_kind kind) {
    static const char *const names[] = {"auto", "serial", "threads", "processes", "gil", "dask"};

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

static double measured_or(double measured, double otherwise) {
    return measured > 0 ? measured : otherwise;
}

/* Evaluating, and the values that go into it. */
static double compute_cost(const struct cn_job *job, const struct cn_calibration *measured) {
    const struct cn_plan *plan = job->output_plan;
    double cost = 0;

    if (!plan || !plan->program)
        return 0;
    double digests = cn_program_digest_cost(plan->program);
    cost += (cn_program_row_cost(plan->program) - digests) * measured_or(measured->step_factor, 1);
    cost += digests * measured_or(measured->digest_factor, 1);
    if (job->spec->source == CN_SOURCE_GENERATE)
        cost += (double)plan->n_loaded * measured_or(measured->generate_ns, DEFAULT_GENERATE_NS);
    else if (job->spec->source == CN_SOURCE_FRAME)
        cost += (double)plan->n_loaded * LOAD_NS;
    return cost + mode_cost(job);
}

/* Writing a row. The fields of CSV text are copied, which is part of the cost of its bytes. */
static double output_cost(const struct cn_job *job, const struct cn_calibration *measured) {
    const struct cn_spec *spec = job->spec;
    double format = measured_or(measured->format_ns, DEFAULT_FORMAT_NS);
    double cost = 0;

    for (size_t o = 0; o < spec->n_outputs; o++) {
        const struct cn_output *output = &spec->outputs[o];
        bool number =
            output->let < 0
                ? job->types[output->column] == CN_TYPE_FLOAT64
                : !job->output_plan || cn_plan_output_type(job->output_plan, o) == CN_TYPE_FLOAT64;
        if (spec->source == CN_SOURCE_CSV && output->let < 0)
            cost += spec->verbatim ? 0 : COPY_NS;
        else
            cost += number ? format : COPY_NS;
    }
    return cost;
}

static double row_cost(const struct cn_compute *compute, uint64_t rows, uint64_t bytes) {
    const struct cn_job *job = compute->job;
    const struct cn_calibration *measured = &compute->exchange->service->calibration;
    double written = job->has_limit && job->limit < rows ? (double)job->limit / (double)rows : 1;
    double cost = compute_cost(job, measured) + written * output_cost(job, measured);

    if (job->spec->source == CN_SOURCE_FRAME && rows > 0)
        cost += (double)bytes / (double)rows / 4; /* texts may be long */
    if (job->spec->source == CN_SOURCE_CSV && rows > 0)
        cost +=
            measured_or(measured->csv_ns_per_byte, DEFAULT_BYTE_NS) * (double)bytes / (double)rows;
    return cost > 1 ? cost : 1;
}

/* What of the work the workers that take part save, if they do nothing else. */
static double gain(const struct cn_compute *compute, uint64_t rows, uint64_t bytes, size_t parts) {
    const struct cn_intake *intake = &compute->intake;
    double largest = 1 / (double)parts;
    double piece = 0;

    if (compute->job->spec->source != CN_SOURCE_CSV)
        piece = rows > 0 ? (double)cn_compute_task_rows(compute, rows, 0) / (double)rows : 1;
    else if (compute->options.chunk_rows == 0 && bytes > 0)
        piece = (double)(intake->segment.len - intake->start) / (double)bytes;
    if (piece > largest)
        largest = piece < 1 ? piece : 1;
    return 1 - largest;
}

/* ---- the choice --------------------------------------------------------------------------- */

/* How the workers stand, and whether this thread and others have other requests to serve. */
struct load {
    size_t idle;
    bool company;
    bool pressed;
};

/* Whether this thread has not slept since it was asked last: then requests stand in line for it. */
static bool is_pressed(void) {
    static _Thread_local long slept = -1;
    struct rusage usage;
    long before = slept;

    if (getrusage(RUSAGE_THREAD, &usage) != 0)
        return false;
    slept = usage.ru_nvcsw;
    return slept == before;
}

static struct load look_around(const struct cn_service *service) {
    const struct cn_executor *threads = service->executors[CN_EXECUTOR_THREADS];

    return (struct load){atomic_load_explicit(&threads->idle, memory_order_relaxed),
                         atomic_load_explicit(&service->work_running, memory_order_relaxed) > 1,
                         is_pressed()};
}

/* Small work crosses only where that helps: when its parts find workers, or when others wait for
 * this thread and a worker is idle. */
static enum cn_placing choose(struct cn_compute *compute, uint64_t rows, double cost, double gain,
                              size_t parts) {
    double dispatch = compute->job->dispatch_ns;
    double total = cost * (double)rows;

    if (total >= CALLER_NS)
        return CN_PLACING_SHARED;
    if (total < LEAST_TASK_NS)
        return CN_PLACING_SMALL;
    struct load load = look_around(compute->exchange->service);
    if (load.pressed && load.idle > 0)
        return CN_PLACING_LEFT;
    if (total * (1 - 1 / (double)parts) < dispatch)
        return CN_PLACING_SMALL;
    if (load.company)
        return CN_PLACING_CROWDED;
    if (total * gain < dispatch)
        return CN_PLACING_WHOLE;
    return load.idle > 0 ? CN_PLACING_SHARED : CN_PLACING_CROWDED;
}

/* Whether the work goes to the Dask cluster, if there is one; and why, or why not. */
static bool place_elsewhere(struct cn_compute *compute, const struct cn_cluster *cluster,
                            uint64_t rows, struct cn_row_bytes each, bool more) {
    struct cn_job *job = compute->job;
    size_t cpus = (size_t)compute->exchange->service->cpus.usable;
    size_t width = cn_place_width(compute);
    size_t parts = width < cpus ? width : cpus;
    struct cn_cluster_work work = {.ns = job->row_ns * (double)rows,
                                   .here_ns = job->row_ns * (double)rows / (double)parts,
                                   .bytes = (each.there + each.back) * (double)rows,
                                   .width = cn_place_remote_width(compute, cluster),
                                   .cpus = cpus,
                                   .keyed = cn_recipe_uses_keys(job->spec->recipe),
                                   .unbounded = more};

    work.tasks = cn_place_remote_tasks(compute, rows, each.there, work.width);
    struct cn_cluster_estimate estimate = cn_cluster_estimate(cluster, &work);
    cn_cluster_explain(cluster, &work, &estimate, job->elsewhere);
    return estimate.verdict == CN_CLUSTER_WINS;
}

static void place(struct cn_compute *compute, uint64_t rows, uint64_t bytes, double cost, bool more,
                  enum cn_executor_kind *kind, bool *on_caller) {
    struct cn_job *job = compute->job;
    const struct cn_service *service = compute->exchange->service;
    size_t cpus = (size_t)service->cpus.usable;
    size_t width = cn_place_width(compute);
    size_t parts = width < cpus ? width : cpus;

    job->chosen = true;
    job->dispatch_ns = cn_calibration_crossing(&service->calibration);
    if (parts < 2) {
        *kind = CN_EXECUTOR_SERIAL;
        *on_caller = !more && cost * (double)rows < CALLER_NS;
        job->placing = CN_PLACING_ALONE;
        return;
    }
    job->break_even = job->dispatch_ns / (cost * (1 - 1 / (double)parts));
    job->placing = CN_PLACING_SHARED;
    if (!more)
        job->placing = choose(compute, rows, cost, gain(compute, rows, bytes, parts), parts);
    *on_caller = job->placing != CN_PLACING_SHARED && job->placing != CN_PLACING_LEFT;
    *kind = *on_caller ? CN_EXECUTOR_SERIAL : CN_EXECUTOR_THREADS;
}

/* What follows the number of the break-even. */
static const char *explain(const struct cn_job *job, bool over) {
    static const char *const late = ", as was seen too late";

    switch (job->placing) {
    case CN_PLACING_SMALL:
        return over ? late : "";
    case CN_PLACING_SHARED:
        return over ? "" : late;
    case CN_PLACING_WHOLE:
        return over ? ", but not in parts" : "";
    case CN_PLACING_CROWDED:
        return over ? ", but others are at work" : "";
    default:
        return "";
    }
}

/* The choice was made on an estimate of the rows, or before their end was in sight; the reason
 * names those that there were. */
const char *cn_job_reason(struct cn_job *job) {
    unsigned long long rows = cn_job_total_rows(job);
    bool over = (double)rows >= job->break_even;
    double each = job->row_ns / 1e3; /* µs */

    if (!job->chosen)
        return "asked for";
    if (job->reason[0] != '\0' && job->reason_rows == rows)
        return job->reason; /* a small request would feel to write it again */
    job->reason_rows = rows;
    if (job->placing == CN_PLACING_ELSEWHERE)
        snprintf(job->reason, sizeof job->reason, "auto: %llu rows of %.2g µs", rows, each);
    else if (job->placing == CN_PLACING_ALONE)
        snprintf(job->reason, sizeof job->reason,
                 "auto: %llu rows of %.2g µs; there is one worker to use, so nothing is shared",
                 rows, each);
    else if (job->placing == CN_PLACING_LEFT)
        snprintf(job->reason, sizeof job->reason,
                 "auto: %llu rows of %.2g µs, left to a worker so that others are served here; the "
                 "break-even of %llu rows",
                 rows, each, (unsigned long long)job->break_even);
    else
        snprintf(job->reason, sizeof job->reason,
                 "auto: %llu rows of %.2g µs, %s the break-even of %llu rows%s%s", rows, each,
                 over ? "over" : "under", (unsigned long long)job->break_even, explain(job, over),
                 job->executor ? "" : "; answered without a crossing");
    size_t len = strlen(job->reason);
    if (job->elsewhere[0] != '\0')
        snprintf(job->reason + len, sizeof job->reason - len, "; %s", job->elsewhere);
    return job->reason;
}

enum cn_code cn_compute_place(struct cn_compute *compute, uint64_t rows, uint64_t bytes, bool more,
                              struct cn_error *error) {
    struct cn_job *job = compute->job;
    enum cn_executor_kind kind = compute->options.executor;
    double cost = row_cost(compute, rows, bytes);
    size_t width = cn_place_width(compute);
    struct cn_row_bytes each = {0};
    struct cn_cluster cluster;
    bool on_caller = false;

    job->row_ns = cost;
    bool clustered = cn_cluster_read(compute->exchange->service, &cluster);
    if (clustered)
        each = cn_place_row_bytes(job, rows, bytes);
    job->row_bytes = each.there > each.back ? each.there : each.back;
    if (kind == CN_EXECUTOR_AUTO && clustered &&
        place_elsewhere(compute, &cluster, rows, each, more)) {
        job->chosen = true;
        job->placing = CN_PLACING_ELSEWHERE;
        kind = CN_EXECUTOR_DASK;
    } else if (kind == CN_EXECUTOR_AUTO) {
        place(compute, rows, bytes, cost, more, &kind, &on_caller);
    } else {
        on_caller = kind == CN_EXECUTOR_SERIAL && !more && cost * (double)rows < CALLER_NS;
    }
    if (job->chosen && job->placing == CN_PLACING_LEFT)
        width = 1; /* one wake-up is enough */
    if (kind == CN_EXECUTOR_DASK)
        width = cn_place_remote_width(compute, &cluster);
    CN_TRY(cn_job_place(job, kind, width, on_caller, compute->exchange->deadline_ns, error));
    job->group.retries = compute->options.retries;
    cn_place_bound_cut(compute, rows, bytes);
    return CN_OK;
}

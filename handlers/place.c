/*
 * place.c: where a job runs and why, and in what pieces.
 *
 * A crossing into a pool costs `dispatch_ns` (measured at the start of the service); it pays when
 * the work that other workers take over is more than that, and when there are workers that have
 * nothing else to do. The cost of a row is estimated from the program and from what was measured of
 * its parts.
 */
#include <sys/resource.h>

#include "handlers/calibration.h"
#include "handlers/compute.h"

/* Cost that a thread that serves connections may bear: others wait behind it meanwhile. */
#define CALLER_NS 1e6
/* A task should not take longer, since other jobs' tasks wait behind it, and not less, since a
 * crossing would show. */
#define MOST_TASK_NS 1e6
#define LEAST_TASK_NS 5e4
#define MOST_TEXT_NS 2e6 /* of CSV: large blocks of memory are worth something */
#define FULL_BLOCK (0.95 * (1u << 21))
/* Rows and bytes of CSV text of a task, whatever they cost. */
#define BLOCK_ROWS 1024u
#define LEAST_ROWS 64u
#define MOST_ROWS 131072u
#define LEAST_BYTES (32u * 1024)
#define MOST_TASKS 65536u /* of one job: each is remembered */
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

/* ---- pieces ------------------------------------------------------------------------------- */

static size_t width_of(const struct cn_compute *compute) {
    if (compute->options.workers)
        return (size_t)compute->options.workers;
    return (size_t)compute->exchange->service->cpus.usable;
}

static uint64_t clamp_rows(uint64_t rows, uint64_t least, uint64_t most) {
    if (rows > most)
        rows = most;
    return rows < least ? least : rows;
}

/* Whole blocks of rows; rounded up, so that no remainder makes one task more than was meant. */
static uint64_t round_rows(uint64_t rows) {
    return clamp_rows((rows + BLOCK_ROWS - 1) / BLOCK_ROWS * BLOCK_ROWS, BLOCK_ROWS, MOST_ROWS);
}

/* So many parts that each worker gets as many, up to four; fewer when they would be too small. */
static uint64_t small_rows(uint64_t rows, uint64_t workers, double row_ns) {
    double share = (double)rows * row_ns / (double)workers / LEAST_TASK_NS;
    uint64_t parts = workers * clamp_rows((uint64_t)share, 1, 4);

    return clamp_rows((rows + parts - 1) / parts, LEAST_ROWS, BLOCK_ROWS);
}

/* In an experiment rows alone count, so that all its cases are cut alike. */
uint64_t cn_compute_task_rows(const struct cn_compute *compute, uint64_t rows, uint64_t workers) {
    const struct cn_job *job = compute->job;
    uint64_t width = workers ? workers : width_of(compute);
    uint64_t each = (rows + 4 * width - 1) / (4 * width);

    if (compute->options.chunk_rows)
        return compute->options.chunk_rows;
    if (job->bare || job->measured || job->row_ns <= 0)
        return round_rows(each);
    uint64_t most = clamp_rows((uint64_t)(MOST_TASK_NS / job->row_ns), LEAST_ROWS, MOST_ROWS);
    if (each < BLOCK_ROWS)
        each = small_rows(rows, width, job->row_ns);
    if (each > most)
        each = most;
    if (each < rows / MOST_TASKS)
        each = rows / MOST_TASKS + 1;
    return each < BLOCK_ROWS ? each : round_rows(each);
}

/* Bytes that a row of CSV text becomes, roughly. */
static double written_bytes(const struct cn_job *job, double row_bytes) {
    const struct cn_spec *spec = job->spec;
    double bytes = spec->verbatim ? row_bytes : 0;

    for (size_t o = 0; o < spec->n_outputs; o++) {
        bool computed = spec->outputs[o].let >= 0;
        enum cn_type type = CN_TYPE_FLOAT64;
        if (computed && job->output_plan)
            type = cn_plan_output_type(job->output_plan, o);
        if (computed)
            bytes += type == CN_TYPE_FLOAT64 ? 20 : type == CN_TYPE_STRING ? 33 : 8;
        else if (!spec->verbatim)
            bytes += row_bytes / (double)spec->n_columns;
    }
    return bytes > 1 ? bytes : 1;
}

/* CSV text is cut by its length; the first piece was cut before anything was known of it. What a
 * shorter piece writes should fill a block of memory all the same, and their sizes are powers of
 * two. */
static void bound_cut(struct cn_compute *compute, uint64_t rows, uint64_t bytes, double cost) {
    double row_bytes = (double)bytes / (double)(rows ? rows : 1);
    double most = MOST_TEXT_NS / cost * row_bytes;
    double cut = FULL_BLOCK * row_bytes / written_bytes(compute->job, row_bytes);

    if (compute->job->spec->source != CN_SOURCE_CSV || most >= (double)compute->intake.cut_bytes)
        return;
    while (cut > most && cut > LEAST_BYTES)
        cut /= 2;
    if (cut < (double)compute->intake.cut_bytes)
        compute->intake.cut_bytes = cut > LEAST_BYTES ? (size_t)cut : LEAST_BYTES;
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

static void place(struct cn_compute *compute, uint64_t rows, uint64_t bytes, double cost, bool more,
                  enum cn_executor_kind *kind, bool *on_caller) {
    struct cn_job *job = compute->job;
    const struct cn_service *service = compute->exchange->service;
    size_t cpus = (size_t)service->cpus.usable;
    size_t width = width_of(compute);
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
    if (job->placing == CN_PLACING_ALONE)
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
    return job->reason;
}

enum cn_code cn_compute_place(struct cn_compute *compute, uint64_t rows, uint64_t bytes, bool more,
                              struct cn_error *error) {
    struct cn_job *job = compute->job;
    enum cn_executor_kind kind = compute->options.executor;
    double cost = row_cost(compute, rows, bytes);
    size_t width = width_of(compute);
    bool on_caller = false;

    job->row_ns = cost;
    if (kind == CN_EXECUTOR_AUTO)
        place(compute, rows, bytes, cost, more, &kind, &on_caller);
    else
        on_caller = kind == CN_EXECUTOR_SERIAL && !more && cost * (double)rows < CALLER_NS;
    bound_cut(compute, rows, bytes, cost);
    if (job->chosen && job->placing == CN_PLACING_LEFT)
        width = 1; /* one wake-up is enough */
    return cn_job_place(job, kind, width, on_caller, compute->exchange->deadline_ns, error);
}

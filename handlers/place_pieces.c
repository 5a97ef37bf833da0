/*
 * place_pieces.c: in what pieces a job is cut: so large that handing one over does not show, and so
 * small that others' turns come soon and every worker gets as much.
 */
#include "handlers/place.h"

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

/* Of a task that is sent to another machine, where it costs milliseconds to be there: of its work,
 * and of what it carries there or back. */
#define REMOTE_MOST_NS 4e7
#define REMOTE_LEAST_NS 5e6
#define REMOTE_BYTES (8.0 * (1u << 20))
#define REMOTE_MOST_ROWS (1u << 22)
/* Values in a frame: a number with its mark, a text's offset. Values as they are written. */
#define VALUE_BYTES 9.0
#define NUMBER_BYTES 20.0
#define DIGEST_BYTES 33.0
#define SHORT_BYTES 8.0

size_t cn_place_width(const struct cn_compute *compute) {
    if (compute->options.workers)
        return (size_t)compute->options.workers;
    return (size_t)compute->exchange->service->cpus.usable;
}

size_t cn_place_remote_width(const struct cn_compute *compute, const struct cn_cluster *cluster) {
    if (compute->options.workers)
        return (size_t)compute->options.workers;
    return cn_cluster_width(cluster, compute->options.limits->max_workers);
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

/* Between what is worth sending and what a task may be; within that, as many rows for each of the
 * tasks that are under way at once. */
static uint64_t remote_rows(const struct cn_job *job, uint64_t rows, size_t width) {
    double heavy = job->row_bytes > 1 ? job->row_bytes : 1;
    double slow = REMOTE_MOST_NS / job->row_ns;
    double small = REMOTE_LEAST_NS / job->row_ns;
    uint64_t most =
        clamp_rows((uint64_t)(slow < REMOTE_BYTES / heavy ? slow : REMOTE_BYTES / heavy),
                   LEAST_ROWS, REMOTE_MOST_ROWS);
    uint64_t least = clamp_rows((uint64_t)small, LEAST_ROWS, most);
    uint64_t turns = rows / (most * width) + 1;
    uint64_t each = clamp_rows(rows / (turns * width) + 1, least, most);

    return each < rows / MOST_TASKS ? rows / MOST_TASKS + 1 : each;
}

/* In an experiment rows alone count, so that all its cases are cut alike. */
uint64_t cn_compute_task_rows(const struct cn_compute *compute, uint64_t rows, uint64_t workers) {
    const struct cn_job *job = compute->job;
    uint64_t width = workers ? workers : cn_place_width(compute);
    uint64_t each = (rows + 4 * width - 1) / (4 * width);

    if (compute->options.chunk_rows)
        return compute->options.chunk_rows;
    if (job->executor_kind == CN_EXECUTOR_DASK && !job->bare && job->row_ns > 0)
        return remote_rows(job, rows, job->width);
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

/* ---- bytes -------------------------------------------------------------------------------- */

/* A column that is written as it came. */
static double copied_bytes(const struct cn_job *job, size_t column, double row_bytes) {
    double share = row_bytes / (double)job->spec->n_columns;

    if (job->spec->source == CN_SOURCE_CSV || job->types[column] == CN_TYPE_STRING)
        return share;
    return job->types[column] == CN_TYPE_FLOAT64 ? NUMBER_BYTES : SHORT_BYTES;
}

/* What a row becomes in the reply, roughly; `row_bytes`: of its own text. */
static double written_bytes(const struct cn_job *job, double row_bytes) {
    const struct cn_spec *spec = job->spec;
    double bytes = spec->verbatim ? row_bytes : 0;

    for (size_t o = 0; o < spec->n_outputs; o++) {
        bool computed = spec->outputs[o].let >= 0;
        enum cn_type type = CN_TYPE_FLOAT64;
        if (computed && job->output_plan)
            type = cn_plan_output_type(job->output_plan, o);
        if (computed)
            bytes += type == CN_TYPE_FLOAT64  ? NUMBER_BYTES
                     : type == CN_TYPE_STRING ? DIGEST_BYTES
                                              : SHORT_BYTES;
        else if (!spec->verbatim)
            bytes += copied_bytes(job, spec->outputs[o].column, row_bytes);
    }
    return bytes > 1 ? bytes : 1;
}

/* What a task reads of a row. */
static double read_bytes(const struct cn_job *job, double row_bytes) {
    const struct cn_plan *plan = job->output_plan;
    double bytes = 0;

    if (job->spec->source == CN_SOURCE_CSV)
        return row_bytes;
    if (job->spec->source == CN_SOURCE_GENERATE || !plan)
        return 0;
    for (size_t i = 0; i < plan->n_loaded; i++) {
        bytes += VALUE_BYTES;
        if (job->types[plan->loaded[i]] == CN_TYPE_STRING)
            bytes += row_bytes / (double)job->spec->n_columns;
    }
    return bytes;
}

struct cn_row_bytes cn_place_row_bytes(const struct cn_job *job, uint64_t rows, uint64_t bytes) {
    double row_bytes = (double)bytes / (double)(rows ? rows : 1);
    double written = job->has_limit && job->limit < rows ? (double)job->limit / (double)rows : 1;

    return (struct cn_row_bytes){read_bytes(job, row_bytes),
                                 written * written_bytes(job, row_bytes)};
}

/* As large as a segment allows: what a task costs on its way is more than most of what it does. */
static double remote_cut(const struct cn_compute *compute, double row_bytes, size_t width) {
    const struct cn_job *job = compute->job;
    int64_t length = cn_exchange_body_length(compute->exchange);
    double most = REMOTE_MOST_NS / job->row_ns * row_bytes;
    double least = REMOTE_LEAST_NS / job->row_ns * row_bytes;
    double cut = length > 0 ? (double)length / (double)width : CN_SEGMENT_BYTES;

    if (cut < least)
        cut = least;
    if (cut > most)
        cut = most;
    if (cut > CN_SEGMENT_BYTES)
        cut = CN_SEGMENT_BYTES;
    return cut > LEAST_BYTES ? cut : LEAST_BYTES;
}

double cn_place_remote_tasks(const struct cn_compute *compute, uint64_t rows, double row_bytes,
                             size_t width) {
    const struct cn_job *job = compute->job;

    if (compute->options.chunk_rows)
        return (double)rows / (double)compute->options.chunk_rows;
    if (job->spec->source == CN_SOURCE_CSV)
        return (double)rows * row_bytes / remote_cut(compute, row_bytes, width);
    return (double)rows / (double)remote_rows(job, rows, width);
}

/* CSV text is cut by its length; the first piece was cut before anything was known of it. What a
 * shorter piece writes should fill a block of memory all the same, and their sizes are powers of
 * two. */
void cn_place_bound_cut(struct cn_compute *compute, uint64_t rows, uint64_t bytes) {
    const struct cn_job *job = compute->job;
    double row_bytes = (double)bytes / (double)(rows ? rows : 1);
    double most = MOST_TEXT_NS / job->row_ns * row_bytes;
    double cut = FULL_BLOCK * row_bytes / written_bytes(job, row_bytes);

    if (job->spec->source != CN_SOURCE_CSV)
        return;
    if (job->executor_kind == CN_EXECUTOR_DASK) {
        compute->intake.cut_bytes = (size_t)remote_cut(compute, row_bytes, job->width);
        compute->intake.fitted = true;
        return;
    }
    if (most >= (double)compute->intake.cut_bytes)
        return;
    while (cut > most && cut > LEAST_BYTES)
        cut /= 2;
    if (cut < (double)compute->intake.cut_bytes)
        compute->intake.cut_bytes = cut > LEAST_BYTES ? (size_t)cut : LEAST_BYTES;
}

/*
 * job_repeat.c: runs that are measured one after another, and how far a job is.
 *
 * A sample runs from the start of the run's first task to the moment when all its chunks are
 * gathered. What lies between two runs is in none.
 */
#include <stdlib.h>

#include "handlers/job.h"

enum cn_code cn_job_measure(struct cn_job *job, uint64_t repeat, bool cold,
                            struct cn_error *error) {
    job->samples = calloc((size_t)repeat, sizeof *job->samples);
    if (!job->samples)
        return cn_error_memory(error);
    job->measured = true;
    job->cold = cold;
    job->repeat = repeat;
    return CN_OK;
}

bool cn_job_keeps_outputs(const struct cn_job *job) {
    if (job->doomed)
        return false;
    if (job->run == 0 || job->phase != CN_JOB_OUTPUT)
        return true;
    return job->run == job->repeat && !job->over;
}

void cn_job_begin_outputs(struct cn_job *job) {
    cn_job_begin_pass(job, NULL);
    job->over = false;
    job->phase = CN_JOB_OUTPUT;
}

void cn_job_begin_run(struct cn_job *job) {
    job->run++;
    job->run_start_ns = 0;
    for (size_t i = 0; i < cn_recipe_lets(job->spec->recipe); i++)
        job->let_errors[i] = 0;
    for (size_t i = 0; i < job->n_chunks; i++)
        job->chunks[i].silent = false;
    job->table = 0;
    if (job->tables)
        cn_job_begin_table(job);
    else
        cn_job_begin_outputs(job);
}

bool cn_job_end_run(struct cn_job *job) {
    if (!job->measured)
        return false;
    if (job->run > 0)
        job->samples[job->n_samples++] =
            job->run_start_ns > 0 ? cn_clock_now() - job->run_start_ns : 0;
    if (job->run == job->repeat)
        return false;
    cn_job_begin_run(job);
    return true;
}

/* ---- progress ----------------------------------------------------------------------------- */

/* Passes over all rows: CSV is read once before its digests are made; then each run makes the
 * digests, one after another, and the columns. */
struct passes {
    uint64_t before; /* the current one */
    uint64_t all;
    bool counted; /* the current one is among them */
};

static struct passes count_passes(const struct cn_job *job) {
    uint64_t tables = cn_recipe_tables(job->spec->recipe);
    uint64_t reading = tables > 0 && job->spec->source == CN_SOURCE_CSV;
    uint64_t runs = job->measured ? job->repeat + !job->cold : 1;
    uint64_t run = job->cold && job->run > 0 ? job->run - 1 : job->run;
    struct passes passes = {.all = reading + runs * (tables + 1), .counted = true};

    passes.before = reading + run * (tables + 1);
    if (job->phase == CN_JOB_BODY) {
        passes.before = 0;
        passes.counted = tables == 0 || reading > 0;
    } else if (job->phase == CN_JOB_TABLE) {
        passes.before += job->table;
    } else {
        passes.before += tables;
    }
    return passes;
}

void cn_job_count_rows(struct cn_job *job) {
    job->all_rows = cn_job_total_rows(job);
    job->rows_known = true;
    cn_job_progress(job);
}

void cn_job_progress(struct cn_job *job) {
    struct cn_exchange *exchange = job->exchange;
    struct passes passes = count_passes(job);
    uint64_t total = job->rows_known ? job->all_rows * passes.all : 0;
    uint64_t done = job->all_rows * passes.before + (passes.counted ? job->pass_rows : 0);

    if (!exchange || job->phase == CN_JOB_STREAM)
        return;
    if (job->phase == CN_JOB_ENDED || (job->rows_known && done > total))
        done = total;
    atomic_store_explicit(&exchange->total_rows, total, memory_order_relaxed);
    if (done > atomic_load_explicit(&exchange->done_rows, memory_order_relaxed))
        atomic_store_explicit(&exchange->done_rows, done, memory_order_relaxed);
}

/*
 * job_plan.c: which types are assumed, when they are settled, and the plans that follow from them.
 */
#include <stdlib.h>

#include "handlers/job.h"
#include "handlers/plans.h"

/* Rows that are looked at before the first task goes out. */
#define SAMPLE_ROWS 32
/* Times that types are assumed anew. */
#define MOST_ASSUMED 16

static enum cn_code remember(struct cn_job *job, struct cn_plan *plan, struct cn_error *error) {
    if (job->n_plans == job->cap_plans) {
        size_t cap = job->cap_plans ? job->cap_plans * 2 : 8;
        struct cn_plan **plans = reallocarray(job->plans, cap, sizeof *plans);
        if (!plans) {
            cn_plan_unref(plan);
            return cn_error_memory(error);
        }
        job->plans = plans;
        job->cap_plans = cap;
    }
    job->plans[job->n_plans++] = plan;
    return CN_OK;
}

enum cn_code cn_job_use_plan(struct cn_job *job, struct cn_plan *plan, struct cn_error *error) {
    CN_TRY(remember(job, cn_plan_ref_up(plan), error));
    job->output_plan = plan;
    return CN_OK;
}

/* A digest's plan is for one table only, and a column's for one reply. */
static bool is_kept(const struct cn_job *job, const struct cn_plan_options *options) {
    return job->service->plans && options->pass == CN_PASS_OUTPUT && options->output < 0 &&
           !options->tables;
}

/* The plan that an earlier request made for the same, or a new one. */
static enum cn_code find_or_make(struct cn_job *job, const struct cn_plan_options *options,
                                 struct cn_plan **plan, struct cn_error *error) {
    bool kept = is_kept(job, options);
    struct cn_buf bytes = CN_BUF_INIT;
    enum cn_code code = CN_OK;

    *plan = NULL;
    if (kept && cn_plan_write(job->spec, options, &bytes))
        *plan = cn_plans_find(job->service->plans, cn_buf_str(&bytes));
    cn_buf_release(&bytes);
    if (!*plan) {
        uint64_t id = atomic_fetch_add(&job->service->next_plan, 1) + 1;
        code = cn_plan_new(plan, id, job->spec, options, job->service->keys, error);
        if (code == CN_OK && kept)
            cn_plans_keep(job->service->plans, *plan);
    }
    return code;
}

enum cn_code cn_job_compile(struct cn_job *job, enum cn_pass pass, int32_t which,
                            struct cn_plan **result, struct cn_error *error) {
    struct cn_plan_options options = {.pass = pass,
                                      .output = pass == CN_PASS_OUTPUT ? which : -1,
                                      .table = pass == CN_PASS_TABLE ? which : -1,
                                      .types = job->types,
                                      .tables = job->tables};
    struct cn_plan *plan = NULL;

    *result = NULL;
    CN_TRY(find_or_make(job, &options, &plan, error));
    CN_TRY(remember(job, plan, error));
    *result = plan;
    return CN_OK;
}

/* A plan for the assumed types; without one, chunks are only read until the types are settled. So
 * it is with types that change again and again: every plan costs time and memory. */
static void assume(struct cn_job *job) {
    job->output_plan = NULL;
    if (job->n_assumed++ >= MOST_ASSUMED)
        return;
    if (cn_job_compile(job, CN_PASS_OUTPUT, -1, &job->output_plan, NULL) != CN_OK)
        job->output_plan = NULL;
}

bool cn_job_merge_seen(struct cn_job *job, const uint8_t *seen) {
    bool changed = false;

    for (size_t c = 0; c < job->spec->n_columns; c++) {
        enum cn_type type;
        job->seen[c] |= seen[c];
        if (job->spec->columns[c].declared)
            continue;
        type = cn_csv_seen_type(job->seen[c]);
        if (type != job->types[c]) {
            job->types[c] = type;
            changed = true;
        }
    }
    if (changed && (!job->output_plan || !cn_job_plan_holds(job, job->output_plan)))
        assume(job);
    return changed;
}

bool cn_job_plan_holds(const struct cn_job *job, const struct cn_plan *plan) {
    for (size_t c = 0; c < job->spec->n_columns; c++) {
        if ((job->used[c] || plan->is_loaded[c]) && plan->schema[c].type != job->types[c])
            return false;
    }
    return true;
}

enum cn_code cn_job_sample(struct cn_job *job, struct cn_str text, struct cn_error *error) {
    const struct cn_spec *spec = job->spec;
    struct cn_arena arena;
    struct cn_csv_block block;
    struct cn_csv_reader reader;
    uint8_t *seen;
    enum cn_code code;

    cn_arena_init(&arena, 64 * 1024);
    seen = cn_arena_zalloc(&arena, spec->n_columns);
    code =
        seen ? cn_csv_block_init(&block, spec->n_columns, &arena, error) : cn_error_memory(error);
    if (code == CN_OK) {
        if (block.capacity > SAMPLE_ROWS)
            block.capacity = SAMPLE_ROWS;
        cn_csv_reader_init(&reader, text, spec->dialect, spec->n_columns);
        /* A fault here is found again, and reported, by the chunk that holds it. */
        if (cn_csv_reader_next(&reader, &block, NULL) == CN_OK) {
            for (size_t c = 0; c < spec->n_columns; c++)
                seen[c] = cn_csv_seen_column(&block, c, &spec->nulls);
        }
        cn_job_merge_seen(job, seen);
        if (!job->output_plan)
            assume(job);
    }
    cn_arena_release(&arena);
    return code;
}

/* Looks for the field that made an inferred column the type it is. */
struct search {
    struct cn_job *job;
    size_t column;
    struct cn_csv_block block;
    struct cn_arena arena;
    uint8_t seen; /* up to here */
    struct cn_error *error;
    bool found;
};

/* One row at a time: the block is shifted under a height of one. */
static void search_rows(struct search *search, const struct cn_chunk *chunk) {
    struct cn_csv_block *block = &search->block;
    struct cn_csv_field *field = &block->fields[search->column * block->capacity];
    size_t rows = block->rows;

    for (size_t row = 0; row < rows; row++) {
        enum cn_type before = cn_csv_seen_type(search->seen);
        field[0] = field[row];
        block->rows = 1;
        search->seen |= cn_csv_seen_column(block, search->column, &search->job->spec->nulls);
        if (cn_csv_seen_type(search->seen) != before) {
            search->error->line = block->row[row].line + chunk->first_line - 1;
            cn_error_set_value(search->error, cn_csv_field_text(&field[0], &search->arena));
            search->found = true;
        }
    }
    block->rows = rows;
}

/* False: the text cannot be had any more. */
static bool search_chunk(struct search *search, const struct cn_chunk *chunk) {
    const struct cn_spec *spec = search->job->spec;
    struct cn_segment memory;
    struct cn_str text;
    struct cn_csv_reader reader;
    bool ok = cn_job_read_text(search->job, chunk, &memory, &text, NULL) == CN_OK;

    if (ok)
        cn_csv_reader_init(&reader, text, spec->dialect, spec->n_columns);
    while (ok && cn_csv_reader_next(&reader, &search->block, NULL) == CN_OK &&
           search->block.rows > 0) {
        uint8_t more = cn_csv_seen_column(&search->block, search->column, &spec->nulls);
        if (cn_csv_seen_type(search->seen | more) == cn_csv_seen_type(search->seen))
            search->seen |= more;
        else
            search_rows(search, chunk);
    }
    cn_blocks_give(search->job->service->blocks, memory.data, memory.cap);
    return ok;
}

static bool find_evidence(struct cn_job *job, size_t column, struct cn_error *error) {
    struct search search = {.job = job, .column = column, .error = error};
    int64_t deadline = job->group.deadline_ns;

    cn_arena_init(&search.arena, 64 * 1024);
    bool ok = cn_csv_block_init(&search.block, job->spec->n_columns, &search.arena, NULL) == CN_OK;
    for (size_t i = 0; i < job->n_chunks && ok; i++)
        ok = cn_csv_seen_type(search.seen) != job->types[column] &&
             atomic_load(&job->gone) == CN_OK && (deadline == 0 || cn_clock_now() < deadline) &&
             search_chunk(&search, &job->chunks[i]);
    cn_arena_release(&search.arena);
    return search.found;
}

/* Says where the type came from, when that is what is wrong. */
static void explain(struct cn_job *job, struct cn_error *error) {
    for (size_t c = 0; c < job->spec->n_columns; c++) {
        size_t len = strlen(error->detail);
        if (job->spec->columns[c].declared ||
            !cn_str_equal(job->spec->columns[c].name, cn_str_c(error->column)))
            continue;
        if (find_evidence(job, c, error))
            snprintf(error->detail + len, sizeof error->detail - len,
                     "; column '%s' is %s because line %lld holds '%s'", error->column,
                     cn_type_name(job->types[c]), (long long)error->line, error->value);
        return;
    }
}

enum cn_code cn_job_settle_types(struct cn_job *job, struct cn_error *error) {
    enum cn_code code;

    job->types_final = true;
    if (job->output_plan && cn_job_plan_holds(job, job->output_plan))
        return CN_OK;
    code = cn_job_compile(job, CN_PASS_OUTPUT, -1, &job->output_plan, error);
    if (code == CN_TYPE_ERROR && job->spec->source == CN_SOURCE_CSV && error)
        explain(job, error);
    return code;
}

/*
 * intake_json.c: a JSON body: its options, then its columns or a frame to be generated.
 *
 * A generated frame is made block by block, where it is computed on. With `repeat` it is made once,
 * in memory, so that the runs find it as they would find a frame that was sent.
 */
#include <stdlib.h>

#include "handlers/compute.h"
#include "handlers/origin.h"

#define MOST_CHUNKS (1u << 20)
/* More values are not made on a thread that serves connections. */
#define CROSSING_VALUES 16384u

/* What is varied cannot be asked for. */
static enum cn_code refuse_varied(struct cn_str name, struct cn_error *error) {
    static const char *const varied[] = {"executor",   "workers", "mode",
                                         "chunk_rows", "repeat",  "timeout_ms"};

    for (size_t i = 0; i < sizeof varied / sizeof varied[0]; i++) {
        if (!cn_str_is(name, varied[i]))
            continue;
        cn_error_set_parameter(error, name);
        return cn_error_set(error, CN_INVALID_PARAMETER,
                            "the experiment sets `%s` for each run; it does not stand in the "
                            "workload",
                            varied[i]);
    }
    return CN_OK;
}

static enum cn_code set_options(struct cn_compute *compute, const struct cn_json_document *document,
                                struct cn_error *error) {
    for (size_t i = 0; i < document->n_members; i++) {
        struct cn_str name = document->members[i].name;
        if (compute->experiment)
            CN_TRY(refuse_varied(name, error));
        if (compute->form && !cn_str_is(name, "generate")) {
            cn_error_set_parameter(error, name);
            return cn_error_set(error, CN_INVALID_PARAMETER,
                                "in a form, options are parts; the JSON of its data part holds "
                                "`columns` or `generate` alone");
        }
        CN_TRY(cn_options_set_json(&compute->options, document->members[i].name,
                                   document->members[i].value, error));
    }
    if (document->has_columns && compute->options.generate) {
        cn_error_set_parameter(error, CN_STR("generate"));
        return cn_error_set(error, CN_INVALID_PARAMETER,
                            "the body has both `columns` and `generate`; give one of them");
    }
    if (!document->has_columns && !compute->options.generate) {
        cn_error_set_parameter(error, CN_STR("columns"));
        return cn_error_set(error, CN_INVALID_PARAMETER,
                            "the body has neither `columns` nor `generate`; give one of them");
    }
    return CN_OK;
}

enum cn_code cn_intake_columns(struct cn_compute *compute, struct cn_str text,
                               struct cn_frame *frame, struct cn_error *error) {
    const struct cn_options *options = &compute->options;
    struct cn_json_limits limits = {(size_t)options->limits->max_json_depth,
                                    (size_t)options->limits->max_columns,
                                    (size_t)options->limits->max_rows};
    struct cn_json_columns_options columns = {.nulls = options->nulls, .n_nulls = options->n_nulls};
    struct cn_json_declared *types =
        cn_arena_array(&compute->exchange->arena, options->n_types, sizeof *types);

    if (!types)
        return cn_error_memory(error);
    for (size_t i = 0; i < options->n_types; i++)
        types[i] = (struct cn_json_declared){options->types[i].name, options->types[i].any,
                                             options->types[i].type};
    columns.types = types;
    columns.n_types = options->n_types;
    if (compute->document->columns_read && cn_json_columns_stand(&compute->columns, &columns)) {
        *frame = compute->columns;
        cn_frame_init(&compute->columns, compute->exchange->service->blocks);
        compute->document->columns_read = false;
        return CN_OK;
    }
    cn_frame_release(&compute->columns);
    return cn_json_read_columns(text, &limits, &columns, frame, error);
}

enum cn_code cn_intake_add_rows(struct cn_compute *compute, uint64_t rows, uint64_t workers,
                                struct cn_error *error) {
    struct cn_job *job = compute->job;
    uint64_t each = compute->options.chunk_rows;

    if (each == 0 && !job->executor)
        each = rows ? rows : 1;
    else if (each == 0)
        each = cn_compute_task_rows(compute, rows, workers);
    if (rows / each >= MOST_CHUNKS) {
        cn_error_set_parameter(error, CN_STR("chunk_rows"));
        return cn_error_set(error, CN_LIMIT_EXCEEDED,
                            "%llu rows make more than %u chunks; ask for more rows in each",
                            (unsigned long long)rows, MOST_CHUNKS);
    }
    for (uint64_t first = 0; first < rows; first += each)
        CN_TRY(cn_job_add_rows(job, first, rows - first < each ? rows - first : each, error));
    return CN_OK;
}

static enum cn_code begin_frame(struct cn_compute *compute, struct cn_frame *frame,
                                struct cn_error *error) {
    struct cn_str *names =
        cn_arena_array(&compute->exchange->arena, frame->n_columns, sizeof *names);

    if (!names)
        return cn_error_memory(error);
    for (size_t i = 0; i < frame->n_columns; i++)
        names[i] = frame->columns[i].name;
    CN_TRY(cn_compute_begin(compute, CN_SOURCE_FRAME, names, frame->n_columns, error));
    for (size_t i = 0; i < frame->n_columns; i++)
        compute->job->types[i] = frame->columns[i].type;
    /* The frame is the job's from here on. */
    cn_frame_release(&compute->job->frame);
    compute->job->frame = *frame;
    cn_frame_init(frame, compute->exchange->service->blocks);
    return CN_OK;
}

/* What the document says of where the values come from. An experiment's is part of a body, which
 * is noted as a whole (compare_read.c). */
static void note_origin(const struct cn_compute *compute, struct cn_str text,
                        const struct cn_json_document *document) {
    struct cn_origin *origin = compute->exchange->origin;

    if (document->has_columns) {
        cn_origin_upload(origin, CN_ORIGIN_JSON);
        return;
    }
    cn_origin_no_upload(origin);
    if (!compute->form && !compute->experiment)
        cn_origin_json(origin, text);
}

/* What the body asks for, once: reading goes on where it stopped for a crossing. */
enum cn_code cn_intake_document(struct cn_compute *compute, struct cn_str text,
                                struct cn_error *error) {
    struct cn_json_limits limits = {(size_t)compute->options.limits->max_json_depth,
                                    (size_t)compute->options.limits->max_columns,
                                    (size_t)compute->options.limits->max_rows};
    struct cn_json_document *document;
    enum cn_code code;

    if (compute->document)
        return CN_OK;
    document = cn_arena_zalloc(&compute->exchange->arena, sizeof *document);
    if (!document)
        return cn_error_memory(error);
    cn_frame_init(&compute->columns, compute->exchange->service->blocks);
    CN_TRY(cn_json_read_body(text, &limits, &compute->exchange->arena, &compute->columns, document,
                             error));
    note_origin(compute, text, document);
    code = set_options(compute, document, error);
    if (compute->options.generate && !document->has_columns)
        cn_origin_generated(compute->exchange->origin, compute->options.generate);
    CN_TRY(code);
    CN_TRY(cn_compute_parse_lets(compute, error));
    compute->document = document;
    return CN_OK;
}

static bool is_generated_in_memory(const struct cn_compute *compute) {
    return compute->options.generate && compute->options.repeat > 1;
}

/* The values, in memory. */
static enum cn_code make_frame(struct cn_compute *compute, struct cn_frame *frame,
                               struct cn_error *error) {
    const struct cn_generate *generate = compute->options.generate;

    if (!generate)
        return cn_intake_columns(compute, compute->document->columns, frame, error);
    return cn_frame_generate(frame, generate, generate->rows, compute->exchange, &compute->gone,
                             error);
}

static enum cn_code begin(struct cn_compute *compute, struct cn_error *error) {
    const struct cn_generate *generate = compute->options.generate;
    struct cn_frame frame;
    uint64_t rows;
    enum cn_code code;

    if (generate && !is_generated_in_memory(compute)) {
        rows = generate->rows;
        cn_ledger_enter(&compute->exchange->ledger, CN_STAGE_PLAN, cn_clock_now());
        CN_TRY(cn_compute_begin(compute, CN_SOURCE_GENERATE, generate->columns, generate->n_columns,
                                error));
    } else {
        cn_frame_init(&frame, compute->exchange->service->blocks);
        code = make_frame(compute, &frame, error);
        rows = frame.rows;
        cn_ledger_enter(&compute->exchange->ledger, CN_STAGE_PLAN, cn_clock_now());
        if (code == CN_OK)
            code = begin_frame(compute, &frame, error);
        cn_frame_release(&frame);
        CN_TRY(code);
    }
    CN_TRY(cn_job_settle_types(compute->job, error));
    CN_TRY(cn_compute_place(compute, rows, compute->text.len, false, error));
    CN_TRY(cn_intake_add_rows(compute, rows, 0, error));
    cn_job_count_rows(compute->job);
    return CN_OK;
}

enum cn_code cn_intake_json(struct cn_compute *compute, bool may_cross, bool *cross,
                            struct cn_error *error) {
    cn_ledger_enter(&compute->exchange->ledger, CN_STAGE_DECODE, cn_clock_now());
    CN_TRY(cn_intake_document(compute, cn_buf_str(&compute->text), error));
    cn_compute_set_deadline(compute);
    *cross =
        may_cross && is_generated_in_memory(compute) &&
        compute->options.generate->rows > CROSSING_VALUES / compute->options.generate->n_columns;
    if (*cross)
        return CN_OK;
    CN_TRY(begin(compute, error));
    cn_buf_release(&compute->text);
    return CN_OK;
}

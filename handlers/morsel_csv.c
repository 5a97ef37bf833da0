/*
 * morsel_csv.c: the rows of a morsel of CSV text, block by block while they are in this core's
 * cache: fields, kinds of text, values, expressions, reply bytes.
 */
#include "handlers/morsel.h"

/* Whether it is of interest what kinds of text a column holds. Passes that follow once the types
 * are settled have no use for it, and a string column cannot become more. */
static bool wants_kinds(const struct cn_morsel *morsel, size_t column) {
    const struct cn_plan *plan = morsel->plan;

    return plan->pass != CN_PASS_TABLE && plan->output < 0 &&
           !plan->spec->columns[column].declared && !(morsel->seen[column] & CN_CSV_SEEN_STRING);
}

/* What kinds of text the columns hold that are not loaded; loading tells it of the others. */
static void note_kinds(struct cn_morsel *morsel, const struct cn_csv_block *block) {
    const struct cn_plan *plan = morsel->plan;

    for (size_t c = 0; c < plan->spec->n_columns; c++) {
        if (plan->is_loaded[c] || !wants_kinds(morsel, c))
            continue;
        if (plan->schema[c].type == CN_TYPE_STRING)
            morsel->seen[c] = CN_CSV_SEEN_STRING;
        else
            morsel->seen[c] |= cn_csv_seen_column(block, c, &plan->spec->nulls);
    }
}

/* Values of the loaded columns, and their kinds of text. The fault of the lowest row wins, then
 * that of the first column. */
static enum cn_code load(struct cn_morsel *morsel, const struct cn_csv_block *block,
                         struct cn_error *error) {
    const struct cn_plan *plan = morsel->plan;
    enum cn_code worst = CN_OK;
    struct cn_error lowest;

    cn_error_init(&lowest);
    for (size_t i = 0; i < plan->n_loaded; i++) {
        uint32_t c = plan->loaded[i];
        const struct cn_spec_column *column = &plan->spec->columns[c];
        struct cn_csv_wanted wanted = {.type = plan->schema[c].type,
                                       .declared = column->declared,
                                       .canonical = morsel->hashed[c],
                                       .nulls = &plan->spec->nulls};
        struct cn_csv_loaded loaded;
        struct cn_error fault;
        enum cn_code code;

        cn_error_init(&fault);
        code = cn_csv_load(block, c, &wanted, &morsel->state->block, &loaded, &fault);
        morsel->values[c] = loaded.vector;
        morsel->texts[c] = loaded.texts;
        if (wants_kinds(morsel, c))
            morsel->seen[c] |= loaded.seen;
        if (code != CN_OK && (worst == CN_OK || fault.row < lowest.row)) {
            cn_error_set_column(&fault, column->name);
            lowest = fault;
            worst = code;
        }
    }
    if (worst != CN_OK && error && error->code == CN_OK)
        *error = lowest;
    return worst;
}

static enum cn_code load_raw(struct cn_morsel *morsel, const struct cn_csv_block *block,
                             struct cn_error *error) {
    const struct cn_program_input *inputs;
    size_t n_inputs;

    inputs = cn_program_inputs(morsel->plan->program, &n_inputs);
    for (size_t i = 0; i < n_inputs; i++) {
        if (inputs[i].raw)
            CN_TRY(cn_csv_decode_raw(block, inputs[i].column, &morsel->plan->spec->nulls,
                                     &morsel->state->block, &morsel->raws[i], error));
    }
    return CN_OK;
}

/* Row hashes use the texts of numbers that stand in the body as they would be written. */
static enum cn_code show_texts(struct cn_morsel *morsel, struct cn_error *error) {
    const struct cn_program_input *inputs;
    struct cn_texts *texts;
    size_t n_inputs;

    inputs = cn_program_inputs(morsel->plan->program, &n_inputs);
    texts = cn_arena_zalloc(&morsel->state->block, n_inputs * sizeof *texts);
    if (!texts)
        return cn_error_memory(error);
    for (size_t i = 0; i < n_inputs; i++)
        if (!inputs[i].raw)
            texts[i] = morsel->texts[inputs[i].column];
    cn_eval_show_texts(morsel->eval, texts);
    return CN_OK;
}

static enum cn_code run_block(struct cn_morsel *morsel, const struct cn_csv_block *block,
                              uint64_t first, struct cn_error *error) {
    bool computed_before = morsel->code == CN_OK;
    enum cn_code code;

    cn_arena_reset(&morsel->state->block, 8u << 20);
    note_kinds(morsel, block);
    if (morsel->code == CN_OK) {
        code = load(morsel, block, error);
    } else {
        /* A fault of computing was noted in `error`; one of the body goes before it. */
        struct cn_error fault;
        cn_error_init(&fault);
        code = load(morsel, block, &fault);
        if (code != CN_OK && error)
            *error = fault;
    }
    if (code == CN_OK && cn_morsel_computes(morsel))
        code = load_raw(morsel, block, error);
    if (code == CN_OK && cn_morsel_computes(morsel) && morsel->plan->spec->mode == CN_MODE_VECTOR)
        code = show_texts(morsel, error);
    cn_morsel_book(morsel, CN_SPAN_PARSE);
    if (code != CN_OK) {
        if (error && error->row >= 0)
            error->row += (int64_t)first;
        morsel->result->body_fault = true;
        return code;
    }
    if (!cn_morsel_computes(morsel))
        return CN_OK;
    cn_morsel_evaluate(morsel, block->rows, first, error);
    if (morsel->code == CN_OK)
        cn_morsel_encode(morsel, block, block->rows, first, error);
    else
        cn_morsel_encode_failed(morsel, block, first, error);
    if (computed_before && morsel->code != CN_OK && error && error->row >= (int64_t)first &&
        error->row - (int64_t)first < (int64_t)block->rows)
        error->line = block->row[error->row - (int64_t)first].line;
    return CN_OK;
}

static enum cn_code next_block(struct cn_morsel *morsel, struct cn_csv_reader *reader,
                               struct cn_csv_block *block, struct cn_error *error) {
    struct cn_error fault;
    enum cn_code code;

    cn_error_init(&fault);
    code = cn_csv_reader_next(reader, block, &fault);
    morsel->result->rows = (uint64_t)reader->rows;
    morsel->result->lines = (uint64_t)reader->lines;
    if (code != CN_OK) {
        if (error)
            *error = fault;
        morsel->result->body_fault = true;
    }
    return code;
}

enum cn_code cn_morsel_run_csv(struct cn_morsel *morsel, struct cn_error *error) {
    const struct cn_spec *spec = morsel->plan->spec;
    struct cn_csv_block block;
    struct cn_csv_reader reader;
    uint64_t first = 0;

    if (morsel->run->n_inputs != 1)
        return cn_error_set(error, CN_INTERNAL, "a CSV morsel has %zu inputs",
                            morsel->run->n_inputs);
    CN_TRY(cn_csv_block_init(&block, spec->n_columns, &morsel->state->morsel, error));
    if (morsel->eval && block.capacity > cn_eval_capacity(morsel->eval))
        block.capacity = cn_eval_capacity(morsel->eval);
    cn_csv_reader_init(&reader, morsel->run->inputs[0], spec->dialect, spec->n_columns);
    for (;;) {
        if (cn_run_stopped(morsel->run))
            return CN_CANCELLED;
        cn_run_yield(morsel->run);
        CN_TRY(next_block(morsel, &reader, &block, error));
        if (block.rows == 0) {
            cn_morsel_book(morsel, CN_SPAN_PARSE);
            return CN_OK;
        }
        CN_TRY(run_block(morsel, &block, first, error));
        first += block.rows;
    }
}

/*
 * morsel_encode.c: evaluated blocks into the bytes of the reply.
 */
#include <math.h>

#include "handlers/morsel.h"

/* More is not set aside for an output before it is there. */
#define MOST_ROOM ((size_t)8 << 20)
#define TRAILER_ROOM 4096 /* behind the rows; more columns than that make it grow once more */

void cn_morsel_evaluate(struct cn_morsel *morsel, size_t rows, uint64_t first,
                        struct cn_error *error) {
    const struct cn_program_input *inputs;
    int64_t hash_ns = 0;
    size_t n_inputs;

    inputs = cn_program_inputs(morsel->plan->program, &n_inputs);
    for (size_t i = 0; i < n_inputs; i++)
        morsel->inputs[i] = inputs[i].raw ? morsel->raws[i] : morsel->values[inputs[i].column];
    if (morsel->plan->spec->mode == CN_MODE_VECTOR)
        morsel->code =
            cn_eval_block(morsel->eval, morsel->inputs, rows, morsel->computed, morsel->failed,
                          morsel->clock_ns + morsel->run->spans->ns[CN_SPAN_LOCK], &hash_ns, error);
    else if (morsel->plan->computes)
        morsel->code = cn_morsel_call_rows(morsel, rows, &hash_ns, error);
    cn_morsel_book(morsel, CN_SPAN_EVALUATE);
    morsel->run->spans->ns[CN_SPAN_HASH] += hash_ns;
    morsel->run->spans->ns[CN_SPAN_EVALUATE] -= hash_ns;
    if (morsel->code != CN_OK && error && error->row >= 0)
        error->row += (int64_t)first;
}

static const struct cn_vector *output_vector(const struct cn_morsel *morsel, size_t o) {
    const struct cn_output *output = &morsel->plan->spec->outputs[o];

    return output->let >= 0 ? &morsel->computed[output->let] : &morsel->values[output->column];
}

/* ---- what cannot be written ---------------------------------------------------------------- */

/* A value that computes but cannot be written: a NUL character in CSV, a number that is not finite
 * in JSON under nan=error. Sets `error` for it, with the row within the block. */
static enum cn_code check_value(const struct cn_morsel *morsel, size_t o, size_t row,
                                struct cn_error *error) {
    const struct cn_spec *spec = morsel->plan->spec;
    const struct cn_vector *vector = output_vector(morsel, o);
    const struct cn_output *output = &spec->outputs[o];
    enum cn_code code = CN_OK;

    if (vector->nulls && vector->nulls[row])
        return CN_OK;
    if (spec->sink == CN_SINK_JSON) {
        if (vector->type == CN_TYPE_FLOAT64 && !isfinite(((const double *)vector->values)[row]))
            code = cn_error_set(error, CN_NOT_FINITE,
                                "a value is NaN or infinite, which JSON cannot hold; nan=null or "
                                "nan=string say how to write it");
    } else if (vector->type == CN_TYPE_STRING) {
        const struct cn_str *text = (const struct cn_str *)vector->values + row;
        if (text->len > 0 && memchr(text->data, 0, text->len))
            code = cn_error_set(error, CN_INVALID_VALUE,
                                "a text with a NUL character cannot be written as CSV; ask for "
                                "JSON (Accept: application/json) or take it out");
    }
    if (code == CN_OK)
        return CN_OK;
    error->row = (int64_t)row;
    error->let = output->let;
    cn_error_set_column(error, output->let >= 0 ? cn_recipe_name(spec->recipe, (size_t)output->let)
                                                : spec->columns[output->column].name);
    return code;
}

/* Whether an output can hold such values at all; fields of a CSV text go out as they came in. */
static bool is_checked(const struct cn_morsel *morsel, const struct cn_csv_block *text, size_t o) {
    const struct cn_spec *spec = morsel->plan->spec;
    const struct cn_output *output = &spec->outputs[o];

    if (morsel->plan->output >= 0 && (size_t)morsel->plan->output != o)
        return false;
    if (spec->sink == CN_SINK_JSON)
        return spec->nan == CN_JSON_NAN_ERROR && output_vector(morsel, o)->type == CN_TYPE_FLOAT64;
    if (output->let >= 0 && cn_program_output_is_hex(morsel->plan->program, (size_t)output->let))
        return false;
    return (output->let >= 0 || !text) && output_vector(morsel, o)->type == CN_TYPE_STRING;
}

/* Looks for the fault of the lowest row, then of the first let (an input column is before all),
 * in `rows` rows; and in the row behind them in lets before `let` (-1: not at all). */
static enum cn_code find_fault(const struct cn_morsel *morsel, const struct cn_csv_block *text,
                               size_t rows, int32_t let, struct cn_error *lowest) {
    const struct cn_spec *spec = morsel->plan->spec;
    enum cn_code worst = CN_OK;

    for (size_t o = 0; o < spec->n_outputs; o++) {
        size_t end = rows + (spec->outputs[o].let < let);
        if (!is_checked(morsel, text, o))
            continue;
        for (size_t row = 0; row < end; row++) {
            struct cn_error fault;
            enum cn_code code;
            cn_error_init(&fault);
            code = check_value(morsel, o, row, &fault);
            if (code == CN_OK)
                continue;
            if (worst == CN_OK || fault.row < lowest->row ||
                (fault.row == lowest->row && fault.let < lowest->let)) {
                *lowest = fault;
                worst = code;
            }
            break;
        }
    }
    return worst;
}

/* ---- bytes --------------------------------------------------------------------------------- */

static enum cn_code too_much(size_t row, size_t most, struct cn_error *error) {
    if (error && error->code == CN_OK)
        error->row = (int64_t)row;
    return cn_error_set(error, CN_LIMIT_EXCEEDED,
                        "the rows of one chunk make more than %zu MiB of reply; ask for fewer rows "
                        "in each (chunk_rows), or for fewer columns",
                        most >> 20);
}

static struct cn_csv_cells csv_cells(const struct cn_morsel *morsel,
                                     const struct cn_csv_block *text, size_t o) {
    const struct cn_output *output = &morsel->plan->spec->outputs[o];

    if (output->let < 0 && text)
        return (struct cn_csv_cells){.fields =
                                         text->fields + (size_t)output->column * text->capacity};
    return (struct cn_csv_cells){
        .vector = output_vector(morsel, o),
        .bare = output->let >= 0 &&
                cn_program_output_is_hex(morsel->plan->program, (size_t)output->let)};
}

static enum cn_code encode_csv(struct cn_morsel *morsel, const struct cn_csv_block *text,
                               size_t rows, size_t most, struct cn_error *error) {
    const struct cn_spec *spec = morsel->plan->spec;
    struct cn_arena *arena = &morsel->state->block;
    struct cn_csv_cells *cells = cn_arena_array(arena, spec->n_outputs, sizeof *cells);
    struct cn_csv_rows all = {.rows = text ? text->row : NULL,
                              .verbatim = spec->verbatim && spec->n_columns > 0,
                              .cells = cells,
                              .count = rows,
                              .delimiter = spec->delimiter};
    size_t written;

    if (spec->n_outputs == 0)
        return CN_OK;
    if (!cells)
        return cn_error_memory(error);
    for (size_t o = all.verbatim ? spec->n_columns : 0; o < spec->n_outputs; o++)
        cells[all.n_cells++] = csv_cells(morsel, text, o);
    if (!cn_csv_write_rows(morsel->run->out, &all, most, &written, arena))
        return cn_error_memory(error);
    if (morsel->run->out->len > most)
        return too_much(written - 1, most, error);
    return CN_OK;
}

/* Where the text of an output gathers: what is the only one needs no piece. */
static struct cn_buf *json_piece(const struct cn_morsel *morsel, size_t o) {
    bool only = morsel->plan->output >= 0 || morsel->plan->spec->n_outputs == 1;

    return only ? morsel->run->out : &morsel->state->pieces[o];
}

static enum cn_code encode_json(struct cn_morsel *morsel, size_t rows, size_t most,
                                struct cn_error *error) {
    const struct cn_plan *plan = morsel->plan;
    size_t bytes = 0;

    for (size_t o = 0; o < plan->spec->n_outputs; o++) {
        if (plan->output >= 0 && (size_t)plan->output != o)
            continue;
        struct cn_buf *piece = json_piece(morsel, o);
        CN_TRY(cn_json_write_vector(piece, output_vector(morsel, o), rows, plan->spec->nan, error));
        bytes += piece->len;
        if (bytes > most)
            return too_much(0, most, error);
    }
    return CN_OK;
}

static enum cn_code encode_table(struct cn_morsel *morsel, size_t rows, size_t most,
                                 struct cn_error *error) {
    const struct cn_vector *vector = &morsel->computed[0];
    const struct cn_str *texts = vector->values;

    for (size_t i = 0; i < rows; i++) {
        if (vector->type == CN_TYPE_NULL || (vector->nulls && vector->nulls[i]))
            morsel->null_rows++;
        else if (!cn_buf_add_str(morsel->run->out, texts[i]))
            return cn_error_memory(error);
        if (!cn_buf_add_char(morsel->run->out, '\n'))
            return cn_error_memory(error);
        if (morsel->run->out->len > most)
            return too_much(i, most, error);
    }
    return CN_OK;
}

/* After the first block of a text: room for what the others will write, at once, because growing
 * copies. A text that comes out longer still grows. */
static bool make_room(struct cn_morsel *morsel, const struct cn_csv_block *text, size_t rows) {
    const struct cn_str all = morsel->run->inputs[0];
    struct cn_buf *out = morsel->run->out;
    size_t read = (size_t)(text->row[rows - 1].next - all.data);
    double bytes = (double)out->len * ((double)all.len / (double)read) * 1.02;

    if (read >= all.len || bytes > (double)MOST_ROOM || morsel->args.output_rows < UINT64_MAX)
        return true;
    return cn_buf_reserve(out, (size_t)bytes - out->len + TRAILER_ROOM);
}

static enum cn_code encode_rows(struct cn_morsel *morsel, const struct cn_csv_block *text,
                                size_t rows, bool first, size_t most, struct cn_error *error) {
    if (morsel->plan->spec->sink == CN_SINK_JSON)
        return encode_json(morsel, rows, most, error);
    CN_TRY(encode_csv(morsel, text, rows, most, error));
    return text && first && rows > 0 && !make_room(morsel, text, rows) ? cn_error_memory(error)
                                                                       : CN_OK;
}

void cn_morsel_encode(struct cn_morsel *morsel, const struct cn_csv_block *text, size_t rows,
                      uint64_t first, struct cn_error *error) {
    uint64_t room = morsel->args.output_rows > first ? morsel->args.output_rows - first : 0;
    struct cn_error fault;
    enum cn_code code;

    cn_error_init(&fault);
    if (rows > room)
        rows = (size_t)room;
    if (rows == 0)
        return;
    size_t most = rows == 1 && first == 0 ? CN_MORSEL_MAX_ROW : CN_MORSEL_MAX_OUTPUT;
    if (morsel->plan->pass == CN_PASS_TABLE)
        code = encode_table(morsel, rows, most, &fault);
    else if ((code = find_fault(morsel, text, rows, -1, &fault)) == CN_OK)
        code = encode_rows(morsel, text, rows, first == 0, most, &fault);
    if (code != CN_OK) {
        if (fault.row >= 0)
            fault.row += (int64_t)first;
        morsel->code = code;
        *error = fault;
    }
    cn_morsel_book(morsel, CN_SPAN_ENCODE);
}

/* A row failed to compute; one before it, or a let before the failed one, may not be writable. */
void cn_morsel_encode_failed(struct cn_morsel *morsel, const struct cn_csv_block *text,
                             uint64_t first, struct cn_error *error) {
    uint64_t room = morsel->args.output_rows > first ? morsel->args.output_rows - first : 0;
    uint64_t row = (uint64_t)error->row - first;
    struct cn_error fault;
    enum cn_code code;

    if (morsel->plan->pass != CN_PASS_OUTPUT || error->row < (int64_t)first)
        return;
    cn_error_init(&fault);
    code = find_fault(morsel, text, (size_t)(row < room ? row : room), row < room ? error->let : -1,
                      &fault);
    if (code == CN_OK)
        return;
    fault.row += (int64_t)first;
    morsel->code = code;
    *error = fault;
}

static void trim_pieces(struct cn_compute_state *state) {
    size_t held = 0;

    for (size_t i = 0; i < state->n_pieces; i++)
        held += state->pieces[i].cap;
    for (size_t i = 0; i < state->n_pieces && held > CN_MORSEL_KEEP; i++)
        cn_buf_release(&state->pieces[i]);
}

/* Into the output, which grows once, since growing copies. */
static bool join_pieces(struct cn_morsel *morsel) {
    const size_t n = morsel->plan->spec->n_outputs;
    const struct cn_buf *pieces = morsel->state->pieces;
    struct cn_buf *out = morsel->run->out;
    size_t bytes = TRAILER_ROOM;

    for (size_t o = 0; o < n; o++)
        bytes += pieces[o].len;
    if (!cn_buf_reserve(out, bytes))
        return false;
    for (size_t o = 0; o < n; o++) {
        if (!cn_buf_add(out, pieces[o].data, pieces[o].len))
            return false;
    }
    return true;
}

/* The text of one output, when all of them are in the reply. */
static uint64_t json_len(const struct cn_morsel *morsel, size_t o) {
    if (json_piece(morsel, o) != morsel->run->out)
        return morsel->state->pieces[o].len;
    return morsel->plan->output < 0 || (size_t)morsel->plan->output == o ? morsel->result->data_len
                                                                         : 0;
}

enum cn_code cn_morsel_finish(struct cn_morsel *morsel, struct cn_error *error) {
    const struct cn_spec *spec = morsel->plan->spec;
    struct cn_buf *out = morsel->run->out;
    bool json = spec->sink == CN_SINK_JSON && morsel->plan->pass == CN_PASS_OUTPUT;
    bool ok = true;

    morsel->result->failed = morsel->code != CN_OK;
    if (morsel->result->failed) {
        out->len = 0;
        for (size_t o = 0; json && o < spec->n_outputs; o++)
            morsel->state->pieces[o].len = 0;
    }
    if (json)
        ok = join_pieces(morsel);
    morsel->result->data_len = out->len;
    ok = ok && cn_buf_add(out, morsel->seen, spec->n_columns) &&
         cn_buf_add(out, morsel->failed, cn_recipe_lets(spec->recipe) * sizeof(uint64_t));
    for (size_t o = 0; o < spec->n_outputs && ok; o++) {
        uint64_t len = json ? json_len(morsel, o) : 0;
        ok = cn_buf_add(out, &len, sizeof len);
    }
    ok = ok && cn_buf_add(out, &morsel->null_rows, sizeof morsel->null_rows);
    if (ok && morsel->result->failed) {
        /* What the rows' fault says goes with the results; `error` is the task's own again. */
        ok = cn_buf_add(out, error, sizeof *error);
        cn_error_init(error);
    }
    if (json)
        trim_pieces(morsel->state);
    if (!ok)
        return cn_error_memory(error);
    cn_morsel_book(morsel, CN_SPAN_ENCODE);
    return CN_OK;
}

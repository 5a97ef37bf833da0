/*
 * morsel_encode.c: evaluated blocks into the bytes of the reply.
 */
#include "handlers/morsel.h"

void cn_morsel_evaluate(struct cn_morsel *morsel, size_t rows, uint64_t first,
                        struct cn_error *error) {
    const struct cn_program_input *inputs;
    size_t n_inputs;

    inputs = cn_program_inputs(morsel->plan->program, &n_inputs);
    for (size_t i = 0; i < n_inputs; i++)
        morsel->inputs[i] = inputs[i].raw ? morsel->raws[i] : morsel->values[inputs[i].column];
    morsel->code = cn_eval_block(morsel->eval, morsel->inputs, rows, morsel->computed,
                                 morsel->failed, morsel->run->spans, error);
    if (morsel->code != CN_OK && error && error->row >= 0)
        error->row += (int64_t)first;
}

static const struct cn_vector *output_vector(const struct cn_morsel *morsel, size_t o) {
    const struct cn_output *output = &morsel->plan->spec->outputs[o];

    return output->let >= 0 ? &morsel->computed[output->let] : &morsel->values[output->column];
}

/* A NUL byte is data in JSON but cannot stand in a CSV reply. */
static enum cn_code check_nul(const struct cn_morsel *morsel, const struct cn_vector *vector,
                              size_t o, size_t row, struct cn_error *error) {
    const struct cn_str *text = (const struct cn_str *)vector->values + row;
    const struct cn_output *output = &morsel->plan->spec->outputs[o];

    if (vector->type != CN_TYPE_STRING || (vector->nulls && vector->nulls[row]) || text->len == 0 ||
        !memchr(text->data, 0, text->len))
        return CN_OK;
    if (error && error->code == CN_OK) {
        error->row = (int64_t)row;
        error->let = output->let;
    }
    cn_error_set_column(error, output->name);
    return cn_error_set(error, CN_INVALID_VALUE,
                        "a text with a NUL character cannot be written as CSV; ask for JSON "
                        "(Accept: application/json) or take it out");
}

static enum cn_code check_output(size_t bytes, size_t row, struct cn_error *error) {
    if (bytes <= CN_MORSEL_MAX_OUTPUT)
        return CN_OK;
    if (error && error->code == CN_OK)
        error->row = (int64_t)row;
    return cn_error_set(error, CN_LIMIT_EXCEEDED,
                        "the rows of one chunk make more than %zu MiB of reply; ask for fewer rows "
                        "in each (chunk_rows), or for fewer columns",
                        CN_MORSEL_MAX_OUTPUT >> 20);
}

static enum cn_code csv_row(struct cn_morsel *morsel, const struct cn_csv_block *text, size_t row,
                            struct cn_error *error) {
    const struct cn_spec *spec = morsel->plan->spec;
    struct cn_buf *out = morsel->run->out;
    const struct cn_csv_row *source = text ? &text->row[row] : NULL;
    size_t before = out->len;
    size_t o = 0;
    bool ok = true;

    if (spec->verbatim && spec->n_columns > 0) {
        ok = cn_buf_add(out, source->start, (size_t)(source->end - source->start));
        o = spec->n_columns;
    }
    for (; o < spec->n_outputs && ok; o++) {
        const struct cn_output *output = &spec->outputs[o];
        if (o > 0)
            ok = cn_buf_add_char(out, spec->delimiter);
        if (!ok)
            break;
        if (output->let < 0 && text) {
            ok = cn_csv_write_field(out,
                                    &text->fields[(size_t)output->column * text->capacity + row]);
        } else {
            const struct cn_vector *vector = output_vector(morsel, o);
            CN_TRY(check_nul(morsel, vector, o, row, error));
            ok = cn_csv_write_value(out, vector, row, spec->delimiter);
            CN_TRY(check_output(out->len, row, error));
        }
    }
    /* The last row may have no line end, but a row of one null needs one to be seen. */
    if (ok && spec->n_outputs > 0 && source && source->next == source->end && out->len == before)
        return cn_buf_add_char(out, '\n') ? CN_OK : cn_error_memory(error);
    if (ok && spec->n_outputs > 0)
        ok = source ? cn_buf_add(out, source->end, (size_t)(source->next - source->end))
                    : cn_buf_add_char(out, '\n');
    return ok ? CN_OK : cn_error_memory(error);
}

static enum cn_code encode_json(struct cn_morsel *morsel, size_t rows, struct cn_error *error) {
    const struct cn_plan *plan = morsel->plan;
    enum cn_code worst = CN_OK;
    struct cn_error lowest;
    size_t bytes = 0;

    cn_error_init(&lowest);
    for (size_t o = 0; o < plan->spec->n_outputs; o++) {
        struct cn_error fault;
        enum cn_code code;

        if (plan->output >= 0 && (size_t)plan->output != o)
            continue;
        cn_error_init(&fault);
        code = cn_json_write_vector(&morsel->state->pieces[o], output_vector(morsel, o), rows,
                                    plan->spec->nan, &fault);
        if (code != CN_OK && (worst == CN_OK || fault.row < lowest.row)) {
            fault.let = plan->spec->outputs[o].let;
            cn_error_set_column(&fault, plan->spec->outputs[o].name);
            lowest = fault;
            worst = code;
        }
        bytes += morsel->state->pieces[o].len;
        CN_TRY(check_output(bytes, 0, error));
    }
    if (worst != CN_OK && error && error->code == CN_OK)
        *error = lowest;
    return worst;
}

static enum cn_code encode_table(struct cn_morsel *morsel, size_t rows, struct cn_error *error) {
    const struct cn_vector *vector = &morsel->computed[0];
    const struct cn_str *texts = vector->values;

    for (size_t i = 0; i < rows; i++) {
        if (vector->type == CN_TYPE_NULL || (vector->nulls && vector->nulls[i]))
            morsel->null_rows++;
        else if (!cn_buf_add_str(morsel->run->out, texts[i]))
            return cn_error_memory(error);
        if (!cn_buf_add_char(morsel->run->out, '\n'))
            return cn_error_memory(error);
    }
    return CN_OK;
}

void cn_morsel_encode(struct cn_morsel *morsel, const struct cn_csv_block *text, size_t rows,
                      uint64_t first, struct cn_error *error) {
    const struct cn_spec *spec = morsel->plan->spec;
    int64_t started = cn_clock_now();
    uint64_t room = morsel->args.output_rows > first ? morsel->args.output_rows - first : 0;

    if (morsel->plan->pass == CN_PASS_TABLE) {
        morsel->code = encode_table(morsel, rows, error);
    } else {
        if (rows > room)
            rows = (size_t)room;
        if (spec->sink == CN_SINK_JSON) {
            morsel->code = encode_json(morsel, rows, error);
        } else {
            for (size_t row = 0; row < rows && morsel->code == CN_OK; row++)
                morsel->code = csv_row(morsel, text, row, error);
        }
    }
    if (morsel->code != CN_OK && error && error->row >= 0)
        error->row += (int64_t)first;
    morsel->run->spans->ns[CN_SPAN_ENCODE] += cn_clock_now() - started;
}

static void trim_pieces(struct cn_compute_state *state) {
    size_t held = 0;

    for (size_t i = 0; i < state->n_pieces; i++)
        held += state->pieces[i].cap;
    for (size_t i = 0; i < state->n_pieces && held > CN_MORSEL_KEEP; i++)
        cn_buf_release(&state->pieces[i]);
}

enum cn_code cn_morsel_finish(struct cn_morsel *morsel, struct cn_error *error) {
    const struct cn_spec *spec = morsel->plan->spec;
    struct cn_buf *out = morsel->run->out;
    int64_t started = cn_clock_now();
    bool json = spec->sink == CN_SINK_JSON && morsel->plan->pass == CN_PASS_OUTPUT;
    bool ok = true;

    morsel->result->failed = morsel->code != CN_OK;
    if (morsel->result->failed) {
        out->len = 0;
        for (size_t o = 0; json && o < spec->n_outputs; o++)
            morsel->state->pieces[o].len = 0;
    }
    for (size_t o = 0; json && o < spec->n_outputs && ok; o++)
        ok = cn_buf_add(out, morsel->state->pieces[o].data, morsel->state->pieces[o].len);
    morsel->result->data_len = out->len;
    ok = ok && cn_buf_add(out, morsel->seen, spec->n_columns) &&
         cn_buf_add(out, morsel->failed, cn_recipe_lets(spec->recipe) * sizeof(uint64_t));
    for (size_t o = 0; o < spec->n_outputs && ok; o++) {
        uint64_t len = json ? morsel->state->pieces[o].len : 0;
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
    morsel->run->spans->ns[CN_SPAN_ENCODE] += cn_clock_now() - started;
    return CN_OK;
}

/*
 * morsel_calls.c: a block of rows by one call a row: with plain values (tuple), or with the values
 * that were looked up in a record of the row (row). What comes back is what vector mode gives.
 */
#include "handlers/morsel_record.h"

/* Every so many rows the clock is looked at: for the deadline, and for how the time divides into
 * calls and hashes. A look costs as much as a short call, so not in every row. */
#define SAMPLED_ROWS 32
/* Texts of a block, as cn_eval_block() bounds them. */
#define MOST_TEXT ((size_t)256 << 20)

/* One let's results. */
struct kept {
    enum cn_type type;
    void *values;
    uint8_t *nulls;
    bool any_null;
};

struct calls {
    struct cn_morsel *morsel;
    const struct cn_program_input *inputs;
    size_t n_inputs;
    struct cn_vector *arguments; /* of this row, by input */
    union cn_scalar *plain;      /* row: the unboxed values that they point at */
    uint8_t *plain_nulls;        /* and their marks */
    struct cn_vector *results;   /* of this row, by let */
    struct kept *kept;           /* by let */
    size_t n_lets;               /* a table's texts: one */
    size_t text_bytes;           /* of all results */
    int64_t sampled_ns, sampled_hash_ns;
};

static size_t width_of(enum cn_type type) {
    return type == CN_TYPE_STRING ? sizeof(struct cn_str) : cn_type_width(type);
}

static enum cn_code calls_init(struct calls *calls, struct cn_morsel *morsel, size_t rows,
                               struct cn_error *error) {
    const struct cn_plan *plan = morsel->plan;
    struct cn_arena *arena = &morsel->state->block;

    *calls = (struct calls){.morsel = morsel};
    calls->inputs = cn_program_inputs(plan->program, &calls->n_inputs);
    calls->n_lets = plan->pass == CN_PASS_TABLE ? 1 : cn_recipe_lets(plan->spec->recipe);
    calls->arguments = cn_arena_array(arena, calls->n_inputs, sizeof *calls->arguments);
    calls->plain = cn_arena_array(arena, calls->n_inputs, sizeof *calls->plain);
    calls->plain_nulls = cn_arena_alloc(arena, calls->n_inputs);
    calls->results = cn_arena_zalloc(arena, calls->n_lets * sizeof *calls->results);
    calls->kept = cn_arena_zalloc(arena, calls->n_lets * sizeof *calls->kept);
    if (!calls->arguments || !calls->plain || !calls->plain_nulls || !calls->results ||
        !calls->kept)
        return cn_error_memory(error);
    for (size_t i = 0; i < calls->n_lets; i++) {
        struct kept *kept = &calls->kept[i];
        if (!cn_program_wants(plan->program, i))
            continue;
        kept->type = cn_program_output_type(plan->program, i);
        kept->values = cn_arena_zalloc(arena, rows * width_of(kept->type));
        kept->nulls = cn_arena_zalloc(arena, rows);
        if (!kept->values || !kept->nulls)
            return cn_error_memory(error);
    }
    return CN_OK;
}

/* ---- arguments ----------------------------------------------------------------------------- */

static void unbox(struct calls *calls, size_t i, const struct cn_box *box) {
    calls->plain[i] = box->value;
    calls->plain_nulls[i] = box->null;
    calls->arguments[i] =
        (struct cn_vector){box->type, &calls->plain[i], box->null ? &calls->plain_nulls[i] : NULL};
}

static void take_fields(struct calls *calls, const struct cn_record *record) {
    const struct cn_spec *spec = calls->morsel->plan->spec;

    for (size_t i = 0; i < calls->n_inputs; i++)
        unbox(calls, i,
              cn_morsel_record_find(record, &calls->inputs[i],
                                    spec->columns[calls->inputs[i].column].name));
}

/* ---- results ------------------------------------------------------------------------------- */

static enum cn_code keep_text(struct calls *calls, struct cn_str text, struct cn_str *kept,
                              struct cn_error *error) {
    char *copy;

    if (text.len > MOST_TEXT - calls->text_bytes)
        return cn_error_set(error, CN_LIMIT_EXCEEDED,
                            "the texts that are made for a block of rows exceed %zu MiB",
                            MOST_TEXT >> 20);
    calls->text_bytes += text.len;
    copy = cn_arena_alloc(&calls->morsel->state->block, text.len);
    if (!copy)
        return cn_error_memory(error);
    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    *kept = cn_str(copy, text.len);
    return CN_OK;
}

/* Keeps what the lets before `end` gave for this row: the evaluator uses its memory again. */
static enum cn_code keep(struct calls *calls, size_t row, size_t end, struct cn_error *error) {
    for (size_t i = 0; i < end; i++) {
        const struct cn_vector *result = &calls->results[i];
        struct kept *kept = &calls->kept[i];
        if (!kept->nulls)
            continue;
        if (result->nulls && result->nulls[0]) {
            kept->nulls[row] = 1;
            kept->any_null = true;
            if (kept->type == CN_TYPE_STRING)
                ((struct cn_str *)kept->values)[row] = CN_STR("");
        } else if (kept->type == CN_TYPE_STRING) {
            CN_TRY(keep_text(calls, *(const struct cn_str *)result->values,
                             (struct cn_str *)kept->values + row, error));
        } else {
            size_t width = width_of(kept->type);
            memcpy((char *)kept->values + row * width, result->values, width);
        }
    }
    return CN_OK;
}

static void hand_over(struct calls *calls) {
    for (size_t i = 0; i < calls->n_lets; i++) {
        const struct kept *kept = &calls->kept[i];
        if (kept->nulls)
            calls->morsel->computed[i] =
                (struct cn_vector){kept->type, kept->type == CN_TYPE_NULL ? NULL : kept->values,
                                   kept->any_null ? kept->nulls : NULL};
    }
}

/* ---- calls --------------------------------------------------------------------------------- */

static enum cn_code call(struct calls *calls, size_t row, int64_t *hash_ns,
                         struct cn_error *error) {
    struct cn_morsel *morsel = calls->morsel;
    struct cn_record *record = NULL;
    size_t end = calls->n_lets;
    enum cn_code code;

    if (morsel->plan->spec->mode == CN_MODE_ROW) {
        record = cn_morsel_record_new(morsel, row);
        if (!record)
            return cn_error_memory(error);
        take_fields(calls, record);
    } else {
        for (size_t i = 0; i < calls->n_inputs; i++)
            calls->arguments[i] = cn_morsel_row_view(&morsel->inputs[i], row);
    }
    code =
        cn_eval_row(morsel->eval, calls->arguments, calls->results, morsel->failed, hash_ns, error);
    if (code != CN_OK && error->row >= 0) {
        /* Of the row that failed, the lets before the one that did are there. */
        error->row = (int64_t)row;
        end = error->let >= 0 && (size_t)error->let < end ? (size_t)error->let : end;
    } else if (code != CN_OK) {
        end = 0;
    }
    if (end > 0) {
        enum cn_code kept = keep(calls, row, end, code == CN_OK ? error : NULL);
        code = code == CN_OK ? kept : code;
    }
    cn_morsel_record_free(record);
    return code;
}

/* A row whose time is taken; the calls since the last one may have used up the deadline. */
static enum cn_code sampled_call(struct calls *calls, size_t row, struct cn_error *error) {
    const struct cn_run *run = calls->morsel->run;
    int64_t started = cn_clock_now();
    enum cn_code code;

    if (run->deadline_ns > 0 && started >= run->deadline_ns)
        return cn_error_set(error, CN_CANCELLED, "the evaluation was stopped");
    code = call(calls, row, &calls->sampled_hash_ns, error);
    calls->sampled_ns += cn_clock_now() - started;
    return code;
}

static enum cn_code call_all(struct calls *calls, size_t rows, struct cn_error *error) {
    struct cn_run *run = calls->morsel->run;

    for (size_t row = 0; row < rows; row++) {
        if (atomic_load_explicit(run->stop, memory_order_relaxed))
            return cn_error_set(error, CN_CANCELLED, "the evaluation was stopped");
        CN_TRY(row % SAMPLED_ROWS == 0 ? sampled_call(calls, row, error)
                                       : call(calls, row, NULL, error));
        cn_run_yield(run);
    }
    return CN_OK;
}

enum cn_code cn_morsel_call_rows(struct cn_morsel *morsel, size_t rows, int64_t *hash_ns,
                                 struct cn_error *error) {
    struct calls calls;
    enum cn_code code;
    int64_t total;

    code = calls_init(&calls, morsel, rows, error);
    if (code == CN_OK) {
        code = call_all(&calls, rows, error);
        hand_over(&calls);
    }
    total = cn_run_clock(morsel->run) - morsel->clock_ns;
    if (calls.sampled_ns > 0)
        *hash_ns +=
            (int64_t)((double)total * (double)calls.sampled_hash_ns / (double)calls.sampled_ns);
    return code;
}

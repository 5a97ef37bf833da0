/* Row hashes: the text of each row, then its digest. */
#include "expr/eval.h"
#include "expr/lexer.h"

#include "kernels/number.h"

/* Texts are digested whenever they fill this. */
#define TEXT_BATCH ((size_t)1 << 20)
#define TEXT_KEEP (16 * TEXT_BATCH)

/* An argument with the block's values at hand. */
struct column {
    enum cn_type type;
    const void *values;
    const uint8_t *nulls;
    struct cn_str null_text;
};

struct job {
    struct cn_eval *eval;
    const struct cn_hash *hash;
    const struct cn_step *step;
    struct column *columns;
    size_t bound; /* bytes of a row at most, besides the values of strings */
    cn_failures why;
    const uint8_t *nulls; /* rows whose digest is null */
};

/* ---- texts -------------------------------------------------------------------------------- */

/* A value that is no string, at most 32 bytes. */
static size_t format_value(const struct column *column, size_t row, char *out) {
    switch (column->type) {
    case CN_TYPE_FLOAT64:
        return cn_double_format(((const double *)column->values)[row], out);
    case CN_TYPE_INT64:
        return cn_int64_format(((const int64_t *)column->values)[row], out);
    default: {
        bool yes = ((const uint8_t *)column->values)[row] != 0;
        memcpy(out, yes ? "True" : "False", yes ? 4 : 5);
        return yes ? 4 : 5;
    }
    }
}

static void put(struct cn_buf *text, struct cn_str piece) {
    if (piece.len > 0)
        memcpy(text->data + text->len, piece.data, piece.len);
    text->len += piece.len;
}

/* The text of one value, preceded by its length and ':' where the frame asks for it. There is room
 * for everything but a string's own bytes. False: no memory, or more than CN_EVAL_MAX_TEXT. */
static bool put_value(const struct job *job, const struct column *column, size_t row) {
    struct cn_buf *text = &job->eval->text;
    bool framed = job->hash->length_frame;
    if (column->nulls != NULL && column->nulls[row]) {
        put(text, framed ? CN_STR("-") : column->null_text);
        return true;
    }
    char number[CN_DOUBLE_TEXT + CN_INT64_TEXT];
    struct cn_str value;
    if (column->type == CN_TYPE_STRING) {
        value = ((const struct cn_str *)column->values)[row];
        if (value.len > CN_EVAL_MAX_TEXT || text->len > CN_EVAL_MAX_TEXT - value.len ||
            !cn_buf_reserve(text, value.len + job->bound))
            return false;
    } else if (!framed) {
        text->len += format_value(column, row, text->data + text->len);
        return true;
    } else {
        value = cn_str(number, format_value(column, row, number));
    }
    if (framed) {
        text->len += cn_int64_format((int64_t)value.len, text->data + text->len);
        text->data[text->len++] = ':';
    }
    put(text, value);
    return true;
}

/* Whatever the texts of other rows are, a row's own may be large: its arguments may repeat. */
static enum cn_code too_large(const struct job *job, struct cn_error *error) {
    return cn_expr_error(error, CN_LIMIT_EXCEEDED, (int32_t)job->step->let, job->step->position,
                         "the texts to digest exceed %zu MiB, or memory ran out",
                         CN_EVAL_MAX_TEXT >> 20);
}

static bool put_row(const struct job *job, size_t row) {
    struct cn_buf *text = &job->eval->text;
    if (!cn_buf_reserve(text, job->bound))
        return false;
    for (uint32_t i = 0; i < job->hash->n_args; i++) {
        if (i > 0 && !job->hash->length_frame)
            put(text, job->hash->sep);
        if (!put_value(job, &job->columns[i], row))
            return false;
    }
    return true;
}

static enum cn_code make_columns(struct job *job, struct cn_error *error) {
    const struct cn_hash *hash = job->hash;
    struct cn_eval *eval = job->eval;
    job->columns = cn_arena_array(&eval->scratch, hash->n_args, sizeof *job->columns);
    if (job->columns == NULL)
        return cn_error_memory(error);
    for (uint32_t i = 0; i < hash->n_args; i++) {
        const struct cn_hash_arg *arg = &hash->args[i];
        const struct cn_slot *slot = &eval->slots[arg->reg];
        job->columns[i] = (struct column){arg->type, slot->values, slot->nulls, arg->null_text};
        size_t most = CN_DOUBLE_TEXT + CN_INT64_TEXT + 1;
        if (arg->null_text.len > most)
            most = arg->null_text.len;
        if (__builtin_add_overflow(job->bound, most + hash->sep.len, &job->bound))
            return cn_error_memory(error);
    }
    return CN_OK;
}

/* The marks of all arguments together. */
static enum cn_code make_marks(struct job *job, uint8_t *nulls, struct cn_error *error) {
    struct cn_eval *eval = job->eval;
    const struct cn_failure **why = NULL;
    for (uint32_t i = 0; i < job->hash->n_args; i++) {
        const struct cn_slot *slot = &eval->slots[job->hash->args[i].reg];
        if (slot->nulls != NULL && job->hash->null_is_null) {
            for (size_t row = 0; row < eval->rows; row++)
                nulls[row] = (job->nulls != NULL && nulls[row]) || slot->nulls[row] != 0;
            job->nulls = nulls;
        }
        if (slot->why == NULL)
            continue;
        if (why == NULL)
            why = cn_arena_zalloc(&eval->scratch, (eval->rows + 1) * sizeof *why);
        if (why == NULL)
            return cn_error_memory(error);
        for (size_t row = 0; row < eval->rows; row++)
            why[row] = why[row] != NULL ? why[row] : slot->why[row];
    }
    job->why = why;
    return CN_OK;
}

static bool is_skipped(const struct job *job, size_t row) {
    return (job->why != NULL && job->why[row] != NULL) ||
           (job->nulls != NULL && job->nulls[row] != 0);
}

/* ---- digests ------------------------------------------------------------------------------ */

static enum cn_code digest_rows(const struct job *job, struct cn_digest *digest,
                                struct cn_error *error) {
    struct cn_eval *eval = job->eval;
    size_t size = cn_digest_size(job->hash->kind);
    size_t first = 0; /* the first row of this batch */
    eval->text.len = 0;
    for (size_t row = 0; row < eval->rows; row++) {
        eval->offsets[row - first] = eval->text.len;
        if (!is_skipped(job, row) && !put_row(job, row))
            return too_large(job, error);
        if (row + 1 < eval->rows && eval->text.len < TEXT_BATCH)
            continue;
        eval->offsets[row + 1 - first] = eval->text.len;
        CN_TRY(cn_digest_rows(digest, eval->text.data, eval->offsets, row + 1 - first,
                              eval->digest_bytes + first * size, error));
        first = row + 1;
        eval->text.len = 0;
        if (first < eval->rows)
            CN_TRY(cn_eval_look(eval, error));
    }
    return CN_OK;
}

static enum cn_code write_texts(const struct job *job, struct cn_str *out, struct cn_error *error) {
    struct cn_eval *eval = job->eval;
    size_t size = cn_digest_size(job->hash->kind);
    bool hex = job->hash->as == CN_HASH_HEX;
    size_t len = hex ? size * 2 : (size + 2) / 3 * 4;
    char *text = cn_arena_array(&eval->scratch, eval->rows, len);
    if (text == NULL)
        return cn_error_memory(error);
    if (hex)
        cn_hex_encode(eval->digest_bytes, eval->rows * size, text);
    for (size_t row = 0; row < eval->rows; row++) {
        if (!hex)
            cn_base64_encode(eval->digest_bytes + row * size, size, text + row * len);
        out[row] = cn_str(text + row * len, len);
    }
    return CN_OK;
}

static void write_integers(const struct cn_eval *eval, int64_t *out) {
    for (size_t row = 0; row < eval->rows; row++) {
        uint64_t value = 0;
        for (size_t i = 0; i < 8; i++)
            value = value << 8 | eval->digest_bytes[row * 8 + i];
        out[row] = (int64_t)value;
    }
}

/* The texts themselves, for a table digest. */
static enum cn_code write_preimages(const struct job *job, struct cn_str *out,
                                    struct cn_error *error) {
    struct cn_eval *eval = job->eval;
    eval->text.len = 0;
    for (size_t row = 0; row < eval->rows; row++) {
        eval->offsets[row] = eval->text.len;
        if (!is_skipped(job, row) && !put_row(job, row))
            return too_large(job, error);
    }
    eval->offsets[eval->rows] = eval->text.len;
    char *copy = cn_arena_alloc(&eval->scratch, eval->text.len);
    if (copy == NULL)
        return cn_error_memory(error);
    if (eval->text.len > 0)
        memcpy(copy, eval->text.data, eval->text.len);
    for (size_t row = 0; row < eval->rows; row++)
        out[row] = cn_str(copy + eval->offsets[row], eval->offsets[row + 1] - eval->offsets[row]);
    return CN_OK;
}

static enum cn_code run(struct job *job, const struct cn_step *step, struct cn_error *error) {
    struct cn_eval *eval = job->eval;
    struct cn_slot *out = &eval->slots[step->out];
    CN_TRY(make_columns(job, error));
    CN_TRY(make_marks(job, out->own_nulls, error));
    if (step->op == CN_STEP_HASH_TEXT) {
        CN_TRY(write_preimages(job, out->own_values, error));
    } else {
        CN_TRY(digest_rows(job, eval->digests[step->index], error));
        if (job->hash->as == CN_HASH_INT64)
            write_integers(eval, out->own_values);
        else
            CN_TRY(write_texts(job, out->own_values, error));
    }
    out->values = out->own_values;
    out->nulls = job->nulls;
    out->why = job->why;
    return CN_OK;
}

enum cn_code cn_eval_hash(struct cn_eval *eval, const struct cn_step *step,
                          struct cn_error *error) {
    int64_t started = eval->timed ? cn_clock_now() : 0;
    struct job job = {.eval = eval, .hash = &eval->program->hashes[step->index], .step = step};
    enum cn_code code = run(&job, step, error);
    if (eval->text.cap > TEXT_KEEP) /* one large row is no reason to hold on to its room */
        cn_buf_release(&eval->text);
    if (eval->timed)
        eval->hash_ns += cn_clock_now() - started;
    return code;
}

/* Row hashes: the text of each row, then its digest. */
#include "expr/eval.h"
#include "expr/lexer.h"

#include "kernels/number.h"

/* Texts are digested whenever they fill this. */
#define TEXT_BATCH ((size_t)1 << 20)
#define TEXT_KEEP (16 * TEXT_BATCH)
/* Pieces of text that are made at a time, each of a value. */
#define MOST_PIECES ((size_t)8192)
/* Bytes of a piece of text that is copied in one move; no number has more. */
#define PIECE CN_DOUBLE_TEXT
_Static_assert(CN_INT64_TEXT <= PIECE, "a number fits into a piece");

/* An argument with the block's values at hand. */
struct column {
    enum cn_type type;
    const void *values;
    const uint8_t *nulls;
    const struct cn_texts *texts;
    struct cn_str null_text;
    struct cn_str *pieces; /* the texts of the rows at hand */
    char *room;            /* PIECE bytes for each of them, where they are made */
    bool short_pieces;     /* each has PIECE bytes at most, and so many may be read */
};

struct job {
    struct cn_eval *eval;
    const struct cn_hash *hash;
    const struct cn_step *step;
    struct column *columns;
    size_t group; /* rows at hand at most */
    size_t total; /* bytes of their texts, at most */
    bool short_pieces;
    cn_failures why;
    const uint8_t *nulls; /* rows whose digest is null */
};

/* ---- pieces ------------------------------------------------------------------------------- */

static void format_double(const struct column *column, size_t first, size_t i) {
    char *out = column->room + i * PIECE;
    double value = ((const double *)column->values)[first + i];
    column->pieces[i] = cn_str(out, cn_double_format(value, out));
}

static void format_int64(const struct column *column, size_t first, size_t i) {
    char *out = column->room + i * PIECE;
    int64_t value = ((const int64_t *)column->values)[first + i];
    column->pieces[i] = cn_str(out, cn_int64_format(value, out));
}

static void format_all(const struct column *column, size_t first, size_t rows) {
    uint8_t lengths[CN_BLOCK_ROWS];
    size_t width;
    if (column->type == CN_TYPE_FLOAT64) {
        width = CN_DOUBLE_TEXT;
        cn_doubles_format((const double *)column->values + first, rows, column->room, lengths);
    } else {
        width = CN_INT64_TEXT;
        cn_int64s_format((const int64_t *)column->values + first, rows, column->room, lengths);
    }
    for (size_t i = 0; i < rows; i++)
        column->pieces[i] = cn_str(column->room + i * width, lengths[i]);
}

/* Numbers; those whose fields are canonical have their texts already. */
static void make_numbers(const struct column *column, size_t first, size_t rows) {
    void (*format)(const struct column *, size_t, size_t) =
        column->type == CN_TYPE_FLOAT64 ? format_double : format_int64;
    const struct cn_texts *texts = column->texts;
    if (texts == NULL || texts->fields == NULL) {
        format_all(column, first, rows);
        return;
    }
    for (size_t i = 0; i < rows; i++) {
        const struct cn_field *field = &texts->fields[first + i];
        bool canonical = (texts->marks[first + i] & CN_FIELD_CANONICAL) != 0;
        /* Near the end of the text there may not be PIECE bytes to copy. */
        if (canonical && texts->end - field->data >= PIECE)
            column->pieces[i] = cn_str(field->data, field->len);
        else
            format(column, first, i);
    }
}

static void make_bools(const struct column *column, size_t first, size_t rows) {
    static const char texts[2][PIECE] = {"False", "True"};
    const uint8_t *values = (const uint8_t *)column->values + first;
    for (size_t i = 0; i < rows; i++)
        column->pieces[i] = cn_str(texts[values[i] != 0], values[i] != 0 ? 4 : 5);
}

/* Where a row is null, its piece is the text for that. */
static void put_nulls(const struct job *job, struct column *column, size_t first, size_t rows) {
    struct cn_str text = job->hash->length_frame ? CN_STR("-") : column->null_text;
    if (job->hash->null_is_null)
        return; /* such rows are skipped */
    for (size_t i = 0; i < rows; i++) {
        if (column->nulls[first + i]) {
            column->pieces[i] = text;
            column->short_pieces = false;
        }
    }
}

/* The texts of one argument in some rows. Those of rows that will be skipped are of no meaning, but
 * their values can be read. */
static void make_pieces(const struct job *job, struct column *column, size_t first, size_t rows) {
    column->short_pieces = column->type != CN_TYPE_STRING;
    if (column->type == CN_TYPE_STRING)
        memcpy(column->pieces, (const struct cn_str *)column->values + first,
               rows * sizeof *column->pieces);
    else if (column->type == CN_TYPE_FLOAT64 || column->type == CN_TYPE_INT64)
        make_numbers(column, first, rows);
    else
        make_bools(column, first, rows);
    if (column->nulls != NULL)
        put_nulls(job, column, first, rows);
}

/* ---- texts -------------------------------------------------------------------------------- */

/* What may stand beside the values in a row. */
static bool size_between(const struct job *job, size_t *size) {
    size_t each = job->hash->sep.len > CN_INT64_TEXT ? job->hash->sep.len : CN_INT64_TEXT;
    return !__builtin_mul_overflow(each + 1, job->hash->n_args, size);
}

/* The texts of all arguments in some rows. */
static void make_all_pieces(struct job *job, size_t first, size_t rows) {
    size_t total;
    job->short_pieces = true;
    if (!size_between(job, &total) || __builtin_mul_overflow(total, rows, &total))
        total = SIZE_MAX;
    for (uint32_t i = 0; i < job->hash->n_args; i++) {
        struct column *column = &job->columns[i];
        size_t sum = rows * PIECE;
        make_pieces(job, column, first, rows);
        if (!column->short_pieces) {
            sum = 0;
            for (size_t row = 0; row < rows; row++)
                if (__builtin_add_overflow(sum, column->pieces[row].len, &sum))
                    sum = SIZE_MAX;
        }
        if (__builtin_add_overflow(total, sum, &total))
            total = SIZE_MAX;
        job->short_pieces = job->short_pieces && column->short_pieces;
    }
    job->total = total;
}

static inline char *put(char *out, struct cn_str piece) {
    if (piece.len > 0)
        memcpy(out, piece.data, piece.len);
    return out + piece.len;
}

/* The text of row `i` of those at hand; there is room. */
static char *put_row(const struct job *job, size_t first, size_t i, char *out) {
    const struct cn_hash *hash = job->hash;
    for (uint32_t k = 0; k < hash->n_args; k++) {
        const struct column *column = &job->columns[k];
        bool null = column->nulls != NULL && column->nulls[first + i];
        if (hash->length_frame && !null) {
            out += cn_int64_format((int64_t)column->pieces[i].len, out);
            *out++ = ':';
        } else if (!hash->length_frame && k > 0) {
            out = put(out, hash->sep);
        }
        out = put(out, column->pieces[i]);
    }
    return out;
}

/* The same where all pieces are short, and the separator a byte: without a look at lengths. */
static inline char *put_short_row(const struct job *job, size_t i, char sep, char *out) {
    for (uint32_t k = 0; k < job->hash->n_args; k++) {
        struct cn_str piece = job->columns[k].pieces[i];
        memcpy(out, piece.data, PIECE);
        out += piece.len;
        *out++ = sep;
    }
    return out - 1;
}

static bool is_skipped(const struct job *job, size_t row) {
    return (job->why != NULL && job->why[row] != NULL) ||
           (job->nulls != NULL && job->nulls[row] != 0);
}

/* The texts of all rows at hand; false: no memory. */
static bool put_rows(const struct job *job, size_t first, size_t rows, size_t *offsets) {
    struct cn_buf *text = &job->eval->text;
    struct cn_str sep = job->hash->sep;
    if (!cn_buf_reserve(text, job->total + PIECE))
        return false;
    bool quick = job->short_pieces && sep.len == 1 && !job->hash->length_frame;
    char *out = text->data + text->len;
    for (size_t i = 0; i < rows; i++) {
        offsets[i] = (size_t)(out - text->data);
        if (is_skipped(job, first + i))
            continue;
        out = quick ? put_short_row(job, i, *sep.data, out) : put_row(job, first, i, out);
    }
    text->len = (size_t)(out - text->data);
    return true;
}

/* Whatever the texts of other rows are, a row's own may be large: its arguments may repeat. */
static enum cn_code too_large(const struct job *job, struct cn_error *error) {
    return cn_expr_error(error, CN_LIMIT_EXCEEDED, (int32_t)job->step->let, job->step->position,
                         "the texts to digest exceed %zu MiB", CN_EVAL_MAX_TEXT >> 20);
}

/* The text of a single row, which may be long. */
static enum cn_code put_long_row(const struct job *job, size_t first, size_t i, size_t *offset,
                                 struct cn_error *error) {
    struct cn_buf *text = &job->eval->text;
    size_t strings = 0, need;
    *offset = text->len;
    if (is_skipped(job, first + i))
        return CN_OK;
    if (!size_between(job, &need))
        return too_large(job, error);
    for (uint32_t k = 0; k < job->hash->n_args; k++) {
        const struct column *column = &job->columns[k];
        size_t len = column->pieces[i].len;
        if (__builtin_add_overflow(need, len, &need))
            return too_large(job, error);
        strings += column->type == CN_TYPE_STRING ? len : 0;
        if (strings > CN_EVAL_MAX_TEXT || text->len > CN_EVAL_MAX_TEXT - strings)
            return too_large(job, error);
    }
    if (!cn_buf_reserve(text, need))
        return cn_error_memory(error);
    text->len = (size_t)(put_row(job, first, i, text->data + text->len) - text->data);
    return CN_OK;
}

static enum cn_code make_columns(struct job *job, struct cn_error *error) {
    const struct cn_hash *hash = job->hash;
    struct cn_eval *eval = job->eval;
    job->group = hash->n_args > 0 ? MOST_PIECES / hash->n_args : MOST_PIECES;
    job->group = job->group == 0 ? 1 : job->group > eval->rows ? eval->rows : job->group;
    job->columns = cn_arena_array(&eval->scratch, hash->n_args, sizeof *job->columns);
    if (job->columns == NULL)
        return cn_error_memory(error);
    for (uint32_t i = 0; i < hash->n_args; i++) {
        const struct cn_hash_arg *arg = &hash->args[i];
        const struct cn_slot *slot = &eval->slots[arg->reg];
        struct column *column = &job->columns[i];
        *column = (struct column){.type = arg->type,
                                  .values = slot->values,
                                  .nulls = slot->nulls,
                                  .texts = slot->texts,
                                  .null_text = arg->null_text};
        column->pieces = cn_arena_array(&eval->scratch, job->group, sizeof *column->pieces);
        if (arg->type == CN_TYPE_FLOAT64 || arg->type == CN_TYPE_INT64)
            column->room = cn_arena_array(&eval->scratch, job->group, PIECE);
        else
            column->room = (char *)column->pieces;
        if (column->pieces == NULL || column->room == NULL)
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

/* Digests the texts of rows `first` .. `next`. */
static enum cn_code digest_batch(const struct job *job, struct cn_digest *digest, size_t *first,
                                 size_t next, struct cn_error *error) {
    struct cn_eval *eval = job->eval;
    size_t size = cn_digest_size(job->hash->kind);
    eval->offsets[next - *first] = eval->text.len;
    CN_TRY(cn_digest_rows(digest, eval->text.data, eval->offsets, next - *first,
                          eval->digest_bytes + *first * size, error));
    *first = next;
    eval->text.len = 0;
    return next < eval->rows ? cn_eval_look(eval, error) : CN_OK;
}

/* The texts of all rows; they are digested as they come, or (NULL) kept. */
static enum cn_code make_texts(struct job *job, struct cn_digest *digest, struct cn_error *error) {
    struct cn_eval *eval = job->eval;
    size_t first = 0, rows; /* the first row of the batch */
    eval->text.len = 0;
    for (size_t at = 0; at < eval->rows; at += rows) {
        rows = eval->rows - at < job->group ? eval->rows - at : job->group;
        make_all_pieces(job, at, rows);
        /* Rows that are long together may be so each. */
        bool together = job->total <= TEXT_BATCH;
        for (size_t i = 0; i < rows; i += together ? rows : 1) {
            size_t next = at + (together ? rows : i + 1);
            size_t *offsets = eval->offsets + (at + i - first);
            if (!together)
                CN_TRY(put_long_row(job, at, i, offsets, error));
            else if (!put_rows(job, at, rows, offsets))
                return cn_error_memory(error);
            if (digest != NULL && (next == eval->rows || eval->text.len >= TEXT_BATCH))
                CN_TRY(digest_batch(job, digest, &first, next, error));
        }
    }
    eval->offsets[eval->rows - first] = eval->text.len;
    return CN_OK;
}

/* ---- digests ------------------------------------------------------------------------------ */

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
static enum cn_code write_preimages(struct job *job, struct cn_str *out, struct cn_error *error) {
    struct cn_eval *eval = job->eval;
    CN_TRY(make_texts(job, NULL, error));
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
        CN_TRY(make_texts(job, eval->digests[step->index], error));
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

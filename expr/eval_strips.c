/*
 * eval_strips.c: steps over numbers that cannot fail, strip by strip.
 */
#include "expr/eval.h"

/*
 * Rows of a strip. Steps that cannot fail are run over a strip of the block, all of them, before
 * the next strip: what they hand on is then in the first-level cache, and while a division of one
 * strip is under way the processor can load the next one. Short enough that it looks ahead so far,
 * long enough that calls cost nothing beside rows.
 */
#define STRIP_ROWS ((size_t)64)
#define STRIP_STEPS 16
/* Columns of the caller's may lie in memory that no cache holds yet. They are fetched two strips
 * ahead: while a division of this strip is under way, the memory is busy, too. */
#define AHEAD_BYTES (2 * STRIP_ROWS * sizeof(double))
#define LINE_BYTES 64

/* One step. An operand that it does not have is any memory, of width 0. */
struct strip {
    cn_lanes_fn fn;
    struct cn_lanes lanes; /* of the next strip */
    size_t a_width, b_width, out_width;
    bool fetches_a, fetches_b; /* a column that no step before this one reads */
};

/* Numbers only: texts need room, which is looked for once a block. */
static bool fits_strip(const struct cn_eval *eval, const struct cn_step *step) {
    if (step->op == CN_STEP_LET)
        return eval->slots[step->out].why == NULL;
    return step->op == CN_STEP_LANES && step->fallible == NULL && step->n_in <= 2 &&
           step->type != CN_TYPE_STRING && step->in_type != CN_TYPE_STRING;
}

/* How far an operand of a step is from one row to the next; a constant is the same everywhere, so
 * every strip reads the start of its block. */
static size_t strip_width(const struct cn_eval *eval, const struct cn_step *step, size_t operand) {
    bool constant = eval->program->registers[step->in[operand]].kind == CN_REGISTER_CONSTANT;
    return constant ? 0 : cn_register_width(step->in_type);
}

/* A fetch of what is not there does nothing, so the end of a column needs no care. */
static inline void fetch_ahead(const void *operand, size_t bytes) {
    uintptr_t at = (uintptr_t)operand + AHEAD_BYTES;
    for (uintptr_t end = at + bytes; at < end; at += LINE_BYTES)
        __builtin_prefetch((const void *)at);
}

static void run_strip(struct strip *strip, size_t rows) {
    struct cn_lanes *lanes = &strip->lanes;
    lanes->n = rows;
    if (strip->fetches_a)
        fetch_ahead(lanes->a, rows * strip->a_width);
    if (strip->fetches_b)
        fetch_ahead(lanes->b, rows * strip->b_width);
    strip->fn(lanes);
    lanes->a = (const char *)lanes->a + rows * strip->a_width;
    lanes->b = (const char *)lanes->b + rows * strip->b_width;
    lanes->out = (char *)lanes->out + rows * strip->out_width;
}

static void run_strips(struct strip *strips, size_t n, size_t rows) {
    size_t most = n > 1 ? STRIP_ROWS : rows;
    for (size_t at = 0; at < rows; at += most) {
        size_t some = rows - at < most ? rows - at : most;
        for (size_t i = 0; i < n; i++)
            run_strip(&strips[i], some);
    }
}

/* Whether operand `operand` of the last strip is a column, and the first use of it. */
static bool is_new_column(const struct cn_eval *eval, const struct cn_step *step, size_t operand,
                          const struct strip *strips, size_t n) {
    const void *values = eval->slots[step->in[operand]].values;
    if (eval->program->registers[step->in[operand]].kind != CN_REGISTER_INPUT)
        return false;
    for (size_t i = 0; i + 1 < n; i++)
        if (strips[i].lanes.a == values || strips[i].lanes.b == values)
            return false;
    return operand == 0 || strips[n - 1].lanes.a != values;
}

enum cn_code cn_eval_strips(struct cn_eval *eval, size_t first, size_t *end,
                            struct cn_error *error) {
    struct strip strips[STRIP_STEPS];
    size_t n = 0, at = first;
    for (; at < eval->program->n_steps && n < STRIP_STEPS; at++) {
        const struct cn_step *step = &eval->program->steps[at];
        if (!fits_strip(eval, step) || (n == 0 && step->op == CN_STEP_LET))
            break;
        if (step->op == CN_STEP_LET)
            continue;
        struct cn_slot *out = &eval->slots[step->out];
        struct strip *strip = &strips[n++];
        bool two = step->n_in > 1;
        *strip = (struct strip){.fn = step->fn,
                                .lanes = {.a = eval->slots[step->in[0]].values,
                                          .b = two ? eval->slots[step->in[1]].values : eval->zeros,
                                          .out = out->own_values},
                                .a_width = strip_width(eval, step, 0),
                                .b_width = two ? strip_width(eval, step, 1) : 0,
                                .out_width = step->width};
        strip->fetches_a = is_new_column(eval, step, 0, strips, n);
        strip->fetches_b = two && is_new_column(eval, step, 1, strips, n);
        CN_TRY(cn_eval_marks(eval, step->in, step->n_in, out, error));
        out->values = out->own_values;
    }
    run_strips(strips, n, eval->rows);
    *end = at;
    return CN_OK;
}

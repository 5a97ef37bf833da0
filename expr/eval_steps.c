/* The steps of a program, one function for each kind. */
#include "expr/eval.h"
#include "expr/lexer.h"
#include "kernels/lanes_ops.h"

/* ---- marks -------------------------------------------------------------------------------- */

/* Two masks in one; own may be one of them: an operand's register was taken for the result. */
static void join_masks(const struct cn_eval *eval, const uint8_t *a, const uint8_t *b,
                       uint8_t *own) {
    struct cn_lanes lanes = {.a = a, .b = b, .out = own, .n = eval->rows};
    eval->join(&lanes);
}

static void merge_nulls(const struct cn_eval *eval, struct cn_slot *out,
                        const uint8_t *const *masks, size_t n) {
    uint8_t *own = out->own_nulls;
    out->nulls = NULL;
    if (n == 0)
        return;
    out->nulls = own;
    if (n == 1 && masks[0] != own)
        memcpy(own, masks[0], eval->rows);
    if (n == 1)
        return;
    /* The own one goes first, for it is written over. */
    if (n == 3 && masks[2] == own)
        join_masks(eval, masks[2], masks[0], own);
    else
        join_masks(eval, masks[0], masks[1], own);
    if (n == 3)
        join_masks(eval, own, masks[2] == own ? masks[1] : masks[2], own);
}

static const struct cn_failure **new_failures(struct cn_eval *eval) {
    return cn_arena_zalloc(&eval->scratch, (eval->rows + 1) * sizeof(const struct cn_failure *));
}

/* a's failures, and where it has none b's. */
static cn_failures merge_failures(struct cn_eval *eval, cn_failures a, cn_failures b) {
    const struct cn_failure **merged = new_failures(eval);
    for (size_t i = 0; merged != NULL && i < eval->rows; i++)
        merged[i] = a[i] != NULL ? a[i] : b[i];
    return merged;
}

enum cn_code cn_eval_marks(struct cn_eval *eval, const uint32_t *in, uint32_t n,
                           struct cn_slot *out, struct cn_error *error) {
    const uint8_t *masks[3] = {NULL, NULL, NULL};
    size_t n_masks = 0;
    cn_failures why = NULL;
    for (uint32_t i = 0; i < n; i++) {
        const struct cn_slot *slot = &eval->slots[in[i]];
        bool known = n_masks > 0 && masks[n_masks - 1] == slot->nulls;
        if (slot->nulls != NULL && !known)
            masks[n_masks++] = slot->nulls;
        if (slot->why == NULL || slot->why == why)
            continue;
        why = why == NULL ? slot->why : merge_failures(eval, why, slot->why);
        if (why == NULL)
            return cn_error_memory(error);
    }
    merge_nulls(eval, out, masks, n_masks);
    out->why = why;
    return CN_OK;
}

/* Makes failures of what a kernel left in eval->fail, except under nulls and under failures that an
 * operand had; eval->fail is zeros again afterwards. */
static enum cn_code mark_failures(struct cn_eval *eval, const struct cn_step *step, size_t n,
                                  struct cn_slot *out, struct cn_error *error) {
    struct cn_failure *failures = cn_arena_array(&eval->scratch, n, sizeof *failures);
    const struct cn_failure **why = new_failures(eval);
    const void *operand = eval->slots[step->in[0]].values;
    bool shows = step->fallible->shows_operand;
    if (failures == NULL || why == NULL) {
        memset(eval->fail, 0, eval->rows);
        return cn_error_memory(error);
    }
    for (size_t i = 0; i < eval->rows; i++) {
        uint8_t reason = eval->fail[i];
        eval->fail[i] = 0;
        why[i] = out->why != NULL ? out->why[i] : NULL;
        if (reason == 0 || why[i] != NULL || (out->nulls != NULL && out->nulls[i]))
            continue;
        *failures = (struct cn_failure){.step = step, .reason = reason};
        if (shows && step->in_type == CN_TYPE_FLOAT64)
            failures->real = ((const double *)operand)[i];
        else if (shows)
            failures->text = ((const struct cn_str *)operand)[i];
        why[i] = failures++;
    }
    out->why = why;
    return CN_OK;
}

/* ---- kernels ------------------------------------------------------------------------------ */

/* How long the result of replace() can be: exactly, where a first guess is too much. */
static size_t replaced_length(struct cn_str text, struct cn_str old, struct cn_str new) {
    size_t matches = 0;
    if (old.len == 0)
        matches = text.len + 1;
    for (const char *at = text.data; old.len > 0 && text.len > 0;) {
        size_t left = text.len - (size_t)(at - text.data);
        const char *hit = memmem(at, left, old.data, old.len);
        if (hit == NULL)
            break;
        matches++;
        at = hit + old.len;
    }
    size_t added;
    if (__builtin_mul_overflow(matches, new.len, &added) ||
        __builtin_add_overflow(added, text.len, &added))
        return SIZE_MAX;
    return added;
}

/* Refuses texts that grow beyond all bounds before they are made. */
static enum cn_code check_text_room(struct cn_eval *eval, const struct cn_step *step,
                                    struct cn_error *error) {
    const struct cn_str *a = eval->slots[step->in[0]].values;
    const struct cn_str *b = step->n_in > 1 ? eval->slots[step->in[1]].values : NULL;
    const struct cn_str *c = step->n_in > 2 ? eval->slots[step->in[2]].values : NULL;
    bool replace = step->fn == cn_replace_str;
    bool concat = step->fn == cn_concat2_str;
    bool letters = step->fn == cn_upper_str || step->fn == cn_lower_str;
    size_t total = eval->scratch.total;
    for (size_t i = 0; (replace || concat || letters) && i < eval->rows; i++) {
        size_t more = replace  ? replaced_length(a[i], b[i], c[i])
                      : concat ? a[i].len + b[i].len
                               : a[i].len * 3;
        if (more > CN_EVAL_MAX_TEXT || (total += more) > CN_EVAL_MAX_TEXT)
            return cn_expr_error(error, CN_LIMIT_EXCEEDED, (int32_t)step->let, step->position,
                                 "the texts that %s makes for a block of rows exceed %zu MiB",
                                 concat ? "joining" : step->what, CN_EVAL_MAX_TEXT >> 20);
    }
    return CN_OK;
}

static enum cn_code run_lanes(struct cn_eval *eval, const struct cn_step *step,
                              struct cn_error *error) {
    struct cn_slot *out = &eval->slots[step->out];
    struct cn_lanes lanes = {
        .n = eval->rows, .out = out->own_values, .fail = eval->fail, .arena = &eval->scratch};
    const void **operands[3] = {&lanes.a, &lanes.b, &lanes.c};
    for (uint32_t i = 0; i < step->n_in; i++)
        *operands[i] = eval->slots[step->in[i]].values;
    if (step->type == CN_TYPE_STRING)
        CN_TRY(check_text_room(eval, step, error));
    CN_TRY(cn_eval_marks(eval, step->in, step->n_in, out, error));
    size_t failures = step->fn(&lanes);
    if (lanes.no_memory)
        return cn_error_memory(error);
    if (failures > 0)
        CN_TRY(mark_failures(eval, step, failures, out, error));
    out->values = out->own_values;
    return CN_OK;
}

static enum cn_code run_null(struct cn_eval *eval, const struct cn_step *step,
                             struct cn_error *error) {
    struct cn_slot *out = &eval->slots[step->out];
    CN_TRY(cn_eval_marks(eval, step->in, step->n_in, out, error));
    out->nulls = eval->ones;
    out->values = step->type == CN_TYPE_STRING ? (const void *)eval->empties : eval->zeros;
    return CN_OK;
}

/* ---- choices ------------------------------------------------------------------------------ */

static void choose(struct cn_eval *eval, const struct cn_step *step, const void *condition,
                   const void *a, const void *b, struct cn_slot *out) {
    struct cn_lanes lanes = {
        .a = condition, .b = a, .c = b, .out = out->own_values, .n = eval->rows};
    step->fn(&lanes);
    out->values = out->own_values;
}

static const struct cn_failure *failure_at(const struct cn_slot *slot, size_t row) {
    return slot->why != NULL ? slot->why[row] : NULL;
}

static bool null_at(const struct cn_slot *slot, size_t row) {
    return slot->nulls != NULL && slot->nulls[row] != 0;
}

/* The null marks as an array, whether there are any or not. */
static const uint8_t *marks_of(const struct cn_eval *eval, const struct cn_slot *slot) {
    return slot->nulls != NULL ? slot->nulls : eval->zeros;
}

static enum cn_code run_where(struct cn_eval *eval, const struct cn_step *step,
                              struct cn_error *error) {
    /* Copies, because out may be the slot of an operand. */
    struct cn_slot c = eval->slots[step->in[0]];
    struct cn_slot x = eval->slots[step->in[1]];
    struct cn_slot y = eval->slots[step->in[2]];
    struct cn_slot *out = &eval->slots[step->out];
    const uint8_t *condition = c.values;
    const struct cn_failure **why = NULL;
    if (c.why != NULL || x.why != NULL || y.why != NULL) {
        why = new_failures(eval);
        if (why == NULL)
            return cn_error_memory(error);
        for (size_t i = 0; i < eval->rows; i++) {
            why[i] = failure_at(&c, i);
            if (why[i] == NULL && !null_at(&c, i))
                why[i] = failure_at(condition[i] ? &x : &y, i);
        }
    }
    out->why = why;
    out->nulls = NULL;
    if (c.nulls != NULL || x.nulls != NULL || y.nulls != NULL) {
        const uint8_t *c_nulls = marks_of(eval, &c);
        const uint8_t *x_nulls = marks_of(eval, &x);
        const uint8_t *y_nulls = marks_of(eval, &y);
        for (size_t i = 0; i < eval->rows; i++) {
            uint8_t chosen = condition[i] ? x_nulls[i] : y_nulls[i];
            out->own_nulls[i] = c_nulls[i] | chosen;
        }
        out->nulls = out->own_nulls;
    }
    choose(eval, step, condition, x.values, y.values, out);
    return CN_OK;
}

/* The failures of `a and b` (or, with decided == 1, of `a or b`): b's do not count where a alone
 * decides. */
static const struct cn_failure **logic_failures(struct cn_eval *eval, const struct cn_slot *a,
                                                const struct cn_slot *b, uint8_t decided) {
    const struct cn_failure **why = new_failures(eval);
    const uint8_t *values = a->values;
    for (size_t i = 0; why != NULL && i < eval->rows; i++) {
        why[i] = failure_at(a, i);
        if (why[i] == NULL && (null_at(a, i) || values[i] != decided))
            why[i] = failure_at(b, i);
    }
    return why;
}

static enum cn_code run_logic(struct cn_eval *eval, const struct cn_step *step,
                              struct cn_error *error) {
    struct cn_slot a = eval->slots[step->in[0]];
    struct cn_slot b = eval->slots[step->in[1]];
    struct cn_slot *out = &eval->slots[step->out];
    bool is_and = step->op == CN_STEP_AND;
    out->why = NULL;
    if (a.why != NULL || b.why != NULL) {
        out->why = logic_failures(eval, &a, &b, is_and ? 0 : 1);
        if (out->why == NULL)
            return cn_error_memory(error);
    }
    out->values = out->own_values;
    if (a.nulls == NULL && b.nulls == NULL) {
        struct cn_lanes lanes = {
            .a = a.values, .b = b.values, .out = out->own_values, .n = eval->rows};
        step->fn(&lanes);
        out->nulls = NULL;
        return CN_OK;
    }
    struct cn_kleene kleene = {a.values,        a.nulls,        b.values,  b.nulls,
                               out->own_values, out->own_nulls, eval->rows};
    (is_and ? cn_kleene_and : cn_kleene_or)(&kleene);
    out->nulls = out->own_nulls;
    return CN_OK;
}

static enum cn_code run_coalesce(struct cn_eval *eval, const struct cn_step *step,
                                 struct cn_error *error) {
    struct cn_slot a = eval->slots[step->in[0]];
    struct cn_slot b = eval->slots[step->in[1]];
    struct cn_slot *out = &eval->slots[step->out];
    const struct cn_failure **why = NULL;
    if (a.why != NULL || b.why != NULL) {
        why = new_failures(eval);
        if (why == NULL)
            return cn_error_memory(error);
        for (size_t i = 0; i < eval->rows; i++) {
            why[i] = failure_at(&a, i);
            if (why[i] == NULL && null_at(&a, i))
                why[i] = failure_at(&b, i);
        }
    }
    out->why = why;
    /* a's marks choose; without any, b never counts. */
    choose(eval, step, a.nulls != NULL ? a.nulls : eval->zeros, b.values, a.values, out);
    out->nulls = NULL;
    if (a.nulls != NULL && b.nulls != NULL) {
        for (size_t i = 0; i < eval->rows; i++)
            out->own_nulls[i] = (a.nulls[i] != 0) & (b.nulls[i] != 0);
        out->nulls = out->own_nulls;
    }
    return CN_OK;
}

static void run_is_null(struct cn_eval *eval, const struct cn_step *step) {
    struct cn_slot in = eval->slots[step->in[0]];
    struct cn_slot *out = &eval->slots[step->out];
    uint8_t *values = out->own_values;
    const uint8_t *nulls = marks_of(eval, &in);
    for (size_t i = 0; i < eval->rows; i++)
        values[i] = nulls[i] != 0;
    out->values = values;
    out->nulls = NULL;
    out->why = in.why;
}

/* ---- the rest ----------------------------------------------------------------------------- */

static void run_fill(struct cn_eval *eval, const struct cn_step *step) {
    const struct cn_constant *constant = &eval->program->constants[step->index];
    struct cn_slot *out = &eval->slots[step->out];
    for (size_t i = 0; i < eval->rows; i++) {
        if (step->type == CN_TYPE_STRING)
            ((struct cn_str *)out->own_values)[i] = constant->text;
        else if (step->type == CN_TYPE_FLOAT64)
            ((double *)out->own_values)[i] = constant->real;
        else if (step->type == CN_TYPE_INT64)
            ((int64_t *)out->own_values)[i] = constant->integer;
        else
            ((uint8_t *)out->own_values)[i] = constant->boolean;
    }
    out->values = out->own_values;
    out->nulls = NULL;
    out->why = NULL;
}

static enum cn_code unknown_table(const struct cn_step *step, struct cn_error *error) {
    return cn_expr_error(error, CN_INTERNAL, (int32_t)step->let, step->position,
                         "the table digest of %s() was not given when compiling", step->what);
}

/* The end of a let: its failures are reported or become nulls. */
static void run_let(struct cn_eval *eval, const struct cn_step *step) {
    struct cn_slot *slot = &eval->slots[step->out];
    cn_failures why = slot->why;
    if (why == NULL)
        return;
    if (!eval->program->null_on_error) {
        for (size_t i = 0; i < eval->rows; i++) {
            if (why[i] == NULL)
                continue;
            if (eval->worst == NULL || i < eval->worst_row) {
                eval->worst = why[i];
                eval->worst_row = i;
            }
            return;
        }
        return;
    }
    for (size_t i = 0; i < eval->rows; i++) {
        bool failed = why[i] != NULL;
        slot->own_nulls[i] = failed || null_at(slot, i);
        if (failed && eval->failed != NULL)
            eval->failed[step->let]++;
    }
    slot->nulls = slot->own_nulls;
    slot->why = NULL;
}

enum cn_code cn_eval_step(struct cn_eval *eval, const struct cn_step *step,
                          struct cn_error *error) {
    switch (step->op) {
    case CN_STEP_LANES:
        return run_lanes(eval, step, error);
    case CN_STEP_NULL:
        return run_null(eval, step, error);
    case CN_STEP_WHERE:
        return run_where(eval, step, error);
    case CN_STEP_AND:
    case CN_STEP_OR:
        return run_logic(eval, step, error);
    case CN_STEP_COALESCE:
        return run_coalesce(eval, step, error);
    case CN_STEP_IS_NULL:
        run_is_null(eval, step);
        return CN_OK;
    case CN_STEP_FILL:
        run_fill(eval, step);
        return CN_OK;
    case CN_STEP_HASH:
    case CN_STEP_HASH_TEXT:
        return cn_eval_hash(eval, step, error);
    case CN_STEP_UNKNOWN_TABLE:
        return unknown_table(step, error);
    case CN_STEP_LET:
        run_let(eval, step);
        return CN_OK;
    }
    return CN_OK;
}

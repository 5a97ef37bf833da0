/*
 * compute_kind.c: the compute task: finds or makes its plan, runs the rows, writes the trailer.
 */
#include <stdlib.h>

#include "handlers/morsel.h"

#define KEPT_BYTES (8u << 20) /* of each scratch arena */

static void drop_cached(struct cn_cached_plan *cached) {
    cn_eval_free(cached->eval);
    cn_plan_unref(cached->plan);
    *cached = (struct cn_cached_plan){0};
}

static enum cn_code state_new(void **result, const void *context, struct cn_error *error) {
    struct cn_compute_state *state = calloc(1, sizeof *state);

    if (!state)
        return cn_error_memory(error);
    state->keys = context;
    state->seed = (uint64_t)cn_clock_now() ^ (uint64_t)(uintptr_t)state;
    cn_arena_init(&state->morsel, 256 * 1024);
    cn_arena_init(&state->block, 256 * 1024);
    *result = state;
    return CN_OK;
}

static void state_free(void *pointer) {
    struct cn_compute_state *state = pointer;

    if (!state)
        return;
    for (size_t i = 0; i < CN_PLAN_CACHE; i++)
        drop_cached(&state->cache[i]);
    for (size_t i = 0; i < state->n_pieces; i++)
        cn_buf_release(&state->pieces[i]);
    free(state->pieces);
    cn_arena_release(&state->morsel);
    cn_arena_release(&state->block);
    free(state);
}

/* The plan of a task, compiled once for each worker that meets it. */
static enum cn_code find_plan(struct cn_compute_state *state, const struct cn_plan_ref *handle,
                              struct cn_cached_plan **result, struct cn_error *error) {
    struct cn_cached_plan *oldest = &state->cache[0];

    for (size_t i = 0; i < CN_PLAN_CACHE; i++) {
        struct cn_cached_plan *cached = &state->cache[i];
        if (cached->plan && cached->id == handle->id) {
            cached->used = ++state->clock;
            *result = cached;
            return CN_OK;
        }
        if (cached->used < oldest->used)
            oldest = cached;
    }
    drop_cached(oldest);
    if (handle->local)
        oldest->plan = cn_plan_ref_up((struct cn_plan *)(uintptr_t)handle->local);
    else
        CN_TRY(cn_plan_read(&oldest->plan, handle->id, handle->bytes, state->keys, error));
    if (oldest->plan->program) {
        enum cn_code code = cn_eval_new(&oldest->eval, oldest->plan->program, error);
        if (code != CN_OK) {
            drop_cached(oldest);
            return code;
        }
    }
    oldest->id = handle->id;
    oldest->used = ++state->clock;
    *result = oldest;
    return CN_OK;
}

static bool grow_pieces(struct cn_compute_state *state, size_t n) {
    struct cn_buf *pieces;

    if (n <= state->n_pieces)
        return true;
    pieces = realloc(state->pieces, n * sizeof *pieces);
    if (!pieces)
        return false;
    for (size_t i = state->n_pieces; i < n; i++)
        cn_buf_init(&pieces[i]);
    state->pieces = pieces;
    state->n_pieces = n;
    return true;
}

static enum cn_code prepare(struct cn_morsel *morsel, struct cn_error *error) {
    struct cn_arena *arena = &morsel->state->morsel;
    const struct cn_spec *spec = morsel->plan->spec;
    size_t n_lets = cn_recipe_lets(spec->recipe);
    const struct cn_program_input *inputs = NULL;
    size_t n_inputs = 0;

    if (morsel->plan->program)
        inputs = cn_program_inputs(morsel->plan->program, &n_inputs);
    morsel->seen = cn_arena_zalloc(arena, spec->n_columns);
    morsel->failed = cn_arena_zalloc(arena, n_lets * sizeof *morsel->failed);
    morsel->values = cn_arena_zalloc(arena, spec->n_columns * sizeof *morsel->values);
    morsel->hashed = cn_arena_zalloc(arena, spec->n_columns * sizeof *morsel->hashed);
    morsel->texts = cn_arena_zalloc(arena, spec->n_columns * sizeof *morsel->texts);
    morsel->raws = cn_arena_zalloc(arena, n_inputs * sizeof *morsel->raws);
    morsel->inputs = cn_arena_zalloc(arena, n_inputs * sizeof *morsel->inputs);
    morsel->computed = cn_arena_zalloc(arena, (n_lets + 1) * sizeof *morsel->computed);
    if (!morsel->seen || !morsel->failed || !morsel->values || !morsel->hashed || !morsel->texts ||
        !morsel->raws || !morsel->inputs || !morsel->computed)
        return cn_error_memory(error);
    for (size_t i = 0; i < n_inputs; i++)
        morsel->hashed[inputs[i].column] |= inputs[i].hashed;
    if (spec->sink == CN_SINK_JSON && morsel->plan->pass == CN_PASS_OUTPUT) {
        if (!grow_pieces(morsel->state, spec->n_outputs))
            return cn_error_memory(error);
        for (size_t i = 0; i < spec->n_outputs; i++)
            morsel->state->pieces[i].len = 0;
    }
    return CN_OK;
}

static void give_lock(void *context) {
    cn_run_unlock(context);
}

static void take_lock(void *context) {
    cn_run_lock(context);
}

/* Whom the evaluation looks at while it runs: who wants it stopped, and who waits for the
 * interpreter lock. NULL: it rests. */
static void watch(struct cn_eval *eval, struct cn_run *task) {
    const struct cn_eval_lock lock = {give_lock, take_lock, task};

    if (!eval)
        return;
    cn_eval_watch(eval, task ? task->stop : NULL, task ? task->deadline_ns : 0);
    cn_eval_share(eval, task && task->gil ? &lock : NULL);
}

/* A failure that the trailer cannot carry is the task's own. */
static bool is_of_data(enum cn_code code) {
    return code != CN_OVERLOADED && code != CN_INTERNAL && code != CN_CANCELLED;
}

static enum cn_code run(struct cn_run *task, struct cn_error *error) {
    struct cn_compute_state *state = task->state;
    struct cn_cached_plan *cached = NULL;
    struct cn_morsel morsel = {.run = task, .state = state, .result = task->result};
    struct cn_error fault;
    enum cn_code code;

    cn_error_init(&fault);
    morsel.clock_ns = cn_run_clock(task);
    CN_TRY(find_plan(state, task->plan, &cached, error));
    memcpy(&morsel.args, task->args, sizeof morsel.args);
    morsel.plan = cached->plan;
    morsel.eval = cached->eval;
    CN_TRY(prepare(&morsel, error));
    watch(morsel.eval, task);
    cn_morsel_book(&morsel, CN_SPAN_EVALUATE); /* compiling is part of it */
    code = morsel.plan->spec->source == CN_SOURCE_CSV ? cn_morsel_run_csv(&morsel, &fault)
                                                      : cn_morsel_run_columns(&morsel, &fault);
    if (code == CN_OK && !is_of_data(morsel.code))
        code = morsel.code;
    if (code == CN_OK)
        code = cn_morsel_finish(&morsel, &fault);
    /* An idle worker holds little. */
    if (morsel.eval)
        cn_eval_rest(morsel.eval);
    watch(morsel.eval, NULL);
    cn_arena_reset(&state->morsel, KEPT_BYTES);
    cn_arena_reset(&state->block, KEPT_BYTES);
    if (code != CN_OK && error)
        *error = fault;
    return code;
}

const struct cn_kind cn_kind_compute = {"compute", run, state_new, state_free};

/* Any bits may stand where a bool is. */
static bool read_bool(const bool *at) {
    unsigned char byte;

    memcpy(&byte, at, sizeof byte);
    return byte != 0;
}

bool cn_morsel_result_read(struct cn_morsel_result *result, const struct cn_task *task,
                           size_t text_len) {
    memcpy(result, task->result, sizeof *result);
    result->body_fault = read_bool(&result->body_fault);
    result->failed = read_bool(&result->failed);
    if (task->code != CN_OK && !result->body_fault)
        return true; /* there is no result */
    if (result->body_fault && task->code == CN_OK)
        return false;
    /* A row ends with a line end, but for the last one. */
    return text_len == 0 || (result->rows <= text_len + 1 && result->lines <= text_len + 1);
}

uint64_t cn_morsel_u64(const char *at, size_t index) {
    uint64_t value;

    memcpy(&value, at + index * sizeof value, sizeof value);
    return value;
}

/* The lengths may come from another process: together they are no more than the data. */
static bool pieces_fit(const char *pieces, size_t n, uint64_t data_len) {
    for (size_t i = 0; i < n; i++) {
        uint64_t len = cn_morsel_u64(pieces, i);
        if (len > data_len)
            return false;
        data_len -= len;
    }
    return true;
}

bool cn_morsel_trailer(const struct cn_plan *plan, const struct cn_morsel_result *result,
                       const struct cn_buf *out, struct cn_morsel_trailer *trailer) {
    size_t n_lets = cn_recipe_lets(plan->spec->recipe);
    size_t n_columns = plan->spec->n_columns;
    size_t n_pieces = plan->spec->n_outputs;
    size_t len = n_columns + (n_lets + n_pieces + 1) * sizeof(uint64_t) +
                 (result->failed ? sizeof trailer->error : 0);
    const char *at;

    if (result->data_len > out->len || out->len - result->data_len != len)
        return false;
    at = out->data + result->data_len;
    trailer->seen = (const uint8_t *)at;
    trailer->failed = at + n_columns;
    trailer->pieces = trailer->failed + n_lets * sizeof(uint64_t);
    trailer->null_rows = cn_morsel_u64(trailer->pieces, n_pieces);
    if (!pieces_fit(trailer->pieces, n_pieces, result->data_len))
        return false;
    if (result->failed) {
        memcpy(&trailer->error, trailer->pieces + (n_pieces + 1) * sizeof(uint64_t),
               sizeof trailer->error);
        return cn_error_sane(&trailer->error) && trailer->error.code != CN_OK;
    }
    cn_error_init(&trailer->error);
    return true;
}

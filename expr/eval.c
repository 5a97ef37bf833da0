#include "expr/eval.h"

#include "expr/lexer.h"
#include "kernels/lanes_ops.h"
#include "kernels/number.h"

#include <stdlib.h>
#include <stdio.h>

#define SCRATCH_BLOCK ((size_t)256 << 10)
#define SCRATCH_KEEP ((size_t)4 << 20)
#define ALIGNMENT 64U
/* A block's registers stay in a core's second-level cache, and a program with thousands of lets
 * does not take thousands of full blocks from every worker. */
#define REGISTER_BYTES ((size_t)1 << 20)
#define LEAST_ROWS ((size_t)16)

/* ---- state -------------------------------------------------------------------------------- */

/* Room for a block of values of `width` bytes, on cache lines. */
static void *block_alloc(struct cn_eval *eval, size_t width) {
    char *memory = cn_arena_alloc(&eval->memory, width * eval->capacity + ALIGNMENT);
    if (memory == NULL)
        return NULL;
    size_t off = (uintptr_t)memory % ALIGNMENT;
    memory += off > 0 ? ALIGNMENT - off : 0;
    memset(memory, 0, width * eval->capacity);
    return memory;
}

static size_t choose_capacity(const struct cn_program *program) {
    size_t width = program->n_hashes > 0 ? CN_DIGEST_MAX_SIZE : 0;
    for (size_t i = 0; i < program->n_registers; i++) {
        const struct cn_register *reg = &program->registers[i];
        if (reg->kind != CN_REGISTER_INPUT)
            width += sizeof(struct cn_str) + 1;
    }
    size_t rows = width > 0 ? REGISTER_BYTES / width : CN_BLOCK_ROWS;
    if (rows >= CN_BLOCK_ROWS)
        return CN_BLOCK_ROWS;
    return rows > LEAST_ROWS ? rows / LEAST_ROWS * LEAST_ROWS : LEAST_ROWS;
}

size_t cn_eval_capacity(const struct cn_eval *eval) {
    return eval->capacity;
}

void cn_eval_watch(struct cn_eval *eval, const atomic_int *stop, int64_t deadline_ns) {
    eval->stop = stop;
    eval->deadline_ns = deadline_ns;
}

/* `now` is the time, or 0 for whoever has not looked at the clock. */
static enum cn_code look(const struct cn_eval *eval, int64_t now, struct cn_error *error) {
    if ((eval->stop != NULL && atomic_load_explicit(eval->stop, memory_order_relaxed) != 0) ||
        (eval->deadline_ns > 0 && (now > 0 ? now : cn_clock_now()) >= eval->deadline_ns))
        return cn_error_set(error, CN_CANCELLED, "the evaluation was stopped");
    return CN_OK;
}

enum cn_code cn_eval_look(const struct cn_eval *eval, struct cn_error *error) {
    return look(eval, 0, error);
}

void cn_eval_share(struct cn_eval *eval, const struct cn_eval_lock *lock) {
    eval->lock = lock != NULL ? *lock : (struct cn_eval_lock){0};
    eval->gave_lock = false;
}

void cn_eval_show_texts(struct cn_eval *eval, const struct cn_texts *texts) {
    eval->texts = texts;
}

void cn_eval_rest(struct cn_eval *eval) {
    cn_arena_reset(&eval->scratch, SCRATCH_KEEP);
}

static bool make_shared_blocks(struct cn_eval *eval) {
    uint8_t *ones = block_alloc(eval, 1);
    struct cn_str *empties = block_alloc(eval, sizeof *empties);
    eval->zeros = block_alloc(eval, 8);
    eval->fail = block_alloc(eval, 1);
    if (ones == NULL || empties == NULL || eval->zeros == NULL || eval->fail == NULL)
        return false;
    memset(ones, 1, eval->capacity);
    for (size_t i = 0; i < eval->capacity; i++)
        empties[i] = CN_STR("");
    eval->ones = ones;
    eval->empties = empties;
    return true;
}

static void fill(const struct cn_constant *constant, void *out, size_t rows) {
    for (size_t i = 0; i < rows; i++) {
        switch (constant->type) {
        case CN_TYPE_BOOL:
            ((uint8_t *)out)[i] = constant->boolean;
            break;
        case CN_TYPE_INT64:
            ((int64_t *)out)[i] = constant->integer;
            break;
        case CN_TYPE_FLOAT64:
            ((double *)out)[i] = constant->real;
            break;
        default:
            ((struct cn_str *)out)[i] = constant->text;
        }
    }
}

static bool make_slot(struct cn_eval *eval, const struct cn_register *reg, struct cn_slot *slot) {
    if (reg->kind == CN_REGISTER_INPUT)
        return true;
    if (reg->kind == CN_REGISTER_TEMPORARY) {
        slot->own_values = block_alloc(eval, reg->width);
        slot->own_nulls = block_alloc(eval, 1);
        return slot->own_values != NULL && slot->own_nulls != NULL;
    }
    const struct cn_constant *constant = &eval->program->constants[reg->index];
    if (constant->null) {
        slot->nulls = eval->ones;
        slot->values = constant->type == CN_TYPE_STRING ? (const void *)eval->empties : eval->zeros;
        return true;
    }
    void *values = block_alloc(eval, cn_register_width(constant->type));
    if (values == NULL)
        return false;
    fill(constant, values, eval->capacity);
    slot->values = values;
    return true;
}

static enum cn_code make_digests(struct cn_eval *eval, struct cn_error *error) {
    const struct cn_program *program = eval->program;
    if (program->n_hashes == 0)
        return CN_OK;
    eval->digests = cn_arena_zalloc(&eval->memory, program->n_hashes * sizeof *eval->digests);
    eval->offsets = cn_arena_array(&eval->memory, eval->capacity + 1, sizeof *eval->offsets);
    eval->digest_bytes = cn_arena_array(&eval->memory, eval->capacity, CN_DIGEST_MAX_SIZE);
    if (eval->digests == NULL || eval->offsets == NULL || eval->digest_bytes == NULL)
        return cn_error_memory(error);
    for (size_t i = 0; i < program->n_steps; i++) {
        const struct cn_step *step = &program->steps[i];
        if (step->op != CN_STEP_HASH)
            continue;
        const struct cn_hash *hash = &program->hashes[step->index];
        CN_TRY(cn_digest_new(&eval->digests[step->index], hash->kind, &hash->key, error));
    }
    return CN_OK;
}

static enum cn_code make(struct cn_eval *eval, struct cn_error *error) {
    const struct cn_program *program = eval->program;
    size_t n = program->n_registers;
    eval->slots = cn_arena_zalloc(&eval->memory, (n + 1) * sizeof *eval->slots);
    eval->input_registers =
        cn_arena_array(&eval->memory, program->n_inputs, sizeof *eval->input_registers);
    if (eval->slots == NULL || eval->input_registers == NULL || !make_shared_blocks(eval))
        return cn_error_memory(error);
    for (size_t i = 0; i < n; i++) {
        if (program->registers[i].kind == CN_REGISTER_INPUT)
            eval->input_registers[eval->n_input_registers++] = (uint32_t)i;
        if (!make_slot(eval, &program->registers[i], &eval->slots[i]))
            return cn_error_memory(error);
    }
    return make_digests(eval, error);
}

enum cn_code cn_eval_new(struct cn_eval **eval, const struct cn_program *program,
                         struct cn_error *error) {
    *eval = NULL;
    struct cn_eval *self = calloc(1, sizeof *self);
    if (self == NULL)
        return cn_error_memory(error);
    self->program = program;
    self->capacity = choose_capacity(program);
    self->join = cn_lanes_variant(cn_or_bool);
    cn_arena_init(&self->memory, SCRATCH_BLOCK);
    cn_arena_init(&self->scratch, SCRATCH_BLOCK);
    cn_buf_init(&self->text);
    enum cn_code code = make(self, error);
    if (code != CN_OK) {
        cn_eval_free(self);
        return code;
    }
    *eval = self;
    return CN_OK;
}

void cn_eval_free(struct cn_eval *eval) {
    if (eval == NULL)
        return;
    for (size_t i = 0; eval->digests != NULL && i < eval->program->n_hashes; i++)
        cn_digest_free(eval->digests[i]);
    cn_buf_release(&eval->text);
    cn_arena_release(&eval->scratch);
    cn_arena_release(&eval->memory);
    free(eval);
}

/* ---- errors ------------------------------------------------------------------------------- */

static void set_value(const struct cn_failure *failure, struct cn_error *error) {
    char text[CN_DOUBLE_TEXT];
    if (!failure->step->fallible->shows_operand)
        return;
    if (failure->step->in_type == CN_TYPE_FLOAT64)
        cn_error_set_value(error, cn_str(text, cn_double_format(failure->real, text)));
    else
        cn_error_set_value(error, failure->text);
}

/* The error of the lowest row that failed. */
static enum cn_code report(const struct cn_eval *eval, struct cn_error *error) {
    const struct cn_failure *failure = eval->worst;
    const struct cn_step *step = failure->step;
    enum cn_code code = step->fallible->reason[failure->reason - 1].code;
    const char *text = step->fallible->reason[failure->reason - 1].text;
    const char *name = strstr(text, "%s"); /* each has one */
    char first = (char)(step->what[0] | 0x20);
    bool function = first >= 'a' && first <= 'z';
    cn_expr_error(error, code, (int32_t)step->let, step->position,
                  function ? "%.*s%s()%s" : "%.*s`%s`%s", (int)(name - text), text, step->what,
                  name + 2);
    set_value(failure, error);
    if (error != NULL)
        error->row = (int64_t)eval->worst_row;
    cn_error_set_column(error, eval->program->let_names[step->let]);
    return code;
}

/* ---- blocks ------------------------------------------------------------------------------- */

static void set_inputs(struct cn_eval *eval, const struct cn_vector *inputs) {
    for (size_t i = 0; i < eval->n_input_registers; i++) {
        uint32_t at = eval->input_registers[i];
        const struct cn_vector *input = &inputs[eval->program->registers[at].index];
        eval->slots[at].values = input->values;
        eval->slots[at].nulls = input->nulls;
        eval->slots[at].texts =
            eval->texts != NULL ? &eval->texts[eval->program->registers[at].index] : NULL;
    }
    eval->texts = NULL;
}

static void set_outputs(const struct cn_eval *eval, struct cn_vector *outputs) {
    const struct cn_program *program = eval->program;
    for (size_t i = 0; i < program->n_outputs; i++) {
        const struct cn_program_output *output = &program->outputs[i];
        if (!output->wanted)
            continue;
        const struct cn_slot *slot = &eval->slots[output->reg];
        outputs[i].type = output->type;
        outputs[i].values = output->type == CN_TYPE_NULL ? NULL : slot->values;
        outputs[i].nulls = output->type == CN_TYPE_NULL ? eval->ones : slot->nulls;
    }
}

static void begin(struct cn_eval *eval, const struct cn_vector *inputs, size_t rows,
                  uint64_t *failed) {
    cn_arena_reset(&eval->scratch, SCRATCH_KEEP);
    eval->rows = rows;
    eval->hash_ns = 0;
    eval->worst = NULL;
    eval->failed = failed;
    set_inputs(eval, inputs);
}

static enum cn_code finish(struct cn_eval *eval, struct cn_vector *outputs,
                           struct cn_error *error) {
    set_outputs(eval, outputs);
    return eval->worst != NULL ? report(eval, error) : CN_OK;
}

static void give_lock(struct cn_eval *eval) {
    if (eval->lock.give == NULL || eval->gave_lock)
        return;
    eval->lock.give(eval->lock.context);
    eval->gave_lock = true;
}

static void take_lock(struct cn_eval *eval) {
    if (!eval->gave_lock)
        return;
    eval->lock.take(eval->lock.context);
    eval->gave_lock = false;
}

/* Numbers are computed without the lock, texts and digests under it. */
static void prepare_lock(struct cn_eval *eval, const struct cn_step *step) {
    bool hash = step->op == CN_STEP_HASH || step->op == CN_STEP_HASH_TEXT;
    if (hash || step->type == CN_TYPE_STRING || step->in_type == CN_TYPE_STRING)
        take_lock(eval);
    else if (step->op != CN_STEP_LET)
        give_lock(eval);
}

enum cn_code cn_eval_block(struct cn_eval *eval, const struct cn_vector *inputs, size_t rows,
                           struct cn_vector *outputs, uint64_t *failed, int64_t now,
                           int64_t *hash_ns, struct cn_error *error) {
    enum cn_code code = CN_OK;
    if (rows > eval->capacity)
        return cn_error_set(error, CN_INTERNAL, "a block has %zu rows at most", eval->capacity);
    begin(eval, inputs, rows, failed);
    eval->timed = hash_ns != NULL;
    for (size_t i = 0; code == CN_OK && i < eval->program->n_steps;) {
        const struct cn_step *step = &eval->program->steps[i];
        size_t end = i;
        prepare_lock(eval, step);
        code = look(eval, i == 0 ? now : 0, error);
        if (code == CN_OK)
            code = cn_eval_strips(eval, i, &end, error);
        if (code == CN_OK && end == i) {
            code = cn_eval_step(eval, step, error);
            end++;
        }
        i = end;
    }
    take_lock(eval);
    if (code == CN_OK)
        code = finish(eval, outputs, error);
    if (hash_ns != NULL)
        *hash_ns += eval->hash_ns;
    return code;
}

enum cn_code cn_eval_row(struct cn_eval *eval, const struct cn_vector *inputs,
                         struct cn_vector *outputs, uint64_t *failed, int64_t *hash_ns,
                         struct cn_error *error) {
    begin(eval, inputs, 1, failed);
    eval->timed = hash_ns != NULL;
    for (size_t i = 0; i < eval->program->n_steps; i++)
        CN_TRY(cn_eval_step(eval, &eval->program->steps[i], error));
    if (hash_ns != NULL)
        *hash_ns += eval->hash_ns;
    return finish(eval, outputs, error);
}

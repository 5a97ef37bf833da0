#include "handlers/kinds.h"

#include "handlers/compute_kind.h"

static enum cn_code run_noop(struct cn_run *run, struct cn_error *error) {
    (void)run;
    (void)error;
    return CN_OK;
}

static enum cn_code run_echo(struct cn_run *run, struct cn_error *error) {
    for (size_t i = 0; i < run->n_inputs; i++)
        if (!cn_buf_add_str(run->out, run->inputs[i]))
            return cn_error_memory(error);
    return CN_OK;
}

/* The compute kind is an object of another file, which no constant table can copy. */
static enum cn_code run_compute(struct cn_run *run, struct cn_error *error) {
    return cn_kind_compute.run(run, error);
}

static enum cn_code new_compute_state(void **state, const void *context, struct cn_error *error) {
    return cn_kind_compute.state_new(state, context, error);
}

static void free_compute_state(void *state) {
    cn_kind_compute.state_free(state);
}

/* Its plan is a pointer, which says nothing to another process. */
static enum cn_code run_intake(struct cn_run *run, struct cn_error *error) {
    if (!run->plan->local)
        return cn_error_set(error, CN_INTERNAL, "a body cannot be read in a worker process");
    return cn_compute_run_ending(run, error);
}

static const struct cn_kind kinds[CN_KIND_COUNT] = {
    [CN_KIND_NOOP] = {.name = "noop", .run = run_noop},
    [CN_KIND_ECHO] = {.name = "echo", .run = run_echo},
    [CN_KIND_COMPUTE] = {.name = "compute",
                         .run = run_compute,
                         .state_new = new_compute_state,
                         .state_free = free_compute_state},
    [CN_KIND_INTAKE] = {.name = "intake", .run = run_intake},
};

void cn_registry_init(struct cn_registry *registry, const struct cn_keyring *keys) {
    *registry = (struct cn_registry){.kinds = kinds, .n_kinds = CN_KIND_COUNT, .context = keys};
}

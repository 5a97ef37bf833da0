#include "handlers/kinds.h"

#include <stdlib.h>

#include "handlers/call.h"
#include "handlers/compute_kind.h"
#include "handlers/map.h"

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

/* These kinds are objects of other files, which no constant table can copy. */
static enum cn_code run_compute(struct cn_run *run, struct cn_error *error) {
    return cn_kind_compute.run(run, error);
}

static enum cn_code new_compute_state(void **state, const void *context, struct cn_error *error) {
    return cn_kind_compute.state_new(state, context, error);
}

static void free_compute_state(void *state) {
    cn_kind_compute.state_free(state);
}

static enum cn_code run_call(struct cn_run *run, struct cn_error *error) {
    return cn_kind_call.run(run, error);
}

static enum cn_code new_call_state(void **state, const void *context, struct cn_error *error) {
    return cn_kind_call.state_new(state, context, error);
}

static void free_call_state(void *state) {
    cn_kind_call.state_free(state);
}

/* Their plans are pointers, which say nothing to another process. */
static enum cn_code run_map_intake(struct cn_run *run, struct cn_error *error) {
    if (!run->plan->local)
        return cn_error_set(error, CN_INTERNAL, "a body cannot be read in a worker process");
    return cn_map_run_ending(run, error);
}

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
    [CN_KIND_CALL] = {.name = "call",
                      .run = run_call,
                      .state_new = new_call_state,
                      .state_free = free_call_state},
    [CN_KIND_MAP_INTAKE] = {.name = "map intake", .run = run_map_intake},
};

void cn_registry_init(struct cn_registry *registry, const struct cn_keyring *keys) {
    *registry = (struct cn_registry){.kinds = kinds, .n_kinds = CN_KIND_COUNT, .context = keys};
}

/* ---- in a fork server ------------------------------------------------------------------------ */

struct cn_str cn_kinds_context(const struct cn_keyring *keys) {
    return cn_str((const void *)keys->keys, keys->n_keys * sizeof *keys->keys);
}

static enum cn_code open_keys(struct cn_str bytes, const void **context, struct cn_error *error) {
    struct cn_keyring *keys = malloc(sizeof *keys); /* for the life of the process */
    if (!keys)
        return cn_error_memory(error);
    if (!cn_keyring_adopt(keys, bytes))
        return cn_error_set(error, CN_INTERNAL, "The keys did not arrive as they were sent");
    *context = keys;
    return CN_OK;
}

/* OpenSSL reads its settings when a digest is first looked up. */
static enum cn_code use_digests(struct cn_error *error) {
    struct cn_hmac_key key = {0};
    for (int kind = 0; kind < CN_DIGEST_KIND_COUNT; kind++) {
        struct cn_digest *digest = NULL;
        uint8_t out[CN_DIGEST_MAX_SIZE];
        enum cn_code code = cn_digest_new(&digest, (enum cn_digest_kind)kind, &key, error);
        if (code == CN_OK)
            code = cn_digest_begin(digest, error);
        if (code == CN_OK)
            code = cn_digest_end(digest, out, error);
        cn_digest_free(digest);
        CN_TRY(code);
    }
    return CN_OK;
}

const struct cn_forkserver_program cn_kinds_program = {
    .kinds = kinds, .n_kinds = CN_KIND_COUNT, .open_context = open_keys, .prepare = use_digests};

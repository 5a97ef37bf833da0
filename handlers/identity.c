#include "handlers/identity.h"

#include <stdio.h>

#include "handlers/call.h"
#include "handlers/kinds.h"

#define MOST_COLUMNS 8
#define MOST_LETS 64

static const struct cn_service_limits limits = {.max_rows = UINT32_MAX,
                                                .max_columns = MOST_COLUMNS,
                                                .expression = {16384, 4096, 200},
                                                .max_json_depth = 32};

struct making {
    struct cn_digest *digest;
    struct cn_key key; /* a fixed one */
    struct cn_keyring keys;
    void *compute; /* states of the kinds */
    void *call;
    struct cn_buf out;
};

/* With its length, so that bytes cannot pass from one to the next. */
static enum cn_code add(struct making *making, struct cn_str bytes, struct cn_error *error) {
    uint64_t len = bytes.len;
    CN_TRY(cn_digest_update(making->digest, &len, sizeof len, error));
    return cn_digest_update(making->digest, bytes.data, bytes.len, error);
}

/* What is laid out in memory on both sides. */
static enum cn_code add_layout(struct making *making, struct cn_error *error) {
    uint64_t sizes[CN_PIPE_SIZES + 5] = {
        sizeof(struct cn_morsel_args), sizeof(struct cn_morsel_result), sizeof(struct cn_call_plan),
        sizeof(struct cn_call_args),   sizeof(struct cn_call_record),
    };
    cn_pipe_sizes(sizes + 5);
    CN_TRY(add(making, cn_str((const char *)sizes, sizeof sizes), error));
    for (size_t i = 0; i < cn_kinds_program.n_kinds; i++)
        CN_TRY(add(making, cn_str_c(cn_kinds_program.kinds[i].name), error));
    return CN_OK;
}

/* ---- expressions --------------------------------------------------------------------------- */

enum cn_code cn_identity_plan(struct cn_plan **plan, uint64_t id,
                              const struct cn_identity_part *part, const struct cn_keyring *keys,
                              struct cn_error *error) {
    struct cn_str names[MOST_COLUMNS];
    enum cn_type types[MOST_COLUMNS];
    struct cn_let lets[MOST_LETS];
    char let_names[MOST_LETS][24];
    struct cn_reference reference = {.lets = lets,
                                     .source = part->source,
                                     .sink = part->sink,
                                     .names = names,
                                     .types = types,
                                     .n_columns = strlen(part->columns),
                                     .normal = part->normal,
                                     .wrap_overflow = part->wrap_overflow,
                                     .null_on_error = true};

    while (part->lets[reference.n_lets])
        reference.n_lets++;
    if (reference.n_columns > MOST_COLUMNS || reference.n_lets > MOST_LETS)
        return cn_error_set(error, CN_INTERNAL, "A part of the identity is too large");
    for (size_t i = 0; i < reference.n_columns; i++) {
        names[i] = cn_str(part->columns + i, 1);
        types[i] = cn_identity_type(part->columns[i]);
    }
    for (size_t i = 0; i < reference.n_lets; i++) {
        snprintf(let_names[i], sizeof let_names[i], "r%zu", i);
        lets[i] = (struct cn_let){cn_str_c(let_names[i]), cn_str_c(part->lets[i])};
    }
    return cn_reference_plan(plan, id, &reference, &limits, keys, error);
}

enum cn_code cn_identity_run(const struct cn_identity_part *part, const struct cn_plan *plan,
                             void *state, struct cn_buf *out, struct cn_morsel_result *result,
                             struct cn_error *error) {
    struct cn_morsel_args args = {0, part->rows, UINT32_MAX};
    struct cn_str text = part->text ? cn_str_c(part->text) : cn_str(NULL, 0);
    return cn_reference_run(plan, text, &args, state, out, result, error);
}

static enum cn_code add_part(struct making *making, const struct cn_identity_part *part,
                             uint64_t id, struct cn_error *error) {
    struct cn_morsel_result result;
    struct cn_plan *plan = NULL;

    CN_TRY(cn_identity_plan(&plan, id, part, &making->keys, error));
    making->out.len = 0;
    enum cn_code code = cn_identity_run(part, plan, making->compute, &making->out, &result, error);
    cn_plan_unref(plan);
    CN_TRY(code);
    if (result.failed)
        return cn_error_set(error, CN_INTERNAL, "A row of the identity's workload %llu failed",
                            (unsigned long long)id);
    return add(making, cn_buf_str(&making->out), error);
}

/* ---- calls --------------------------------------------------------------------------------- */

/* Results without the times. */
static enum cn_code add_results(struct making *making, uint64_t calls, struct cn_error *error) {
    struct cn_str out = cn_buf_str(&making->out);
    struct cn_call_record record;
    struct cn_str text;

    for (uint64_t i = 0; i < calls; i++) {
        if (!cn_call_next(&out, &record, &text))
            return cn_error_set(error, CN_INTERNAL, "A call of the identity's has no result");
        CN_TRY(add(making, cn_str((const char *)&record.code, sizeof record.code), error));
        CN_TRY(add(making, text, error));
    }
    return CN_OK;
}

static enum cn_code add_calls(struct making *making, const struct cn_identity_calls *calls,
                              struct cn_error *error) {
    struct cn_call_plan bytes = {.function = calls->function, .iterations = calls->iterations};
    struct cn_plan_ref plan = {.bytes = cn_str((const char *)&bytes, sizeof bytes)};
    struct cn_call_args args = {.calls = calls->calls};
    _Alignas(16) unsigned char plain[CN_TASK_ARGS] = {0};
    _Alignas(16) unsigned char result[CN_TASK_RESULT] = {0};
    struct cn_str arguments = cn_str_c(calls->arguments);
    struct cn_spans spans = {0};
    atomic_int stop = 0;
    struct cn_run run = {.plan = &plan,
                         .args = plain,
                         .inputs = &arguments,
                         .n_inputs = 1,
                         .out = &making->out,
                         .result = result,
                         .spans = &spans,
                         .stop = &stop,
                         .state = making->call};

    memcpy(plain, &args, sizeof args);
    making->out.len = 0;
    CN_TRY(cn_kind_call.run(&run, error));
    return add_results(making, calls->calls, error);
}

/* ---- all of it ----------------------------------------------------------------------------- */

static enum cn_code begin(struct making *making, struct cn_error *error) {
    if (!cn_key_make(&making->key, CN_STR("k"), CN_STR("of the identity")))
        return cn_error_memory(error);
    making->keys = (struct cn_keyring){&making->key, 1};
    CN_TRY(cn_digest_new(&making->digest, CN_DIGEST_SHA256, NULL, error));
    CN_TRY(cn_digest_begin(making->digest, error));
    CN_TRY(cn_kind_compute.state_new(&making->compute, &making->keys, error));
    return cn_kind_call.state_new(&making->call, &making->keys, error);
}

static enum cn_code add_all(struct making *making, struct cn_error *error) {
    size_t n_parts, n_calls;
    const struct cn_identity_part *parts = cn_identity_parts(&n_parts);
    const struct cn_identity_calls *calls = cn_identity_calls(&n_calls);

    CN_TRY(add_layout(making, error));
    for (size_t i = 0; i < n_parts; i++)
        CN_TRY(add_part(making, &parts[i], i + 1, error));
    for (size_t i = 0; i < n_calls; i++)
        CN_TRY(add_calls(making, &calls[i], error));
    return CN_OK;
}

enum cn_code cn_identity_make(char out[CN_PIPE_IDENTITY], const char *version,
                              struct cn_error *error) {
    struct making making = {.out = CN_BUF_INIT};
    uint8_t sum[CN_DIGEST_MAX_SIZE];
    char hex[2 * CN_DIGEST_MAX_SIZE];
    enum cn_code code = begin(&making, error);

    if (code == CN_OK)
        code = add_all(&making, error);
    if (code == CN_OK)
        code = cn_digest_end(making.digest, sum, error);
    if (code == CN_OK) {
        size_t size = cn_digest_size(CN_DIGEST_SHA256);
        cn_hex_encode(sum, size, hex);
        memset(out, 0, CN_PIPE_IDENTITY);
        snprintf(out, CN_PIPE_IDENTITY, "colonnade %s sha256:%.*s", version, (int)(2 * size), hex);
    }
    cn_digest_free(making.digest);
    cn_kind_compute.state_free(making.compute);
    cn_kind_call.state_free(making.call);
    cn_buf_release(&making.out);
    return code;
}

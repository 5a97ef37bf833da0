/*
 * call_kind.c: the task of some calls; long_io and calc_hash.
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

#include "handlers/call.h"
#include "kernels/number.h"

#define SLICE_NS INT64_C(25000000) /* asleep, between two looks at whether to stop */
#define KEPT_BYTES (64u << 10)

/* A worker's own. */
struct state {
    struct cn_arena task; /* the stack of the scanner of all arguments */
    struct cn_arena call; /* and those within one call */
    struct cn_digest *digest;
    struct cn_buf result;
    struct cn_buf scratch;
};

const char *cn_call_function_name(enum cn_call_function function) {
    static const char *const names[] = {"long_io", "long_comp", "calc_hash"};

    return function < CN_CALL_FUNCTIONS ? names[function] : "?";
}

void cn_call_fail(struct cn_call *call, enum cn_code code, const char *format, ...) {
    va_list list;
    va_start(list, format);
    vsnprintf(call->detail, sizeof call->detail, format, list);
    va_end(list);
    call->failed = code;
}

/* ---- long_io ------------------------------------------------------------------------------- */

/* The interpreter lock is not held. */
static bool sleep_until(const struct cn_run *run, int64_t until) {
    int64_t now = cn_clock_now();
    while (now < until) {
        if (cn_run_stopped(run))
            return false;
        int64_t next = until - now > SLICE_NS ? now + SLICE_NS : until;
        struct timespec time = cn_clock_timespec(next);
        int failed = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
        if (failed != 0 && failed != EINTR)
            return false;
        now = cn_clock_now();
    }
    return !cn_run_stopped(run);
}

/* Twice the decimal digits of an int, however many. */
static bool double_digits(struct cn_str text, struct cn_buf *out) {
    size_t sign = text.data[0] == '-';
    unsigned carry = 0;
    if (text.len == 1 + sign && text.data[sign] == '0')
        return cn_buf_add_char(out, '0');
    if (!cn_buf_reserve(out, text.len + 1))
        return false;
    /* Doubling carries at most 1, and makes the number longer if its first digit is 5 or more. */
    size_t longer = text.data[sign] >= '5';
    char *to = out->data + out->len;
    for (size_t i = text.len; i > sign; i--) {
        unsigned digit = 2 * (unsigned)(text.data[i - 1] - '0') + carry;
        to[i - 1 + longer] = (char)('0' + digit % 10);
        carry = digit / 10;
    }
    if (longer)
        to[sign] = '1';
    if (sign)
        to[0] = '-';
    out->len += text.len + longer;
    return true;
}

enum cn_code cn_call_long_io(struct cn_call *call, struct cn_error *error) {
    const struct cn_call_value *value = &call->value;
    int64_t began = cn_clock_now();
    double most = (double)(INT64_MAX / 2);
    double ns = nearbyint(call->seconds * (double)CN_NS_PER_SECOND);
    bool ok = false;

    cn_run_unlock(call->run);
    bool woke = sleep_until(call->run, began + (int64_t)(ns < most ? ns : most));
    cn_run_lock(call->run);
    if (!woke)
        return CN_CANCELLED;
    if (value->kind == CN_CALL_INT)
        ok = double_digits(value->text, call->result);
    else if (value->kind == CN_CALL_BOOL)
        ok = cn_buf_add_char(call->result, value->truth ? '2' : '0');
    else if (value->kind == CN_CALL_FLOAT)
        ok = cn_json_write_double(call->result, value->number * 2);
    else {
        cn_call_fail(call, CN_TYPE_ERROR, "long_io takes a number, not a value of type %s",
                     cn_call_kind_name(value->kind));
        ok = true;
    }
    return ok ? CN_OK : cn_error_memory(error);
}

/* ---- calc_hash ----------------------------------------------------------------------------- */

/* The values' texts, joined. */
static enum cn_code join(struct cn_call *call, struct cn_arena *arena, struct cn_buf *text,
                         struct cn_error *error) {
    struct cn_json_scan scan;
    struct cn_call_value value;
    bool more;

    cn_json_scan_init(&scan, call->value.text, call->value.text.len, arena);
    CN_TRY(cn_json_scan_open(&scan, error));
    CN_TRY(cn_json_scan_next(&scan, true, &more, error));
    for (bool first = true; more; first = false) {
        CN_TRY(cn_call_value_read(&scan, &value, error));
        if (value.kind == CN_CALL_ARRAY || value.kind == CN_CALL_OBJECT) {
            cn_call_fail(call, CN_TYPE_ERROR, "calc_hash takes plain values, and one is of type %s",
                         cn_call_kind_name(value.kind));
            return CN_OK;
        }
        if ((!first && !cn_buf_add_char(text, '_')) || !cn_call_value_str(&value, text))
            return cn_error_memory(error);
        CN_TRY(cn_json_scan_next(&scan, false, &more, error));
    }
    return CN_OK;
}

enum cn_code cn_call_hash(struct cn_call *call, struct cn_digest *digest, struct cn_arena *arena,
                          struct cn_buf *scratch, struct cn_error *error) {
    uint8_t md5[CN_DIGEST_MAX_SIZE];
    char hex[2 * CN_DIGEST_MAX_SIZE];
    size_t size = cn_digest_size(CN_DIGEST_MD5);

    if (call->value.kind != CN_CALL_ARRAY) {
        cn_call_fail(call, CN_TYPE_ERROR,
                     "calc_hash takes an array of values, not a value of type %s",
                     cn_call_kind_name(call->value.kind));
        return CN_OK;
    }
    scratch->len = 0;
    CN_TRY(join(call, arena, scratch, error));
    if (call->failed != CN_OK)
        return CN_OK;
    const size_t offsets[2] = {0, scratch->len};
    CN_TRY(cn_digest_rows(digest, cn_buf_str(scratch).data, offsets, 1, md5, error));
    cn_hex_encode(md5, size, hex);
    return cn_json_write_string(call->result, cn_str(hex, 2 * size)) ? CN_OK
                                                                     : cn_error_memory(error);
}

/* ---- map[i] = result ----------------------------------------------------------------------- */

static bool add_identity(const struct cn_call_value *value, struct cn_arena *arena,
                         struct cn_buf *out) {
    struct cn_json_scan scan;
    struct cn_call_value element;
    bool more;

    if (value->kind != CN_CALL_ARRAY)
        return cn_call_value_identity(value, out);
    cn_json_scan_init(&scan, value->text, value->text.len, arena);
    bool ok = cn_buf_add_char(out, '[') && cn_json_scan_open(&scan, NULL) == CN_OK &&
              cn_json_scan_next(&scan, true, &more, NULL) == CN_OK;
    while (ok && more)
        ok = cn_call_value_read(&scan, &element, NULL) == CN_OK &&
             cn_call_value_identity(&element, out) && cn_buf_add_char(out, ',') &&
             cn_json_scan_next(&scan, false, &more, NULL) == CN_OK;
    return ok;
}

static enum cn_code share(struct cn_shared_map *map, const struct cn_call *call,
                          struct state *state, struct cn_error *error) {
    struct cn_buf *scratch = &state->scratch;
    scratch->len = 0;
    if (!add_identity(&call->value, &state->call, scratch))
        return cn_error_memory(error);
    size_t cut = scratch->len;
    if (!cn_call_value_json(&call->value, scratch))
        return cn_error_memory(error);
    struct cn_str identity = cn_str(scratch->data, cut);
    struct cn_str key = cn_str(scratch->data + cut, scratch->len - cut);
    return cn_shared_map_set(map, identity, key, cn_buf_str(call->result)) ? CN_OK
                                                                           : cn_error_memory(error);
}

/* ---- the task ------------------------------------------------------------------------------ */

static void state_free(void *pointer) {
    struct state *state = pointer;

    if (!state)
        return;
    cn_arena_release(&state->task);
    cn_arena_release(&state->call);
    cn_digest_free(state->digest);
    cn_buf_release(&state->result);
    cn_buf_release(&state->scratch);
    free(state);
}

static enum cn_code state_new(void **result, const void *context, struct cn_error *error) {
    struct state *state = calloc(1, sizeof *state);
    (void)context;

    if (!state)
        return cn_error_memory(error);
    cn_arena_init(&state->task, 4096);
    cn_arena_init(&state->call, 4096);
    enum cn_code code = cn_digest_new(&state->digest, CN_DIGEST_MD5, NULL, error);
    if (code != CN_OK) {
        state_free(state);
        return code;
    }
    *result = state;
    return CN_OK;
}

static enum cn_code apply(enum cn_call_function function, struct cn_call *call, struct state *state,
                          struct cn_error *error) {
    switch (function) {
    case CN_CALL_LONG_IO:
        return cn_call_long_io(call, error);
    case CN_CALL_LONG_COMP:
        return cn_call_long_comp(call, error);
    case CN_CALL_HASH:
        return cn_call_hash(call, state->digest, &state->call, &state->scratch, error);
    default:
        return cn_error_set(error, CN_INTERNAL, "there is no such function");
    }
}

static enum cn_span span_of(enum cn_call_function function) {
    return function == CN_CALL_LONG_IO     ? CN_SPAN_WAIT
           : function == CN_CALL_LONG_COMP ? CN_SPAN_EVALUATE
                                           : CN_SPAN_HASH;
}

/* The account of a task's calls: one ends when the next begins. */
struct account {
    int64_t now_ns;
    int64_t cpu_ns;
    int64_t lock_ns;
};

static enum cn_code put_record(struct cn_call *call, enum cn_call_function function,
                               struct account *account, struct cn_error *error) {
    struct cn_spans *spans = call->run->spans;
    struct cn_str text = call->failed != CN_OK ? cn_str_c(call->detail) : cn_buf_str(call->result);
    int64_t now = cn_clock_now(), cpu = cn_clock_thread_cpu();
    struct cn_call_record record = {.started_ns = account->now_ns,
                                    .finished_ns = now,
                                    .cpu_ns = cpu - account->cpu_ns,
                                    .lock_ns = spans->ns[CN_SPAN_LOCK] - account->lock_ns,
                                    .code = (uint32_t)call->failed,
                                    .len = (uint32_t)text.len};
    if (text.len > UINT32_MAX)
        return cn_error_memory(error);
    spans->ns[span_of(function)] += now - account->now_ns - record.lock_ns;
    *account = (struct account){now, cpu, spans->ns[CN_SPAN_LOCK]};
    if (!cn_buf_reserve(call->run->out, sizeof record + text.len) ||
        !cn_buf_add(call->run->out, &record, sizeof record) ||
        !cn_buf_add_str(call->run->out, text))
        return cn_error_memory(error);
    return CN_OK;
}

/* The parameter of call `index`, where each has its own. */
static enum cn_code take_parameter(struct cn_call *call, const struct cn_call_plan *plan,
                                   size_t index, struct cn_error *error) {
    const struct cn_run *run = call->run;
    call->seconds = plan->seconds;
    call->iterations = plan->iterations;
    if (!plan->each)
        return CN_OK;
    if (run->n_inputs < 2 || run->inputs[1].len / sizeof(uint64_t) <= index)
        return cn_error_set(error, CN_INTERNAL, "a call came without its parameter");
    const char *at = run->inputs[1].data + index * sizeof(uint64_t);
    if (plan->function == CN_CALL_LONG_IO)
        memcpy(&call->seconds, at, sizeof call->seconds);
    else
        memcpy(&call->iterations, at, sizeof call->iterations);
    return CN_OK;
}

static enum cn_code run_calls(struct cn_run *run, const struct cn_call_plan *plan, uint64_t calls,
                              struct cn_shared_map *map, struct cn_error *error) {
    struct state *state = run->state;
    enum cn_call_function function = plan->function;
    struct account account = {.now_ns = run->started_ns ? run->started_ns : cn_clock_now(),
                              .cpu_ns = cn_clock_thread_cpu()};
    struct cn_json_scan scan;

    cn_json_scan_init(&scan, run->inputs[0], run->inputs[0].len, &state->task);
    for (uint64_t i = 0; i < calls; i++) {
        struct cn_call call = {.run = run, .result = &state->result};
        state->result.len = 0;
        cn_arena_reset(&state->call, KEPT_BYTES);
        if (cn_run_stopped(run))
            return CN_CANCELLED;
        if (i > 0) {
            cn_run_yield(run);
            if (cn_json_peek(&scan) == ',')
                scan.at++;
        }
        CN_TRY(cn_call_value_read(&scan, &call.value, error));
        CN_TRY(take_parameter(&call, plan, (size_t)i, error));
        CN_TRY(apply(function, &call, state, error));
        if (call.failed == CN_OK)
            CN_TRY(share(map, &call, state, error));
        CN_TRY(put_record(&call, function, &account, error));
    }
    return CN_OK;
}

static void rest(struct state *state) {
    cn_arena_reset(&state->task, KEPT_BYTES);
    cn_arena_reset(&state->call, KEPT_BYTES);
    if (state->result.cap > KEPT_BYTES)
        cn_buf_release(&state->result);
    if (state->scratch.cap > KEPT_BYTES)
        cn_buf_release(&state->scratch);
}

static enum cn_code run(struct cn_run *task, struct cn_error *error) {
    struct cn_call_plan plan;
    struct cn_call_args args;
    /* `local` is const for plans; this is the dictionary, which calls write to. */
    struct cn_shared_map *map = (struct cn_shared_map *)(uintptr_t)task->plan->local;
    struct cn_shared_map *own = NULL;

    memcpy(&args, task->args, sizeof args);
    if (task->plan->bytes.len != sizeof plan || task->n_inputs < 1)
        return cn_error_set(error, CN_INTERNAL, "a task of calls came without its plan");
    memcpy(&plan, task->plan->bytes.data, sizeof plan);
    if (!map)
        map = own = cn_shared_map_new();
    if (!map)
        return cn_error_memory(error);
    enum cn_code code = run_calls(task, &plan, args.calls, map, error);
    cn_shared_map_free(own);
    rest(task->state);
    return code;
}

const struct cn_kind cn_kind_call = {"call", run, state_new, state_free};

bool cn_call_next(struct cn_str *out, struct cn_call_record *record, struct cn_str *text) {
    if (out->len < sizeof *record)
        return false;
    memcpy(record, out->data, sizeof *record);
    if (record->code >= CN_CODE_COUNT || record->len > out->len - sizeof *record)
        return false;
    *text = cn_str(out->data + sizeof *record, record->len);
    *out = cn_str(text->data + record->len, out->len - sizeof *record - record->len);
    return true;
}

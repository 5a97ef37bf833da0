#include "pool/worker_core.h"

#include <signal.h>
#include <stdlib.h>

void cn_worker_reset_signals(void) {
    struct sigaction action = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &action, NULL);
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
    action.sa_handler = SIG_IGN;
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        sigaction(ignored[i], &action, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

enum cn_code cn_worker_core_init(struct cn_worker_core *core, const struct cn_registry *registry,
                                 uint64_t memory_bytes, struct cn_error *error) {
    *core = (struct cn_worker_core){
        .in = CN_WINDOW_NONE, .out = CN_WINDOW_NONE, .memory_bytes = memory_bytes};
    return cn_kinds_init(&core->kinds, registry, error);
}

void cn_worker_core_release(struct cn_worker_core *core) {
    cn_kinds_release(&core->kinds);
    cn_window_release(&core->in);
    cn_window_release(&core->out);
    free(core->inputs);
}

/* ---- one task ------------------------------------------------------------------------------ */

static bool grow_output(struct cn_buf *buf, size_t cap) {
    struct cn_window *out = buf->owner;
    if (!cn_window_map(out, cap))
        return false;
    buf->data = out->base;
    buf->cap = cn_window_room(out);
    return true;
}

static void drop_output(struct cn_buf *buf) {
    (void)buf; /* the window stays */
}

static enum cn_code no_request(struct cn_error *error) {
    return cn_error_set(error, CN_INTERNAL, "A worker process was sent no sound request");
}

/* Makes the views of the inputs. */
static enum cn_code open_inputs(struct cn_worker_core *core,
                                const struct cn_worker_request *request, struct cn_error *error) {
    if (!cn_window_map(&core->in, (size_t)request->size))
        return cn_error_memory(error);
    if (!cn_request_check(request, core->in.mapped))
        return no_request(error);
    if (request->n_inputs > core->cap_inputs) {
        size_t cap = (size_t)request->n_inputs;
        struct cn_str *inputs = reallocarray(core->inputs, cap, sizeof(*inputs));
        if (!inputs)
            return cn_error_memory(error);
        core->inputs = inputs;
        core->cap_inputs = cap;
    }
    for (size_t i = 0; i < request->n_inputs; i++)
        if (!cn_request_input(request, core->in.base, i, &core->inputs[i]))
            return no_request(error);
    return CN_OK;
}

static int64_t deadline_of(const struct cn_worker_request *request, int64_t received_ns) {
    int64_t deadline_ns;
    if (request->left_ns <= 0 ||
        __builtin_add_overflow(received_ns, request->left_ns, &deadline_ns))
        return 0;
    return deadline_ns;
}

/* Where its own limit is what memory ends at, to try again later is no help. */
static enum cn_code too_little_memory(const struct cn_worker_core *core, struct cn_error *error) {
    cn_error_init(error);
    cn_error_set_limit(error, "--worker-memory-bytes");
    return cn_error_set(error, CN_LIMIT_EXCEEDED,
                        "The work needs more than the %llu bytes of memory that a worker process "
                        "may have (--worker-memory-bytes)",
                        (unsigned long long)core->memory_bytes);
}

/* What the code means that a kind ended with. */
static enum cn_code explain(const struct cn_worker_core *core, enum cn_code code,
                            int64_t deadline_ns, struct cn_error *error) {
    if (code == CN_OVERLOADED && core->memory_bytes != 0)
        return too_little_memory(core, error);
    if (code != CN_CANCELLED || deadline_ns == 0 || cn_clock_now() < deadline_ns)
        return code;
    cn_error_init(error);
    return cn_error_set(error, CN_DEADLINE_EXCEEDED, "%s", cn_code_title(CN_DEADLINE_EXCEEDED));
}

static enum cn_code compute(struct cn_worker_core *core, const struct cn_worker_request *request,
                            int64_t started_ns, int64_t deadline_ns,
                            struct cn_worker_answer *answer) {
    CN_TRY(open_inputs(core, request, &answer->error));
    struct cn_buf out = {.data = core->out.base,
                         .cap = cn_window_room(&core->out),
                         .grow = grow_output,
                         .drop = drop_output,
                         .owner = &core->out};
    struct cn_plan_ref plan = {
        .id = request->plan_id,
        .bytes = cn_str(core->in.base + request->plan.offset, (size_t)request->plan.len)};
    const struct cn_window_head *head = (const void *)core->in.base;
    struct cn_run run = {.plan = &plan,
                         .args = request->args,
                         .inputs = core->inputs,
                         .n_inputs = (size_t)request->n_inputs,
                         .out = &out,
                         .result = answer->result,
                         .spans = &answer->spans,
                         .deadline_ns = deadline_ns,
                         .stop = &head->stop,
                         .started_ns = started_ns};
    enum cn_code code = cn_kinds_run(&core->kinds, request->kind, &run, &answer->error);
    answer->out_len = code == CN_OK ? out.len : 0;
    return code;
}

static void begin_answer(const struct cn_worker_request *request, struct cn_worker_answer *answer) {
    memset(answer, 0, sizeof(*answer));
    cn_error_init(&answer->error);
    answer->number = request->number;
}

void cn_worker_core_run(struct cn_worker_core *core, const struct cn_worker_request *request,
                        int64_t received_ns, struct cn_worker_answer *answer) {
    int64_t deadline_ns = deadline_of(request, received_ns);
    int64_t started_ns = cn_clock_now();
    int64_t cpu_ns = cn_clock_thread_cpu();
    begin_answer(request, answer);
    enum cn_code code = compute(core, request, started_ns, deadline_ns, answer);
    answer->code = (int32_t)explain(core, code, deadline_ns, &answer->error);
    answer->cpu_ns = cn_clock_thread_cpu() - cpu_ns;
}

void cn_worker_core_refuse(const struct cn_worker_core *core,
                           const struct cn_worker_request *request,
                           struct cn_worker_answer *answer) {
    begin_answer(request, answer);
    enum cn_code code = cn_error_memory(&answer->error);
    answer->code = (int32_t)explain(core, code, 0, &answer->error);
}

/*
 * A worker process: it takes one request after another from its socket, computes, and answers.
 *
 * It trusts the server, and the server does not trust it. It maps its inputs read-only, writes its
 * output straight into the other window, and ends when its socket closes.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pool/kinds.h"
#include "pool/protocol.h"
#include "pool/sandbox.h"
#include "pool/window.h"

struct worker {
    int socket;
    uint64_t memory_bytes; /* that it may have; 0: no limit */
    struct cn_window in;
    struct cn_window out;
    struct cn_kinds kinds;
    struct cn_str *inputs; /* room for the largest number so far */
    size_t cap_inputs;
};

/* ---- what a worker gives up before its first task -------------------------------------------- */

/* Standard input and output lead to /dev/null already; standard error stays, for the sanitizers'
 * and the C library's last words. The three descriptors become 3, 4 and 5. */
static void keep_only(int fds[3]) {
    int high[3];
    for (int i = 0; i < 3; i++)
        high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 10);
    for (int i = 0; i < 3; i++) {
        if (high[i] < 0 || dup3(high[i], 3 + i, O_CLOEXEC) < 0)
            _exit(1);
        fds[i] = 3 + i;
    }
    cn_close_from(6);
}

static void reset_signals(void) {
    struct sigaction action = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &action, NULL);
    /* Meant for the server, which ends the workers by closing their sockets. */
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
    action.sa_handler = SIG_IGN;
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        sigaction(ignored[i], &action, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
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
static enum cn_code open_inputs(struct worker *worker, const struct cn_worker_request *request,
                                struct cn_error *error) {
    if (!cn_window_map(&worker->in, (size_t)request->size))
        return cn_error_memory(error);
    if (!cn_request_check(request, worker->in.mapped))
        return no_request(error);
    if (request->n_inputs > worker->cap_inputs) {
        size_t cap = (size_t)request->n_inputs;
        struct cn_str *inputs = reallocarray(worker->inputs, cap, sizeof(*inputs));
        if (!inputs)
            return cn_error_memory(error);
        worker->inputs = inputs;
        worker->cap_inputs = cap;
    }
    for (size_t i = 0; i < request->n_inputs; i++)
        if (!cn_request_input(request, worker->in.base, i, &worker->inputs[i]))
            return no_request(error);
    return CN_OK;
}

/* Where its own limit is what memory ends at, to try again later is no help. */
static enum cn_code too_little_memory(const struct worker *worker, struct cn_error *error) {
    cn_error_init(error);
    cn_error_set_limit(error, "--worker-memory-bytes");
    return cn_error_set(error, CN_LIMIT_EXCEEDED,
                        "The work needs more than the %llu bytes of memory that a worker process "
                        "may have (--worker-memory-bytes)",
                        (unsigned long long)worker->memory_bytes);
}

static void compute(struct worker *worker, const struct cn_worker_request *request,
                    int64_t started_ns, struct cn_worker_answer *answer) {
    enum cn_code code = open_inputs(worker, request, &answer->error);
    if (code == CN_OK) {
        struct cn_buf out = {.data = worker->out.base,
                             .cap = cn_window_room(&worker->out),
                             .grow = grow_output,
                             .drop = drop_output,
                             .owner = &worker->out};
        struct cn_plan_ref plan = {
            .id = request->plan_id,
            .bytes = cn_str(worker->in.base + request->plan.offset, (size_t)request->plan.len)};
        const struct cn_window_head *head = (const void *)worker->in.base;
        struct cn_run run = {.plan = &plan,
                             .args = request->args,
                             .inputs = worker->inputs,
                             .n_inputs = (size_t)request->n_inputs,
                             .out = &out,
                             .result = answer->result,
                             .spans = &answer->spans,
                             .stop = &head->stop,
                             .started_ns = started_ns};
        code = cn_kinds_run(&worker->kinds, request->kind, &run, &answer->error);
        answer->out_len = code == CN_OK ? out.len : 0;
    }
    if (code == CN_OVERLOADED && worker->memory_bytes != 0)
        code = too_little_memory(worker, &answer->error);
    answer->code = (int32_t)code;
}

static bool serve_one(struct worker *worker) {
    struct cn_worker_request request;
    ssize_t got;
    do
        got = recv(worker->socket, &request, sizeof(request), 0);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof(request))
        return false;
    int64_t started_ns = cn_clock_now();
    struct cn_worker_answer answer;
    memset(&answer, 0, sizeof(answer));
    cn_error_init(&answer.error);
    answer.number = request.number;
    int64_t cpu_ns = cn_clock_thread_cpu();
    compute(worker, &request, started_ns, &answer);
    answer.cpu_ns = cn_clock_thread_cpu() - cpu_ns;
    return send(worker->socket, &answer, sizeof(answer), MSG_NOSIGNAL) == (ssize_t)sizeof(answer);
}

_Noreturn void cn_worker_main(int fds[3], const struct cn_worker_legacy *legacy) {
    struct worker worker = {0};
    reset_signals();
    keep_only(fds);
    prctl(PR_SET_NAME, "colonnade-work");
    worker.socket = fds[0];
    worker.memory_bytes = legacy->confinement.memory_bytes;
    worker.out.most = (size_t)legacy->confinement.output_bytes;
    cn_window_adopt(&worker.in, fds[1], false);
    cn_window_adopt(&worker.out, fds[2], true);
    struct cn_worker_answer greeting;
    memset(&greeting, 0, sizeof(greeting));
    if (!cn_window_map(&worker.in, 1) || !cn_window_map(&worker.out, 1) ||
        cn_kinds_init(&worker.kinds, legacy->registry, NULL) != CN_OK ||
        !cn_sandbox_worker(&legacy->confinement, &legacy->isolation) ||
        send(worker.socket, &greeting, sizeof(greeting), MSG_NOSIGNAL) < 0)
        _exit(1);
    while (serve_one(&worker))
        continue;
    _exit(0);
}

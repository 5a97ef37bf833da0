#include "pool/proxy.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define GREETING_NS (10000 * CN_NS_PER_MS)
/* A worker that was told to stop is killed after it, so that the reply is there within 250 ms. */
#define STOP_GRACE_NS (200 * CN_NS_PER_MS)
#define KEEP_BUSY ((size_t)16 << 20)  /* memory that a window keeps between tasks */
#define KEEP_IDLE ((size_t)256 << 10) /* and when nothing came for a while */
#define IDLE_NS (1000 * CN_NS_PER_MS)

/* ---- waiting ------------------------------------------------------------------------------- */

enum seen { SEEN_NOTHING = 0, SEEN_WAKE = 1, SEEN_SOCKET = 2 };

/* Waits for the process or for cn_proxy_wake(), until `until_ns` (0: no limit). */
static unsigned watch(struct cn_proxy *proxy, int64_t until_ns) {
    struct pollfd fds[2] = {{.fd = proxy->event, .events = POLLIN},
                            {.fd = proxy->socket, .events = POLLIN}};
    struct timespec timeout;
    struct timespec *limit = NULL;
    if (until_ns != 0) {
        int64_t left = until_ns - cn_clock_now();
        left = left > 0 ? left : 0;
        timeout = cn_clock_timespec(left);
        limit = &timeout;
    }
    unsigned seen = SEEN_NOTHING;
    if (ppoll(fds, 2, limit, NULL) <= 0)
        return seen;
    if (fds[0].revents != 0) {
        uint64_t count;
        if (read(proxy->event, &count, sizeof(count)) > 0)
            seen |= SEEN_WAKE;
    }
    if (fds[1].revents != 0)
        seen |= SEEN_SOCKET;
    return seen;
}

void cn_proxy_wake(struct cn_proxy *proxy) {
    uint64_t one = 1;
    ssize_t ignored = write(proxy->event, &one, sizeof(one)); /* full: it is awake anyway */
    (void)ignored;
}

void cn_proxy_wait(struct cn_proxy *proxy, int64_t until_ns) {
    int64_t trim_ns = 0;
    if (proxy->process.pid != 0 && !proxy->trimmed) {
        trim_ns = cn_clock_now() + IDLE_NS;
        if (until_ns == 0 || trim_ns < until_ns)
            until_ns = trim_ns;
    }
    unsigned seen = watch(proxy, until_ns);
    if (seen & SEEN_SOCKET)
        proxy->suspect = true;
    if (seen == SEEN_NOTHING && trim_ns != 0 && cn_clock_now() >= trim_ns) {
        cn_window_trim(&proxy->in, KEEP_IDLE);
        cn_window_trim(&proxy->out, KEEP_IDLE);
        proxy->trimmed = true;
    }
}

/* ---- the process --------------------------------------------------------------------------- */

enum cn_code cn_proxy_init(struct cn_proxy *proxy, struct cn_slot *slot,
                           struct cn_forkserver *server, struct cn_error *error) {
    *proxy = (struct cn_proxy){
        .slot = slot, .server = server, .socket = -1, .in = CN_WINDOW_NONE, .out = CN_WINDOW_NONE};
    proxy->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (proxy->event < 0)
        return cn_error_set(error, CN_OVERLOADED, "No descriptor for a worker: %s",
                            strerrordesc_np(errno));
    proxy->answer = calloc(1, sizeof(*proxy->answer));
    if (!proxy->answer) {
        close(proxy->event);
        return cn_error_memory(error);
    }
    return CN_OK;
}

void cn_proxy_release(struct cn_proxy *proxy) {
    proxy->stopping = true;
    cn_proxy_discard(proxy, NULL, 0);
    close(proxy->event);
    free(proxy->answer);
}

static void describe(int status, char *how, size_t size) {
    if (WIFSIGNALED(status)) {
        const char *name = sigabbrev_np(WTERMSIG(status));
        if (name)
            snprintf(how, size, "killed by SIG%s", name);
        else
            snprintf(how, size, "killed by signal %d", WTERMSIG(status));
    } else {
        snprintf(how, size, "ended with exit status %d", WEXITSTATUS(status));
    }
}

static enum cn_death death_of(int status) {
    if (!WIFSIGNALED(status))
        return CN_DEATH_EXIT;
    switch (WTERMSIG(status)) {
    case SIGSEGV:
        return CN_DEATH_SEGV;
    case SIGBUS:
        return CN_DEATH_BUS;
    case SIGABRT:
        return CN_DEATH_ABRT;
    case SIGILL:
        return CN_DEATH_ILL;
    case SIGFPE:
        return CN_DEATH_FPE;
    case SIGSYS:
        return CN_DEATH_SYS;
    case SIGKILL:
        return CN_DEATH_KILL;
    case SIGTERM:
        return CN_DEATH_TERM;
    default:
        return CN_DEATH_OTHER_SIGNAL;
    }
}

static void close_all(struct cn_proxy *proxy) {
    if (proxy->socket >= 0)
        close(proxy->socket);
    proxy->socket = -1;
    cn_window_release(&proxy->in);
    cn_window_release(&proxy->out);
}

void cn_proxy_discard(struct cn_proxy *proxy, char *how, size_t size) {
    if (proxy->process.pid != 0) {
        int status = 0;
        bool known = cn_forkserver_reap(proxy->server, &proxy->process, &status);
        proxy->orphaned = !known;
        if (how && known)
            describe(status, how, size);
        else if (how)
            snprintf(how, size, "gone together with the fork server");
        if (!proxy->stopping)
            cn_queue_count_death(proxy->slot, known ? death_of(status) : CN_DEATH_UNKNOWN);
        proxy->process.pid = 0;
        proxy->replaced = true;
        cn_queue_set_pid(proxy->slot, 0, false);
    }
    close_all(proxy);
    proxy->suspect = false;
}

/* Waits for the first message of a new process. */
static bool greeted(struct cn_proxy *proxy) {
    int64_t until_ns = cn_clock_now() + GREETING_NS;
    unsigned seen;
    do
        seen = watch(proxy, until_ns);
    while (!(seen & SEEN_SOCKET) && cn_clock_now() < until_ns);
    if (!(seen & SEEN_SOCKET))
        return false;
    ssize_t got = recv(proxy->socket, proxy->answer, sizeof(*proxy->answer), MSG_DONTWAIT);
    return got == (ssize_t)sizeof(*proxy->answer) && proxy->answer->number == 0;
}

enum cn_code cn_proxy_start(struct cn_proxy *proxy, struct cn_error *error) {
    int sockets[2];
    enum cn_code code = cn_window_init(&proxy->in, true, error);
    if (code == CN_OK)
        code = cn_window_init(&proxy->out, false, error);
    proxy->out.most = (size_t)cn_forkserver_confinement(proxy->server)->output_bytes;
    if (code != CN_OK) {
        close_all(proxy);
        return code;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) {
        int failed = errno;
        close_all(proxy);
        return cn_error_set(error, CN_OVERLOADED, "No socket for a worker: %s",
                            strerrordesc_np(failed));
    }
    proxy->socket = sockets[0];
    int fds[3] = {sockets[1], proxy->in.fd, proxy->out.fd};
    code = cn_forkserver_spawn(proxy->server, fds, &proxy->process, error);
    close(sockets[1]);
    if (code != CN_OK) {
        close_all(proxy);
        return code;
    }
    proxy->suspect = false;
    proxy->served = false;
    proxy->trimmed = true;
    proxy->number = 0;
    if (!greeted(proxy)) {
        char how[64];
        cn_proxy_discard(proxy, how, sizeof(how));
        return cn_error_set(error, CN_WORKER_LOST, "A worker process failed at its start (%s)",
                            how);
    }
    cn_forkserver_prove(proxy->server, &proxy->process);
    proxy->born_ns = cn_clock_now();
    cn_queue_set_pid(proxy->slot, proxy->process.pid, proxy->replaced);
    return CN_OK;
}

/* ---- one task ------------------------------------------------------------------------------ */

/* Copies the task into the window; false: no memory. */
static bool fill(struct cn_proxy *proxy, const struct cn_task *task,
                 struct cn_worker_request *request) {
    if (!cn_request_lay_out(request, task, ++proxy->number) ||
        !cn_window_map(&proxy->in, (size_t)request->size))
        return false;
    cn_request_fill(request, task, proxy->in.base);
    return true;
}

/* Waits until the worker has something to say; tells it to stop when its group is to. */
static enum cn_proxy_outcome await(struct cn_proxy *proxy, const struct cn_task *task) {
    struct cn_window_head *head = (void *)proxy->in.base;
    int64_t kill_ns = 0;
    for (;;) {
        if (kill_ns == 0 && atomic_load(&task->group->stop) != 0) {
            atomic_store(&head->stop, 1);
            kill_ns = cn_clock_now() + STOP_GRACE_NS;
        }
        if (watch(proxy, kill_ns) & SEEN_SOCKET)
            return CN_PROXY_ANSWERED;
        if (kill_ns != 0 && cn_clock_now() >= kill_ns)
            return CN_PROXY_STOPPED;
    }
}

enum cn_proxy_outcome cn_proxy_try(struct cn_proxy *proxy, struct cn_task *task,
                                   enum cn_code *code) {
    struct cn_worker_request request;
    int64_t began = cn_clock_now();
    task->pid = proxy->process.pid;
    if (!fill(proxy, task, &request)) {
        *code = cn_error_memory(&task->error);
        return CN_PROXY_ANSWERED;
    }
    proxy->served = true;
    proxy->trimmed = false;
    proxy->failures = 0;
    if (send(proxy->socket, &request, sizeof(request), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return CN_PROXY_LOST;
    enum cn_proxy_outcome outcome = await(proxy, task);
    if (outcome != CN_PROXY_ANSWERED)
        return outcome;
    ssize_t got = recv(proxy->socket, proxy->answer, sizeof(*proxy->answer), MSG_DONTWAIT);
    struct cn_str out;
    if (got < 0 || !cn_answer_check(proxy->answer, (size_t)got, proxy->number) ||
        !cn_answer_output(proxy->answer, &proxy->out, &out))
        return CN_PROXY_LOST;
    *code = cn_answer_take(proxy->answer, out, cn_clock_now() - began, task);
    cn_window_trim(&proxy->in, KEEP_BUSY);
    cn_window_trim(&proxy->out, KEEP_BUSY);
    return CN_PROXY_ANSWERED;
}

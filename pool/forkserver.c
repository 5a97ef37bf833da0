/*
 * The fork server: a process with one thread that forks the workers and waits for them.
 *
 * It exists because a process with threads cannot fork safely. It is forked before the first
 * thread, keeps nothing but its control socket, and ends when that closes; the workers end with it
 * (each asks for SIGKILL when its parent dies).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pool/executor.h"
#include "pool/protocol.h"

#define ANSWER_SECONDS 10 /* a fork server that is silent for so long counts as gone */
#define STOP_MS 2000
#define MOST_DESCRIPTORS 65536
#define N_PASSED 3

struct cn_forkserver {
    pid_t pid;
    int socket;
    pthread_mutex_t lock;
    uint64_t number;
    bool gone;
};

union control {
    char bytes[CMSG_SPACE(N_PASSED * sizeof(int))];
    struct cmsghdr align;
};

/* ---- the process -------------------------------------------------------------------------- */

/* Signals that a terminal or an operator sends to the whole group are the server's to answer; it
 * then closes the sockets. */
static void ignore_group_signals(void) {
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        signal(signals[i], SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

void cn_close_from(int first) {
    if (close_range((unsigned)first, ~0U, 0) == 0)
        return;
    /* an old kernel, or a sandbox that does not know the call */
    long most = sysconf(_SC_OPEN_MAX);
    if (most < 0 || most > MOST_DESCRIPTORS)
        most = MOST_DESCRIPTORS;
    for (int fd = first; fd < (int)most; fd++)
        close(fd);
}

/* Keeps standard error and the control socket, which becomes descriptor 3. */
static void keep_only(int socket) {
    int high = fcntl(socket, F_DUPFD_CLOEXEC, 10); /* out of the way, should 0 to 2 be closed */
    int null = open("/dev/null", O_RDWR);
    if (null >= 0) {
        dup2(null, 0);
        dup2(null, 1);
    }
    if (high < 0 || dup3(high, 3, O_CLOEXEC) < 0)
        _exit(1);
    cn_close_from(4);
}

static void take_descriptors(struct msghdr *message, int fds[N_PASSED]) {
    for (int i = 0; i < N_PASSED; i++)
        fds[i] = -1;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part))
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS &&
            part->cmsg_len == CMSG_LEN(N_PASSED * sizeof(int)))
            memcpy(fds, CMSG_DATA(part), N_PASSED * sizeof(int));
}

static void spawn(const int fds[N_PASSED], const struct cn_registry *registry,
                  struct cn_fork_answer *answer) {
    if (fds[0] < 0 || fds[1] < 0 || fds[2] < 0) {
        answer->error = EBADF;
        return;
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(0);
        cn_worker_main(fds[0], fds[1], fds[2], registry);
    }
    answer->pid = pid;
    answer->error = pid < 0 ? errno : 0;
}

static void reap(const struct cn_fork_request *request, struct cn_fork_answer *answer) {
    siginfo_t info;
    /* Until it is waited for, a pid is our child's and no one else's. */
    if (request->pid <= 0 ||
        waitid(P_PID, (id_t)request->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
        answer->error = ECHILD;
        return;
    }
    kill(request->pid, SIGKILL);
    int status = 0;
    pid_t pid;
    do
        pid = waitpid(request->pid, &status, 0);
    while (pid < 0 && errno == EINTR);
    answer->pid = pid;
    answer->error = pid < 0 ? errno : 0;
    answer->status = status;
}

/* One request; false: the server is gone. */
static bool serve_one(int socket, const struct cn_registry *registry) {
    struct cn_fork_request request = {0};
    struct iovec part = {&request, sizeof(request)};
    union control control = {{0}};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t got;
    do
        got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof(request))
        return false;
    int fds[N_PASSED];
    take_descriptors(&message, fds);
    struct cn_fork_answer answer = {.number = request.number};
    if (request.op == CN_FORK_SPAWN)
        spawn(fds, registry, &answer);
    else if (request.op == CN_FORK_REAP)
        reap(&request, &answer);
    else
        answer.error = EINVAL;
    for (int i = 0; i < N_PASSED; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return send(socket, &answer, sizeof(answer), MSG_NOSIGNAL) == (ssize_t)sizeof(answer);
}

_Noreturn static void forkserver_main(int socket, const struct cn_registry *registry) {
    ignore_group_signals();
    keep_only(socket);
    prctl(PR_SET_NAME, "colonnade-fork");
    while (serve_one(3, registry))
        continue;
    _exit(0);
}

/* ---- the server's side -------------------------------------------------------------------- */

enum cn_code cn_forkserver_start(struct cn_forkserver **out, const struct cn_registry *registry,
                                 struct cn_error *error) {
    int sockets[2];
    *out = NULL;
    struct cn_forkserver *server = calloc(1, sizeof(*server));
    if (!server)
        return cn_error_memory(error);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) {
        int failed = errno;
        free(server);
        return cn_error_set(error, CN_INTERNAL, "The fork server has no socket: %s",
                            strerrordesc_np(failed));
    }
    struct timeval limit = {.tv_sec = ANSWER_SECONDS};
    setsockopt(sockets[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    pid_t pid = fork();
    if (pid == 0)
        forkserver_main(sockets[1], registry);
    int failed = errno;
    close(sockets[1]);
    if (pid < 0) {
        close(sockets[0]);
        free(server);
        return cn_error_set(error, CN_INTERNAL, "The fork server could not be started: %s",
                            strerrordesc_np(failed));
    }
    server->pid = pid;
    server->socket = sockets[0];
    pthread_mutex_init(&server->lock, NULL);
    *out = server;
    return CN_OK;
}

pid_t cn_forkserver_pid(const struct cn_forkserver *server) {
    return server->pid;
}

void cn_forkserver_stop(struct cn_forkserver *server) {
    if (!server)
        return;
    close(server->socket);
    for (int waited = 0; waitpid(server->pid, NULL, WNOHANG) == 0; waited++) {
        if (waited == STOP_MS) {
            kill(server->pid, SIGKILL);
            waitpid(server->pid, NULL, 0);
            break;
        }
        poll(NULL, 0, 1);
    }
    pthread_mutex_destroy(&server->lock);
    free(server);
}

/* One request and its answer; false: the fork server is gone, for good. */
static bool ask(struct cn_forkserver *server, struct cn_fork_request *request, const int *fds,
                struct cn_fork_answer *answer) {
    union control control = {{0}};
    struct iovec part = {request, sizeof(*request)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fds) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(N_PASSED * sizeof(int));
        memcpy(CMSG_DATA(head), fds, N_PASSED * sizeof(int));
    }
    pthread_mutex_lock(&server->lock);
    request->number = ++server->number;
    if (!server->gone) {
        ssize_t size;
        do
            size = sendmsg(server->socket, &message, MSG_NOSIGNAL);
        while (size < 0 && errno == EINTR);
        if (size == (ssize_t)sizeof(*request)) {
            do
                size = recv(server->socket, answer, sizeof(*answer), 0);
            while (size < 0 && errno == EINTR);
        }
        server->gone = size != (ssize_t)sizeof(*answer) || answer->number != request->number;
    }
    bool gone = server->gone;
    pthread_mutex_unlock(&server->lock);
    return !gone;
}

enum cn_code cn_forkserver_spawn(struct cn_forkserver *server, int socket, int in, int out,
                                 pid_t *pid, struct cn_error *error) {
    struct cn_fork_request request = {.op = CN_FORK_SPAWN};
    struct cn_fork_answer answer = {0};
    int fds[N_PASSED] = {socket, in, out};
    *pid = 0;
    if (!ask(server, &request, fds, &answer))
        return cn_error_set(error, CN_WORKER_LOST, "The fork server is gone");
    if (answer.error != 0 || answer.pid <= 0)
        return cn_error_set(error, CN_WORKER_LOST, "A worker process could not be started: %s",
                            strerrordesc_np(answer.error));
    *pid = answer.pid;
    return CN_OK;
}

bool cn_forkserver_reap(struct cn_forkserver *server, pid_t pid, int *status) {
    struct cn_fork_request request = {.op = CN_FORK_REAP, .pid = pid};
    struct cn_fork_answer answer = {0};
    *status = 0;
    if (!ask(server, &request, NULL, &answer) || answer.error != 0)
        return false;
    *status = answer.status;
    return true;
}

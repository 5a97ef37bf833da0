/*
 * The fork server's process: it has one thread, forks the workers, and waits for them.
 *
 * It ends when the server's end of its socket closes; the workers end with it (each asks for
 * SIGKILL when its parent dies).
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pool/protocol.h"
#include "pool/sandbox.h"

#define MOST_DESCRIPTORS 65536
#define MOST_CONTEXT ((uint64_t)64 << 20)
#define N_PASSED 3

struct process {
    int socket;
    struct cn_registry registry;
    struct cn_worker_legacy legacy;
    void *context; /* as it was sent, in pages of its own */
    size_t context_size;
};

/* ---- what it keeps -------------------------------------------------------------------------- */

/* Signals that a terminal or an operator sends to the whole group are the server's to answer; it
 * then closes the sockets. Until here they were blocked. */
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

/* Keeps standard error and the socket. */
static void keep_only(void) {
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, 0);
        dup2(null, 1);
    }
    fcntl(CN_FORKSERVER_SOCKET, F_SETFD, FD_CLOEXEC);
    cn_close_from(CN_FORKSERVER_SOCKET + 1);
    if (chdir("/") != 0) /* not to hold on to a mounted file system */
        return;
}

/* ---- the beginning -------------------------------------------------------------------------- */

/* Whole messages only; -1: it failed, or the server is gone. */
static ssize_t receive(int socket, void *out, size_t size) {
    ssize_t got;
    do
        got = recv(socket, out, size, MSG_TRUNC);
    while (got < 0 && errno == EINTR);
    return got > 0 && (size_t)got <= size ? got : -1;
}

/* Takes the context's bytes straight from the socket into the pages where they stay. */
static bool take_context(struct process *process, uint64_t size) {
    if (size == 0)
        return true;
    if (size > MOST_CONTEXT)
        return false;
    char *pages =
        mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return false;
    (void)mlock(pages, (size_t)size);
    (void)madvise(pages, (size_t)size, MADV_DONTDUMP);
    for (size_t have = 0; have < size;) {
        size_t left = (size_t)size - have;
        ssize_t got =
            receive(process->socket, pages + have, left < CN_FORK_PIECE ? left : CN_FORK_PIECE);
        if (got <= 0)
            return false;
        have += (size_t)got;
    }
    process->context = pages;
    process->context_size = (size_t)size;
    return true;
}

static enum cn_code set_up(struct process *process, const struct cn_forkserver_program *program,
                           struct cn_error *error) {
    struct cn_fork_setup setup;
    if (receive(process->socket, &setup, sizeof(setup)) != (ssize_t)sizeof(setup) ||
        setup.size != sizeof(setup) || setup.request_size != sizeof(struct cn_worker_request) ||
        setup.answer_size != sizeof(struct cn_worker_answer))
        return cn_error_set(error, CN_INTERNAL, "The fork server is not of the same program");
    if (!take_context(process, setup.context_size))
        return cn_error_set(error, CN_INTERNAL, "The fork server did not get its keys");
    process->registry = (struct cn_registry){.kinds = program->kinds, .n_kinds = program->n_kinds};
    process->legacy.registry = &process->registry;
    process->legacy.confinement = setup.confinement;
    struct cn_str bytes = cn_str(process->context, process->context_size);
    if (program->open_context)
        CN_TRY(program->open_context(bytes, &process->registry.context, error));
    if (program->prepare)
        CN_TRY(program->prepare(error));
    return cn_sandbox_forkserver(&setup.confinement, &process->legacy.isolation, error);
}

/* ---- requests ------------------------------------------------------------------------------- */

union control {
    char bytes[CMSG_SPACE(N_PASSED * sizeof(int))];
    struct cmsghdr align;
};

static void take_descriptors(struct msghdr *message, int fds[N_PASSED]) {
    for (int i = 0; i < N_PASSED; i++)
        fds[i] = -1;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part))
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS &&
            part->cmsg_len == CMSG_LEN(N_PASSED * sizeof(int)))
            memcpy(fds, CMSG_DATA(part), N_PASSED * sizeof(int));
}

static void spawn(const struct process *process, int fds[N_PASSED], struct cn_fork_answer *answer) {
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
        cn_worker_main(fds, &process->legacy);
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
static bool serve_one(const struct process *process) {
    struct cn_fork_request request = {0};
    struct iovec part = {&request, sizeof(request)};
    union control control = {{0}};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t got;
    do
        got = recvmsg(process->socket, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof(request))
        return false;
    int fds[N_PASSED];
    take_descriptors(&message, fds);
    struct cn_fork_answer answer = {.number = request.number};
    if (request.op == CN_FORK_SPAWN)
        spawn(process, fds, &answer);
    else if (request.op == CN_FORK_REAP)
        reap(&request, &answer);
    else
        answer.error = EINVAL;
    for (int i = 0; i < N_PASSED; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return send(process->socket, &answer, sizeof(answer), MSG_NOSIGNAL) == (ssize_t)sizeof(answer);
}

/* ---- the program ---------------------------------------------------------------------------- */

bool cn_forkserver_wanted(int argc, char **argv) {
    return argc == 2 && strcmp(argv[1], CN_FORKSERVER_ARGUMENT) == 0;
}

static bool has_socket(void) {
    int type = 0;
    socklen_t size = sizeof(type);
    return getsockopt(CN_FORKSERVER_SOCKET, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
           type == SOCK_SEQPACKET;
}

_Noreturn void cn_forkserver_enter(const struct cn_forkserver_program *program) {
    struct process process = {.socket = CN_FORKSERVER_SOCKET};
    struct cn_fork_ready ready;
    if (!has_socket()) {
        fprintf(stderr, "colonnade: %s is for the server itself\n", CN_FORKSERVER_ARGUMENT);
        _exit(2);
    }
    prctl(PR_SET_NAME, "colonnade-fork");
    prctl(PR_SET_DUMPABLE, 0); /* before there are keys */
    ignore_group_signals();
    keep_only();
    memset(&ready, 0, sizeof(ready));
    cn_error_init(&ready.error);
    ready.code = (int32_t)set_up(&process, program, &ready.error);
    ready.isolation = process.legacy.isolation;
    bool serves =
        send(process.socket, &ready, sizeof(ready), MSG_NOSIGNAL) == (ssize_t)sizeof(ready) &&
        ready.code == CN_OK;
    while (serves && serve_one(&process))
        continue;
    if (process.context)
        OPENSSL_cleanse(process.context, process.context_size);
    _exit(serves ? 0 : 1);
}

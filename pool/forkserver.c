/*
 * The server's side of the fork server: starting it, asking it, and starting another one when it is
 * gone.
 *
 * Nobody watches it: whose worker died with it asks for another one, and that finds it gone. All is
 * done under one lock, so that many that ask at once start one.
 */
#include "pool/forkserver.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pool/protocol.h"

#define ANSWER_SECONDS 5 /* a fork server that is silent for so long counts as gone */
#define STOP_MS 2000
#define BACK_OFF_NS INT64_C(50000000)
#define FREE_FAILURES 2
#define BACK_OFF_MOST_NS INT64_C(5000000000)
#define N_PASSED 3
#define MOST_VARIABLES 32

struct cn_forkserver {
    struct cn_forkserver_settings settings;
    char *path;   /* of this program, as far as can be known without /proc; may be NULL */
    bool by_path; /* /proc has another one: what runs this one (valgrind, an emulator) */
    pthread_mutex_t lock;
    /* the rest is guarded by it */
    pid_t pid;  /* 0: none */
    int socket; /* -1: none */
    uint64_t number;
    uint64_t born; /* how many were started: which one this is */
    bool proven;   /* a worker of it was ready to serve: it did not die of its start */
    int failures;  /* those that did, in a row */
    int64_t retry_ns;
    /* what others may see of it, without waiting for the first lock */
    pthread_mutex_t state_lock;
    struct cn_forkserver_state state;
};

union control {
    char bytes[CMSG_SPACE(N_PASSED * sizeof(int))];
    struct cmsghdr align;
};

/* ---- a process ------------------------------------------------------------------------------ */

/* Of the server's environment only what says how a program is loaded and which kernels it uses:
 * variables often hold secrets. */
static size_t choose_variables(char **out, size_t max) {
    static const char *const kept[] = {
        "COLONNADE_CPU=", "GLIBC_TUNABLES=", "MALLOC_",       "LD_",     "ASAN_OPTIONS=",
        "UBSAN_OPTIONS=", "TSAN_OPTIONS=",   "LSAN_OPTIONS=", "OPENSSL_"};
    size_t n = 0;
    for (char **variable = environ; variable && *variable; variable++)
        for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
            if (strncmp(*variable, kept[i], strlen(kept[i])) == 0 && n + 1 < max)
                out[n++] = *variable;
    out[n] = NULL;
    return n;
}

/* The program to start is this one. Its file may have been replaced or unlinked meanwhile: /proc
 * has the one that runs. The path is for where that is not mounted. */
static int launch(const struct cn_forkserver *server, pid_t *pid,
                  const posix_spawn_file_actions_t *files, const posix_spawnattr_t *attributes) {
    char name[] = "colonnade";
    char argument[] = CN_FORKSERVER_ARGUMENT;
    char *arguments[] = {name, argument, NULL};
    char *variables[MOST_VARIABLES];
    (void)choose_variables(variables, MOST_VARIABLES);
    int failed = ENOENT;
    if (!server->by_path)
        failed = posix_spawn(pid, "/proc/self/exe", files, attributes, arguments, variables);
    if (failed == ENOENT && server->path)
        failed = posix_spawn(pid, server->path, files, attributes, arguments, variables);
    return failed;
}

/* Starts the process with the socket as its descriptor 3, and all signals blocked until it has
 * decided which to ignore. Returns an errno. */
static int spawn_process(struct cn_forkserver *server, int socket, pid_t *pid) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t all;
    sigfillset(&all);
    int failed = posix_spawn_file_actions_init(&files);
    if (failed != 0)
        return failed;
    failed = posix_spawnattr_init(&attributes);
    if (failed == 0) {
        failed = posix_spawn_file_actions_adddup2(&files, socket, CN_FORKSERVER_SOCKET);
        if (failed == 0)
            failed = posix_spawn_file_actions_addclosefrom_np(&files, CN_FORKSERVER_SOCKET + 1);
        if (failed == 0)
            failed = posix_spawnattr_setsigmask(&attributes, &all);
        if (failed == 0)
            failed = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
        if (failed == 0)
            failed = launch(server, pid, &files, &attributes);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&files);
    return failed;
}

static bool send_all(int socket, const void *data, size_t size) {
    ssize_t sent;
    do
        sent = send(socket, data, size, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)size;
}

static ssize_t receive(int socket, void *out, size_t size) {
    ssize_t got;
    do
        got = recv(socket, out, size, 0);
    while (got < 0 && errno == EINTR);
    return got;
}

/* NULL: as it was. */
static void show(struct cn_forkserver *server, pid_t pid, const struct cn_isolation *isolation) {
    pthread_mutex_lock(&server->state_lock);
    server->state.pid = pid;
    server->state.starts = server->born;
    if (isolation)
        server->state.isolation = *isolation;
    pthread_mutex_unlock(&server->state_lock);
}

/* Tells the new process what it needs, and hears whether it is ready. */
static enum cn_code introduce(struct cn_forkserver *server, struct cn_error *error) {
    struct cn_str context = server->settings.context;
    struct cn_fork_setup setup;
    struct cn_fork_ready ready;
    memset(&setup, 0, sizeof(setup));
    setup.size = sizeof(setup);
    setup.request_size = sizeof(struct cn_worker_request);
    setup.answer_size = sizeof(struct cn_worker_answer);
    setup.confinement = server->settings.confinement;
    setup.context_size = context.len;
    bool sent = send_all(server->socket, &setup, sizeof(setup));
    for (size_t at = 0; sent && at < context.len; at += CN_FORK_PIECE) {
        size_t left = context.len - at;
        sent = send_all(server->socket, context.data + at,
                        left < CN_FORK_PIECE ? left : CN_FORK_PIECE);
    }
    if (receive(server->socket, &ready, sizeof(ready)) != (ssize_t)sizeof(ready) ||
        ready.code < 0 || ready.code >= CN_CODE_COUNT || !cn_error_sane(&ready.error))
        return cn_error_set(error, CN_INTERNAL, "The fork server ended at its start");
    if (ready.code != CN_OK)
        return cn_error_set(error, (enum cn_code)ready.code, "%s", ready.error.detail);
    show(server, server->pid, &ready.isolation);
    return CN_OK;
}

/* Ends the process, whatever it does, and takes it off the system's list. */
static void bury(struct cn_forkserver *server) {
    if (server->socket >= 0)
        close(server->socket);
    server->socket = -1;
    if (server->pid > 0) {
        kill(server->pid, SIGKILL);
        while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    server->pid = 0;
    show(server, 0, NULL);
}

/* As the first process of a container the server is given all orphans, and nobody else takes them
 * off the list. Here no child of ours lives. */
static void bury_orphans(void) {
    while (getpid() == 1 && waitpid(-1, NULL, WNOHANG) > 0)
        continue;
}

static enum cn_code give_birth(struct cn_forkserver *server, struct cn_error *error) {
    int sockets[2];
    bury_orphans();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0)
        return cn_error_set(error, CN_INTERNAL, "The fork server has no socket: %s",
                            strerrordesc_np(errno));
    struct timeval limit = {.tv_sec = ANSWER_SECONDS};
    setsockopt(sockets[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(sockets[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    server->proven = false;
    int failed = spawn_process(server, sockets[1], &server->pid);
    close(sockets[1]);
    if (failed != 0) {
        server->pid = 0;
        close(sockets[0]);
        return cn_error_set(error, CN_INTERNAL, "The fork server could not be started: %s",
                            strerrordesc_np(failed));
    }
    server->socket = sockets[0];
    server->born++;
    enum cn_code code = introduce(server, error);
    if (code != CN_OK)
        bury(server);
    return code;
}

/* ---- one after the other -------------------------------------------------------------------- */

/* Somebody may have killed one or two just then; more are a fault that goes on. */
static void back_off(struct cn_forkserver *server) {
    int64_t pause = BACK_OFF_NS;
    if (++server->failures <= FREE_FAILURES)
        return;
    for (int i = FREE_FAILURES + 1; i < server->failures && pause < BACK_OFF_MOST_NS; i++)
        pause *= 2;
    server->retry_ns = cn_clock_now() + (pause < BACK_OFF_MOST_NS ? pause : BACK_OFF_MOST_NS);
}

/* It did not answer. The first that is lost is replaced at once; those that die
 * before a worker was ready are replaced ever more slowly. */
static void give_up(struct cn_forkserver *server) {
    if (server->proven)
        server->failures = 0;
    else
        back_off(server);
    bury(server);
}

static enum cn_code stand_up(struct cn_forkserver *server, struct cn_error *error) {
    if (server->socket >= 0)
        return CN_OK;
    if (cn_clock_now() < server->retry_ns)
        return cn_error_set(error, CN_WORKER_LOST, "The fork server is gone, and does not start");
    struct cn_error why;
    cn_error_init(&why);
    enum cn_code code = give_birth(server, &why);
    if (code == CN_OK)
        return CN_OK;
    back_off(server);
    return cn_error_set(error, CN_WORKER_LOST, "%s", why.detail);
}

/* One request and its answer; false: it is gone. */
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
    request->number = ++server->number;
    ssize_t size;
    do
        size = sendmsg(server->socket, &message, MSG_NOSIGNAL);
    while (size < 0 && errno == EINTR);
    if (size == (ssize_t)sizeof(*request))
        size = receive(server->socket, answer, sizeof(*answer));
    if (size == (ssize_t)sizeof(*answer) && answer->number == request->number)
        return true;
    give_up(server);
    return false;
}

enum cn_code cn_forkserver_spawn(struct cn_forkserver *server, const int fds[N_PASSED],
                                 struct cn_worker_process *process, struct cn_error *error) {
    struct cn_fork_request request = {.op = CN_FORK_SPAWN};
    struct cn_fork_answer answer = {0};
    *process = (struct cn_worker_process){0};
    pthread_mutex_lock(&server->lock);
    enum cn_code code = stand_up(server, error);
    bool answered = code == CN_OK && ask(server, &request, fds, &answer);
    if (code == CN_OK && !answered) { /* it had died, and nobody had noticed */
        code = stand_up(server, error);
        answered = code == CN_OK && ask(server, &request, fds, &answer);
    }
    if (answered && answer.error == 0 && answer.pid > 0) {
        *process = (struct cn_worker_process){answer.pid, server->born};
    }
    pthread_mutex_unlock(&server->lock);
    if (code != CN_OK)
        return code;
    if (!answered)
        return cn_error_set(error, CN_WORKER_LOST, "The fork server is gone");
    if (process->pid == 0)
        return cn_error_set(error, CN_WORKER_LOST, "A worker process could not be started: %s",
                            strerrordesc_np(answer.error));
    return CN_OK;
}

void cn_forkserver_prove(struct cn_forkserver *server, const struct cn_worker_process *process) {
    pthread_mutex_lock(&server->lock);
    if (server->born == process->server)
        server->proven = true;
    pthread_mutex_unlock(&server->lock);
}

/* Workers whose fork server is gone die with it. Where orphans are given to the server (as process
 * 1 of a container) they are its to be taken off the list; elsewhere they are not its children. */
static bool reap_orphan(const struct cn_worker_process *process, int *status) {
    pid_t pid;
    do
        pid = waitpid(process->pid, status, 0);
    while (pid < 0 && errno == EINTR);
    return pid == process->pid;
}

bool cn_forkserver_reap(struct cn_forkserver *server, const struct cn_worker_process *process,
                        int *status) {
    struct cn_fork_request request = {.op = CN_FORK_REAP, .pid = process->pid};
    struct cn_fork_answer answer = {0};
    *status = 0;
    pthread_mutex_lock(&server->lock);
    bool parent = server->socket >= 0 && server->born == process->server;
    bool answered = parent && ask(server, &request, NULL, &answer);
    bool reused = server->pid == process->pid;
    pthread_mutex_unlock(&server->lock);
    if (answered && answer.error == 0) {
        *status = answer.status;
        return true;
    }
    return !answered && !reused && reap_orphan(process, status);
}

/* ---- its life ------------------------------------------------------------------------------- */

/* Where this program's file is. */
static void find_program(struct cn_forkserver *server) {
    const char *name = (const char *)(uintptr_t)getauxval(AT_EXECFN);
    struct stat here, running;
    server->path = name ? realpath(name, NULL) : NULL;
    server->by_path = server->path && stat(server->path, &here) == 0 &&
                      stat("/proc/self/exe", &running) == 0 &&
                      (here.st_dev != running.st_dev || here.st_ino != running.st_ino);
}

enum cn_code cn_forkserver_start(struct cn_forkserver **out,
                                 const struct cn_forkserver_settings *settings,
                                 struct cn_error *error) {
    *out = NULL;
    struct cn_forkserver *server = calloc(1, sizeof(*server));
    if (!server)
        return cn_error_memory(error);
    server->settings = *settings;
    server->socket = -1;
    find_program(server);
    pthread_mutex_init(&server->lock, NULL);
    pthread_mutex_init(&server->state_lock, NULL);
    enum cn_code code = give_birth(server, error);
    if (code != CN_OK) {
        cn_forkserver_stop(server);
        return code;
    }
    *out = server;
    return CN_OK;
}

struct cn_forkserver_state cn_forkserver_state(struct cn_forkserver *server) {
    pthread_mutex_lock(&server->state_lock);
    struct cn_forkserver_state state = server->state;
    pthread_mutex_unlock(&server->state_lock);
    return state;
}

const struct cn_confinement *cn_forkserver_confinement(const struct cn_forkserver *server) {
    return &server->settings.confinement;
}

void cn_forkserver_stop(struct cn_forkserver *server) {
    if (!server)
        return;
    if (server->socket >= 0)
        close(server->socket);
    server->socket = -1;
    for (int waited = 0; server->pid > 0 && waited < STOP_MS; waited++) {
        if (waitpid(server->pid, NULL, WNOHANG) != 0)
            server->pid = 0;
        else
            poll(NULL, 0, 1);
    }
    bury(server);
    pthread_mutex_destroy(&server->lock);
    pthread_mutex_destroy(&server->state_lock);
    free(server->path);
    free(server);
}

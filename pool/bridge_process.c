/* The bridge's process: Python, reading its program from a memory file. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pool/bridge.h"

#define MOST_VARIABLES 64
#define FIRST_FREE 10 /* descriptors from here on are not among those that the process gets */
#define SOCKET_BYTES (4 << 20)

enum cn_code cn_bridge_process_init(struct cn_bridge_process *process, struct cn_str program,
                                    struct cn_error *error) {
    *process = (struct cn_bridge_process){.socket = -1, .program = -1};
    int fd = memfd_create("colonnade-bridge.py", MFD_CLOEXEC);
    process->program = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE);
    if (fd >= 0)
        close(fd);
    size_t at = 0;
    while (process->program >= 0 && at < program.len) {
        ssize_t put = write(process->program, program.data + at, program.len - at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            break;
        at += (size_t)put;
    }
    if (process->program >= 0 && at == program.len)
        return CN_OK;
    int failed = errno;
    cn_bridge_process_release(process);
    return cn_error_set(error, CN_OVERLOADED, "No memory file for the bridge to Dask: %s",
                        strerrordesc_np(failed));
}

void cn_bridge_process_release(struct cn_bridge_process *process) {
    if (process->program >= 0)
        close(process->program);
    process->program = -1;
}

/* Of the server's environment only what says how programs are found and run, and what is Dask's:
 * variables often hold secrets. */
static void choose_variables(char **out, size_t max) {
    static const char *const kept[] = {
        "PATH=",   "HOME=", "LANG=",     "LC_",    "TZ=",
        "TMPDIR=", "DASK_", "SSL_CERT_", "PYTHON", "COLONNADE_DASK_DEBUG="};
    size_t n = 0;
    for (char **variable = environ; variable && *variable; variable++)
        for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
            if (strncmp(*variable, kept[i], strlen(kept[i])) == 0 && n + 1 < max) {
                out[n++] = *variable;
                break;
            }
    out[n] = NULL;
}

/* What it prints goes where the server's messages go. */
static int choose_files(posix_spawn_file_actions_t *files, int socket, int program) {
    int failed = posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0);
    if (failed == 0)
        failed = posix_spawn_file_actions_adddup2(files, 2, 1);
    if (failed == 0)
        failed = posix_spawn_file_actions_adddup2(files, socket, CN_BRIDGE_SOCKET);
    if (failed == 0)
        failed = posix_spawn_file_actions_adddup2(files, program, CN_BRIDGE_PROGRAM);
    if (failed == 0)
        failed = posix_spawn_file_actions_addclosefrom_np(files, CN_BRIDGE_PROGRAM + 1);
    return failed;
}

/* A session of its own, so that what a terminal sends to the server's group does not end it while
 * work is on its way. */
static int choose_attributes(posix_spawnattr_t *attributes) {
    sigset_t none, plain;
    sigemptyset(&none);
    sigemptyset(&plain);
    sigaddset(&plain, SIGPIPE);
    int failed = posix_spawnattr_setsigmask(attributes, &none);
    if (failed == 0)
        failed = posix_spawnattr_setsigdefault(attributes, &plain);
    if (failed == 0)
        failed = posix_spawnattr_setflags(
            attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    return failed;
}

static int launch(pid_t *pid, const char *python, int socket, int program) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    char path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", CN_BRIDGE_PROGRAM);
    char *variables[MOST_VARIABLES];
    choose_variables(variables, MOST_VARIABLES);
    char *name = strdup(python);
    char no_caches[] = "-B";
    char *arguments[] = {name, no_caches, path, NULL};
    int failed = name ? posix_spawn_file_actions_init(&files) : ENOMEM;
    if (failed != 0) {
        free(name);
        return failed;
    }
    failed = posix_spawnattr_init(&attributes);
    if (failed == 0) {
        failed = choose_files(&files, socket, program);
        if (failed == 0)
            failed = choose_attributes(&attributes);
        if (failed == 0)
            failed = posix_spawnp(pid, python, &files, &attributes, arguments, variables);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&files);
    free(name);
    return failed;
}

enum cn_code cn_bridge_process_start(struct cn_bridge_process *process, const char *python,
                                     struct cn_error *error) {
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0)
        return cn_error_set(error, CN_WORKER_LOST, "No socket for the bridge to Dask: %s",
                            strerrordesc_np(errno));
    int size = SOCKET_BYTES;
    for (int i = 0; i < 2; i++) /* less is slower, no more */
        (void)setsockopt(sockets[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    int theirs = fcntl(sockets[1], F_DUPFD_CLOEXEC, FIRST_FREE);
    int failed = theirs < 0 || fcntl(sockets[0], F_SETFL, O_NONBLOCK) != 0 ? errno : 0;
    if (failed == 0) /* the last step, so that there is no process when another one failed */
        failed = launch(&process->pid, python, theirs, process->program);
    close(sockets[1]);
    if (theirs >= 0)
        close(theirs);
    if (failed != 0) {
        process->pid = 0;
        close(sockets[0]);
        return cn_error_set(error, CN_WORKER_LOST,
                            "the bridge to Dask could not be started by %s (--dask-python): %s",
                            python, strerrordesc_np(failed));
    }
    process->socket = sockets[0];
    return CN_OK;
}

static void describe(int status, char *how, size_t size) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == CN_BRIDGE_SAID_WHY)
        how[0] = '\0';
    else if (WIFSIGNALED(status))
        snprintf(how, size, "killed by signal %d", WTERMSIG(status));
    else
        snprintf(how, size, "exit status %d", WEXITSTATUS(status));
}

void cn_bridge_process_end(struct cn_bridge_process *process, int patience_ms, char *how,
                           size_t size) {
    if (process->socket >= 0)
        close(process->socket);
    process->socket = -1;
    snprintf(how, size, "gone");
    int status = 0;
    for (int waited = 0; process->pid > 0; waited++) {
        pid_t pid = waitpid(process->pid, &status, WNOHANG);
        if (pid == process->pid)
            describe(status, how, size);
        if (pid != 0 && !(pid < 0 && errno == EINTR)) {
            process->pid = 0; /* as process 1 the server may have taken it off the list elsewhere */
        } else if (waited >= patience_ms) {
            kill(process->pid, SIGKILL);
            patience_ms = INT32_MAX;
        } else {
            poll(NULL, 0, 1);
        }
    }
}

/* What the fork server and its workers cannot do. */
#include "tests/unit/confined_helpers.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sanitizer.h"
#include "pool/sandbox.h"

#define MIB ((uint64_t)1 << 20)

/* ---- what is tried --------------------------------------------------------------------------- */

/* These never come back to where there is a filter; without one they do no harm. */
static void try_inet(void) {
    close(socket(AF_INET, SOCK_STREAM, 0));
}
static void try_unix(void) {
    close(socket(AF_UNIX, SOCK_DGRAM, 0));
}
static void try_connect(void) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    connect(3, (struct sockaddr *)&address, sizeof(address));
}
static void try_open(void) {
    close(open("/etc/passwd", O_RDONLY));
}
static void try_open_raw(void) {
    close((int)syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY));
}
static void try_stat(void) {
    faccessat(AT_FDCWD, "/etc/passwd", R_OK, AT_EACCESS);
}
static void try_unlink(void) {
    unlink("/nowhere/nothing");
}
static void try_exec(void) {
    char name[] = "true";
    char *arguments[] = {name, NULL};
    execv("/nowhere/true", arguments);
}
static void try_fork(void) {
    if (syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) == 0)
        _exit(0);
}
static void try_unshare(void) {
    syscall(SYS_unshare, 0);
}
static void try_kill(void) {
    kill(getpid(), 0);
}
static void try_signal_parent(void) {
    syscall(SYS_tgkill, getppid(), getppid(), 0);
}
static void try_ptrace(void) {
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}
static void try_read_others(void) {
    char byte;
    struct iovec here = {&byte, 1};
    struct iovec there = {&byte, 1};
    process_vm_readv(getpid(), &here, 1, &there, 1, 0);
}
static void try_map_code(void) {
    munmap(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096);
}
static void try_make_code(void) {
    void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(page, 4096, PROT_READ | PROT_EXEC);
    munmap(page, 4096);
}
static void try_dumpable(void) {
    prctl(PR_SET_DUMPABLE, 1);
}
static void try_limits(void) {
    struct rlimit files = {10, 10};
    syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &files, NULL);
}
static void try_memfd(void) {
    close(memfd_create("more", 0));
}
static void try_pass_descriptor(void) {
    struct msghdr message = {0};
    sendmsg(-1, &message, MSG_DONTWAIT);
}
static void try_io_uring(void) {
    syscall(425, 1, NULL);
}
static void try_bpf(void) {
    syscall(SYS_bpf, 0, NULL, 0);
}
static void try_unknown(void) {
    syscall(999);
}
#ifdef __x86_64__
/* getpid() of the 32-bit interface, whose numbers mean other calls */
static void try_other_numbers(void) {
    long result = 20;
    __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
}
#endif

static const struct {
    const char *name;
    void (*attempt)(void);
    bool with_sanitizers; /* the sanitizers do not call it themselves */
} attempts[] = {
    {"socket of the internet", try_inet, true},
    {"socket of this machine", try_unix, true},
    {"connect", try_connect, true},
    {"open", try_open, false},
    {"openat", try_open_raw, false},
    {"faccessat", try_stat, true},
    {"unlink", try_unlink, true},
    {"execve", try_exec, true},
    {"clone", try_fork, false},
    {"unshare", try_unshare, true},
    {"kill", try_kill, true},
    {"tgkill of another", try_signal_parent, false},
    {"ptrace", try_ptrace, true},
    {"process_vm_readv", try_read_others, true},
    {"mmap of code", try_map_code, false},
    {"mprotect to code", try_make_code, false},
    {"prctl", try_dumpable, false},
    {"prlimit64", try_limits, false},
    {"memfd_create", try_memfd, true},
    {"sendmsg", try_pass_descriptor, true},
    {"io_uring_setup", try_io_uring, true},
    {"bpf", try_bpf, true},
    {"a number that nobody knows", try_unknown, true},
#ifdef __x86_64__
    {"numbers of another machine", try_other_numbers, true},
#endif
};

enum { N_ATTEMPTS = sizeof(attempts) / sizeof(attempts[0]) };

/* ---- kinds ---------------------------------------------------------------------------------- */

enum { KIND_ECHO, KIND_ATTEMPT, KIND_ALLOCATE, KIND_OUTPUT, KIND_ABORT, KIND_HOLD, N_KINDS };

static enum cn_code run_echo(struct cn_run *run, struct cn_error *error) {
    return cn_buf_add_str(run->out, run->inputs[0]) ? CN_OK : cn_error_memory(error);
}

static enum cn_code run_attempt(struct cn_run *run, struct cn_error *error) {
    (void)error;
    attempts[number_of(run)].attempt();
    return CN_OK;
}

/* In pieces as an arena takes them, and in use. */
static enum cn_code run_allocate(struct cn_run *run, struct cn_error *error) {
    struct piece {
        struct piece *next;
        char bytes[65536 - sizeof(struct piece *)];
    } *all = NULL;
    enum cn_code code = CN_OK;
    for (size_t i = 0; i < number_of(run) && code == CN_OK; i += sizeof(*all)) {
        struct piece *piece = malloc(sizeof(*piece));
        if (!piece) {
            code = cn_error_memory(error);
            break;
        }
        memset(piece->bytes, 1, sizeof(piece->bytes));
        piece->next = all;
        all = piece;
    }
    while (all) {
        struct piece *next = all->next;
        free(all);
        all = next;
    }
    return code;
}

static enum cn_code run_hold(struct cn_run *run, struct cn_error *error) {
    (void)error;
    while (atomic_load(run->stop) == 0)
        nap(MILLION);
    return CN_CANCELLED;
}

static const struct cn_kind kinds[N_KINDS] = {
    [KIND_ECHO] = {.name = "echo", .run = run_echo},
    [KIND_ATTEMPT] = {.name = "attempt", .run = run_attempt},
    [KIND_ALLOCATE] = {.name = "allocate", .run = run_allocate},
    [KIND_OUTPUT] = {.name = "output", .run = run_output},
    [KIND_ABORT] = {.name = "abort", .run = run_abort},
    [KIND_HOLD] = {.name = "hold", .run = run_hold},
};
static const struct cn_registry registry = {kinds, N_KINDS, NULL};
static const struct cn_forkserver_program program = {.kinds = kinds, .n_kinds = N_KINDS};

/* ---- a pool --------------------------------------------------------------------------------- */

struct fixture {
    struct cn_forkserver *server;
    struct cn_executor *executor;
};

static struct fixture make(struct cn_confinement confinement) {
    struct fixture fixture;
    struct cn_forkserver_settings settings = {.confinement = confinement};
    struct cn_executor_settings pool = {.registry = &registry, .workers = 1, .max_workers = 1};
    assert_int_equal(cn_forkserver_start(&fixture.server, &settings, NULL), CN_OK);
    assert_int_equal(cn_processes_new(&fixture.executor, fixture.server, &pool, NULL), CN_OK);
    return fixture;
}

static void end(struct fixture *fixture) {
    fixture->executor->ops->destroy(fixture->executor);
    cn_forkserver_stop(fixture->server);
}

static void start_one(struct fixture *fixture, struct job *job, uint32_t kind, size_t number) {
    job_init(job, 1, kind, 1, 0);
    memcpy(job->tasks[0].args, &number, sizeof(number));
    job_submit(fixture->executor, job);
}

static void run_one(struct fixture *fixture, struct job *job, uint32_t kind, size_t number) {
    start_one(fixture, job, kind, number);
    job_wait(job);
}

static struct cn_worker_stats worker_of(struct fixture *fixture) {
    struct cn_worker_stats stats;
    assert_int_equal(fixture->executor->ops->stats(fixture->executor, &stats, 1, NULL), 1);
    return stats;
}

static void assert_serves(struct fixture *fixture) {
    struct job job;
    run_one(fixture, &job, KIND_ECHO, 0);
    assert_int_equal(job.tasks[0].code, CN_OK);
    assert_true(cn_str_is(cn_buf_str(&job.outs[0]), "input"));
    job_release(&job);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void other_system_calls_are_fatal(void **unused) {
    (void)unused;
    struct fixture fixture = make((struct cn_confinement){0});
    if (!cn_forkserver_state(fixture.server).isolation.seccomp) {
        end(&fixture);
        print_message("skipped: this system has no seccomp filters\n");
        skip();
    }
    assert_serves(&fixture);
    for (size_t i = 0; i < N_ATTEMPTS; i++) {
        if (CN_SANITIZED && !attempts[i].with_sanitizers)
            continue;
        uint64_t before = worker_of(&fixture).restarts;
        struct job job;
        run_one(&fixture, &job, KIND_ATTEMPT, i);
        if (job.tasks[0].code != CN_WORKER_LOST)
            fail_msg("%s is not fatal", attempts[i].name);
        if (!strstr(job.tasks[0].error.detail, "killed by SIGSYS"))
            fail_msg("%s: %s", attempts[i].name, job.tasks[0].error.detail);
        assert_int_equal(job.tasks[0].attempts, 2);
        job_release(&job);
        assert_serves(&fixture);
        assert_int_equal(worker_of(&fixture).restarts, before + 2);
    }
    end(&fixture);
}

static void without_isolation_they_are_not(void **unused) {
    (void)unused;
    struct fixture fixture = make((struct cn_confinement){.level = CN_ISOLATION_OFF});
    struct cn_isolation isolation = cn_forkserver_state(fixture.server).isolation;
    assert_false(isolation.seccomp);
    assert_int_equal(isolation.landlock, 0);
    struct job job;
    for (size_t i = 0; i < N_ATTEMPTS; i++) {
        if (attempts[i].attempt == try_ptrace) /* whoever is traced cannot be waited for */
            continue;
        run_one(&fixture, &job, KIND_ATTEMPT, i);
        if (job.tasks[0].code != CN_OK)
            fail_msg("%s: %s", attempts[i].name, job.tasks[0].error.detail);
        job_release(&job);
    }
    end(&fixture);
}

/* A worker may still end itself, so that its death has its true name. */
static void an_abort_is_an_abort(void **unused) {
    (void)unused;
    struct fixture fixture = make((struct cn_confinement){0});
    struct job job;
    run_one(&fixture, &job, KIND_ABORT, 0);
    assert_int_equal(job.tasks[0].code, CN_WORKER_LOST);
    assert_non_null(strstr(job.tasks[0].error.detail, "killed by SIGABRT"));
    job_release(&job);
    assert_serves(&fixture);
    end(&fixture);
}

static unsigned descriptors_of(pid_t pid) {
    char path[64];
    unsigned set = 0;
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *folder = opendir(path);
    if (!folder) {
        print_message("%s: %s\n", path,
                      strerror(errno)); /* of processes that nobody may look into */
        return 0;
    }
    struct dirent *entry;
    while ((entry = readdir(folder)))
        if (entry->d_name[0] != '.')
            set |= 1U << strtoul(entry->d_name, NULL, 10);
    closedir(folder);
    return set;
}

static void processes_hold_what_they_need_only(void **unused) {
    (void)unused;
    int more = open("/dev/null", O_RDONLY); /* not close-on-exec, on purpose */
    struct fixture fixture = make((struct cn_confinement){0});
    struct job job;
    start_one(&fixture, &job, KIND_HOLD, 0);
    while (worker_of(&fixture).state != CN_WORKER_BUSY)
        nap(MILLION);
    pid_t pids[2] = {cn_forkserver_state(fixture.server).pid, worker_of(&fixture).pid};
    unsigned expected[2] = {0xf, 0x3f}; /* 0 to 2 and the socket; and two windows */
    for (size_t i = 0; i < 2; i++) {
        unsigned held = descriptors_of(pids[i]);
        if (held != 0)
            assert_int_equal(held, expected[i]);
        assert_int_equal(status_of(pids[i], "NoNewPrivs", 10), 1);
        assert_int_equal(status_of(pids[i], "CapEff", 16), 0);
        assert_int_equal(status_of(pids[i], "CapPrm", 16), 0);
        if (cn_forkserver_state(fixture.server).isolation.seccomp)
            assert_int_equal(status_of(pids[i], "Seccomp", 10), 2);
        if (!CN_SANITIZED)
            assert_int_equal(status_of(pids[i], "Threads", 10), 1);
    }
    fixture.executor->ops->cancel(fixture.executor, &job.group);
    job_wait(&job);
    job_release(&job);
    close(more);
    end(&fixture);
}

/* What Landlock alone forbids, in a process of its own; the exit status says what was possible. */
static int landlocked(int version) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    if (!CN_SANITIZED && (open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES))
        return 1;
    if (open("/tmp", O_TMPFILE | O_WRONLY, 0600) >= 0 || (errno != EACCES && errno != EOPNOTSUPP))
        return 2;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (version >= 4 && fd >= 0 &&
        (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 || errno != EACCES))
        return 3;
    if (version >= 6 && (kill(getppid(), 0) == 0 || errno != EPERM))
        return 4;
    return 0;
}

static void landlock_forbids_files_network_and_signals(void **unused) {
    (void)unused;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
            _exit(100);
        int version = cn_sandbox_landlock();
        _exit(version == 0 ? 99 : landlocked(version));
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 99) {
        print_message("skipped: this system has no Landlock\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* All of it, or none: whichever this system has, one of both is right. */
static void required_is_all_or_nothing(void **unused) {
    (void)unused;
    struct cn_forkserver_settings settings = {.confinement = {.level = CN_ISOLATION_REQUIRED}};
    struct cn_forkserver *server = NULL;
    struct cn_error error;
    cn_error_init(&error);
    if (cn_forkserver_start(&server, &settings, &error) == CN_OK) {
        assert_true(cn_forkserver_state(server).isolation.seccomp);
        assert_true(cn_forkserver_state(server).isolation.landlock > 0);
        cn_forkserver_stop(server);
    } else {
        assert_non_null(strstr(error.detail, "--isolation required: this system has no "));
        assert_null(server);
    }
}

static void memory_is_limited(void **unused) {
    (void)unused;
    if (CN_SANITIZED) {
        print_message("skipped: the sanitizers reserve more addresses than any limit\n");
        skip();
    }
    struct fixture fixture = make((struct cn_confinement){.memory_bytes = 64 * MIB});
    struct job job;
    run_one(&fixture, &job, KIND_ALLOCATE, 32 * MIB);
    assert_int_equal(job.tasks[0].code, CN_OK);
    pid_t pid = job.tasks[0].pid;
    job_release(&job);
    run_one(&fixture, &job, KIND_ALLOCATE, 64 * MIB);
    assert_int_equal(job.tasks[0].code, CN_LIMIT_EXCEEDED);
    assert_string_equal(job.tasks[0].error.limit, "--worker-memory-bytes");
    assert_int_equal(job.tasks[0].attempts, 1);
    assert_int_equal(job.tasks[0].pid, pid); /* it lives on */
    job_release(&job);
    assert_serves(&fixture);
    assert_int_equal(worker_of(&fixture).restarts, 0);
    end(&fixture);
}

static void outputs_are_limited(void **unused) {
    (void)unused;
    struct fixture fixture =
        make((struct cn_confinement){.memory_bytes = 512 * MIB, .output_bytes = 4 * MIB});
    struct job job;
    run_one(&fixture, &job, KIND_OUTPUT, 4 * MIB);
    assert_int_equal(job.tasks[0].code, CN_OK);
    assert_int_equal(job.outs[0].len, 4 * MIB);
    job_release(&job);
    run_one(&fixture, &job, KIND_OUTPUT, 4 * MIB + 1);
    assert_int_equal(job.tasks[0].code, CN_LIMIT_EXCEEDED);
    assert_int_equal(job.outs[0].len, 0);
    job_release(&job);
    assert_serves(&fixture);
    assert_int_equal(worker_of(&fixture).restarts, 0);
    end(&fixture);
}

int main(int argc, char **argv) {
    if (cn_forkserver_wanted(argc, argv))
        cn_forkserver_enter(&program);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_system_calls_are_fatal),
        cmocka_unit_test(without_isolation_they_are_not),
        cmocka_unit_test(an_abort_is_an_abort),
        cmocka_unit_test(processes_hold_what_they_need_only),
        cmocka_unit_test(landlock_forbids_files_network_and_signals),
        cmocka_unit_test(required_is_all_or_nothing),
        cmocka_unit_test(memory_is_limited),
        cmocka_unit_test(outputs_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

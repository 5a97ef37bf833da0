#include "pool/sandbox.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sanitizer.h"
#include "pool/window.h"

#define WORKER_DESCRIPTORS 6
#define MORE_DESCRIPTORS 64 /* where files can be opened: the fork server, sanitizers */

/* ---- privileges and limits ------------------------------------------------------------------ */

/* Not to be had back, since no program is executed any more and no_new_privs is set. */
static bool drop_capabilities(void) {
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
    return syscall(SYS_capset, &head, none) == 0;
}

static bool limit(__rlimit_resource_t resource, uint64_t value) {
    struct rlimit limits;
    if (getrlimit(resource, &limits) != 0)
        return false;
    if (value < limits.rlim_max)
        limits.rlim_max = value;
    limits.rlim_cur = limits.rlim_max;
    return setrlimit(resource, &limits) == 0;
}

static bool drop_privileges(void) {
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_DUMPABLE, 0) == 0 &&
           drop_capabilities() && limit(RLIMIT_CORE, 0);
}

/* ---- Landlock ------------------------------------------------------------------------------- */

/* As the kernel's header has them; that of the C library may be older than the kernel. */
struct landlock_ruleset {
    uint64_t files;
    uint64_t network;
    uint64_t scoped;
};
#define LANDLOCK_VERSION_FLAG 1U
#define LANDLOCK_NETWORK 3U            /* bind and connect of TCP */
#define LANDLOCK_SCOPED 3U             /* abstract sockets and signals of others */
#define LANDLOCK_READING UINT64_C(0xc) /* files and folders */

/* A rule set that handles everything and allows nothing. Returns the version; 0: there is none. */
int cn_sandbox_landlock(void) {
    static const uint64_t files[] = {0, 0x1fff, 0x3fff, 0x7fff, 0x7fff, 0xffff};
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION_FLAG);
    if (version < 1)
        return 0;
    struct landlock_ruleset rules = {.files = files[version < 5 ? version : 5],
                                     .network = version >= 4 ? LANDLOCK_NETWORK : 0,
                                     .scoped = version >= 6 ? LANDLOCK_SCOPED : 0};
    if (CN_SANITIZED)
        rules.files &= ~LANDLOCK_READING;
    size_t size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
    int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
    if (fd < 0)
        return 0;
    bool done = syscall(SYS_landlock_restrict_self, fd, 0) == 0;
    close(fd);
    return done ? (int)version : 0;
}

/* ---- seccomp -------------------------------------------------------------------------------- */

/* What computing needs: to talk on the sockets that are there, memory, time, and to end. Names that
 * this machine does not have are skipped. */
static const char *const worker_calls[] = {
    "read",           "write",        "writev",
    "recvfrom",       "sendto",       "lseek",
    "ftruncate", /* its own */
    "munmap",         "mremap",       "brk",
    "madvise",        "getrandom",    "sysinfo", /* malloc, qsort */
    "clock_gettime",  "gettimeofday", "clock_nanosleep",
    "nanosleep",      "sched_yield", /* time */
    "futex",          "getpid",       "gettid",
    "rt_sigprocmask", "rt_sigreturn", "restart_syscall", /* the rest */
    "exit",           "exit_group",
};

/* And what the fork server does besides: it forks, waits, and makes workers ready. */
static const char *const forkserver_calls[] = {
    "recvmsg",      "clone",           "clone3",    "fork",
    "wait4",        "waitid",          "kill",      "set_robust_list",
    "rseq",         "set_tid_address", "close",     "close_range",
    "dup3",         "fcntl",           "prctl",     "seccomp",
    "rt_sigaction", "getppid",         "prlimit64", "getrlimit",
    "setrlimit",    "newfstatat",      "fstat",
};

/* What the sanitizers call besides, in both. */
static const char *const sanitizer_calls[] = {
    "open",
    "openat",
    "close",
    "readlink",
    "readlinkat",
    "stat",
    "fstat",
    "newfstatat",
    "access",
    "ioctl",
    "fcntl",
    "dup",
    "dup2",
    "pipe",
    "pipe2",
    "getcwd",
    "uname",
    "sigaltstack",
    "rt_sigaction",
    "sched_getaffinity",
    "prctl",
    "getrlimit",
    "prlimit64",
    "getrusage",
    "getppid",
    "clone",
    "wait4",
    "tgkill",
    "set_robust_list",
    "rseq",
    "mmap",
    "mprotect",
    "close_range",
    "personality",
    "sigprocmask",
    "poll",
    "ppoll",
    "getuid",
    "geteuid",
};

/* A call by its name, if the arguments are as the comparisons say. */
static bool allow(scmp_filter_ctx filter, const char *name, unsigned n,
                  const struct scmp_arg_cmp *arguments) {
    int number = seccomp_syscall_resolve_name(name);
    return number < 0 || seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, n, arguments) == 0;
}

static bool allow_all(scmp_filter_ctx filter, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!allow(filter, names[i], 0, NULL))
            return false;
    return true;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool add_rules(scmp_filter_ctx filter, bool forks) {
    /* Memory is never executable, and a process signals nobody but itself (abort). */
    struct scmp_arg_cmp not_executable = {
        .arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC, .datum_b = 0};
    struct scmp_arg_cmp itself = {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)getpid()};
    bool done = allow_all(filter, worker_calls, COUNT(worker_calls));
    if (forks)
        done = done && allow_all(filter, forkserver_calls, COUNT(forkserver_calls));
    if (CN_SANITIZED)
        return done && allow_all(filter, sanitizer_calls, COUNT(sanitizer_calls));
    /* A child of the fork server is under its filter too, and has another pid. */
    done = done && allow(filter, "tgkill", forks ? 0 : 1, forks ? NULL : &itself);
    return done && allow(filter, "mmap", 1, &not_executable) &&
           allow(filter, "mprotect", 1, &not_executable);
}

static bool load_filter(bool forks) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!filter)
        return false;
    bool done = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) == 0;
    /* Workers run no code of others: they need not pay for what older kernels do about Spectre in
     * filtered processes. */
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree of comparisons */
    done = done && add_rules(filter, forks) && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return done;
}

/* ---- its levels ------------------------------------------------------------------------------ */

static const char *const level_names[] = {[CN_ISOLATION_AVAILABLE] = "available",
                                          [CN_ISOLATION_REQUIRED] = "required",
                                          [CN_ISOLATION_OFF] = "off"};

const char *cn_isolation_name(enum cn_isolation_level level) {
    return level_names[level];
}

bool cn_isolation_parse(enum cn_isolation_level *level, const char *name) {
    for (size_t i = 0; i < COUNT(level_names); i++) {
        if (strcmp(level_names[i], name) != 0)
            continue;
        *level = (enum cn_isolation_level)i;
        return true;
    }
    return false;
}

/* ---- both ----------------------------------------------------------------------------------- */

/* What is done before the filter; *did gets its part. */
static enum cn_code give_up(const struct cn_confinement *wanted, const char *who,
                            struct cn_isolation *did, struct cn_error *error) {
    if (!drop_privileges() || !limit(RLIMIT_NOFILE, MORE_DESCRIPTORS))
        return cn_error_set(error, CN_INTERNAL, "The %s could not give up privileges: %s", who,
                            strerrordesc_np(errno));
    did->landlock = cn_sandbox_landlock();
    if (wanted->level == CN_ISOLATION_REQUIRED && did->landlock == 0)
        return cn_error_set(error, CN_INTERNAL,
                            "--isolation required: this system has no Landlock");
    return CN_OK;
}

static enum cn_code filter(const struct cn_confinement *wanted, bool forks,
                           struct cn_isolation *did, struct cn_error *error) {
    did->seccomp = load_filter(forks);
    if (wanted->level == CN_ISOLATION_REQUIRED && !did->seccomp)
        return cn_error_set(error, CN_INTERNAL,
                            "--isolation required: this system has no seccomp filters");
    return CN_OK;
}

/* `windows`: the bytes that the larger of a worker's windows may have, less than SIZE_MAX / 4; 0:
 * no limit. */
static bool limit_worker(const struct cn_confinement *wanted, uint64_t windows) {
    if (windows != 0 && !limit(RLIMIT_FSIZE, windows + CN_WINDOW_STEP - windows % CN_WINDOW_STEP))
        return false;
    if (!CN_SANITIZED &&
        ((wanted->memory_bytes != 0 && !limit(RLIMIT_DATA, wanted->memory_bytes)) ||
         !limit(RLIMIT_NOFILE, WORKER_DESCRIPTORS) || !limit(RLIMIT_NPROC, 0)))
        return false;
    signal(SIGXFSZ, SIG_IGN); /* an output that is too large is an error, and no death */
    return true;
}

enum cn_code cn_sandbox_forkserver(const struct cn_confinement *wanted, struct cn_isolation *did,
                                   struct cn_error *error) {
    *did = (struct cn_isolation){0};
    if (wanted->level == CN_ISOLATION_OFF)
        return CN_OK;
    CN_TRY(give_up(wanted, "fork server", did, error));
    return filter(wanted, true, did, error);
}

bool cn_sandbox_worker(const struct cn_confinement *wanted, const struct cn_isolation *did) {
    if (wanted->level == CN_ISOLATION_OFF)
        return true;
    return limit_worker(wanted, wanted->output_bytes) && (!did->seccomp || load_filter(false));
}

enum cn_code cn_sandbox_pipe_worker(const struct cn_confinement *wanted, struct cn_isolation *did,
                                    struct cn_error *error) {
    *did = (struct cn_isolation){0};
    if (wanted->level == CN_ISOLATION_OFF)
        return CN_OK;
    CN_TRY(give_up(wanted, "worker", did, error));
    uint64_t in = wanted->memory_bytes, out = wanted->output_bytes;
    if (!limit_worker(wanted, in == 0 || out == 0 ? 0 : in > out ? in : out))
        return cn_error_set(error, CN_INTERNAL, "The worker could not be limited: %s",
                            strerrordesc_np(errno));
    return filter(wanted, false, did, error);
}

/*
 * faults.c: calls that may fail, made to fail when the test says so (faults.h).
 *
 * Loaded in front of the C library (LD_PRELOAD), it sees the calls of the program and of every
 * library in it: an allocation that fails inside of jansson or SQLite is as real as one of ours.
 * It needs no special build, so what is tested is the binary that is shipped, and a sanitizer's.
 *
 * Only errors that Linux gives are given: an eventfd's write does not fail, epoll_wait is at most
 * interrupted, a file's read is EIO, a mutex is always made.
 */
#include "tests/faults/faults.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unwind.h>

#define WORKER_PIPES 4 /* pool/pipe_worker.c: its last pipe */
#define LOCAL static __thread __attribute__((tls_model("initial-exec")))

static const int errors[FAULT_KIND_COUNT] = {
    [FAULT_MALLOC] = ENOMEM,     [FAULT_CALLOC] = ENOMEM,   [FAULT_REALLOC] = ENOMEM,
    [FAULT_ALIGNED] = ENOMEM,    [FAULT_STRDUP] = ENOMEM,   [FAULT_MMAP] = ENOMEM,
    [FAULT_MREMAP] = ENOMEM,     [FAULT_MEMFD] = EMFILE,    [FAULT_FTRUNCATE] = ENOSPC,
    [FAULT_FALLOCATE] = ENOSPC,  [FAULT_OPEN] = EMFILE,     [FAULT_FOPEN] = EMFILE,
    [FAULT_OPENDIR] = EMFILE,    [FAULT_STAT] = EIO,        [FAULT_READ] = EIO,
    [FAULT_WRITE] = ENOSPC,      [FAULT_SYNC] = EIO,        [FAULT_LOCK] = ENOLCK,
    [FAULT_FCNTL] = EMFILE,      [FAULT_DUP] = EMFILE,      [FAULT_SOCKET] = EMFILE,
    [FAULT_SOCKETPAIR] = EMFILE, [FAULT_BIND] = EADDRINUSE, [FAULT_LISTEN] = EADDRINUSE,
    [FAULT_SOCKOPT] = ENOBUFS,   [FAULT_ACCEPT] = EMFILE,   [FAULT_SEND] = ENOBUFS,
    [FAULT_RECEIVE] = ENOMEM,    [FAULT_EVENTFD] = EMFILE,  [FAULT_EPOLL_CREATE] = EMFILE,
    [FAULT_EPOLL_ADD] = ENOSPC,  [FAULT_WAIT] = EINTR,      [FAULT_THREAD] = EAGAIN,
    [FAULT_FORK] = EAGAIN,       [FAULT_PROCESS] = EPERM,   [FAULT_RANDOM] = ENOSYS,
};

/* ---- the block and the program's objects ---------------------------------------------------- */

static struct fault_control own;
static struct fault_control *control;
static uintptr_t starts[FAULT_OBJECTS];
static uintptr_t ends[FAULT_OBJECTS];
static int n_objects;
static bool child; /* this process is one below the server; a worker may not ask for its pid */
LOCAL bool busy;   /* in here already */

struct fault_control *fault_control(void) {
    return control;
}

static int note_object(struct dl_phdr_info *info, size_t size, void *argument) {
    struct fault_control *block = argument;
    (void)size;
    if (n_objects == FAULT_OBJECTS)
        return 1;
    uintptr_t end = info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && info->dlpi_addr + part->p_vaddr + part->p_memsz > end)
            end = info->dlpi_addr + part->p_vaddr + part->p_memsz;
    }
    memcpy(block->objects[n_objects], info->dlpi_name, strnlen(info->dlpi_name, FAULT_PATH - 1));
    starts[n_objects] = info->dlpi_addr;
    ends[n_objects++] = end;
    return 0;
}

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("LD_FAULTS_CONTROL");
    struct fault_control *block = &own;
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd >= 0) {
        void *shared = mmap(NULL, sizeof(own), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (shared != MAP_FAILED)
            block = shared;
        close(fd);
    }
    dl_iterate_phdr(note_object, block);
    uint32_t none = 0;
    child = !atomic_compare_exchange_strong(&block->server, &none, (uint32_t)getpid());
    control = block;
}

/* ---- sites ---------------------------------------------------------------------------------- */

struct walk {
    struct fault_site site;
    int skip;
    int n;
};

static void place(struct fault_site *site, int n, uintptr_t address) {
    site->frames[n] = address;
    site->objects[n] = FAULT_OBJECTS;
    for (int i = 0; i < n_objects; i++)
        if (address >= starts[i] && address < ends[i]) {
            site->frames[n] = address - starts[i];
            site->objects[n] = (uint64_t)i;
        }
}

static _Unwind_Reason_Code step(struct _Unwind_Context *context, void *argument) {
    struct walk *walk = argument;
    if (walk->skip > 0) {
        walk->skip--;
        return _URC_NO_REASON;
    }
    if (walk->n == FAULT_FRAMES)
        return _URC_END_OF_STACK;
    uintptr_t address = _Unwind_GetIP(context);
    if (address == 0)
        return _URC_END_OF_STACK;
    place(&walk->site, walk->n++, address);
    return _URC_NO_REASON;
}

/* Which site the caller's caller is. */
static __attribute__((noinline)) void identify(struct fault_site *site, enum fault_kind kind) {
    struct walk walk = {.skip = 3}; /* this function, fault(), and the call */
    _Unwind_Backtrace(step, &walk);
    *site = walk.site;
    site->kind = (uint32_t)kind;
    site->child = child;
    uint64_t id = UINT64_C(0xcbf29ce484222325) ^ kind ^ (uint64_t)site->child << 32;
    for (int i = 0; i < walk.n; i++) {
        id = (id ^ site->frames[i]) * UINT64_C(0x100000001b3);
        id = (id ^ site->objects[i]) * UINT64_C(0x9e3779b97f4a7c15);
        id ^= id >> 29;
    }
    atomic_store(&site->id, id ? id : 1);
}

static void note(const struct fault_site *site) {
    uint64_t id = atomic_load(&site->id);
    for (unsigned i = 0; i < FAULT_SITES; i++) {
        struct fault_site *entry = &control->sites[(id + i) % FAULT_SITES];
        uint64_t none = 0;
        if (atomic_load(&entry->id) == id) {
            atomic_fetch_add(&entry->calls, 1);
            return;
        }
        if (atomic_compare_exchange_strong(&entry->id, &none, id)) {
            entry->kind = site->kind;
            entry->child = site->child;
            memcpy(entry->frames, site->frames, sizeof(entry->frames));
            memcpy(entry->objects, site->objects, sizeof(entry->objects));
            atomic_fetch_add(&entry->calls, 1);
            return;
        }
    }
    atomic_fetch_add(&control->dropped, 1);
}

static bool decide(enum fault_kind kind, uint32_t mode) {
    struct fault_site site;
    uint64_t call = atomic_fetch_add(&control->calls, 1) + 1;
    switch (mode) {
    case FAULT_NTH:
        return call == atomic_load(&control->target);
    case FAULT_FROM_NTH:
        return call >= atomic_load(&control->target);
    case FAULT_KINDS:
        return control->path[0] == '\0';
    default:
        break;
    }
    identify(&site, kind);
    if (mode == FAULT_RECORD) {
        note(&site);
        return false;
    }
    if (atomic_load(&site.id) != atomic_load(&control->target))
        return false;
    return mode == FAULT_SITE_ALWAYS || atomic_fetch_add(&control->failed, 1) == 0;
}

/* Whether this call is to fail; errno is set then. */
static __attribute__((noinline)) bool fault(enum fault_kind kind) {
    if (!control || busy)
        return false;
    uint32_t mode = atomic_load_explicit(&control->mode, memory_order_acquire);
    if (mode == FAULT_OFF || !(atomic_load(&control->kinds) >> kind & 1))
        return false;
    int saved = errno;
    busy = true;
    bool fails = decide(kind, mode);
    busy = false;
    if (fails && mode != FAULT_SITE_ONCE)
        atomic_fetch_add(&control->failed, 1);
    uint32_t given = atomic_load(&control->error);
    errno = !fails ? saved : given ? (int)given : errors[kind];
    return fails;
}

/* FAULT_KINDS with a path: files below it. */
static bool fault_path(enum fault_kind kind, const char *path) {
    if (!control || atomic_load(&control->mode) != FAULT_KINDS || control->path[0] == '\0')
        return fault(kind);
    if (!(atomic_load(&control->kinds) >> kind & 1) ||
        strncmp(path, control->path, strlen(control->path)) != 0)
        return false;
    atomic_fetch_add(&control->failed, 1);
    uint32_t given = atomic_load(&control->error);
    errno = given ? (int)given : errors[kind];
    return true;
}

static bool fault_file(enum fault_kind kind, int fd) {
    char link[32] = "/proc/self/fd/";
    char path[FAULT_PATH] = "";
    if (!control || atomic_load(&control->mode) != FAULT_KINDS || control->path[0] == '\0')
        return fault(kind);
    int at = (int)strlen(link);
    char digits[12];
    int n = 0;
    do
        digits[n++] = (char)('0' + fd % 10);
    while ((fd /= 10) > 0);
    while (n > 0)
        link[at++] = digits[--n];
    ssize_t len = readlink(link, path, sizeof(path) - 1);
    return len > 0 && fault_path(kind, path);
}

static bool armed(void) {
    return control && !busy && atomic_load_explicit(&control->mode, memory_order_relaxed);
}

/* By what fd is: a file's kind, a socket's kind, or none. A worker may not ask what it is: that
 * of a cluster has pipes, which do not fail, as its first ones. */
static bool fault_descriptor(enum fault_kind file, enum fault_kind socket, int fd) {
    struct stat status;
    if (!armed() || (child && fd <= WORKER_PIPES) || fstat(fd, &status) != 0)
        return false;
    if (S_ISSOCK(status.st_mode))
        return fault(socket);
    return S_ISREG(status.st_mode) && fault_file(file, fd);
}

/* The next definition of a function, found once. */
#define NEXT(name)                                                                                 \
    ({                                                                                             \
        static __typeof__(&name) next_;                                                            \
        if (!next_)                                                                                \
            next_ = (__typeof__(&name))dlsym(RTLD_NEXT, #name);                                    \
        next_;                                                                                     \
    })

/* ---- memory --------------------------------------------------------------------------------- */

static void *born(void *block) {
    if (block && control && !child) {
        atomic_fetch_add_explicit(&control->live_blocks, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&control->live_bytes, malloc_usable_size(block),
                                  memory_order_relaxed);
    }
    return block;
}

static void dies(void *block) {
    if (block && control && !child) {
        atomic_fetch_sub_explicit(&control->live_blocks, 1, memory_order_relaxed);
        atomic_fetch_sub_explicit(&control->live_bytes, malloc_usable_size(block),
                                  memory_order_relaxed);
    }
}

void *malloc(size_t size) {
    return fault(FAULT_MALLOC) ? NULL : born(NEXT(malloc)(size));
}

void *calloc(size_t count, size_t size) {
    return fault(FAULT_CALLOC) ? NULL : born(NEXT(calloc)(count, size));
}

/* dlsym() frees the message of an error before, so it may be asked for while it is looked for: that
 * message is left. */
void free(void *block) {
    static void (*next)(void *);
    static bool looking;
    if (!next) {
        if (looking)
            return;
        looking = true;
        next = (void (*)(void *))dlsym(RTLD_NEXT, "free");
    }
    dies(block);
    next(block);
}

static void *again(void *block, size_t size) {
    if (fault(FAULT_REALLOC))
        return NULL;
    size_t before = block ? malloc_usable_size(block) : 0;
    void *moved = NEXT(realloc)(block, size);
    if (!control || child)
        return moved;
    if (block && (moved || size == 0)) {
        atomic_fetch_sub_explicit(&control->live_blocks, 1, memory_order_relaxed);
        atomic_fetch_sub_explicit(&control->live_bytes, before, memory_order_relaxed);
    }
    return born(moved);
}

void *realloc(void *block, size_t size) {
    return again(block, size);
}

void *reallocarray(void *block, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return again(block, bytes);
}

void *aligned_alloc(size_t alignment, size_t size) {
    return fault(FAULT_ALIGNED) ? NULL : born(NEXT(aligned_alloc)(alignment, size));
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    if (fault(FAULT_ALIGNED))
        return ENOMEM;
    int failed = NEXT(posix_memalign)(block, alignment, size);
    if (failed == 0)
        born(*block);
    return failed;
}

static char *copy(const char *text, size_t len) {
    char *made = fault(FAULT_STRDUP) ? NULL : born(NEXT(malloc)(len + 1));
    if (made) {
        memcpy(made, text, len);
        made[len] = '\0';
    }
    return made;
}

#undef strdup
char *strdup(const char *text) {
    return copy(text, strlen(text));
}

#undef strndup
char *strndup(const char *text, size_t size) {
    return copy(text, strnlen(text, size));
}

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset) {
    if (fault(FAULT_MMAP))
        return MAP_FAILED;
    return NEXT(mmap)(at, size, protection, flags, fd, offset);
}

void *mmap64(void *at, size_t size, int protection, int flags, int fd, off64_t offset) {
    if (fault(FAULT_MMAP))
        return MAP_FAILED;
    return NEXT(mmap)(at, size, protection, flags, fd, offset);
}

void *mremap(void *old, size_t old_size, size_t size, int flags, ...) {
    va_list args;
    va_start(args, flags);
    void *at = flags & MREMAP_FIXED ? va_arg(args, void *) : NULL;
    va_end(args);
    return fault(FAULT_MREMAP) ? MAP_FAILED : NEXT(mremap)(old, old_size, size, flags, at);
}

int memfd_create(const char *name, unsigned flags) {
    return fault(FAULT_MEMFD) ? -1 : NEXT(memfd_create)(name, flags);
}

int ftruncate(int fd, off_t size) {
    return fault_file(FAULT_FTRUNCATE, fd) ? -1 : NEXT(ftruncate)(fd, size);
}

int ftruncate64(int fd, off64_t size) {
    return fault_file(FAULT_FTRUNCATE, fd) ? -1 : NEXT(ftruncate)(fd, size);
}

int fallocate(int fd, int mode, off_t offset, off_t size) {
    return fault_file(FAULT_FALLOCATE, fd) ? -1 : NEXT(fallocate)(fd, mode, offset, size);
}

/* ---- files ---------------------------------------------------------------------------------- */

static mode_t open_mode(int flags, va_list args) {
    return flags & (O_CREAT | __O_TMPFILE) ? va_arg(args, mode_t) : 0;
}

int open(const char *path, int flags, ...) {
    va_list args;
    va_start(args, flags);
    mode_t mode = open_mode(flags, args);
    va_end(args);
    return fault_path(FAULT_OPEN, path) ? -1 : NEXT(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list args;
    va_start(args, flags);
    mode_t mode = open_mode(flags, args);
    va_end(args);
    return fault_path(FAULT_OPEN, path) ? -1 : NEXT(open64)(path, flags, mode);
}

int openat(int at, const char *path, int flags, ...) {
    va_list args;
    va_start(args, flags);
    mode_t mode = open_mode(flags, args);
    va_end(args);
    return fault(FAULT_OPEN) ? -1 : NEXT(openat)(at, path, flags, mode);
}

FILE *fopen(const char *path, const char *mode) {
    return fault(FAULT_FOPEN) ? NULL : NEXT(fopen)(path, mode);
}

FILE *fopen64(const char *path, const char *mode) {
    return fault(FAULT_FOPEN) ? NULL : NEXT(fopen64)(path, mode);
}

DIR *opendir(const char *path) {
    return fault(FAULT_OPENDIR) ? NULL : NEXT(opendir)(path);
}

int stat(const char *path, struct stat *status) {
    return fault(FAULT_STAT) ? -1 : NEXT(stat)(path, status);
}

int fstatat(int at, const char *path, struct stat *status, int flags) {
    return fault(FAULT_STAT) ? -1 : NEXT(fstatat)(at, path, status, flags);
}

ssize_t read(int fd, void *data, size_t size) {
    return fault_descriptor(FAULT_READ, FAULT_RECEIVE, fd) ? -1 : NEXT(read)(fd, data, size);
}

ssize_t pread(int fd, void *data, size_t size, off_t offset) {
    return fault_file(FAULT_READ, fd) ? -1 : NEXT(pread)(fd, data, size, offset);
}

ssize_t pread64(int fd, void *data, size_t size, off64_t offset) {
    return fault_file(FAULT_READ, fd) ? -1 : NEXT(pread)(fd, data, size, offset);
}

ssize_t write(int fd, const void *data, size_t size) {
    return fault_descriptor(FAULT_WRITE, FAULT_SEND, fd) ? -1 : NEXT(write)(fd, data, size);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    return fault_file(FAULT_WRITE, fd) ? -1 : NEXT(pwrite)(fd, data, size, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    return fault_file(FAULT_WRITE, fd) ? -1 : NEXT(pwrite)(fd, data, size, offset);
}

int fsync(int fd) {
    return fault_file(FAULT_SYNC, fd) ? -1 : NEXT(fsync)(fd);
}

int fdatasync(int fd) {
    return fault_file(FAULT_SYNC, fd) ? -1 : NEXT(fdatasync)(fd);
}

int sync_file_range(int fd, off64_t offset, off64_t size, unsigned flags) {
    return fault_file(FAULT_SYNC, fd) ? -1 : NEXT(sync_file_range)(fd, offset, size, flags);
}

int flock(int fd, int operation) {
    return fault(FAULT_LOCK) ? -1 : NEXT(flock)(fd, operation);
}

/* Linux ends a lock without memory, unless half of it is to be kept, which nobody here does. */
static enum fault_kind fcntl_kind(int command, const void *argument) {
    switch (command) {
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_SETLK:
        return ((const struct flock *)argument)->l_type == F_UNLCK ? FAULT_KIND_COUNT : FAULT_LOCK;
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        return FAULT_DUP;
    case F_ADD_SEALS:
        return FAULT_FCNTL;
    default: /* reading and setting flags does not fail */
        return FAULT_KIND_COUNT;
    }
}

int fcntl(int fd, int command, ...) {
    va_list args;
    va_start(args, command);
    void *argument = va_arg(args, void *);
    va_end(args);
    enum fault_kind kind = fcntl_kind(command, argument);
    return kind != FAULT_KIND_COUNT && fault(kind) ? -1 : NEXT(fcntl)(fd, command, argument);
}

int fcntl64(int fd, int command, ...) {
    va_list args;
    va_start(args, command);
    void *argument = va_arg(args, void *);
    va_end(args);
    enum fault_kind kind = fcntl_kind(command, argument);
    return kind != FAULT_KIND_COUNT && fault(kind) ? -1 : NEXT(fcntl)(fd, command, argument);
}

int dup2(int fd, int other) {
    return fault(FAULT_DUP) ? -1 : NEXT(dup2)(fd, other);
}

int dup3(int fd, int other, int flags) {
    return fault(FAULT_DUP) ? -1 : NEXT(dup3)(fd, other, flags);
}

/* ---- sockets -------------------------------------------------------------------------------- */

int socket(int domain, int type, int protocol) {
    return fault(FAULT_SOCKET) ? -1 : NEXT(socket)(domain, type, protocol);
}

int socketpair(int domain, int type, int protocol, int pair[2]) {
    return fault(FAULT_SOCKETPAIR) ? -1 : NEXT(socketpair)(domain, type, protocol, pair);
}

int bind(int fd, const struct sockaddr *address, socklen_t size) {
    return fault(FAULT_BIND) ? -1 : NEXT(bind)(fd, address, size);
}

int listen(int fd, int backlog) {
    return fault(FAULT_LISTEN) ? -1 : NEXT(listen)(fd, backlog);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t size) {
    return fault(FAULT_SOCKOPT) ? -1 : NEXT(setsockopt)(fd, level, name, value, size);
}

int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags) {
    return fault(FAULT_ACCEPT) ? -1 : NEXT(accept4)(fd, address, size, flags);
}

ssize_t send(int fd, const void *data, size_t size, int flags) {
    return fault(FAULT_SEND) ? -1 : NEXT(send)(fd, data, size, flags);
}

ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to,
               socklen_t to_size) {
    return fault(FAULT_SEND) ? -1 : NEXT(sendto)(fd, data, size, flags, to, to_size);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    return fault(FAULT_SEND) ? -1 : NEXT(sendmsg)(fd, message, flags);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    return fault_descriptor(FAULT_WRITE, FAULT_SEND, fd) ? -1 : NEXT(writev)(fd, parts, count);
}

ssize_t sendfile64(int to, int from, off64_t *offset, size_t size) {
    return fault(FAULT_SEND) ? -1 : NEXT(sendfile64)(to, from, offset, size);
}

/* Weak: the server has one of its own, which calls this one. */
__attribute__((weak)) ssize_t recv(int fd, void *data, size_t size, int flags) {
    return fault(FAULT_RECEIVE) ? -1 : NEXT(recv)(fd, data, size, flags);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
    return fault(FAULT_RECEIVE) ? -1 : NEXT(recvmsg)(fd, message, flags);
}

int eventfd(unsigned value, int flags) {
    return fault(FAULT_EVENTFD) ? -1 : NEXT(eventfd)(value, flags);
}

int epoll_create1(int flags) {
    return fault(FAULT_EPOLL_CREATE) ? -1 : NEXT(epoll_create1)(flags);
}

int epoll_ctl(int fd, int operation, int of, struct epoll_event *event) {
    if (operation == EPOLL_CTL_ADD && fault(FAULT_EPOLL_ADD))
        return -1;
    return NEXT(epoll_ctl)(fd, operation, of, event);
}

int epoll_wait(int fd, struct epoll_event *events, int count, int timeout) {
    return fault(FAULT_WAIT) ? -1 : NEXT(epoll_wait)(fd, events, count, timeout);
}

int poll(struct pollfd *fds, nfds_t count, int timeout) {
    return fault(FAULT_WAIT) ? -1 : NEXT(poll)(fds, count, timeout);
}

int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask) {
    return fault(FAULT_WAIT) ? -1 : NEXT(ppoll)(fds, count, timeout, mask);
}

/* ---- threads and processes ------------------------------------------------------------------ */

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *),
                   void *argument) {
    return fault(FAULT_THREAD) ? EAGAIN : NEXT(pthread_create)(thread, attributes, body, argument);
}

/* A sanitizer asks this in each thread that begins, and ends the program if it fails. */
int pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes) {
    bool was = busy;
    busy = true;
    int failed = NEXT(pthread_getattr_np)(thread, attributes);
    busy = was;
    return failed;
}

pid_t fork(void) {
    pid_t pid = fault(FAULT_FORK) ? -1 : NEXT(fork)();
    child = child || pid == 0;
    return pid;
}

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *files,
                const posix_spawnattr_t *attributes, char *const arguments[],
                char *const variables[]) {
    return fault(FAULT_FORK)
               ? EAGAIN
               : NEXT(posix_spawn)(pid, path, files, attributes, arguments, variables);
}

int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *files,
                 const posix_spawnattr_t *attributes, char *const arguments[],
                 char *const variables[]) {
    return fault(FAULT_FORK)
               ? EAGAIN
               : NEXT(posix_spawnp)(pid, file, files, attributes, arguments, variables);
}

pid_t waitpid(pid_t pid, int *status, int options) {
    if (fault(FAULT_PROCESS)) {
        errno = EINTR;
        return -1;
    }
    return NEXT(waitpid)(pid, status, options);
}

int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit) {
    return fault(FAULT_PROCESS) ? -1 : NEXT(setrlimit)(resource, limit);
}

int prctl(int option, ...) {
    va_list args;
    unsigned long given[4];
    va_start(args, option);
    for (int i = 0; i < 4; i++)
        given[i] = va_arg(args, unsigned long);
    va_end(args);
    if (fault(FAULT_PROCESS))
        return -1;
    return NEXT(prctl)(option, given[0], given[1], given[2], given[3]);
}

ssize_t getrandom(void *data, size_t size, unsigned flags) {
    return fault(FAULT_RANDOM) ? -1 : NEXT(getrandom)(data, size, flags);
}

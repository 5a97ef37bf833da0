/*
 * faults.h: the block of memory by which a test tells a running program what is to fail.
 *
 * It is a file that the test and the program map, so that a server, its fork server and all workers
 * obey the same orders. tests/faults/control.py knows the same layout: change both.
 *
 * A *site* is a call that may fail, as it is reached: the kind of call, whether the server or a
 * process below it made it, and the return addresses above it. Its id is a hash of these, and the
 * same in every process and every run of one binary.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include <stdatomic.h>
#include <stdint.h>

enum fault_mode {
    FAULT_OFF,
    FAULT_RECORD,      /* nothing fails; sites are noted */
    FAULT_SITE_ONCE,   /* the first call of site `target` fails */
    FAULT_SITE_ALWAYS, /* every call of it */
    FAULT_NTH,         /* the call number `target` of the kinds in `kinds` fails, counted from 1 */
    FAULT_FROM_NTH,    /* and all behind it */
    FAULT_KINDS, /* every call of the kinds, below `path` where the call has a path or a file */
};

enum fault_kind {
    FAULT_MALLOC,
    FAULT_CALLOC,
    FAULT_REALLOC,
    FAULT_ALIGNED,
    FAULT_STRDUP,
    FAULT_MMAP,
    FAULT_MREMAP,
    FAULT_MEMFD,
    FAULT_FTRUNCATE,
    FAULT_FALLOCATE,
    FAULT_OPEN,
    FAULT_FOPEN,
    FAULT_OPENDIR,
    FAULT_STAT,
    FAULT_READ,  /* of a file */
    FAULT_WRITE, /* to a file */
    FAULT_SYNC,
    FAULT_LOCK, /* flock and fcntl's locks */
    FAULT_FCNTL,
    FAULT_DUP,
    FAULT_SOCKET,
    FAULT_SOCKETPAIR,
    FAULT_BIND,
    FAULT_LISTEN,
    FAULT_SOCKOPT,
    FAULT_ACCEPT,
    FAULT_SEND, /* on a socket, by whatever call */
    FAULT_RECEIVE,
    FAULT_EVENTFD,
    FAULT_EPOLL_CREATE,
    FAULT_EPOLL_ADD,
    FAULT_WAIT, /* epoll_wait, poll, ppoll: interrupted */
    FAULT_THREAD,
    FAULT_FORK,
    FAULT_PROCESS, /* waitpid, waitid, prctl, setrlimit, sigaction */
    FAULT_RANDOM,
    FAULT_KIND_COUNT
};

enum { FAULT_FRAMES = 8, FAULT_SITES = 1 << 14, FAULT_PATH = 256, FAULT_OBJECTS = 64 };

struct fault_site {
    _Atomic uint64_t id;
    uint32_t kind;
    uint32_t child; /* made by a process below the server */
    _Atomic uint64_t calls;
    uint64_t frames[FAULT_FRAMES];  /* addresses less the start of their object; 0: no more */
    uint64_t objects[FAULT_FRAMES]; /* its place in the list of loaded objects; 0: the program */
};

struct fault_control {
    _Atomic uint32_t mode;
    _Atomic uint32_t error; /* the errno to give; 0: that of the kind */
    _Atomic uint64_t target;
    _Atomic uint64_t kinds; /* a bit for each kind that counts */
    _Atomic uint64_t calls; /* of these kinds since the mode was set */
    _Atomic uint64_t failed;
    _Atomic uint64_t live_blocks; /* of the server's own process: allocated and not freed */
    _Atomic uint64_t live_bytes;
    _Atomic uint32_t server;  /* its pid: the first process since this was 0 */
    _Atomic uint32_t dropped; /* sites that the table had no room for */
    char path[FAULT_PATH];
    char objects[FAULT_OBJECTS]
                [FAULT_PATH]; /* files of the loaded objects; the program's is empty */
    struct fault_site sites[FAULT_SITES];
};

/* Of this process: the file that LD_FAULTS_CONTROL names (the server hands variables of such names
 * on to its fork server), or memory of its own. NULL before the first call. */
struct fault_control *fault_control(void);

#endif

/*
 * forkserver.h: the process that forks the workers.
 *
 * A process with threads cannot fork safely, so the server starts a program with one thread that
 * does it: its own program again, with the argument --fork-server and a socket as descriptor 3. It
 * shares no memory with the server, nor do its workers: what they need is sent to them. If it dies,
 * its workers die with it, and whoever needs a worker next starts another one.
 */
#ifndef CN_POOL_FORKSERVER_H
#define CN_POOL_FORKSERVER_H

#include "pool/executor.h"

/* ---- confinement ---------------------------------------------------------------------------- */

enum cn_isolation_level {
    CN_ISOLATION_AVAILABLE, /* what the system can do */
    CN_ISOLATION_REQUIRED,  /* all of it, or no fork server */
    CN_ISOLATION_OFF        /* nothing, so that debuggers and valgrind can be used */
};
const char *cn_isolation_name(enum cn_isolation_level level); /* "available" */
/* The level of that name; false: there is none. */
bool cn_isolation_parse(enum cn_isolation_level *level, const char *name);

/* What is wanted. Holds no pointers. */
struct cn_confinement {
    enum cn_isolation_level level;
    uint64_t memory_bytes; /* private memory of a worker; 0: no limit */
    uint64_t output_bytes; /* and the output of one task, which is shared memory; 0: no limit */
};

/* What was done. */
struct cn_isolation {
    bool seccomp;
    int landlock; /* the version of its interface; 0: there is none */
};

/* ---- the server's side ---------------------------------------------------------------------- */

struct cn_forkserver_settings {
    /* For the registry's context (keys): sent to each fork server, so it must live as long as the
     * struct cn_forkserver. */
    struct cn_str context;
    struct cn_confinement confinement;
};

/* Starts one. CN_INTERNAL, also if isolation is required and cannot be had. The calls below are
 * thread-safe. */
enum cn_code cn_forkserver_start(struct cn_forkserver **server,
                                 const struct cn_forkserver_settings *settings,
                                 struct cn_error *error);
/* Workers must be gone. */
void cn_forkserver_stop(struct cn_forkserver *server);
/* How it is at the moment. Never waits for the process. */
struct cn_forkserver_state {
    pid_t pid;                     /* 0: none */
    uint64_t starts;               /* how many there were, with this one */
    struct cn_isolation isolation; /* of the workers that it forks */
};
struct cn_forkserver_state cn_forkserver_state(struct cn_forkserver *server);
/* What is wanted of its workers. */
const struct cn_confinement *cn_forkserver_confinement(const struct cn_forkserver *server);

/* ---- the other side: what a program's main calls before anything else ----------------------- */

struct cn_forkserver_program {
    const struct cn_kind *kinds;
    size_t n_kinds;
    /* Makes the registry's context from the bytes that the server sent, which stay where they are.
     * NULL: there is none. */
    enum cn_code (*open_context)(struct cn_str bytes, const void **context, struct cn_error *error);
    /* Does what would open files later, when that is not possible any more. May be NULL. */
    enum cn_code (*prepare)(struct cn_error *error);
};

/* Whether this process was started to be a fork server. */
bool cn_forkserver_wanted(int argc, char **argv);
/* Is one until the server's end of the socket closes. */
_Noreturn void cn_forkserver_enter(const struct cn_forkserver_program *program);

#endif

/*
 * proxy.h: the server's side of one worker process (private to this room).
 *
 * A proxy is used by one slot's thread alone; only cn_proxy_wake() may be called by others. The
 * process, its socket and its two windows are made together and go together: nothing that a dead
 * worker could write to is used again.
 */
#ifndef CN_POOL_PROXY_H
#define CN_POOL_PROXY_H

#include <sys/types.h>

#include "pool/protocol.h"
#include "pool/queue.h"
#include "pool/window.h"

struct cn_proxy {
    struct cn_slot *slot;
    struct cn_forkserver *server;
    int event;  /* eventfd: "look up" */
    int socket; /* -1 while there is no process */
    struct cn_worker_process process;
    struct cn_window in;
    struct cn_window out;
    uint64_t number; /* of the last request */
    bool suspect;    /* something came from an idle worker: it died, or is broken */
    bool served;     /* was given a task */
    bool orphaned;   /* the last process went together with its fork server */
    int64_t born_ns; /* when it was greeted */
    bool trimmed;    /* its windows are small already */
    bool stopping;   /* its end is wanted: it is not a death */
    bool replaced;   /* there was a process before */
    bool failing;    /* the last start failed */
    int failures;    /* starts that failed and deaths before a first task, in a row */
    int64_t retry_ns;
    struct cn_worker_answer *answer; /* room for one */
};

enum cn_proxy_outcome {
    CN_PROXY_ANSWERED, /* *code and the task's fields are set */
    CN_PROXY_STOPPED,  /* it did not stop when told to; to be discarded */
    CN_PROXY_LOST      /* it died or talked nonsense; to be discarded */
};

enum cn_code cn_proxy_init(struct cn_proxy *proxy, struct cn_slot *slot,
                           struct cn_forkserver *server, struct cn_error *error);
void cn_proxy_release(struct cn_proxy *proxy);

/* Starts a process and waits for its greeting. CN_WORKER_LOST, CN_OVERLOADED. */
enum cn_code cn_proxy_start(struct cn_proxy *proxy, struct cn_error *error);
/* Kills and reaps the process if there is one, and counts how it ended; `how` (may be NULL) gets
 * how it ended: "killed by SIGSEGV". */
void cn_proxy_discard(struct cn_proxy *proxy, char *how, size_t size);

/* Hands the task to the process and waits for the answer. */
enum cn_proxy_outcome cn_proxy_try(struct cn_proxy *proxy, struct cn_task *task,
                                   enum cn_code *code);

/* Sleeps until woken, until the idle process does anything, or until the time (0: no limit). */
void cn_proxy_wait(struct cn_proxy *proxy, int64_t until_ns);
void cn_proxy_wake(struct cn_proxy *proxy);

#endif

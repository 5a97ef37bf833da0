/*
 * bridge.h: the server's side of the bridge to a Dask cluster (private to this room).
 *
 * Two threads look after it. The keeper starts the process, reads its frames, and when it ended, or
 * was silent for too long, tells all calls that they are lost and starts another one. The writer
 * sends frames, so that nobody else ever waits for a socket that is full.
 *
 * A call is one task on its way, and belongs to one slot's thread: it makes the call, waits, and
 * takes the reply. All else in here is guarded by one lock, which is never held while a frame is
 * read or written. (Lock order: a queue's lock, then this one.)
 */
#ifndef CN_POOL_BRIDGE_H
#define CN_POOL_BRIDGE_H

#include <pthread.h>

#include "pool/bridge_protocol.h"
#include "pool/bridge_workers.h"
#include "pool/dask.h"
#include "pool/protocol.h"

enum cn_bridge_outcome {
    CN_BRIDGE_WAITING,
    CN_BRIDGE_ANSWERED, /* `reply` is what followed struct cn_bridge_done */
    CN_BRIDGE_GAVE_UP,  /* `failed` is set */
    CN_BRIDGE_BROKE_OFF /* the bridge ended */
};

struct cn_bridge_call {
    struct cn_bridge *bridge;
    pthread_cond_t changed;
    bool woken;
    uint64_t number; /* 0: nothing is on its way */
    enum cn_bridge_outcome outcome;
    struct cn_bridge_done done;
    struct cn_bridge_failed failed;
    char *reply;
    size_t reply_size;
    int worker;                     /* that answered, as cn_dask_worker names it */
    const char *host;               /* its machine */
    char address[128];              /* where Dask has it */
    struct cn_bridge_frame *cancel; /* made when a task is sent: giving it up must need no memory */
    struct cn_bridge_call *next;
};

/* A frame on its way out: CN_BRIDGE_SUBMIT with all of it, CN_BRIDGE_CANCEL with a head only. */
struct cn_bridge_frame {
    struct cn_bridge_head head;
    struct cn_bridge_submit submit;
    struct cn_worker_request request;
    char *image; /* its own: the window of the request */
    struct cn_bridge_frame *next;
};

struct cn_bridge_process {
    pid_t pid;   /* 0: none */
    int socket;  /* -1: none */
    int program; /* memory file with the program's text */
};

struct cn_bridge {
    struct cn_bridge_hello hello;
    char *python;
    size_t most;                      /* bytes of a reply */
    int stop;                         /* eventfd that ends the keeper's waiting */
    struct cn_bridge_process process; /* the keeper's own */
    char said[256];                   /* likewise: the last problem that was printed */

    pthread_mutex_t lock;
    pthread_cond_t writer_wake; /* there is something to write, or nothing is written any more */
    pthread_cond_t writer_idle;
    pthread_t keeper;
    pthread_t writer;
    bool stopping;
    bool open;    /* the socket may be written to */
    bool writing; /* the writer does */
    uint64_t number;
    struct cn_bridge_call *calls;
    struct cn_bridge_frame *frames;
    struct cn_bridge_frame *frames_last;
    struct cn_bridge_workers workers;
    int64_t absent_ns; /* since when there is no usable worker; 0: there is one */
    struct cn_dask_state state;
};

enum cn_code cn_bridge_new(struct cn_bridge **bridge, const struct cn_dask_settings *settings,
                           struct cn_error *error);
/* Ends the process: it has four seconds to leave the cluster. Nobody may have a call. */
void cn_bridge_free(struct cn_bridge *bridge);

void cn_bridge_call_init(struct cn_bridge_call *call, struct cn_bridge *bridge);
void cn_bridge_call_release(struct cn_bridge_call *call);

/* Sends a task once there is a bridge, which is to try it anew up to `retries` times when its
 * worker is lost. CN_OVERLOADED: no memory. */
enum cn_code cn_bridge_send(struct cn_bridge_call *call, const struct cn_task *task, int retries,
                            struct cn_error *error);
/* Waits until there is an outcome, until cn_bridge_wake(), or the time (0: no limit). */
enum cn_bridge_outcome cn_bridge_wait(struct cn_bridge_call *call, int64_t until_ns);
void cn_bridge_wake(struct cn_bridge_call *call);
/* The call is over: what comes for it is dropped, and the cluster told so if it may still work on
 * it. */
void cn_bridge_drop(struct cn_bridge_call *call);

/* Since when no worker can be used, and why; 0: some can. */
int64_t cn_bridge_absent(struct cn_bridge *bridge, char *problem, size_t size);
/* Copies of what dask.h tells. */
void cn_bridge_state(struct cn_bridge *bridge, struct cn_dask_state *state);
size_t cn_bridge_list(struct cn_bridge *bridge, struct cn_dask_worker *list, size_t max);
/* Counts what a worker answered. */
void cn_bridge_count(struct cn_bridge *bridge, int worker, int64_t cpu_ns);

/* ---- the process (bridge_process.c) --------------------------------------------------------- */

/* Puts the program's text where a process can read it. */
enum cn_code cn_bridge_process_init(struct cn_bridge_process *process, struct cn_str program,
                                    struct cn_error *error);
/* Starts it; its socket does not block. CN_WORKER_LOST: it could not be. */
enum cn_code cn_bridge_process_start(struct cn_bridge_process *process, const char *python,
                                     struct cn_error *error);
/* Closes its socket, gives it `patience_ms` to end by itself, and ends it. `how` gets how it ended:
 * "exit status 1", or "" if it said why itself. */
void cn_bridge_process_end(struct cn_bridge_process *process, int patience_ms, char *how,
                           size_t size);
void cn_bridge_process_release(struct cn_bridge_process *process);

#endif

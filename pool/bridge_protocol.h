/*
 * bridge_protocol.h: what the server and the bridge to a Dask cluster say to each other (private to
 * this room), on a stream socket. The other side is pool/dask/bridge.py, so all is of fixed size,
 * without padding, little-endian; texts are NUL-terminated.
 *
 * A frame is a head and `size` bytes. The first one is CN_BRIDGE_HELLO; the end of the socket ends
 * the bridge.
 */
#ifndef CN_POOL_BRIDGE_PROTOCOL_H
#define CN_POOL_BRIDGE_PROTOCOL_H

#include "pool/pipe_worker.h"

#define CN_BRIDGE_SOCKET 3
#define CN_BRIDGE_PROGRAM 4 /* the descriptor that Python reads its program from */
#define CN_BRIDGE_VERSION 1
#define CN_BRIDGE_SAID_WHY 3   /* exit status: its last state has the reason */
#define CN_BRIDGE_WORKERS 1024 /* of the cluster, that are told of at most: usable ones first */

enum cn_bridge_kind {
    /* to the bridge */
    CN_BRIDGE_HELLO = 1,
    CN_BRIDGE_SUBMIT = 2, /* struct cn_bridge_submit, struct cn_worker_request, its window */
    CN_BRIDGE_CANCEL = 3, /* nobody wants the number's answer any more; there may be none */
    /* from it */
    CN_BRIDGE_STATE = 11,  /* at every change, and at least once a second */
    CN_BRIDGE_DONE = 12,   /* struct cn_bridge_done, struct cn_worker_answer, its output */
    CN_BRIDGE_FAILED = 13, /* struct cn_bridge_failed */
};

struct cn_bridge_head {
    uint32_t kind;
    uint32_t reserved;
    uint64_t number; /* of the task; 0: it is about none */
    uint64_t size;   /* of what follows */
};

struct cn_bridge_hello {
    uint32_t version;
    uint32_t isolation; /* enum cn_isolation_level: of the bridge itself */
    uint64_t answer_size;
    uint64_t request_size;
    char session[32]; /* of this server, since it was started: plans are numbered within it */
    char scheduler[256];
    char tls_ca[256]; /* empty: no TLS */
    char tls_cert[256];
    char tls_key[256];
    char identity[CN_PIPE_IDENTITY]; /* what a worker must be */
    unsigned char setup[256];        /* what it is to be told first; `setup_size` bytes */
    uint64_t setup_size;
};

struct cn_bridge_submit {
    int64_t left_ns;  /* until the deadline; 0: none */
    uint32_t retries; /* how often it is sent anew when its worker was lost */
    uint32_t reserved;
};

/* Then come `n_workers` of the next. */
struct cn_bridge_state {
    uint32_t connected; /* to the scheduler */
    uint32_t n_workers;
    uint32_t n_threads; /* of those that can be used */
    uint32_t landlock;  /* the version of it that confines the bridge; 0: nothing does */
    char scheduler[256];
    char dashboard[256]; /* of Dask; empty: none */
    char problem[256];   /* why it is not connected */
};

struct cn_bridge_worker {
    uint32_t index; /* the bridge's number for this address */
    uint32_t threads;
    uint32_t usable;
    uint32_t reserved;
    uint64_t memory_bytes; /* that Dask lets it use; 0: no limit */
    char address[128];
    char host[64];
    char name[64];
    char problem[192]; /* why it is not usable */
};

/* The times sum to what passed between the bridge's reading of the task and its writing of this. */
struct cn_bridge_done {
    uint32_t worker; /* its index */
    uint32_t attempts;
    int64_t ship_ns;     /* until it reached the worker, and through Python and the pipe there */
    int64_t schedule_ns; /* waiting in the scheduler, and for a thread of the worker */
    int64_t compute_ns;  /* in `colonnade --worker` */
    int64_t fetch_ns;    /* the way back */
};

enum cn_bridge_why {
    CN_BRIDGE_LOST = 1,      /* workers died, or were cut off, as often as it was tried */
    CN_BRIDGE_BROKEN = 2,    /* something of the bridge's own failed */
    CN_BRIDGE_NO_MEMORY = 3, /* (never sent) the server had none for the answer */
};

struct cn_bridge_failed {
    uint32_t why;
    uint32_t attempts;
    char detail[512]; /* for people */
};

#endif

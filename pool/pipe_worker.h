/*
 * pipe_worker.h: the program as a worker on another machine (`colonnade --worker`), driven over its
 * standard input and output by whatever carries bytes between it and a server: pool/dask/remote.py.
 *
 * It writes its identity at once, CN_PIPE_IDENTITY bytes; this form is the same in all versions.
 * Then it reads a struct cn_pipe_setup, confines itself, and serves until its input ends: it reads
 * a struct cn_worker_request and the `size` bytes of its window, and writes a struct
 * cn_worker_answer and its `out_len` bytes of output (protocol.h). A task past the request's
 * left_ns ends with CN_DEADLINE_EXCEEDED; one that nobody wants any more is stopped by killing the
 * process. An image that has no room is read and answered with an error.
 *
 * It ends with 0 when its input ends between requests (or before the setup: that is how to ask for
 * the identity), else with a line on standard error and 1. Signals to the group do not end it; the
 * end of the thread that started it does, at once.
 */
#ifndef CN_POOL_PIPE_WORKER_H
#define CN_POOL_PIPE_WORKER_H

#include "pool/forkserver.h"

#define CN_PIPE_WORKER_ARGUMENT "--worker"
#define CN_PIPE_IDENTITY 256

struct cn_pipe_setup {
    uint32_t size; /* of this struct, and the next two: a wrong program is not believed */
    uint32_t answer_size;
    uint32_t request_size;
    struct cn_confinement confinement;
};

struct cn_pipe_worker_program {
    const struct cn_registry *registry;
    /* "colonnade VERSION sha256:HEX" */
    const char *identity;
    /* Does what would open files later, when that is not possible any more. May be NULL. */
    enum cn_code (*prepare)(struct cn_error *error);
};

/* Sizes of all that is said, and where its parts are: two programs for which they differ do not
 * understand each other. */
#define CN_PIPE_SIZES 12
void cn_pipe_sizes(uint64_t sizes[CN_PIPE_SIZES]);

/* Whether this process was started to be one. */
bool cn_pipe_worker_wanted(int argc, char **argv);
/* Is one until its input ends. */
_Noreturn void cn_pipe_worker_enter(const struct cn_pipe_worker_program *program);

#endif

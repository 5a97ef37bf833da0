/*
 * worker_core.h: what every worker process does with a request, whatever carried it there (private
 * to this room).
 *
 * The image of a request (its head, table, plan and inputs: protocol.h) lies in the window `in`,
 * the output goes into the window `out`. A worker of this machine shares both with the server; one
 * on another machine has them to itself, and fills and empties them.
 */
#ifndef CN_POOL_WORKER_CORE_H
#define CN_POOL_WORKER_CORE_H

#include "pool/kinds.h"
#include "pool/protocol.h"
#include "pool/window.h"

struct cn_worker_core {
    struct cn_window in;
    struct cn_window out;
    uint64_t memory_bytes; /* that it may have; 0: no limit */
    struct cn_kinds kinds;
    struct cn_str *inputs; /* room for the largest number so far */
    size_t cap_inputs;
};

/* Without windows, which are the caller's to set. */
enum cn_code cn_worker_core_init(struct cn_worker_core *core, const struct cn_registry *registry,
                                 uint64_t memory_bytes, struct cn_error *error);
void cn_worker_core_release(struct cn_worker_core *core); /* with its windows */

/* Runs one request, and fills all of its answer. `received_ns`: when it came, from which on its
 * deadline counts. */
void cn_worker_core_run(struct cn_worker_core *core, const struct cn_worker_request *request,
                        int64_t received_ns, struct cn_worker_answer *answer);
/* The answer to a request whose image has no room in memory. */
void cn_worker_core_refuse(const struct cn_worker_core *core,
                           const struct cn_worker_request *request,
                           struct cn_worker_answer *answer);

/* Signals that a terminal or an operator sends to the whole group are not for workers: they end
 * when whoever gives them work goes. */
void cn_worker_reset_signals(void);

#endif

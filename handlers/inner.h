/*
 * inner.h: an exchange without a connection: the request of a job that runs on after its client was
 * answered, and the runs of an experiment.
 *
 * It is driven as the server drives an exchange (exchange.h): open, body, finish, perhaps gone, and
 * close when the reply was made. The reply stays in exchange.reply (its parts are valid until
 * close); it never is a stream.
 */
#ifndef CN_HANDLERS_INNER_H
#define CN_HANDLERS_INNER_H

#include "handlers/exchange.h"

struct cn_inner_header {
    const char *name; /* compared without regard to case */
    const char *value;
};

struct cn_inner {
    struct cn_exchange exchange;           /* first */
    const struct cn_inner_header *headers; /* of the request; the owner's memory */
    size_t n_headers;
    /* The reply is complete. Called once, on any thread, perhaps within finish; it may hold no lock
     * that finish or gone take, and may not close the exchange itself. */
    void (*replied)(struct cn_inner *inner);
    void *owner;
};

/* Starts the clock and draws a run id; method is POST, there is no query. The reply may have
 * `whole_bytes` at most (the limit's flag is `whole_limit`). Deadline: the service's cap. */
enum cn_code cn_inner_init(struct cn_inner *inner, struct cn_service *service,
                           const struct cn_endpoint *endpoint, uint64_t whole_bytes,
                           const char *whole_limit, struct cn_error *error);
/* After close. */
void cn_inner_release(struct cn_inner *inner);

#endif

/*
 * admission.h: how many requests with work may be in flight, whose they are, and who was turned
 * away.
 *
 * The queue has `max_queued` places for everybody, and a quarter more (at least one) that are only
 * for clients with few requests in it: past max_queued a client gets a place as long as it has
 * fewer than there are places left. So one client alone may fill the queue and finds it full then,
 * while whoever comes beside it still gets in; several that crowd it leave the more places to
 * others the more of them there are. (A. Choudhury, E. Hahne, "Dynamic queue length thresholds for
 * shared-memory packet switches", IEEE/ACM Transactions on Networking 6(2), 1998.)
 *
 * A client is an address: of IPv4 all of it, of IPv6 the first 64 bits. Requests of a client are
 * counted in a table of fixed size, in one cell of each of its rows, chosen by a keyed hash; the
 * smallest of these counts is never too low, and too high only where all cells are shared with
 * others. (G. Cormode, S. Muthukrishnan, "An improved data stream summary: the count-min sketch",
 * Journal of Algorithms 55(1), 2005.)
 *
 * Thread-safe, and without a lock. To enter and to leave costs three atomic additions each.
 */
#ifndef CN_HANDLERS_ADMISSION_H
#define CN_HANDLERS_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct sockaddr;
struct cn_admission;

enum cn_refusal {
    CN_REFUSAL_CONNECTIONS, /* --max-connections */
    CN_REFUSAL_QUEUE,       /* --max-queued */
    CN_REFUSAL_CLIENT,      /* --max-per-client */
    CN_REFUSAL_MEMORY,      /* --memory-bytes: not now */
    CN_REFUSAL_SIZE,        /* --memory-bytes: never */
    CN_REFUSAL_DRAINING,
    CN_REFUSAL_COUNT
};
/* "connections", "queue", "client", "memory", "size", "draining": to label a count with. */
const char *cn_refusal_name(enum cn_refusal refusal);

struct cn_admission_limits {
    uint64_t max_queued;
    uint64_t max_per_client; /* requests of one client; 0: as many as the queue takes */
};

/* NULL: no memory, or no randomness. */
struct cn_admission *cn_admission_new(const struct cn_admission_limits *limits);
void cn_admission_free(struct cn_admission *admission); /* may be NULL */

/* What stands for a client. An address of another family, and none at all, are one client. */
uint64_t cn_admission_client(const struct cn_admission *admission, const struct sockaddr *address);

/* A request's place in the queue; all zeros: it has none. */
struct cn_place {
    bool taken;
    uint64_t client;
};

/* CN_OVERLOADED: the queue is full; CN_TOO_MANY_REQUESTS: of this client. Counts the refusal. */
enum cn_code cn_admission_enter(struct cn_admission *admission, uint64_t client,
                                struct cn_place *place, struct cn_error *error);
/* The request is over, at `now_ns` of the clock. Nothing happens when it had no place. */
void cn_admission_leave(struct cn_admission *admission, struct cn_place *place, int64_t now_ns);

/* How many have a place. */
uint64_t cn_admission_working(const struct cn_admission *admission);

/* Counts somebody who was turned away for another reason. `admission` may be NULL. */
void cn_admission_refused(struct cn_admission *admission, enum cn_refusal refusal);

/* Whole seconds after which whoever was turned away may try again: in which a quarter of the queue
 * is over at the pace of the last seconds; 1 to 30. `admission` may be NULL: 1. */
unsigned cn_admission_retry_after(struct cn_admission *admission, int64_t now_ns);

struct cn_admission_stats {
    uint64_t working;
    uint64_t most;   /* --max-queued */
    uint64_t served; /* that left their place, ever */
    uint64_t refused[CN_REFUSAL_COUNT];
};
void cn_admission_stats(struct cn_admission *admission, struct cn_admission_stats *stats);

#endif

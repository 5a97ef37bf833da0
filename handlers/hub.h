/*
 * hub.h: what is new in the service, for those who listen to /v1/events.
 *
 * A subscriber is a stream that is woken when there is something to tell, and takes it then. One
 * thread makes what all of them are told (the document of the pools, a point of load) once, as a
 * text that they share; it sleeps while nobody listens. Runs are read from the record of runs by
 * each subscriber from its own place on, so none is left out while the record still has it.
 *
 * main makes the hub after the executors, the record of runs and the load. It frees the hub when
 * nothing can add a run any more (the HTTP server, jobs, experiments and executors have ended), and
 * before the record and the load. When service->draining is set, subscribers are told to end within
 * 250 ms, so a drain need not wait for them.
 *
 * Locks: streams are woken with the hub's lock held: the hub's, then a connection's. The hub never
 * holds it while it asks the executors, the load or the record of runs.
 */
#ifndef CN_HANDLERS_HUB_H
#define CN_HANDLERS_HUB_H

#include <stddef.h>

#include "handlers/exchange.h"

struct cn_hub;
struct cn_service;

/* Listens to service->runs (and takes service->load if there is one). At most
 * service->limits.max_streams may listen at a time. NULL: no memory, no randomness, or no thread.
 */
struct cn_hub *cn_hub_new(struct cn_service *service);
/* Nobody may listen any more. May be NULL. */
void cn_hub_free(struct cn_hub *hub);
/* 16 hex digits, drawn at the start: what was read of another instance says nothing of this one. */
const char *cn_hub_instance(const struct cn_hub *hub);

/* How many listen now. */
size_t cn_hub_listeners(struct cn_hub *hub);

/* An event that is the same for all: "event: NAME\ndata: {...}\n\n". Never changes. */
struct cn_hub_text;
struct cn_str cn_hub_text_str(const struct cn_hub_text *text);
void cn_hub_text_unref(struct cn_hub_text *text); /* may be NULL */

/* Caller's memory; all is the hub's. */
struct cn_subscriber {
    struct cn_hub *hub;
    struct cn_exchange *exchange;
    uint64_t told_pools; /* which text was taken last; 0: none yet */
    uint64_t told_load;
    int64_t told_ns; /* when anything was taken last */
    bool linked;
    struct cn_subscriber *next;
    struct cn_subscriber *previous;
};

/* Counts one more. CN_OVERLOADED: --max-streams listen already; CN_DRAINING. */
enum cn_code cn_subscriber_join(struct cn_subscriber *subscriber, struct cn_exchange *exchange,
                                struct cn_error *error);
/* From now on the exchange is woken. */
void cn_subscriber_begin(struct cn_subscriber *subscriber);
/* Ends what join began. */
void cn_subscriber_leave(struct cn_subscriber *subscriber);

enum cn_hub_news {
    CN_HUB_NOTHING, /* the subscriber will be woken */
    CN_HUB_TEXT,    /* *text is an event to send, with a reference */
    CN_HUB_SIGN,    /* nothing was told for so long that it is time for a sign of life */
    CN_HUB_END,     /* the service goes down */
};
/* What is new for this subscriber, runs apart. */
enum cn_hub_news cn_subscriber_take(struct cn_subscriber *subscriber, struct cn_hub_text **text);
/* The subscriber has told something of its own (runs). */
void cn_subscriber_told(struct cn_subscriber *subscriber);

#endif

/*
 * deferred.c: a request with `Prefer: respond-async`. It stands for the endpoint that the path
 * names, hands everything on to it, and replies before it has: with the job.
 */
#include <stdio.h>

#include "handlers/endpoint_reply.h"
#include "handlers/endpoints.h"
#include "handlers/jobs.h"
#include "handlers/prefer.h"
#include "handlers/reserve.h"
#include "handlers/service.h"

struct waiting {
    struct cn_watcher watcher; /* first */
    struct cn_deferred *deferred;
    struct cn_prefer prefer;
    bool submitted;
    bool ended; /* the job, when the reply was made: it is what came of it */
};

static enum cn_code deferred_open(struct cn_exchange *exchange, struct cn_error *error) {
    struct waiting *waiting = cn_arena_zalloc(&exchange->arena, sizeof *waiting);
    if (!waiting)
        return cn_error_memory(error);
    cn_ledger_enter(&exchange->ledger, CN_STAGE_PLAN, cn_clock_now());
    cn_prefer_read(&waiting->prefer, exchange->ops->header(exchange, "Prefer"));
    CN_TRY(cn_deferred_open(&waiting->deferred, exchange, error));
    exchange->state = waiting;
    /* While the body arrives the deadline is the job's. */
    exchange->deadline_ns = cn_deferred_exchange(waiting->deferred)->deadline_ns;
    cn_ledger_enter(&exchange->ledger, CN_STAGE_RECEIVE, cn_clock_now());
    return CN_OK;
}

static enum cn_body_verdict deferred_body(struct cn_exchange *exchange, const char *data,
                                          size_t len) {
    struct waiting *waiting = exchange->state;
    struct cn_exchange *inner = cn_deferred_exchange(waiting->deferred);
    enum cn_body_verdict verdict = cn_exchange_body(inner, data, len);
    exchange->deadline_ns = inner->deadline_ns;
    if (verdict == CN_BODY_REFUSE) {
        exchange->error = inner->error;
        exchange->recorded = inner->recorded;
        if (inner->expression)
            exchange->expression =
                cn_arena_strndup(&exchange->arena, inner->expression, strlen(inner->expression));
    }
    return verdict;
}

static void reply_accepted(struct waiting *waiting, struct cn_exchange *exchange) {
    char location[64];
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_json_out out;
    cn_json_out_init(&out, &buf);
    cn_deferred_write_locked(waiting->deferred, &out);
    snprintf(location, sizeof location, "/v1/jobs/%s", cn_deferred_id(waiting->deferred));
    cn_reply_add_header(exchange, "Location", location);
    exchange->recorded = true; /* it will be */
    cn_endpoint_reply_json(exchange, 202, &out);
}

/* The end, or the end of patience: what the plain call replies, or the job. */
static void settle(struct cn_watcher *watcher) {
    struct waiting *waiting = (struct waiting *)watcher;
    struct cn_exchange *exchange = watcher->exchange;
    enum cn_deferred_state state = cn_deferred_state_locked(waiting->deferred);
    struct cn_error error;

    cn_prefer_add_applied(&waiting->prefer, exchange);
    waiting->ended =
        waiting->prefer.has_wait && state != CN_DEFERRED_PENDING && state != CN_DEFERRED_RUNNING;
    if (!waiting->ended) {
        reply_accepted(waiting, exchange);
    } else if (state == CN_DEFERRED_CANCELLED) {
        cn_deferred_cancelled(&error);
        cn_exchange_fail(exchange, &error, NULL);
    } else {
        exchange->recorded = false; /* what was kept names the run */
        cn_deferred_reply_locked(waiting->deferred, exchange);
    }
}

static void deferred_finish(struct cn_exchange *exchange) {
    struct waiting *waiting = exchange->state;
    int64_t wait_ns = cn_prefer_wait_ns(&waiting->prefer);
    int64_t now = cn_clock_now();
    struct cn_error error;

    cn_ledger_enter(&exchange->ledger, CN_STAGE_PLAN, now);
    cn_error_init(&error);
    if (atomic_load(&exchange->service->draining) && wait_ns == 0) {
        /* A job does not outlive the service. */
        cn_error_set(&error, CN_DRAINING, "The service is going down and takes no new work.");
        cn_exchange_fail(exchange, &error, NULL);
        return;
    }
    waiting->watcher = (struct cn_watcher){.deferred = waiting->deferred,
                                           .exchange = exchange,
                                           .settle = settle,
                                           .due_ns = wait_ns > 0 ? now + wait_ns : 0};
    exchange->deadline_ns = 0; /* that of the job is the job's affair */
    cn_reserve_move(cn_deferred_exchange(waiting->deferred), exchange);
    if (cn_deferred_submit(waiting->deferred, &error) != CN_OK) {
        cn_exchange_fail(exchange, &error, NULL);
        return;
    }
    waiting->submitted = true;
    exchange->handed_on = true;
    cn_watcher_wait(&waiting->watcher);
}

/* The client may leave: the job goes on. */
static void deferred_gone(struct cn_exchange *exchange) {
    struct waiting *waiting = exchange->state;
    cn_watcher_hurry(&waiting->watcher);
}

static void deferred_close(struct cn_exchange *exchange) {
    struct waiting *waiting = exchange->state;
    if (!waiting->submitted)
        cn_deferred_discard(waiting->deferred);
    else if (!waiting->ended && exchange->reply.status != 202)
        /* There was no memory to tell the job's name: nobody could ask for it, or end it. */
        cn_deferred_cancel(waiting->deferred, NULL);
    cn_deferred_unref(waiting->deferred);
}

/* The server puts it in the place of an endpoint that is deferrable; it has no route. */
const struct cn_endpoint cn_endpoint_deferred = {
    .methods = "POST,PUT,QUERY",
    .path = "/v1/jobs",
    .takes_body = true,
    .works = true,
    .open = deferred_open,
    .body = deferred_body,
    .finish = deferred_finish,
    .gone = deferred_gone,
    .close = deferred_close,
};

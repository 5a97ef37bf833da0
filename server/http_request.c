#include <stdio.h>
#include <stdlib.h>

#include "handlers/packed_reply.h"
#include "handlers/reserve.h"
#include "server/mhd.h"

enum { SPARES = 64, ARENA_BLOCK = 16 << 10 };

static struct cn_request *request_of(struct cn_exchange *exchange) {
    return (struct cn_request *)exchange;
}

/* ---- what endpoints may call --------------------------------------------------------------- */

static const char *op_header(struct cn_exchange *exchange, const char *name) {
    return cn_head_value(request_of(exchange), name);
}

/* Whoever replies may hold locks that closing takes. */
static void leave_to_watcher(struct cn_request *request) {
    struct cn_http *http = request->http;
    pthread_mutex_lock(&http->lock);
    request->next = http->orphans;
    http->orphans = request;
    pthread_cond_signal(&http->changed);
    pthread_mutex_unlock(&http->lock);
}

static void op_reply(struct cn_exchange *exchange) {
    struct cn_request *request = request_of(exchange);
    int64_t now = cn_clock_now();
    /* The work is done: who reads slowly holds memory, which is reserved, and nobody's place. */
    if (!exchange->reply.stream)
        cn_admission_leave(request->http->service->admission, &request->place, now);
    pthread_mutex_lock(&request->lock);
    request->replied_ns = now;
    bool pending = request->phase == CN_PHASE_PENDING;
    /* Refused on the bare socket meanwhile, or no longer there: the reply is thrown away. */
    if (request->phase != CN_PHASE_CUT && request->phase != CN_PHASE_OVER)
        request->phase = CN_PHASE_READY;
    if (pending)
        MHD_resume_connection(request->mhd);
    bool last = request->owes && --request->refs == 0;
    request->owes = false;
    pthread_mutex_unlock(&request->lock);
    if (last)
        leave_to_watcher(request);
}

void cn_request_wake(struct cn_request *request) {
    if (request->phase == CN_PHASE_STARVED) {
        request->phase = CN_PHASE_SENDING;
        request->limit_ns += cn_clock_now() - request->paused_ns;
        MHD_resume_connection(request->mhd);
    } else {
        request->woken = true;
    }
}

static void op_wake(struct cn_exchange *exchange) {
    struct cn_request *request = request_of(exchange);
    pthread_mutex_lock(&request->lock);
    cn_request_wake(request);
    pthread_mutex_unlock(&request->lock);
}

static const struct cn_exchange_ops ops = {
    .header = op_header,
    .reply = op_reply,
    .wake = op_wake,
};

/* ---- life ---------------------------------------------------------------------------------- */

static struct cn_request *take_spare(struct cn_http *http) {
    pthread_mutex_lock(&http->lock);
    struct cn_request *request = http->spares;
    if (request) {
        http->spares = request->next;
        http->n_spares--;
    }
    pthread_mutex_unlock(&http->lock);
    return request;
}

struct cn_request *cn_request_new(struct cn_http *http) {
    struct cn_arena arena;
    struct cn_request *request = take_spare(http);
    if (request) {
        arena = request->exchange.arena;
    } else {
        request = malloc(sizeof *request);
        if (!request)
            return NULL;
        cn_arena_init(&arena, ARENA_BLOCK);
    }
    const struct cn_http_rules *rules = cn_http_rules(http);
    *request = (struct cn_request){
        .http = http, .settings = rules->settings, .refs = 1, .phase = CN_PHASE_HEAD};
    pthread_mutex_init(&request->lock, NULL);
    struct cn_exchange *exchange = &request->exchange;
    exchange->arena = arena;
    exchange->ops = &ops;
    exchange->service = http->service;
    exchange->limits = rules->limits;
    exchange->content_length = -1;
    cn_error_init(&exchange->error);
    if (!cn_exchange_new_run(exchange)) {
        cn_request_free(request);
        return NULL;
    }
    return request;
}

void cn_request_free(struct cn_request *request) {
    cn_arena_release(&request->exchange.arena);
    free(request);
}

void cn_request_let_go(struct cn_request *request) {
    struct cn_service *service = request->http->service;
    struct cn_exchange *exchange = &request->exchange;
    int64_t now = request->over_ns ? request->over_ns : cn_clock_now();
    if (request->opened && exchange->endpoint->close)
        exchange->endpoint->close(exchange);
    request->opened = false;
    cn_reserve_end(exchange);
    cn_admission_leave(service->admission, &request->place, now);
    if (request->computes)
        atomic_fetch_sub(&service->work_running, 1);
    request->computes = false;
}

static void request_close(struct cn_request *request) {
    struct cn_http *http = request->http;
    struct cn_exchange *exchange = &request->exchange;
    cn_http_account(request);
    cn_request_let_go(request);
    cn_coded_body_release(&exchange->coded);
    cn_packed_reply_release(exchange);
    cn_buf_release(&request->collected);
    pthread_mutex_destroy(&request->lock);
    cn_arena_reset(&exchange->arena, ARENA_BLOCK);
    bool entered = request->entered;
    pthread_mutex_lock(&http->lock);
    bool keep = http->n_spares < SPARES && !http->stopping;
    if (keep) {
        request->next = http->spares;
        http->spares = request;
        http->n_spares++;
    }
    pthread_mutex_unlock(&http->lock);
    if (!keep)
        cn_request_free(request);
    if (entered)
        atomic_fetch_sub(&http->in_flight, 1); /* last: the server may stop now */
}

void cn_request_unref(struct cn_request *request) {
    pthread_mutex_lock(&request->lock);
    bool last = --request->refs == 0;
    pthread_mutex_unlock(&request->lock);
    if (last)
        request_close(request);
}

void cn_request_close_all(struct cn_request *orphans) {
    while (orphans) {
        struct cn_request *next = orphans->next;
        request_close(orphans);
        orphans = next;
    }
}

void cn_request_take_deadline(struct cn_request *request) {
    pthread_mutex_lock(&request->lock);
    request->deadline_ns = request->exchange.deadline_ns;
    pthread_mutex_unlock(&request->lock);
}

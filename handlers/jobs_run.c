/*
 * jobs_run.c: a deferred request is driven as the server drives an exchange.
 */
#include "handlers/jobs_inside.h"

#include <stdio.h>
#include <stdlib.h>

#include "handlers/problem.h"
#include "handlers/reserve.h"
#include "handlers/runs.h"
#include "handlers/service.h"

#define KEPT_BLOCK ((size_t)512)

/* Headers of the request that endpoints look at. */
static const char *const passed_on[] = {"Content-Type", "Content-Encoding", "Accept"};
enum { PASSED_ON = sizeof passed_on / sizeof passed_on[0] };

/* ---- the request --------------------------------------------------------------------------- */

static char *copy_text(struct cn_arena *arena, const char *text, bool *ok) {
    char *copy = text ? cn_arena_strndup(arena, text, strlen(text)) : NULL;
    *ok = *ok && (copy || !text);
    return copy;
}

/* The inner exchange goes on where the outer one is: the same run, clock and deadline. */
static enum cn_code copy_request(struct cn_inner *inner, struct cn_exchange *outer,
                                 struct cn_error *error) {
    struct cn_exchange *exchange = &inner->exchange;
    struct cn_arena *arena = &exchange->arena;
    struct cn_inner_header *headers = cn_arena_array(arena, PASSED_ON, sizeof *headers);
    bool ok = headers != NULL;

    memcpy(exchange->run, outer->run, sizeof exchange->run);
    exchange->method = copy_text(arena, outer->method, &ok);
    exchange->query = copy_text(arena, outer->query, &ok);
    exchange->limits = outer->limits;
    exchange->content_length = outer->content_length;
    exchange->started_ns = outer->started_ns;
    exchange->deadline_ns = outer->deadline_ns;
    exchange->ledger = outer->ledger;
    inner->headers = headers;
    for (size_t i = 0; i < PASSED_ON && ok; i++) {
        const char *value = outer->ops->header(outer, passed_on[i]);
        if (value)
            headers[inner->n_headers++] =
                (struct cn_inner_header){passed_on[i], copy_text(arena, value, &ok)};
    }
    return ok ? CN_OK : cn_error_memory(error);
}

/* The reply is there: the clerk sees to everything else. */
static void note_reply(struct cn_inner *inner) {
    struct cn_deferred *deferred = inner->owner;
    struct cn_jobs *jobs = deferred->jobs;
    pthread_mutex_lock(&jobs->lock);
    deferred->replied = true;
    if (deferred->working)
        atomic_fetch_sub(&jobs->service->work_running, 1);
    deferred->working = false;
    deferred->replied_at = cn_clock_wall();
    if (jobs->last_reply)
        jobs->last_reply->next_reply = deferred;
    else
        jobs->first_reply = deferred;
    jobs->last_reply = deferred;
    pthread_cond_signal(&jobs->news);
    pthread_mutex_unlock(&jobs->lock);
}

static const char *operation_of(const struct cn_endpoint *endpoint) {
    const char *slash = strrchr(endpoint->path, '/');
    return slash ? slash + 1 : endpoint->path;
}

static enum cn_code make(struct cn_deferred **result, struct cn_exchange *outer,
                         struct cn_error *error) {
    struct cn_jobs *jobs = outer->service->jobs;
    struct cn_deferred *deferred = calloc(1, sizeof *deferred);
    if (!deferred)
        return cn_error_memory(error);
    enum cn_code code = cn_inner_init(&deferred->inner, outer->service, outer->deferred,
                                      jobs->job_bytes, "--job-bytes", error);
    if (code == CN_OK) {
        code = copy_request(&deferred->inner, outer, error);
        if (code != CN_OK)
            cn_inner_release(&deferred->inner);
    }
    if (code != CN_OK) {
        free(deferred);
        return code;
    }
    deferred->inner.replied = note_reply;
    deferred->inner.owner = deferred;
    deferred->jobs = jobs;
    deferred->refs = 2; /* the caller's, and that of the inner exchange */
    deferred->uses = 1;
    memcpy(deferred->id, outer->run, sizeof deferred->id);
    deferred->operation = operation_of(outer->deferred);
    deferred->submitted_at = cn_clock_wall() - (cn_clock_now() - outer->started_ns);
    deferred->working = true;
    cn_arena_init(&deferred->kept.arena, KEPT_BLOCK);
    *result = deferred;
    return CN_OK;
}

enum cn_code cn_deferred_open(struct cn_deferred **result, struct cn_exchange *outer,
                              struct cn_error *error) {
    struct cn_service *service = outer->service;
    struct cn_jobs *jobs = service->jobs;
    struct cn_deferred *deferred = NULL;

    pthread_mutex_lock(&jobs->lock);
    enum cn_code code = cn_jobs_admit(jobs, error);
    pthread_mutex_unlock(&jobs->lock);
    if (code != CN_OK)
        return code;
    code = make(&deferred, outer, error);
    if (code != CN_OK) {
        pthread_mutex_lock(&jobs->lock);
        jobs->n_inner--;
        pthread_cond_signal(&jobs->news);
        pthread_mutex_unlock(&jobs->lock);
        return code;
    }
    atomic_fetch_add(&service->work_running, 1);
    atomic_fetch_add(&service->work_begun, 1);
    struct cn_exchange *inner = &deferred->inner.exchange;
    cn_reserve_move(inner, outer);
    code = outer->deferred->open(inner, error);
    if (code == CN_OK) {
        deferred->opened = true;
        *result = deferred;
        return CN_OK;
    }
    outer->recorded = inner->recorded;
    outer->coding_refused = inner->coding_refused;
    if (inner->expression)
        outer->expression =
            cn_arena_strndup(&outer->arena, inner->expression, strlen(inner->expression));
    cn_deferred_discard(deferred);
    cn_deferred_unref(deferred);
    return code;
}

struct cn_exchange *cn_deferred_exchange(struct cn_deferred *deferred) {
    return &deferred->inner.exchange;
}

enum cn_code cn_deferred_submit(struct cn_deferred *deferred, struct cn_error *error) {
    struct cn_jobs *jobs = deferred->jobs;
    struct cn_exchange *exchange = &deferred->inner.exchange;

    pthread_mutex_lock(&jobs->lock);
    enum cn_code code = cn_jobs_list(deferred, error);
    if (code != CN_OK) {
        pthread_mutex_unlock(&jobs->lock);
        return code;
    }
    deferred->complete_at = cn_clock_wall();
    deferred->uses++;          /* the pending reply's */
    cn_jobs_observe(deferred); /* text is computed on as it arrives */
    pthread_mutex_unlock(&jobs->lock);
    cn_exchange_finish(exchange);
    pthread_mutex_lock(&jobs->lock);
    deferred->finished = true;
    bool gone = deferred->cancel_later && !deferred->replied;
    deferred->gone_called = deferred->gone_called || gone;
    pthread_mutex_unlock(&jobs->lock);
    if (gone)
        exchange->endpoint->gone(exchange);
    cn_jobs_unuse(deferred);
    return CN_OK;
}

void cn_deferred_discard(struct cn_deferred *deferred) {
    struct cn_jobs *jobs = deferred->jobs;
    if (deferred->working)
        atomic_fetch_sub(&jobs->service->work_running, 1);
    deferred->working = false;
    cn_jobs_unuse(deferred);
}

void cn_jobs_unuse(struct cn_deferred *deferred) {
    struct cn_jobs *jobs = deferred->jobs;
    struct cn_exchange *exchange = &deferred->inner.exchange;
    pthread_mutex_lock(&jobs->lock);
    bool last = --deferred->uses == 0;
    pthread_mutex_unlock(&jobs->lock);
    if (!last)
        return;
    if (deferred->opened && exchange->endpoint->close)
        exchange->endpoint->close(exchange);
    cn_inner_release(&deferred->inner);
    pthread_mutex_lock(&jobs->lock);
    jobs->n_inner--;
    pthread_cond_signal(&jobs->news);
    cn_jobs_unref(deferred);
    pthread_mutex_unlock(&jobs->lock);
}

/* ---- the reply ----------------------------------------------------------------------------- */

static bool has_header(const struct cn_kept *kept, const char *name) {
    for (size_t i = 0; i < kept->n_headers; i++)
        if (strcmp(kept->headers[i].name, name) == 0)
            return true;
    return false;
}

static void keep_header(struct cn_kept *kept, const char *name, const char *value) {
    char *copy = kept->n_headers < CN_REPLY_HEADERS
                     ? cn_arena_strndup(&kept->arena, value, strlen(value))
                     : NULL;
    if (copy)
        kept->headers[kept->n_headers++] = (struct cn_reply_header){name, copy};
}

/* The headers of the reply, with those that the server adds to every reply of work. */
static void keep_headers(struct cn_kept *kept, const struct cn_exchange *exchange) {
    for (size_t i = 0; i < exchange->reply.n_headers; i++)
        keep_header(kept, exchange->reply.headers[i].name, exchange->reply.headers[i].value);
    if (exchange->recorded)
        keep_header(kept, "Colonnade-Run", exchange->run);
    if (!has_header(kept, "Server-Timing")) {
        struct cn_buf timing = CN_BUF_INIT;
        if (cn_server_timing(&timing, &exchange->ledger, cn_clock_now() - exchange->started_ns) &&
            cn_buf_add_char(&timing, '\0'))
            keep_header(kept, "Server-Timing", timing.data);
        cn_buf_release(&timing);
    }
}

/* What is kept takes over its part of what was reserved for the work. False: no memory. */
static bool charge_kept(struct cn_deferred *deferred, size_t len) {
    struct cn_service *service = deferred->jobs->service;
    if (!service->budget)
        return true;
    if (!cn_reserve_leave(&deferred->inner.exchange, len))
        return false;
    if (!cn_blocks_charge(service->blocks, len)) {
        cn_budget_release(service->budget, len);
        return false;
    }
    deferred->charged = len;
    return true;
}

/* False: no memory. */
static bool keep_body(struct cn_deferred *deferred, const struct cn_reply *reply, size_t len) {
    struct cn_kept *kept = &deferred->kept;
    bool ok = true;
    if (!charge_kept(deferred, len))
        return false;
    kept->status = reply->status;
    kept->content_type = copy_text(&kept->arena, reply->content_type, &ok);
    char *body = cn_arena_alloc(&kept->arena, len > 0 ? len : 1);
    if (!body || !ok)
        return false;
    kept->body = cn_str(body, len);
    for (size_t i = 0; i < reply->n_parts; i++) {
        if (reply->parts[i].len > 0)
            memcpy(body, reply->parts[i].data, reply->parts[i].len);
        body += reply->parts[i].len;
    }
    return true;
}

/* A problem instead of the reply. */
static void keep_error(struct cn_kept *kept, const struct cn_error *error) {
    struct cn_buf body = CN_BUF_INIT;
    kept->status = cn_code_status(error->code);
    kept->content_type = CN_PROBLEM_TYPE;
    kept->body = CN_STR("");
    if (cn_problem_write(&body, error, NULL)) {
        struct cn_str copy = cn_arena_str(&kept->arena, cn_buf_str(&body));
        if (copy.data)
            kept->body = copy;
    }
    cn_buf_release(&body);
}

void cn_jobs_keep(struct cn_deferred *deferred) {
    const struct cn_exchange *exchange = &deferred->inner.exchange;
    const struct cn_reply *reply = &exchange->reply;
    struct cn_kept *kept = &deferred->kept;
    struct cn_error error;
    size_t len = 0;

    cn_error_init(&error);
    keep_headers(kept, exchange);
    for (size_t i = 0; i < reply->n_parts; i++)
        len += reply->parts[i].len;
    if (len > deferred->jobs->job_bytes && reply->status < 400) {
        cn_error_set_limit(&error, "--job-bytes");
        cn_error_set(&error, CN_LIMIT_EXCEEDED, "The result has %zu bytes; at most %llu are kept.",
                     len, (unsigned long long)deferred->jobs->job_bytes);
        keep_error(kept, &error);
    } else if (!keep_body(deferred, reply, len)) {
        cn_error_memory(&error);
        keep_error(kept, &error);
    }
}

void cn_deferred_reply_locked(struct cn_deferred *deferred, struct cn_exchange *exchange) {
    const struct cn_kept *kept = &deferred->kept;
    struct cn_reply *reply = &exchange->reply;
    reply->status = kept->status;
    reply->content_type = kept->content_type;
    for (size_t i = 0; i < kept->n_headers && reply->n_headers < CN_REPLY_HEADERS; i++)
        reply->headers[reply->n_headers++] = kept->headers[i];
    reply->parts = &kept->body;
    reply->n_parts = 1;
    cn_exchange_reply(exchange);
}

/*
 * endpoint_jobs_events.c: GET /v1/jobs/{id}/events: what becomes of a job, as server-sent events.
 */
#include "handlers/endpoint_reply.h"
#include "handlers/endpoints.h"
#include "handlers/jobs.h"
#include "handlers/service.h"

struct telling {
    struct cn_watcher watcher;
    struct cn_deferred *deferred;
    struct cn_buf text; /* what is being sent */
    size_t sent;
    bool ended;      /* the last event is in the text */
    atomic_bool cut; /* the server wants no more of it */
};

static enum cn_code events_open(struct cn_exchange *exchange, struct cn_error *error) {
    struct telling *telling = cn_arena_zalloc(&exchange->arena, sizeof *telling);
    if (!telling)
        return cn_error_memory(error);
    CN_TRY(cn_endpoint_open_plain(exchange, error));
    telling->deferred = cn_jobs_find(exchange->service->jobs, exchange->segment);
    if (!telling->deferred)
        return cn_error_set(error, CN_NOT_FOUND, "There is no such job (any more).");
    telling->watcher = (struct cn_watcher){.deferred = telling->deferred, .exchange = exchange};
    exchange->state = telling;
    exchange->deadline_ns = 0; /* it ends with the job */
    return CN_OK;
}

static bool write_progress(struct cn_buf *text, const struct cn_deferred_progress *progress) {
    struct cn_json_out out;
    bool ok = cn_buf_add_c(text, "event: progress\ndata: ");
    cn_json_out_init(&out, text);
    cn_json_out_open(&out, NULL, '{');
    cn_deferred_progress_write(&out, progress);
    cn_json_out_c(&out, "state", cn_deferred_state_name(progress->state));
    cn_json_out_close(&out, '}');
    return cn_buf_add_c(text, "\n\n") && ok && out.ok;
}

static bool write_end(struct cn_buf *text, struct cn_str document) {
    return cn_buf_add_c(text, "event: end\ndata: ") && cn_buf_add_str(text, document) &&
           cn_buf_add_c(text, "\n\n");
}

/* The next text, or none. False: no memory. */
static bool next_text(struct telling *telling) {
    struct cn_buf document = CN_BUF_INIT;
    struct cn_json_out out;
    bool ok = true;

    telling->text.len = telling->sent = 0;
    cn_json_out_init(&out, &document);
    switch (cn_watcher_news(&telling->watcher, &out)) {
    case CN_NEWS_NONE:
        break;
    case CN_NEWS_PROGRESS:
        ok = write_progress(&telling->text, &telling->watcher.told);
        break;
    case CN_NEWS_SIGN: /* a comment */
        ok = cn_buf_add_c(&telling->text, ":\n\n");
        break;
    case CN_NEWS_END:
        telling->ended = true;
        ok = out.ok && write_end(&telling->text, cn_buf_str(&document));
        break;
    }
    cn_buf_release(&document);
    return ok;
}

static ssize_t events_stream(struct cn_exchange *exchange, char *out, size_t max) {
    struct telling *telling = exchange->state;

    if (atomic_load(&telling->cut))
        return CN_STREAM_BREAK;
    if (telling->sent == telling->text.len) {
        if (telling->ended)
            return CN_STREAM_END;
        if (!next_text(telling))
            return CN_STREAM_BREAK;
        if (telling->text.len == 0)
            return CN_STREAM_WAIT;
    }
    size_t left = telling->text.len - telling->sent;
    size_t len = left < max ? left : max;
    memcpy(out, telling->text.data + telling->sent, len);
    telling->sent += len;
    return (ssize_t)len;
}

static void events_finish(struct cn_exchange *exchange) {
    struct telling *telling = exchange->state;
    cn_endpoint_prepare_events(exchange, events_stream);
    cn_watcher_begin(&telling->watcher);
    cn_exchange_reply(exchange);
}

static void events_gone(struct cn_exchange *exchange) {
    struct telling *telling = exchange->state;
    atomic_store(&telling->cut, true);
    exchange->ops->wake(exchange);
}

static void events_close(struct cn_exchange *exchange) {
    struct telling *telling = exchange->state;
    cn_watcher_end(&telling->watcher);
    cn_buf_release(&telling->text);
    cn_deferred_unref(telling->deferred);
}

const struct cn_endpoint cn_endpoint_job_events = {.methods = "GET",
                                                   .path = "/v1/jobs/{id}/events",
                                                   .operation = CN_OPERATION_JOB_EVENTS,
                                                   .open = events_open,
                                                   .finish = events_finish,
                                                   .gone = events_gone,
                                                   .close = events_close};

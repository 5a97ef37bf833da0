/*
 * endpoint_events.c: GET /v1/events: what happens in the service, as server-sent events.
 *
 * A stream holds one shared text or a few events of its own at a time. The next ones are made when
 * the client has taken these, so a client that does not read costs no more than that.
 */
#include <stdlib.h>

#include "handlers/endpoint_reply.h"
#include "handlers/endpoints.h"
#include "handlers/hub.h"
#include "handlers/run_document.h"
#include "handlers/runs.h"
#include "handlers/service.h"

/* What a client waits until it connects again, after a stream has ended. */
#define RETRY_MS 1000

enum {
    INSTANCE_LEN = 16,
    RUNS_AT_ONCE = 32,             /* under the lock of the record */
    OWN_BYTES = 16 << 10,          /* of events of its own at a time; the last one may be longer */
    OWN_BYTES_KEPT = 4 * OWN_BYTES /* of the buffer, when they were sent */
};

struct telling {
    struct cn_subscriber subscriber;
    uint64_t seq;             /* of the last run that was told */
    struct cn_hub_text *text; /* what is being sent: this, or `own` */
    struct cn_buf own;
    struct cn_str sending;
    size_t sent;
    bool greeted;
    bool once;       /* only what is the case now: hello and pools */
    bool ended;      /* the last event is being sent */
    atomic_bool cut; /* the server wants no more of it */
};

/* ---- begin --------------------------------------------------------------------------------- */

static void note_seq(const struct cn_run_record *record, void *context) {
    *(uint64_t *)context = record->seq;
}

/* The number of the run that ended last, also if it is not kept. */
static uint64_t newest_seq(struct cn_runs *runs) {
    uint64_t seq = 0;
    cn_runs_each(runs, 1, note_seq, &seq);
    return seq > 0 ? seq : cn_runs_since(runs, 0, 1, note_seq, &seq);
}

/* Where the client has read to, if it was of this instance: "INSTANCE-SEQ". */
static uint64_t read_last_id(const char *text, const char *instance, uint64_t newest) {
    char *end;
    if (!text || strncmp(text, instance, INSTANCE_LEN) != 0 || text[INSTANCE_LEN] != '-')
        return newest;
    const char *digits = text + INSTANCE_LEN + 1;
    size_t len = strspn(digits, "0123456789");
    if (len == 0 || len > 19)
        return newest;
    uint64_t seq = strtoull(digits, &end, 10);
    return *end == '\0' && seq < newest ? seq : newest;
}

static enum cn_code events_open(struct cn_exchange *exchange, struct cn_error *error) {
    struct cn_service *service = exchange->service;
    struct telling *telling = cn_arena_zalloc(&exchange->arena, sizeof *telling);
    if (!telling)
        return cn_error_memory(error);
    CN_TRY(cn_endpoint_open_plain(exchange, error));
    CN_TRY(cn_subscriber_join(&telling->subscriber, exchange, error));
    telling->seq = read_last_id(exchange->ops->header(exchange, "Last-Event-ID"),
                                cn_hub_instance(service->hub), newest_seq(service->runs));
    telling->once = exchange->http_minor == 0;
    exchange->state = telling;
    exchange->deadline_ns = 0; /* it ends with the client, or the service */
    return CN_OK;
}

static bool write_id(struct telling *telling, uint64_t seq) {
    return cn_buf_printf(&telling->own, "id: %s-%llu\n", cn_hub_instance(telling->subscriber.hub),
                         (unsigned long long)seq);
}

static bool write_hello(struct telling *telling) {
    struct cn_hub *hub = telling->subscriber.hub;
    struct cn_buf *own = &telling->own;
    struct cn_json_out out;
    bool ok = cn_buf_printf(own, "retry: %d\n", RETRY_MS) && write_id(telling, telling->seq) &&
              cn_buf_add_c(own, "event: hello\ndata: ");
    cn_json_out_init(&out, own);
    cn_json_out_open(&out, NULL, '{');
    cn_json_out_c(&out, "version", telling->subscriber.exchange->service->version);
    cn_json_out_c(&out, "instance", cn_hub_instance(hub));
    cn_json_out_close(&out, '}');
    telling->greeted = true;
    return cn_buf_add_c(own, "\n\n") && ok && out.ok;
}

/* ---- runs ---------------------------------------------------------------------------------- */

struct writing {
    struct telling *telling;
    bool ok;
};

static bool write_missed(struct telling *telling, uint64_t n) {
    return cn_buf_printf(&telling->own, "event: missed\ndata: {\"runs\":%llu}\n\n",
                         (unsigned long long)n);
}

static void write_run(const struct cn_run_record *record, void *context) {
    struct writing *writing = context;
    struct telling *telling = writing->telling;
    struct cn_json_out out;
    if (!writing->ok || telling->own.len >= OWN_BYTES)
        return; /* next time */
    if (record->seq > telling->seq + 1)
        writing->ok = write_missed(telling, record->seq - telling->seq - 1);
    writing->ok = write_id(telling, record->seq) && writing->ok &&
                  cn_buf_add_c(&telling->own, "event: run\ndata: ");
    cn_json_out_init(&out, &telling->own);
    cn_run_summary_write(&out, record);
    writing->ok = cn_buf_add_c(&telling->own, "\n\n") && out.ok && writing->ok;
    telling->seq = record->seq;
}

/* Those that are new, as far as there is room. False: no memory. */
static bool write_runs(struct telling *telling) {
    struct cn_runs *runs = telling->subscriber.exchange->service->runs;
    struct writing writing = {.telling = telling, .ok = true};
    uint64_t last = cn_runs_since(runs, telling->seq, RUNS_AT_ONCE, write_run, &writing);
    if (telling->own.len == 0 && last > telling->seq) { /* too large to be kept, all of them */
        writing.ok = write_missed(telling, last - telling->seq);
        telling->seq = last;
    }
    if (telling->own.len > 0)
        cn_subscriber_told(&telling->subscriber);
    return writing.ok;
}

/* ---- the stream ---------------------------------------------------------------------------- */

static void forget_sent(struct telling *telling) {
    cn_hub_text_unref(telling->text);
    telling->text = NULL;
    if (telling->own.cap > OWN_BYTES_KEPT)
        cn_buf_release(&telling->own);
    telling->own.len = 0;
    telling->sending = cn_str("", 0);
    telling->sent = 0;
}

/* A comment: clients skip it. */
static bool write_sign(struct telling *telling) {
    return cn_buf_add_c(&telling->own, ":\n\n");
}

/* What is to be sent next, or nothing. False: no memory. */
static bool next_text(struct telling *telling) {
    bool ok = true;
    forget_sent(telling);
    if (!telling->greeted) {
        ok = write_hello(telling);
    } else if (atomic_exchange(&telling->subscriber.exchange->doubted, false)) {
        ok = write_sign(telling);
    } else {
        switch (cn_subscriber_take(&telling->subscriber, &telling->text)) {
        case CN_HUB_NOTHING:
            ok = telling->once || write_runs(telling);
            break;
        case CN_HUB_TEXT:
            telling->ended = telling->once;
            break;
        case CN_HUB_SIGN:
            ok = write_sign(telling);
            break;
        case CN_HUB_END:
            telling->ended = true;
            ok = cn_buf_add_c(&telling->own, "event: end\ndata: {\"reason\":\"draining\"}\n\n");
            break;
        }
    }
    telling->sending = telling->text ? cn_hub_text_str(telling->text) : cn_buf_str(&telling->own);
    return ok;
}

static ssize_t events_stream(struct cn_exchange *exchange, char *out, size_t max) {
    struct telling *telling = exchange->state;

    if (atomic_load(&telling->cut))
        return CN_STREAM_BREAK;
    if (telling->sent == telling->sending.len) {
        if (telling->ended)
            return CN_STREAM_END;
        if (!next_text(telling))
            return CN_STREAM_BREAK;
        if (telling->sending.len == 0)
            return CN_STREAM_WAIT;
    }
    size_t left = telling->sending.len - telling->sent;
    size_t len = left < max ? left : max;
    memcpy(out, telling->sending.data + telling->sent, len);
    telling->sent += len;
    return (ssize_t)len;
}

static void events_finish(struct cn_exchange *exchange) {
    struct telling *telling = exchange->state;
    cn_endpoint_prepare_events(exchange, events_stream);
    exchange->reply.lasts = true;
    cn_subscriber_begin(&telling->subscriber);
    cn_exchange_reply(exchange);
}

static void events_gone(struct cn_exchange *exchange) {
    struct telling *telling = exchange->state;
    atomic_store(&telling->cut, true);
    exchange->ops->wake(exchange);
}

static void events_close(struct cn_exchange *exchange) {
    struct telling *telling = exchange->state;
    cn_subscriber_leave(&telling->subscriber);
    cn_hub_text_unref(telling->text);
    cn_buf_release(&telling->own);
}

const struct cn_endpoint cn_endpoint_events = {.methods = "GET",
                                               .path = "/v1/events",
                                               .operation = CN_OPERATION_EVENTS,
                                               .open = events_open,
                                               .finish = events_finish,
                                               .gone = events_gone,
                                               .close = events_close};

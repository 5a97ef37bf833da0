/*
 * The library's handler: it is called once when the head is complete, once for each piece of the
 * body, and once at its end (and again after each time that the connection was suspended).
 */
#include <inttypes.h>
#include <stdio.h>

#include "handlers/reserve.h"
#include "server/mhd.h"

/* ---- refusals ------------------------------------------------------------------------------ */

/* Sends the refusal past the library, which takes no reply in the middle of a body. */
static void cut(struct cn_request *request, const struct cn_error *why) {
    struct cn_error *error = &request->exchange.error;
    *error = *why;
    cn_reserve_judge(&request->exchange, error);
    request->exchange.reply.status = cn_code_status(error->code);
    pthread_mutex_lock(&request->lock);
    if (request->phase != CN_PHASE_CUT)
        cn_http_cut(request, error);
    pthread_mutex_unlock(&request->lock);
    request->drop_left = CN_HTTP_LINGER_BYTES;
}

/* Makes the reply now, to be sent when the rest of the body was dropped. */
static void drop_rest(struct cn_request *request, const struct cn_error *error) {
    request->dropping = true;
    request->drop_left = CN_HTTP_DROP_BYTES;
    cn_exchange_fail(&request->exchange, error, NULL);
    pthread_mutex_lock(&request->lock);
    if (request->phase == CN_PHASE_READY)
        request->phase = CN_PHASE_BODY; /* its deadline holds */
    pthread_mutex_unlock(&request->lock);
}

/* The head, or what the endpoint made of it, is refused. */
static enum MHD_Result refuse_head(struct cn_request *request, const struct cn_error *error) {
    struct cn_exchange *exchange = &request->exchange;
    bool body = request->chunked || exchange->content_length > 0;
    /* Ambiguous framing: what follows cannot be trusted to be a body. Expect: it is not there yet,
     * and is not asked for. The library closes the connection in both cases. */
    bool now = request->broken || (body && request->expects_continue);
    cn_request_let_go(request);
    if (now) {
        cn_exchange_fail(exchange, error, NULL);
        if (request->bare_status)
            exchange->reply = (struct cn_reply){.status = request->bare_status, .close = true};
        return cn_http_reply(request);
    }
    if (body && exchange->content_length > CN_HTTP_DROP_BYTES)
        cut(request, error);
    else
        drop_rest(request, error);
    return MHD_YES;
}

/* A piece of the body is refused. */
static void refuse_body(struct cn_request *request, const struct cn_error *error) {
    int64_t length = request->exchange.content_length;
    if (length - request->received > CN_HTTP_DROP_BYTES)
        cut(request, error);
    else
        drop_rest(request, error);
    cn_request_let_go(request);
}

/* The check in front of the library found a fault in this body; what follows is not its rest. True:
 * the refusal was sent, or is made if the library takes the body for ended. */
static bool refuse_broken(struct cn_request *request, bool ended) {
    struct cn_error error;
    cn_error_init(&error);
    if (!cn_http_framing_fault(request, &error))
        return false;
    if (request->dropping)
        error = request->exchange.error; /* it was refused for that before */
    if (!ended)
        cut(request, &error);
    else if (!request->dropping)
        drop_rest(request, &error);
    request->dropping = ended;
    request->exchange.reply.close = true;
    return true;
}

/* The library closes the connection at once; what was said past it must be out by then. */
static enum MHD_Result give_up(struct cn_request *request) {
    if (request->connection->tls)
        cn_tls_session_speak(&request->connection->session);
    return MHD_NO;
}

/* ---- the head ------------------------------------------------------------------------------ */

/* False: the head came too late, and the connection is being closed. */
static bool enter(struct cn_request *request) {
    struct cn_http *http = request->http;
    request->entered = true;
    atomic_fetch_add(&http->in_flight, 1);
    pthread_mutex_lock(&http->lock);
    bool cut_before = request->connection->cut;
    pthread_mutex_lock(&request->lock);
    request->phase = cut_before ? CN_PHASE_CUT : CN_PHASE_CALL;
    request->limit_ns = cn_clock_now() + (int64_t)request->settings->body_timeout_ms * CN_NS_PER_MS;
    pthread_mutex_unlock(&request->lock);
    pthread_mutex_unlock(&http->lock);
    return !cut_before;
}

static enum MHD_Result begin(struct cn_request *request, const char *method, const char *version) {
    struct cn_exchange *exchange = &request->exchange;
    if (!enter(request))
        return give_up(request);
    cn_http_note_head(request);
    struct cn_error error;
    cn_error_init(&error);
    enum cn_code code = cn_head_check(request, method, version, &error);
    if (code == CN_OK && exchange->endpoint->open)
        code = exchange->endpoint->open(exchange, &error);
    if (code != CN_OK) {
        if (error.code == CN_OK)
            cn_error_set(&error, code, "The request was refused.");
        return refuse_head(request, &error);
    }
    request->opened = true;
    pthread_mutex_lock(&request->lock);
    request->deadline_ns = exchange->deadline_ns;
    request->phase = CN_PHASE_BODY;
    pthread_mutex_unlock(&request->lock);
    return MHD_YES;
}

/* ---- the body ------------------------------------------------------------------------------ */

static enum MHD_Result drop(struct cn_request *request, size_t size) {
    request->drop_left -= (int64_t)size;
    if (request->drop_left >= 0)
        return MHD_YES;
    if (!request->dropping)
        return give_up(request);
    request->dropping = false;
    struct cn_error error = request->exchange.error;
    cut(request, &error);
    return MHD_YES;
}

/* Takes the piece into account, and checks what holds for every body. */
static enum cn_code count(struct cn_request *request, size_t size, struct cn_error *error) {
    uint64_t limit = request->settings->max_body_bytes;
    int64_t before = request->received / CN_MIB;
    request->received += (int64_t)size;
    int64_t now = cn_clock_now();
    pthread_mutex_lock(&request->lock);
    request->limit_ns += (request->received / CN_MIB - before) * CN_NS_PER_SECOND;
    bool late = request->limit_ns < now;
    bool expired = request->deadline_ns && request->deadline_ns < now;
    pthread_mutex_unlock(&request->lock);
    const struct cn_endpoint *endpoint = request->exchange.endpoint;
    if (!endpoint->takes_body)
        return cn_error_set(error, CN_INVALID_PARAMETER, "%s %s takes no body.",
                            request->exchange.method, endpoint->path);
    if ((uint64_t)request->received > limit) {
        cn_error_set(error, CN_BODY_TOO_LARGE, "The body is longer than %" PRIu64 " bytes.", limit);
        cn_error_set_limit(error, "--max-body-bytes");
        return CN_BODY_TOO_LARGE;
    }
    if (expired)
        return cn_error_set(error, CN_DEADLINE_EXCEEDED,
                            "The deadline passed while the body arrived.");
    if (late)
        return cn_error_set(error, CN_REQUEST_TIMEOUT, "The body did not arrive in time.");
    return request->chunked
               ? cn_reserve_body(&request->exchange, (uint64_t)request->received, error)
               : CN_OK;
}

/* A piece that is wanted, for the endpoint. */
static void take_piece(struct cn_request *request, const char *data, size_t size) {
    struct cn_exchange *exchange = &request->exchange;
    struct cn_error error;
    cn_error_init(&error);
    if (count(request, size, &error) != CN_OK) {
        refuse_body(request, &error);
        return;
    }
    if (!exchange->endpoint->body)
        return;
    enum cn_body_verdict verdict = cn_exchange_body(exchange, data, size);
    cn_request_take_deadline(request);
    if (verdict == CN_BODY_REFUSE) {
        if (exchange->error.code == CN_OK)
            cn_error_set(&exchange->error, CN_INTERNAL, "The body was refused.");
        error = exchange->error;
        refuse_body(request, &error);
    }
}

static enum MHD_Result piece(struct cn_request *request, const char *data, size_t size) {
    enum MHD_Result result = MHD_YES;
    pthread_mutex_lock(&request->lock);
    bool is_cut = request->phase == CN_PHASE_CUT;
    request->in_piece = true;
    request->arrived += (int64_t)size;
    request->pieces++;
    pthread_mutex_unlock(&request->lock);
    if (is_cut && !request->drop_left) /* by the watcher */
        request->drop_left = CN_HTTP_LINGER_BYTES;
    bool broken = !is_cut && refuse_broken(request, false);
    if (is_cut || request->dropping)
        result = drop(request, size);
    else if (!broken)
        take_piece(request, data, size);
    pthread_mutex_lock(&request->lock);
    request->in_piece = false;
    pthread_mutex_unlock(&request->lock);
    return result;
}

/* ---- the end ------------------------------------------------------------------------------- */

static enum MHD_Result finish(struct cn_request *request) {
    struct cn_exchange *exchange = &request->exchange;
    pthread_mutex_lock(&request->lock);
    request->refs++;
    request->owes = true;
    pthread_mutex_unlock(&request->lock);
    cn_exchange_finish(exchange);
    pthread_mutex_lock(&request->lock);
    request->deadline_ns = exchange->deadline_ns;
    bool ready = request->phase == CN_PHASE_READY;
    if (!ready)
        request->phase = CN_PHASE_FINISHED;
    pthread_mutex_unlock(&request->lock);
    return ready ? cn_http_reply(request) : MHD_YES;
}

/* Suspends the connection until the reply is made. */
static enum MHD_Result await_reply(struct cn_request *request) {
    pthread_mutex_lock(&request->lock);
    bool ready = request->phase == CN_PHASE_READY;
    if (!ready) {
        request->phase = CN_PHASE_PENDING;
        MHD_suspend_connection(request->mhd);
    }
    pthread_mutex_unlock(&request->lock);
    return ready ? cn_http_reply(request) : MHD_YES;
}

/*
 * The body has ended. The connection is never suspended in the library's first call for that, but
 * in the next one, which comes at once: a connection that is suspended in the same round that read
 * its body is still marked as one to read from. When it was resumed, the library would find the end
 * of a client that has ended its sending side, and close without a reply.
 */
static enum MHD_Result end(struct cn_request *request) {
    refuse_broken(request, true);
    pthread_mutex_lock(&request->lock);
    enum cn_phase phase = request->phase;
    if (phase == CN_PHASE_BODY)
        request->phase = request->dropping ? CN_PHASE_READY : CN_PHASE_CALL;
    pthread_mutex_unlock(&request->lock);
    if (phase == CN_PHASE_BODY)
        return request->dropping ? cn_http_reply(request) : finish(request);
    if (phase == CN_PHASE_FINISHED)
        return await_reply(request);
    /* SENDING: a stream that is collected for an HTTP/1.0 client has more. */
    if (phase == CN_PHASE_READY || phase == CN_PHASE_SENDING)
        return cn_http_reply(request);
    return give_up(request);
}

enum MHD_Result cn_http_handle(void *cls, struct MHD_Connection *mhd, const char *url,
                               const char *method, const char *version, const char *upload,
                               size_t *upload_size, void **context) {
    (void)cls;
    (void)mhd;
    (void)url;
    struct cn_request *request = *context;
    if (!request)
        return MHD_NO; /* there was no memory for it */
    if (!request->entered)
        return begin(request, method, version);
    if (*upload_size == 0)
        return end(request);
    size_t size = *upload_size;
    *upload_size = 0;
    return piece(request, upload, size);
}

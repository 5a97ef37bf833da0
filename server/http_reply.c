#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "handlers/packed_reply.h"
#include "handlers/problem.h"
#include "handlers/runs.h"
#include "server/mhd.h"

enum {
    STREAM_BLOCK = 64 << 10,
    /* The library hands an iovec to one sendmsg() and, when the kernel takes no longer one, waits
     * for an event that never comes (0.9.75, epoll). */
    MOST_IOVECS = 1024
};

/* ---- headers ------------------------------------------------------------------------------- */

/*
 * What a browser is told with every reply whose endpoint does not say otherwise: not to guess what
 * the bytes are, not to run, frame or load anything they name, not to tell other sites where it
 * was, not to let pages of others use them, and not to keep them. There is no header of CORS, ever:
 * no page of another origin may read a reply.
 */
static const struct cn_reply_header guards[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cache-Control", "no-store"},
};
enum { N_GUARDS = sizeof guards / sizeof guards[0] };

static bool has_header(const struct cn_reply *reply, const char *name) {
    for (size_t i = 0; i < reply->n_headers; i++)
        if (strcmp(reply->headers[i].name, name) == 0)
            return true;
    return false;
}

/* Whether it is told how long the work took. Not to whoever has no token: it would tell them which
 * paths there are. */
static bool is_timed(const struct cn_exchange *exchange) {
    return exchange->endpoint && exchange->endpoint->works &&
           exchange->error.code != CN_UNAUTHORIZED;
}

/* What every reply carries, beside what its endpoint says. */
static void add_common_headers(struct cn_request *request) {
    struct cn_exchange *exchange = &request->exchange;
    struct cn_reply *reply = &exchange->reply;
    if (is_timed(exchange)) {
        if (exchange->recorded)
            cn_reply_add_header(exchange, "Colonnade-Run", exchange->run);
        if (!has_header(reply, "Server-Timing"))
            cn_reply_add_timing(exchange, &exchange->ledger);
    }
    if (atomic_load(&request->http->service->draining))
        reply->close = true; /* a client that goes on asking would be in flight for ever */
}

/* ---- streams ------------------------------------------------------------------------------- */

/* Nothing to send: suspends the connection, unless something came meanwhile. */
static bool starve(struct cn_request *request) {
    pthread_mutex_lock(&request->lock);
    bool woken = request->woken;
    request->woken = false;
    if (!woken) {
        request->phase = CN_PHASE_STARVED;
        request->paused_ns = cn_clock_now();
        if (request->exchange.reply.lasts)
            request->limit_ns =
                request->paused_ns + (int64_t)request->settings->body_timeout_ms * CN_NS_PER_MS;
        MHD_suspend_connection(request->mhd);
    }
    pthread_mutex_unlock(&request->lock);
    return !woken;
}

/* A second for each MiB that the client was given to read, unless it is told to hurry. */
static void grant_time(struct cn_request *request, uint64_t sent) {
    int64_t mib = (int64_t)(sent / (uint64_t)CN_MIB);
    if (mib <= request->granted)
        return;
    pthread_mutex_lock(&request->lock);
    if (!request->gone_called)
        request->limit_ns += (mib - request->granted) * CN_NS_PER_SECOND;
    pthread_mutex_unlock(&request->lock);
    request->granted = mib;
}

static ssize_t read_stream(void *cls, uint64_t position, char *out, size_t max) {
    struct cn_request *request = cls;
    struct cn_exchange *exchange = &request->exchange;
    grant_time(request, position);
    for (;;) {
        ssize_t n = exchange->reply.stream(exchange, out, max);
        if (n > 0) {
            request->sent += n;
            return n;
        }
        if (n == CN_STREAM_END)
            return MHD_CONTENT_READER_END_OF_STREAM;
        if (n != CN_STREAM_WAIT)
            return MHD_CONTENT_READER_END_WITH_ERROR;
        if (starve(request))
            return 0;
    }
}

/* An HTTP/1.0 client cannot tell a broken stream from a complete one: the stream is collected and
 * sent with its length. */
enum collected { COLLECTED, COLLECT_LATER, COLLECT_FAILED };
static enum collected collect_stream(struct cn_request *request) {
    struct cn_exchange *exchange = &request->exchange;
    struct cn_buf *buf = &request->collected;
    struct cn_error error;
    cn_error_init(&error);
    if (!buf->data)
        cn_buf_init_blocks(buf, request->http->service->blocks);
    for (;;) {
        if (!cn_buf_reserve(buf, STREAM_BLOCK)) {
            cn_error_set(&error, CN_LIMIT_EXCEEDED,
                         "The reply is too large for HTTP/1.0, to which it cannot be streamed.");
            cn_error_set_limit(&error, "--memory-bytes");
            break;
        }
        ssize_t n = exchange->reply.stream(exchange, buf->data + buf->len, STREAM_BLOCK);
        if (n > 0) {
            buf->len += (size_t)n;
            continue;
        }
        if (n == CN_STREAM_WAIT) {
            if (starve(request))
                return COLLECT_LATER;
            continue;
        }
        if (n == CN_STREAM_END)
            break;
        cn_error_set(&error, CN_INTERNAL, "The reply broke off.");
        if (exchange->error.code != CN_OK)
            error = exchange->error;
        break;
    }
    exchange->reply.stream = NULL;
    if (error.code != CN_OK) {
        cn_exchange_fail(exchange, &error, NULL);
        return COLLECTED;
    }
    struct cn_str *part = cn_arena_alloc(&exchange->arena, sizeof *part);
    if (part)
        *part = cn_buf_str(buf);
    exchange->reply.parts = part;
    exchange->reply.n_parts = part ? 1 : 0;
    return part ? COLLECTED : COLLECT_FAILED;
}

/* ---- the library's response ---------------------------------------------------------------- */

/* Copies from the parts; the library asks for one stretch after the other. */
static ssize_t read_parts(void *cls, uint64_t position, char *out, size_t max) {
    struct cn_request *request = cls;
    const struct cn_reply *reply = &request->exchange.reply;
    (void)position;
    size_t n = 0;
    while (n < max && request->part < reply->n_parts) {
        struct cn_str part = reply->parts[request->part];
        size_t len = part.len - request->part_offset;
        if (len > max - n)
            len = max - n;
        if (len > 0)
            memcpy(out + n, part.data + request->part_offset, len);
        n += len;
        request->part_offset += len;
        if (request->part_offset == part.len) {
            request->part++;
            request->part_offset = 0;
        }
    }
    return n > 0 ? (ssize_t)n : MHD_CONTENT_READER_END_OF_STREAM;
}

static struct MHD_Response *response_from_parts(struct cn_request *request, uint64_t *total) {
    const struct cn_reply *reply = &request->exchange.reply;
    *total = 0;
    size_t n = 0;
    for (size_t i = 0; i < reply->n_parts; i++) {
        *total += reply->parts[i].len;
        n += reply->parts[i].len > 0;
    }
    if (n == 0)
        return MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
    if (n > MOST_IOVECS)
        return MHD_create_response_from_callback(*total, STREAM_BLOCK, read_parts, request, NULL);
    struct MHD_IoVec *iov = malloc(n * sizeof *iov);
    if (!iov)
        return NULL;
    size_t at = 0;
    for (size_t i = 0; i < reply->n_parts; i++)
        if (reply->parts[i].len > 0)
            iov[at++] = (struct MHD_IoVec){reply->parts[i].data, reply->parts[i].len};
    struct MHD_Response *response =
        MHD_create_response_from_iovec(iov, (unsigned)n, NULL, NULL); /* copies the array */
    free(iov);
    return response;
}

/* Of a HEAD request the library would end a chunked reply that never began, and put its last chunk
 * on the wire; in the manner of HTTP/1.0 such a reply has neither a length nor chunks. */
static struct MHD_Response *response_from_stream(struct cn_request *request) {
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_stream, request, NULL);
    if (response && strcmp(request->exchange.method, "HEAD") == 0)
        MHD_set_response_options(response, MHD_RF_HTTP_VERSION_1_0_ONLY, MHD_RO_END);
    return response;
}

static bool add_headers(struct MHD_Response *response, const struct cn_reply *reply) {
    bool ok = true;
    if (reply->content_type)
        ok = MHD_add_response_header(response, "Content-Type", reply->content_type) == MHD_YES;
    for (size_t i = 0; ok && i < reply->n_headers; i++)
        ok = MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value) ==
             MHD_YES;
    for (size_t i = 0; ok && i < N_GUARDS; i++)
        if (!has_header(reply, guards[i].name))
            ok = MHD_add_response_header(response, guards[i].name, guards[i].value) == MHD_YES;
    if (ok && reply->close)
        ok = MHD_add_response_header(response, "Connection", "close") == MHD_YES;
    return ok;
}

static bool has_body(const struct cn_exchange *exchange) {
    return strcmp(exchange->method, "HEAD") != 0 && exchange->reply.status != 304;
}

/* There was no memory for the reply as it should be; a short one is sent beside the library, which
 * then closes the connection: too early for what TLS does with last words. */
static enum MHD_Result refuse_reply(struct cn_request *request) {
    struct cn_error error;
    if (request->connection->tls)
        return MHD_NO;
    cn_error_init(&error);
    cn_error_memory(&error);
    pthread_mutex_lock(&request->lock);
    cn_http_cut(request, &error);
    pthread_mutex_unlock(&request->lock);
    return MHD_NO;
}

enum MHD_Result cn_http_reply(struct cn_request *request) {
    struct cn_exchange *exchange = &request->exchange;
    struct cn_reply *reply = &exchange->reply;
    cn_packed_reply_begin(exchange);
    if (reply->stream && exchange->http_minor == 0) {
        enum collected collected = collect_stream(request);
        if (collected != COLLECTED)
            return collected == COLLECT_LATER ? MHD_YES : MHD_NO;
    }
    add_common_headers(request);
    uint64_t total = 0;
    struct MHD_Response *response =
        reply->stream ? response_from_stream(request) : response_from_parts(request, &total);
    if (!response || !add_headers(response, reply)) {
        if (response)
            MHD_destroy_response(response);
        return refuse_reply(request);
    }
    pthread_mutex_lock(&request->lock);
    bool gone_called = request->gone_called;
    request->phase = CN_PHASE_SENDING;
    request->limit_ns = cn_clock_now() +
                        (int64_t)request->settings->body_timeout_ms * CN_NS_PER_MS +
                        (int64_t)(total / (uint64_t)CN_MIB) * CN_NS_PER_SECOND;
    pthread_mutex_unlock(&request->lock);
    enum MHD_Result result = MHD_queue_response(request->mhd, (unsigned)reply->status, response);
    request->answered = result == MHD_YES;
    request->in_vain = gone_called;
    if (request->answered && !reply->stream && has_body(exchange))
        request->sent = (int64_t)total;
    MHD_destroy_response(response);
    return result;
}

/* ---- replies on the bare socket ------------------------------------------------------------ */

static const char *reason_phrase(int status) {
    const char *phrase = MHD_get_reason_phrase_for((unsigned)status);
    return phrase ? phrase : "Error";
}

/* The socket's buffer is empty here (nothing was sent but perhaps a 100), so a few KB go in whole;
 * if they do not, the client is not reading and gets nothing. */
static void send_and_shut(int fd, struct cn_str text) {
    ssize_t sent = send(fd, text.data, text.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)sent;
    shutdown(fd, SHUT_WR);
}

static void say_and_end(struct cn_connection *connection, struct cn_buf *text) {
    if (connection->tls)
        cn_tls_session_farewell(&connection->session, text);
    else
        send_and_shut(connection->fd, cn_buf_str(text));
    cn_buf_release(text);
}

void cn_http_cut(struct cn_request *request, const struct cn_error *error) {
    struct cn_exchange *exchange = &request->exchange;
    struct cn_buf body = CN_BUF_INIT;
    struct cn_buf text = CN_BUF_INIT;
    int status = cn_code_status(error->code);
    char seconds[CN_RETRY_AFTER_SIZE];
    const char *retry_after = cn_exchange_retry_after(exchange, error->code, seconds);
    int64_t now = cn_clock_now();
    bool ok = cn_problem_write(&body, error, NULL) &&
              cn_buf_printf(&text,
                            "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: %s\r\n"
                            "Content-Length: %zu\r\n",
                            status, reason_phrase(status), CN_PROBLEM_TYPE, body.len);
    for (size_t i = 0; ok && i < N_GUARDS; i++)
        ok = cn_buf_printf(&text, "%s: %s\r\n", guards[i].name, guards[i].value);
    if (ok && retry_after)
        ok = cn_buf_printf(&text, "Retry-After: %s\r\n", retry_after);
    if (ok && exchange->coding_refused)
        ok = cn_buf_add_c(&text, "Accept-Encoding: " CN_CODINGS_READ "\r\n");
    if (ok && exchange->recorded)
        ok = cn_buf_printf(&text, "Colonnade-Run: %s\r\n", exchange->run);
    if (ok && is_timed(exchange))
        ok = cn_buf_printf(&text, "Server-Timing: total;dur=%.3f\r\n",
                           (double)(now - exchange->started_ns) / 1e6);
    ok = ok && cn_buf_add_c(&text, "\r\n");
    if (ok && strcmp(exchange->method, "HEAD") != 0)
        ok = cn_buf_add_str(&text, cn_buf_str(&body));
    if (ok)
        say_and_end(request->connection, &text);
    else
        cn_http_cut_bare(request->connection, status);
    size_t body_len = strcmp(exchange->method, "HEAD") != 0 ? body.len : 0;
    cn_buf_release(&body);
    cn_buf_release(&text);
    request->answered = ok;
    request->sent = ok ? (int64_t)body_len : 0;
    request->cut_code = error->code;
    request->phase = CN_PHASE_CUT;
    request->limit_ns = now + CN_HTTP_LINGER_NS;
}

enum { BARE_SIZE = 128 };

static struct cn_str bare_text(int status, char text[BARE_SIZE]) {
    int n = snprintf(text, BARE_SIZE,
                     "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Length: 0\r\n%s\r\n", status,
                     reason_phrase(status), status == 503 ? "Retry-After: 1\r\n" : "");
    return cn_str(text, (size_t)n);
}

void cn_http_cut_bare(struct cn_connection *connection, int status) {
    char text[BARE_SIZE];
    struct cn_buf buf = CN_BUF_INIT;
    if (!connection->tls) /* which needs no memory */
        cn_http_cut_plain(connection->fd, status);
    else if (cn_buf_add_str(&buf, bare_text(status, text)))
        say_and_end(connection, &buf);
    else
        shutdown(connection->fd, SHUT_RDWR);
}

void cn_http_cut_plain(int fd, int status) {
    char text[BARE_SIZE];
    send_and_shut(fd, bare_text(status, text));
}

/*
 * The watcher.
 *
 * The library notices neither deadlines (its timeout is one of inactivity) nor, while a connection
 * is suspended, a client that hung up. The watcher looks at every connection some times a second.
 * A descriptor is closed only after its connection has left the list, so what is in the list under
 * the lock is open.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "server/mhd.h"

#include "base/cond.h"

#define TICK_NS (25 * CN_NS_PER_MS)
/* Work has the deadline too and normally answers by itself; this is how long it may take to. */
#define LENIENCE_NS (100 * CN_NS_PER_MS)
/* What a client has to take what it is still sent, when the service goes down: the last event of a
 * stream that lasts, or the reply that says why its work was given up. */
#define LAST_WORDS_NS (500 * CN_NS_PER_MS)
/* How long the end of a client's sending side is taken for just that. */
#define PROBE_NS (200 * CN_NS_PER_MS)

/* In what steps the kernel counts time (100 Hz at the least). */
enum { BATCH = 64, QUIET_TICKS = 4, KERNEL_TICK_MS = 10 };

/* Requests whose endpoint is to be told that its work is in vain; each holds a reference. */
struct batch {
    struct cn_request *requests[BATCH];
    size_t n;
};

/* The other side sends no more, and all that it sent was read. */
static bool has_ended(int fd) {
    struct pollfd poller = {.fd = fd, .events = POLLRDHUP};
    int unread = 0;
    return poll(&poller, 1, 0) > 0 && ioctl(fd, FIONREAD, &unread) == 0 && unread == 0;
}

/* ---- heads --------------------------------------------------------------------------------- */

/* Whether anything has arrived since the connection began to wait for a head. */
static bool has_received(const struct cn_connection *connection, int64_t now) {
    if (!connection->served || connection->request)
        return true; /* a new connection is answered even if it said nothing */
    struct tcp_info info;
    socklen_t size = sizeof info;
    if (getsockopt(connection->fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
        return false;
    int64_t waited_ms = (now - connection->idle_from_ns) / CN_NS_PER_MS;
    return (int64_t)info.tcpi_last_data_recv + KERNEL_TICK_MS < waited_ms;
}

/* A client that ended its sending side and has its reply waits for the end of the connection. The
 * library may have missed that it did. */
static bool is_done(const struct cn_connection *connection, int64_t now) {
    int64_t idle_ns = now - connection->idle_from_ns;
    if (!connection->served || connection->request || idle_ns < TICK_NS / 2 ||
        idle_ns > 4 * TICK_NS)
        return false;
    return has_ended(connection->fd);
}

static void head_is_late(struct cn_connection *connection, int64_t now) {
    if (!connection->cut && has_received(connection, now)) {
        cn_http_cut_bare(connection, 408);
        cn_http_account_bare(connection, CN_REQUEST_TIMEOUT);
        if (connection->request)
            connection->request->bare = true;
        connection->head_due_ns = now + CN_HTTP_LINGER_NS;
    } else {
        shutdown(connection->fd, SHUT_RDWR);
        connection->head_due_ns = INT64_MAX;
    }
    connection->cut = true;
}

/* ---- bodies and replies -------------------------------------------------------------------- */

static void body_is_late(struct cn_request *request, bool expired, bool cancel) {
    struct cn_error error;
    cn_error_init(&error);
    if (cancel)
        cn_error_set(&error, CN_DRAINING, "The service is going down.");
    else if (expired)
        cn_error_set(&error, CN_DEADLINE_EXCEEDED, "The deadline passed while the body arrived.");
    else
        cn_error_set(&error, CN_REQUEST_TIMEOUT, "The body did not arrive in time.");
    cn_http_cut(request, &error);
}

/* Whether a client has ended its sending side in the middle of its body: nothing is unread, and
 * the library had the time to hand on what it has read. It may have missed the end. */
static bool broke_off(struct cn_request *request) {
    if (request->in_piece || request->pieces != request->pieces_seen) {
        request->pieces_seen = request->pieces;
        request->quiet_ticks = 0;
        return false;
    }
    return has_ended(request->connection->fd) && ++request->quiet_ticks >= QUIET_TICKS;
}

/* A stream that lasts sends the probe itself: it knows what its client skips. */
static void probe_stream(struct cn_request *request) {
    if (!request->exchange.reply.lasts || request->probed)
        return;
    request->probed = true;
    atomic_store(&request->exchange.doubted, true);
    cn_request_wake(request);
}

/* A client that is gone and one that has only ended its sending side look alike at first. An
 * interim reply tells them apart: the socket of a dead client answers it with a reset. It is a 100,
 * which every client skips, and it waits a moment, because most work is done by then. */
static bool has_hung_up(struct cn_request *request, int64_t now) {
    struct pollfd poller = {.fd = request->connection->fd, .events = POLLRDHUP};
    if (poll(&poller, 1, 0) <= 0)
        return false;
    if (poller.revents & (POLLHUP | POLLERR | POLLNVAL))
        return true;
    if (!(poller.revents & POLLRDHUP))
        return false;
    if (request->phase == CN_PHASE_STARVED)
        probe_stream(request);
    if (request->phase != CN_PHASE_PENDING)
        return false;
    if (request->exchange.http_minor == 0 || request->connection->tls)
        return true; /* it cannot be asked */
    if (request->ended_ns == 0)
        request->ended_ns = now;
    if (request->probed || now - request->ended_ns < PROBE_NS)
        return false;
    request->probed = true;
    static const char probe[] = "HTTP/1.1 100 Continue\r\n\r\n";
    return send(poller.fd, probe, sizeof probe - 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
           errno != EAGAIN;
}

static void look_at_work(struct cn_request *request, int64_t now, bool cancel,
                         struct batch *batch) {
    if (request->gone_called || !request->exchange.endpoint->gone || batch->n == BATCH)
        return;
    bool expired = request->deadline_ns && request->deadline_ns + LENIENCE_NS <= now;
    if (!expired && !cancel && !has_hung_up(request, now))
        return;
    request->gone_called = true;
    request->refs++;
    batch->requests[batch->n++] = request;
}

/* The drain does not wait for a client that listens and does not read. */
static void hurry_last_words(struct cn_request *request, int64_t now, bool cancel) {
    bool last = request->exchange.reply.lasts ? atomic_load(&request->http->service->draining)
                                              : cancel && request->gone_called;
    if (last && request->limit_ns > now + LAST_WORDS_NS)
        request->limit_ns = now + LAST_WORDS_NS;
}

/* Ends a connection whose client still sends what nobody wants. By a reset: after a shutdown alone
 * the kernel opens the window of a full buffer no more, and the client's next bytes, which would
 * tell it, wait until its own kernel asks again, for up to two minutes. */
static void reset(struct cn_request *request) {
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(request->connection->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    shutdown(request->connection->fd, SHUT_RDWR);
    request->limit_ns = 0;
}

/* With both locks held. */
static void look_at_request(struct cn_request *request, int64_t now, bool cancel,
                            struct batch *batch) {
    if (request->phase == CN_PHASE_SENDING)
        hurry_last_words(request, now, cancel);
    int64_t limit = request->limit_ns;
    request->deadline_ns = request->exchange.deadline_ns; /* the endpoint may have lowered it */
    bool late = limit && limit <= now;
    bool expired = request->deadline_ns && request->deadline_ns <= now;
    switch (request->phase) {
    case CN_PHASE_BODY:
        if (late || expired || cancel)
            body_is_late(request, expired, cancel);
        else if (broke_off(request))
            shutdown(request->connection->fd, SHUT_RDWR);
        break;
    case CN_PHASE_PENDING:
    case CN_PHASE_STARVED:
        look_at_work(request, now, cancel, batch);
        break;
    case CN_PHASE_CUT:
        if (late)
            reset(request);
        break;
    case CN_PHASE_SENDING:
        if (late) {
            shutdown(request->connection->fd, SHUT_RDWR);
            request->limit_ns = 0;
        }
        break;
    case CN_PHASE_HEAD:
    case CN_PHASE_CALL:
    case CN_PHASE_FINISHED:
    case CN_PHASE_READY:
    case CN_PHASE_OVER:
        break;
    }
}

static void look_around(struct cn_http *http, struct batch *batch) {
    int64_t now = cn_clock_now();
    for (struct cn_connection *connection = http->connections; connection;
         connection = connection->next) {
        struct cn_request *request = connection->request;
        bool in_head = true;
        if (request) {
            pthread_mutex_lock(&request->lock);
            in_head = request->phase == CN_PHASE_HEAD;
            if (!in_head)
                look_at_request(request, now, http->cancel_all, batch);
            pthread_mutex_unlock(&request->lock);
        }
        if (in_head && connection->head_due_ns <= now)
            head_is_late(connection, now);
        else if (in_head && is_done(connection, now))
            shutdown(connection->fd, SHUT_RDWR);
    }
}

static void wait_tick(struct cn_http *http) {
    if (http->orphans)
        return;
    if (!http->connections) {
        pthread_cond_wait(&http->changed, &http->lock);
        return;
    }
    cn_cond_wait_until(&http->changed, &http->lock, cn_clock_now() + TICK_NS);
}

void *cn_http_watch(void *context) {
    struct cn_http *http = context;
    pthread_mutex_lock(&http->lock);
    while (!http->stopping) {
        wait_tick(http);
        struct batch batch = {.n = 0};
        look_around(http, &batch);
        struct cn_request *orphans = http->orphans;
        http->orphans = NULL;
        pthread_mutex_unlock(&http->lock);
        cn_request_close_all(orphans);
        for (size_t i = 0; i < batch.n; i++) {
            struct cn_exchange *exchange = &batch.requests[i]->exchange;
            exchange->endpoint->gone(exchange);
            cn_request_unref(batch.requests[i]);
        }
        pthread_mutex_lock(&http->lock);
    }
    pthread_mutex_unlock(&http->lock);
    return NULL;
}

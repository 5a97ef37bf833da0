#include "server/http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cond.h"
#include "handlers/metrics.h"
#include "server/access_log.h"
#include "server/mhd.h"
#include "server/framing_socket.h"

/* ---- connections --------------------------------------------------------------------------- */

/* Room is kept for those that are told that there are too many, and for probes of health. Where
 * that is full, the one makes way that has been there longest without a request. */
static void make_way(struct cn_http *http) {
    struct cn_connection *oldest = NULL;
    size_t n = 0;
    for (struct cn_connection *one = http->connections; one; one = one->next) {
        bool idle = one->excess && !one->cut && !one->request;
        n += idle;
        oldest = idle ? one : oldest;
    }
    if (n <= CN_HTTP_EXCESS_CONNECTIONS)
        return;
    if (!oldest->tls)
        cn_http_cut_plain(oldest->fd, 503);
    shutdown(oldest->fd, SHUT_RDWR);
    oldest->cut = true;
    oldest->head_due_ns = INT64_MAX;
}

/*
 * Seconds of silence after which the library closes a connection by itself. All deadlines are the
 * watcher's, who shuts the socket down and leaves the rest to the library; but that waits for an
 * event, and there is none where the client's reset was one that it missed. Longer than any silence
 * that the watcher allows; a connection that waits for its reply is suspended and has no such time.
 */
static unsigned silence_seconds(const struct cn_settings *settings) {
    uint64_t most_ms = settings->header_timeout_ms > settings->body_timeout_ms
                           ? settings->header_timeout_ms
                           : settings->body_timeout_ms;
    return (unsigned)(most_ms / 500 + 10);
}

static void connection_open(struct cn_http *http, struct MHD_Connection *mhd, void **context) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *peer =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct cn_connection *connection = calloc(1, sizeof *connection);
    if (!connection) { /* whatever it asks */
        if (!http->tls)
            cn_http_cut_plain(info->connect_fd, 503);
        return;
    }
    const struct cn_settings *settings = cn_http_settings(http);
    int64_t now = cn_clock_now();
    connection->http = http;
    connection->fd = info->connect_fd;
    connection->client =
        cn_admission_client(http->service->admission, peer ? peer->client_addr : NULL);
    cn_http_note_client(&connection->address, peer ? peer->client_addr : NULL);
    connection->idle_from_ns = now;
    connection->head_due_ns = now + (int64_t)settings->header_timeout_ms * CN_NS_PER_MS;
    *context = connection;
    cn_framing_init(&connection->framing, settings->max_header_bytes);
    cn_counter_add(&http->service->metrics->connections, 1);
    pthread_mutex_lock(&http->lock);
    if (http->tls) { /* before the watcher sees it */
        connection->tls = cn_tls_ref(http->tls);
        cn_http_tls_open(connection, mhd);
    }
    connection->excess = http->n_connections >= settings->max_connections;
    connection->next = http->connections;
    if (http->connections)
        http->connections->previous = connection;
    http->connections = connection;
    if (http->n_connections++ == 0)
        pthread_cond_signal(&http->changed);
    if (connection->excess)
        make_way(http);
    pthread_mutex_unlock(&http->lock);
    if (silence_seconds(settings) > http->silence_seconds) /* since a reload */
        MHD_set_connection_option(mhd, MHD_CONNECTION_OPTION_TIMEOUT, silence_seconds(settings));
    /* If not: its requests are refused. */
    cn_framing_watch(connection->fd, &connection->framing, connection->tls != NULL);
}

static void connection_closed(struct cn_http *http, struct cn_connection *connection) {
    cn_framing_forget(connection->fd);
    pthread_mutex_lock(&http->lock);
    if (connection->next)
        connection->next->previous = connection->previous;
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        http->connections = connection->next;
    http->n_connections--;
    pthread_mutex_unlock(&http->lock);
    if (connection->tls)
        cn_http_tls_close(connection);
    free(connection);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code) {
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        connection_open(cls, mhd, context);
    else if (*context)
        connection_closed(cls, *context);
}

/* ---- requests ------------------------------------------------------------------------------ */

/* The library would make a record of every option in a query, in the connection's small pool, for
 * which thousands of them are too many: it then says nothing until the time is over. Nobody asks it
 * for them, so it gets to see an empty query. The text lies in its own buffer. */
static void hide_query(const char *uri, size_t len) {
    char *question = memchr((char *)(uintptr_t)uri, '?', len);
    if (question)
        question[1] = '\0';
}

/* The request line was read: the library calls this before it touches the URI. */
static void *on_request_line(void *cls, const char *uri, struct MHD_Connection *mhd) {
    struct cn_http *http = cls;
    int64_t now = cn_clock_now();
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct cn_connection *connection = info ? info->socket_context : NULL;
    struct cn_request *request = connection ? cn_request_new(http) : NULL;
    if (!request)
        return NULL;
    struct cn_exchange *exchange = &request->exchange;
    request->connection = connection;
    request->number = ++connection->requests;
    request->address = connection->address;
    request->mhd = mhd;
    exchange->started_ns = now;
    exchange->secure = connection->tls != NULL;
    exchange->deadline_ns = now + (int64_t)request->settings->request_timeout_ms * CN_NS_PER_MS;
    request->deadline_ns = exchange->deadline_ns;
    cn_ledger_start(&exchange->ledger, now);
    size_t len = strlen(uri);
    char *path = cn_arena_strndup(&exchange->arena, uri, len);
    if (!path) {
        cn_request_unref(request);
        return NULL;
    }
    char *question = strchr(path, '?');
    if (question) {
        *question = '\0';
        exchange->query = question + 1;
        hide_query(uri, len);
    }
    exchange->path = path;
    pthread_mutex_lock(&http->lock);
    connection->request = request;
    pthread_mutex_unlock(&http->lock);
    return request;
}

/* The library is done with a request: answered, refused, or its client is gone. */
static void on_completed(void *cls, struct MHD_Connection *mhd, void **context,
                         enum MHD_RequestTerminationCode code) {
    (void)mhd;
    struct cn_http *http = cls;
    struct cn_request *request = *context;
    if (!request)
        return;
    *context = NULL;
    int64_t now = cn_clock_now();
    pthread_mutex_lock(&http->lock);
    struct cn_connection *connection = request->connection;
    connection->request = NULL;
    connection->served = true;
    connection->idle_from_ns = now;
    connection->head_due_ns =
        now + (int64_t)cn_http_settings(http)->header_timeout_ms * CN_NS_PER_MS;
    pthread_mutex_unlock(&http->lock);

    pthread_mutex_lock(&request->lock);
    bool gone = request->owes && !request->gone_called && request->exchange.endpoint->gone;
    request->gone_called = request->gone_called || gone;
    request->phase = CN_PHASE_OVER;
    request->over_ns = now;
    request->complete = code == MHD_REQUEST_TERMINATED_COMPLETED_OK;
    request->connection = NULL;
    request->mhd = NULL;
    enum cn_code cut_code = request->cut_code;
    int64_t replied_ns = request->replied_ns; /* a reply that is owed may come at any moment */
    pthread_mutex_unlock(&request->lock);

    if (gone) /* reset before the connection was suspended: nobody waits for the reply */
        request->exchange.endpoint->gone(&request->exchange);
    if (replied_ns)
        request->exchange.send_ns = now - replied_ns;
    if (cut_code != CN_OK && request->exchange.error.code == CN_OK) {
        cn_error_set(&request->exchange.error, cut_code, "%s", cn_code_title(cut_code));
        request->exchange.reply.status = cn_code_status(cut_code);
    }
    cn_request_unref(request);
}

/* Paths stay as they are: cn_routes_find() decodes them, segment by segment. */
static size_t on_unescape(void *cls, struct MHD_Connection *mhd, char *text) {
    (void)cls;
    (void)mhd;
    return strlen(text);
}

void cn_http_use_rules(struct cn_http *http, const struct cn_http_rules *rules) {
    atomic_store_explicit(&http->rules, rules, memory_order_release);
}

/* ---- what is told of it ---------------------------------------------------------------------- */

static void read_state(void *context, struct cn_server_state *state) {
    struct cn_http *http = context;
    struct cn_access_log_stats log;
    pthread_mutex_lock(&http->lock);
    state->connections = http->n_connections;
    pthread_mutex_unlock(&http->lock);
    state->max_connections = cn_http_settings(http)->max_connections;
    state->in_flight = (uint64_t)atomic_load(&http->in_flight);
    cn_access_log_look(http->options.access_log, &log);
    state->log_lines = log.lines;
    state->log_dropped = log.dropped;
    state->log_failures = log.failures;
}

/* ---- start and stop ------------------------------------------------------------------------ */

static enum cn_code start_daemon(struct cn_http *http, struct cn_error *error) {
    const struct cn_settings *settings = cn_http_settings(http);
    unsigned threads = http->options.threads;
    /* The library shares its limit out among its threads, and leaves clients beyond it hanging:
     * each thread must be able to hold all of ours, and the ones that are told so. */
    uint64_t connections = (settings->max_connections + 2 * CN_HTTP_EXCESS_CONNECTIONS) * threads;
    size_t pool = 2 * (size_t)settings->max_header_bytes + (64 << 10);
    if (pool < 128 << 10)
        pool = 128 << 10;
    http->silence_seconds = silence_seconds(settings);
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)connections, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)pool, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)silence_seconds(settings), NULL},
        {MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, NULL},
        {threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem tls_options[] = {
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)CN_TLS_PRIORITIES},
        {MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, (void *)(uintptr_t)cn_http_tls_no_certificate},
        {MHD_OPTION_END, 0, NULL},
    };
    http->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ITC |
            MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET | (http->tls ? MHD_USE_TLS : 0),
        0, NULL, NULL, cn_http_handle, http, MHD_OPTION_ARRAY, options, MHD_OPTION_ARRAY,
        http->tls ? tls_options : &tls_options[2], MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        http, MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_URI_LOG_CALLBACK,
        on_request_line, http, MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, http, MHD_OPTION_END);
    if (!http->daemon)
        return cn_error_set(error, CN_INTERNAL, "The HTTP server could not start: %s.",
                            strerror(errno));
    return CN_OK;
}

static void init_locks(struct cn_http *http) {
    cn_cond_init(&http->changed);
    pthread_mutex_init(&http->lock, NULL);
}

static void stop_watcher(struct cn_http *http) {
    pthread_mutex_lock(&http->lock);
    http->stopping = true;
    pthread_cond_signal(&http->changed);
    pthread_mutex_unlock(&http->lock);
    pthread_join(http->watcher, NULL);
}

static void release(struct cn_http *http) {
    while (http->spares) {
        struct cn_request *request = http->spares;
        http->spares = request->next;
        cn_request_free(request);
    }
    cn_tls_unref(http->tls);
    pthread_cond_destroy(&http->changed);
    pthread_mutex_destroy(&http->lock);
    free(http);
}

enum cn_code cn_http_start(struct cn_http **result, const struct cn_http_options *options,
                           struct cn_error *error) {
    struct cn_http *http = calloc(1, sizeof *http);
    if (!http)
        return cn_error_memory(error);
    http->options = *options;
    http->service = options->service;
    http->tls = options->tls;
    http->first_rules = (struct cn_http_rules){options->settings, &options->service->limits};
    atomic_init(&http->rules, &http->first_rules);
    http->service->server = (struct cn_server_probe){read_state, http};
    init_locks(http);
    if (pthread_create(&http->watcher, NULL, cn_http_watch, http) != 0) {
        release(http);
        return cn_error_set(error, CN_INTERNAL, "A thread could not be started.");
    }
    enum cn_code code = start_daemon(http, error);
    if (code == CN_OK) {
        code = cn_http_accept_start(http, error);
        if (code != CN_OK)
            MHD_stop_daemon(http->daemon);
    }
    if (code != CN_OK) {
        stop_watcher(http);
        release(http);
        return code;
    }
    *result = http;
    return CN_OK;
}

/* Takes no more connections. Not before the work is done: until then others may ask how it stands,
 * and /readyz says that the service goes down. */
static void stop_listening(struct cn_http *http) {
    if (http->quiet)
        return;
    http->quiet = true;
    cn_http_accept_stop(http);
}

/* Waits until nothing was in flight for a moment, so that a request whose bytes are already here is
 * still answered. */
static bool wait_idle(struct cn_http *http, int64_t until_ns) {
    int64_t quiet_since = 0;
    for (;;) {
        int64_t now = cn_clock_now();
        if (cn_admission_working(http->service->admission) == 0)
            stop_listening(http);
        if (atomic_load(&http->in_flight) != 0)
            quiet_since = 0;
        else if (quiet_since == 0)
            quiet_since = now;
        else if (now - quiet_since >= 50 * CN_NS_PER_MS)
            return true;
        if (now >= until_ns)
            return false;
        usleep(5000);
    }
}

bool cn_http_drain(struct cn_http *http, int64_t grace_ms) {
    int64_t until = cn_clock_now() + grace_ms * CN_NS_PER_MS;
    if (wait_idle(http, until))
        return true;
    pthread_mutex_lock(&http->lock);
    http->cancel_all = true;
    stop_listening(http);
    pthread_cond_signal(&http->changed);
    pthread_mutex_unlock(&http->lock);
    return wait_idle(http, cn_clock_now() + 3000 * CN_NS_PER_MS);
}

void cn_http_stop(struct cn_http *http) {
    stop_listening(http);
    MHD_stop_daemon(http->daemon);
    stop_watcher(http);
    release(http);
}

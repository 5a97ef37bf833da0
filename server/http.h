/*
 * http.h: the HTTP side of the service: connections, heads, deadlines, replies.
 *
 * The library behind it is known to the http_*.c files alone. Every request becomes an exchange
 * (handlers/exchange.h) of an endpoint from the table of routes.
 */
#ifndef CN_SERVER_HTTP_H
#define CN_SERVER_HTTP_H

#include "base/error.h"
#include "handlers/exchange.h"
#include "handlers/service.h"
#include "server/listen.h"
#include "server/settings.h"

struct cn_http;
struct cn_tls;
struct cn_access_log;

/* What holds for requests that begin now. Always both together, so that none has a mixture. */
struct cn_http_rules {
    const struct cn_settings *settings;
    const struct cn_service_limits *limits;
};

struct cn_http_options {
    const struct cn_settings *settings;
    struct cn_service *service;
    struct cn_tls *tls; /* NULL: plain HTTP; owned by the server once it was started */
    const struct cn_listener *listeners; /* open; their descriptors are owned likewise */
    size_t n_listeners;
    bool loopback; /* all of them */
    unsigned threads;
    struct cn_access_log *access_log; /* NULL: there is none */
};

/* Starts to serve. What `options` points to must outlive the server. */
enum cn_code cn_http_start(struct cn_http **http, const struct cn_http_options *options,
                           struct cn_error *error);

/* New connections get this certificate. Takes over the reference; only where there was one. */
void cn_http_use_tls(struct cn_http *http, struct cn_tls *tls);

/* These hold for what begins from now on. They must outlive the server. */
void cn_http_use_rules(struct cn_http *http, const struct cn_http_rules *rules);

/* Waits until no request is in flight (service->draining is set: no work is taken). After
 * `grace_ms` the work of what still runs is stopped. False: some request did not end even then;
 * the server must not be stopped. */
bool cn_http_drain(struct cn_http *http, int64_t grace_ms);

/* Closes all connections and frees the server; after a drain that succeeded. */
void cn_http_stop(struct cn_http *http);

#endif

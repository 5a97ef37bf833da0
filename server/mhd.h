/*
 * mhd.h: what the http_*.c files share. The only place that includes microhttpd.h.
 *
 * Threads. The acceptor takes connections and deals them out. The library's threads run the
 * callbacks of a connection, each connection on one of them. Endpoints may reply from any thread.
 * The watcher looks at all connections some times a second: deadlines, clients that hung up.
 *
 * Locks. `http->lock` guards the list of connections and each connection's `request` and head
 * state; a request's own lock guards its phase. Order: http->lock, then request->lock. No endpoint
 * is called with a lock held. The library is called with a request's lock held only to suspend and
 * to resume, which call nothing back.
 *
 * Life. A connection holds one reference to its request, the watcher one while it calls `gone`, and
 * the reply that an endpoint owes (from `finish` on) one until it is made. Whoever drops the last
 * one closes the exchange, but for a reply, whose maker may hold locks: it leaves that to the
 * watcher. A suspended connection never goes away, but a client may reset one
 * before it is suspended: then the endpoint is told that it is gone, and still makes its reply.
 */
#ifndef CN_SERVER_MHD_H
#define CN_SERVER_MHD_H

#include <gnutls/abstract.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "handlers/admission.h"
#include "server/framing.h"
#include "server/http.h"
#include "server/tls.h"
#include "server/tls_session.h"

/* A refused body whose rest is at most this long is read and dropped, so that the connection can go
 * on. */
#define CN_HTTP_DROP_BYTES (INT64_C(1) << 20)
/* After a refusal in the middle of a body so much more is taken, and so long, that the client gets
 * to read the reply before the connection is reset. */
#define CN_HTTP_LINGER_BYTES (INT64_C(64) << 20)
#define CN_HTTP_LINGER_NS (2 * CN_NS_PER_SECOND)
/* Bodies and replies get a second more for each. */
#define CN_MIB (INT64_C(1) << 20)

/* Connections beyond --max-connections that are held, to be told so. As many may be closing. */
#define CN_HTTP_EXCESS_CONNECTIONS 64

enum cn_phase {
    CN_PHASE_HEAD,     /* the request line is there, the rest of the head is not yet */
    CN_PHASE_BODY,     /* the body arrives */
    CN_PHASE_CALL,     /* the endpoint's open or finish runs */
    CN_PHASE_FINISHED, /* the same, and the reply was not made yet: the library will call again */
    CN_PHASE_PENDING,  /* suspended until the reply is made */
    CN_PHASE_READY,    /* the reply is made, and not yet handed to the library */
    CN_PHASE_SENDING,  /* the library sends it */
    CN_PHASE_STARVED,  /* suspended in the middle of a stream */
    CN_PHASE_CUT,      /* refused on the bare socket; what still arrives is dropped */
    CN_PHASE_OVER,     /* the library is done with it */
};

struct cn_connection;

struct cn_request {
    struct cn_exchange exchange; /* first, so that an exchange can be taken for its request */
    struct cn_http *http;
    const struct cn_settings *settings; /* when it began: they hold to its end */
    struct cn_connection *connection;
    struct MHD_Connection *mhd;

    pthread_mutex_t lock;
    enum cn_phase phase;
    int refs;
    bool gone_called;
    bool owes;           /* the endpoint has not replied yet, and holds a reference */
    bool woken;          /* the stream had something before it was suspended */
    bool probed;         /* the client was sent something, to see whether it still lives */
    int64_t ended_ns;    /* when the client was first seen to have ended its side; 0: not yet */
    int64_t limit_ns;    /* when the current phase must be over; 0: never */
    int64_t deadline_ns; /* of the exchange, when the watcher last looked */
    int64_t paused_ns;   /* when STARVED began */
    enum cn_code cut_code;
    bool in_piece;   /* the handler has a piece of the body */
    unsigned pieces; /* how many it has had */
    unsigned pieces_seen;
    unsigned quiet_ticks; /* of the watcher, since a client that sends no more has sent the last */

    /* whoever makes the reply or cuts the request short; behind that the library's thread */
    struct cn_place place; /* in the queue, until the reply is made */
    bool bare;             /* it was answered as a head that came too late */
    bool answered;         /* a reply was begun */
    int64_t sent;          /* bytes of the reply's body that were handed to the library */
    int64_t replied_ns;

    /* the library's thread only */
    uint64_t number; /* of the connection's requests, from 1 */
    bool entered;    /* the head was looked at */
    bool opened;     /* the endpoint's open succeeded: close must be called */
    bool chunked;
    bool expects_continue;
    bool dropping;     /* refused: the body is dropped, and the reply sent behind it */
    bool computes;     /* in service->work_running */
    const char *agent; /* with an access log; NULL: none */
    struct sockaddr_in6 address;
    bool in_vain;  /* its endpoint had been told by then that nobody waits */
    bool complete; /* the library sent all of it */
    int64_t received;
    int64_t arrived; /* bytes of the body, those included that were dropped */
    int64_t drop_left;
    int64_t over_ns; /* when the library was done with it */
    int64_t granted; /* MiB of stream that were given time */
    size_t part;     /* the part that is being copied, and how much of it was */
    size_t part_offset;
    struct cn_buf collected; /* a stream for an HTTP/1.0 client */
    bool broken;             /* its framing: nothing that follows can be trusted */
    int bare_status;         /* the refusal is this, without a document; 0: none */

    struct cn_request *next; /* among the spares, or the orphans */
};

struct cn_connection {
    struct cn_http *http;
    int fd;
    struct sockaddr_in6 address;
    bool excess;          /* over --max-connections */
    uint64_t client;      /* whose it is (handlers/admission.h) */
    bool cut;             /* its head came too late */
    bool served;          /* at least one request was answered */
    int64_t head_due_ns;  /* when the head that is awaited must be complete */
    int64_t idle_from_ns; /* since when it is awaited */

    /* under TLS */
    struct cn_tls *tls; /* what it began with; NULL: plain HTTP */
    struct cn_tls_session session;

    struct cn_request *request;
    struct cn_connection *next;
    struct cn_connection *previous;

    /* the library's thread only */
    struct cn_framing framing;
    uint64_t requests; /* that have begun */
};

struct cn_http {
    struct cn_http_options options;
    struct cn_service *service;
    struct cn_http_rules first_rules;
    _Atomic(const struct cn_http_rules *) rules; /* of the moment */
    struct MHD_Daemon *daemon;
    unsigned silence_seconds; /* the library's own limit of a connection's silence */

    pthread_mutex_t lock;
    pthread_cond_t changed; /* CLOCK_MONOTONIC; the watcher waits on it */
    struct cn_connection *connections;
    size_t n_connections;
    struct cn_tls *tls; /* for new connections; NULL: plain HTTP */
    struct cn_request *spares;
    size_t n_spares;
    struct cn_request *orphans; /* the last to let go was a reply: the watcher closes them */
    bool stopping;
    bool cancel_all; /* the grace time has passed */
    bool quiet;      /* no more connections are taken; of the thread that drains */
    pthread_t watcher;
    pthread_t acceptor;
    int accept_wake; /* an eventfd that ends its wait */
    atomic_bool accept_stopping;

    atomic_int_fast64_t in_flight; /* requests whose head was complete, and that are not closed */
};

/* Those of the moment; where they stand they never change. */
static inline const struct cn_http_rules *cn_http_rules(const struct cn_http *http) {
    return atomic_load_explicit(&http->rules, memory_order_acquire);
}

static inline const struct cn_settings *cn_http_settings(const struct cn_http *http) {
    return cn_http_rules(http)->settings;
}

/* ---- http_request.c: requests, and what endpoints may call -------------------------------- */

struct cn_request *cn_request_new(struct cn_http *http);
void cn_request_free(struct cn_request *request);  /* for good */
void cn_request_unref(struct cn_request *request); /* the last one closes the exchange */
/* What a refused request holds is given back while its client still sends: the endpoint's state,
 * memory, its place in the queue. The reply lies in the arena. */
void cn_request_let_go(struct cn_request *request);
/* Closes the exchanges of requests that nobody refers to any more. */
void cn_request_close_all(struct cn_request *orphans);
/* A stream goes on. Called with the lock of the request held. */
void cn_request_wake(struct cn_request *request);
/* Takes over what the endpoint left in exchange->deadline_ns. */
void cn_request_take_deadline(struct cn_request *request);

/* ---- http_head.c: is this request one that we take? --------------------------------------- */

/* Fills the exchange from the head, checks framing, rights, route and admission. exchange.endpoint
 * is set as soon as it is known; reply headers that belong to the refusal are added. */
enum cn_code cn_head_check(struct cn_request *request, const char *method, const char *version,
                           struct cn_error *error);
/* Joined values of a header in the exchange's arena; NULL: absent. */
const char *cn_head_value(struct cn_request *request, const char *name);

/* ---- http_framing.c: what the check in front of the library found --------------------------- */

/* Whether the framing of this request, its head or its body, is broken; then also how. */
bool cn_http_framing_fault(struct cn_request *request, struct cn_error *error);
/* The same, and a request that was never checked is refused as well. */
enum cn_code cn_http_framing_check(struct cn_request *request, struct cn_error *error);

/* ---- http_body.c: the library's handler --------------------------------------------------- */

enum MHD_Result cn_http_handle(void *cls, struct MHD_Connection *mhd, const char *url,
                               const char *method, const char *version, const char *upload,
                               size_t *upload_size, void **context);

/* ---- http_reply.c: replies ---------------------------------------------------------------- */

/* Hands the exchange's reply to the library (or, of a stream to an HTTP/1.0 client, collects more
 * of it and suspends the connection until it goes on). */
enum MHD_Result cn_http_reply(struct cn_request *request);
/* Sends a problem document past the library, and ends the sending side. Called with the lock of
 * the request held; the phase becomes CN_PHASE_CUT. */
void cn_http_cut(struct cn_request *request, const struct cn_error *error);
/* The same before there is a request: status line only. */
void cn_http_cut_bare(struct cn_connection *connection, int status);
void cn_http_cut_plain(int fd, int status); /* whatever the connection speaks */

/* ---- http_tls.c ---------------------------------------------------------------------------- */

/* A connection begins, ends. Only of one that has `tls`. */
void cn_http_tls_open(struct cn_connection *connection, struct MHD_Connection *mhd);
void cn_http_tls_close(struct cn_connection *connection);
/* For MHD_OPTION_HTTPS_CERT_CALLBACK2. */
gnutls_certificate_retrieve_function3 cn_http_tls_no_certificate;

/* ---- http_account.c ------------------------------------------------------------------------ */

/* The request is over: it is counted and logged. Once, before its exchange is closed. */
void cn_http_account(struct cn_request *request);
/* The same of a head that was answered with a bare status, before there was a request: over TLS
 * only behind the handshake. */
void cn_http_account_bare(const struct cn_connection *connection, enum cn_code code);
/* For the access log: where a client is, and what its request says of itself. */
void cn_http_note_client(struct sockaddr_in6 *to, const struct sockaddr *client);
void cn_http_note_head(struct cn_request *request);

/* ---- http_accept.c ------------------------------------------------------------------------- */

enum cn_code cn_http_accept_start(struct cn_http *http, struct cn_error *error);
/* Takes no more connections, and closes the listening sockets. */
void cn_http_accept_stop(struct cn_http *http);

/* ---- http_watch.c ------------------------------------------------------------------------- */

void *cn_http_watch(void *http);

#endif

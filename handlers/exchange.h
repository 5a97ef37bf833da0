/*
 * exchange.h: one request and its reply, free of any HTTP library.
 *
 * The server (the only room that knows libmicrohttpd) makes an exchange for every request that
 * passed the head check and the route, and drives its endpoint:
 *
 *   open    the head is there: check the query and the headers, make the endpoint's state. To
 *           refuse, return an error: it is answered before the body is asked for.
 *   body    a piece of the body. Called on the connection's thread, pieces in order.
 *   broken  the body cannot be read: it is not the packed file that it should be, or inflates
 *           beyond a limit. May be NULL; neither body nor finish follows, the reply is made by
 *           others.
 *   finish  the body has ended. The endpoint calls cn_exchange_reply() or cn_exchange_fail() then
 *           or at any later time, from any thread, exactly once.
 *   gone    the client went away while a reply was pending, or the deadline passed: stop the work.
 *           A reply must still be made; it is thrown away.
 *   close   the reply was sent, or could not be: release the state. Always called once after open
 *           succeeded, never before a pending reply was made.
 *
 * Memory: `arena` lives until after close; only the connection's thread and, between finish and
 * the reply, the endpoint may use it.
 */
#ifndef CN_HANDLERS_EXCHANGE_H
#define CN_HANDLERS_EXCHANGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "handlers/coded_body.h"
#include "handlers/executor_kind.h"
#include "handlers/operation.h"

struct cn_service;
struct cn_service_limits;
struct cn_exchange;
struct cn_origin;
struct cn_packed_reply;

/* A body that is read only when it is complete, and is larger, is not read on a thread that serves
 * connections. */
#define CN_READ_AT_ONCE_BYTES (256u * 1024)

enum cn_body_verdict {
    CN_BODY_MORE,   /* go on */
    CN_BODY_REFUSE, /* exchange->error says why; the rest of the body is not wanted. For a small
                     * rest the server reads and drops it and replies normally, otherwise it replies
                     * at once and closes. */
};

struct cn_endpoint {
    const char *methods; /* "GET", "POST,PUT,QUERY", comma-separated, in the order of `Allow`; HEAD
                            goes with GET */
    const char *path;    /* "/v1/runs/{id}/trace"; {id} matches one segment */
    enum cn_operation operation;
    bool open_access; /* no token needed (/livez) */
    bool always;      /* answered also on a connection beyond --max-connections */
    bool takes_body;  /* false: a body is CN_INVALID_PARAMETER */
    bool works;       /* counts against the limit of work in flight; refused while draining */
    bool deferrable;  /* `Prefer: respond-async` makes a job of it */
    enum cn_code (*open)(struct cn_exchange *exchange, struct cn_error *error);
    enum cn_body_verdict (*body)(struct cn_exchange *exchange, const char *data, size_t len);
    void (*broken)(struct cn_exchange *exchange, const struct cn_error *error);
    void (*finish)(struct cn_exchange *exchange);
    void (*gone)(struct cn_exchange *exchange);
    void (*close)(struct cn_exchange *exchange);
};

/* The functions that the server lends to endpoints. */
struct cn_exchange_ops {
    /* Value of a request header, NULL if absent; repeated headers are joined with ", ". */
    const char *(*header)(struct cn_exchange *exchange, const char *name);
    /* exchange->reply is complete. May be called with locks held. Other threads may close the
     * exchange before it returns; this one does not. */
    void (*reply)(struct cn_exchange *exchange);
    void (*wake)(struct cn_exchange *exchange); /* a stream that had nothing has something now */
};

struct cn_reply_header {
    const char *name;
    const char *value;
};
#define CN_REPLY_HEADERS 16

#define CN_STREAM_WAIT (0)
#define CN_STREAM_END (-1)
#define CN_STREAM_BREAK (-2)

/* A reply: status, headers, and either parts (length known) or a stream. */
struct cn_reply {
    int status;
    const char *content_type; /* NULL: no body */
    struct cn_reply_header headers[CN_REPLY_HEADERS];
    size_t n_headers;
    const struct cn_str *parts; /* sent in order without a copy; valid until close */
    size_t n_parts;
    /* != NULL: the body comes from here, chunked. Returns bytes written (> 0), CN_STREAM_WAIT:
     * nothing now, ops->wake() will be called (perhaps already); END; or BREAK: the
     * connection is cut. */
    ssize_t (*stream)(struct cn_exchange *exchange, char *out, size_t max);
    /* The stream goes on for as long as the client wants: it has the time of a reply anew whenever
     * it has taken everything. It should end by itself when the service drains, and say something,
     * a comment perhaps, when it is woken and exchange->doubted is set. */
    bool lasts;
    bool close; /* end the connection afterwards */
};

struct cn_exchange {
    const struct cn_exchange_ops *ops;
    struct cn_service *service;
    const struct cn_service_limits *limits; /* when it began; NULL: those of the moment */
    const struct cn_endpoint *endpoint;
    const struct cn_endpoint *deferred; /* of cn_endpoint_deferred: what becomes a job */
    struct cn_arena arena;
    /* the request */
    const char *method;
    const char *path;
    const char *query;      /* raw, behind the '?'; NULL: none */
    const char *segment;    /* what {id} matched, decoded; NULL */
    int http_minor;         /* 0 or 1 */
    bool secure;            /* it came over TLS */
    int64_t content_length; /* of the body as it is sent, packed perhaps; -1: not stated */
    struct cn_coded_body coded;
    bool coding_refused;            /* the body is packed in a way that is not read */
    enum cn_coding accepts;         /* how the reply may be packed; NONE: not at all */
    bool plain_refused;             /* and it may not be plain */
    struct cn_packed_reply *packed; /* one that is packed while it is sent (packed_reply.h) */
    int64_t started_ns;             /* the request line was parsed */
    /* Of the service's cap; an endpoint may lower it at any time; 0: none. */
    _Atomic int64_t deadline_ns;
    struct cn_ledger ledger; /* started at started_ns */
    bool shortened;          /* deadline_ns is the client's `timeout_ms` */
    bool recorded;           /* the run is in the record of runs, so the reply names it */
    bool handed_on;          /* it became a job, which is counted when its work ends (load.h) */
    /* An exchange without a connection (inner.h): no stream, and a reply of at most so many bytes
     * (else CN_LIMIT_EXCEEDED naming whole_limit). 0: the service's buffer_bytes, then a stream. */
    uint64_t whole_bytes;
    const char *whole_limit; /* "--job-bytes" */
    /* Bytes of the service's budget that are reserved for it (reserve.h); the length of body that
     * they are for, if that is not known beforehand; how often memory had been denied before. */
    _Atomic uint64_t reserved;
    uint64_t reserved_body;
    uint64_t denied_before;
    _Atomic bool spools; /* a body larger than buffer_bytes is kept on disk; as it was foreseen */
    bool whole_body;     /* it turned out to be JSON, which is read as a whole */
    /* How far the work is, for whoever asks; total 0: not known yet. */
    _Atomic uint64_t done_rows;
    _Atomic uint64_t total_rows;
    _Atomic bool running; /* its first task was handed to an executor */
    _Atomic bool doubted; /* its client may be gone, which only shows when it is sent something */
    enum cn_executor_kind executor; /* where it was computed; AUTO: nowhere, or not known yet */
    uint64_t rows;                  /* of the run that was recorded */
    struct cn_origin *origin;       /* what the run comes from (origin.h); NULL: nothing is known */
    char run[33]; /* id for Colonnade-Run, made at the start (32 lower-case hex digits) */
    /* the reply */
    struct cn_error error;
    const char *expression; /* text of the let that `error` (or an error of open) is about; NULL */
    struct cn_reply reply;
    int64_t send_ns; /* set by the server when the reply has left, before close */
    void *state;     /* the endpoint's */
};

/*
 * For an endpoint's open: the body may come packed. A Content-Encoding says so, or, with `look`,
 * its first bytes. From then on `body` gets what was inflated. CN_UNSUPPORTED_MEDIA_TYPE: a coding
 * that is not read.
 */
enum cn_code cn_exchange_expect_coded(struct cn_exchange *exchange, bool look,
                                      struct cn_error *error);
/* For whoever drives the exchange: the endpoint's body and finish, with what is packed inflated in
 * between. A body that cannot be inflated is CN_BODY_REFUSE, and is answered by finish. */
enum cn_body_verdict cn_exchange_body(struct cn_exchange *exchange, const char *data, size_t len);
void cn_exchange_finish(struct cn_exchange *exchange);
/* Bytes of the body as the endpoint gets it, as far as the head says; -1: not known. */
static inline int64_t cn_exchange_body_length(const struct cn_exchange *exchange) {
    return exchange->coded.state == CN_CODED_PACKED ? -1 : exchange->content_length;
}

/* The limits that hold for this request to its end, whatever is set meanwhile. */
const struct cn_service_limits *cn_exchange_limits(const struct cn_exchange *exchange);

/* What the request is for, also if it becomes a job; NONE: it was not routed. */
static inline enum cn_operation cn_exchange_operation(const struct cn_exchange *exchange) {
    const struct cn_endpoint *endpoint =
        exchange->deferred ? exchange->deferred : exchange->endpoint;
    return endpoint ? endpoint->operation : CN_OPERATION_NONE;
}

/* Draws a new id for the run. False: no randomness. */
bool cn_exchange_new_run(struct cn_exchange *exchange);

/* `timeout_ms` (0: none) counts from the request line on; it can only bring the deadline forward.
 */
void cn_exchange_shorten_deadline(struct cn_exchange *exchange, uint64_t timeout_ms);
/* For an endpoint's `gone`: why work is given up whose reply nobody can use any more. */
enum cn_code cn_exchange_why_gone(const struct cn_exchange *exchange);

/* Adds a header; the value is copied into the arena. Nothing happens when there is no room or
 * memory. */
void cn_reply_add_header(struct cn_exchange *exchange, const char *name, const char *value);

/* Adds Server-Timing. The total of a ledger that has not ended is the time until now. */
void cn_reply_add_timing(struct cn_exchange *exchange, const struct cn_ledger *ledger);

/* Replies with one body, copied into the arena. */
void cn_exchange_reply_text(struct cn_exchange *exchange, int status, const char *content_type,
                            struct cn_str body);
/* What Retry-After says in a refusal with `code`, in `text`, which is returned; NULL: nothing. */
enum { CN_RETRY_AFTER_SIZE = 12 };
const char *cn_exchange_retry_after(const struct cn_exchange *exchange, enum cn_code code,
                                    char text[CN_RETRY_AFTER_SIZE]);

/* Replies with what exchange->reply holds. */
void cn_exchange_reply(struct cn_exchange *exchange);
/* Replies with a problem document made of `error`; `expression` (may be NULL) is the text of the
 * let at fault; NULL: exchange->expression. */
void cn_exchange_fail(struct cn_exchange *exchange, const struct cn_error *error,
                      const char *expression);
/* The same where there was no memory. */
void cn_exchange_fail_memory(struct cn_exchange *exchange);

#endif

/*
 * access_log.h: one line of JSON for each request, for --access-log.
 *
 * Whoever serves a request copies a small record into a ring, under a short lock, and goes on; one
 * thread makes lines of them and writes them. So no request ever waits for a disk or for the reader
 * of a pipe. When the ring is full, because the file takes nothing for so long, records are
 * dropped: they are counted, and the log says so itself when it goes on. A file that refuses to be
 * written to (ENOSPC, EPIPE) loses what it refused, and is tried again with what comes next.
 *
 * All memory is there from the start. Thread-safe.
 */
#ifndef CN_SERVER_ACCESS_LOG_H
#define CN_SERVER_ACCESS_LOG_H

#include <netinet/in.h>

#include "base/buf.h"
#include "base/error.h"

/* Longer ones are cut. */
enum { CN_ACCESS_METHOD_BYTES = 24, CN_ACCESS_PATH_BYTES = 400, CN_ACCESS_AGENT_BYTES = 128 };
/* No line is longer, so a line goes into a pipe whole. */
enum { CN_ACCESS_LINE_BYTES = 4096 };

struct cn_access_text {
    unsigned short len;
    bool known; /* else it is written as null */
};

/* What is told of one request: no query, no header but the user agent, nothing of a body. The texts
 * that are pointers are static. */
struct cn_access {
    int64_t at; /* wall clock: when its request line was there */
    int64_t duration_ns;
    int64_t bytes_in;
    int64_t bytes_out;
    uint64_t rows;
    const char *route; /* "/v1/runs/{id}"; NULL: it was not routed */
    const char *operation;
    const char *error;    /* a code; NULL: none */
    const char *executor; /* NULL: none */
    int status;           /* 0: nothing was answered */
    int http_minor;       /* -1: not known */
    bool complete;        /* the whole reply left */
    bool tls;
    char run[33];               /* "": none */
    char trace[33];             /* of a traceparent; "": none */
    struct sockaddr_in6 client; /* or a sockaddr_in in its first bytes; family 0: not known */
    struct cn_access_text method_text, path_text, agent_text;
    char method[CN_ACCESS_METHOD_BYTES];
    char path[CN_ACCESS_PATH_BYTES];
    char agent[CN_ACCESS_AGENT_BYTES];
};

/* Sets a text of a record: `field` has room for `size` bytes, what is longer is cut. NULL: it is
 * not known. */
void cn_access_set(struct cn_access_text *text, char *field, size_t size, const char *value);

/* Appends the line, with its line feed. Only printable ASCII stands in it: other characters are
 * escaped as JSON has it, bytes that are no UTF-8 become U+FFFD. So nothing that a client sends can
 * begin a line of its own, or speak to a terminal. False: no memory. */
CN_NODISCARD bool cn_access_line(struct cn_buf *buf, const struct cn_access *access);
/* A JSON string of any bytes, in that manner. */
CN_NODISCARD bool cn_access_add_text(struct cn_buf *buf, struct cn_str text);

struct cn_access_log;

/* Opens (makes, with mode 0640) the file, and starts the thread. "-": standard error. After the
 * last fork(). CN_INVALID_PARAMETER: it cannot be opened. */
enum cn_code cn_access_log_open(struct cn_access_log **log, const char *path,
                                struct cn_error *error);
/* Takes a record; never waits for the file. */
void cn_access_log_add(struct cn_access_log *log, const struct cn_access *access);
/* Opens the file of that name anew, before anything else is written: after it was renamed. May be
 * called from any thread, not from a signal handler. NULL is allowed. */
void cn_access_log_reopen(struct cn_access_log *log);
/* Writes what is there, for 2 s at most, and ends. NULL is allowed. */
void cn_access_log_close(struct cn_access_log *log);

struct cn_access_log_stats {
    uint64_t lines;    /* written, of requests */
    uint64_t dropped;  /* requests that are missing */
    uint64_t failures; /* to write, or to open anew */
};
/* NULL is allowed: all 0. */
void cn_access_log_look(struct cn_access_log *log, struct cn_access_log_stats *stats);

#endif

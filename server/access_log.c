#include "server/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cond.h"

enum {
    SLOTS = 4096, /* at 8,000 requests a second, half a second of a file that takes nothing */
    BATCH = 64,
    POLL_MS = 50
};
/* After it has written something the thread collects for so long: many requests cost one wake. */
#define NAP_NS (20 * CN_NS_PER_MS)
#define CLOSE_NS (2000 * CN_NS_PER_MS)

struct cn_access_log {
    char *path; /* NULL: standard error */
    pthread_t writer;
    pthread_mutex_t lock;
    pthread_cond_t news; /* CLOCK_MONOTONIC */
    /* under the lock */
    struct cn_access *slots;
    size_t first; /* the oldest record; those that are there are the writer's to read */
    size_t n;
    bool sleeping; /* the writer waits until it is woken */
    bool reopen;
    bool closing;
    int64_t until_ns; /* when it is closing */
    struct cn_access_log_stats stats;
    /* the writer's alone */
    int fd;
    bool regular;  /* else it can fill up, and be written to again later */
    bool failing;  /* that was said */
    bool torn;     /* the last line was not written to its end */
    uint64_t told; /* dropped ones that the log has told of */
    struct cn_buf buf;
};

/* ---- the file ------------------------------------------------------------------------------ */

/* Not blocking: of a pipe without a reader this fails, and a full one is waited for with a limit.
 * Returns -1 with errno. */
static int open_file(const char *path) {
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
}

static void use(struct cn_access_log *log, int fd) {
    struct stat info;
    log->fd = fd;
    log->regular = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
    log->torn = false;
}

static void count_failure(struct cn_access_log *log) {
    pthread_mutex_lock(&log->lock);
    log->stats.failures++;
    pthread_mutex_unlock(&log->lock);
}

/* Said once, until it works again; of standard error nobody could read it. */
static void note_failure(struct cn_access_log *log, int code) {
    count_failure(log);
    if (!log->failing && log->path)
        fprintf(stderr, "colonnade: the access log %s cannot be written: %s\n", log->path,
                strerrordesc_np(code));
    log->failing = true;
}

static void note_success(struct cn_access_log *log) {
    if (log->failing && log->path)
        fprintf(stderr, "colonnade: the access log %s is written again\n", log->path);
    log->failing = false;
}

/* The old file goes on where the new one cannot be opened. */
static void open_anew(struct cn_access_log *log) {
    int fd = log->path ? open_file(log->path) : -1;
    if (fd >= 0) {
        close(log->fd);
        use(log, fd);
    } else if (log->path) {
        int code = errno;
        count_failure(log);
        fprintf(stderr,
                "colonnade: the access log %s cannot be opened anew: %s; the old file goes on\n",
                log->path, strerrordesc_np(code));
    }
}

static bool out_of_time(struct cn_access_log *log) {
    pthread_mutex_lock(&log->lock);
    bool out = log->closing && cn_clock_now() >= log->until_ns;
    pthread_mutex_unlock(&log->lock);
    return out;
}

/* Waits until a pipe takes a page, which is more than a line; false: the time to close is over. */
static bool wait_for_room(struct cn_access_log *log) {
    struct pollfd poller = {.fd = log->fd, .events = POLLOUT};
    bool last = false;
    while (!last) {
        last = out_of_time(log);
        if (poll(&poller, 1, last ? 0 : POLL_MS) > 0)
            return true;
    }
    return false;
}

/* Of what is not a file only one line at a time, which is there whole or not at all. */
static size_t piece_of(const struct cn_access_log *log, struct cn_str text) {
    if (log->regular)
        return text.len;
    const char *end = memchr(text.data, '\n', text.len);
    return end ? (size_t)(end - text.data) + 1 : text.len;
}

/* Returns how much was written; what is missing was refused. */
static size_t write_text(struct cn_access_log *log, struct cn_str text) {
    size_t done = 0;
    while (done < text.len) {
        struct cn_str rest = cn_str(text.data + done, text.len - done);
        if (!log->regular && !wait_for_room(log))
            break;
        ssize_t n = write(log->fd, rest.data, piece_of(log, rest));
        if (n >= 0) {
            done += (size_t)n;
        } else if (errno != EINTR && errno != EAGAIN) {
            note_failure(log, errno);
            break;
        }
    }
    return done;
}

/* ---- the writer ---------------------------------------------------------------------------- */

static size_t count_lines(struct cn_str text) {
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += text.data[i] == '\n';
    return n;
}

/* Ends what stands there without an end, so that the next line can be read. */
static void mend(struct cn_access_log *log) {
    if (log->torn && write_text(log, CN_STR("\n")) == 1)
        log->torn = false;
}

/* Writes the lines in the buffer; returns how many of them are there whole. */
static size_t flush(struct cn_access_log *log) {
    struct cn_str text = cn_buf_str(&log->buf);
    if (text.len == 0)
        return 0;
    mend(log);
    size_t done = log->torn ? 0 : write_text(log, text);
    if (done == text.len)
        note_success(log);
    if (done > 0)
        log->torn = text.data[done - 1] != '\n';
    log->buf.len = 0;
    return count_lines(cn_str(text.data, done));
}

static void tell_dropped(struct cn_access_log *log, uint64_t dropped) {
    char at[32];
    if (dropped == log->told || log->failing)
        return;
    cn_clock_format(cn_clock_wall(), at);
    log->buf.len = 0;
    if (cn_buf_printf(&log->buf,
                      "{\"time\":\"%s\",\"event\":\"dropped\",\"requests\":%" PRIu64 "}\n", at,
                      dropped - log->told) &&
        flush(log) == 1)
        log->told = dropped;
}

/* Writes up to BATCH records, whose slots nobody else touches meanwhile. With the lock, which is
 * given up. */
static void write_batch(struct cn_access_log *log) {
    size_t n = log->n < BATCH ? log->n : BATCH;
    size_t first = log->first;
    pthread_mutex_unlock(&log->lock);
    size_t done = 0;
    log->buf.len = 0;
    for (size_t i = 0; i < n; i++)
        if (!cn_access_line(&log->buf, &log->slots[(first + i) % SLOTS]))
            break; /* no memory: what did not fit is dropped */
    done = flush(log);
    pthread_mutex_lock(&log->lock);
    log->first = (first + n) % SLOTS;
    log->n -= n;
    log->stats.lines += done;
    log->stats.dropped += n - done;
    uint64_t dropped = log->stats.dropped;
    pthread_mutex_unlock(&log->lock);
    tell_dropped(log, dropped);
    pthread_mutex_lock(&log->lock);
}

static void nap(struct cn_access_log *log) {
    int64_t until = cn_clock_now() + NAP_NS;
    while (!log->closing && !log->reopen && log->n < SLOTS / 2 &&
           cn_cond_wait_until(&log->news, &log->lock, until))
        ;
}

static void *run_writer(void *context) {
    struct cn_access_log *log = context;
    pthread_setname_np(pthread_self(), "access-log");
    pthread_mutex_lock(&log->lock);
    while (log->n > 0 || !log->closing) {
        if (log->reopen) {
            log->reopen = false;
            pthread_mutex_unlock(&log->lock);
            open_anew(log);
            pthread_mutex_lock(&log->lock);
        } else if (log->n == 0) {
            log->sleeping = true;
            pthread_cond_wait(&log->news, &log->lock);
            log->sleeping = false;
        } else {
            write_batch(log);
            if (log->n < BATCH)
                nap(log);
        }
    }
    pthread_mutex_unlock(&log->lock);
    return NULL;
}

/* ---- for those who serve ------------------------------------------------------------------- */

void cn_access_log_add(struct cn_access_log *log, const struct cn_access *access) {
    pthread_mutex_lock(&log->lock);
    if (log->n < SLOTS)
        log->slots[(log->first + log->n++) % SLOTS] = *access;
    else
        log->stats.dropped++;
    bool wake = log->sleeping || log->n == SLOTS / 2;
    log->sleeping = false;
    if (wake)
        pthread_cond_signal(&log->news);
    pthread_mutex_unlock(&log->lock);
}

void cn_access_log_reopen(struct cn_access_log *log) {
    if (!log)
        return;
    pthread_mutex_lock(&log->lock);
    log->reopen = true;
    pthread_cond_signal(&log->news);
    pthread_mutex_unlock(&log->lock);
}

void cn_access_log_look(struct cn_access_log *log, struct cn_access_log_stats *stats) {
    *stats = (struct cn_access_log_stats){0};
    if (!log)
        return;
    pthread_mutex_lock(&log->lock);
    *stats = log->stats;
    pthread_mutex_unlock(&log->lock);
}

/* ---- life ---------------------------------------------------------------------------------- */

static void release(struct cn_access_log *log) {
    if (log->fd >= 0)
        close(log->fd);
    pthread_cond_destroy(&log->news);
    pthread_mutex_destroy(&log->lock);
    cn_buf_release(&log->buf);
    free(log->slots);
    free(log->path);
    free(log);
}

static struct cn_access_log *make(const char *path) {
    struct cn_access_log *log = calloc(1, sizeof *log);
    if (!log)
        return NULL;
    log->fd = -1;
    pthread_mutex_init(&log->lock, NULL);
    cn_cond_init(&log->news);
    bool standard_error = strcmp(path, "-") == 0;
    log->slots = calloc(SLOTS, sizeof *log->slots);
    log->path = standard_error ? NULL : strdup(path);
    if (log->slots && (log->path || standard_error) &&
        cn_buf_reserve(&log->buf, (size_t)BATCH * CN_ACCESS_LINE_BYTES))
        return log;
    release(log);
    return NULL;
}

enum cn_code cn_access_log_open(struct cn_access_log **result, const char *path,
                                struct cn_error *error) {
    struct cn_access_log *log = make(path);
    if (!log)
        return cn_error_memory(error);
    int fd = log->path ? open_file(path) : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    if (fd < 0) {
        cn_error_set(error, CN_INVALID_PARAMETER, "the access log %s cannot be opened: %s", path,
                     strerrordesc_np(errno));
        release(log);
        return CN_INVALID_PARAMETER;
    }
    use(log, fd);
    int failed = pthread_create(&log->writer, NULL, run_writer, log);
    if (failed != 0) {
        release(log);
        return cn_error_set(error, CN_OVERLOADED, "the access log's thread cannot be started: %s",
                            strerrordesc_np(failed));
    }
    *result = log;
    return CN_OK;
}

void cn_access_log_close(struct cn_access_log *log) {
    if (!log)
        return;
    pthread_mutex_lock(&log->lock);
    log->closing = true;
    log->until_ns = cn_clock_now() + CLOSE_NS;
    pthread_cond_signal(&log->news);
    pthread_mutex_unlock(&log->lock);
    pthread_join(log->writer, NULL);
    if (log->path && log->stats.dropped > log->told)
        fprintf(stderr, "colonnade: %" PRIu64 " requests are missing in the access log %s\n",
                log->stats.dropped - log->told, log->path);
    release(log);
}

/* What the bridge says, and what of it is believed. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "pool/bridge_inside.h"
#include "pool/protocol.h"

#define SILENCE_NS INT64_C(15000000000)
#define DROP_PIECE ((size_t)64 << 10)

/* ---- bytes ----------------------------------------------------------------------------------- */

/* False: the end, silence, or the bridge is to stop. */
static bool wait_for_bytes(const struct cn_bridge *bridge, int64_t until_ns) {
    struct pollfd fds[2] = {{.fd = bridge->process.socket, .events = POLLIN},
                            {.fd = bridge->stop, .events = POLLIN}};
    int64_t left = until_ns - cn_clock_now();
    struct timespec limit = cn_clock_timespec(left > 0 ? left : 0);
    int n = ppoll(fds, 2, &limit, NULL);
    return (n > 0 && fds[1].revents == 0) || (n < 0 && errno == EINTR);
}

/* Every piece that comes is a sign of life. */
static bool read_all(const struct cn_bridge *bridge, void *out, size_t size) {
    char *at = out;
    int64_t until_ns = cn_clock_now() + SILENCE_NS;
    while (size > 0) {
        ssize_t got = recv(bridge->process.socket, at, size, 0);
        if (got > 0) {
            at += got;
            size -= (size_t)got;
            until_ns = cn_clock_now() + SILENCE_NS;
        } else if (got == 0 || (errno != EAGAIN && errno != EINTR) ||
                   !wait_for_bytes(bridge, until_ns)) {
            return false;
        }
    }
    return true;
}

static bool drop_bytes(const struct cn_bridge *bridge, size_t size) {
    char piece[DROP_PIECE];
    while (size > 0) {
        size_t part = size < sizeof(piece) ? size : sizeof(piece);
        if (!read_all(bridge, piece, part))
            return false;
        size -= part;
    }
    return true;
}

/* ---- the cluster's state --------------------------------------------------------------------- */

static void end_text(char *text, size_t size) {
    text[size - 1] = '\0';
}

static void take_state(struct cn_bridge *bridge, struct cn_bridge_state *report,
                       const char *workers) {
    end_text(report->scheduler, sizeof(report->scheduler));
    end_text(report->dashboard, sizeof(report->dashboard));
    end_text(report->problem, sizeof(report->problem));
    pthread_mutex_lock(&bridge->lock);
    struct cn_dask_state *state = &bridge->state;
    bool changed = report->connected
                       ? cn_bridge_workers_update(&bridge->workers, workers, report->n_workers)
                       : cn_bridge_workers_clear(&bridge->workers);
    state->connected = report->connected != 0;
    state->landlock = report->landlock <= INT16_MAX ? (int)report->landlock : 0;
    memcpy(state->dashboard, report->dashboard, sizeof(state->dashboard));
    memcpy(state->problem, report->problem, sizeof(state->problem));
    state->workers = cn_bridge_workers_usable(&bridge->workers, &state->threads);
    if (changed)
        state->generation++;
    if (state->workers > 0)
        bridge->absent_ns = 0;
    else if (bridge->absent_ns == 0)
        bridge->absent_ns = cn_clock_now();
    pthread_mutex_unlock(&bridge->lock);
}

static bool read_state(struct cn_bridge *bridge, size_t size, bool *reached) {
    struct cn_bridge_state report;
    if (size < sizeof(report) || !read_all(bridge, &report, sizeof(report)))
        return false;
    size -= sizeof(report);
    if (report.n_workers > CN_CLUSTER_WORKERS ||
        size != report.n_workers * sizeof(struct cn_bridge_worker))
        return false;
    char *workers = malloc(size > 0 ? size : 1);
    if (!workers) /* the next report is a second away */
        return drop_bytes(bridge, size);
    bool read = read_all(bridge, workers, size);
    if (read) {
        take_state(bridge, &report, workers);
        *reached = *reached || report.connected != 0;
    }
    free(workers);
    return read;
}

/* ---- the end of a task ----------------------------------------------------------------------- */

static bool is_wanted(struct cn_bridge *bridge, uint64_t number) {
    pthread_mutex_lock(&bridge->lock);
    bool wanted = cn_bridge_find(bridge, number) != NULL;
    pthread_mutex_unlock(&bridge->lock);
    return wanted;
}

/* Hands the reply to the call, if it is still wanted; else the reply stays the caller's. */
static bool hand_over(struct cn_bridge *bridge, uint64_t number, const struct cn_bridge_done *done,
                      char *reply, size_t size) {
    pthread_mutex_lock(&bridge->lock);
    struct cn_bridge_call *call = cn_bridge_find(bridge, number);
    if (call) {
        struct cn_cluster_worker *worker = cn_bridge_workers_find(&bridge->workers, done->worker);
        call->done = *done;
        call->reply = reply;
        call->reply_size = size;
        call->worker = worker ? worker->facts.worker : -1;
        call->host = worker ? worker->host : NULL;
        snprintf(call->address, sizeof(call->address), "%s", worker ? worker->facts.address : "");
        cn_bridge_conclude(bridge, call, CN_BRIDGE_ANSWERED);
    }
    pthread_mutex_unlock(&bridge->lock);
    return call != NULL;
}

static void give_up(struct cn_bridge *bridge, uint64_t number,
                    const struct cn_bridge_failed *failed) {
    pthread_mutex_lock(&bridge->lock);
    struct cn_bridge_call *call = cn_bridge_find(bridge, number);
    if (call) {
        call->failed = *failed;
        end_text(call->failed.detail, sizeof(call->failed.detail));
        cn_bridge_conclude(bridge, call, CN_BRIDGE_GAVE_UP);
    }
    pthread_mutex_unlock(&bridge->lock);
}

static bool read_done(struct cn_bridge *bridge, uint64_t number, size_t size) {
    struct cn_bridge_done done;
    if (size < sizeof(done) + sizeof(struct cn_worker_answer) ||
        !read_all(bridge, &done, sizeof(done)))
        return false;
    size -= sizeof(done);
    if (bridge->most > 0 && size - sizeof(struct cn_worker_answer) > bridge->most)
        return false;
    if (!is_wanted(bridge, number))
        return drop_bytes(bridge, size);
    char *reply = malloc(size);
    if (!reply) {
        struct cn_bridge_failed failed = {.why = CN_BRIDGE_NO_MEMORY, .attempts = done.attempts};
        give_up(bridge, number, &failed);
        return drop_bytes(bridge, size);
    }
    bool read = read_all(bridge, reply, size);
    if (!read || !hand_over(bridge, number, &done, reply, size))
        free(reply);
    return read;
}

static bool read_failed(struct cn_bridge *bridge, uint64_t number, size_t size) {
    struct cn_bridge_failed failed;
    if (size != sizeof(failed) || !read_all(bridge, &failed, sizeof(failed)))
        return false;
    give_up(bridge, number, &failed);
    return true;
}

/* Also where there is always something to read, so that nobody waits. */
static bool is_to_stop(const struct cn_bridge *bridge) {
    struct pollfd poll_fd = {.fd = bridge->stop, .events = POLLIN};
    return poll(&poll_fd, 1, 0) > 0;
}

bool cn_bridge_read(struct cn_bridge *bridge) {
    struct cn_bridge_head head;
    bool reached = false, sound = true;
    while (sound && !is_to_stop(bridge) && read_all(bridge, &head, sizeof(head))) {
        if (head.kind == CN_BRIDGE_STATE)
            sound = read_state(bridge, (size_t)head.size, &reached);
        else if (head.kind == CN_BRIDGE_DONE)
            sound = read_done(bridge, head.number, (size_t)head.size);
        else if (head.kind == CN_BRIDGE_FAILED)
            sound = read_failed(bridge, head.number, (size_t)head.size);
        else
            sound = false;
    }
    return reached;
}

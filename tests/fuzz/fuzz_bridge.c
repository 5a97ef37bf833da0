/*
 * Fuzz target: what the bridge to Dask says to the server.
 *
 * The input is the stream of its frames. What must hold: reading ends, whatever they are; a task
 * has one outcome, and a reply that is believed has the size that came; a failure's text ends; the
 * workers that are told of have texts that end, places of their own and no more threads than there
 * are; the usable ones are those that are counted.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pool/bridge_inside.h"
#include "tests/fuzz/check.h"

#define CALLS 4 /* numbers 1 to 4 */
#define MOST_REPLY ((size_t)1 << 20)

static bool ends(const char *text, size_t size) {
    return memchr(text, '\0', size) != NULL;
}

static void check_workers(struct cn_bridge *bridge) {
    static struct cn_dask_worker list[CN_CLUSTER_WORKERS];
    struct cn_dask_state state;
    size_t usable = 0, threads = 0;
    bool seen[CN_CLUSTER_WORKERS] = {false};
    size_t n = cn_bridge_list(bridge, list, CN_CLUSTER_WORKERS);
    CHECK(n <= CN_CLUSTER_WORKERS);
    for (size_t i = 0; i < n; i++) {
        const struct cn_dask_worker *worker = &list[i];
        CHECK(worker->worker >= 0 && (size_t)worker->worker < n && !seen[worker->worker]);
        seen[worker->worker] = true;
        CHECK(ends(worker->address, sizeof(worker->address)) &&
              ends(worker->host, sizeof(worker->host)) &&
              ends(worker->name, sizeof(worker->name)) &&
              ends(worker->problem, sizeof(worker->problem)));
        CHECK(worker->present || !worker->usable);
        usable += worker->usable;
        threads += worker->usable ? worker->threads : 0;
    }
    cn_bridge_state(bridge, &state);
    CHECK(state.workers == usable && state.threads == threads);
    CHECK(ends(state.dashboard, sizeof(state.dashboard)) &&
          ends(state.problem, sizeof(state.problem)));
}

static void check_call(const struct cn_bridge_call *call, size_t input_size) {
    if (call->outcome == CN_BRIDGE_ANSWERED) {
        struct cn_worker_answer answer;
        struct cn_str out;
        CHECK(call->reply && call->reply_size <= input_size);
        CHECK(call->worker < 0 || call->host);
        if (cn_answer_read(&answer, cn_str(call->reply, call->reply_size), call->number, &out))
            CHECK(out.len <= call->reply_size);
    } else {
        CHECK(!call->reply);
    }
    if (call->outcome == CN_BRIDGE_GAVE_UP)
        CHECK(ends(call->failed.detail, sizeof(call->failed.detail)));
}

/* All of the input, then the end. */
static int open_stream(const uint8_t *data, size_t size) {
    int sockets[2];
    int room = 8 << 20;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets) == 0);
    (void)setsockopt(sockets[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    ssize_t sent = send(sockets[1], data, size, MSG_NOSIGNAL); /* what does not fit is left out */
    (void)sent;
    close(sockets[1]);
    return sockets[0];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct cn_bridge bridge = {.most = MOST_REPLY, .lock = PTHREAD_MUTEX_INITIALIZER};
    struct cn_bridge_call calls[CALLS];
    bridge.stop = eventfd(0, EFD_CLOEXEC);
    bridge.process.socket = open_stream(data, size);
    for (size_t i = 0; i < CALLS; i++) {
        cn_bridge_call_init(&calls[i], &bridge);
        calls[i].cancel = calloc(1, sizeof(*calls[i].cancel));
        if (!calls[i].cancel)
            abort();
        calls[i].number = i + 1;
        calls[i].next = bridge.calls;
        bridge.calls = &calls[i];
    }
    (void)cn_bridge_read(&bridge);
    check_workers(&bridge);
    for (size_t i = 0; i < CALLS; i++) {
        check_call(&calls[i], size);
        cn_bridge_call_release(&calls[i]);
    }
    cn_bridge_frames_free(bridge.frames);
    cn_bridge_workers_release(&bridge.workers);
    close(bridge.process.socket);
    close(bridge.stop);
    pthread_mutex_destroy(&bridge.lock);
    return 0;
}

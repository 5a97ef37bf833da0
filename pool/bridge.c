/* The bridge's life, and its two threads. */
#include "pool/bridge.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cond.h"
#include "pool/bridge_inside.h"
#include "pool/protocol.h"
#include "pool/queue.h"

#define PATIENCE_MS 4000 /* longer than it takes its leave of a cluster that does not answer */
#define BACK_OFF_NS INT64_C(100000000)
#define BACK_OFF_MOST_NS INT64_C(10000000000)

/* ---- the writer ------------------------------------------------------------------------------ */

/* False: the socket is of no use any more. */
static bool write_all(int socket, const void *data, size_t size) {
    const char *at = data;
    while (size > 0) {
        ssize_t sent = send(socket, at, size, MSG_NOSIGNAL);
        if (sent > 0) {
            at += sent;
            size -= (size_t)sent;
        } else if (sent < 0 && errno == EAGAIN) {
            struct pollfd poll_fd = {.fd = socket, .events = POLLOUT};
            (void)poll(&poll_fd, 1, -1); /* the keeper shuts it down to end this */
        } else if (!(sent < 0 && errno == EINTR)) {
            return false;
        }
    }
    return true;
}

static void *writer_main(void *argument) {
    struct cn_bridge *bridge = argument;
    pthread_setname_np(pthread_self(), "dask-writer");
    pthread_mutex_lock(&bridge->lock);
    while (!bridge->stopping) {
        struct cn_bridge_frame *frame = bridge->frames;
        if (!bridge->open || !frame) {
            pthread_cond_wait(&bridge->writer_wake, &bridge->lock);
            continue;
        }
        bridge->frames = frame->next;
        if (!bridge->frames)
            bridge->frames_last = NULL;
        bridge->writing = true;
        int socket = bridge->process.socket;
        pthread_mutex_unlock(&bridge->lock);
        bool sent = write_all(socket, &frame->head, sizeof(frame->head));
        if (sent && frame->head.kind == CN_BRIDGE_SUBMIT)
            sent = write_all(socket, &frame->submit, sizeof(frame->submit)) &&
                   write_all(socket, &frame->request, sizeof(frame->request)) &&
                   write_all(socket, frame->image, (size_t)frame->request.size);
        frame->next = NULL;
        cn_bridge_frames_free(frame);
        pthread_mutex_lock(&bridge->lock);
        bridge->writing = false;
        if (!sent) { /* a frame that is cut is no frame: the keeper is to see its end as well */
            bridge->open = false;
            shutdown(socket, SHUT_RDWR);
        }
        pthread_cond_signal(&bridge->writer_idle);
    }
    pthread_mutex_unlock(&bridge->lock);
    return NULL;
}

/* ---- the keeper ------------------------------------------------------------------------------ */

/* Why there is no bridge: `text`, or if it is empty what the bridge said itself. It is printed
 * once, however often a new bridge ends alike. */
static void set_problem(struct cn_bridge *bridge, const char *text) {
    char problem[sizeof(bridge->said)];
    pthread_mutex_lock(&bridge->lock);
    if (text[0])
        snprintf(bridge->state.problem, sizeof(bridge->state.problem), "%.255s", text);
    memcpy(problem, bridge->state.problem, sizeof(problem));
    bool news = !bridge->stopping && strcmp(problem, bridge->said) != 0;
    pthread_mutex_unlock(&bridge->lock);
    if (news)
        fprintf(stderr, "colonnade: %s\n", problem);
    memcpy(bridge->said, problem, sizeof(problem));
}

/* The socket is closed to the writer, and who waits for an answer hears that there is none. */
static void break_off(struct cn_bridge *bridge) {
    pthread_mutex_lock(&bridge->lock);
    bridge->open = false;
    shutdown(bridge->process.socket, SHUT_RDWR);
    while (bridge->writing)
        pthread_cond_wait(&bridge->writer_idle, &bridge->lock);
    struct cn_bridge_frame *frames = bridge->frames;
    bridge->frames = bridge->frames_last = NULL;
    while (bridge->calls)
        cn_bridge_conclude(bridge, bridge->calls, CN_BRIDGE_BROKE_OFF);
    if (cn_bridge_workers_clear(&bridge->workers))
        bridge->state.generation++;
    if (bridge->absent_ns == 0)
        bridge->absent_ns = cn_clock_now();
    bridge->state.connected = false;
    bridge->state.workers = bridge->state.threads = 0;
    bridge->state.bridge = 0;
    pthread_mutex_unlock(&bridge->lock);
    cn_bridge_frames_free(frames);
}

/* One process, from its start to its end; true: it had reached the cluster. */
static bool live_once(struct cn_bridge *bridge) {
    struct cn_error error;
    char how[64], text[256];
    cn_error_init(&error);
    if (cn_bridge_process_start(&bridge->process, bridge->python, &error) != CN_OK) {
        set_problem(bridge, error.detail);
        return false;
    }
    pthread_mutex_lock(&bridge->lock);
    bridge->state.bridge = bridge->process.pid;
    bridge->state.starts++;
    pthread_mutex_unlock(&bridge->lock);
    struct cn_bridge_head head = {.kind = CN_BRIDGE_HELLO, .size = sizeof(bridge->hello)};
    bool reached = false;
    if (write_all(bridge->process.socket, &head, sizeof(head)) &&
        write_all(bridge->process.socket, &bridge->hello, sizeof(bridge->hello))) {
        pthread_mutex_lock(&bridge->lock);
        bridge->open = true;
        pthread_cond_signal(&bridge->writer_wake);
        pthread_mutex_unlock(&bridge->lock);
        reached = cn_bridge_read(bridge);
    }
    break_off(bridge);
    cn_bridge_process_end(&bridge->process, PATIENCE_MS, how, sizeof(how));
    if (reached) /* it is news that one ends which had been well */
        bridge->said[0] = '\0';
    snprintf(text, sizeof(text), "the bridge to Dask (%s) ended: %s", bridge->python, how);
    set_problem(bridge, how[0] ? text : "");
    return reached;
}

/* Waits for a time; false: the bridge is to stop. */
static bool pause_for(const struct cn_bridge *bridge, int64_t ns) {
    struct pollfd poll_fd = {.fd = bridge->stop, .events = POLLIN};
    int n = poll(&poll_fd, 1, (int)(ns / CN_NS_PER_MS));
    return n == 0 || (n < 0 && errno == EINTR);
}

static bool is_stopping(struct cn_bridge *bridge) {
    pthread_mutex_lock(&bridge->lock);
    bool stopping = bridge->stopping;
    pthread_mutex_unlock(&bridge->lock);
    return stopping;
}

static void *keeper_main(void *argument) {
    struct cn_bridge *bridge = argument;
    int64_t pause_ns = BACK_OFF_NS;
    pthread_setname_np(pthread_self(), "dask-keeper");
    while (!is_stopping(bridge)) {
        if (live_once(bridge))
            pause_ns = BACK_OFF_NS;
        else if (pause_ns < BACK_OFF_MOST_NS)
            pause_ns *= 2;
        if (!pause_for(bridge, pause_ns))
            break;
    }
    return NULL;
}

/* ---- its life -------------------------------------------------------------------------------- */

static enum cn_code copy_text(char *out, size_t size, const char *name, const char *from,
                              struct cn_error *error) {
    size_t len = from ? strlen(from) : 0;
    if (len >= size)
        return cn_error_set(error, CN_INVALID_PARAMETER, "%s is longer than %zu bytes", name,
                            size - 1);
    if (len > 0)
        memcpy(out, from, len);
    return CN_OK;
}

/* Plans are numbered from 1 in every server: which one this is must be no guess. */
static enum cn_code name_session(char *out, size_t size, struct cn_error *error) {
    unsigned char random[12];
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return cn_error_set(error, CN_INTERNAL, "No random numbers: %s", strerrordesc_np(errno));
    for (size_t i = 0; i < sizeof(random); i++)
        snprintf(out + 2 * i, size - 2 * i, "%02x", random[i]);
    return CN_OK;
}

static enum cn_code make_hello(struct cn_bridge_hello *hello,
                               const struct cn_dask_settings *settings, struct cn_error *error) {
    struct cn_pipe_setup setup;
    memset(&setup, 0, sizeof(setup));
    setup.size = sizeof(setup);
    setup.answer_size = sizeof(struct cn_worker_answer);
    setup.request_size = sizeof(struct cn_worker_request);
    setup.confinement = settings->confinement;
    _Static_assert(sizeof(setup) <= sizeof(hello->setup), "the setup must fit");
    memset(hello, 0, sizeof(*hello));
    hello->version = CN_BRIDGE_VERSION;
    hello->isolation = settings->confinement.level;
    hello->answer_size = setup.answer_size;
    hello->request_size = setup.request_size;
    memcpy(hello->setup, &setup, sizeof(setup));
    hello->setup_size = sizeof(setup);
    CN_TRY(name_session(hello->session, sizeof(hello->session), error));
    CN_TRY(copy_text(hello->scheduler, sizeof(hello->scheduler), "--dask-scheduler",
                     settings->scheduler, error));
    CN_TRY(
        copy_text(hello->tls_ca, sizeof(hello->tls_ca), "--dask-tls-ca", settings->tls_ca, error));
    CN_TRY(copy_text(hello->tls_cert, sizeof(hello->tls_cert), "--dask-tls-cert",
                     settings->tls_cert, error));
    CN_TRY(copy_text(hello->tls_key, sizeof(hello->tls_key), "--dask-tls-key", settings->tls_key,
                     error));
    return copy_text(hello->identity, sizeof(hello->identity), "the identity", settings->identity,
                     error);
}

static void release(struct cn_bridge *bridge) {
    cn_bridge_process_release(&bridge->process);
    cn_bridge_workers_release(&bridge->workers);
    cn_bridge_frames_free(bridge->frames);
    pthread_cond_destroy(&bridge->writer_wake);
    pthread_cond_destroy(&bridge->writer_idle);
    pthread_mutex_destroy(&bridge->lock);
    if (bridge->stop >= 0)
        close(bridge->stop);
    free(bridge->python);
    free(bridge);
}

static enum cn_code prepare(struct cn_bridge *bridge, const struct cn_dask_settings *settings,
                            struct cn_error *error) {
    CN_TRY(make_hello(&bridge->hello, settings, error));
    bridge->most = settings->confinement.output_bytes;
    memcpy(bridge->state.scheduler, bridge->hello.scheduler, sizeof(bridge->state.scheduler));
    bridge->absent_ns = cn_clock_now();
    bridge->python = strdup(settings->python);
    if (!bridge->python)
        return cn_error_memory(error);
    bridge->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (bridge->stop < 0)
        return cn_error_set(error, CN_OVERLOADED, "No descriptor for the bridge to Dask: %s",
                            strerrordesc_np(errno));
    return cn_bridge_process_init(&bridge->process, settings->program, error);
}

static void tell_to_stop(struct cn_bridge *bridge) {
    uint64_t one = 1;
    pthread_mutex_lock(&bridge->lock);
    bridge->stopping = true;
    pthread_cond_signal(&bridge->writer_wake);
    pthread_mutex_unlock(&bridge->lock);
    ssize_t ignored = write(bridge->stop, &one, sizeof(one));
    (void)ignored;
}

enum cn_code cn_bridge_new(struct cn_bridge **out, const struct cn_dask_settings *settings,
                           struct cn_error *error) {
    struct cn_bridge *bridge = calloc(1, sizeof(*bridge));
    *out = NULL;
    if (!bridge)
        return cn_error_memory(error);
    bridge->stop = -1;
    bridge->process = (struct cn_bridge_process){.socket = -1, .program = -1};
    pthread_mutex_init(&bridge->lock, NULL);
    cn_cond_init(&bridge->writer_wake);
    cn_cond_init(&bridge->writer_idle);
    enum cn_code code = prepare(bridge, settings, error);
    int failed = 0;
    if (code == CN_OK)
        failed = cn_queue_thread(&bridge->writer, writer_main, bridge);
    if (code == CN_OK && failed == 0) {
        failed = cn_queue_thread(&bridge->keeper, keeper_main, bridge);
        if (failed != 0) {
            tell_to_stop(bridge);
            pthread_join(bridge->writer, NULL);
        }
    }
    if (failed != 0)
        code = cn_error_set(error, CN_OVERLOADED, "No thread for the bridge to Dask: %s",
                            strerrordesc_np(failed));
    if (code != CN_OK) {
        release(bridge);
        return code;
    }
    *out = bridge;
    return CN_OK;
}

void cn_bridge_free(struct cn_bridge *bridge) {
    tell_to_stop(bridge);
    pthread_join(bridge->keeper, NULL);
    pthread_join(bridge->writer, NULL);
    release(bridge);
}

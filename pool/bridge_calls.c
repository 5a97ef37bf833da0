/* Tasks on their way through the bridge. */
#include <stdlib.h>

#include "base/cond.h"
#include "pool/bridge_inside.h"

void cn_bridge_call_init(struct cn_bridge_call *call, struct cn_bridge *bridge) {
    *call = (struct cn_bridge_call){.bridge = bridge, .worker = -1};
    cn_cond_init(&call->changed);
}

void cn_bridge_call_release(struct cn_bridge_call *call) {
    cn_bridge_drop(call);
    cn_bridge_frames_free(call->cancel);
    pthread_cond_destroy(&call->changed);
}

static void enqueue(struct cn_bridge *bridge, struct cn_bridge_frame *frame) {
    if (bridge->frames_last)
        bridge->frames_last->next = frame;
    else
        bridge->frames = frame;
    bridge->frames_last = frame;
    pthread_cond_signal(&bridge->writer_wake);
}

void cn_bridge_frames_free(struct cn_bridge_frame *frame) {
    while (frame) {
        struct cn_bridge_frame *next = frame->next;
        free(frame->image);
        free(frame);
        frame = next;
    }
}

/* The frame that submits a task; NULL: no memory. */
static struct cn_bridge_frame *make_submit(const struct cn_task *task, uint64_t number) {
    struct cn_bridge_frame *frame = calloc(1, sizeof(*frame));
    if (!frame)
        return NULL;
    struct cn_worker_request *request = &frame->request;
    if (cn_request_lay_out(request, task, number))
        frame->image = aligned_alloc(64, ((size_t)request->size + 63) & ~(size_t)63);
    if (!frame->image) {
        free(frame);
        return NULL;
    }
    cn_request_fill(request, task, frame->image);
    if (task->group->deadline_ns != 0) {
        int64_t left = task->group->deadline_ns - cn_clock_now();
        request->left_ns = frame->submit.left_ns = left > 0 ? left : 1;
    }
    frame->head =
        (struct cn_bridge_head){.kind = CN_BRIDGE_SUBMIT,
                                .number = number,
                                .size = sizeof(frame->submit) + sizeof(*request) + request->size};
    return frame;
}

enum cn_code cn_bridge_send(struct cn_bridge_call *call, const struct cn_task *task, int retries,
                            struct cn_error *error) {
    struct cn_bridge *bridge = call->bridge;
    if (!call->cancel) /* else that of the last task was not needed */
        call->cancel = calloc(1, sizeof(*call->cancel));
    if (!call->cancel)
        return cn_error_memory(error);
    pthread_mutex_lock(&bridge->lock);
    uint64_t number = ++bridge->number;
    pthread_mutex_unlock(&bridge->lock);
    struct cn_bridge_frame *frame = make_submit(task, number);
    if (!frame)
        return cn_error_memory(error);
    frame->submit.retries = (uint32_t)retries;
    call->number = number;
    call->outcome = CN_BRIDGE_WAITING;
    pthread_mutex_lock(&bridge->lock);
    call->next = bridge->calls;
    bridge->calls = call;
    enqueue(bridge, frame);
    pthread_mutex_unlock(&bridge->lock);
    return CN_OK;
}

enum cn_bridge_outcome cn_bridge_wait(struct cn_bridge_call *call, int64_t until_ns) {
    struct cn_bridge *bridge = call->bridge;
    bool in_time = true;
    pthread_mutex_lock(&bridge->lock);
    while (!call->woken && in_time && (call->number == 0 || call->outcome == CN_BRIDGE_WAITING)) {
        if (until_ns == 0)
            pthread_cond_wait(&call->changed, &bridge->lock);
        else
            in_time = cn_cond_wait_until(&call->changed, &bridge->lock, until_ns);
    }
    call->woken = false;
    enum cn_bridge_outcome outcome = call->outcome;
    pthread_mutex_unlock(&bridge->lock);
    return outcome;
}

void cn_bridge_wake(struct cn_bridge_call *call) {
    pthread_mutex_lock(&call->bridge->lock);
    call->woken = true;
    pthread_cond_signal(&call->changed);
    pthread_mutex_unlock(&call->bridge->lock);
}

static bool unlist(struct cn_bridge *bridge, struct cn_bridge_call *call) {
    for (struct cn_bridge_call **at = &bridge->calls; *at; at = &(*at)->next)
        if (*at == call) {
            *at = call->next;
            return true;
        }
    return false;
}

/* Takes the frame of a number off the list; NULL: it was sent, or is being sent. */
static struct cn_bridge_frame *unsent(struct cn_bridge *bridge, uint64_t number) {
    struct cn_bridge_frame *last = NULL;
    for (struct cn_bridge_frame *frame = bridge->frames; frame; last = frame, frame = frame->next) {
        if (frame->head.number != number)
            continue;
        if (last)
            last->next = frame->next;
        else
            bridge->frames = frame->next;
        if (bridge->frames_last == frame)
            bridge->frames_last = last;
        return frame;
    }
    return NULL;
}

void cn_bridge_drop(struct cn_bridge_call *call) {
    struct cn_bridge *bridge = call->bridge;
    struct cn_bridge_frame *frame = NULL;
    pthread_mutex_lock(&bridge->lock);
    bool under_way = unlist(bridge, call) && call->outcome == CN_BRIDGE_WAITING;
    if (under_way) {
        frame = unsent(bridge, call->number);
        if (!frame) {
            call->cancel->head =
                (struct cn_bridge_head){.kind = CN_BRIDGE_CANCEL, .number = call->number};
            enqueue(bridge, call->cancel);
            call->cancel = NULL;
        }
    }
    pthread_mutex_unlock(&bridge->lock);
    if (frame)
        frame->next = NULL;
    cn_bridge_frames_free(frame);
    free(call->reply);
    call->reply = NULL;
    call->reply_size = 0;
    call->number = 0;
    call->outcome = CN_BRIDGE_WAITING;
    call->worker = -1;
    call->host = NULL;
}

int64_t cn_bridge_absent(struct cn_bridge *bridge, char *problem, size_t size) {
    pthread_mutex_lock(&bridge->lock);
    int64_t absent_ns = bridge->absent_ns;
    const struct cn_dask_state *state = &bridge->state;
    if (!state->connected)
        snprintf(problem, size, "%s",
                 state->problem[0] ? state->problem : "the bridge has not reached it yet");
    else
        cn_bridge_workers_problem(&bridge->workers, problem, size);
    pthread_mutex_unlock(&bridge->lock);
    return absent_ns;
}

void cn_bridge_state(struct cn_bridge *bridge, struct cn_dask_state *state) {
    pthread_mutex_lock(&bridge->lock);
    *state = bridge->state;
    pthread_mutex_unlock(&bridge->lock);
}

size_t cn_bridge_list(struct cn_bridge *bridge, struct cn_dask_worker *list, size_t max) {
    pthread_mutex_lock(&bridge->lock);
    size_t n = cn_bridge_workers_list(&bridge->workers, list, max);
    pthread_mutex_unlock(&bridge->lock);
    return n;
}

void cn_bridge_count(struct cn_bridge *bridge, int worker, int64_t cpu_ns) {
    pthread_mutex_lock(&bridge->lock);
    if (worker >= 0 && (size_t)worker < bridge->workers.n) {
        bridge->workers.list[worker].facts.tasks++;
        bridge->workers.list[worker].facts.cpu_ns += cpu_ns;
    }
    pthread_mutex_unlock(&bridge->lock);
}

/* ---- for the files of the bridge ------------------------------------------------------------- */

struct cn_bridge_call *cn_bridge_find(struct cn_bridge *bridge, uint64_t number) {
    for (struct cn_bridge_call *call = bridge->calls; call; call = call->next)
        if (call->number == number)
            return call;
    return NULL;
}

void cn_bridge_conclude(struct cn_bridge *bridge, struct cn_bridge_call *call,
                        enum cn_bridge_outcome outcome) {
    (void)unlist(bridge, call);
    call->outcome = outcome;
    pthread_cond_signal(&call->changed);
}

/* The executor `dask`: each slot's thread has one task at a time on its way through the bridge. */
#include "pool/dask.h"

#include <stdlib.h>

#include "pool/bridge.h"
#include "pool/queue.h"

#define PATIENCE_NS INT64_C(30000000000) /* with a cluster that has no usable worker */
#define LOOK_NS INT64_C(500000000)       /* how often it is asked for */
#define MOST_ATTEMPTS 1000               /* that the bridge is believed to have made of one */

struct dask {
    struct cn_bridge *bridge;
    uint32_t retries;
};

static struct dask *dask_of(const struct cn_slot *slot) {
    return slot->queue->context;
}

/* ---- slots ----------------------------------------------------------------------------------- */

static enum cn_code dask_open(struct cn_slot *slot, struct cn_error *error) {
    struct cn_bridge_call *call = malloc(sizeof(*call));
    if (!call)
        return cn_error_memory(error);
    cn_bridge_call_init(call, dask_of(slot)->bridge);
    slot->worker = call;
    slot->pid = 0;
    return CN_OK;
}

static void dask_close(struct cn_slot *slot) {
    cn_bridge_call_release(slot->worker);
    free(slot->worker);
}

static void dask_wait(struct cn_slot *slot, int64_t until_ns) {
    (void)cn_bridge_wait(slot->worker, until_ns);
}

static void dask_wake(struct cn_slot *slot) {
    cn_bridge_wake(slot->worker);
}

static void dask_release(void *context) {
    struct dask *dask = context;
    cn_bridge_free(dask->bridge);
    free(dask);
}

/* ---- one task -------------------------------------------------------------------------------- */

static int64_t not_negative(int64_t ns) {
    return ns > 0 ? ns : 0;
}

/* The first one is counted when the task is sent. */
static void count_attempts(struct cn_task *task, uint32_t attempts) {
    uint32_t believed = attempts < MOST_ATTEMPTS ? attempts : MOST_ATTEMPTS;
    task->attempts += believed > 1 ? (int)believed - 1 : 0;
}

static enum cn_code broken(const struct cn_bridge_call *call, struct cn_task *task) {
    cn_error_init(&task->error);
    task->worker = call->worker;
    task->host = call->host;
    return cn_error_set(&task->error, CN_WORKER_LOST,
                        "The Dask worker %s gave an answer that no sound worker gives",
                        call->address[0] ? call->address : "at an address that is not known");
}

static enum cn_code take_answer(struct dask *dask, const struct cn_bridge_call *call,
                                struct cn_task *task, int64_t began_ns) {
    struct cn_worker_answer answer;
    struct cn_str out;
    if (!cn_answer_read(&answer, cn_str(call->reply, call->reply_size), call->number, &out))
        return broken(call, task);
    enum cn_code code = cn_answer_take(&answer, out, cn_clock_now() - began_ns, task);
    task->worker = call->worker;
    task->host = call->host;
    count_attempts(task, call->done.attempts);
    task->spans.ns[CN_SPAN_SHIP] = not_negative(call->done.ship_ns);
    task->spans.ns[CN_SPAN_SCHEDULE] = not_negative(call->done.schedule_ns);
    task->spans.ns[CN_SPAN_FETCH] = not_negative(call->done.fetch_ns);
    cn_bridge_count(dask->bridge, call->worker, task->cpu_ns);
    return code;
}

static enum cn_code no_cluster(struct dask *dask, struct cn_task *task, const char *problem) {
    struct cn_dask_state state;
    cn_bridge_state(dask->bridge, &state);
    return cn_error_set(&task->error, CN_WORKER_LOST,
                        "No worker of the Dask cluster at %s could be used for %d seconds: %s",
                        state.scheduler, (int)(PATIENCE_NS / CN_NS_PER_SECOND), problem);
}

static enum cn_code gave_up(const struct cn_bridge_failed *failed, struct cn_task *task) {
    count_attempts(task, failed->attempts);
    if (failed->why == CN_BRIDGE_NO_MEMORY)
        return cn_error_memory(&task->error);
    return cn_error_set(&task->error, CN_WORKER_LOST, "The Dask cluster did not do the work: %s",
                        failed->detail);
}

/* The group was stopped. If that was its deadline, and there was nobody to do the work, that is
 * why. */
static enum cn_code stopped(struct dask *dask, struct cn_task *task) {
    char problem[256];
    if (atomic_load(&task->group->stop) != CN_STOP_DEADLINE ||
        cn_bridge_absent(dask->bridge, problem, sizeof(problem)) == 0)
        return CN_CANCELLED;
    return cn_error_set(
        &task->error, CN_DEADLINE_EXCEEDED,
        "The time limit passed while no worker of the Dask cluster could be used: %s", problem);
}

/* Waits for the outcome of the call, as long as there is hope and the group wants it. CN_OK: there
 * is one. */
static enum cn_code await(struct dask *dask, struct cn_bridge_call *call, struct cn_task *task,
                          enum cn_bridge_outcome *outcome) {
    char problem[256];
    do {
        *outcome = cn_bridge_wait(call, cn_clock_now() + LOOK_NS);
        if (*outcome != CN_BRIDGE_WAITING)
            return CN_OK;
        int64_t absent_ns = cn_bridge_absent(dask->bridge, problem, sizeof(problem));
        if (absent_ns != 0 && cn_clock_now() - absent_ns >= PATIENCE_NS)
            return no_cluster(dask, task, problem);
    } while (atomic_load(&task->group->stop) == 0);
    return stopped(dask, task);
}

/* False: the bridge ended meanwhile, so nothing is known of the task. */
static bool try_once(struct dask *dask, struct cn_bridge_call *call, struct cn_task *task,
                     int retries, enum cn_code *code) {
    enum cn_bridge_outcome outcome = CN_BRIDGE_WAITING;
    int64_t began_ns = cn_clock_now();
    task->attempts++;
    *code = cn_bridge_send(call, task, retries, &task->error);
    if (*code == CN_OK)
        *code = await(dask, call, task, &outcome);
    if (outcome == CN_BRIDGE_ANSWERED)
        *code = take_answer(dask, call, task, began_ns);
    else if (outcome == CN_BRIDGE_GAVE_UP)
        *code = gave_up(&call->failed, task);
    cn_bridge_drop(call);
    return outcome != CN_BRIDGE_BROKE_OFF;
}

static enum cn_code always_ended(struct dask *dask, struct cn_task *task, int times) {
    struct cn_dask_state state;
    cn_bridge_state(dask->bridge, &state);
    return cn_error_set(&task->error, CN_WORKER_LOST,
                        "The bridge to Dask ended each of the %d times that the work was sent%s%s",
                        times, state.problem[0] ? ": " : "", state.problem);
}

static enum cn_code dask_execute(struct cn_slot *slot, struct cn_task *task) {
    struct dask *dask = dask_of(slot);
    int retries = task->group->retries >= 0 ? task->group->retries : (int)dask->retries;
    enum cn_code code = CN_OK;
    for (int i = 0; i <= retries; i++) {
        if (try_once(dask, slot->worker, task, retries, &code))
            return code;
        if (atomic_load(&task->group->stop) != 0)
            return stopped(dask, task);
    }
    return always_ended(dask, task, retries + 1);
}

/* ---- the cluster's workers ------------------------------------------------------------------- */

static size_t dask_stats(void *context, struct cn_worker_stats *stats, size_t max) {
    struct dask *dask = context;
    struct cn_dask_worker *list = calloc(CN_CLUSTER_WORKERS, sizeof(*list));
    size_t n = list ? cn_bridge_list(dask->bridge, list, CN_CLUSTER_WORKERS) : 0;
    size_t present = 0;
    for (size_t i = 0; i < n && list[i].present; i++, present++)
        if (present < max)
            stats[present] =
                (struct cn_worker_stats){.worker = list[i].worker,
                                         .state = list[i].usable ? CN_WORKER_IDLE : CN_WORKER_DEAD,
                                         .tasks = list[i].tasks,
                                         .cpu_ns = list[i].cpu_ns};
    free(list);
    return present;
}

static const struct cn_queue_ops dask_queue_ops = {.open = dask_open,
                                                   .close = dask_close,
                                                   .wait = dask_wait,
                                                   .wake = dask_wake,
                                                   .release = dask_release,
                                                   .execute = dask_execute,
                                                   .stats = dask_stats};

/* ---- its life -------------------------------------------------------------------------------- */

enum cn_code cn_dask_new(struct cn_executor **executor, const struct cn_dask_settings *settings,
                         const struct cn_executor_settings *pool, struct cn_error *error) {
    struct cn_queue *queue = NULL;
    struct dask *dask = calloc(1, sizeof(*dask));
    *executor = NULL;
    if (!dask)
        return cn_error_memory(error);
    dask->retries = settings->retries;
    enum cn_code code = cn_bridge_new(&dask->bridge, settings, error);
    if (code != CN_OK) {
        free(dask);
        return code;
    }
    struct cn_queue_face face = {
        .name = "dask", .rest = CN_SPAN_SHIP, .ops = &dask_queue_ops, .context = dask};
    CN_TRY(cn_queue_new(&queue, &face, pool, error)); /* which releases the context if it fails */
    *executor = &queue->executor;
    return CN_OK;
}

static struct cn_bridge *bridge_of(struct cn_executor *executor) {
    struct cn_queue *queue = (struct cn_queue *)(void *)executor;
    struct dask *dask = queue->context;
    return dask->bridge;
}

void cn_dask_state(struct cn_executor *executor, struct cn_dask_state *state) {
    cn_bridge_state(bridge_of(executor), state);
}

size_t cn_dask_workers(struct cn_executor *executor, struct cn_dask_worker *list, size_t max) {
    return cn_bridge_list(bridge_of(executor), list, max);
}

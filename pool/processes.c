/* The pool of pre-forked worker processes: each slot's thread looks after one of them. */
#include <stdlib.h>

#include "pool/proxy.h"
#include "pool/queue.h"

#define RETRIES 1 /* unless a group says otherwise */
#define BACK_OFF_NS INT64_C(50000000)
#define BACK_OFF_MOST_NS INT64_C(5000000000)
#define SOUND_NS INT64_C(1000000000) /* one that lived for so long did not die of its start */

static enum cn_code process_open(struct cn_slot *slot, struct cn_error *error) {
    struct cn_proxy *proxy = malloc(sizeof(*proxy));
    if (!proxy)
        return cn_error_memory(error);
    enum cn_code code = cn_proxy_init(proxy, slot, slot->queue->context, error);
    if (code != CN_OK) {
        free(proxy);
        return code;
    }
    slot->worker = proxy;
    slot->pid = 0;
    return CN_OK;
}

static void process_close(struct cn_slot *slot) {
    struct cn_proxy *proxy = slot->worker;
    cn_proxy_release(proxy);
    free(proxy);
}

static void process_wait(struct cn_slot *slot, int64_t until_ns) {
    cn_proxy_wait(slot->worker, until_ns);
}

static void process_wake(struct cn_slot *slot) {
    cn_proxy_wake(slot->worker);
}

/* Workers that do not live to see their first task are replaced ever more slowly. */
static void back_off(struct cn_proxy *proxy) {
    int64_t pause = BACK_OFF_NS;
    for (int i = 0; i < proxy->failures && pause < BACK_OFF_MOST_NS; i++)
        pause *= 2;
    proxy->failures++;
    proxy->retry_ns = cn_clock_now() + (pause < BACK_OFF_MOST_NS ? pause : BACK_OFF_MOST_NS);
}

static enum cn_code start(struct cn_proxy *proxy, struct cn_error *error) {
    proxy->orphaned = false;
    enum cn_code code = cn_proxy_start(proxy, error);
    if (code != CN_OK && proxy->orphaned) { /* its fork server died just then */
        if (error)
            cn_error_init(error);
        code = cn_proxy_start(proxy, error);
    }
    proxy->failing = code != CN_OK;
    if (proxy->failing)
        back_off(proxy);
    return code;
}

static enum cn_slot_health process_prepare(struct cn_slot *slot, int64_t *retry_ns) {
    struct cn_proxy *proxy = slot->worker;
    if (proxy->process.pid != 0 && proxy->suspect) {
        bool sound = proxy->served || cn_clock_now() - proxy->born_ns >= SOUND_NS;
        cn_proxy_discard(proxy, NULL, 0);
        if (sound || proxy->orphaned) /* not its own fault */
            proxy->failures = 0;
        else
            back_off(proxy);
    }
    if (proxy->process.pid == 0 && cn_clock_now() >= proxy->retry_ns)
        (void)start(proxy, NULL);
    *retry_ns = proxy->retry_ns;
    if (proxy->process.pid != 0)
        return CN_SLOT_READY;
    return proxy->failing ? CN_SLOT_FAILING : CN_SLOT_DOWN;
}

/* How the first worker died, and how the last one did. */
static enum cn_code lost(struct cn_task *task, int retries, char how[2][64]) {
    if (retries == 0)
        return cn_error_set(&task->error, CN_WORKER_LOST,
                            "The worker process that did this work died (%s)", how[0]);
    if (retries == 1)
        return cn_error_set(&task->error, CN_WORKER_LOST,
                            "The worker process that did this work died (%s), and so did the one "
                            "that tried it again (%s)",
                            how[0], how[1]);
    return cn_error_set(&task->error, CN_WORKER_LOST,
                        "The worker process that did this work died (%s), and so did the %d that "
                        "tried it again (the last: %s)",
                        how[0], retries, how[1]);
}

static enum cn_code process_execute(struct cn_slot *slot, struct cn_task *task) {
    struct cn_proxy *proxy = slot->worker;
    int retries = task->group->retries >= 0 ? task->group->retries : RETRIES;
    char how[2][64] = {"", ""};
    for (int attempt = 0; attempt <= retries; attempt++) {
        if (proxy->process.pid == 0)
            CN_TRY(start(proxy, &task->error));
        task->attempts = attempt + 1;
        enum cn_code code = CN_OK;
        enum cn_proxy_outcome outcome = cn_proxy_try(proxy, task, &code);
        if (outcome == CN_PROXY_ANSWERED)
            return code;
        proxy->stopping = outcome == CN_PROXY_STOPPED;
        if (proxy->stopping)
            cn_queue_count_death(slot, CN_DEATH_STOPPED);
        cn_proxy_discard(proxy, how[attempt > 0], sizeof(how[0]));
        proxy->stopping = false;
        if (outcome == CN_PROXY_STOPPED || atomic_load(&task->group->stop) != 0)
            return CN_CANCELLED;
    }
    return lost(task, retries, how);
}

static const struct cn_queue_ops process_ops = {.open = process_open,
                                                .close = process_close,
                                                .prepare = process_prepare,
                                                .wait = process_wait,
                                                .wake = process_wake,
                                                .execute = process_execute};

enum cn_code cn_processes_new(struct cn_executor **executor, struct cn_forkserver *server,
                              const struct cn_executor_settings *settings, struct cn_error *error) {
    struct cn_queue_face face = {
        .name = "processes", .rest = CN_SPAN_SHIP, .ops = &process_ops, .context = server};
    struct cn_queue *queue = NULL;
    *executor = NULL;
    CN_TRY(cn_queue_new(&queue, &face, settings, error));
    if (cn_queue_wait_started(queue) == 0) {
        cn_queue_free(queue);
        return cn_error_set(error, CN_WORKER_LOST, "No worker process could be started");
    }
    *executor = &queue->executor;
    return CN_OK;
}

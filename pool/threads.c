/* The pool of threads; the serial executor, which is the same with every group on one thread; and
 * the executor `gil`, which is the same under one lock. */
#include <stdlib.h>
#include <unistd.h>

#include "pool/gil.h"
#include "pool/kinds.h"
#include "pool/queue.h"

struct thread_worker {
    struct cn_kinds kinds;
    struct cn_gil gil; /* its lock is NULL where there is none */
};

static enum cn_code thread_open(struct cn_slot *slot, struct cn_error *error) {
    struct thread_worker *worker = malloc(sizeof(*worker));
    if (!worker)
        return cn_error_memory(error);
    enum cn_code code = cn_kinds_init(&worker->kinds, slot->queue->registry, error);
    if (code != CN_OK) {
        free(worker);
        return code;
    }
    worker->gil.lock = slot->queue->context;
    slot->worker = worker;
    slot->pid = getpid();
    return CN_OK;
}

static void thread_close(struct cn_slot *slot) {
    struct thread_worker *worker = slot->worker;
    cn_kinds_release(&worker->kinds);
    free(worker);
}

static enum cn_code thread_execute(struct cn_slot *slot, struct cn_task *task) {
    struct thread_worker *worker = slot->worker;
    int64_t cpu_ns = cn_clock_thread_cpu();
    struct cn_run run = {.plan = task->plan,
                         .args = task->args,
                         .inputs = task->inputs,
                         .n_inputs = task->n_inputs,
                         .out = task->out,
                         .result = task->result,
                         .spans = &task->spans,
                         .stop = &task->group->stop,
                         .started_ns = task->started_ns,
                         .gil = worker->gil.lock ? &worker->gil : NULL};
    task->attempts = 1;
    enum cn_code code = cn_kinds_run(&worker->kinds, task->kind, &run, &task->error);
    task->cpu_ns = cn_clock_thread_cpu() - cpu_ns;
    return code;
}

static const struct cn_queue_ops thread_ops = {
    .open = thread_open, .close = thread_close, .execute = thread_execute};

static void gil_release(void *context) {
    cn_gil_lock_free(context);
}

static const struct cn_queue_ops gil_ops = {
    .open = thread_open, .close = thread_close, .execute = thread_execute, .release = gil_release};

static enum cn_code make(struct cn_executor **executor, const struct cn_queue_face *face,
                         const struct cn_executor_settings *settings, struct cn_error *error) {
    struct cn_queue *queue = NULL;
    *executor = NULL;
    CN_TRY(cn_queue_new(&queue, face, settings, error));
    cn_queue_wait_started(queue);
    *executor = &queue->executor;
    return CN_OK;
}

enum cn_code cn_threads_new(struct cn_executor **executor,
                            const struct cn_executor_settings *settings, struct cn_error *error) {
    struct cn_queue_face face = {
        .name = "threads", .in_process = true, .rest = CN_SPAN_WAIT, .ops = &thread_ops};
    return make(executor, &face, settings, error);
}

enum cn_code cn_serial_new(struct cn_executor **executor,
                           const struct cn_executor_settings *settings, struct cn_error *error) {
    struct cn_queue_face face = {.name = "serial",
                                 .in_process = true,
                                 .serial = true,
                                 .rest = CN_SPAN_WAIT,
                                 .ops = &thread_ops};
    return make(executor, &face, settings, error);
}

enum cn_code cn_gil_new(struct cn_executor **executor, const struct cn_executor_settings *settings,
                        int64_t switch_ns, struct cn_error *error) {
    struct cn_gil_lock *lock = NULL;
    *executor = NULL;
    CN_TRY(cn_gil_lock_new(&lock, switch_ns, error));
    struct cn_queue_face face = {
        .name = "gil", .in_process = true, .rest = CN_SPAN_WAIT, .ops = &gil_ops, .context = lock};
    return make(executor, &face, settings, error);
}

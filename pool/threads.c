/* The pool of threads, and the serial executor, which is the same with every group on one thread.
 */
#include <stdlib.h>
#include <unistd.h>

#include "pool/kinds.h"
#include "pool/queue.h"

static enum cn_code thread_open(struct cn_slot *slot, struct cn_error *error) {
    struct cn_kinds *kinds = malloc(sizeof(*kinds));
    if (!kinds)
        return cn_error_memory(error);
    enum cn_code code = cn_kinds_init(kinds, slot->queue->registry, error);
    if (code != CN_OK) {
        free(kinds);
        return code;
    }
    slot->worker = kinds;
    slot->pid = getpid();
    return CN_OK;
}

static void thread_close(struct cn_slot *slot) {
    struct cn_kinds *kinds = slot->worker;
    cn_kinds_release(kinds);
    free(kinds);
}

static enum cn_code thread_execute(struct cn_slot *slot, struct cn_task *task) {
    int64_t cpu_ns = cn_clock_thread_cpu();
    struct cn_run run = {.plan = task->plan,
                         .args = task->args,
                         .inputs = task->inputs,
                         .n_inputs = task->n_inputs,
                         .out = task->out,
                         .result = task->result,
                         .spans = &task->spans,
                         .stop = &task->group->stop};
    task->attempts = 1;
    enum cn_code code = cn_kinds_run(slot->worker, task->kind, &run, &task->error);
    task->cpu_ns = cn_clock_thread_cpu() - cpu_ns;
    return code;
}

static const struct cn_queue_ops thread_ops = {
    .open = thread_open, .close = thread_close, .execute = thread_execute};

static enum cn_code make(struct cn_executor **executor, const char *name, bool serial,
                         const struct cn_executor_settings *settings, struct cn_error *error) {
    struct cn_queue_face face = {.name = name,
                                 .in_process = true,
                                 .serial = serial,
                                 .rest = CN_SPAN_WAIT,
                                 .ops = &thread_ops};
    struct cn_queue *queue = NULL;
    *executor = NULL;
    CN_TRY(cn_queue_new(&queue, &face, settings, error));
    cn_queue_wait_started(queue);
    *executor = &queue->executor;
    return CN_OK;
}

enum cn_code cn_threads_new(struct cn_executor **executor,
                            const struct cn_executor_settings *settings, struct cn_error *error) {
    return make(executor, "threads", false, settings, error);
}

enum cn_code cn_serial_new(struct cn_executor **executor,
                           const struct cn_executor_settings *settings, struct cn_error *error) {
    return make(executor, "serial", true, settings, error);
}

#include "pool/queue.h"

void cn_group_init(struct cn_group *group, size_t width, int64_t deadline_ns) {
    *group = (struct cn_group){.width = width, .deadline_ns = deadline_ns, .retries = -1};
    atomic_init(&group->stop, 0);
}

const char *cn_death_name(enum cn_death death) {
    static const char *const names[CN_DEATH_COUNT] = {
        [CN_DEATH_SEGV] = "SIGSEGV",       [CN_DEATH_BUS] = "SIGBUS",
        [CN_DEATH_ABRT] = "SIGABRT",       [CN_DEATH_ILL] = "SIGILL",
        [CN_DEATH_FPE] = "SIGFPE",         [CN_DEATH_SYS] = "SIGSYS",
        [CN_DEATH_KILL] = "SIGKILL",       [CN_DEATH_TERM] = "SIGTERM",
        [CN_DEATH_OTHER_SIGNAL] = "other", [CN_DEATH_EXIT] = "exit",
        [CN_DEATH_STOPPED] = "stopped",    [CN_DEATH_UNKNOWN] = "unknown"};
    return names[death];
}

const char *cn_worker_state_name(enum cn_worker_state state) {
    switch (state) {
    case CN_WORKER_STARTING:
        return "starting";
    case CN_WORKER_IDLE:
        return "idle";
    case CN_WORKER_BUSY:
        return "busy";
    case CN_WORKER_DEAD:
        return "dead";
    }
    return "unknown";
}

void cn_group_stop(struct cn_group *group, enum cn_stop why) {
    int none = 0;
    (void)atomic_compare_exchange_strong(&group->stop, &none, (int)why);
}

void cn_task_reset(struct cn_task *task, int64_t now) {
    task->code = CN_OK;
    cn_error_init(&task->error);
    memset(task->result, 0, sizeof(task->result));
    task->worker = -1;
    task->pid = 0;
    task->host = NULL;
    task->attempts = 0;
    task->submitted_ns = now;
    task->started_ns = 0;
    task->finished_ns = 0;
    task->cpu_ns = 0;
    task->spans = (struct cn_spans){0};
    task->next = NULL;
}

/* Whoever ran the task may have said already what it waited for. */
static void set_end_error(struct cn_task *task, enum cn_code code) {
    task->code = code;
    if (code == CN_DEADLINE_EXCEEDED && task->error.code == code)
        return;
    cn_error_init(&task->error);
    if (code == CN_DEADLINE_EXCEEDED)
        cn_error_set(&task->error, code, "The time limit passed before the work was finished");
    else
        cn_error_set(&task->error, code, "The work was stopped before it was finished");
}

void cn_task_end_unrun(struct cn_task *task, enum cn_code code, int64_t now) {
    set_end_error(task, code);
    task->started_ns = now;
    task->finished_ns = now;
}

void cn_task_conclude(struct cn_task *task, enum cn_code code, size_t out_len, enum cn_span rest,
                      int64_t now) {
    int stop = atomic_load(&task->group->stop);
    int64_t deadline = task->group->deadline_ns;
    task->finished_ns = now;
    if (stop != CN_STOP_CANCELLED && deadline != 0 && now >= deadline)
        set_end_error(task, CN_DEADLINE_EXCEEDED);
    else if (code == CN_CANCELLED)
        set_end_error(task, stop == CN_STOP_DEADLINE ? CN_DEADLINE_EXCEEDED : CN_CANCELLED);
    else {
        task->code = code;
        if (code != CN_OK && task->error.code != code) {
            cn_error_init(&task->error);
            cn_error_set(&task->error, code, "The work failed");
        }
    }
    if (task->code != CN_OK && task->out && task->out->len > out_len)
        task->out->len = out_len;
    cn_spans_settle(&task->spans, task->finished_ns - task->started_ns, rest);
}

/* A span gets of what is left what it booked, or all of it. */
static void claim(int64_t *booked, int64_t *left) {
    if (*booked < 0)
        *booked = 0;
    if (*booked > *left)
        *booked = *left;
    *left -= *booked;
}

void cn_spans_settle(struct cn_spans *spans, int64_t total, enum cn_span rest) {
    int64_t left = total > 0 ? total : 0;
    claim(&spans->ns[CN_SPAN_LOCK], &left);
    for (int i = 0; i < CN_SPAN_COUNT; i++)
        if (i != CN_SPAN_LOCK)
            claim(&spans->ns[i], &left);
    spans->ns[rest] += left;
}

enum cn_code cn_task_unsound(struct cn_task *task, const struct cn_executor *executor) {
    cn_error_init(&task->error);
    if (executor->in_process)
        task->code = cn_error_set(&task->error, CN_INTERNAL, "A result makes no sense");
    else
        task->code = cn_error_set(&task->error, CN_WORKER_LOST,
                                  "Worker %d of %s%s%s gave a result that no sound worker gives",
                                  task->worker, executor->name, task->host ? " on " : "",
                                  task->host ? task->host : "");
    return task->code;
}

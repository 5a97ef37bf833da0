/*
 * map_run.c: one run of a map request: tasks out, calls back in.
 *
 * Tasks beyond the slots wait here, not in the executor's queue; so many slots that what a client
 * calls "submitted" is submitted at once, unless it asked for thousands of tasks. Nothing is in
 * flight when the run ends, so that its owner may free all at once.
 */
#include <stdlib.h>

#include "handlers/kinds.h"
#include "handlers/map.h"
#include "handlers/service.h"

#define MOST_SLOTS 2048u

struct cn_map_slot {
    struct cn_task task; /* first */
    struct cn_map_run *run;
    struct cn_map_slot *next;
    struct cn_str inputs[2];
    struct cn_buf out;
    size_t index; /* of the task in the run */
};

/* ---- making and ending --------------------------------------------------------------------- */

static void task_done(struct cn_task *task);

/* Puts the slots on the list of free ones. */
static bool make_slots(struct cn_map_run *run) {
    size_t least = 2 * run->place.width + 2;
    size_t most = least > MOST_SLOTS ? least : MOST_SLOTS;

    run->n_slots = run->request->n_tasks < most ? run->request->n_tasks : most;
    run->slots = calloc(run->n_slots ? run->n_slots : 1, sizeof *run->slots);
    if (!run->slots)
        return false;
    for (size_t i = run->n_slots; i > 0; i--) {
        struct cn_map_slot *slot = &run->slots[i - 1];
        slot->run = run;
        slot->next = run->free_slots;
        run->free_slots = slot;
        cn_buf_init(&slot->out);
    }
    return true;
}

enum cn_code cn_map_run_init(struct cn_map_run *run, struct cn_service *service,
                             const struct cn_map_request *request, const struct cn_map_place *place,
                             uint64_t passes, int64_t deadline_ns, struct cn_error *error) {
    size_t calls = request->n_calls ? request->n_calls : 1;
    size_t tasks = request->n_tasks ? request->n_tasks : 1;

    *run = (struct cn_map_run){
        .service = service, .request = request, .place = *place, .passes = passes};
    pthread_mutex_init(&run->lock, NULL);
    cn_error_init(&run->error);
    cn_group_init(&run->group, place->width, deadline_ns);
    run->group.retries = place->retries;
    run->group.sleeps = request->plan.function == CN_CALL_LONG_IO;
    run->plan =
        (struct cn_plan_ref){.id = atomic_fetch_add(&service->next_plan, 1) + 1,
                             .bytes = cn_str((const char *)&request->plan, sizeof request->plan)};
    cn_buf_init_blocks(&run->texts, service->blocks);
    run->n_spans = tasks < CN_MAP_LISTED ? tasks : CN_MAP_LISTED;
    run->futures = reallocarray(NULL, calls, sizeof *run->futures);
    run->tasks = reallocarray(NULL, tasks, sizeof *run->tasks);
    run->spans = reallocarray(NULL, run->n_spans, sizeof *run->spans);
    if (passes > 1)
        run->samples = reallocarray(NULL, (size_t)passes, sizeof *run->samples);
    if (!run->futures || !run->tasks || !run->spans || (passes > 1 && !run->samples) ||
        !make_slots(run)) {
        cn_map_run_release(run);
        return cn_error_memory(error);
    }
    return CN_OK;
}

void cn_map_run_release(struct cn_map_run *run) {
    for (size_t i = 0; run->slots && i < run->n_slots; i++)
        cn_buf_release(&run->slots[i].out);
    free(run->slots);
    free(run->futures);
    free(run->tasks);
    free(run->spans);
    free(run->samples);
    cn_worker_accounts_release(&run->workers);
    cn_remote_times_release(&run->remote);
    cn_buf_release(&run->texts);
    cn_shared_map_free(run->shared);
    pthread_mutex_destroy(&run->lock);
}

/* ---- failures (with the lock held) --------------------------------------------------------- */

static struct cn_executor *executor_of(const struct cn_map_run *run) {
    return run->service->executors[run->place.kind];
}

/* The first failure counts; what runs is told to stop. */
static void fail(struct cn_map_run *run, enum cn_code code, const struct cn_error *error) {
    if (run->code != CN_OK)
        return;
    run->code = code;
    if (error && error->code == code)
        run->error = *error;
    else
        cn_error_set(&run->error, code, "%s", cn_code_title(code));
    if (run->in_flight > 0)
        executor_of(run)->ops->cancel(executor_of(run), &run->group);
}

static void fail_memory(struct cn_map_run *run) {
    struct cn_error error;
    cn_error_init(&error);
    cn_error_memory(&error);
    fail(run, CN_OVERLOADED, &error);
}

/* ---- what came back (with the lock held) --------------------------------------------------- */

static size_t calls_of(const struct cn_map_run *run, size_t task, size_t *first) {
    uint64_t each = run->request->chunksize;
    *first = (size_t)(task * each);
    uint64_t left = run->request->n_calls - *first;
    return (size_t)(left < each ? left : each);
}

static void note_times(struct cn_map_run *run, const struct cn_task *task) {
    if (task->worker < 0 && task->started_ns == task->finished_ns)
        return; /* it was cancelled in the queue */
    if (run->pass_ns == 0 || task->started_ns < run->pass_ns)
        run->pass_ns = task->started_ns;
    if (run->begun_ns == 0 || task->started_ns < run->begun_ns)
        run->begun_ns = task->started_ns;
    if (task->finished_ns > run->last_end_ns)
        run->last_end_ns = task->finished_ns;
}

/* The task as its worker's lane shows it: without what was hidden behind others, or what it hid of
 * the one before it. */
static void book_task(struct cn_map_run *run, size_t index, struct cn_task *task) {
    struct cn_fetch_cut cut = {0};

    if ((run->place.kind == CN_EXECUTOR_DASK && !cn_remote_times_add(&run->remote, task)) ||
        !cn_worker_accounts_book(&run->workers, task, index, &cut))
        fail_memory(run);
    if (cut.ns > 0 && cut.record < run->n_spans)
        cn_fetch_cut_take(&cut, run->tasks[cut.record].started_ns, &run->spans[cut.record]);
    run->tasks[index] = (struct cn_map_task){.submitted_ns = task->submitted_ns,
                                             .started_ns = task->started_ns,
                                             .worker = task->worker,
                                             .pid = (int32_t)task->pid};
    if (index < run->n_spans)
        run->spans[index] = task->spans;
}

static bool keep_text(struct cn_map_run *run, struct cn_map_future *future, struct cn_str text) {
    future->text = run->texts.len;
    future->len = (uint32_t)text.len;
    return cn_buf_add_str(&run->texts, text);
}

static int64_t within(int64_t value, int64_t least, int64_t most) {
    return value < least ? least : value > most ? most : value;
}

/* How much more CPU time than time a call may have: the two clocks need not agree to the end. */
#define CLOCKS_DIFFER_NS INT64_C(100000)

/* A reading of the clock that a task's calls go by, in this machine's. Another machine's clock
 * counts from elsewhere, but its first call began when its computing did. */
static int64_t at_home(const struct cn_task *task, int64_t first_ns, int64_t ns) {
    int64_t since_ns, at_ns;

    if (!task->host)
        return ns;
    if (__builtin_sub_overflow(ns, first_ns, &since_ns) ||
        __builtin_add_overflow(task->started_ns + task->spans.ns[CN_SPAN_SHIP] +
                                   task->spans.ns[CN_SPAN_SCHEDULE],
                               since_ns, &at_ns))
        return task->finished_ns;
    return at_ns;
}

/* What a record says of a call. Another process may have written it: times are kept within the
 * task's. */
static struct cn_map_future believe(const struct cn_map_run *run, const struct cn_task *task,
                                    const struct cn_call_record *record, int64_t first_ns,
                                    int64_t from) {
    struct cn_map_future future = {
        .cpu_ns = record->cpu_ns, .lock_ns = record->lock_ns, .code = record->code};

    future.started_ns =
        within(at_home(task, first_ns, record->started_ns), from, task->finished_ns);
    future.finished_ns =
        within(at_home(task, first_ns, record->finished_ns), future.started_ns, task->finished_ns);
    if (!executor_of(run)->in_process) {
        int64_t ns = future.finished_ns - future.started_ns;
        future.cpu_ns = within(record->cpu_ns, 0, ns + ns / 64 + CLOCKS_DIFFER_NS);
        future.lock_ns = 0; /* there is none */
    }
    return future;
}

/* The calls of a task that ran to its end. */
static enum cn_code take_calls(struct cn_map_run *run, struct cn_map_slot *slot) {
    const struct cn_task *task = &slot->task;
    struct cn_str out = cn_buf_str(&slot->out), text;
    struct cn_call_record record;
    int64_t from = task->started_ns, first_ns = 0;
    size_t first, n = calls_of(run, slot->index, &first);

    for (size_t i = 0; i < n; i++) {
        if (!cn_call_next(&out, &record, &text))
            return CN_INTERNAL;
        struct cn_map_future *future = &run->futures[first + i];
        if (i == 0)
            first_ns = record.started_ns;
        *future = believe(run, task, &record, first_ns, from);
        from = future->finished_ns;
        if (!keep_text(run, future, text))
            return CN_OVERLOADED;
    }
    return CN_OK;
}

/* All calls of a task that took its worker with it. */
static enum cn_code lose_calls(struct cn_map_run *run, struct cn_map_slot *slot) {
    const struct cn_task *task = &slot->task;
    struct cn_map_future lost = {
        .started_ns = task->started_ns, .finished_ns = task->finished_ns, .code = CN_WORKER_LOST};
    size_t first, n = calls_of(run, slot->index, &first);

    if (!keep_text(run, &lost, cn_str_c(task->error.detail)))
        return CN_OVERLOADED;
    for (size_t i = 0; i < n; i++)
        run->futures[first + i] = lost;
    return CN_OK;
}

static void collect(struct cn_map_run *run, struct cn_map_slot *slot) {
    struct cn_task *task = &slot->task;
    size_t first, n = calls_of(run, slot->index, &first);
    enum cn_code code = task->code;

    note_times(run, task);
    if (code == CN_OK)
        code = take_calls(run, slot);
    if (code == CN_INTERNAL && task->code == CN_OK)
        code = cn_task_unsound(task, executor_of(run));
    if (code == CN_WORKER_LOST)
        code = lose_calls(run, slot);
    if (code != CN_OK)
        fail(run, code, &task->error);
    book_task(run, slot->index, task);
    run->done++;
    if (run->progress && code == CN_OK)
        atomic_fetch_add(&run->progress->done_rows, n);
}

/* ---- what goes out (with the lock held) ---------------------------------------------------- */

/* False: the executor takes no more at the moment. */
static bool submit(struct cn_map_run *run, struct cn_error *error) {
    const struct cn_map_request *request = run->request;
    struct cn_map_slot *slot = run->free_slots;
    struct cn_task *task = &slot->task;
    size_t first, n = calls_of(run, run->next, &first);
    struct cn_call_args args = {.calls = n};
    const struct cn_map_cut *cut = &request->cuts[run->next];

    slot->index = run->next;
    slot->out.len = 0;
    slot->inputs[0] = cn_str(cut->start, (size_t)(cut->end - cut->start));
    if (request->parameters)
        slot->inputs[1] =
            cn_str(request->parameters + first * sizeof(uint64_t), n * sizeof(uint64_t));
    *task = (struct cn_task){.kind = CN_KIND_CALL,
                             .group = &run->group,
                             .plan = &run->plan,
                             .inputs = slot->inputs,
                             .n_inputs = request->parameters ? 2 : 1,
                             .out = &slot->out,
                             .done = task_done,
                             .owner = slot};
    memcpy(task->args, &args, sizeof args);
    enum cn_code code = executor_of(run)->ops->submit(executor_of(run), task, error);
    if (code != CN_OK)
        return false;
    run->free_slots = slot->next;
    run->next++;
    run->in_flight++;
    if (run->progress)
        atomic_store(&run->progress->running, true);
    return true;
}

static bool begin_pass(struct cn_map_run *run) {
    cn_shared_map_free(run->shared);
    run->shared = cn_shared_map_new();
    run->plan.local = run->shared;
    run->texts.len = 0;
    run->pass_ns = 0;
    run->next = 0;
    run->done = 0;
    return run->shared != NULL;
}

/* All tasks came back. The first of several passes is to warm up. */
static void end_pass(struct cn_map_run *run) {
    cn_worker_accounts_sort(&run->workers);
    run->pass_end_ns = cn_clock_now();
    if (run->pass > 0)
        run->samples[run->n_samples++] = run->pass_ns ? run->pass_end_ns - run->pass_ns : 0;
    run->pass++;
}

/* Submits what can be; true: the run has just ended. */
static bool pump(struct cn_map_run *run) {
    struct cn_error error;

    cn_error_init(&error);
    while (!run->over) {
        bool taken = true;
        while (run->code == CN_OK && taken && run->next < run->request->n_tasks && run->free_slots)
            taken = submit(run, &error);
        if (!taken && (run->in_flight == 0 || error.code != CN_OVERLOADED))
            fail(run, error.code, &error);
        if (run->in_flight > 0)
            return false;
        if (run->code == CN_OK)
            end_pass(run);
        run->over = run->code != CN_OK || run->pass == run->passes;
        if (run->over)
            return true;
        if (!begin_pass(run))
            fail_memory(run);
    }
    return false;
}

static void task_done(struct cn_task *task) {
    struct cn_map_slot *slot = task->owner;
    struct cn_map_run *run = slot->run;

    pthread_mutex_lock(&run->lock);
    run->in_flight--;
    collect(run, slot);
    slot->next = run->free_slots;
    run->free_slots = slot;
    bool ended = pump(run);
    pthread_mutex_unlock(&run->lock);
    if (ended)
        run->ended(run);
}

void cn_map_run_start(struct cn_map_run *run) {
    pthread_mutex_lock(&run->lock);
    run->started = true;
    /* One pass, or one more to warm up. */
    run->passes += run->passes > 1;
    if (run->progress)
        atomic_store(&run->progress->total_rows, run->request->n_calls * run->passes);
    if (!begin_pass(run))
        fail_memory(run);
    bool ended = pump(run);
    pthread_mutex_unlock(&run->lock);
    if (ended)
        run->ended(run);
}

void cn_map_run_stop(struct cn_map_run *run, enum cn_code why) {
    pthread_mutex_lock(&run->lock);
    if (!run->over)
        fail(run, why, NULL);
    bool ended = run->started && pump(run);
    pthread_mutex_unlock(&run->lock);
    if (ended)
        run->ended(run);
}

/* The scheduler, seen through the thread pool and the serial executor. */
#include "tests/unit/pool_helpers.h"

#include <unistd.h>

/* ---- kinds --------------------------------------------------------------------------------- */

/* What the kinds below see of the test: a pointer to it is the second half of the arguments. */
struct scene {
    struct tally entered;
    struct tally released; /* KIND_GATE waits for 1 */
    atomic_int running;
    atomic_int most;
    atomic_int states;
};

enum { KIND_ECHO, KIND_GATE, KIND_SPIN, KIND_FAIL, KIND_CROWD, KIND_ROUND, N_KINDS };

static struct scene *scene_of(const struct cn_run *run) {
    struct scene *scene;
    memcpy(&scene, (const char *)run->args + sizeof(size_t), sizeof(scene));
    return scene;
}

static enum cn_code run_echo(struct cn_run *run, struct cn_error *error) {
    size_t *count = run->state;
    ++*count;
    memcpy(run->result, run->args, sizeof(size_t));
    run->spans->ns[CN_SPAN_PARSE] = 1;
    for (size_t i = 0; i < run->n_inputs; i++)
        if (!cn_buf_add_str(run->out, run->inputs[i]))
            return cn_error_memory(error);
    return CN_OK;
}

static enum cn_code run_gate(struct cn_run *run, struct cn_error *error) {
    (void)error;
    struct scene *scene = scene_of(run);
    tally_add(&scene->entered, 1);
    tally_wait(&scene->released, 1);
    return CN_OK;
}

static enum cn_code run_spin(struct cn_run *run, struct cn_error *error) {
    (void)error;
    if (!cn_buf_add_c(run->out, "half of it"))
        return CN_OVERLOADED;
    tally_add(&scene_of(run)->entered, 1);
    while (atomic_load(run->stop) == 0)
        nap(MILLION / 10);
    return CN_CANCELLED;
}

static enum cn_code run_fail(struct cn_run *run, struct cn_error *error) {
    if (!cn_buf_add_c(run->out, "half of it"))
        return CN_OVERLOADED;
    return cn_error_set(error, CN_INVALID_CSV, "no good");
}

/* Waits until as many run at once as the group is wide (two), and notes the most that ever did. */
static enum cn_code run_crowd(struct cn_run *run, struct cn_error *error) {
    (void)error;
    struct scene *scene = scene_of(run);
    int now = atomic_fetch_add(&scene->running, 1) + 1;
    int most = atomic_load(&scene->most);
    while (now > most && !atomic_compare_exchange_weak(&scene->most, &most, now))
        continue;
    tally_add(&scene->entered, 1);
    tally_wait(&scene->entered, 2);
    atomic_fetch_sub(&scene->running, 1);
    return CN_OK;
}

static enum cn_code new_count(void **state, const void *context, struct cn_error *error) {
    atomic_int *states = *(atomic_int *const *)context;
    if (states)
        atomic_fetch_add(states, 1);
    *state = calloc(1, sizeof(size_t));
    return *state ? CN_OK : cn_error_memory(error);
}

static const struct cn_kind kinds[N_KINDS] = {
    [KIND_ECHO] = {"echo", run_echo, new_count, free},
    [KIND_GATE] = {"gate", run_gate, NULL, NULL},
    [KIND_SPIN] = {"spin", run_spin, NULL, NULL},
    [KIND_FAIL] = {"fail", run_fail, NULL, NULL},
    [KIND_CROWD] = {"crowd", run_crowd, NULL, NULL},
    [KIND_ROUND] = {"round", rounds_take_part, NULL, NULL},
};

static atomic_int *counted_states;
static const struct cn_registry registry = {kinds, N_KINDS, &counted_states};

static struct cn_executor *make(bool serial, size_t workers, size_t max, size_t queued) {
    struct cn_executor_settings settings = {.registry = &registry,
                                            .workers = workers,
                                            .max_workers = max,
                                            .max_queued = queued,
                                            .idle_ms = 5};
    struct cn_executor *executor = NULL;
    struct cn_error error;
    cn_error_init(&error);
    enum cn_code code = serial ? cn_serial_new(&executor, &settings, &error)
                               : cn_threads_new(&executor, &settings, &error);
    assert_int_equal(code, CN_OK);
    return executor;
}

static void job_show(struct job *job, struct scene *scene) {
    for (size_t i = 0; i < job->n_tasks; i++)
        memcpy(job->tasks[i].args + sizeof(size_t), &scene, sizeof(scene));
}

#define SCENE_INIT                                                                                 \
    { .entered = TALLY_INIT, .released = TALLY_INIT }

/* ---- tests --------------------------------------------------------------------------------- */

static void results_and_accounts(void **unused) {
    (void)unused;
    struct cn_executor *executor = make(false, 2, 2, 0);
    assert_string_equal(executor->name, "threads");
    assert_true(executor->in_process);
    struct job job;
    job_init(&job, 300, KIND_ECHO, 2, 0);
    atomic_int states = 0;
    counted_states = &states;
    job_submit(executor, &job);
    job_wait(&job);
    for (size_t i = 0; i < job.n_tasks; i++) {
        const struct cn_task *task = &job.tasks[i];
        size_t index;
        memcpy(&index, task->result, sizeof(index));
        assert_int_equal(task->code, CN_OK);
        assert_int_equal(index, i);
        assert_true(cn_str_is(cn_buf_str(task->out), "input"));
        assert_in_range(task->worker, 0, 1);
        assert_int_equal(task->pid, getpid());
        assert_int_equal(task->attempts, 1);
        assert_spans_exact(task);
    }
    executor->ops->drain(executor, 0);
    struct cn_worker_stats stats[4];
    size_t queued = 9;
    assert_int_equal(executor->ops->stats(executor, stats, 4, &queued), 2);
    assert_int_equal(queued, 0);
    assert_int_equal(stats[0].tasks + stats[1].tasks, 300);
    assert_in_range(atomic_load(&states), 1, 2);
    counted_states = NULL;
    executor->ops->destroy(executor);
    job_release(&job);
}

static void serial_keeps_worker_and_order(void **unused) {
    (void)unused;
    struct cn_executor *executor = make(true, 3, 3, 0);
    struct job jobs[3];
    for (size_t j = 0; j < 3; j++)
        job_init(&jobs[j], 200, KIND_ECHO, 8, 0);
    for (size_t i = 0; i < 200; i++)
        for (size_t j = 0; j < 3; j++)
            assert_int_equal(executor->ops->submit(executor, &jobs[j].tasks[i], NULL), CN_OK);
    for (size_t j = 0; j < 3; j++) {
        job_wait(&jobs[j]);
        for (size_t i = 0; i < 200; i++) {
            assert_int_equal(jobs[j].order[i], i);
            assert_int_equal(jobs[j].tasks[i].worker, jobs[j].tasks[0].worker);
            assert_int_equal(jobs[j].tasks[i].code, CN_OK);
        }
    }
    executor->ops->destroy(executor);
    for (size_t j = 0; j < 3; j++)
        job_release(&jobs[j]);
}

static void groups_take_turns(void **unused) {
    (void)unused;
    struct cn_executor *executor = make(false, 1, 1, 0);
    struct scene scene = SCENE_INIT;
    struct job gate;
    struct job jobs[3];
    struct tally all = TALLY_INIT;
    size_t order[12];
    job_init(&gate, 1, KIND_GATE, 1, 0);
    job_show(&gate, &scene);
    job_submit(executor, &gate);
    tally_wait(&scene.entered, 1);
    for (size_t j = 0; j < 3; j++) {
        job_init(&jobs[j], 4, KIND_ECHO, 4, 0);
        jobs[j].all = &all;
        jobs[j].all_order = order;
        jobs[j].number = j;
        job_submit(executor, &jobs[j]);
    }
    tally_add(&scene.released, 1);
    job_wait(&gate);
    for (size_t j = 0; j < 3; j++)
        job_wait(&jobs[j]);
    for (size_t i = 0; i < 12; i++)
        assert_int_equal(order[i], i % 3 * 1000 + i / 3);
    executor->ops->destroy(executor);
    job_release(&gate);
    for (size_t j = 0; j < 3; j++)
        job_release(&jobs[j]);
}

static void width_is_kept_and_used(void **unused) {
    (void)unused;
    struct cn_executor *executor = make(false, 4, 4, 0);
    struct scene scene = SCENE_INIT;
    struct job job;
    job_init(&job, 60, KIND_CROWD, 2, 0);
    job_show(&job, &scene);
    job_submit(executor, &job);
    job_wait(&job);
    assert_int_equal(atomic_load(&scene.most), 2);
    executor->ops->destroy(executor);
    job_release(&job);
}

/* So many workers take part, not only so many at a time. */
static void width_names_its_workers(void **unused) {
    (void)unused;
    struct cn_executor *executor = make(false, 4, 4, 0);
    struct job jobs[3];
    for (size_t i = 0; i < 3; i++) {
        job_init(&jobs[i], 100, KIND_ECHO, 2, 0);
        job_submit(executor, &jobs[i]);
    }
    for (size_t i = 0; i < 3; i++) {
        uint32_t workers = 0;
        job_wait(&jobs[i]);
        for (size_t k = 0; k < 100; k++)
            workers |= 1u << jobs[i].tasks[k].worker;
        assert_in_range(__builtin_popcount(workers), 1, 2);
        job_release(&jobs[i]);
    }
    executor->ops->destroy(executor);
}

static void cancel_ends_waiting_and_running(void **unused) {
    (void)unused;
    struct cn_executor *executor = make(false, 1, 1, 0);
    struct scene scene = SCENE_INIT;
    struct job job;
    struct job other;
    job_init(&job, 6, KIND_SPIN, 4, 0);
    job_show(&job, &scene);
    job_init(&other, 3, KIND_ECHO, 4, 0);
    job_submit(executor, &job);
    tally_wait(&scene.entered, 1);
    job_submit(executor, &other);
    executor->ops->cancel(executor, &job.group);
    job_wait(&job);
    job_wait(&other);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(job.tasks[i].code, CN_CANCELLED);
        assert_int_equal(job.tasks[i].error.code, CN_CANCELLED);
        assert_int_equal(job.outs[i].len, 0);
        assert_int_equal(job.tasks[i].worker, i == 0 ? 0 : -1);
        assert_spans_exact(&job.tasks[i]);
    }
    assert_int_equal(other.tasks[2].code, CN_OK);
    assert_int_equal(tally_read(&scene.entered), 1);

    /* what is submitted to it later ends the same way */
    struct job late;
    job_init(&late, 1, KIND_ECHO, 4, 0);
    executor->ops->cancel(executor, &late.group);
    job_submit(executor, &late);
    job_wait(&late);
    assert_int_equal(late.tasks[0].code, CN_CANCELLED);
    executor->ops->destroy(executor);
    job_release(&job);
    job_release(&other);
    job_release(&late);
}

static void deadline_ends_waiting_and_running(void **unused) {
    (void)unused;
    struct cn_executor *executor = make(false, 1, 1, 0);
    struct scene scene = SCENE_INIT;
    struct job gate;
    struct job job;
    job_init(&gate, 1, KIND_GATE, 1, 0);
    job_show(&gate, &scene);
    job_submit(executor, &gate);
    tally_wait(&scene.entered, 1);
    /* all workers are busy: the waiting ones end nevertheless */
    job_init(&job, 4, KIND_ECHO, 4, cn_clock_now() + 5 * MILLION);
    job_submit(executor, &job);
    job_wait(&job);
    assert_int_equal(tally_read(&gate.done), 0);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(job.tasks[i].code, CN_DEADLINE_EXCEEDED);
    tally_add(&scene.released, 1);
    job_wait(&gate);
    job_release(&job);

    job_init(&job, 3, KIND_SPIN, 1, cn_clock_now() + 20 * MILLION);
    job_show(&job, &scene);
    job_submit(executor, &job);
    job_wait(&job);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(job.tasks[i].code, CN_DEADLINE_EXCEEDED);
        assert_int_equal(job.tasks[i].error.code, CN_DEADLINE_EXCEEDED);
        assert_true(job.tasks[i].finished_ns >= job.group.deadline_ns);
        assert_spans_exact(&job.tasks[i]);
    }
    executor->ops->destroy(executor);
    job_release(&job);
    job_release(&gate);
}

static void overload_is_refused(void **unused) {
    (void)unused;
    struct cn_executor *executor = make(false, 1, 1, 2);
    struct scene scene = SCENE_INIT;
    struct job gate;
    struct job job;
    struct cn_error error;
    cn_error_init(&error);
    job_init(&gate, 1, KIND_GATE, 1, 0);
    job_show(&gate, &scene);
    job_submit(executor, &gate);
    tally_wait(&scene.entered, 1);
    job_init(&job, 3, KIND_ECHO, 1, 0);
    assert_int_equal(executor->ops->submit(executor, &job.tasks[0], &error), CN_OK);
    assert_int_equal(executor->ops->submit(executor, &job.tasks[1], &error), CN_OK);
    assert_int_equal(executor->ops->submit(executor, &job.tasks[2], &error), CN_OVERLOADED);
    assert_string_equal(error.limit, "--max-queued");
    tally_add(&scene.released, 1);
    tally_wait(&job.done, 2);
    executor->ops->drain(executor, 0);
    assert_int_equal(tally_read(&job.done), 2);
    executor->ops->destroy(executor);
    job_release(&job);
    job_release(&gate);
}

static void drain_waits_then_cancels(void **unused) {
    (void)unused;
    struct cn_executor *executor = make(false, 2, 2, 0);
    struct job job;
    struct cn_error error;
    cn_error_init(&error);
    job_init(&job, 100, KIND_ECHO, 2, 0);
    job_submit(executor, &job);
    executor->ops->drain(executor, cn_clock_now() + 60000 * MILLION);
    assert_int_equal(tally_read(&job.done), 100);
    assert_int_equal(job.tasks[99].code, CN_OK);
    assert_int_equal(executor->ops->submit(executor, &job.tasks[0], &error), CN_DRAINING);
    executor->ops->destroy(executor);
    job_release(&job);

    executor = make(false, 1, 1, 0);
    struct scene scene = SCENE_INIT;
    job_init(&job, 5, KIND_SPIN, 2, 0);
    job_show(&job, &scene);
    job_submit(executor, &job);
    executor->ops->drain(executor, cn_clock_now() + MILLION);
    assert_int_equal(tally_read(&job.done), 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(job.tasks[i].code, CN_CANCELLED);
    executor->ops->destroy(executor);
    job_release(&job);
}

static void workers_grow_and_retire(void **unused) {
    (void)unused;
    struct cn_executor *executor = make(false, 1, 4, 0);
    struct scene scene = SCENE_INIT;
    struct job job;
    job_init(&job, 4, KIND_GATE, 4, 0);
    job_show(&job, &scene);
    job_submit(executor, &job);
    tally_wait(&scene.entered, 4);
    assert_int_equal(executor->ops->stats(executor, NULL, 0, NULL), 4);
    tally_add(&scene.released, 1);
    job_wait(&job);
    for (int i = 0; i < 5000 && executor->ops->stats(executor, NULL, 0, NULL) > 1; i++)
        nap(MILLION);
    assert_int_equal(executor->ops->stats(executor, NULL, 0, NULL), 1);
    job_release(&job);

    /* and again, on slots that were used before; no group is wider than its number of workers */
    job_init(&job, 12, KIND_ECHO, 3, 0);
    job_submit(executor, &job);
    job_wait(&job);
    assert_in_range(executor->ops->stats(executor, NULL, 0, NULL), 1, 3);
    executor->ops->destroy(executor);
    job_release(&job);
}

static void failures_are_told(void **unused) {
    (void)unused;
    struct cn_executor *executor = make(false, 1, 1, 0);
    struct job job;
    job_init(&job, 2, KIND_FAIL, 1, 0);
    job.tasks[1].kind = 99;
    assert_true(cn_buf_add_c(&job.outs[0], "before "));
    job_submit(executor, &job);
    job_wait(&job);
    assert_int_equal(job.tasks[0].code, CN_INVALID_CSV);
    assert_string_equal(job.tasks[0].error.detail, "no good");
    assert_true(cn_str_is(cn_buf_str(&job.outs[0]), "before "));
    assert_int_equal(job.tasks[1].code, CN_INTERNAL);
    executor->ops->destroy(executor);
    job_release(&job);
}

/* ---- groups that sleep ---- */

/* Every third task's input cannot be had. */
static enum cn_code load_input(struct cn_task *task, struct cn_error *error) {
    struct job *job = task->owner;
    size_t index = (size_t)(task - job->tasks);
    if (index % 3 == 2)
        return cn_error_set(error, CN_OVERLOADED, "the disk is full");
    job->inputs[index] = CN_STR("was read");
    return CN_OK;
}

static void inputs_are_loaded_by_who_runs(void **unused) {
    (void)unused;
    struct cn_executor *executors[] = {make(false, 2, 2, 0), make(true, 2, 2, 0)};
    for (size_t e = 0; e < 2; e++) {
        struct job job;
        job_init(&job, 30, KIND_ECHO, 2, 0);
        for (size_t i = 0; i < job.n_tasks; i++)
            job.tasks[i].load = load_input;
        job_submit(executors[e], &job);
        job_wait(&job);
        for (size_t i = 0; i < job.n_tasks; i++) {
            const struct cn_task *task = &job.tasks[i];
            bool failed = i % 3 == 2;
            assert_int_equal(task->code, failed ? CN_OVERLOADED : CN_OK);
            assert_string_equal(task->error.detail, failed ? "the disk is full" : "");
            assert_true(cn_str_is(cn_buf_str(task->out), failed ? "" : "was read"));
            assert_spans_exact(task);
        }
        executors[e]->ops->destroy(executors[e]);
        job_release(&job);
    }
}

static void sleepers_take_rounds(void **unused) {
    (void)unused;
    struct cn_executor *executor = make(false, 2, 64, 0);
    struct rounds rounds;
    assert_takes_rounds(executor, 2, &rounds, KIND_ROUND, KIND_ECHO);
    assert_wakes_on_cancel(executor, 2, &rounds, KIND_ROUND, KIND_ECHO);
    executor->ops->destroy(executor);
}

static void serial_sleepers_have_a_worker_each(void **unused) {
    (void)unused;
    struct cn_executor *executor = make(true, 1, 4, 0);
    struct rounds rounds;
    struct job jobs[3];
    rounds_start(&rounds, 3, 30); /* one of each */
    for (size_t j = 0; j < 3; j++) {
        job_init(&jobs[j], 10, KIND_ROUND, 8, 0);
        job_sleep(&jobs[j], &rounds);
        job_submit(executor, &jobs[j]);
    }
    rounds_await(&rounds, 3);
    assert_computes(executor, 1, KIND_ECHO);
    atomic_store(&rounds.open, 1);
    for (size_t j = 0; j < 3; j++) {
        job_wait(&jobs[j]);
        for (size_t i = 0; i < 10; i++) {
            assert_int_equal(jobs[j].order[i], i);
            assert_int_equal(jobs[j].tasks[i].code, CN_OK);
            assert_int_equal(jobs[j].tasks[i].worker, jobs[j].tasks[0].worker);
            assert_in_range(jobs[j].tasks[i].worker, 1, 3);
        }
    }
    assert_int_equal(atomic_load(&rounds.most), 3);
    executor->ops->destroy(executor);
    for (size_t j = 0; j < 3; j++)
        job_release(&jobs[j]);
}

/* Neither sort of group keeps the other from growing; and both give their workers back. */
static void crews_grow_side_by_side(void **unused) {
    (void)unused;
    struct cn_executor *executor = make(false, 1, 6, 0);
    struct rounds rounds;
    struct scene scene = SCENE_INIT;
    struct job sleeping[2];
    struct job computing;
    rounds_start(&rounds, 4, 4);
    for (size_t j = 0; j < 2; j++) { /* two workers for each, though each sees both come */
        job_init(&sleeping[j], 2, KIND_ROUND, j == 0 ? 2 : 100, 0);
        job_sleep(&sleeping[j], &rounds);
    }
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < 2; j++)
            assert_int_equal(executor->ops->submit(executor, &sleeping[j].tasks[i], NULL), CN_OK);
    rounds_await(&rounds, 4);
    job_init(&computing, 4, KIND_GATE, 4, 0);
    job_show(&computing, &scene);
    job_submit(executor, &computing);
    tally_wait(&scene.entered, 4);
    struct cn_worker_stats stats[8];
    /* no more than there are tasks for */
    assert_int_equal(executor->ops->stats(executor, stats, 8, NULL), 8);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(stats[i].worker, i);
        assert_int_equal(stats[i].state, CN_WORKER_BUSY);
    }
    tally_add(&scene.released, 1);
    atomic_store(&rounds.open, 1);
    job_wait(&computing);
    for (size_t j = 0; j < 2; j++)
        job_wait(&sleeping[j]);
    for (int i = 0; i < 5000 && executor->ops->stats(executor, NULL, 0, NULL) > 1; i++)
        nap(MILLION);
    assert_int_equal(executor->ops->stats(executor, stats, 1, NULL), 1);
    assert_int_equal(stats[0].worker, 0);
    executor->ops->destroy(executor);
    job_release(&computing);
    for (size_t j = 0; j < 2; j++)
        job_release(&sleeping[j]);
}

/* A task that comes while the last worker of its crew retires is not left to nobody. */
static void sleepers_that_come_late_are_served(void **unused) {
    (void)unused;
    struct cn_executor *executor = make(false, 1, 1, 0);
    for (int round = 0; round < 60; round++) {
        struct job job;
        job_init(&job, 2, KIND_ECHO, 1 + (size_t)round % 2, 0);
        job.group.sleeps = true;
        job_submit(executor, &job);
        job_wait(&job);
        assert_int_equal(job.tasks[1].code, CN_OK);
        assert_int_equal(job.tasks[1].worker, 1);
        job_release(&job);
        nap(5 * MILLION - MILLION / 20 + round * MILLION / 600);
    }
    executor->ops->destroy(executor);
}

/* A job that frees itself in the `done` of its last task, and submits a successor first. */
struct chain {
    struct cn_task task;
    struct cn_group group;
    struct cn_executor *executor;
    struct tally *ends;
    int left;
};

static void chain_done(struct cn_task *task) {
    struct chain *chain = task->owner;
    assert_int_equal(task->code, CN_OK);
    if (--chain->left > 0) {
        assert_int_equal(chain->executor->ops->submit(chain->executor, task, NULL), CN_OK);
        return;
    }
    struct tally *ends = chain->ends;
    memset(chain, 0xdb, sizeof(*chain));
    free(chain);
    tally_add(ends, 1);
}

static void done_may_submit_and_free(void **unused) {
    (void)unused;
    struct cn_executor *executor = make(false, 3, 3, 0);
    struct tally ends = TALLY_INIT;
    for (int i = 0; i < 20; i++) {
        struct chain *chain = aligned_alloc(64, (sizeof(*chain) + 63) / 64 * 64);
        assert_non_null(chain);
        memset(chain, 0, sizeof(*chain));
        cn_group_init(&chain->group, (size_t)i % 3, 0);
        chain->executor = executor;
        chain->ends = &ends;
        chain->left = 50;
        chain->task.kind = KIND_ECHO;
        chain->task.group = &chain->group;
        chain->task.done = chain_done;
        chain->task.owner = chain;
        assert_int_equal(executor->ops->submit(executor, &chain->task, NULL), CN_OK);
    }
    tally_wait(&ends, 20);
    executor->ops->destroy(executor);
}

/* ---- stress -------------------------------------------------------------------------------- */

struct storm {
    struct cn_executor *executor;
    unsigned seed;
    size_t told;
};

static void *storm_main(void *argument) {
    struct storm *storm = argument;
    for (int round = 0; round < 60; round++) {
        struct job job;
        storm->seed = storm->seed * 1103515245u + 12345u;
        unsigned dice = storm->seed >> 16;
        int64_t deadline = dice % 5 == 0 ? cn_clock_now() + (int64_t)(dice % 64) * 10000 : 0;
        job_init(&job, 1 + dice % 30, KIND_ECHO, dice % 5, deadline);
        job.group.sleeps = dice % 7 < 2;
        job_submit(storm->executor, &job);
        if (dice % 3 == 0)
            storm->executor->ops->cancel(storm->executor, &job.group);
        job_wait(&job);
        for (size_t i = 0; i < job.n_tasks; i++) {
            const struct cn_task *task = &job.tasks[i];
            bool allowed = task->code == CN_OK || (dice % 3 == 0 && task->code == CN_CANCELLED) ||
                           (deadline != 0 && task->code == CN_DEADLINE_EXCEEDED);
            assert_true(allowed);
            assert_int_equal(job.outs[i].len, task->code == CN_OK ? 5 : 0);
            assert_spans_exact(task);
        }
        storm->told += job.n_tasks;
        job_release(&job);
    }
    return NULL;
}

static void done_is_called_once_under_stress(void **unused) {
    (void)unused;
    struct cn_executor *executor = make(false, 2, 4, 0);
    struct storm storms[6];
    pthread_t threads[6];
    for (unsigned i = 0; i < 6; i++) {
        storms[i] = (struct storm){executor, i + 1, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, storm_main, &storms[i]), 0);
    }
    for (unsigned i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    executor->ops->drain(executor, 0);
    size_t queued = 1;
    executor->ops->stats(executor, NULL, 0, &queued);
    assert_int_equal(queued, 0);
    executor->ops->destroy(executor);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_and_accounts),
        cmocka_unit_test(serial_keeps_worker_and_order),
        cmocka_unit_test(groups_take_turns),
        cmocka_unit_test(width_is_kept_and_used),
        cmocka_unit_test(width_names_its_workers),
        cmocka_unit_test(cancel_ends_waiting_and_running),
        cmocka_unit_test(deadline_ends_waiting_and_running),
        cmocka_unit_test(overload_is_refused),
        cmocka_unit_test(drain_waits_then_cancels),
        cmocka_unit_test(workers_grow_and_retire),
        cmocka_unit_test(failures_are_told),
        cmocka_unit_test(inputs_are_loaded_by_who_runs),
        cmocka_unit_test(sleepers_take_rounds),
        cmocka_unit_test(serial_sleepers_have_a_worker_each),
        cmocka_unit_test(crews_grow_side_by_side),
        cmocka_unit_test(sleepers_that_come_late_are_served),
        cmocka_unit_test(done_may_submit_and_free),
        cmocka_unit_test(done_is_called_once_under_stress),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

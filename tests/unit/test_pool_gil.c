/* The executor `gil`: threads under one interpreter lock. */
#include "tests/unit/pool_helpers.h"

#define SWITCH_NS (2 * MILLION)

/* ---- kinds --------------------------------------------------------------------------------- */

/* What the kinds below see of the test: a pointer to it is the second half of the arguments. What
 * is not atomic is guarded by the interpreter lock alone, which ThreadSanitizer checks. */
struct scene {
    atomic_int entered;
    atomic_int released;
    atomic_int stopped; /* tasks that were told to stop */
    atomic_int asleep;
    atomic_int most_asleep;
    atomic_int inside;
    atomic_int most_inside;
    size_t last; /* the task that computed last, counted from 1 */
    size_t turns;
    size_t wanted_turns;
    size_t count;
};

enum {
    KIND_NOTHING,
    KIND_COMPUTE,
    KIND_SLEEP,
    KIND_TURNS,
    KIND_BUSY,
    KIND_ENTER,
    KIND_TWICE,
    KIND_MEET,
    KIND_COUNT,
    KIND_ONCE,
    KIND_ROUND,
    N_KINDS
};

/* What a task tells in its result. */
struct told {
    int64_t started_ns;
    int64_t lock_ns;
};

static struct scene *scene_of(const struct cn_run *run) {
    struct scene *scene;
    memcpy(&scene, (const char *)run->args + sizeof(size_t), sizeof(scene));
    return scene;
}

static size_t index_of(const struct cn_run *run) {
    size_t index;
    memcpy(&index, run->args, sizeof(index));
    return index;
}

static void raise_to(atomic_int *most, int now) {
    int before = atomic_load(most);
    while (now > before && !atomic_compare_exchange_weak(most, &before, now))
        continue;
}

/* Some steps of work that nobody else may do meanwhile. */
static void step(struct scene *scene) {
    raise_to(&scene->most_inside, atomic_fetch_add(&scene->inside, 1) + 1);
    for (int i = 0; i < 100; i++)
        scene->count++;
    atomic_fetch_sub(&scene->inside, 1);
}

static enum cn_code ended(struct cn_run *run, struct scene *scene) {
    struct told told = {run->started_ns, run->spans->ns[CN_SPAN_LOCK]};
    memcpy(run->result, &told, sizeof(told));
    if (atomic_load(run->stop) == 0)
        return CN_OK;
    atomic_fetch_add(&scene->stopped, 1);
    return CN_CANCELLED;
}

static enum cn_code run_nothing(struct cn_run *run, struct cn_error *error) {
    (void)run;
    (void)error;
    return CN_OK;
}

static enum cn_code run_compute(struct cn_run *run, struct cn_error *error) {
    (void)error;
    for (int i = 0; i < 300; i++) {
        step(scene_of(run));
        cn_run_yield(run);
    }
    return ended(run, scene_of(run));
}

/* Leaves only when all that the test released are asleep at the same time. */
static enum cn_code run_sleep(struct cn_run *run, struct cn_error *error) {
    (void)error;
    struct scene *scene = scene_of(run);
    step(scene);
    cn_run_unlock(run);
    raise_to(&scene->most_asleep, atomic_fetch_add(&scene->asleep, 1) + 1);
    while (atomic_load(&scene->most_asleep) < 4)
        nap(MILLION / 10);
    atomic_fetch_sub(&scene->asleep, 1);
    cn_run_lock(run);
    step(scene);
    return ended(run, scene);
}

/* Computes until the lock has gone back and forth often enough. */
static enum cn_code run_turns(struct cn_run *run, struct cn_error *error) {
    (void)error;
    struct scene *scene = scene_of(run);
    while (scene->turns < scene->wanted_turns) {
        if (scene->last != index_of(run) + 1)
            scene->turns++;
        scene->last = index_of(run) + 1;
        step(scene);
        cn_run_yield(run);
    }
    return ended(run, scene);
}

/* Computes until it is told to stop or released. */
static enum cn_code run_busy(struct cn_run *run, struct cn_error *error) {
    (void)error;
    struct scene *scene = scene_of(run);
    int64_t began = cn_run_clock(run);
    atomic_fetch_add(&scene->entered, 1);
    while (atomic_load(&scene->released) == 0 && atomic_load(run->stop) == 0) {
        step(scene);
        cn_run_yield(run);
    }
    run->spans->ns[CN_SPAN_EVALUATE] += cn_run_clock(run) - began;
    return ended(run, scene);
}

static enum cn_code run_enter(struct cn_run *run, struct cn_error *error) {
    (void)error;
    atomic_fetch_add(&scene_of(run)->entered, 1);
    atomic_store(&scene_of(run)->released, 1);
    return ended(run, scene_of(run));
}

/* Books its whole time to another span as well, the waiting included. */
static enum cn_code run_twice(struct cn_run *run, struct cn_error *error) {
    enum cn_code code = run_enter(run, error);
    run->spans->ns[CN_SPAN_PARSE] = cn_clock_now() - run->started_ns;
    run->spans->ns[CN_SPAN_ENCODE] = run->spans->ns[CN_SPAN_PARSE];
    return code;
}

/* Leaves only when two are inside at the same time: not with a lock. */
static enum cn_code run_meet(struct cn_run *run, struct cn_error *error) {
    (void)error;
    struct scene *scene = scene_of(run);
    cn_run_unlock(run);
    cn_run_lock(run);
    raise_to(&scene->most_inside, atomic_fetch_add(&scene->inside, 1) + 1);
    while (atomic_load(&scene->most_inside) < 2)
        cn_run_yield(run);
    atomic_fetch_sub(&scene->inside, 1);
    return ended(run, scene);
}

/* All three ways to give the lock up, in an order of its own. */
static enum cn_code run_count(struct cn_run *run, struct cn_error *error) {
    (void)error;
    struct scene *scene = scene_of(run);
    unsigned seed = (unsigned)index_of(run);
    for (int i = 0; i < 40 && atomic_load(run->stop) == 0; i++) {
        seed = seed * 1103515245u + 12345u;
        step(scene);
        if (seed >> 16 & 1) {
            cn_run_yield(run);
        } else {
            cn_run_unlock(run);
            if (seed >> 16 & 2)
                nap(MILLION / 100);
            cn_run_lock(run);
        }
    }
    return ended(run, scene);
}

/* Looks for others a few times only, each time after they have waited for long. */
static enum cn_code run_once(struct cn_run *run, struct cn_error *error) {
    (void)error;
    struct scene *scene = scene_of(run);
    for (int i = 0; i < 8 && atomic_load(&scene->released) == 0; i++) {
        atomic_fetch_add(&scene->entered, 1);
        nap(5 * SWITCH_NS);
        cn_run_yield(run);
    }
    scene->count = (size_t)atomic_load(&scene->released);
    return ended(run, scene);
}

static const struct cn_kind kinds[N_KINDS] = {
    [KIND_NOTHING] = {"nothing", run_nothing, NULL, NULL},
    [KIND_COMPUTE] = {"compute", run_compute, NULL, NULL},
    [KIND_SLEEP] = {"sleep", run_sleep, NULL, NULL},
    [KIND_TURNS] = {"turns", run_turns, NULL, NULL},
    [KIND_BUSY] = {"busy", run_busy, NULL, NULL},
    [KIND_ENTER] = {"enter", run_enter, NULL, NULL},
    [KIND_TWICE] = {"twice", run_twice, NULL, NULL},
    [KIND_MEET] = {"meet", run_meet, NULL, NULL},
    [KIND_COUNT] = {"count", run_count, NULL, NULL},
    [KIND_ONCE] = {"once", run_once, NULL, NULL},
    [KIND_ROUND] = {"round", rounds_take_part, NULL, NULL},
};
static const struct cn_registry registry = {kinds, N_KINDS, NULL};

/* ---- what the tests share ------------------------------------------------------------------- */

static struct cn_executor *make(size_t workers, size_t max_workers) {
    struct cn_executor_settings settings = {
        .registry = &registry, .workers = workers, .max_workers = max_workers, .idle_ms = 5};
    struct cn_executor *executor = NULL;
    struct cn_error error;
    cn_error_init(&error);
    assert_int_equal(cn_gil_new(&executor, &settings, SWITCH_NS, &error), CN_OK);
    return executor;
}

static void job_play(struct job *job, struct scene *scene, size_t n_tasks, uint32_t kind,
                     size_t width, int64_t deadline_ns) {
    job_init(job, n_tasks, kind, width, deadline_ns);
    for (size_t i = 0; i < n_tasks; i++)
        memcpy(job->tasks[i].args + sizeof(size_t), &scene, sizeof(scene));
}

static void await(atomic_int *number, int value) {
    while (atomic_load(number) < value)
        nap(MILLION / 10);
}

static struct told told_by(const struct cn_task *task) {
    struct told told;
    memcpy(&told, task->result, sizeof(told));
    return told;
}

static void assert_all(const struct job *job, enum cn_code code) {
    for (size_t i = 0; i < job->n_tasks; i++) {
        assert_int_equal(job->tasks[i].code, code);
        assert_spans_exact(&job->tasks[i]);
    }
}

static void wait_for_busy(struct cn_executor *executor, size_t workers) {
    for (size_t busy = 0; busy < workers; nap(MILLION / 10)) {
        struct cn_worker_stats stats[16];
        size_t n = executor->ops->stats(executor, stats, 16, NULL);
        busy = 0;
        for (size_t i = 0; i < n && i < 16; i++)
            busy += stats[i].state == CN_WORKER_BUSY;
    }
}

/* ---- tests --------------------------------------------------------------------------------- */

static void computing_takes_turns(void **unused) {
    (void)unused;
    struct cn_executor *executor = make(4, 4);
    struct scene scene = {0};
    struct job job;
    assert_string_equal(executor->name, "gil");
    assert_true(executor->in_process);
    job_play(&job, &scene, 8, KIND_COMPUTE, 4, 0);
    job_submit(executor, &job);
    job_wait(&job);
    assert_all(&job, CN_OK);
    assert_int_equal(atomic_load(&scene.most_inside), 1);
    assert_int_equal(scene.count, 8 * 300 * 100);
    for (size_t i = 0; i < job.n_tasks; i++)
        assert_true(told_by(&job.tasks[i]).started_ns == job.tasks[i].started_ns);
    executor->ops->destroy(executor);
    job_release(&job);
}

static void sleeping_overlaps(void **unused) {
    (void)unused;
    struct cn_executor *executor = make(4, 4);
    struct scene scene = {0};
    struct job job;
    job_play(&job, &scene, 4, KIND_SLEEP, 4, 0);
    job_submit(executor, &job);
    job_wait(&job);
    assert_all(&job, CN_OK);
    assert_int_equal(atomic_load(&scene.most_asleep), 4);
    assert_int_equal(atomic_load(&scene.most_inside), 1);
    executor->ops->destroy(executor);
    job_release(&job);
}

/* Two that compute get the lock in turns, and each keeps it for a switch interval. */
static void the_lock_goes_back_and_forth(void **unused) {
    (void)unused;
    enum { TURNS = 21 };
    struct cn_executor *executor = make(2, 2);
    struct scene scene = {.wanted_turns = TURNS};
    struct job job;
    job_play(&job, &scene, 2, KIND_TURNS, 2, 0);
    int64_t began = cn_clock_now();
    job_submit(executor, &job);
    job_wait(&job);
    int64_t elapsed = cn_clock_now() - began;
    assert_all(&job, CN_OK);
    assert_int_equal(scene.turns, TURNS);
    assert_true(elapsed >= (TURNS - 2) * SWITCH_NS);
    for (size_t i = 0; i < 2; i++) /* ten intervals or so of the other's */
        assert_true(job.tasks[i].spans.ns[CN_SPAN_LOCK] >= (TURNS / 2 - 1) * SWITCH_NS);
    executor->ops->destroy(executor);
    job_release(&job);
}

/* Who gives the lock up because it was asked to does not have it back before the other had it. */
static void the_lock_is_not_taken_back_at_once(void **unused) {
    (void)unused;
    struct cn_executor *executor = make(2, 2);
    struct scene scene = {0};
    struct job holder;
    struct job waiter;
    job_play(&holder, &scene, 1, KIND_ONCE, 1, 0);
    job_play(&waiter, &scene, 1, KIND_ENTER, 1, 0);
    job_submit(executor, &holder);
    await(&scene.entered, 1);
    job_submit(executor, &waiter);
    job_wait(&holder);
    assert_int_equal(scene.count, 1); /* before the holder's end */
    job_wait(&waiter);
    executor->ops->destroy(executor);
    job_release(&holder);
    job_release(&waiter);
}

static void waiting_is_booked(void **unused) {
    (void)unused;
    struct cn_executor *executor = make(2, 2);
    const uint32_t others[] = {KIND_ENTER, KIND_TWICE};
    for (size_t i = 0; i < 2; i++) {
        struct scene scene = {0};
        struct job holder;
        struct job waiter;
        job_play(&holder, &scene, 1, KIND_BUSY, 1, 0);
        job_play(&waiter, &scene, 1, others[i], 1, 0);
        job_submit(executor, &holder);
        await(&scene.entered, 1);
        job_submit(executor, &waiter); /* it releases the holder */
        job_wait(&holder);
        job_wait(&waiter);
        assert_all(&holder, CN_OK);
        assert_all(&waiter, CN_OK);
        const struct cn_spans *held = &holder.tasks[0].spans;
        const struct cn_spans *waited = &waiter.tasks[0].spans;
        assert_true(waited->ns[CN_SPAN_LOCK] >= SWITCH_NS);
        assert_true(waited->ns[CN_SPAN_LOCK] == told_by(&waiter.tasks[0]).lock_ns);
        assert_true((waited->ns[CN_SPAN_PARSE] > 0) == (others[i] == KIND_TWICE));
        assert_true(held->ns[CN_SPAN_LOCK] == told_by(&holder.tasks[0]).lock_ns);
        assert_true(held->ns[CN_SPAN_EVALUATE] >= SWITCH_NS);
        job_release(&holder);
        job_release(&waiter);
    }
    executor->ops->destroy(executor);
}

static void alone_nobody_waits(void **unused) {
    (void)unused;
    struct cn_executor *executor = make(1, 1);
    struct scene scene = {0};
    struct job job;
    job_play(&job, &scene, 20, KIND_COUNT, 1, 0);
    job_submit(executor, &job);
    job_wait(&job);
    assert_all(&job, CN_OK);
    for (size_t i = 0; i < job.n_tasks; i++)
        assert_int_equal(job.tasks[i].spans.ns[CN_SPAN_LOCK], 0);
    executor->ops->destroy(executor);
    job_release(&job);
}

/* Who waits for the lock gets it, sees that it is to stop, and ends, though others go on. */
static void who_waits_can_be_stopped(void **unused) {
    (void)unused;
    struct cn_executor *executor = make(6, 6);
    struct scene scene = {0};
    struct scene others = {0};
    struct job holder;
    struct job job;
    job_play(&holder, &scene, 2, KIND_BUSY, 2, 0);
    job_submit(executor, &holder);
    await(&scene.entered, 1);

    job_play(&job, &others, 8, KIND_BUSY, 4, 0);
    job_submit(executor, &job);
    wait_for_busy(executor, 6);
    executor->ops->cancel(executor, &job.group);
    job_wait(&job);
    assert_all(&job, CN_CANCELLED);
    assert_int_equal(atomic_load(&others.stopped), 4);
    job_release(&job);

    job_play(&job, &others, 8, KIND_BUSY, 4, cn_clock_now() + 20 * MILLION);
    job_submit(executor, &job);
    job_wait(&job);
    assert_all(&job, CN_DEADLINE_EXCEEDED);
    job_release(&job);

    assert_int_equal(tally_read(&holder.done), 0);
    atomic_store(&scene.released, 1);
    job_wait(&holder);
    assert_all(&holder, CN_OK);
    executor->ops->destroy(executor);
    job_release(&holder);
}

static void an_end_with_many_waiting(void **unused) {
    (void)unused;
    for (int drained = 0; drained < 2; drained++) {
        struct cn_executor *executor = make(4, 8);
        struct scene scene = {0};
        struct job job;
        job_play(&job, &scene, 20, KIND_BUSY, 8, 0);
        job_submit(executor, &job);
        wait_for_busy(executor, 8);
        if (drained)
            executor->ops->drain(executor, cn_clock_now() + 2 * SWITCH_NS);
        else
            executor->ops->destroy(executor);
        assert_int_equal(tally_read(&job.done), 20);
        assert_all(&job, CN_CANCELLED);
        assert_int_equal(atomic_load(&scene.stopped), 8);
        assert_int_equal(atomic_load(&scene.most_inside), 1);
        if (drained)
            executor->ops->destroy(executor);
        job_release(&job);
    }
}

static void threads_have_no_lock(void **unused) {
    (void)unused;
    struct cn_executor_settings settings = {.registry = &registry, .workers = 2, .max_workers = 2};
    struct cn_executor *executor = NULL;
    assert_int_equal(cn_threads_new(&executor, &settings, NULL), CN_OK);
    struct scene scene = {0};
    struct job job;
    job_play(&job, &scene, 2, KIND_MEET, 2, 0);
    job_submit(executor, &job);
    job_wait(&job);
    assert_all(&job, CN_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(job.tasks[i].spans.ns[CN_SPAN_LOCK], 0);
        assert_true(told_by(&job.tasks[i]).started_ns == job.tasks[i].started_ns);
    }
    executor->ops->destroy(executor);
    job_release(&job);
}

static void sleepers_take_rounds(void **unused) {
    (void)unused;
    struct cn_executor *executor = make(2, 64);
    struct rounds rounds;
    assert_takes_rounds(executor, 2, &rounds, KIND_ROUND, KIND_NOTHING);
    assert_wakes_on_cancel(executor, 2, &rounds, KIND_ROUND, KIND_NOTHING);
    executor->ops->destroy(executor);
}

static void nothing_is_lost_under_stress(void **unused) {
    (void)unused;
    enum { JOBS = 6, TASKS = 30 };
    struct cn_executor *executor = make(3, 8);
    struct scene scene = {0};
    struct job jobs[JOBS];
    for (size_t j = 0; j < JOBS; j++) {
        job_play(&jobs[j], &scene, TASKS, KIND_COUNT, j, 0);
        jobs[j].group.sleeps = j % 3 == 2;
    }
    for (size_t i = 0; i < TASKS; i++)
        for (size_t j = 0; j < JOBS; j++)
            assert_int_equal(executor->ops->submit(executor, &jobs[j].tasks[i], NULL), CN_OK);
    for (size_t j = 0; j < JOBS; j++) {
        job_wait(&jobs[j]);
        assert_all(&jobs[j], CN_OK);
    }
    executor->ops->destroy(executor);
    assert_int_equal(atomic_load(&scene.most_inside), 1);
    assert_int_equal(scene.count, JOBS * TASKS * 40 * 100);
    for (size_t j = 0; j < JOBS; j++)
        job_release(&jobs[j]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(computing_takes_turns),
        cmocka_unit_test(sleeping_overlaps),
        cmocka_unit_test(the_lock_goes_back_and_forth),
        cmocka_unit_test(the_lock_is_not_taken_back_at_once),
        cmocka_unit_test(waiting_is_booked),
        cmocka_unit_test(alone_nobody_waits),
        cmocka_unit_test(who_waits_can_be_stopped),
        cmocka_unit_test(an_end_with_many_waiting),
        cmocka_unit_test(threads_have_no_lock),
        cmocka_unit_test(sleepers_take_rounds),
        cmocka_unit_test(nothing_is_lost_under_stress),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The executor `dask` with a bridge that has no cluster (fake_bridge.py): what the server makes of
 * a bridge, whatever that does. */
#include "tests/unit/pool_helpers.h"

#include <signal.h>
#include <unistd.h>

#include "pool/dask.h"
#include "tests/faults/faults.h"

struct fixture {
    struct cn_executor *executor;
    struct cn_buf program;
    char file[32];
};

static void open_bridge(struct fixture *fixture, const char *mode, uint32_t retries) {
    char text[8192];
    FILE *source = fopen("tests/unit/fake_bridge.py", "r");
    struct cn_error error;
    struct cn_executor_settings pool = {.workers = 4, .max_workers = 8};
    *fixture = (struct fixture){.file = "/tmp/colonnade-dask-XXXXXX"};
    cn_error_init(&error);
    int file = mkstemp(fixture->file);
    assert_true(file >= 0 && source);
    close(file);
    size_t len = fread(text, 1, sizeof(text), source);
    fclose(source);
    cn_buf_init(&fixture->program);
    assert_true(
        len < sizeof(text) &&
        cn_buf_printf(&fixture->program, "MODE = \"%s\"\nFILE = \"%s\"\n", mode, fixture->file) &&
        cn_buf_add(&fixture->program, text, len));
    struct cn_dask_settings dask = {.scheduler = "tcp://127.0.0.1:8786",
                                    .python = "/usr/bin/python3",
                                    .program = cn_buf_str(&fixture->program),
                                    .retries = retries,
                                    .identity = "colonnade test",
                                    .confinement = {.output_bytes = 1 << 20}};
    assert_int_equal(cn_dask_new(&fixture->executor, &dask, &pool, &error), CN_OK);
}

static void close_bridge(struct fixture *fixture) {
    fixture->executor->ops->destroy(fixture->executor);
    cn_buf_release(&fixture->program);
    unlink(fixture->file);
}

/* So many empty tasks, until the last one is done. */
static void run_job(struct fixture *fixture, struct job *job, size_t n_tasks, size_t width,
                    int64_t deadline_ns) {
    job_init(job, n_tasks, 0, width, deadline_ns);
    job_submit(fixture->executor, job);
    job_wait(job);
}

static void close_with(struct fixture *fixture, struct job *job) {
    job_release(job);
    close_bridge(fixture);
}

static int count_lines(const struct fixture *fixture, const char *with) {
    char line[128];
    int n = 0;
    FILE *file = fopen(fixture->file, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file))
        n += strncmp(line, with, strlen(with)) == 0;
    fclose(file);
    return n;
}

static void wait_for_lines(const struct fixture *fixture, const char *with, int n) {
    for (int i = 0; i < 1000 && count_lines(fixture, with) < n; i++)
        nap(10 * MILLION);
    assert_true(count_lines(fixture, with) >= n);
}

static struct cn_dask_state wait_for_workers(struct cn_executor *executor, size_t n) {
    struct cn_dask_state state;
    for (int i = 0; i < 1000; i++) {
        cn_dask_state(executor, &state);
        if (state.workers == n)
            return state;
        nap(10 * MILLION);
    }
    fail_msg("there are %zu workers, not %zu", state.workers, n);
    return state;
}

static void assert_echoed(const struct job *job) {
    for (size_t i = 0; i < job->n_tasks; i++) {
        assert_int_equal(job->tasks[i].code, CN_OK);
        assert_true(cn_str_equal(cn_buf_str(&job->outs[i]), job->inputs[i]));
        assert_spans_exact(&job->tasks[i]);
    }
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void answers_come_to_their_tasks(void **state) {
    struct fixture fixture;
    struct job job;
    (void)state;
    open_bridge(&fixture, "echo", 0);
    job_init(&job, 50, 0, 4, 0);
    char texts[50][16];
    for (size_t i = 0; i < 50; i++) {
        snprintf(texts[i], sizeof(texts[i]), "input %zu", i);
        job.inputs[i] = cn_str_c(texts[i]);
    }
    job_submit(fixture.executor, &job);
    job_wait(&job);
    assert_echoed(&job);
    for (size_t i = 0; i < job.n_tasks; i++) {
        const struct cn_task *task = &job.tasks[i];
        assert_int_equal(task->attempts, 1);
        assert_int_equal(task->pid, 0);
        assert_string_equal(task->host, task->worker == 0 ? "host7" : "host8");
        assert_true(task->spans.ns[CN_SPAN_SHIP] >= 1000);
        assert_true(task->spans.ns[CN_SPAN_SCHEDULE] == 2000);
        assert_true(task->spans.ns[CN_SPAN_FETCH] == 4000);
    }
    close_with(&fixture, &job);
}

static void the_state_is_told(void **state) {
    struct fixture fixture;
    struct cn_dask_worker workers[4];
    struct cn_worker_stats stats[4];
    (void)state;
    open_bridge(&fixture, "echo", 0);
    struct cn_dask_state told = wait_for_workers(fixture.executor, 2);
    assert_true(told.connected && told.bridge > 0 && told.starts == 1 && told.threads == 4);
    assert_string_equal(told.scheduler, "tcp://127.0.0.1:8786");
    assert_string_equal(told.dashboard, "http://here/status");
    assert_int_equal(cn_dask_workers(fixture.executor, workers, 4), 2);
    assert_string_equal(workers[0].address, "tcp://10.0.0.7:1");
    assert_string_equal(workers[1].host, "host8");
    assert_true(workers[1].present && workers[1].usable && workers[1].memory_bytes == 1 << 30);
    assert_int_equal(fixture.executor->ops->stats(fixture.executor, stats, 4, NULL), 2);
    assert_int_equal(stats[0].state, CN_WORKER_IDLE);
    close_bridge(&fixture);
}

static void the_order_of_answers_does_not_matter(void **state) {
    struct fixture fixture;
    struct job job;
    (void)state;
    open_bridge(&fixture, "backwards", 0);
    run_job(&fixture, &job, 8, 4, 0);
    assert_echoed(&job);
    close_with(&fixture, &job);
}

static void answers_that_nobody_waits_for_are_dropped(void **state) {
    struct fixture fixture;
    struct job job;
    (void)state;
    open_bridge(&fixture, "twice", 0);
    run_job(&fixture, &job, 20, 4, 0);
    assert_echoed(&job);
    close_with(&fixture, &job);
}

static void a_large_task_goes_there_and_back(void **state) {
    enum { SIZE = 1 << 20 };
    struct fixture fixture;
    struct job job;
    char *text = malloc(SIZE);
    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < SIZE; i++)
        text[i] = (char)(i * i >> 3);
    open_bridge(&fixture, "echo", 0);
    job_init(&job, 6, 0, 3, 0);
    for (size_t i = 0; i < job.n_tasks; i++)
        job.inputs[i] = cn_str(text, SIZE - i);
    job_submit(fixture.executor, &job);
    job_wait(&job);
    assert_echoed(&job);
    close_with(&fixture, &job);
    free(text);
}

static void a_bridge_that_died_is_replaced(void **state) {
    struct fixture fixture;
    struct cn_dask_state told;
    struct job job;
    (void)state;
    open_bridge(&fixture, "dies once", 1);
    run_job(&fixture, &job, 4, 4, 0);
    assert_echoed(&job);
    cn_dask_state(fixture.executor, &told);
    assert_true(told.starts >= 2);
    close_with(&fixture, &job);
}

static void a_bridge_that_always_dies_costs_its_tasks(void **state) {
    struct fixture fixture;
    struct job job;
    (void)state;
    open_bridge(&fixture, "dies", 1);
    run_job(&fixture, &job, 1, 1, 0);
    assert_int_equal(job.tasks[0].code, CN_WORKER_LOST);
    assert_int_equal(job.tasks[0].attempts, 2);
    assert_non_null(strstr(job.tasks[0].error.detail, "each of the 2 times"));
    assert_int_equal(job.outs[0].len, 0);
    job_release(&job);
    job_init(&job, 1, 0, 1, 0);
    job.group.retries = 2;
    job_submit(fixture.executor, &job);
    job_wait(&job);
    assert_int_equal(job.tasks[0].attempts, 3);
    close_with(&fixture, &job);
}

static void why_a_bridge_always_dies_is_told(void **state) {
    struct fixture fixture;
    struct job job;
    (void)state;
    open_bridge(&fixture, "explains", 1);
    run_job(&fixture, &job, 1, 1, 0);
    assert_int_equal(job.tasks[0].code, CN_WORKER_LOST);
    assert_non_null(strstr(job.tasks[0].error.detail, "each of the 2 times"));
    assert_non_null(strstr(job.tasks[0].error.detail, "this Python has no package"));
    close_with(&fixture, &job);
}

static void nonsense_ends_the_bridge(void **state) {
    struct fixture fixture;
    struct job job;
    (void)state;
    open_bridge(&fixture, "nonsense", 3);
    wait_for_lines(&fixture, "born", 2);
    run_job(&fixture, &job, 4, 4, 0);
    assert_echoed(&job);
    close_with(&fixture, &job);
}

static void a_lying_answer_is_not_believed(void **state) {
    struct fixture fixture;
    struct job job;
    (void)state;
    open_bridge(&fixture, "lies", 0);
    run_job(&fixture, &job, 2, 2, 0);
    for (size_t i = 0; i < job.n_tasks; i++) {
        assert_int_equal(job.tasks[i].code, CN_WORKER_LOST);
        assert_non_null(strstr(job.tasks[i].error.detail, "tcp://10.0.0.7:1"));
        assert_int_equal(job.tasks[i].worker, 0);
        assert_string_equal(job.tasks[i].host, "host7");
    }
    close_with(&fixture, &job);
}

static void a_failure_is_told(void **state) {
    struct fixture fixture;
    struct job job;
    (void)state;
    open_bridge(&fixture, "fails", 3);
    run_job(&fixture, &job, 1, 1, 0);
    assert_int_equal(job.tasks[0].code, CN_WORKER_LOST);
    assert_int_equal(job.tasks[0].attempts, 3);
    assert_non_null(strstr(job.tasks[0].error.detail, "died three times"));
    assert_int_equal(job.tasks[0].worker, -1);
    close_with(&fixture, &job);
}

static void not_every_number_of_attempts_is_believed(void **state) {
    struct fixture fixture;
    struct job job;
    (void)state;
    open_bridge(&fixture, "boasts", 3);
    run_job(&fixture, &job, 1, 1, 0);
    assert_int_equal(job.tasks[0].code, CN_WORKER_LOST);
    assert_int_equal(job.tasks[0].attempts, 1000);
    close_with(&fixture, &job);
}

static void a_deadline_ends_what_is_under_way(void **state) {
    struct fixture fixture;
    struct job job;
    (void)state;
    open_bridge(&fixture, "never", 3);
    (void)wait_for_workers(fixture.executor, 2);
    run_job(&fixture, &job, 3, 2, cn_clock_now() + 300 * MILLION);
    for (size_t i = 0; i < job.n_tasks; i++)
        assert_int_equal(job.tasks[i].code, CN_DEADLINE_EXCEEDED);
    wait_for_lines(&fixture, "cancelled", 2);
    assert_int_equal(count_lines(&fixture, "left 0"), 0);
    close_with(&fixture, &job);
}

static void a_cancelled_group_ends_at_once(void **state) {
    struct fixture fixture;
    struct job job;
    (void)state;
    open_bridge(&fixture, "never", 3);
    job_init(&job, 3, 0, 2, 0);
    job_submit(fixture.executor, &job);
    wait_for_lines(&fixture, "left 0 retries 3", 2);
    fixture.executor->ops->cancel(fixture.executor, &job.group);
    job_wait(&job);
    for (size_t i = 0; i < job.n_tasks; i++)
        assert_int_equal(job.tasks[i].code, CN_CANCELLED);
    wait_for_lines(&fixture, "cancelled", 2);
    close_with(&fixture, &job);
}

static void a_cluster_is_told_without_memory(void **state) {
    struct fixture fixture;
    struct job job;
    struct fault_control *control = fault_control();
    (void)state;
    assert_non_null(control);
    open_bridge(&fixture, "never", 3);
    job_init(&job, 2, 0, 2, 0);
    job_submit(fixture.executor, &job);
    wait_for_lines(&fixture, "left 0 retries 3", 2);
    atomic_store(&control->kinds, (UINT64_C(1) << (FAULT_MMAP + 1)) - 1);
    atomic_store(&control->mode, FAULT_KINDS);
    fixture.executor->ops->cancel(fixture.executor, &job.group);
    job_wait(&job);
    atomic_store(&control->mode, FAULT_OFF);
    wait_for_lines(&fixture, "cancelled", 2);
    job_release(&job);
    close_bridge(&fixture);
}

/* With work under way, and a bridge that does not end by itself. */
static void the_executor_ends_with_a_stopped_bridge(void **state) {
    struct fixture fixture;
    struct job job;
    (void)state;
    open_bridge(&fixture, "stopped", 0);
    (void)wait_for_workers(fixture.executor, 2);
    run_job(&fixture, &job, 2, 2, cn_clock_now() + 200 * MILLION);
    assert_int_equal(job.tasks[0].code, CN_DEADLINE_EXCEEDED);
    close_with(&fixture, &job);
}

static void the_executor_ends_with_a_bridge_that_never_pauses(void **state) {
    struct fixture fixture;
    (void)state;
    open_bridge(&fixture, "floods", 0);
    (void)wait_for_workers(fixture.executor, 2);
    nap(200 * MILLION);
    close_bridge(&fixture);
}

static void unusable_workers_are_told_and_waited_for(void **state) {
    struct fixture fixture;
    struct cn_dask_worker worker = {0};
    struct job job;
    (void)state;
    open_bridge(&fixture, "absent", 0);
    wait_for_lines(&fixture, "born", 1);
    run_job(&fixture, &job, 1, 1, cn_clock_now() + 500 * MILLION);
    assert_int_equal(job.tasks[0].code, CN_DEADLINE_EXCEEDED);
    for (int i = 0; i < 1000 && cn_dask_workers(fixture.executor, &worker, 1) == 0; i++)
        nap(10 * MILLION);
    assert_true(worker.present && !worker.usable);
    assert_string_equal(worker.problem, "is another colonnade");
    close_with(&fixture, &job);
}

static void a_python_that_is_not_there_is_told(void **state) {
    struct cn_executor *executor = NULL;
    struct cn_dask_state told;
    struct cn_executor_settings pool = {.workers = 1, .max_workers = 1};
    struct cn_dask_settings dask = {.scheduler = "tcp://127.0.0.1:1",
                                    .python = "/nowhere/python3",
                                    .program = CN_STR("pass"),
                                    .identity = "colonnade test"};
    (void)state;
    assert_int_equal(cn_dask_new(&executor, &dask, &pool, NULL), CN_OK);
    for (int i = 0; i < 1000; i++) {
        cn_dask_state(executor, &told);
        if (told.problem[0] != '\0')
            break;
        nap(10 * MILLION);
    }
    assert_non_null(strstr(told.problem, "/nowhere/python3"));
    executor->ops->destroy(executor);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_come_to_their_tasks),
        cmocka_unit_test(the_state_is_told),
        cmocka_unit_test(the_order_of_answers_does_not_matter),
        cmocka_unit_test(answers_that_nobody_waits_for_are_dropped),
        cmocka_unit_test(a_large_task_goes_there_and_back),
        cmocka_unit_test(a_bridge_that_died_is_replaced),
        cmocka_unit_test(a_bridge_that_always_dies_costs_its_tasks),
        cmocka_unit_test(why_a_bridge_always_dies_is_told),
        cmocka_unit_test(nonsense_ends_the_bridge),
        cmocka_unit_test(a_lying_answer_is_not_believed),
        cmocka_unit_test(a_failure_is_told),
        cmocka_unit_test(not_every_number_of_attempts_is_believed),
        cmocka_unit_test(a_deadline_ends_what_is_under_way),
        cmocka_unit_test(a_cancelled_group_ends_at_once),
        cmocka_unit_test(a_cluster_is_told_without_memory),
        cmocka_unit_test(the_executor_ends_with_a_stopped_bridge),
        cmocka_unit_test(the_executor_ends_with_a_bridge_that_never_pauses),
        cmocka_unit_test(unusable_workers_are_told_and_waited_for),
        cmocka_unit_test(a_python_that_is_not_there_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

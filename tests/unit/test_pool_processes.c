/* The fork server and the pool of worker processes. */
#include "tests/unit/pool_helpers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pool/protocol.h"

/* ---- kinds --------------------------------------------------------------------------------- */

/* Shared between this process and the workers: a memfd, which the fork server finds by its name. */
struct shared {
    atomic_int entered;
    atomic_int deaths; /* how often KIND_DIE still is to die */
    atomic_int states;
    atomic_int open; /* lets KIND_HOLD go */
    struct rounds rounds;
};

struct arguments {
    size_t index;
    size_t number;
};

enum {
    KIND_ECHO,
    KIND_SPIN,
    KIND_LOOP,
    KIND_DIE,
    KIND_BIG,
    KIND_FAIL,
    KIND_LIE,
    KIND_ROUND,
    KIND_HOLD,
    N_KINDS
};

static struct shared *shared;

static struct arguments arguments_of(const struct cn_run *run) {
    struct arguments arguments;
    memcpy(&arguments, run->args, sizeof(arguments));
    return arguments;
}

static enum cn_code new_state(void **state, const void *context, struct cn_error *error) {
    (void)error;
    *state = *(struct shared *const *)context;
    atomic_fetch_add(&shared->states, 1);
    return CN_OK;
}

static enum cn_code run_echo(struct cn_run *run, struct cn_error *error) {
    atomic_fetch_add(&((struct shared *)run->state)->entered, 1);
    memcpy(run->result, run->args, sizeof(size_t));
    memcpy((char *)run->result + sizeof(size_t), &run->started_ns, sizeof(run->started_ns));
    if (run->plan->local || !cn_str_is(run->plan->bytes, "plan") || run->plan->id != 7)
        return cn_error_set(error, CN_INTERNAL, "not the plan");
    for (size_t i = 0; i < run->n_inputs; i++) {
        if ((uintptr_t)run->inputs[i].data % 64 != 0)
            return cn_error_set(error, CN_INTERNAL, "not aligned");
        if (!cn_buf_add_str(run->out, run->inputs[i]))
            return cn_error_memory(error);
    }
    run->spans->ns[CN_SPAN_EVALUATE] = 1;
    return CN_OK;
}

static enum cn_code run_spin(struct cn_run *run, struct cn_error *error) {
    (void)error;
    atomic_fetch_add(&shared->entered, 1);
    while (atomic_load(run->stop) == 0)
        nap(MILLION / 10);
    return CN_CANCELLED;
}

static enum cn_code run_loop(struct cn_run *run, struct cn_error *error) {
    (void)error;
    atomic_fetch_add(&shared->entered, 1);
    while (run->args) /* always */
        nap(1000 * MILLION);
    return CN_OK;
}

static enum cn_code run_die(struct cn_run *run, struct cn_error *error) {
    if (atomic_fetch_sub(&shared->deaths, 1) > 0) {
        if (!cn_buf_add_c(run->out, "last words"))
            return cn_error_memory(error);
        if (arguments_of(run).number == 0)
            raise(SIGKILL);
        _exit((int)arguments_of(run).number);
    }
    return cn_buf_add_c(run->out, "alive") ? CN_OK : cn_error_memory(error);
}

static enum cn_code run_big(struct cn_run *run, struct cn_error *error) {
    char line[64];
    memset(line, (int)('a' + arguments_of(run).index), sizeof(line));
    for (size_t i = 0; i < arguments_of(run).number; i += sizeof(line))
        if (!cn_buf_add(run->out, line, sizeof(line)))
            return cn_error_memory(error);
    return CN_OK;
}

static enum cn_code run_fail(struct cn_run *run, struct cn_error *error) {
    if (!cn_buf_add_c(run->out, "half of it"))
        return cn_error_memory(error);
    cn_error_set(error, CN_INVALID_CSV, "no good");
    error->line = 17;
    return CN_INVALID_CSV;
}

/* Sends the server what no sound worker does. */
static enum cn_code run_lie(struct cn_run *run, struct cn_error *error) {
    (void)error;
    struct cn_worker_answer answer;
    memset(&answer, 0, sizeof(answer));
    answer.number = 1;
    size_t size = sizeof(answer);
    switch (arguments_of(run).number) {
    case 0: /* more output than there is */
        run->out->len = (size_t)1 << 40;
        return CN_OK;
    case 1:
        run->out->len = SIZE_MAX;
        return CN_OK;
    case 2: /* half an answer, on the worker's socket */
        size /= 2;
        break;
    case 3:
        answer.number = 77;
        break;
    case 4:
        answer.code = CN_CODE_COUNT;
        break;
    default:
        answer.code = -1;
    }
    assert_int_equal(write(3, &answer, size), size);
    return CN_OK;
}

static enum cn_code run_hold(struct cn_run *run, struct cn_error *error) {
    (void)error;
    atomic_fetch_add(&shared->entered, 1);
    while (atomic_load(&shared->open) == 0 && atomic_load(run->stop) == 0)
        nap(MILLION / 10);
    return CN_OK;
}

/* The shared memory is elsewhere in this process than in the one that made the task. */
static enum cn_code run_round(struct cn_run *run, struct cn_error *error) {
    struct rounds *rounds = &shared->rounds;
    _Alignas(16) unsigned char args[CN_TASK_ARGS];
    memcpy(args, run->args, sizeof(args));
    memcpy(args + sizeof(size_t), &rounds, sizeof(rounds));
    run->args = args;
    return rounds_take_part(run, error);
}

static const struct cn_kind kinds[N_KINDS] = {
    [KIND_ECHO] = {"echo", run_echo, new_state, NULL}, [KIND_SPIN] = {"spin", run_spin, NULL, NULL},
    [KIND_LOOP] = {"loop", run_loop, NULL, NULL},      [KIND_DIE] = {"die", run_die, NULL, NULL},
    [KIND_BIG] = {"big", run_big, NULL, NULL},         [KIND_FAIL] = {"fail", run_fail, NULL, NULL},
    [KIND_LIE] = {"lie", run_lie, NULL, NULL},         [KIND_HOLD] = {"hold", run_hold, NULL, NULL},
    [KIND_ROUND] = {"round", run_round, NULL, NULL},
};
static const struct cn_registry registry = {kinds, N_KINDS, &shared};

/* The context that is sent to the fork server: where the shared memory is. */
static char shared_path[64];

static struct shared *map_shared(int fd) {
    void *memory = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static enum cn_code open_shared(struct cn_str bytes, const void **context, struct cn_error *error) {
    char path[sizeof(shared_path)];
    memcpy(path, bytes.data, bytes.len);
    path[bytes.len] = 0;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    shared = fd < 0 ? NULL : map_shared(fd);
    close(fd);
    *context = &shared;
    return shared ? CN_OK : cn_error_set(error, CN_INTERNAL, "no %s: %s", path, strerror(errno));
}

static const struct cn_forkserver_program program = {kinds, N_KINDS, open_shared, NULL};

static enum cn_code start_forkserver(struct cn_forkserver **server, struct cn_error *error) {
    struct cn_forkserver_settings settings = {.context = cn_str_c(shared_path)};
    return cn_forkserver_start(server, &settings, error);
}

/* ---- a pool for each test, and the accounts of what it leaves behind ------------------------- */

struct fixture {
    struct cn_forkserver *server;
    struct cn_executor *executor;
    size_t descriptors;
    size_t threads;
};

static size_t count_entries(const char *path) {
    size_t count = 0;
    DIR *folder = opendir(path);
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static struct fixture make(size_t workers, size_t max_workers) {
    struct fixture fixture = {.descriptors = count_entries("/proc/self/fd"),
                              .threads = count_entries("/proc/self/task")};
    struct cn_executor_settings settings = {
        .registry = &registry, .workers = workers, .max_workers = max_workers, .idle_ms = 5};
    struct cn_error error;
    cn_error_init(&error);
    memset(shared, 0, sizeof(*shared));
    assert_int_equal(start_forkserver(&fixture.server, &error), CN_OK);
    assert_int_equal(cn_processes_new(&fixture.executor, fixture.server, &settings, &error), CN_OK);
    return fixture;
}

static void end(struct fixture *fixture) {
    fixture->executor->ops->destroy(fixture->executor);
    cn_forkserver_stop(fixture->server);
    assert_int_equal(count_entries("/proc/self/fd"), fixture->descriptors);
    /* a thread that was joined may still be seen there for a moment */
    for (int i = 0; i < 10000 && count_entries("/proc/self/task") > fixture->threads; i++)
        nap(MILLION);
    assert_int_equal(count_entries("/proc/self/task"), fixture->threads);
}

static void job_argue(struct job *job, size_t number) {
    for (size_t i = 0; i < job->n_tasks; i++) {
        struct arguments arguments = {i, number};
        memcpy(job->tasks[i].args, &arguments, sizeof(arguments));
    }
}

/* Runs one task to its end. */
static void job_run_one(struct fixture *fixture, struct job *job, uint32_t kind, size_t number) {
    job_init(job, 1, kind, 1, 0);
    job_argue(job, number);
    job_submit(fixture->executor, job);
    job_wait(job);
    assert_spans_exact(&job->tasks[0]);
}

static struct cn_worker_stats stats_of(struct fixture *fixture, size_t worker) {
    struct cn_worker_stats stats[8];
    size_t count = fixture->executor->ops->stats(fixture->executor, stats, 8, NULL);
    assert_true(worker < count && count <= 8);
    return stats[worker];
}

static void assert_serves(struct fixture *fixture) {
    struct job job;
    job_run_one(fixture, &job, KIND_ECHO, 0);
    assert_int_equal(job.tasks[0].code, CN_OK);
    assert_true(cn_str_is(cn_buf_str(&job.outs[0]), "input"));
    job_release(&job);
}

/* ---- tests --------------------------------------------------------------------------------- */

static void results_and_accounts(void **unused) {
    (void)unused;
    struct fixture fixture = make(2, 2);
    struct job job;
    assert_string_equal(fixture.executor->name, "processes");
    assert_false(fixture.executor->in_process);
    job_init(&job, 200, KIND_ECHO, 2, 0);
    struct cn_str many[40];
    for (size_t i = 0; i < 40; i++)
        many[i] = cn_str("0123456789012345678901234567890123456789", i);
    job.tasks[5].inputs = many;
    job.tasks[5].n_inputs = 40;
    job.tasks[6].n_inputs = 0;
    assert_true(cn_buf_add_c(&job.outs[7], "before "));
    job_submit(fixture.executor, &job);
    job_wait(&job);
    struct cn_worker_stats stats[2] = {stats_of(&fixture, 0), stats_of(&fixture, 1)};
    for (size_t i = 0; i < job.n_tasks; i++) {
        const struct cn_task *task = &job.tasks[i];
        size_t index;
        int64_t started_ns;
        memcpy(&index, task->result, sizeof(index));
        memcpy(&started_ns, task->result + sizeof(index), sizeof(started_ns));
        assert_int_equal(task->code, CN_OK);
        assert_int_equal(index, i);
        assert_true(started_ns >= task->started_ns && started_ns <= task->finished_ns);
        assert_in_range(task->worker, 0, 1);
        assert_int_equal(task->pid, stats[task->worker].pid);
        assert_int_equal(task->attempts, 1);
        assert_int_equal(task->spans.ns[CN_SPAN_EVALUATE], 1);
        assert_true(task->spans.ns[CN_SPAN_SHIP] > 0);
        assert_spans_exact(task);
        if (i < 5 || i > 7)
            assert_true(cn_str_is(cn_buf_str(task->out), "input"));
    }
    assert_int_equal(job.outs[5].len, 39 * 40 / 2);
    assert_int_equal(job.outs[6].len, 0);
    assert_true(cn_str_is(cn_buf_str(&job.outs[7]), "before input"));
    assert_int_not_equal(stats[0].pid, stats[1].pid);
    assert_int_not_equal(stats[0].pid, getpid());
    assert_int_equal(atomic_load(&shared->entered), 200);
    assert_in_range(atomic_load(&shared->states), 1, 2);
    job_release(&job);
    end(&fixture);
}

/* Shared memory that this process has in use. */
static size_t shared_memory(void) {
    char line[256];
    size_t kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file))
        if (strncmp(line, "RssShmem:", 9) == 0)
            kib = strtoul(line + 9, NULL, 10);
    fclose(file);
    return kib << 10;
}

static void large_inputs_and_outputs(void **unused) {
    (void)unused;
    struct fixture fixture = make(1, 1);
    size_t size = (size_t)50 << 20;
    size_t before = shared_memory();
    char *input = malloc(size);
    assert_non_null(input);
    for (size_t i = 0; i < size; i++)
        input[i] = (char)(i * 31 >> 3);
    struct job job;
    job_init(&job, 3, KIND_ECHO, 1, 0);
    job.inputs[0] = cn_str(input, size);
    job.inputs[2] = cn_str(input, size / 2 + 1);
    job_submit(fixture.executor, &job);
    job_wait(&job);
    assert_int_equal(job.outs[0].len, size);
    assert_memory_equal(job.outs[0].data, input, size);
    assert_true(cn_str_is(cn_buf_str(&job.outs[1]), "input"));
    assert_int_equal(job.outs[2].len, size / 2 + 1);
    assert_memory_equal(job.outs[2].data, input, size / 2 + 1);
    job_release(&job);
    job_run_one(&fixture, &job, KIND_BIG, size);
    assert_int_equal(job.tasks[0].code, CN_OK);
    assert_int_equal(job.outs[0].len, size);
    assert_int_equal(job.outs[0].data[0], 'a');
    assert_int_equal(job.outs[0].data[size - 1], 'a');
    job_release(&job);
    free(input);
    assert_true(shared_memory() <= before + ((size_t)33 << 20));
    for (int i = 0; i < 10000 && shared_memory() > before + ((size_t)1 << 20); i++)
        nap(MILLION);
    assert_true(shared_memory() <= before + ((size_t)1 << 20));
    assert_serves(&fixture);
    end(&fixture);
}

static void failures_are_told(void **unused) {
    (void)unused;
    struct fixture fixture = make(1, 1);
    struct job job;
    job_run_one(&fixture, &job, KIND_FAIL, 0);
    assert_int_equal(job.tasks[0].code, CN_INVALID_CSV);
    assert_int_equal(job.tasks[0].error.line, 17);
    assert_string_equal(job.tasks[0].error.detail, "no good");
    assert_int_equal(job.outs[0].len, 0);
    job_release(&job);
    job_run_one(&fixture, &job, 99, 0);
    assert_int_equal(job.tasks[0].code, CN_INTERNAL);
    job_release(&job);
    assert_int_equal(stats_of(&fixture, 0).restarts, 0);
    end(&fixture);
}

static void an_idle_worker_that_dies_is_replaced(void **unused) {
    (void)unused;
    struct fixture fixture = make(2, 2);
    assert_serves(&fixture);
    for (size_t round = 1; round <= 3; round++) {
        for (size_t worker = 0; worker < 2; worker++) {
            struct cn_worker_stats before = stats_of(&fixture, worker);
            struct cn_worker_stats after = before;
            assert_int_not_equal(before.pid, 0);
            assert_int_equal(kill(before.pid, SIGKILL), 0);
            for (int i = 0; i < 10000 && after.restarts == before.restarts; i++) {
                nap(MILLION);
                after = stats_of(&fixture, worker);
            }
            assert_int_equal(after.restarts, before.restarts + 1);
            assert_int_not_equal(after.pid, before.pid);
        }
        assert_serves(&fixture);
    }
    end(&fixture);
}

static void a_task_survives_one_death(void **unused) {
    (void)unused;
    struct fixture fixture = make(1, 1);
    struct job job;
    atomic_store(&shared->deaths, 1);
    job_run_one(&fixture, &job, KIND_DIE, 0);
    assert_int_equal(job.tasks[0].code, CN_OK);
    assert_int_equal(job.tasks[0].attempts, 2);
    assert_true(cn_str_is(cn_buf_str(&job.outs[0]), "alive"));
    assert_int_equal(stats_of(&fixture, 0).restarts, 1);
    job_release(&job);

    /* killed from outside */
    job_init(&job, 1, KIND_SPIN, 1, 0);
    atomic_store(&shared->entered, 0);
    job_submit(fixture.executor, &job);
    while (atomic_load(&shared->entered) < 1)
        nap(MILLION);
    kill(stats_of(&fixture, 0).pid, SIGKILL);
    while (atomic_load(&shared->entered) < 2)
        nap(MILLION);
    fixture.executor->ops->cancel(fixture.executor, &job.group);
    job_wait(&job);
    assert_int_equal(job.tasks[0].code, CN_CANCELLED);
    assert_int_equal(job.tasks[0].attempts, 2);
    assert_int_equal(stats_of(&fixture, 0).restarts, 2);
    job_release(&job);
    end(&fixture);
}

static void a_second_death_loses_the_task_only(void **unused) {
    (void)unused;
    struct fixture fixture = make(1, 1);
    struct job job;
    atomic_store(&shared->deaths, 2);
    job_run_one(&fixture, &job, KIND_DIE, 0);
    assert_int_equal(job.tasks[0].code, CN_WORKER_LOST);
    assert_non_null(strstr(job.tasks[0].error.detail, "SIGKILL"));
    assert_int_equal(job.outs[0].len, 0);
    job_release(&job);
    atomic_store(&shared->deaths, 2);
    job_run_one(&fixture, &job, KIND_DIE, 23);
    assert_int_equal(job.tasks[0].code, CN_WORKER_LOST);
    assert_non_null(strstr(job.tasks[0].error.detail, "exit status 23"));
    job_release(&job);
    assert_serves(&fixture);
    end(&fixture);
}

static void a_group_says_how_often_it_is_tried(void **unused) {
    (void)unused;
    static const struct {
        int retries, deaths;
        bool survives;
        const char *text;
    } cases[] = {
        {0, 1, false, "died (killed by SIGKILL)"},
        {1, 1, true, NULL},
        {3, 3, true, NULL},
        {3, 4, false, "and so did the 3 that tried it again (the last: killed by SIGKILL)"}};
    struct fixture fixture = make(1, 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct job job;
        atomic_store(&shared->deaths, cases[i].deaths);
        job_init(&job, 1, KIND_DIE, 1, 0);
        job.group.retries = cases[i].retries;
        job_argue(&job, 0);
        job_submit(fixture.executor, &job);
        job_wait(&job);
        assert_int_equal(job.tasks[0].code, cases[i].survives ? CN_OK : CN_WORKER_LOST);
        assert_int_equal(job.tasks[0].attempts, cases[i].deaths + cases[i].survives);
        if (!cases[i].survives)
            assert_non_null(strstr(job.tasks[0].error.detail, cases[i].text));
        assert_int_equal(atomic_load(&shared->deaths), -cases[i].survives);
        job_release(&job);
    }
    assert_serves(&fixture);
    end(&fixture);
}

static void a_worker_that_lies_is_lost(void **unused) {
    (void)unused;
    struct fixture fixture = make(1, 1);
    struct job job;
    for (size_t lie = 0; lie < 6; lie++) {
        job_run_one(&fixture, &job, KIND_LIE, lie);
        assert_int_equal(job.tasks[0].code, CN_WORKER_LOST);
        assert_int_equal(job.outs[0].len, 0);
        job_release(&job);
        assert_serves(&fixture);
    }
    end(&fixture);
}

static void deadlines_and_cancelling(void **unused) {
    (void)unused;
    struct fixture fixture = make(2, 2);
    struct job stubborn;
    struct job obedient;
    struct cn_worker_stats before[2] = {stats_of(&fixture, 0), stats_of(&fixture, 1)};
    job_init(&obedient, 2, KIND_SPIN, 1, cn_clock_now() + 20 * MILLION);
    job_submit(fixture.executor, &obedient);
    job_wait(&obedient);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(obedient.tasks[i].code, CN_DEADLINE_EXCEEDED);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(stats_of(&fixture, i).pid, before[i].pid);
    job_release(&obedient);

    /* one that ignores the stop flag is killed; another job goes on meanwhile */
    atomic_store(&shared->entered, 0);
    job_init(&stubborn, 2, KIND_LOOP, 1, cn_clock_now() + 20 * MILLION);
    job_submit(fixture.executor, &stubborn);
    assert_serves(&fixture);
    job_wait(&stubborn);
    assert_int_equal(stubborn.tasks[0].code, CN_DEADLINE_EXCEEDED);
    assert_int_equal(stubborn.tasks[1].code, CN_DEADLINE_EXCEEDED);
    assert_int_equal(stubborn.tasks[0].attempts, 1);
    assert_spans_exact(&stubborn.tasks[0]);
    job_release(&stubborn);
    assert_serves(&fixture);

    job_init(&stubborn, 3, KIND_LOOP, 2, 0);
    atomic_store(&shared->entered, 0);
    job_submit(fixture.executor, &stubborn);
    while (atomic_load(&shared->entered) < 2)
        nap(MILLION);
    fixture.executor->ops->cancel(fixture.executor, &stubborn.group);
    job_wait(&stubborn);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(stubborn.tasks[i].code, CN_CANCELLED);
    job_release(&stubborn);
    assert_serves(&fixture);
    end(&fixture);
}

static void a_stopped_worker_is_ended(void **unused) {
    (void)unused;
    struct fixture fixture = make(1, 1);
    assert_serves(&fixture);
    pid_t stopped = stats_of(&fixture, 0).pid;
    kill(stopped, SIGSTOP);
    struct job job;
    job_init(&job, 1, KIND_ECHO, 1, cn_clock_now() + 20 * MILLION);
    job_submit(fixture.executor, &job);
    job_wait(&job);
    assert_int_equal(job.tasks[0].code, CN_DEADLINE_EXCEEDED);
    job_release(&job);
    assert_serves(&fixture);
    assert_int_not_equal(stats_of(&fixture, 0).pid, stopped);
    end(&fixture);
}

static void workers_grow_and_retire(void **unused) {
    (void)unused;
    struct fixture fixture = make(1, 3);
    struct job job;
    job_init(&job, 3, KIND_SPIN, 3, 0);
    job_submit(fixture.executor, &job);
    while (atomic_load(&shared->entered) < 3)
        nap(MILLION);
    assert_int_equal(fixture.executor->ops->stats(fixture.executor, NULL, 0, NULL), 3);
    fixture.executor->ops->cancel(fixture.executor, &job.group);
    job_wait(&job);
    for (int i = 0; i < 5000; i++) {
        if (fixture.executor->ops->stats(fixture.executor, NULL, 0, NULL) == 1)
            break;
        nap(MILLION);
    }
    assert_int_equal(fixture.executor->ops->stats(fixture.executor, NULL, 0, NULL), 1);
    job_release(&job);
    assert_serves(&fixture);
    end(&fixture);
}

/* Under the sanitizers too, 64 processes are there soon enough. */
static void sleepers_take_rounds(void **unused) {
    (void)unused;
    struct fixture fixture = make(2, 64);
    struct rounds *rounds = &shared->rounds;
    assert_takes_rounds(fixture.executor, 2, rounds, KIND_ROUND, KIND_ECHO);
    assert_wakes_on_cancel(fixture.executor, 2, rounds, KIND_ROUND, KIND_ECHO);
    end(&fixture);
}

/* A process that does not wake up is killed; its crew goes on. */
static void a_sleeper_that_does_not_wake_is_ended(void **unused) {
    (void)unused;
    struct fixture fixture = make(1, 2);
    struct job job;
    job_init(&job, 3, KIND_LOOP, 2, 0);
    job.group.sleeps = true;
    job_submit(fixture.executor, &job);
    while (atomic_load(&shared->entered) < 2)
        nap(MILLION);
    assert_computes(fixture.executor, 1, KIND_ECHO);
    fixture.executor->ops->cancel(fixture.executor, &job.group);
    job_wait(&job);
    for (size_t i = 0; i < job.n_tasks; i++)
        assert_int_equal(job.tasks[i].code, CN_CANCELLED);
    job_release(&job);
    job_init(&job, 4, KIND_ECHO, 2, 0);
    job.group.sleeps = true;
    job_submit(fixture.executor, &job);
    job_wait(&job);
    for (size_t i = 0; i < job.n_tasks; i++) {
        assert_int_equal(job.tasks[i].code, CN_OK);
        assert_in_range(job.tasks[i].worker, 1, 3); /* the first may be about to retire */
    }
    job_release(&job);
    end(&fixture);
}

static void signals_to_the_group_are_not_for_workers(void **unused) {
    (void)unused;
    struct fixture fixture = make(1, 1);
    pid_t worker = stats_of(&fixture, 0).pid;
    kill(worker, SIGTERM);
    kill(worker, SIGINT);
    kill(cn_forkserver_state(fixture.server).pid, SIGTERM);
    kill(cn_forkserver_state(fixture.server).pid, SIGINT);
    assert_serves(&fixture);
    assert_int_equal(stats_of(&fixture, 0).pid, worker);
    end(&fixture);
}

/* Whether a process is there, and is not only waiting to be taken off the list. */
static bool runs(pid_t pid) {
    char path[64];
    char line[512];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    bool read = file && fgets(line, sizeof(line), file);
    if (file)
        fclose(file);
    const char *state = read ? strrchr(line, ')') : NULL;
    return state && state[1] != 0 && state[2] != 'Z' && state[2] != 'X';
}

/* The other fork server is there when the next task wants a worker. */
static void a_fork_server_that_dies_is_replaced(void **unused) {
    (void)unused;
    struct fixture fixture = make(2, 2);
    for (int round = 0; round < 3; round++) {
        struct cn_worker_stats before[2] = {stats_of(&fixture, 0), stats_of(&fixture, 1)};
        pid_t pid = cn_forkserver_state(fixture.server).pid;
        assert_true(pid > 0);
        assert_int_equal(kill(pid, round == 1 ? SIGABRT : SIGKILL), 0);
        /* its workers go with it, and nobody but the pool does anything about it */
        for (size_t i = 0; i < 2; i++)
            while (stats_of(&fixture, i).pid == before[i].pid || stats_of(&fixture, i).pid == 0)
                nap(MILLION);
        assert_int_not_equal(cn_forkserver_state(fixture.server).pid, pid);
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(stats_of(&fixture, i).restarts, round + 1);
            while (runs(before[i].pid))
                nap(MILLION);
        }
        assert_serves(&fixture);
    }
    end(&fixture);
}

/* Tasks that were running get their second attempt. */
static void tasks_survive_the_death_of_a_fork_server(void **unused) {
    (void)unused;
    struct fixture fixture = make(2, 2);
    struct job job;
    job_init(&job, 2, KIND_HOLD, 2, 0);
    job_submit(fixture.executor, &job);
    while (atomic_load(&shared->entered) < 2)
        nap(MILLION);
    kill(cn_forkserver_state(fixture.server).pid, SIGKILL);
    while (atomic_load(&shared->entered) < 4)
        nap(MILLION);
    atomic_store(&shared->open, 1);
    job_wait(&job);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(job.tasks[i].code, CN_OK);
        assert_int_equal(job.tasks[i].attempts, 2);
        assert_spans_exact(&job.tasks[i]);
    }
    job_release(&job);
    end(&fixture);
}

/* One that is killed whenever it is there costs tasks at most, and each of them ends. */
static void fork_servers_are_killed_under_load(void **unused) {
    (void)unused;
    struct fixture fixture = make(2, 3);
    size_t right = 0;
    for (int round = 0; round < 20; round++) {
        struct job job;
        job_init(&job, 50, KIND_ECHO, 2, 0);
        job_submit(fixture.executor, &job);
        nap((round % 5) * MILLION);
        pid_t pid = cn_forkserver_state(fixture.server).pid;
        if (pid > 0)
            kill(pid, SIGKILL);
        job_wait(&job);
        for (size_t i = 0; i < job.n_tasks; i++) {
            bool good = job.tasks[i].code == CN_OK;
            assert_true(good || job.tasks[i].code == CN_WORKER_LOST);
            assert_int_equal(job.outs[i].len, good ? 5 : 0);
            right += good;
        }
        job_release(&job);
    }
    assert_true(right > 500);
    for (int i = 0; i < 10000; i++) { /* it may be backing off */
        struct job job;
        job_run_one(&fixture, &job, KIND_ECHO, 0);
        bool good = job.tasks[0].code == CN_OK;
        job_release(&job);
        if (good)
            break;
        nap(MILLION);
    }
    assert_serves(&fixture);
    end(&fixture);
}

/* One that cannot be started is not tried for every task; it is there again when it can. */
static void a_fork_server_that_does_not_start_is_waited_for(void **unused) {
    (void)unused;
    struct fixture fixture = make(2, 2);
    struct job job;
    assert_serves(&fixture);
    shared_path[0] = '!'; /* the next one finds no shared memory */
    kill(cn_forkserver_state(fixture.server).pid, SIGKILL);
    enum cn_code code = CN_OK;
    for (int i = 0; i < 10000 && code == CN_OK; i++) {
        job_run_one(&fixture, &job, KIND_ECHO, 0);
        code = job.tasks[0].code;
        job_release(&job);
    }
    assert_int_equal(code, CN_WORKER_LOST);
    for (int i = 0; i < 10; i++) { /* let it fail more often than is taken for bad luck */
        job_run_one(&fixture, &job, KIND_ECHO, 0);
        job_release(&job);
    }
    uint64_t starts = cn_forkserver_state(fixture.server).starts;
    for (int i = 0; i < 200; i++) {
        job_run_one(&fixture, &job, KIND_ECHO, 0);
        assert_int_equal(job.tasks[0].code, CN_WORKER_LOST);
        assert_non_null(strstr(job.tasks[0].error.detail, "ork server"));
        job_release(&job);
    }
    assert_true(cn_forkserver_state(fixture.server).starts - starts < 50);
    assert_int_equal(cn_forkserver_state(fixture.server).pid, 0);
    shared_path[0] = '/';
    for (int i = 0; i < 20000 && code != CN_OK; i++) {
        job_run_one(&fixture, &job, KIND_ECHO, 0);
        code = job.tasks[0].code;
        job_release(&job);
        nap(MILLION);
    }
    assert_serves(&fixture);
    end(&fixture);
}

/* A server that is killed takes its fork server and its workers along, even one that is busy. */
static void nothing_outlives_the_server(void **unused) {
    (void)unused;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); /* orphans become ours */
    memset(shared, 0, sizeof(*shared));
    pid_t server = fork();
    assert_true(server >= 0);
    if (server == 0) {
        struct fixture fixture = make(2, 2);
        struct job job;
        job_init(&job, 1, KIND_LOOP, 1, 0);
        job_submit(fixture.executor, &job);
        for (;;)
            pause();
    }
    while (atomic_load(&shared->entered) < 1)
        nap(MILLION);
    assert_int_equal(kill(server, SIGKILL), 0);
    int ended = 0;
    int status = 0;
    while (waitpid(-1, &status, 0) > 0)
        ended++;
    assert_int_equal(errno, ECHILD);
    assert_int_equal(ended, 4); /* server, fork server, two workers */
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

/* Whatever descriptor is the one that cannot be had: a clean error, or a pool that works. */
static void descriptors_run_out(void **unused) {
    (void)unused;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    size_t open_now = count_entries("/proc/self/fd") - 3; /* ".", "..", and the folder itself */
    size_t works = 0;
    for (size_t more = 0; more < 16; more++) {
        struct rlimit limit = {.rlim_cur = open_now + more, .rlim_max = before.rlim_max};
        struct cn_executor_settings settings = {
            .registry = &registry, .workers = 2, .max_workers = 2};
        struct fixture fixture = {0};
        struct cn_error error;
        cn_error_init(&error);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        enum cn_code code = start_forkserver(&fixture.server, &error);
        if (code == CN_OK) {
            code = cn_processes_new(&fixture.executor, fixture.server, &settings, &error);
            if (code == CN_OK) {
                assert_serves(&fixture);
                fixture.executor->ops->destroy(fixture.executor);
                works++;
            }
            cn_forkserver_stop(fixture.server);
        }
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_int_equal(error.code, code);
        assert_int_equal(count_entries("/proc/self/fd") - 3, open_now);
    }
    assert_in_range(works, 1, 15);
}

/* ---- workers killed at random under load ---------------------------------------------------- */

struct killer {
    struct fixture *fixture;
    atomic_bool stop;
};

static void *killer_main(void *argument) {
    struct killer *killer = argument;
    unsigned seed = 1;
    while (!atomic_load(&killer->stop)) {
        struct cn_worker_stats stats[3];
        struct cn_executor *executor = killer->fixture->executor;
        seed = seed * 1103515245u + 12345u;
        size_t count = executor->ops->stats(executor, stats, 3, NULL);
        pid_t pid = stats[(seed >> 16) % (count < 3 ? count : 3)].pid;
        if (pid > 0)
            kill(pid, SIGKILL);
        nap((int64_t)(seed >> 20) % 8 * MILLION);
    }
    return NULL;
}

static void every_task_ends_right_or_lost(void **unused) {
    (void)unused;
    struct fixture fixture = make(2, 3);
    struct killer killer = {.fixture = &fixture};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, killer_main, &killer), 0);
    size_t right = 0;
    for (int round = 0; round < 40; round++) {
        struct job job;
        job_init(&job, 50, KIND_ECHO, (size_t)round % 4, 0);
        job_submit(fixture.executor, &job);
        job_wait(&job);
        for (size_t i = 0; i < job.n_tasks; i++) {
            bool good = job.tasks[i].code == CN_OK;
            assert_true(good || job.tasks[i].code == CN_WORKER_LOST);
            assert_int_equal(job.outs[i].len, good ? 5 : 0);
            assert_spans_exact(&job.tasks[i]);
            right += good;
        }
        job_release(&job);
    }
    atomic_store(&killer.stop, true);
    pthread_join(thread, NULL);
    assert_true(right > 0);
    assert_serves(&fixture);
    end(&fixture);
}

static void *nothing(void *argument) {
    return argument;
}

int main(int argc, char **argv) {
    if (cn_forkserver_wanted(argc, argv))
        cn_forkserver_enter(&program);
    /* ThreadSanitizer starts a thread of its own with the first one: it is not to be counted. */
    pthread_t thread;
    if (pthread_create(&thread, NULL, nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
        return 1;
    int fd = memfd_create("test-pool", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, sizeof(*shared)) != 0 || !(shared = map_shared(fd)))
        return 1;
    snprintf(shared_path, sizeof(shared_path), "/proc/%d/fd/%d", (int)getpid(), fd);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_and_accounts),
        cmocka_unit_test(large_inputs_and_outputs),
        cmocka_unit_test(failures_are_told),
        cmocka_unit_test(an_idle_worker_that_dies_is_replaced),
        cmocka_unit_test(a_task_survives_one_death),
        cmocka_unit_test(a_second_death_loses_the_task_only),
        cmocka_unit_test(a_group_says_how_often_it_is_tried),
        cmocka_unit_test(a_worker_that_lies_is_lost),
        cmocka_unit_test(deadlines_and_cancelling),
        cmocka_unit_test(a_stopped_worker_is_ended),
        cmocka_unit_test(workers_grow_and_retire),
        cmocka_unit_test(sleepers_take_rounds),
        cmocka_unit_test(a_sleeper_that_does_not_wake_is_ended),
        cmocka_unit_test(signals_to_the_group_are_not_for_workers),
        cmocka_unit_test(a_fork_server_that_dies_is_replaced),
        cmocka_unit_test(tasks_survive_the_death_of_a_fork_server),
        cmocka_unit_test(fork_servers_are_killed_under_load),
        cmocka_unit_test(a_fork_server_that_does_not_start_is_waited_for),
        cmocka_unit_test(nothing_outlives_the_server),
        cmocka_unit_test(descriptors_run_out),
        cmocka_unit_test(every_task_ends_right_or_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The program as a worker that is driven over its standard input and output. */
#include "tests/unit/confined_helpers.h"
#include "tests/unit/pipe_helpers.h"

#include <sys/socket.h>

#include "base/sanitizer.h"

#define MIB ((uint64_t)1 << 20)

/* ---- kinds ---------------------------------------------------------------------------------- */

enum {
    KIND_ECHO,
    KIND_FAIL,
    KIND_PRINT,
    KIND_HOLD,
    KIND_ALLOCATE,
    KIND_OUTPUT,
    KIND_SOCKET,
    KIND_ABORT,
    N_KINDS
};

/* The plan and the inputs, which must be aligned; the result is how often it was called. */
static enum cn_code run_echo(struct cn_run *run, struct cn_error *error) {
    size_t *count = run->state;
    ++*count;
    memcpy(run->result, count, sizeof(*count));
    run->spans->ns[CN_SPAN_EVALUATE] = 1;
    bool ok = cn_buf_add_str(run->out, run->plan->bytes);
    for (size_t i = 0; ok && i < run->n_inputs; i++) {
        if ((uintptr_t)run->inputs[i].data % 64 != 0)
            return cn_error_set(error, CN_INTERNAL, "input %zu is not aligned", i);
        ok = cn_buf_add_str(run->out, run->inputs[i]);
    }
    return ok ? CN_OK : cn_error_memory(error);
}

static enum cn_code new_count(void **state, const void *context, struct cn_error *error) {
    (void)context;
    *state = calloc(1, sizeof(size_t));
    return *state ? CN_OK : cn_error_memory(error);
}

static enum cn_code run_fail(struct cn_run *run, struct cn_error *error) {
    if (!cn_buf_add_c(run->out, "half of it"))
        return cn_error_memory(error);
    cn_error_set_column(error, CN_STR("a"));
    return cn_error_set(error, CN_TYPE_ERROR, "no such luck");
}

static enum cn_code run_print(struct cn_run *run, struct cn_error *error) {
    static const char text[] = "for nobody\n"; /* stdio would call more than it may */
    if (write(STDOUT_FILENO, text, sizeof(text) - 1) != (ssize_t)sizeof(text) - 1)
        return cn_error_set(error, CN_INTERNAL, "there is no standard output");
    return cn_buf_add_c(run->out, "printed") ? CN_OK : cn_error_memory(error);
}

static enum cn_code run_hold(struct cn_run *run, struct cn_error *error) {
    (void)error;
    while (!cn_run_stopped(run))
        nap(MILLION);
    return CN_CANCELLED;
}

static enum cn_code run_allocate(struct cn_run *run, struct cn_error *error) {
    char *bytes = malloc(number_of(run));
    if (!bytes)
        return cn_error_memory(error);
    memset(bytes, 1, number_of(run));
    bool ok = cn_buf_add_char(run->out, bytes[number_of(run) / 2]);
    free(bytes);
    return ok ? CN_OK : cn_error_memory(error);
}

static enum cn_code run_socket(struct cn_run *run, struct cn_error *error) {
    (void)run;
    (void)error;
    close(socket(AF_INET, SOCK_STREAM, 0));
    return CN_OK;
}

static const struct cn_kind kinds[N_KINDS] = {
    [KIND_ECHO] = {.name = "echo", .run = run_echo, .state_new = new_count, .state_free = free},
    [KIND_FAIL] = {.name = "fail", .run = run_fail},
    [KIND_PRINT] = {.name = "print", .run = run_print},
    [KIND_HOLD] = {.name = "hold", .run = run_hold},
    [KIND_ALLOCATE] = {.name = "allocate", .run = run_allocate},
    [KIND_OUTPUT] = {.name = "output", .run = run_output},
    [KIND_SOCKET] = {.name = "socket", .run = run_socket},
    [KIND_ABORT] = {.name = "abort", .run = run_abort},
};
static const struct cn_registry registry = {kinds, N_KINDS, NULL};
static const struct cn_pipe_worker_program program = {.registry = &registry, .identity = IDENTITY};

/* ---- requests ------------------------------------------------------------------------------- */

static struct message make(uint32_t kind, size_t number, const struct cn_str *inputs,
                           size_t n_inputs) {
    struct cn_plan_ref plan = {.id = 1, .bytes = CN_STR("plan:")};
    struct cn_task task = {.kind = kind, .plan = &plan, .inputs = inputs, .n_inputs = n_inputs};
    memcpy(task.args, &number, sizeof(number));
    return make_of(&task);
}

static enum cn_code ask(const struct worker *worker, uint32_t kind, size_t number, int64_t left_ns,
                        struct cn_task *task, struct cn_buf *out) {
    struct message message = make(kind, number, NULL, 0);
    message.request.left_ns = left_ns;
    send_message(worker, &message);
    return take(worker, &message, task, out);
}

/* It still computes. */
static void assert_serves(const struct worker *worker) {
    static const struct cn_str inputs[] = {{"one ", 4}, {"", 0}, {"two", 3}};
    struct cn_buf out = CN_BUF_INIT;
    struct cn_task task;
    struct message message = make(KIND_ECHO, 0, inputs, 3);
    send_message(worker, &message);
    assert_int_equal(take(worker, &message, &task, &out), CN_OK);
    assert_true(cn_str_is(cn_buf_str(&out), "plan:one two"));
    cn_buf_release(&out);
}

/* ---- tests: images -------------------------------------------------------------------------- */

/* An image is the same bytes, whatever was in its memory before. */
static void images_hold_the_task_only(void **unused) {
    (void)unused;
    static const struct cn_str inputs[] = {{"one", 3}, {"", 0}, {"three", 5}};
    struct cn_plan_ref plan = {.id = 1, .bytes = CN_STR("plan")};
    for (size_t n = 0; n <= 3; n++) {
        struct cn_task task = {.plan = n == 2 ? NULL : &plan, .inputs = inputs, .n_inputs = n};
        struct cn_worker_request request;
        assert_true(cn_request_lay_out(&request, &task, 1));
        size_t size = (size_t)request.size;
        char *zeros = calloc(1, size), *ones = malloc(size);
        assert_true(zeros && ones);
        memset(ones, 0xff, size);
        cn_request_fill(&request, &task, zeros);
        cn_request_fill(&request, &task, ones);
        assert_memory_equal(zeros, ones, size);
        free(zeros);
        free(ones);
    }
}

/* ---- tests: beginning and end --------------------------------------------------------------- */

static void it_can_be_asked_for_its_identity(void **unused) {
    (void)unused;
    struct worker worker = start();
    assert_identity(&worker);
    assert_ends_well(&worker);
}

static void it_serves_until_its_input_ends(void **unused) {
    (void)unused;
    struct worker worker = start_with((struct cn_confinement){0});
    for (int i = 0; i < 5; i++)
        assert_serves(&worker);
    assert_ends_well(&worker);
}

static void another_version_is_not_served(void **unused) {
    (void)unused;
    for (int wrong = 0; wrong < 3; wrong++) {
        struct worker worker = start();
        struct cn_pipe_setup setup = setup_of((struct cn_confinement){0});
        uint32_t *sizes[] = {&setup.size, &setup.answer_size, &setup.request_size};
        ++*sizes[wrong];
        assert_identity(&worker);
        put(&worker, &setup,
            offsetof(struct cn_pipe_setup, confinement)); /* it waits for no more */
        assert_gives_up(&worker, "another version");
    }
}

static void limits_must_make_sense(void **unused) {
    (void)unused;
    const struct cn_confinement wrong[] = {{.level = (enum cn_isolation_level)7},
                                           {.memory_bytes = UINT64_MAX},
                                           {.output_bytes = UINT64_MAX - 100}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct worker worker = start_with(wrong[i]);
        assert_gives_up(&worker, "limits");
    }
}

static void a_setup_may_not_be_cut_off(void **unused) {
    (void)unused;
    const size_t lens[] = {1, 13};
    for (size_t i = 0; i < 2; i++) {
        struct worker worker = start();
        struct cn_pipe_setup setup = setup_of((struct cn_confinement){0});
        assert_identity(&worker);
        put(&worker, &setup, lens[i]);
        close_in(&worker);
        assert_gives_up(&worker, "cut off");
    }
}

static void a_request_may_not_be_cut_off(void **unused) {
    (void)unused;
    struct cn_str input = CN_STR("some input");
    for (int part = 0; part < 2; part++) {
        struct worker worker = start_with((struct cn_confinement){0});
        struct message message = make(KIND_ECHO, 0, &input, 1);
        assert_serves(&worker);
        if (part == 0) {
            put(&worker, &message.request, sizeof(message.request) / 2);
        } else {
            put(&worker, &message.request, sizeof(message.request));
            put(&worker, message.image, (size_t)message.request.size - 1);
        }
        free(message.image);
        close_in(&worker);
        assert_gives_up(&worker, "cut off");
    }
}

static void nonsense_ends_it(void **unused) {
    (void)unused;
    struct cn_worker_request request;
    for (int wrong = 0; wrong < 4; wrong++) {
        struct worker worker = start_with((struct cn_confinement){0});
        struct message message = make(KIND_ECHO, 0, NULL, 0);
        request = message.request;
        free(message.image);
        if (wrong == 0)
            memset(&request, 0xa5, sizeof(request));
        else if (wrong == 1)
            request.size = 1;
        else if (wrong == 2)
            request.table = request.size + 1;
        else
            request.n_inputs = UINT64_MAX / 8;
        put(&worker, &request, sizeof(request));
        assert_gives_up(&worker, "makes no sense");
    }
}

static void whoever_does_not_read_ends_it(void **unused) {
    (void)unused;
    struct worker worker = start_with((struct cn_confinement){0});
    struct message message = make(KIND_OUTPUT, 4 * MIB, NULL, 0);
    char said[1024];
    send_message(&worker, &message);
    close(worker.out);
    worker.out = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int status = await(&worker, said);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    assert_non_null(strstr(said, "could not be written"));
}

static void signals_to_the_group_are_not_for_it(void **unused) {
    (void)unused;
    const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct worker worker = start_with((struct cn_confinement){0});
    assert_serves(&worker);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(kill(worker.pid, signals[i]), 0);
    assert_serves(&worker);
    assert_ends_well(&worker);
}

static void *start_and_leave(void *argument) {
    struct worker *worker = argument;
    *worker = start_with((struct cn_confinement){0});
    assert_serves(worker);
    return NULL;
}

/* Its input stays open, and it would never look there. */
static void it_does_not_outlive_who_started_it(void **unused) {
    (void)unused;
    struct worker worker;
    struct message message = make(KIND_HOLD, 0, NULL, 0);
    pthread_t thread;
    char said[1024];
    assert_int_equal(pthread_create(&thread, NULL, start_and_leave, &worker), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    signal(SIGPIPE, SIG_IGN); /* it may be gone already */
    (void)!write(worker.in, &message.request, sizeof(message.request));
    (void)!write(worker.in, message.image, (size_t)message.request.size);
    free(message.image);
    int status = await(&worker, said);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

/* ---- tests: tasks --------------------------------------------------------------------------- */

static void answers_are_complete(void **unused) {
    (void)unused;
    struct worker worker = start_with((struct cn_confinement){0});
    struct cn_buf out = CN_BUF_INIT;
    struct cn_task task;
    size_t count = 0;
    for (size_t i = 1; i <= 3; i++) {
        assert_int_equal(ask(&worker, KIND_ECHO, 0, 0, &task, &out), CN_OK);
        memcpy(&count, task.result, sizeof(count));
        assert_int_equal(count, i); /* the state of the kind is kept */
        assert_int_equal(task.spans.ns[CN_SPAN_EVALUATE], 1);
        assert_true(task.cpu_ns > 0);
    }
    assert_int_equal(ask(&worker, KIND_FAIL, 0, 0, &task, &out), CN_TYPE_ERROR);
    assert_int_equal(out.len, 0);
    assert_string_equal(task.error.detail, "no such luck");
    assert_int_equal(ask(&worker, N_KINDS, 0, 0, &task, &out), CN_INTERNAL);
    assert_serves(&worker);
    cn_buf_release(&out);
    assert_ends_well(&worker);
}

static void an_input_beyond_the_image_is_refused(void **unused) {
    (void)unused;
    struct cn_str input = CN_STR("some input");
    const struct cn_window_span wrong[] = {{0, UINT64_MAX}, {UINT64_MAX, 1}, {8, 1}};
    struct worker worker = start_with((struct cn_confinement){0});
    struct cn_buf out = CN_BUF_INIT;
    struct cn_task task;
    for (size_t i = 0; i < 3; i++) {
        struct message message = make(KIND_ECHO, 0, &input, 1);
        memcpy(message.image + message.request.table, &wrong[i], sizeof(wrong[i]));
        send_message(&worker, &message);
        assert_int_equal(take(&worker, &message, &task, &out), CN_INTERNAL);
    }
    assert_serves(&worker);
    cn_buf_release(&out);
    assert_ends_well(&worker);
}

static void large_inputs_and_outputs_pass(void **unused) {
    (void)unused;
    const size_t size = 40 * MIB + 3;
    struct worker worker = start_with((struct cn_confinement){0});
    struct cn_buf out = CN_BUF_INIT;
    struct cn_task task;
    char *bytes = malloc(size);
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)(i * 7919 >> 8);
    for (int i = 0; i < 2; i++) {
        struct cn_str input = {bytes, size};
        struct message message = make(KIND_ECHO, 0, &input, 1);
        send_message(&worker, &message);
        assert_int_equal(take(&worker, &message, &task, &out), CN_OK);
        assert_int_equal(out.len, size + 5);
        assert_memory_equal(out.data + 5, bytes, size);
        assert_serves(&worker);
    }
    free(bytes);
    cn_buf_release(&out);
    assert_ends_well(&worker);
}

static void what_is_printed_is_no_answer(void **unused) {
    (void)unused;
    struct worker worker = start_with((struct cn_confinement){0});
    struct cn_buf out = CN_BUF_INIT;
    struct cn_task task;
    char said[1024];
    assert_int_equal(ask(&worker, KIND_PRINT, 0, 0, &task, &out), CN_OK);
    assert_true(cn_str_is(cn_buf_str(&out), "printed"));
    assert_serves(&worker);
    close_in(&worker);
    assert_int_equal(await(&worker, said), 0);
    assert_string_equal(said, "for nobody\n");
    cn_buf_release(&out);
}

static void a_deadline_ends_a_task(void **unused) {
    (void)unused;
    struct worker worker = start_with((struct cn_confinement){0});
    struct cn_buf out = CN_BUF_INIT;
    struct cn_task task;
    int64_t began = cn_clock_now();
    assert_int_equal(ask(&worker, KIND_HOLD, 0, 50 * MILLION, &task, &out), CN_DEADLINE_EXCEEDED);
    assert_true(cn_clock_now() - began >= 50 * MILLION);
    assert_int_equal(out.len, 0);
    assert_int_equal(ask(&worker, KIND_ECHO, 0, INT64_MAX, &task, &out), CN_OK);
    assert_serves(&worker);
    cn_buf_release(&out);
    assert_ends_well(&worker);
}

/* ---- tests: limits -------------------------------------------------------------------------- */

static void assert_is_limit(const struct cn_task *task) {
    assert_int_equal(task->error.code, CN_LIMIT_EXCEEDED);
    assert_string_equal(task->error.limit, "--worker-memory-bytes");
}

static void outputs_are_limited(void **unused) {
    (void)unused;
    struct worker worker = start_with(
        (struct cn_confinement){.memory_bytes = 64 * MIB, .output_bytes = 3 * MIB + 100});
    struct cn_buf out = CN_BUF_INIT;
    struct cn_task task;
    assert_int_equal(ask(&worker, KIND_OUTPUT, 3 * MIB, 0, &task, &out), CN_OK);
    assert_int_equal(out.len, 3 * MIB);
    assert_int_equal(ask(&worker, KIND_OUTPUT, 4 * MIB, 0, &task, &out), CN_LIMIT_EXCEEDED);
    assert_is_limit(&task);
    assert_serves(&worker);
    cn_buf_release(&out);
    assert_ends_well(&worker);
}

static void an_image_that_has_no_room_is_refused(void **unused) {
    (void)unused;
    const size_t size = 20 * MIB;
    struct worker worker =
        start_with((struct cn_confinement){.memory_bytes = 16 * MIB, .output_bytes = 2 * MIB});
    struct cn_buf out = CN_BUF_INIT;
    struct cn_task task;
    struct cn_str input = {calloc(1, size), size};
    assert_non_null(input.data);
    struct message message = make(KIND_ECHO, 0, &input, 1);
    send_message(&worker, &message);
    assert_int_equal(take(&worker, &message, &task, &out), CN_LIMIT_EXCEEDED);
    assert_is_limit(&task);
    assert_serves(&worker);
    input.len = 10 * MIB; /* more than its output may be */
    message = make(KIND_PRINT, 0, &input, 1);
    send_message(&worker, &message);
    assert_int_equal(take(&worker, &message, &task, &out), CN_OK);
    free((void *)(uintptr_t)input.data);
    cn_buf_release(&out);
    close_in(&worker);
    char said[1024];
    assert_int_equal(await(&worker, said), 0);
}

static void memory_is_limited(void **unused) {
    (void)unused;
    if (CN_SANITIZED) {
        print_message("skipped: sanitizers take all the memory they want\n");
        skip();
    }
    struct worker worker =
        start_with((struct cn_confinement){.memory_bytes = 64 * MIB, .output_bytes = 64 * MIB});
    struct cn_buf out = CN_BUF_INIT;
    struct cn_task task;
    assert_int_equal(ask(&worker, KIND_ALLOCATE, 32 * MIB, 0, &task, &out), CN_OK);
    assert_int_equal(ask(&worker, KIND_ALLOCATE, 80 * MIB, 0, &task, &out), CN_LIMIT_EXCEEDED);
    assert_is_limit(&task);
    assert_serves(&worker);
    cn_buf_release(&out);
    assert_ends_well(&worker);
}

/* ---- tests: confinement --------------------------------------------------------------------- */

/* How it ends when it does what a worker may not. */
static int status_after(struct worker *worker, uint32_t kind) {
    struct message message = make(kind, 0, NULL, 0);
    char said[1024];
    send_message(worker, &message);
    return await(worker, said);
}

static void it_is_confined(void **unused) {
    (void)unused;
    struct worker worker = start_with((struct cn_confinement){0});
    assert_serves(&worker);
    assert_int_equal(status_of(worker.pid, "NoNewPrivs", 10), 1);
    assert_int_equal(status_of(worker.pid, "CapEff", 16), 0);
    bool filtered = status_of(worker.pid, "Seccomp", 10) == 2;
    int status = filtered ? status_after(&worker, KIND_SOCKET) : 0;
    if (!filtered) {
        assert_ends_well(&worker);
        print_message("skipped: this system has no seccomp filters\n");
        skip();
    }
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
    worker = start_with((struct cn_confinement){.level = CN_ISOLATION_AVAILABLE});
    status = status_after(&worker, KIND_ABORT);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void without_isolation_it_is_not(void **unused) {
    (void)unused;
    struct worker worker = start_with((struct cn_confinement){.level = CN_ISOLATION_OFF});
    struct cn_buf out = CN_BUF_INIT;
    struct cn_task task;
    assert_int_equal(ask(&worker, KIND_SOCKET, 0, 0, &task, &out), CN_OK);
    assert_int_equal(status_of(worker.pid, "Seccomp", 10), status_of(getpid(), "Seccomp", 10));
    assert_serves(&worker);
    cn_buf_release(&out);
    assert_ends_well(&worker);
}

static void required_isolation_is_had_or_it_gives_up(void **unused) {
    (void)unused;
    struct worker worker = start_with((struct cn_confinement){.level = CN_ISOLATION_REQUIRED});
    struct message message = make(KIND_ECHO, 0, NULL, 0);
    struct cn_worker_answer answer;
    char said[1024];
    signal(SIGPIPE, SIG_IGN);
    (void)!write(worker.in, &message.request, sizeof(message.request));
    (void)!write(worker.in, message.image, (size_t)message.request.size);
    free(message.image);
    size_t got = get(&worker, &answer, sizeof(answer));
    close_in(&worker);
    int status = await(&worker, said);
    if (got == sizeof(answer)) {
        assert_int_equal(status, 0);
    } else {
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
        assert_non_null(strstr(said, "--isolation required"));
    }
}

/* Between tasks it holds little of what a large one needed. */
static void memory_goes_back(void **unused) {
    (void)unused;
    struct worker worker = start_with((struct cn_confinement){0});
    struct cn_buf out = CN_BUF_INIT;
    struct cn_task task;
    assert_int_equal(ask(&worker, KIND_OUTPUT, 100 * MIB, 0, &task, &out), CN_OK);
    assert_serves(&worker);
    long shared = status_of(worker.pid, "RssShmem", 10);
    assert_true(shared >= 0 && shared < 40 * 1024);
    cn_buf_release(&out);
    assert_ends_well(&worker);
}

int main(int argc, char **argv) {
    if (cn_pipe_worker_wanted(argc, argv))
        cn_pipe_worker_enter(&program);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_hold_the_task_only),
        cmocka_unit_test(it_can_be_asked_for_its_identity),
        cmocka_unit_test(it_serves_until_its_input_ends),
        cmocka_unit_test(another_version_is_not_served),
        cmocka_unit_test(limits_must_make_sense),
        cmocka_unit_test(a_setup_may_not_be_cut_off),
        cmocka_unit_test(a_request_may_not_be_cut_off),
        cmocka_unit_test(nonsense_ends_it),
        cmocka_unit_test(whoever_does_not_read_ends_it),
        cmocka_unit_test(signals_to_the_group_are_not_for_it),
        cmocka_unit_test(it_does_not_outlive_who_started_it),
        cmocka_unit_test(answers_are_complete),
        cmocka_unit_test(an_input_beyond_the_image_is_refused),
        cmocka_unit_test(large_inputs_and_outputs_pass),
        cmocka_unit_test(what_is_printed_is_no_answer),
        cmocka_unit_test(a_deadline_ends_a_task),
        cmocka_unit_test(outputs_are_limited),
        cmocka_unit_test(an_image_that_has_no_room_is_refused),
        cmocka_unit_test(memory_is_limited),
        cmocka_unit_test(it_is_confined),
        cmocka_unit_test(without_isolation_it_is_not),
        cmocka_unit_test(required_isolation_is_had_or_it_gives_up),
        cmocka_unit_test(memory_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

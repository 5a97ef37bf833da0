/* The kinds of tasks in a worker on pipes: they give what they give here. */
#include "tests/unit/pipe_helpers.h"

#include "handlers/call.h"
#include "handlers/identity.h"
#include "handlers/kinds.h"

struct fixture {
    struct worker worker;
    struct cn_key key; /* that the worker has not */
    void *state;
};

static struct fixture begin(void) {
    struct fixture fixture = {.worker = start_with((struct cn_confinement){0})};
    assert_true(cn_key_make(&fixture.key, CN_STR("k"), CN_STR("k")));
    assert_int_equal(cn_kind_compute.state_new(&fixture.state, NULL, NULL), CN_OK);
    return fixture;
}

static void end(struct fixture *fixture) {
    cn_kind_compute.state_free(fixture->state);
    assert_ends_well(&fixture->worker);
}

static bool needs_key(const struct cn_identity_part *part) {
    for (size_t i = 0; part->lets[i]; i++)
        if (strstr(part->lets[i], "key="))
            return true;
    return false;
}

static enum cn_code compute_there(struct fixture *fixture, const struct cn_identity_part *part,
                                  const struct cn_plan *plan, struct cn_task *task,
                                  struct cn_buf *out) {
    struct cn_plan_ref ref = cn_plan_handle(plan);
    struct cn_morsel_args args = {0, part->rows, UINT32_MAX};
    struct cn_str text = part->text ? cn_str_c(part->text) : cn_str(NULL, 0);
    struct cn_task sent = {
        .kind = CN_KIND_COMPUTE, .plan = &ref, .inputs = &text, .n_inputs = part->text != NULL};
    memcpy(sent.args, &args, sizeof args);
    struct message message = make_of(&sent);
    send_message(&fixture->worker, &message);
    return take(&fixture->worker, &message, task, out);
}

/* All functions, types and digests, on a worker that is confined. */
static void expressions_give_the_same_bytes(void **unused) {
    (void)unused;
    struct fixture fixture = begin();
    struct cn_keyring keys = {&fixture.key, 1};
    size_t n, compared = 0;
    const struct cn_identity_part *parts = cn_identity_parts(&n);
    for (size_t i = 0; i < n; i++) {
        struct cn_buf here = CN_BUF_INIT, there = CN_BUF_INIT;
        struct cn_morsel_result result;
        struct cn_plan *plan;
        struct cn_task task;
        assert_int_equal(cn_identity_plan(&plan, i + 1, &parts[i], &keys, NULL), CN_OK);
        enum cn_code code = compute_there(&fixture, &parts[i], plan, &task, &there);
        if (needs_key(&parts[i])) {
            assert_int_equal(code, CN_UNKNOWN_KEY);
        } else {
            assert_int_equal(code, CN_OK);
            assert_int_equal(cn_identity_run(&parts[i], plan, fixture.state, &here, &result, NULL),
                             CN_OK);
            assert_int_equal(here.len, there.len);
            assert_memory_equal(here.data, there.data, here.len);
            assert_memory_equal(&result, task.result, sizeof result);
            compared++;
        }
        cn_plan_unref(plan);
        cn_buf_release(&here);
        cn_buf_release(&there);
    }
    assert_true(compared >= n - 1 && compared > 0);
    end(&fixture);
}

static enum cn_code call_there(struct fixture *fixture, const struct cn_call_plan *plan,
                               uint64_t calls, const char *arguments, int64_t left_ns,
                               struct cn_task *task, struct cn_buf *out) {
    struct cn_plan_ref ref = {.id = 1, .bytes = cn_str((const char *)plan, sizeof *plan)};
    struct cn_call_args args = {calls};
    struct cn_str text = cn_str_c(arguments);
    struct cn_task sent = {.kind = CN_KIND_CALL, .plan = &ref, .inputs = &text, .n_inputs = 1};
    memcpy(sent.args, &args, sizeof args);
    struct message message = make_of(&sent);
    message.request.left_ns = left_ns;
    send_message(&fixture->worker, &message);
    return take(&fixture->worker, &message, task, out);
}

static void calls_give_results(void **unused) {
    (void)unused;
    struct fixture fixture = begin();
    struct cn_call_plan plan = {.function = CN_CALL_HASH};
    struct cn_buf out = CN_BUF_INIT;
    struct cn_task task;
    struct cn_call_record record;
    struct cn_str text;
    assert_int_equal(call_there(&fixture, &plan, 1, "[42,2.233,23,\"hello\"]", 0, &task, &out),
                     CN_OK);
    struct cn_str left = cn_buf_str(&out);
    assert_true(cn_call_next(&left, &record, &text));
    assert_true(cn_str_is(text, "\"de8b962de5f8b353cdc9cc1fc89f0b65\""));
    cn_buf_release(&out);
    end(&fixture);
}

/* What sleeps for a day, and what computes for one: nobody sets their stop flag. */
static void calls_end_at_their_deadline(void **unused) {
    (void)unused;
    struct fixture fixture = begin();
    const struct cn_call_plan plans[] = {
        {.function = CN_CALL_LONG_IO, .seconds = 86400},
        {.function = CN_CALL_LONG_COMP, .iterations = CN_CALL_MAX_ITERATIONS},
    };
    struct cn_buf out = CN_BUF_INIT;
    struct cn_task task;
    for (size_t i = 0; i < 2; i++) {
        int64_t began = cn_clock_now();
        assert_int_equal(call_there(&fixture, &plans[i], 1, "4", 80 * MILLION, &task, &out),
                         CN_DEADLINE_EXCEEDED);
        assert_true(cn_clock_now() - began >= 80 * MILLION);
        assert_int_equal(out.len, 0);
    }
    cn_buf_release(&out);
    end(&fixture);
}

/* Rows without end, of each source that has them. */
static void computing_ends_at_its_deadline(void **unused) {
    (void)unused;
    struct fixture fixture = begin();
    static const struct cn_keyring no_keys;
    static const char *const lets[] = {"x+1", NULL};
    static const char line[] = "1.5,2.5\n";
    enum { LINES = 400000 };
    char *text = malloc((sizeof line - 1) * LINES + 1);
    assert_non_null(text);
    for (size_t i = 0; i < LINES; i++)
        memcpy(text + i * (sizeof line - 1), line, sizeof line); /* and the NUL */
    const struct cn_identity_part parts[] = {
        {.source = CN_SOURCE_GENERATE, .columns = "xy", .rows = UINT32_MAX, .lets = lets},
        {.source = CN_SOURCE_CSV, .columns = "xy", .text = text, .lets = lets},
    };
    for (size_t i = 0; i < 2; i++) {
        struct cn_plan *plan;
        assert_int_equal(cn_identity_plan(&plan, 100 + i, &parts[i], &no_keys, NULL), CN_OK);
        struct cn_plan_ref ref = cn_plan_handle(plan);
        struct cn_morsel_args args = {0, parts[i].rows, 0};
        struct cn_str input = i == 1 ? cn_str_c(text) : cn_str(NULL, 0);
        struct cn_task sent = {
            .kind = CN_KIND_COMPUTE,
            .plan = &ref,
            .inputs = &input,
            .n_inputs = i,
        };
        struct cn_buf out = CN_BUF_INIT;
        struct cn_task task;
        memcpy(sent.args, &args, sizeof args);
        struct message message = make_of(&sent);
        message.request.left_ns = i == 0 ? 50 * MILLION : 1;
        send_message(&fixture.worker, &message);
        assert_int_equal(take(&fixture.worker, &message, &task, &out), CN_DEADLINE_EXCEEDED);
        cn_plan_unref(plan);
        cn_buf_release(&out);
    }
    free(text);
    end(&fixture);
}

int main(int argc, char **argv) {
    static const struct cn_keyring no_keys;
    struct cn_registry registry;
    cn_registry_init(&registry, &no_keys);
    if (cn_pipe_worker_wanted(argc, argv))
        cn_pipe_worker_enter(&(struct cn_pipe_worker_program){
            .registry = &registry, .identity = IDENTITY, .prepare = cn_kinds_program.prepare});
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_give_the_same_bytes),
        cmocka_unit_test(calls_give_results),
        cmocka_unit_test(calls_end_at_their_deadline),
        cmocka_unit_test(computing_ends_at_its_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Fuzz target: what a worker process says to the server, and what it is told.
 *
 * The input is (by its first byte) an answer with an output behind it, which lies in a window or
 * came in the same stream, or a request in its window.
 * What must hold: an answer that is believed has texts that end, a code that is one, places that
 * can be added to, and an output that is there; what it says of rows fits the text that it was
 * given; the spans of its task sum to the time it took; its error can be written as a problem. A
 * request that is believed has inputs that lie within its window. Nothing reads past its end.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "handlers/compute_kind.h"
#include "handlers/problem.h"
#include "pool/protocol.h"
#include "pool/queue.h"
#include "pool/window.h"
#include "tests/fuzz/check.h"

#define NUMBER 7
#define TEXT_LEN 1000
#define MOST_OUTPUT ((size_t)1 << 20)
#define ELAPSED 1000000

static const struct cn_service_limits limits = {.max_rows = 100000,
                                                .max_columns = 100,
                                                .expression = {16384, 4096, 200},
                                                .max_workers = 4,
                                                .max_json_depth = 32};

/* Some of the input, or less if it ends; 0s from there on. */
struct input {
    const uint8_t *at;
    size_t left;
};

static size_t take(struct input *input, void *out, size_t size) {
    size_t some = size < input->left ? size : input->left;
    memset(out, 0, size);
    memcpy(out, input->at, some);
    input->at += some;
    input->left -= some;
    return some;
}

/* ---- the plan of the task that is answered: two columns, two lets
 * --------------------------------- */

static struct cn_plan *make_plan(enum cn_sink sink) {
    static const struct cn_str names[] = {{"a", 1}, {"b", 1}};
    static const enum cn_type types[] = {CN_TYPE_INT64, CN_TYPE_INT64};
    struct cn_arena arena;
    struct cn_options options;
    struct cn_recipe *recipe = NULL;
    struct cn_spec *spec = NULL;
    struct cn_plan *plan = NULL;
    struct cn_keyring keys = {0};
    cn_arena_init(&arena, 4096);
    cn_options_init(&options, &arena, &limits);
    CHECK(cn_options_set_query(&options, "let=r=a/b&let=s=a*2", NULL) == CN_OK);
    options.delimiter = ',';
    CHECK(cn_recipe_parse(&recipe, options.lets, options.n_lets, &limits.expression, NULL) ==
          CN_OK);
    CHECK(cn_spec_new(&spec, &options, CN_SOURCE_CSV, sink, recipe, names, 2, NULL) == CN_OK);
    struct cn_plan_options of_plan = {
        .pass = CN_PASS_OUTPUT, .output = -1, .table = -1, .types = types};
    CHECK(cn_plan_new(&plan, 1, spec, &of_plan, &keys, NULL) == CN_OK);
    cn_arena_release(&arena);
    return plan;
}

/* ---- answers
 * ----------------------------------------------------------------------------------------- */

static void check_error(const struct cn_error *error) {
    struct cn_buf problem = CN_BUF_INIT;
    CHECK(error->code >= CN_OK && error->code < CN_CODE_COUNT);
    CHECK(error->let >= -1 && error->row <= INT64_MAX / 4 && error->line <= INT64_MAX / 4);
    CHECK(cn_problem_write(&problem, error, NULL));
    CHECK(problem.len > 0 && memchr(problem.data, 0, problem.len) == NULL);
    cn_buf_release(&problem);
}

static void check_compute(const struct cn_plan *plan, const struct cn_task *task) {
    struct cn_morsel_result result;
    struct cn_morsel_trailer trailer;
    if (!cn_morsel_result_read(&result, task, TEXT_LEN) || task->code != CN_OK)
        return;
    CHECK(!result.body_fault && result.rows <= TEXT_LEN + 1 && result.lines <= TEXT_LEN + 1);
    if (!cn_morsel_trailer(plan, &result, task->out, &trailer))
        return;
    uint64_t sum = 0;
    for (size_t i = 0; i < plan->spec->n_outputs; i++)
        sum += cn_morsel_u64(trailer.pieces, i);
    CHECK(sum <= result.data_len && result.data_len <= task->out->len);
    for (size_t c = 0; c < plan->spec->n_columns; c++)
        CHECK(cn_csv_seen_type(trailer.seen[c]) <= CN_TYPE_STRING);
    if (result.failed)
        check_error(&trailer.error);
}

static void check_spans(const struct cn_task *task) {
    int64_t sum = 0;
    for (int i = 0; i < CN_SPAN_COUNT; i++) {
        CHECK(task->spans.ns[i] >= 0);
        sum += task->spans.ns[i];
    }
    CHECK(sum == ELAPSED && task->cpu_ns >= 0 && task->cpu_ns <= ELAPSED);
}

/* What comes of an answer that is believed. */
static void check_taken(const struct cn_worker_answer *answer, struct cn_str out,
                        const struct cn_plan *plan) {
    struct cn_buf taken = CN_BUF_INIT;
    struct cn_task task = {.out = &taken, .started_ns = 1};
    struct cn_group group;
    cn_group_init(&group, 1, 0);
    task.group = &group;
    cn_error_init(&task.error);
    CHECK(out.len == answer->out_len);
    enum cn_code code = cn_answer_take(answer, out, ELAPSED, &task);
    cn_task_conclude(&task, code, 0, CN_SPAN_SHIP, 1 + ELAPSED);
    CHECK(task.code == CN_OK ? taken.len == answer->out_len : taken.len == 0);
    check_spans(&task);
    check_error(&task.error);
    check_compute(plan, &task);
    cn_buf_release(&taken);
}

/* From a worker process: the output is in a window. */
static void run_answer(const struct cn_plan *plan, struct input *input, uint8_t flags) {
    struct cn_worker_answer answer;
    struct cn_window theirs, ours = CN_WINDOW_NONE;
    struct cn_str out;
    size_t got = take(input, &answer, sizeof answer);
    if (flags & 2) /* else hardly any would be looked into */
        answer.number = NUMBER;
    CHECK(cn_window_init(&theirs, true, NULL) == CN_OK);
    theirs.most = ours.most = MOST_OUTPUT;
    ours.fd = dup(theirs.fd);
    CHECK(cn_window_map(&theirs, input->left ? input->left : 1) || input->left > MOST_OUTPUT);
    take(input, theirs.base, theirs.mapped);
    if (cn_answer_check(&answer, flags & 4 ? sizeof answer : got, NUMBER) &&
        cn_answer_output(&answer, &ours, &out)) {
        CHECK(answer.out_len <= MOST_OUTPUT);
        check_taken(&answer, out, plan);
    }
    cn_window_release(&ours);
    cn_window_release(&theirs);
}

/* From another machine: the output follows the answer. */
static void run_streamed(const struct cn_plan *plan, struct input *input, uint8_t flags) {
    struct cn_worker_answer answer;
    struct cn_str out;
    char *bytes = malloc(input->left ? input->left : 1); /* of exactly that size */
    size_t len = input->left;
    CHECK(bytes);
    take(input, bytes, len);
    if (len >= sizeof answer) {
        uint64_t number = NUMBER, out_len = len - sizeof answer;
        if (flags & 2)
            memcpy(bytes + offsetof(struct cn_worker_answer, number), &number, sizeof number);
        if (flags & 4)
            memcpy(bytes + offsetof(struct cn_worker_answer, out_len), &out_len, sizeof out_len);
    }
    if (cn_answer_read(&answer, cn_str(bytes, len), NUMBER, &out))
        check_taken(&answer, out, plan);
    free(bytes);
}

/* ---- requests
 * ---------------------------------------------------------------------------------------- */

static void run_request(struct input *input) {
    struct cn_worker_request request;
    uint64_t sum = 0;
    take(input, &request, sizeof request);
    size_t mapped = input->left;
    char *base = malloc(mapped ? mapped : 1); /* of exactly that size */
    CHECK(base);
    take(input, base, mapped);
    if (cn_request_check(&request, mapped)) {
        CHECK(request.n_inputs <= mapped / sizeof(struct cn_window_span));
        for (size_t i = 0; i < request.n_inputs; i++) {
            struct cn_str view;
            if (cn_request_input(&request, base, i, &view) && view.len > 0)
                sum += (uint64_t)(view.data[0] + view.data[view.len - 1]);
        }
        if (request.plan.len > 0)
            sum += (uint64_t)base[request.plan.offset + request.plan.len - 1];
    }
    free(base);
    __asm__ volatile("" : : "r"(sum));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct cn_plan *plans[2];
    struct input input = {data, size};
    uint8_t flags;
    if (!plans[0]) {
        plans[0] = make_plan(CN_SINK_CSV);
        plans[1] = make_plan(CN_SINK_JSON);
    }
    take(&input, &flags, 1);
    if (flags & 1)
        run_request(&input);
    else if (flags & 16)
        run_streamed(plans[flags >> 3 & 1], &input, flags);
    else
        run_answer(plans[flags >> 3 & 1], &input, flags);
    return 0;
}

/*
 * Fuzz target: map requests. The input is a body.
 *
 * What must hold: a body that is accepted is cut into tasks whose calls are as many as it has
 * arguments; the calls run, stop when they are told to, and leave records that can be read to their
 * end, each with a result that is JSON, or a detail. The input is taken for the output of a worker
 * as well, which nobody believes.
 */
#include "handlers/map.h"
#include "kernels/utf8.h"
#include "tests/fuzz/check.h"

#define PATIENCE_NS INT64_C(2000000)

static const struct cn_service_limits limits = {.max_columns = 100,
                                                .max_rows = 100000,
                                                .max_json_depth = 64,
                                                .max_workers = 64,
                                                .max_calls = 1000,
                                                .request_timeout_ms = 1000};

static void check_json(struct cn_str text) {
    struct cn_arena arena;
    struct cn_json_scan scan;
    cn_arena_init(&arena, 4096);
    cn_json_scan_init(&scan, text, 64, &arena);
    CHECK(cn_json_scan_value(&scan, NULL) == CN_OK && cn_json_scan_end(&scan, NULL) == CN_OK);
    cn_arena_release(&arena);
}

static size_t check_records(struct cn_str out, bool believed) {
    struct cn_call_record record;
    struct cn_str text;
    size_t n = 0;
    while (cn_call_next(&out, &record, &text)) {
        n++;
        if (!believed)
            continue;
        CHECK(cn_utf8_check(text.data, text.len) == text.len);
        if (record.code == CN_OK)
            check_json(text);
        else
            CHECK(text.len > 0);
    }
    CHECK(!believed || out.len == 0);
    return n;
}

/* One task, as a thread runs it. */
static void run_task(const struct cn_map_request *request, size_t task, void *state) {
    size_t first = task * (size_t)request->chunksize;
    size_t calls = request->n_calls - first;
    if (calls > request->chunksize)
        calls = (size_t)request->chunksize;
    atomic_int stop;
    atomic_init(&stop, 0);
    struct cn_shared_map *map = cn_shared_map_new();
    CHECK(map);
    struct cn_plan_ref plan = {1, cn_str((const char *)&request->plan, sizeof request->plan), map};
    struct cn_call_args args = {calls};
    _Alignas(16) unsigned char room[CN_TASK_ARGS] = {0};
    memcpy(room, &args, sizeof args);
    struct cn_str inputs[2] = {
        cn_str(request->cuts[task].start,
               (size_t)(request->cuts[task].end - request->cuts[task].start)),
        request->parameters ? cn_str(request->parameters + 8 * first, 8 * calls) : CN_STR("")};
    struct cn_buf out = CN_BUF_INIT;
    struct cn_spans spans = {{0}};
    int64_t now = cn_clock_now();
    struct cn_run run = {.plan = &plan,
                         .args = room,
                         .inputs = inputs,
                         .n_inputs = request->parameters ? 2 : 1,
                         .out = &out,
                         .spans = &spans,
                         .deadline_ns = now + PATIENCE_NS,
                         .stop = &stop,
                         .state = state,
                         .started_ns = now};
    enum cn_code code = cn_kind_call.run(&run, NULL);
    CHECK(code == CN_OK || code == CN_CANCELLED);
    size_t n = check_records(cn_buf_str(&out), true);
    CHECK(code == CN_CANCELLED || n == calls);
    CHECK(cn_shared_map_size(map) <= n);
    cn_buf_release(&out);
    cn_shared_map_free(map);
}

static void run_request(const struct cn_map_request *request) {
    void *state = NULL;
    CHECK(request->n_calls <= limits.max_calls && request->chunksize > 0);
    CHECK(request->n_tasks ==
          (request->n_calls + request->chunksize - 1) / (size_t)request->chunksize);
    CHECK(cn_kind_call.state_new(&state, NULL, NULL) == CN_OK);
    for (size_t task = 0; task < request->n_tasks && task < 20; task++)
        run_task(request, task, state);
    cn_kind_call.state_free(state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct cn_str text = cn_str((const char *)data, size);
    struct cn_map_request request = {0};
    struct cn_options options;
    struct cn_error error;
    struct cn_arena arena;
    cn_arena_init(&arena, 4096);
    cn_options_init(&options, &arena, &limits);
    cn_error_init(&error);
    enum cn_code code = cn_map_read(&request, &options, text, size % 8 == 7, &error);
    CHECK(code == error.code);
    if (code == CN_OK)
        run_request(&request);
    else
        CHECK(error.detail[0] != '\0');
    cn_arena_release(&arena);
    check_records(text, false);
    return 0;
}

/* POST /v1/compare: what a body asks for, its cases, their trials with a workload that pretends,
 * and the reply. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "handlers/compare.h"
#include "handlers/endpoints.h"
#include "handlers/runs.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define WORK "\"workload\": {\"compute\": {}}"
#define CALLS "\"workload\": {\"map\": {}}"

static struct cn_service service;
static struct cn_exchange exchange;
static const char *content_type;
static int replies;
static struct cn_buf body; /* of the last reply */

/* ---- a request ---------------------------------------------------------------------------- */

static const char *header(struct cn_exchange *asked, const char *name) {
    (void)asked;
    return strcmp(name, "Content-Type") == 0 ? content_type : NULL;
}

static void reply(struct cn_exchange *replied) {
    replies++;
    body.len = 0;
    for (size_t i = 0; i < replied->reply.n_parts; i++)
        assert_true(cn_buf_add_str(&body, replied->reply.parts[i]));
}

static void nothing(struct cn_exchange *ignored) {
    (void)ignored;
}

static const struct cn_exchange_ops ops = {header, reply, nothing};

static int setup(void **state) {
    (void)state;
    service = (struct cn_service){
        .limits = {.max_body_bytes = 1 << 20,
                   .max_rows = 1000,
                   .max_columns = 100,
                   .expression = {.max_bytes = 1000, .max_nodes = 1000, .max_depth = 100},
                   .max_json_depth = 20,
                   .max_workers = 8,
                   .max_calls = 100,
                   .max_cases = 40},
        .cpus = {.usable = 2}};
    service.runs = cn_runs_new(4, 1 << 16);
    service.blocks = cn_blocks_new(0);
    service.experiments = cn_experiments_new(&service, 4);
    assert_true(service.runs && service.blocks && service.experiments);
    content_type = "application/json";
    exchange = (struct cn_exchange){.ops = &ops,
                                    .service = &service,
                                    .endpoint = &cn_endpoint_compare,
                                    .content_length = -1,
                                    .started_ns = cn_clock_now()};
    cn_arena_init(&exchange.arena, 4096);
    cn_error_init(&exchange.error);
    cn_ledger_start(&exchange.ledger, exchange.started_ns);
    replies = 0;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    cn_experiments_free(service.experiments);
    cn_runs_free(service.runs);
    cn_blocks_free(service.blocks);
    cn_arena_release(&exchange.arena);
    cn_buf_release(&body);
    return 0;
}

/* The code with which a body is refused. */
static enum cn_code refused(const char *text) {
    const struct cn_endpoint *endpoint = &cn_endpoint_compare;
    cn_error_init(&exchange.error);
    replies = 0;
    assert_int_equal(endpoint->open(&exchange, &exchange.error), CN_OK);
    assert_int_equal(endpoint->body(&exchange, text, strlen(text)), CN_BODY_MORE);
    endpoint->finish(&exchange);
    assert_int_equal(replies, 1);
    assert_int_equal(exchange.reply.status, cn_code_status(exchange.error.code));
    endpoint->close(&exchange);
    return exchange.error.code;
}

/* A comparison whose settings were read. */
static struct cn_compare *settle(const char *text) {
    struct cn_compare *compare = cn_arena_zalloc(&exchange.arena, sizeof *compare);
    struct cn_error error;
    assert_non_null(compare);
    cn_error_init(&error);
    cn_error_init(&compare->error);
    compare->exchange = &exchange;
    assert_true(cn_buf_add_c(&compare->body, text));
    if (cn_compare_settle(compare, &error) != CN_OK)
        print_error("%s\n", error.detail);
    assert_true(compare->settled);
    return compare;
}

/* ---- settings ----------------------------------------------------------------------------- */

static const char *shape(const struct cn_compare *compare) {
    static char text[2048];
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < compare->n_cases; i++) {
        const struct cn_case *a = &compare->cases[i];
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s%d%c", i ? " " : "",
                                cn_executor_kind_name(a->executor), (int)a->workers,
                                cn_mode_name(a->mode)[0]);
        if (a->row_setting || a->chunk_setting)
            len += (size_t)snprintf(text + len, sizeof text - len, "/%d/%d", (int)a->row_setting,
                                    (int)a->chunk_setting);
    }
    return text;
}

static void test_defaults(void **state) {
    (void)state;
    struct cn_compare *compare = settle("{" WORK "}");
    assert_string_equal(shape(compare), "serial1v threads1v threads2v processes1v processes2v");
    assert_int_equal(compare->settings.repeat, 5);
    assert_true(compare->cases[0].has_mode);
    cn_compare_release(compare);
    service.cpus.usable = 1;
    compare = settle("{" CALLS ", \"executors\": \"threads\"}");
    assert_string_equal(shape(compare), "threads1v");
    assert_false(compare->cases[0].has_mode);
    cn_compare_release(compare);
    cn_compare_release(compare); /* again */
}

static void test_order_of_the_cases(void **state) {
    (void)state;
    struct cn_compare *compare =
        settle("{" WORK ", \"executors\": [\"gil\", \"serial\"], \"workers\": [2, 1], \"modes\": "
               "[\"row\", \"vector\"], \"chunk_rows\": [0, 7], \"rows\": [9, 5], \"repeat\": 1}");
    assert_string_equal(shape(compare),
                        "gil2r/9/0 gil1r/9/0 serial1r/9/0 gil2v/9/0 gil1v/9/0 serial1v/9/0 "
                        "gil2r/9/7 gil1r/9/7 serial1r/9/7 gil2v/9/7 gil1v/9/7 serial1v/9/7 "
                        "gil2r/5/0 gil1r/5/0 serial1r/5/0 gil2v/5/0 gil1v/5/0 serial1v/5/0 "
                        "gil2r/5/7 gil1r/5/7 serial1r/5/7 gil2v/5/7 gil1v/5/7 serial1v/5/7");
    cn_compare_release(compare);
}

static void test_scalars_stand_for_lists(void **state) {
    (void)state;
    struct cn_compare *compare =
        settle("{" WORK ", \"executors\": \"auto\", \"workers\": 8, \"modes\": \"tuple\", "
               "\"chunk_rows\": 3, \"rows\": 1000, \"repeat\": 1000, \"timeout_ms\": 5000}");
    assert_string_equal(shape(compare), "auto8t/1000/3");
    assert_int_equal(compare->settings.repeat, 1000);
    assert_true(exchange.deadline_ns == exchange.started_ns + INT64_C(5000000000));
    cn_compare_release(compare);
    exchange.deadline_ns = exchange.started_ns + 1000;
    compare = settle("{" WORK ", \"timeout_ms\": 9223372036854775807}");
    assert_true(exchange.deadline_ns == exchange.started_ns + 1000);
    cn_compare_release(compare);
}

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum cn_code code;
        const char *parameter;
    } rows[] = {
        {"{", CN_INVALID_JSON, ""},
        {"[]", CN_INVALID_PARAMETER, ""},
        {"{}", CN_INVALID_PARAMETER, "workload"},
        {"{\"workload\": 1}", CN_INVALID_PARAMETER, "workload"},
        {"{\"workload\": {}}", CN_INVALID_PARAMETER, "workload"},
        {"{\"workload\": {\"compute\": {}, \"map\": {}}}", CN_INVALID_PARAMETER, "workload"},
        {"{\"workload\": {\"compute\": {}, \"compute\": {}}}", CN_INVALID_PARAMETER, "compute"},
        {"{\"workload\": {\"compute\": []}}", CN_INVALID_PARAMETER, "compute"},
        {"{\"workload\": {\"sum\": {}}}", CN_UNKNOWN_PARAMETER, "sum"},
        {"{\"workload\": {\"columns\": {}}}", CN_UNKNOWN_PARAMETER, "columns"},
        {"{\"columns\": {\"a\": [1]}}", CN_UNKNOWN_PARAMETER, "columns"},
        {"{" WORK "," WORK "}", CN_INVALID_PARAMETER, "workload"},
        {"{" WORK ", \"mode\": \"row\"}", CN_UNKNOWN_PARAMETER, "mode"},
        {"{" WORK ", \"executors\": []}", CN_INVALID_PARAMETER, "executors"},
        {"{" WORK ", \"executors\": [\"fibers\"]}", CN_INVALID_PARAMETER, "executors"},
        {"{" WORK ", \"executors\": [3]}", CN_INVALID_PARAMETER, "executors"},
        {"{" WORK ", \"executors\": [\"gil\", \"gil\"]}", CN_INVALID_PARAMETER, "executors"},
        {"{" WORK ", \"workers\": [1, 9]}", CN_INVALID_PARAMETER, "workers"},
        {"{" WORK ", \"workers\": 0}", CN_INVALID_PARAMETER, "workers"},
        {"{" WORK ", \"workers\": [2, 1, 2]}", CN_INVALID_PARAMETER, "workers"},
        {"{" WORK ", \"workers\": 1.5}", CN_INVALID_PARAMETER, "workers"},
        {"{" WORK ", \"workers\": \"2\"}", CN_INVALID_PARAMETER, "workers"},
        {"{" WORK ", \"workers\": [[1]]}", CN_INVALID_PARAMETER, "workers"},
        {"{" WORK ", \"workers\": 99999999999999999999}", CN_INVALID_PARAMETER, "workers"},
        {"{" WORK ", \"modes\": [\"cell\"]}", CN_INVALID_PARAMETER, "modes"},
        {"{" WORK ", \"modes\": null}", CN_INVALID_PARAMETER, "modes"},
        {"{" WORK ", \"chunk_rows\": -1}", CN_INVALID_PARAMETER, "chunk_rows"},
        {"{" WORK ", \"rows\": 0}", CN_INVALID_PARAMETER, "rows"},
        {"{" WORK ", \"rows\": [10, 1001]}", CN_LIMIT_EXCEEDED, "rows"},
        {"{" WORK ", \"repeat\": 0}", CN_INVALID_PARAMETER, "repeat"},
        {"{" WORK ", \"repeat\": 1001}", CN_INVALID_PARAMETER, "repeat"},
        {"{" WORK ", \"repeat\": [5]}", CN_INVALID_PARAMETER, "repeat"},
        {"{" WORK ", \"timeout_ms\": 0}", CN_INVALID_PARAMETER, "timeout_ms"},
        {"{" CALLS ", \"modes\": [\"row\"]}", CN_INVALID_PARAMETER, "modes"},
        {"{" CALLS ", \"rows\": 5}", CN_INVALID_PARAMETER, "rows"},
        {"{\"executors\": \"gil\"}", CN_INVALID_PARAMETER, "workload"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        enum cn_code code = refused(rows[i].text);
        if (code != rows[i].code || strcmp(exchange.error.parameter, rows[i].parameter) != 0)
            print_error("%s: %s\n", rows[i].text, exchange.error.detail);
        assert_int_equal(code, rows[i].code);
        assert_string_equal(exchange.error.parameter, rows[i].parameter);
    }
}

static void test_limits(void **state) {
    (void)state;
    static const char at_the_limit[] =
        "{" WORK ", \"executors\": [\"serial\", \"threads\"], \"workers\": [1,2,3,4,5,6,7], "
        "\"modes\": [\"row\"], \"chunk_rows\": [1,2,3,4,5]}";
    static const char past_it[] =
        "{" WORK ", \"executors\": [\"serial\", \"threads\"], \"workers\": [1,2,3,4,5,6,7], "
        "\"modes\": [\"row\"], \"chunk_rows\": [1,2,3,4,5,6]}";
    struct cn_compare *compare = settle(at_the_limit);
    assert_int_equal(compare->n_cases, 40);
    cn_compare_release(compare);
    assert_int_equal(refused(past_it), CN_LIMIT_EXCEEDED);
    assert_string_equal(exchange.error.limit, "--max-cases");
    assert_non_null(strstr(exchange.error.detail, "48 cases"));
    assert_int_equal(refused("{" WORK ", \"workers\": 9}"), CN_INVALID_PARAMETER);
    assert_string_equal(exchange.error.limit, "--max-workers");
    assert_int_equal(refused("{" WORK ", \"rows\": 1001}"), CN_LIMIT_EXCEEDED);
    assert_string_equal(exchange.error.limit, "--max-rows");
}

static void test_heads(void **state) {
    (void)state;
    static const struct {
        const char *type;
        const char *query;
        enum cn_code code;
    } rows[] = {
        {"text/csv", NULL, CN_UNSUPPORTED_MEDIA_TYPE},
        {"multipart/form-data; boundary=x", NULL, CN_UNSUPPORTED_MEDIA_TYPE},
        {"application/json", "repeat=5", CN_INVALID_PARAMETER},
        {"application/json", "let=a", CN_UNKNOWN_PARAMETER},
        {"application/x-www-form-urlencoded", NULL, CN_OK},
        {NULL, NULL, CN_OK},
        {"application/json", "", CN_OK},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        content_type = rows[i].type;
        exchange.query = rows[i].query;
        cn_error_init(&exchange.error);
        assert_int_equal(cn_endpoint_compare.open(&exchange, &exchange.error), rows[i].code);
        if (rows[i].code == CN_OK)
            cn_endpoint_compare.close(&exchange);
    }
}

/* ---- trials ------------------------------------------------------------------------------- */

/* A workload whose times are made up. */
struct pretended {
    struct cn_workload workload; /* first */
    size_t n_runs;
    struct cn_trial runs[256];
    size_t company_at; /* the run beside which other work begins */
    size_t fails_at;
    size_t stops_at; /* the run in the middle of which the client leaves */
    size_t differs_at;
    struct cn_compare *compare;
    bool freed;
};

static enum cn_code pretend(struct cn_workload *workload, const struct cn_trial *trial,
                            struct cn_trial_result *result, const char **expression,
                            struct cn_error *error) {
    struct pretended *pretended = (struct pretended *)(void *)workload;
    static const int64_t by_mode[] = {100000, 200000, 1000000};
    size_t run = pretended->n_runs++;
    assert_true(run < COUNT(pretended->runs));
    pretended->runs[run] = *trial;
    *expression = NULL;
    if (run == pretended->company_at)
        atomic_fetch_add(&service.work_begun, 1);
    if (run == pretended->stops_at) {
        atomic_store(&pretended->compare->experiment.stop, CN_CANCELLED);
        return cn_error_set(error, CN_CANCELLED, "stopped");
    }
    if (run == pretended->fails_at) {
        *expression = "a // b";
        cn_error_set_column(error, CN_STR("r"));
        return cn_error_set(error, CN_DIVISION_BY_ZERO, "row 3 divides by zero");
    }
    *result = (struct cn_trial_result){
        .sample_ns = by_mode[trial->mode] / (int64_t)trial->workers + (int64_t)run,
        .digest = {0x123456789abcdef0, run == pretended->differs_at},
        .rows = trial->rows ? trial->rows : workload->rows,
        .chunk_rows = trial->chunk_rows ? trial->chunk_rows : 50,
        .workers = trial->workers,
        .executor = trial->executor == CN_EXECUTOR_AUTO ? CN_EXECUTOR_SERIAL : trial->executor,
        .cpu_ns = 1000};
    return CN_OK;
}

static void free_pretended(struct cn_workload *workload) {
    ((struct pretended *)(void *)workload)->freed = true;
}

static const struct cn_workload_ops pretended_ops = {pretend, free_pretended};

static struct pretended make_pretended(void) {
    return (struct pretended){.workload = {.ops = &pretended_ops,
                                           .has_modes = true,
                                           .generated = true,
                                           .rows = 100,
                                           .what = "r = a"},
                              .company_at = SIZE_MAX,
                              .fails_at = SIZE_MAX,
                              .stops_at = SIZE_MAX,
                              .differs_at = SIZE_MAX};
}

static enum cn_code measure(const char *text, struct pretended *pretended,
                            struct cn_compare **compare, struct cn_error *error) {
    cn_error_init(error);
    *compare = settle(text);
    (*compare)->workload = &pretended->workload;
    pretended->compare = *compare;
    return cn_compare_measure(*compare, error);
}

static void test_rounds(void **state) {
    (void)state;
    struct pretended pretended = make_pretended();
    struct cn_compare *compare;
    struct cn_error error;
    assert_int_equal(measure("{" WORK ", \"executors\": [\"serial\", \"threads\"], \"modes\": "
                             "[\"row\", \"tuple\"], \"rows\": [40, 100], \"repeat\": 6}",
                             &pretended, &compare, &error),
                     CN_OK);
    size_t n = compare->n_cases;
    assert_int_equal(n, 12);
    assert_int_equal(pretended.n_runs, n * 7);
    assert_int_equal(exchange.done_rows, 7 * 6 * (40 + 100));
    assert_int_equal(exchange.total_rows, 7 * 6 * (40 + 100));
    /* the warm-ups are in order; every round has each case once; no two rounds are alike */
    bool alike = true;
    for (size_t round = 0; round < 7; round++) {
        unsigned seen = 0;
        for (size_t i = 0; i < n; i++) {
            const struct cn_trial *trial = &pretended.runs[round * n + i];
            for (size_t k = 0; k < n; k++)
                if (compare->cases[k].executor == trial->executor &&
                    compare->cases[k].workers == trial->workers &&
                    compare->cases[k].mode == trial->mode &&
                    compare->cases[k].row_setting == trial->rows) {
                    seen |= 1u << k;
                    if (round == 0)
                        assert_int_equal(i, k);
                }
            assert_int_equal(trial->chunk_workers, 2);
            const struct cn_trial *other = &pretended.runs[2 * n + i];
            if (round == 1 && (other->executor != trial->executor || other->mode != trial->mode ||
                               other->workers != trial->workers || other->rows != trial->rows))
                alike = false;
        }
        assert_int_equal(seen, (1u << n) - 1);
    }
    assert_false(alike);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(compare->cases[i].n_samples, 6);
        assert_int_equal(compare->cases[i].cpu_ns, 6000);
        assert_false(compare->cases[i].disturbed);
    }
    assert_int_equal(compare->n_differing, 0);
    cn_compare_release(compare);
    assert_true(pretended.freed);
}

static void test_speedups_are_over_serial_in_the_same_mode(void **state) {
    (void)state;
    struct pretended pretended = make_pretended();
    struct cn_compare *compare;
    struct cn_error error;
    measure("{" WORK ", \"executors\": [\"threads\", \"serial\"], \"workers\": [1, 4], \"modes\": "
            "[\"row\", \"vector\"], \"repeat\": 3}",
            &pretended, &compare, &error);
    for (size_t i = 0; i < compare->n_cases; i++)
        assert_true(fabs(compare->cases[i].speedup / (double)compare->cases[i].workers - 1) < 0.01);
    cn_compare_release(compare);
    measure("{" WORK ", \"executors\": [\"threads\"]}", &pretended, &compare, &error);
    assert_true(compare->cases[0].speedup == 0);
    cn_compare_release(compare);
}

static void test_company(void **state) {
    (void)state;
    struct pretended pretended = make_pretended();
    struct cn_compare *compare;
    struct cn_error error;
    static const char text[] = "{" WORK ", \"executors\": \"serial\", \"modes\": [\"row\", "
                               "\"tuple\", \"vector\"], \"repeat\": 2}";
    pretended.company_at = 4;
    measure(text, &pretended, &compare, &error);
    size_t disturbed = 0;
    for (size_t i = 0; i < compare->n_cases; i++) {
        disturbed += compare->cases[i].disturbed;
        if (compare->cases[i].disturbed)
            assert_int_equal(compare->cases[i].mode, pretended.runs[4].mode);
    }
    assert_int_equal(disturbed, 1);
    cn_compare_release(compare);
    pretended = make_pretended();
    pretended.company_at = 1; /* a warm-up is no sample */
    measure(text, &pretended, &compare, &error);
    for (size_t i = 0; i < compare->n_cases; i++)
        assert_false(compare->cases[i].disturbed);
    cn_compare_release(compare);
    pretended = make_pretended();
    atomic_store(&service.work_running, 1);
    measure(text, &pretended, &compare, &error);
    for (size_t i = 0; i < compare->n_cases; i++)
        assert_true(compare->cases[i].disturbed);
    cn_compare_release(compare);
}

static void test_results_that_differ(void **state) {
    (void)state;
    static const char text[] = "{" WORK ", \"executors\": \"serial\", \"modes\": [\"row\", "
                               "\"tuple\", \"vector\"], \"rows\": [10, 20], \"repeat\": 2}";
    struct pretended pretended = make_pretended();
    struct cn_compare *compare;
    struct cn_error error;
    pretended.differs_at = 4; /* of the warm-ups */
    measure(text, &pretended, &compare, &error);
    assert_int_equal(compare->n_differing, 1);
    assert_int_equal(compare->differing[0], 4);
    cn_compare_release(compare);
    pretended = make_pretended();
    pretended.differs_at = 8; /* a sample */
    measure(text, &pretended, &compare, &error);
    assert_int_equal(compare->n_differing, 1);
    assert_int_equal(compare->cases[compare->differing[0]].mode, pretended.runs[8].mode);
    cn_compare_release(compare);
}

static void test_a_trial_that_fails(void **state) {
    (void)state;
    struct pretended pretended = make_pretended();
    struct cn_compare *compare;
    struct cn_error error;
    pretended.fails_at = 2;
    assert_int_equal(measure("{" WORK ", \"executors\": \"gil\", \"modes\": [\"row\", \"tuple\"]}",
                             &pretended, &compare, &error),
                     CN_DIVISION_BY_ZERO);
    assert_string_equal(error.detail,
                        "gil (emulated) with 1 worker in mode tuple: row 3 divides by zero");
    assert_string_equal(error.column, "r");
    assert_string_equal(exchange.expression, "a // b");
    assert_int_equal(pretended.n_runs, 3);
    cn_compare_fail(compare, &error);
    assert_true(pretended.freed);
    assert_int_equal(replies, 1);
    assert_int_equal(exchange.reply.status, 422);
}

static void test_ends_that_are_not_the_work_s(void **state) {
    (void)state;
    static const char text[] = "{" WORK ", \"executors\": \"serial\", \"repeat\": 100}";
    struct pretended pretended = make_pretended();
    struct cn_compare *compare;
    struct cn_error error;
    pretended.stops_at = 10;
    assert_int_equal(measure(text, &pretended, &compare, &error), CN_CANCELLED);
    assert_string_equal(error.detail, "the experiment was cancelled");
    assert_int_equal(pretended.n_runs, 11);
    cn_compare_release(compare);
    pretended = make_pretended();
    exchange.deadline_ns = 1;
    assert_int_equal(measure(text, &pretended, &compare, &error), CN_DEADLINE_EXCEEDED);
    assert_int_equal(pretended.n_runs, 0);
    cn_compare_release(compare);
}

/* ---- the reply ---------------------------------------------------------------------------- */

static json_t *replied(const char *text, struct pretended *pretended) {
    struct cn_compare *compare;
    struct cn_error error;
    assert_int_equal(measure(text, pretended, &compare, &error), CN_OK);
    cn_compare_reply(compare);
    assert_int_equal(replies, 1);
    assert_true(pretended->freed);
    json_t *document = json_loadb(body.data, body.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(document);
    return document;
}

static double number(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

static const char *text_of(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

static void test_reply(void **state) {
    (void)state;
    struct pretended pretended = make_pretended();
    json_t *document = replied("{" WORK ", \"executors\": [\"serial\", \"gil\", \"auto\"], "
                               "\"workers\": [1, 2], \"modes\": [\"row\", \"tuple\"]}",
                               &pretended);
    assert_int_equal(exchange.reply.status, 200);
    const json_t *work = json_object_get(document, "workload");
    assert_string_equal(text_of(work, "what"), "r = a");
    assert_true(number(work, "rows") == 100);
    assert_true(json_is_true(json_object_get(document, "identical")));
    assert_int_equal(json_array_size(json_object_get(document, "differing")), 0);
    const json_t *cases = json_object_get(document, "cases");
    assert_int_equal(json_array_size(cases), 10);
    for (size_t i = 0; i < 10; i++) {
        const json_t *a = json_array_get(cases, i);
        assert_true(number(a, "case") == (double)i);
        assert_true(number(json_object_get(a, "repeat"), "runs") == 5);
        assert_string_equal(text_of(a, "digest"), "123456789abcdef00000000000000000");
        assert_true(number(a, "rows") == 100 && number(a, "chunk_rows") == 50);
        assert_true(json_is_false(json_object_get(a, "disturbed")));
        bool gil = strcmp(text_of(a, "executor"), "gil") == 0;
        bool chosen = strcmp(text_of(a, "executor"), "auto") == 0;
        assert_true(gil == (json_object_get(a, "emulation") != NULL));
        assert_true(chosen == (json_object_get(a, "placed") != NULL));
        if (chosen)
            assert_string_equal(text_of(a, "placed"), "serial");
    }
    const json_t *fits = json_object_get(document, "amdahl");
    assert_int_equal(json_array_size(fits), 4);
    for (size_t i = 0; i < 4; i++) {
        const json_t *fit = json_array_get(fits, i);
        bool gil = strcmp(text_of(fit, "executor"), "gil") == 0;
        assert_int_equal(json_is_true(json_object_get(fit, "emulation")), gil);
    }
    const json_t *path = json_object_get(document, "decomposition");
    double product = 1;
    size_t i;
    json_t *factor;
    json_array_foreach(json_object_get(path, "factors"), i, factor) {
        product *= number(factor, "factor");
        assert_true(json_is_true(json_object_get(factor, "measured")));
    }
    assert_true(fabs(product / number(path, "ratio") - 1) < 1e-9);
    assert_int_equal(json_array_size(json_object_get(document, "paths")), 0);
    assert_true(json_array_size(json_object_get(document, "verdict")) > 3);
    assert_true(number(json_object_get(document, "cpus"), "usable") == 2);
    assert_non_null(json_object_get(json_object_get(document, "timing"), "ledger"));
    json_decref(document);
}

static double median_of(const json_t *cases, const json_t *numbers, const char *key) {
    size_t at = (size_t)number(numbers, key);
    return number(json_object_get(json_array_get(cases, at), "repeat"), "median_ns");
}

/* Who divides what the reply shows gets what it says, though a median of two may end in .5. */
static void test_ratios_are_of_what_is_shown(void **state) {
    (void)state;
    struct pretended pretended = make_pretended();
    json_t *document = replied("{" WORK ", \"executors\": [\"serial\", \"threads\"], \"workers\": "
                               "[1, 2, 7], \"modes\": [\"row\", \"tuple\", \"vector\"], "
                               "\"repeat\": 2}",
                               &pretended);
    const json_t *cases = json_object_get(document, "cases");
    const json_t *path = json_object_get(document, "decomposition");
    size_t i;
    json_t *a, *factor;
    double serial = 0;
    json_array_foreach(cases, i, a) {
        double median = number(json_object_get(a, "repeat"), "median_ns");
        if (i % 4 == 0)
            serial = median;
        assert_true(number(a, "speedup") == serial / median);
    }
    json_array_foreach(json_object_get(path, "factors"), i, factor)
        assert_true(number(factor, "factor") ==
                    median_of(cases, factor, "from") / median_of(cases, factor, "to"));
    assert_true(number(path, "ratio") ==
                median_of(cases, path, "from") / median_of(cases, path, "to"));
    json_decref(document);
}

static void test_reply_of_a_sweep(void **state) {
    (void)state;
    struct pretended pretended = make_pretended();
    json_t *document =
        replied("{" WORK ", \"executors\": [\"serial\", \"processes\"], \"workers\": 2, \"modes\": "
                "[\"row\", \"tuple\"], \"rows\": [10, 20], \"chunk_rows\": [0, 5]}",
                &pretended);
    const json_t *fit = json_array_get(json_object_get(document, "amdahl"), 1);
    assert_true(number(fit, "rows") == 10 && number(fit, "chunk_rows") == 0);
    assert_true(json_is_null(json_object_get(fit, "serial_fraction")));
    const json_t *path = json_array_get(json_object_get(document, "paths"), 0);
    assert_string_equal(text_of(path, "name"), "row to processes");
    const json_t *factor = json_array_get(json_object_get(path, "factors"), 1);
    assert_string_equal(text_of(factor, "step"), "shipping and parallel workers");
    assert_true(json_is_false(json_object_get(factor, "measured")));
    assert_non_null(strstr(text_of(factor, "reason"), "processes with 1 worker in mode tuple"));
    json_decref(document);
}

static void test_reply_of_calls(void **state) {
    (void)state;
    struct pretended pretended = make_pretended();
    pretended.workload.has_modes = false;
    json_t *document = replied("{" CALLS ", \"executors\": [\"threads\"]}", &pretended);
    const json_t *a = json_array_get(json_object_get(document, "cases"), 0);
    assert_true(json_is_null(json_object_get(a, "mode")));
    assert_true(json_is_null(json_object_get(a, "speedup")));
    assert_true(json_is_null(json_object_get(a, "efficiency")));
    json_decref(document);
}

static void test_a_reply_that_must_be_kept(void **state) {
    (void)state;
    struct pretended pretended = make_pretended();
    struct cn_compare *compare;
    struct cn_error error;
    exchange.whole_bytes = 500;
    exchange.whole_limit = "--job-bytes";
    measure("{" WORK "}", &pretended, &compare, &error);
    cn_compare_reply(compare);
    assert_int_equal(replies, 1);
    assert_int_equal(exchange.reply.status, 422);
    assert_string_equal(exchange.error.limit, "--job-bytes");
    assert_true(pretended.freed);
}

static void note_run(const struct cn_run_record *record, void *context) {
    *(bool *)context = true;
    assert_string_equal(record->operation, "compare");
    assert_null(record->executor);
    assert_null(record->mode);
    assert_int_equal(record->rows, 100);
    assert_int_equal(record->workers, 2);
    assert_int_equal(record->n_recipe, 1);
    assert_true(cn_str_is(record->recipe[0], "r = a"));
    assert_int_equal(record->status, 200);
    assert_false(record->failed);
}

static void test_record(void **state) {
    (void)state;
    struct pretended pretended = make_pretended();
    bool seen = false;
    json_decref(replied("{" WORK "}", &pretended));
    assert_true(exchange.recorded);
    cn_runs_each(service.runs, 1, note_run, &seen);
    assert_true(seen);
}

#define UNIT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static void note_document(const struct cn_run_record *record, void *context) {
    *(size_t *)context = record->document.len;
}

/* The length of the document that is recorded of a reply so long. */
static size_t kept_document(size_t len, int number) {
    struct cn_compare *compare = cn_arena_zalloc(&exchange.arena, sizeof *compare);
    char *text = cn_arena_alloc(&exchange.arena, len + 1);
    size_t kept = SIZE_MAX;
    assert_true(compare && text);
    memset(text, ' ', len);
    compare->exchange = &exchange;
    compare->document = cn_str(text, len);
    snprintf(exchange.run, sizeof exchange.run, "%032d", number);
    cn_compare_record(compare, NULL);
    assert_true(exchange.recorded);
    assert_true(cn_runs_find(service.runs, exchange.run, note_document, &kept));
    return kept;
}

static void test_a_long_document_is_not_recorded(void **state) {
    (void)state;
    assert_int_equal(kept_document(1000, 1), 1000);
    assert_int_equal(kept_document(1 << 17, 2), 0); /* larger than the store */
    assert_int_equal(kept_document(5 << 20, 3), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        UNIT(test_defaults),
        UNIT(test_order_of_the_cases),
        UNIT(test_scalars_stand_for_lists),
        UNIT(test_refusals),
        UNIT(test_limits),
        UNIT(test_heads),
        UNIT(test_rounds),
        UNIT(test_speedups_are_over_serial_in_the_same_mode),
        UNIT(test_company),
        UNIT(test_results_that_differ),
        UNIT(test_a_trial_that_fails),
        UNIT(test_ends_that_are_not_the_work_s),
        UNIT(test_reply),
        UNIT(test_a_long_document_is_not_recorded),
        UNIT(test_ratios_are_of_what_is_shown),
        UNIT(test_reply_of_a_sweep),
        UNIT(test_reply_of_calls),
        UNIT(test_a_reply_that_must_be_kept),
        UNIT(test_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

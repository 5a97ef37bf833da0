/* The executor dask as requests see it: who may name it, and what may not be sent there. Another
 * pool of threads stands for the cluster. */
#include "tests/unit/service_helpers.h"

#include <string.h>

#include "handlers/compare.h"
#include "handlers/endpoints.h"

static struct test_service test;
static const struct cn_cluster away = {0};

static int set_up_group(void **state) {
    (void)state;
    test_service_start(&test);
    test_service_add_key(&test);
    test_service_add_cluster(&test, 4);
    test.service.experiments = cn_experiments_new(&test.service, 4);
    assert_non_null(test.service.experiments);
    test.service.limits.max_cases = 100;
    test.service.limits.max_calls = 100;
    return 0;
}

static int tear_down_group(void **state) {
    (void)state;
    cn_experiments_free(test.service.experiments);
    test_service_stop(&test);
    return 0;
}

/* ---- requests ------------------------------------------------------------------------------ */

static void ignore_reply(struct cn_inner *inner) {
    (void)inner;
}

struct request {
    const struct cn_endpoint *endpoint;
    const char *type;
    const char *query;
    const char *body;
};

/* How a request is refused; `at_head`: before its body. */
static struct cn_error refused(const struct request *request, bool *at_head) {
    struct cn_inner inner = {.replied = ignore_reply};
    struct cn_inner_header type = {"content-type", request->type};
    struct cn_exchange *exchange = &inner.exchange;
    struct cn_error error;

    cn_error_init(&error);
    assert_int_equal(
        cn_inner_init(&inner, &test.service, request->endpoint, 1 << 20, "--job-bytes", &error),
        CN_OK);
    inner.replied = ignore_reply;
    inner.headers = &type;
    inner.n_headers = 1;
    exchange->query = request->query;
    *at_head = request->endpoint->open(exchange, &error) != CN_OK;
    if (!*at_head) {
        request->endpoint->body(exchange, request->body, strlen(request->body));
        request->endpoint->finish(exchange);
        error = exchange->error;
        request->endpoint->close(exchange);
    }
    cn_inner_release(&inner);
    return error;
}

#define FORM(part)                                                                                 \
    "--x\r\nContent-Disposition: form-data; name=\"executor\"\r\n\r\ndask\r\n" part                \
    "--x\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\na,b\n1,2\n\r\n--x--\r\n"
#define FORM_LET(text) "--x\r\nContent-Disposition: form-data; name=\"let\"\r\n\r\n" text "\r\n"

static const char form_type[] = "multipart/form-data; boundary=x";

static void refused_without_a_scheduler(void **state) {
    static const struct request requests[] = {
        {&cn_endpoint_compute, "text/csv", "executor=dask", "a\n1\n"},
        {&cn_endpoint_compute, "application/json", NULL,
         "{\"columns\": {\"a\": [1]}, \"executor\": \"dask\"}"},
        {&cn_endpoint_compute, "application/json", NULL,
         "{\"generate\": {\"rows\": 5, \"columns\": [\"a\"]}, \"executor\": \"dask\", "
         "\"repeat\": 3}"},
        {&cn_endpoint_compute, form_type, NULL, FORM("")},
        {&cn_endpoint_map, "application/json", NULL,
         "{\"function\": \"calc_hash\", \"args\": [[1]], \"executor\": \"dask\"}"},
    };
    (void)state;
    test_service_use_cluster(&test, NULL);
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        bool at_head = false;
        struct cn_error error = refused(&requests[i], &at_head);
        assert_int_equal(error.code, CN_INVALID_PARAMETER);
        assert_string_equal(error.parameter, "executor");
        assert_string_equal(error.value, "dask");
        assert_non_null(strstr(error.detail, "--dask-scheduler tcp://HOST:8786"));
        assert_int_equal(at_head, i == 0);
    }
}

static void keys_stay_here(void **state) {
    static const struct request requests[] = {
        {&cn_endpoint_compute, "text/csv", "executor=dask&let=r=hmac_sha256(a, key='site')",
         "a\n1\n"},
        {&cn_endpoint_compute, "application/json", NULL,
         "{\"columns\": {\"a\": [1]}, \"executor\": \"dask\", \"let\": {\"b\": \"a + 1\", \"r\": "
         "\"upper(hmac_sha256(a, key='site', over='table'))\"}}"},
        {&cn_endpoint_compute, form_type, NULL, FORM(FORM_LET("r=hmac_sha256(a, key='site')"))},
    };
    (void)state;
    test_service_use_cluster(&test, &away);
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        bool at_head = false;
        struct cn_error error = refused(&requests[i], &at_head);
        assert_int_equal(error.code, CN_INVALID_PARAMETER);
        assert_string_equal(error.parameter, "executor");
        assert_non_null(strstr(error.detail, "keys do not leave the server"));
        assert_int_equal(at_head, i == 0);
    }
}

/* ---- experiments --------------------------------------------------------------------------- */

static struct cn_inner owner;

static struct cn_compare *settle(const char *text) {
    struct cn_compare *compare;
    struct cn_error error;

    cn_error_init(&error);
    assert_int_equal(cn_inner_init(&owner, &test.service, &cn_endpoint_compare, 0, NULL, &error),
                     CN_OK);
    compare = cn_arena_zalloc(&owner.exchange.arena, sizeof *compare);
    assert_non_null(compare);
    cn_error_init(&compare->error);
    compare->exchange = &owner.exchange;
    assert_true(cn_buf_add_c(&compare->body, text));
    if (cn_compare_settle(compare, &compare->error) == CN_OK)
        assert_true(compare->settled);
    return compare;
}

static void forget(struct cn_compare *compare) {
    cn_compare_release(compare);
    cn_inner_release(&owner);
}

static size_t count(const struct cn_compare *compare, enum cn_executor_kind kind) {
    size_t n = 0;
    for (size_t i = 0; i < compare->n_cases; i++)
        n += compare->cases[i].executor == kind;
    return n;
}

#define WORK(let)                                                                                  \
    "{\"workload\": {\"compute\": {\"generate\": {\"rows\": 10, \"columns\": [\"a\"]}, "           \
    "\"let\": {\"r\": \"" let "\"}}}, \"workers\": [1, 2]"

static void compared_where_there_is_a_cluster(void **state) {
    static const struct {
        bool there;
        struct cn_cluster cluster;
        size_t cases;
    } rows[] = {
        {false, {.connected = true, .workers = 2, .threads = 2}, 0},
        {true, {0}, 0},
        {true, {.connected = true}, 0},
        {true, {.connected = true, .workers = 1, .threads = 4}, 2},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        test_service_use_cluster(&test, rows[i].there ? &rows[i].cluster : NULL);
        struct cn_compare *compare = settle(WORK("a + 1") "}");
        assert_int_equal(count(compare, CN_EXECUTOR_DASK), rows[i].cases);
        assert_int_equal(compare->n_cases, 5 + rows[i].cases);
        forget(compare);
    }
    test_service_use_cluster(&test, NULL);
    struct cn_compare *compare = settle(WORK("a + 1") ", \"executors\": [\"serial\", \"dask\"]}");
    assert_int_equal(compare->error.code, CN_INVALID_PARAMETER);
    assert_string_equal(compare->error.parameter, "executors");
    assert_non_null(strstr(compare->error.detail, "--dask-scheduler"));
    forget(compare);
}

static void keyed_work_is_compared_here(void **state) {
    struct cn_executor *processes = test.service.executors[CN_EXECUTOR_PROCESSES];
    struct cn_error error;
    (void)state;
    test_service_use_cluster(&test,
                             &(struct cn_cluster){.connected = true, .workers = 1, .threads = 4});
    test.service.executors[CN_EXECUTOR_PROCESSES] = test.elsewhere; /* theirs have no keys here */
    struct cn_compare *compare = settle(WORK("hmac_sha256(a, key='site')") ", \"repeat\": 1}");
    assert_int_equal(compare->n_cases, 7);
    cn_error_init(&error);
    assert_int_equal(cn_compare_run(compare, &error), CN_OK);
    assert_int_equal(compare->n_cases, 5);
    assert_int_equal(count(compare, CN_EXECUTOR_DASK), 0);
    assert_int_equal(compare->n_differing, 0);
    forget(compare);
    compare = settle(WORK("hmac_sha256(a, key='site')") ", \"executors\": \"dask\"}");
    assert_int_equal(cn_compare_run(compare, &error), CN_INVALID_PARAMETER);
    assert_string_equal(error.parameter, "executors");
    assert_non_null(strstr(error.detail, "keys do not leave the server"));
    forget(compare);
    test.service.executors[CN_EXECUTOR_PROCESSES] = processes;
}

/* ---- how much at once ---------------------------------------------------------------------- */

static void width(void **state) {
    static const struct {
        size_t threads;
        uint64_t most;
        size_t width;
    } rows[] = {{0, 64, 2}, {1, 64, 2}, {2, 64, 4}, {40, 64, 64}, {3, 1, 1}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cn_cluster cluster = {.threads = rows[i].threads};
        assert_int_equal(cn_cluster_width(&cluster, rows[i].most), rows[i].width);
    }
}

int main(int argc, char **argv) {
    test_service_enter(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_without_a_scheduler),
        cmocka_unit_test(keys_stay_here),
        cmocka_unit_test(compared_where_there_is_a_cluster),
        cmocka_unit_test(keyed_work_is_compared_here),
        cmocka_unit_test(width),
    };
    return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}

/* service_helpers.h: a service with executors, as main wires it, for tests of what runs on it. */
#ifndef CN_TESTS_SERVICE_HELPERS_H
#define CN_TESTS_SERVICE_HELPERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handlers/inline_states.h"
#include "handlers/inner.h"
#include "handlers/kinds.h"
#include "handlers/runs.h"
#include "handlers/service.h"

struct test_service {
    struct cn_service service;
    struct cn_registry registry;
    struct cn_keyring keys;
    struct cn_forkserver *forkserver;
    struct cn_key key;             /* of test_service_add_key() */
    struct cn_executor *elsewhere; /* of test_service_add_cluster() */
    struct cn_cluster cluster;     /* as requests see it */
};

/* The first thing in main: the fork server is this program again. */
static inline void test_service_enter(int argc, char **argv) {
    if (cn_forkserver_wanted(argc, argv))
        cn_forkserver_enter(&cn_kinds_program);
}

static inline void test_service_start(struct test_service *test) {
    struct cn_service *service = &test->service;
    struct cn_error error;

    *test = (struct test_service){0};
    cn_error_init(&error);
    cn_registry_init(&test->registry, &test->keys);
    struct cn_forkserver_settings settings = {.context = cn_kinds_context(&test->keys)};
    assert_int_equal(cn_forkserver_start(&test->forkserver, &settings, &error), CN_OK);
    struct cn_executor_settings pool = {
        .registry = &test->registry, .workers = 2, .max_workers = 4, .max_queued = 10000};
    service->limits = (struct cn_service_limits){
        .max_body_bytes = 1 << 30,
        .max_rows = 2000000,
        .max_columns = 100,
        .expression = {.max_bytes = 10000, .max_nodes = 1000, .max_depth = 100},
        .max_json_depth = 32,
        .max_workers = 4,
        .buffer_bytes = 1 << 30,
        .memory_bytes = 1 << 30,
        .request_timeout_ms = 60000,
    };
    service->keys = &test->keys;
    service->version = "test";
    cn_cpus_read(&service->cpus);
    service->blocks = cn_blocks_new(64 << 20);
    service->runs = cn_runs_new(100, 1 << 20);
    service->inline_states = cn_inline_states_new(&test->keys);
    assert_true(service->blocks && service->runs && service->inline_states);
    assert_int_equal(cn_serial_new(&service->executors[CN_EXECUTOR_SERIAL], &pool, &error), CN_OK);
    assert_int_equal(cn_threads_new(&service->executors[CN_EXECUTOR_THREADS], &pool, &error),
                     CN_OK);
    assert_int_equal(cn_gil_new(&service->executors[CN_EXECUTOR_GIL], &pool, 0, &error), CN_OK);
    assert_int_equal(cn_processes_new(&service->executors[CN_EXECUTOR_PROCESSES], test->forkserver,
                                      &pool, &error),
                     CN_OK);
}

/* A key named `site`. The fork server, which is there already, has none. */
static inline void test_service_add_key(struct test_service *test) {
    assert_true(cn_key_make(&test->key, CN_STR("site"), CN_STR("0123456789abcdef")));
    test->keys = (struct cn_keyring){&test->key, 1};
}

static inline void test_service_look(void *context, struct cn_cluster *cluster) {
    *cluster = *(struct cn_cluster *)context;
}

/* Makes another pool of threads, which stands for a Dask cluster, and a probe that says of it what
 * test->cluster has. It is not the service's before test_service_use_cluster(). */
static inline void test_service_add_cluster(struct test_service *test, size_t max_workers) {
    struct cn_executor_settings pool = {
        .registry = &test->registry, .workers = 2, .max_workers = max_workers, .max_queued = 1000};
    assert_int_equal(cn_threads_new(&test->elsewhere, &pool, NULL), CN_OK);
    test->service.cluster = (struct cn_cluster_probe){test_service_look, &test->cluster};
}

/* NULL: there is no executor `dask`. */
static inline void test_service_use_cluster(struct test_service *test,
                                            const struct cn_cluster *cluster) {
    test->service.executors[CN_EXECUTOR_DASK] = cluster ? test->elsewhere : NULL;
    test->cluster = cluster ? *cluster : (struct cn_cluster){0};
}

static inline void test_service_stop(struct test_service *test) {
    struct cn_service *service = &test->service;

    service->executors[CN_EXECUTOR_DASK] = NULL; /* whatever stood for it */
    if (test->elsewhere)
        test->elsewhere->ops->destroy(test->elsewhere);
    for (int kind = 0; kind < CN_EXECUTOR_KIND_COUNT; kind++)
        if (service->executors[kind])
            service->executors[kind]->ops->destroy(service->executors[kind]);
    cn_forkserver_stop(test->forkserver);
    cn_inline_states_free(service->inline_states);
    cn_runs_free(service->runs);
    cn_blocks_free(service->blocks);
}

/* How many runs the record has. */
static inline void test_count_run(const struct cn_run_record *record, void *context) {
    (void)record;
    ++*(size_t *)context;
}

#endif

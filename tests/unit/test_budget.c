/* The account of memory: reserved and held, blocks that make room, what a body comes to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "base/blocks.h"
#include "handlers/reserve.h"
#include "handlers/service.h"

#define KIB ((size_t)1024)
#define MIB (KIB * KIB)

static void both_sums_keep_to_the_limit(void **unused) {
    (void)unused;
    struct cn_budget budget;
    cn_budget_init(&budget, 100);
    assert_true(cn_budget_reserve(&budget, 60));
    assert_false(cn_budget_reserve(&budget, 41));
    assert_true(cn_budget_reserve(&budget, 40));
    assert_false(cn_budget_reserve(&budget, UINT64_MAX));
    assert_true(cn_budget_hold(&budget, 100)); /* another sum */
    assert_false(cn_budget_hold(&budget, 1));
    cn_budget_release(&budget, 100);
    cn_budget_drop(&budget, 100);
    assert_true(cn_budget_reserve(&budget, 100));
    assert_false(cn_budget_reserve(&budget, 1));
}

static size_t held(const struct cn_budget *budget) {
    return (size_t)atomic_load(&budget->held);
}

static void idle_blocks_make_room(void **unused) {
    (void)unused;
    struct cn_budget budget;
    struct cn_blocks *blocks = cn_blocks_new(64 * MIB);
    void *block[4];
    size_t size[4] = {4 * MIB, 4 * MIB, 4 * MIB, 4 * MIB};
    cn_budget_init(&budget, 8 * MIB);
    block[0] = cn_blocks_take(blocks, &size[0]);
    cn_blocks_set_budget(blocks, &budget);
    assert_int_equal(held(&budget), 4 * MIB); /* what was there counts */
    block[1] = cn_blocks_take(blocks, &size[1]);
    assert_non_null(block[1]);
    assert_null(cn_blocks_take(blocks, &size[2]));
    assert_int_equal(atomic_load(&budget.denied), 1);
    cn_blocks_give(blocks, block[0], size[0]);
    assert_int_equal(held(&budget), 8 * MIB); /* idle: kept, and counted */
    size[2] = 64 * KIB;
    block[2] = cn_blocks_take(blocks, &size[2]); /* of another class: the idle one goes */
    assert_non_null(block[2]);
    assert_int_equal(held(&budget), 4 * MIB + 64 * KIB);
    assert_false(cn_blocks_charge(blocks, 4 * MIB));
    assert_true(cn_blocks_charge(blocks, 3 * MIB));
    cn_blocks_give(blocks, block[1], size[1]);
    assert_true(cn_blocks_charge(blocks, MIB));
    cn_blocks_discharge(blocks, 4 * MIB);
    cn_blocks_give(blocks, block[2], size[2]);
    while (cn_blocks_trim(blocks) > 0)
        ;
    cn_blocks_trim(blocks);
    assert_int_equal(held(&budget), 0);
    cn_blocks_free(blocks);
}

struct scene {
    struct cn_budget budget;
    struct cn_service service;
    const char *content_type;
};
static struct scene scene;

static const char *content_type(struct cn_exchange *exchange, const char *name) {
    (void)exchange;
    assert_string_equal(name, "Content-Type");
    return scene.content_type;
}
static const struct cn_exchange_ops ops = {.header = content_type};

static void scene_start(uint64_t limit, uint64_t buffer) {
    scene = (struct scene){.content_type = "text/csv"};
    cn_budget_init(&scene.budget, limit);
    scene.service.blocks = cn_blocks_new(0);
    scene.service.budget = &scene.budget;
    scene.service.limits.buffer_bytes = buffer;
    cn_blocks_set_budget(scene.service.blocks, &scene.budget);
}

static struct cn_exchange exchange_of(int64_t length) {
    return (struct cn_exchange){.ops = &ops, .service = &scene.service, .content_length = length};
}

static size_t reserved(void) {
    return (size_t)atomic_load(&scene.budget.reserved);
}

static void a_body_is_reserved_for(void **unused) {
    (void)unused;
    struct cn_error error;
    cn_error_init(&error);
    scene_start(64 * MIB, 16 * MIB);
    struct cn_exchange csv = exchange_of(4 * MIB), json = exchange_of(4 * MIB);
    struct cn_exchange large = exchange_of(13 * MIB), none = exchange_of(0);
    assert_int_equal(cn_reserve_begin(&csv, &error), CN_OK);
    assert_int_equal(reserved(), (4 + 16 + 8) * MIB + CN_RESERVE_LEAST);
    cn_reserve_end(&csv);
    cn_reserve_end(&csv);
    assert_int_equal(reserved(), 0);
    scene.content_type = "application/json; charset=utf-8";
    assert_int_equal(cn_reserve_begin(&json, &error), CN_OK);
    assert_int_equal(reserved(), (8 + 16 + 8) * MIB + CN_RESERVE_LEAST);
    cn_reserve_end(&json);
    scene.content_type = NULL;
    assert_int_equal(cn_reserve_begin(&large, &error), CN_OK); /* neither grows further */
    assert_int_equal(reserved(), (13 + 16 + 24) * MIB + CN_RESERVE_LEAST);
    assert_int_equal(cn_reserve_begin(&none, &error), CN_OK);
    assert_int_equal(reserved(), 53 * MIB + 2 * CN_RESERVE_LEAST);
    cn_reserve_end(&large);
    cn_reserve_end(&none);
    cn_blocks_free(scene.service.blocks);
}

static void not_now_and_never(void **unused) {
    (void)unused;
    struct cn_error error;
    scene_start(16 * MIB, 4 * MIB);
    struct cn_exchange whole = exchange_of((int64_t)(16 * MIB - CN_RESERVE_LEAST));
    struct cn_exchange more = exchange_of(whole.content_length + 1), small = exchange_of(10);
    struct cn_exchange endless = exchange_of(INT64_MAX);
    cn_error_init(&error);
    assert_int_equal(cn_reserve_begin(&more, &error), CN_BODY_TOO_LARGE);
    assert_string_equal(error.limit, "--memory-bytes");
    cn_error_init(&error);
    assert_int_equal(cn_reserve_begin(&endless, &error), CN_BODY_TOO_LARGE);
    cn_error_init(&error);
    assert_int_equal(cn_reserve_begin(&whole, &error), CN_OK); /* all there is */
    assert_int_equal(reserved(), 16 * MIB);
    assert_int_equal(cn_reserve_begin(&small, &error), CN_OVERLOADED);
    assert_string_equal(error.limit, "--memory-bytes");
    cn_reserve_end(&whole);
    cn_error_init(&error);
    assert_int_equal(cn_reserve_begin(&small, &error), CN_OK);
    cn_reserve_end(&small);
    assert_int_equal(reserved(), 0);
    cn_blocks_free(scene.service.blocks);
}

static void what_grows(void **unused) {
    (void)unused;
    struct cn_error error;
    cn_error_init(&error);
    scene_start(16 * MIB, 16 * MIB);
    struct cn_exchange chunked = exchange_of(-1), job = exchange_of(-1);
    assert_int_equal(cn_reserve_begin(&chunked, &error), CN_OK);
    assert_int_equal(reserved(), CN_RESERVE_LEAST);
    assert_int_equal(cn_reserve_body(&chunked, 1, &error), CN_OK);
    size_t step = reserved();
    assert_int_equal(step, 7 * (MIB + 1) + CN_RESERVE_LEAST);
    assert_int_equal(cn_reserve_body(&chunked, MIB + 1, &error), CN_OK);
    assert_int_equal(reserved(), step); /* covered already */
    assert_int_equal(cn_reserve_body(&chunked, MIB + 2, &error), CN_OK);
    assert_true(reserved() > step);
    assert_int_equal(cn_reserve_reply(&chunked, 15 * MIB, &error), CN_OK);
    assert_int_equal(reserved(), 16 * MIB);
    cn_reserve_end(&chunked);
    assert_int_equal(cn_reserve_reply(&chunked, 8 * MIB, &error), CN_OK);
    assert_int_equal(reserved(), 9 * MIB + CN_RESERVE_LEAST);
    cn_reserve_move(&job, &chunked);
    cn_reserve_end(&chunked);
    assert_int_equal(reserved(), 9 * MIB + CN_RESERVE_LEAST);
    assert_true(cn_reserve_leave(&job, 8 * MIB)); /* what is kept */
    cn_reserve_end(&job);
    assert_int_equal(reserved(), 8 * MIB);
    assert_int_equal(cn_reserve_body(&chunked, 20 * MIB, &error), CN_BODY_TOO_LARGE);
    cn_error_init(&error);
    assert_int_equal(cn_reserve_body(&chunked, 10 * MIB, &error), CN_OVERLOADED);
    assert_false(cn_reserve_leave(&chunked, 9 * MIB));
    cn_budget_release(&scene.budget, 8 * MIB);
    cn_blocks_free(scene.service.blocks);
}

/* Of a body that is kept on disk only buffer_bytes count, whatever its length. */
static void on_disk(void **unused) {
    (void)unused;
    struct cn_endpoint compute = {.operation = CN_OPERATION_COMPUTE};
    struct cn_endpoint map = {.operation = CN_OPERATION_MAP}, deferred = {0};
    struct cn_error error;
    scene_start(64 * MIB, 8 * MIB);
    struct cn_exchange without = exchange_of((int64_t)(200 * MIB)), other = without;
    without.endpoint = &compute;
    cn_error_init(&error);
    assert_int_equal(cn_reserve_begin(&without, &error), CN_BODY_TOO_LARGE);
    assert_non_null(strstr(error.detail, "With --data-dir"));
    scene.service.spools = (struct cn_spools *)(void *)&scene; /* that there are any */
    struct cn_exchange csv = exchange_of((int64_t)(200 * MIB)), job = csv, json = csv;
    struct cn_exchange chunked = exchange_of(-1), late = csv;
    csv.endpoint = json.endpoint = chunked.endpoint = late.endpoint = &compute;
    job.endpoint = &deferred;
    job.deferred = &compute;
    other.endpoint = &map;
    cn_error_init(&error);
    assert_int_equal(cn_reserve_begin(&csv, &error), CN_OK);
    assert_int_equal(reserved(), (8 + 8 + 16) * MIB + CN_RESERVE_LEAST);
    assert_int_equal(cn_reserve_reply(&csv, 8 * MIB, &error), CN_OK); /* covered */
    assert_int_equal(reserved(), (8 + 8 + 16) * MIB + CN_RESERVE_LEAST);
    cn_reserve_end(&csv);
    assert_int_equal(cn_reserve_begin(&job, &error), CN_OK);
    cn_reserve_end(&job);
    assert_int_equal(cn_reserve_begin(&chunked, &error), CN_OK);
    assert_int_equal(cn_reserve_body(&chunked, 8 * MIB, &error), CN_OK);
    size_t all = reserved();
    assert_int_equal(cn_reserve_body(&chunked, 200 * MIB, &error), CN_OK);
    assert_int_equal(reserved(), all);
    cn_reserve_end(&chunked);
    /* it turns out to be JSON */
    assert_int_equal(cn_reserve_begin(&late, &error), CN_OK);
    assert_int_equal(cn_reserve_whole(&late, &error), CN_BODY_TOO_LARGE);
    assert_non_null(strstr(error.detail, "A body of CSV may be larger"));
    cn_reserve_end(&late);
    cn_error_init(&error);
    assert_int_equal(cn_reserve_begin(&other, &error), CN_BODY_TOO_LARGE);
    assert_null(strstr(error.detail, "CSV"));
    scene.content_type = "application/json";
    cn_error_init(&error);
    assert_int_equal(cn_reserve_begin(&json, &error), CN_BODY_TOO_LARGE);
    assert_non_null(strstr(error.detail, "A body of CSV may be larger"));
    assert_int_equal(reserved(), 0);
    cn_blocks_free(scene.service.blocks);
}

/* Memory that was denied to one that is alone will never be there. */
static void judged(void **unused) {
    (void)unused;
    struct cn_error error;
    size_t size = 32 * MIB;
    scene_start(16 * MIB, 16 * MIB);
    struct cn_exchange alone = exchange_of(MIB), other = exchange_of(MIB);
    cn_error_init(&error);
    assert_int_equal(cn_reserve_begin(&alone, &error), CN_OK);
    cn_error_memory(&error);
    cn_reserve_judge(&alone, &error);
    assert_int_equal(error.code, CN_OVERLOADED); /* the budget denied nothing */
    assert_null(cn_blocks_take(scene.service.blocks, &size));
    assert_int_equal(cn_reserve_begin(&other, &error), CN_OK);
    cn_reserve_judge(&alone, &error);
    assert_int_equal(error.code, CN_OVERLOADED); /* it was not alone */
    cn_reserve_end(&other);
    cn_reserve_judge(&alone, &error);
    assert_int_equal(error.code, CN_LIMIT_EXCEEDED);
    assert_string_equal(error.limit, "--memory-bytes");
    cn_reserve_end(&alone);
    cn_blocks_free(scene.service.blocks);
}

static void *take_and_give(void *unused) {
    (void)unused;
    for (int i = 0; i < 3000; i++) {
        size_t size = (size_t)(64 + i % 7 * 100) * KIB;
        void *block = cn_blocks_take(scene.service.blocks, &size);
        assert_true(held(&scene.budget) <= MIB);
        if (block)
            cn_blocks_give(scene.service.blocks, block, size);
        if (i % 5 == 0 && cn_blocks_charge(scene.service.blocks, 100 * KIB))
            cn_blocks_discharge(scene.service.blocks, 100 * KIB);
    }
    return NULL;
}

static void threads(void **unused) {
    (void)unused;
    pthread_t made[3];
    scene_start(MIB, MIB);
    cn_blocks_free(scene.service.blocks);
    scene.service.blocks = cn_blocks_new(MIB);
    cn_blocks_set_budget(scene.service.blocks, &scene.budget);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&made[i], NULL, take_and_give, NULL), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(made[i], NULL);
    cn_blocks_trim(scene.service.blocks);
    cn_blocks_trim(scene.service.blocks);
    assert_int_equal(held(&scene.budget), 0);
    cn_blocks_free(scene.service.blocks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sums_keep_to_the_limit),
        cmocka_unit_test(idle_blocks_make_room),
        cmocka_unit_test(a_body_is_reserved_for),
        cmocka_unit_test(not_now_and_never),
        cmocka_unit_test(what_grows),
        cmocka_unit_test(on_disk),
        cmocka_unit_test(judged),
        cmocka_unit_test(threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

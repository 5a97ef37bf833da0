/* When a Dask cluster is measured, on a clock that the tests turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/dask_pace.h"

#define SECOND INT64_C(1000000000)

/* A cluster, and what looks at it twice a second. */
struct scene {
    struct cn_dask_pace pace;
    int64_t now;
    uint64_t generation;
    uint64_t measured; /* the generation that is known */
    int64_t every;     /* other workers after so long; 0: they stay */
    int64_t changed;
    bool fails;
    bool company;
    int64_t last; /* when it was measured */
};

static void look(struct scene *scene, int *n) {
    if (scene->every != 0 && scene->now - scene->changed >= scene->every) {
        scene->generation++;
        scene->changed = scene->now;
    }
    bool known = scene->measured == scene->generation;
    cn_dask_pace_see(&scene->pace, scene->generation, scene->now);
    if (!cn_dask_pace_due(&scene->pace, known, scene->now))
        return;
    ++*n;
    scene->last = scene->now;
    if (!scene->fails)
        scene->measured = scene->generation;
    cn_dask_pace_measured(&scene->pace, known, !scene->fails, scene->company, scene->now);
}

/* How often it is measured in so many seconds. */
static int measurements(struct scene *scene, int64_t seconds) {
    int n = 0;
    for (int64_t end = scene->now + seconds * SECOND; scene->now < end; scene->now += SECOND / 2)
        look(scene, &n);
    return n;
}

static struct scene begin(void) {
    return (struct scene){.now = 1000 * SECOND, .generation = 1};
}

static void a_cluster_is_measured_at_once_and_now_and_then(void **state) {
    struct scene scene = begin();
    (void)state;
    assert_int_equal(measurements(&scene, 1), 1);
    assert_int_equal(measurements(&scene, 590), 0);
    assert_int_equal(measurements(&scene, 3600), 6);
}

static void other_workers_are_measured_soon(void **state) {
    struct scene scene = begin();
    (void)state;
    assert_int_equal(measurements(&scene, 2), 1);
    scene.generation++;
    assert_int_equal(measurements(&scene, 2), 0); /* there is a pause of 5 s all the same */
    assert_int_equal(measurements(&scene, 2), 1);
    assert_int_equal(measurements(&scene, 60), 0);
    scene.generation++;
    assert_int_equal(measurements(&scene, 1), 1);
}

/* However fast they change, and where each set stays long enough to be measured too. */
static void workers_that_come_and_go_are_measured_less_and_less(void **state) {
    static const int64_t every[] = {1, 2, 6, 20, 70};
    (void)state;
    for (size_t i = 0; i < sizeof every / sizeof every[0]; i++) {
        struct scene scene = begin();
        scene.every = every[i] * SECOND;
        int first = measurements(&scene, 60);
        assert_true(first >= 1 && first <= 5);
        assert_in_range(measurements(&scene, 3600), 11, 16);
    }
    /* slower than that: at most each of them */
    struct scene scene = begin();
    scene.every = 100 * SECOND;
    assert_in_range(measurements(&scene, 3600), 12, 36);
}

static void what_it_settled_at_is_known_soon(void **state) {
    struct scene scene = begin();
    (void)state;
    scene.every = 2 * SECOND;
    measurements(&scene, 3600);
    scene.every = 0;
    scene.generation++;
    int64_t settled = scene.now;
    assert_int_equal(measurements(&scene, 120), 1);
    assert_true(scene.last - settled <= 75 * SECOND);
    /* and after some minutes of quiet it is as it was at first */
    measurements(&scene, 200);
    scene.generation++;
    assert_int_equal(measurements(&scene, 1), 1);
    scene.generation++;
    assert_int_equal(measurements(&scene, 5), 1);
}

static void the_pause_stays_long_while_there_is_no_quiet(void **state) {
    struct scene scene = begin();
    (void)state;
    scene.every = 2 * SECOND;
    measurements(&scene, 3600);
    scene.every = 0;
    measurements(&scene, 200); /* less than the longest pause */
    scene.every = 2 * SECOND;
    assert_true(measurements(&scene, 600) <= 3);
}

static void one_that_fails_is_tried_again_but_seldom(void **state) {
    struct scene scene = begin();
    (void)state;
    scene.fails = true;
    assert_int_equal(measurements(&scene, 29), 1);
    assert_int_equal(measurements(&scene, 30), 1);
    measurements(&scene, 600);
    assert_in_range(measurements(&scene, 3600), 40, 50);
    scene.fails = false;
    assert_int_equal(measurements(&scene, 80), 1);
}

static void beside_other_work_it_is_repeated_and_less_and_less(void **state) {
    struct scene scene = begin();
    (void)state;
    scene.company = true;
    assert_int_equal(measurements(&scene, 1), 1);
    assert_int_equal(measurements(&scene, 31), 1);
    assert_int_equal(measurements(&scene, 61), 1);
    measurements(&scene, 1800);
    assert_in_range(measurements(&scene, 3600), 6, 7);
    scene.company = false; /* one without is good for long */
    assert_int_equal(measurements(&scene, 601), 1);
    assert_int_equal(measurements(&scene, 599 - (scene.now - scene.last) / SECOND), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cluster_is_measured_at_once_and_now_and_then),
        cmocka_unit_test(other_workers_are_measured_soon),
        cmocka_unit_test(workers_that_come_and_go_are_measured_less_and_less),
        cmocka_unit_test(what_it_settled_at_is_known_soon),
        cmocka_unit_test(the_pause_stays_long_while_there_is_no_quiet),
        cmocka_unit_test(one_that_fails_is_tried_again_but_seldom),
        cmocka_unit_test(beside_other_work_it_is_repeated_and_less_and_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Repeated measurements, summed up by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handlers/json_out.h"
#include "handlers/samples.h"

static void sums_up_one(void **state) {
    const int64_t samples[] = {42};
    struct cn_sample_stats stats;

    (void)state;
    cn_samples_sum_up(samples, 1, &stats);
    assert_true(stats.mean_ns == 42 && stats.stddev_ns == 0 && stats.median_ns == 42);
    assert_true(stats.min_ns == 42 && stats.max_ns == 42);
}

/* Mean 5, squared distances 9 1 1 1 0 0 4 16: their mean is 4. */
static void sums_up_many(void **state) {
    const int64_t samples[] = {2, 4, 4, 4, 5, 5, 7, 9};
    const int64_t shuffled[] = {9, 4, 5, 2, 4, 7, 5, 4};
    struct cn_sample_stats stats;

    (void)state;
    cn_samples_sum_up(samples, 8, &stats);
    assert_true(stats.mean_ns == 5 && stats.stddev_ns == 2 && stats.median_ns == 4.5);
    assert_true(stats.min_ns == 2 && stats.max_ns == 9);
    cn_samples_sum_up(shuffled, 8, &stats);
    assert_true(stats.mean_ns == 5 && stats.stddev_ns == 2 && stats.median_ns == 4.5);
    assert_int_equal(shuffled[0], 9); /* as they were */
    cn_samples_sum_up(shuffled, 7, &stats);
    assert_true(stats.median_ns == 5);
}

/* Hours in nanoseconds: sums and squares go beyond what 64 bits would hold. */
static void large_ones_do_not_overflow(void **state) {
    const int64_t most = INT64_C(4000000000000000000);
    const int64_t samples[] = {most, most, most, most - 4000000};
    struct cn_sample_stats stats;

    (void)state;
    cn_samples_sum_up(samples, 4, &stats);
    assert_true(stats.mean_ns > 3.99e18 && stats.mean_ns < 4.01e18);
    assert_true(stats.stddev_ns < 1e7);
    assert_true(stats.median_ns == 4e18);
}

static void writes_whole_nanoseconds(void **state) {
    const int64_t samples[] = {10, 13, 12};
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_json_out out;

    (void)state;
    cn_json_out_init(&out, &buf);
    cn_json_out_open(&out, NULL, '{');
    cn_samples_write(&out, "repeat", samples, 3);
    cn_samples_write(&out, "once", samples, 1);
    cn_json_out_close(&out, '}');
    assert_true(out.ok);
    /* mean 11.67, squared distances 25/9 16/9 1/9: their mean is 1.56, its root 1.25 */
    assert_true(cn_str_is(cn_buf_str(&buf),
                          "{\"repeat\":{\"runs\":3,\"mean_ns\":12,\"stddev_ns\":1,\"min_ns\":10,"
                          "\"median_ns\":12,\"samples_ns\":[10,13,12]},"
                          "\"once\":{\"runs\":1,\"mean_ns\":10,\"stddev_ns\":0,\"min_ns\":10,"
                          "\"median_ns\":10,\"samples_ns\":[10]}}"));
    cn_buf_release(&buf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_up_one),
        cmocka_unit_test(sums_up_many),
        cmocka_unit_test(large_ones_do_not_overflow),
        cmocka_unit_test(writes_whole_nanoseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

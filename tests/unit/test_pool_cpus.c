/* How many CPUs there are to use. */
#include "tests/unit/pool_helpers.h"
#include "tests/unit/machine_helpers.h"

#include "pool/cpus.h"
#include "pool/queue.h"

static void assert_quota(double expected) {
    assert_true(cn_cpus_quota(machine_root) == expected);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void cpu_max_is_parsed(void **unused) {
    (void)unused;
    static const struct {
        const char *text;
        bool good;
        double cpus;
    } cases[] = {
        {"max 100000\n", true, 0},    {"max\n", true, 0},
        {"200000 100000\n", true, 2}, {"50000 100000", true, 0.5},
        {"150000\n", true, 1.5},      {"", false, 0},
        {"-1 100000\n", false, 0},    {"0 100000\n", false, 0},
        {"1000 0\n", false, 0},       {"fast\n", false, 0},
        {"1000 slow\n", false, 0},    {"99999999999999999999 1", false, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double cpus = -1;
        assert_int_equal(cn_cpus_parse_max(cases[i].text, &cpus), cases[i].good);
        assert_true(cpus == cases[i].cpus);
    }
}

static void no_groups_no_quota(void **unused) {
    (void)unused;
    assert_quota(0);
    machine_put("/proc/self/cgroup", "0::/\n");
    assert_quota(0);
}

static void version_2_takes_the_least_of_all_above(void **unused) {
    (void)unused;
    machine_put("/proc/self/cgroup", "0::/a.slice/b/c\n");
    machine_put("/sys/fs/cgroup/a.slice/b/c/cpu.max", "max 100000\n");
    assert_quota(0);
    machine_put("/sys/fs/cgroup/a.slice/b/cpu.max", "300000 100000\n");
    assert_quota(3);
    machine_put("/sys/fs/cgroup/a.slice/cpu.max", "150000 100000\n");
    assert_quota(1.5);
    machine_put("/sys/fs/cgroup/a.slice/b/c/cpu.max", "400000 100000\n");
    assert_quota(1.5);
}

static void a_container_sees_its_own_group_as_the_mount(void **unused) {
    (void)unused;
    machine_put("/proc/self/cgroup", "0::/docker/0123456789ab\n");
    machine_put("/sys/fs/cgroup/cpu.max", "250000 100000\n");
    assert_quota(2.5);
}

static void version_1_is_read_too(void **unused) {
    (void)unused;
    machine_put("/proc/self/cgroup",
                "4:memory:/jobs\n3:cpuset:/jobs\n2:cpu,cpuacct:/jobs/x\n0::/\n");
    machine_put("/sys/fs/cgroup/cpu/jobs/x/cpu.cfs_quota_us", "-1\n");
    machine_put("/sys/fs/cgroup/cpu/jobs/x/cpu.cfs_period_us", "100000\n");
    assert_quota(0);
    machine_put("/sys/fs/cgroup/cpu/jobs/cpu.cfs_quota_us", "70000\n");
    machine_put("/sys/fs/cgroup/cpu/jobs/cpu.cfs_period_us", "50000\n");
    assert_quota(1.4);
    /* the group of another controller is not this one's */
    machine_put("/sys/fs/cgroup/cpuset/jobs/cpu.cfs_quota_us", "1000\n");
    assert_quota(1.4);
}

static void odd_files_do_no_harm(void **unused) {
    (void)unused;
    machine_put("/proc/self/cgroup", "nonsense\n\n7:\n:::::\n0::\n0::relative\n0::/../..\n");
    machine_put("/sys/fs/cgroup/cpu.max", "nonsense\n");
    assert_quota(0);
    char longest[6000];
    memset(longest, 'x', sizeof(longest));
    memcpy(longest, "0::/", 4);
    longest[sizeof(longest) - 1] = '\0';
    machine_put("/proc/self/cgroup", longest);
    assert_quota(0);
}

static void assert_model(const char *expected) {
    char model[24];
    cn_cpus_model(machine_root, model, sizeof(model));
    assert_string_equal(model, expected);
}

static void the_model_is_printable(void **unused) {
    (void)unused;
    assert_model("unknown");
    machine_put("/proc/cpuinfo", "processor\t: 0\nBogoMIPS\t: 50.00\nCPU part\t: 0xd0c\n");
    assert_model("unknown");
    machine_put("/proc/cpuinfo",
                "processor\t: 0\nmodel\t\t: 85\nmodel name\t: A(R)  B\x01\tC @ 2 \n"
                "model name\t: other\n");
    assert_model("A(R) B C @ 2");
    machine_put("/proc/cpuinfo", "model name\t:\nmodel name: x\n");
    assert_model("unknown");
    machine_put("/proc/cpuinfo", "model name: \xc3\xa4 0123456789 0123456789 0123456789");
    assert_model("0123456789 0123456789 0");
}

static void usable_is_rounded_up_and_at_least_one(void **unused) {
    (void)unused;
    assert_int_equal(cn_cpus_usable(8, 0), 8);
    assert_int_equal(cn_cpus_usable(8, 1.5), 2);
    assert_int_equal(cn_cpus_usable(8, 2), 2);
    assert_int_equal(cn_cpus_usable(8, 0.1), 1);
    assert_int_equal(cn_cpus_usable(2, 64), 2);
    assert_int_equal(cn_cpus_usable(2, 1e300), 2);
    assert_int_equal(cn_cpus_usable(0, 0), 1);
}

static void this_machine(void **unused) {
    (void)unused;
    struct cn_cpus cpus;
    cn_cpus_read(&cpus);
    assert_true(cpus.online >= 1);
    assert_true(cpus.affinity >= 1);
    assert_true(cpus.quota >= 0);
    assert_in_range(cpus.usable, 1, cpus.affinity);
    assert_true(strlen(cpus.model) > 0 && strlen(cpus.model) < sizeof cpus.model);
}

/* ---- the account of a task ------------------------------------------------------------------ */

static void spans_always_sum(void **unused) {
    (void)unused;
    static const struct {
        int64_t parse, hash, total;
        int64_t parse_after, hash_after, rest_after;
    } cases[] = {
        {0, 0, 0, 0, 0, 0},  {3, 4, 10, 3, 4, 3},        {3, 4, 7, 3, 4, 0},
        {3, 4, 5, 3, 2, 0},  {-9, 4, 10, 0, 4, 6},       {INT64_MAX, INT64_MAX, 8, 8, 0, 0},
        {5, 5, -1, 0, 0, 0}, {INT64_MIN, 1, 2, 0, 1, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cn_spans spans = {{0}};
        spans.ns[CN_SPAN_PARSE] = cases[i].parse;
        spans.ns[CN_SPAN_HASH] = cases[i].hash;
        cn_spans_settle(&spans, cases[i].total, CN_SPAN_SHIP);
        assert_true(spans.ns[CN_SPAN_PARSE] == cases[i].parse_after);
        assert_true(spans.ns[CN_SPAN_HASH] == cases[i].hash_after);
        assert_true(spans.ns[CN_SPAN_SHIP] == cases[i].rest_after);
    }
}

#define ON_MACHINE(test) cmocka_unit_test_setup_teardown(test, machine_new, machine_free)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cpu_max_is_parsed),
        ON_MACHINE(no_groups_no_quota),
        ON_MACHINE(version_2_takes_the_least_of_all_above),
        ON_MACHINE(a_container_sees_its_own_group_as_the_mount),
        ON_MACHINE(version_1_is_read_too),
        ON_MACHINE(odd_files_do_no_harm),
        ON_MACHINE(the_model_is_printable),
        cmocka_unit_test(usable_is_rounded_up_and_at_least_one),
        cmocka_unit_test(this_machine),
        cmocka_unit_test(spans_always_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

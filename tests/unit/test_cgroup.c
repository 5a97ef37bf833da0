/* What the control groups allow of memory, read below a small machine in a folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cgroup.h"
#include "tests/unit/machine_helpers.h"

#define MIB (UINT64_C(1) << 20)

static void assert_limit(uint64_t expected) {
    assert_int_equal(cn_cgroup_memory(machine_root), expected);
}

static void no_groups_no_limit(void **unused) {
    (void)unused;
    assert_limit(UINT64_MAX);
    machine_put("/proc/self/cgroup", "0::/\n");
    assert_limit(UINT64_MAX);
    machine_put("/sys/fs/cgroup/memory.max", "max\n");
    assert_limit(UINT64_MAX);
}

static void version_2_takes_the_least_of_all_above(void **unused) {
    (void)unused;
    machine_put("/proc/self/cgroup", "0::/a.slice/b/c\n");
    machine_put("/sys/fs/cgroup/a.slice/b/c/memory.max", "max\n");
    assert_limit(UINT64_MAX);
    machine_put("/sys/fs/cgroup/a.slice/b/c/memory.max", "1073741824\n");
    assert_limit(1024 * MIB);
    machine_put("/sys/fs/cgroup/a.slice/memory.max", "268435456\n");
    assert_limit(256 * MIB);
    machine_put("/sys/fs/cgroup/a.slice/b/memory.max", "536870912\n");
    assert_limit(256 * MIB);
    machine_put("/sys/fs/cgroup/a.slice/b/memory.high", "134217728\n");
    assert_limit(128 * MIB);
    machine_put("/sys/fs/cgroup/a.slice/b/memory.high", "max\n");
    assert_limit(256 * MIB);
}

static void a_container_sees_its_own_group_as_the_mount(void **unused) {
    (void)unused;
    machine_put("/proc/self/cgroup", "0::/docker/0123456789ab\n");
    machine_put("/sys/fs/cgroup/memory.max", "67108864\n");
    assert_limit(64 * MIB);
}

static void version_1_is_read_too(void **unused) {
    (void)unused;
    machine_put("/proc/self/cgroup", "4:memory:/jobs/x\n3:cpuset:/jobs\n0::/\n");
    machine_put("/sys/fs/cgroup/memory/jobs/x/memory.limit_in_bytes", "9223372036854771712\n");
    machine_put("/sys/fs/cgroup/memory/jobs/memory.limit_in_bytes", "268435456\n");
    machine_put("/sys/fs/cgroup/cpuset/jobs/memory.limit_in_bytes", "1000\n");
    assert_limit(256 * MIB);
    machine_put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "33554432\n");
    assert_limit(32 * MIB);
}

static void odd_files_do_no_harm(void **unused) {
    (void)unused;
    machine_put("/proc/self/cgroup", "nonsense\n\n7:\n:::::\n0::/\n0::relative\n0::/../..\n");
    static const char *const odd[] = {
        "nonsense\n", "-1\n", "0\n", "", "12three\n", " 5\n", "99999999999999999999999\n"};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        machine_put("/sys/fs/cgroup/memory.max", odd[i]);
        assert_limit(UINT64_MAX);
    }
}

#define ON_MACHINE(test) cmocka_unit_test_setup_teardown(test, machine_new, machine_free)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_MACHINE(no_groups_no_limit),
        ON_MACHINE(version_2_takes_the_least_of_all_above),
        ON_MACHINE(a_container_sees_its_own_group_as_the_mount),
        ON_MACHINE(version_1_is_read_too),
        ON_MACHINE(odd_files_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The header Prefer: lists, quotes, parameters, and what is ignored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handlers/prefer.h"

struct example {
    const char *header;
    bool respond_async;
    int64_t wait_s; /* -1: none */
};

static void headers(void **state) {
    (void)state;
    static const struct example examples[] = {
        {NULL, false, -1},
        {"", false, -1},
        {"respond-async", true, -1},
        {"Respond-ASYNC", true, -1},
        {"respond-async, wait=10", true, 10},
        {"respond-async,wait=10", true, 10},
        {" wait = 7 ,\trespond-async ", true, 7},
        {"respond-async; wait=10", true, -1}, /* a parameter, not a preference */
        {"respond-async; foo=\"a, wait=3\", wait=4", true, 4},
        {"wait=\"12\"", false, 12},
        {"wait=\"1\\\\2\", respond-async", true, -1},
        {"wait=5, wait=9", false, 5},
        {"wait=x, wait=9", false, -1},
        {"wait=-1, respond-async", true, -1},
        {"wait=1.5", false, -1},
        {"wait", false, -1},
        {"wait=", false, -1},
        {"wait=0", false, 0},
        {"wait=86400", false, 86400},
        {"wait=86401", false, 86400},
        {"wait=99999999999999999999999999999", false, 86400},
        {"respond-async=\"\"", true, -1},
        {"respond-async=no", false, -1},
        {"respond-asynchronously", false, -1},
        {"respond-async x", false, -1},
        {"return=minimal, foo; bar=\"respond-async\", lenient", false, -1},
        {",, ,respond-async,,", true, -1},
        {"\"respond-async\"", false, -1},
        {"foo=\"respond-async, wait=3", false, -1},
        {"foo=\"\\\", respond-async\", wait=2", false, 2},
        {"foo=\"\\", false, -1},
        {"=, respond-async", true, -1},
    };
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        const struct example *example = &examples[i];
        struct cn_prefer prefer;
        cn_prefer_read(&prefer, example->header);
        int64_t wait_s = prefer.has_wait ? (int64_t)prefer.wait_s : -1;
        if (prefer.respond_async != example->respond_async || wait_s != example->wait_s)
            fail_msg("'%s': respond_async %d, wait %lld", example->header, prefer.respond_async,
                     (long long)wait_s);
    }
}

static void waiting_times(void **state) {
    (void)state;
    struct cn_prefer prefer;
    cn_prefer_read(&prefer, "respond-async");
    assert_int_equal(cn_prefer_wait_ns(&prefer), 0);
    cn_prefer_read(&prefer, "wait=3");
    assert_int_equal(cn_prefer_wait_ns(&prefer), INT64_C(3000000000));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers),
        cmocka_unit_test(waiting_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

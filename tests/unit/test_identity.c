/* The identity of the program as a worker: the same everywhere, and of everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "handlers/call.h"
#include "handlers/identity.h"
#include "kernels/cpu.h"

#define PREFIX "colonnade 1.2.3 sha256:"

static void make(char out[CN_PIPE_IDENTITY], const char *version) {
    struct cn_error error;
    memset(out, 'x', CN_PIPE_IDENTITY);
    cn_error_init(&error);
    if (cn_identity_make(out, version, &error) != CN_OK)
        fail_msg("%s", error.detail);
}

static void it_names_version_and_digest(void **unused) {
    (void)unused;
    char text[CN_PIPE_IDENTITY];
    make(text, "1.2.3");
    assert_memory_equal(text, PREFIX, strlen(PREFIX));
    const char *hex = text + strlen(PREFIX);
    assert_int_equal(strspn(hex, "0123456789abcdef"), 64);
    for (size_t i = strlen(PREFIX) + 64; i < CN_PIPE_IDENTITY; i++)
        assert_int_equal(text[i], 0);
}

static void it_is_the_same_each_time(void **unused) {
    (void)unused;
    char first[CN_PIPE_IDENTITY], again[CN_PIPE_IDENTITY];
    make(first, "1");
    for (int i = 0; i < 3; i++) {
        make(again, "1");
        assert_memory_equal(first, again, sizeof first);
    }
}

/* Levels that this CPU has not are left out. */
static void it_is_the_same_on_every_cpu(void **unused) {
    (void)unused;
    static const char *const levels[] = {"scalar", "avx2", "sha", "avx512"};
    char best[CN_PIPE_IDENTITY], text[CN_PIPE_IDENTITY];
    size_t tried = 0;
    make(best, "1");
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (cn_cpu_choose(levels[i], NULL) != CN_OK)
            continue;
        tried++;
        make(text, "1");
        if (memcmp(best, text, sizeof text) != 0)
            fail_msg("%s: %s", levels[i], text);
    }
    assert_true(tried >= 1);
    assert_int_equal(cn_cpu_choose(getenv("COLONNADE_CPU"), NULL), CN_OK);
}

static bool is_called(const char *function) {
    size_t n, len = strlen(function);
    const struct cn_identity_part *parts = cn_identity_parts(&n);
    for (size_t i = 0; i < n; i++)
        for (size_t l = 0; parts[i].lets[l]; l++)
            for (const char *at = parts[i].lets[l]; (at = strstr(at, function)) != NULL; at++)
                if (at[len] == '(' && (at == parts[i].lets[l] || strchr("( ", at[-1])))
                    return true;
    return false;
}

static void every_function_is_part_of_it(void **unused) {
    (void)unused;
    size_t n;
    const struct cn_function_doc *docs = cn_function_docs(&n);
    assert_true(n > 0);
    for (size_t i = 0; i < n; i++)
        if (!is_called(docs[i].name))
            fail_msg("%s is in no part (handlers/identity_parts.c)", docs[i].name);
    assert_false(is_called("in")); /* sin( is not it */
    bool called[CN_CALL_FUNCTIONS] = {false};
    const struct cn_identity_calls *calls = cn_identity_calls(&n);
    for (size_t i = 0; i < n; i++)
        called[calls[i].function] = true;
    for (size_t i = 0; i < CN_CALL_FUNCTIONS; i++)
        assert_true(called[i]);
}

/* ---- what a part gives ---------------------------------------------------------------------- */

/* Rows of a part, and those in which each let fails. */
struct seen {
    uint64_t rows;
    uint64_t failed[64];
};

static void run_part(const struct cn_identity_part *part, struct seen *seen) {
    struct cn_morsel_result result;
    struct cn_morsel_trailer trailer;
    struct cn_buf out = CN_BUF_INIT;
    struct cn_plan *plan;
    struct cn_key key;
    struct cn_keyring keys = {&key, 1};
    void *state;
    assert_true(cn_key_make(&key, CN_STR("k"), CN_STR("k")));
    assert_int_equal(cn_identity_plan(&plan, 1, part, &keys, NULL), CN_OK);
    assert_int_equal(cn_kind_compute.state_new(&state, &keys, NULL), CN_OK);
    assert_int_equal(cn_identity_run(part, plan, state, &out, &result, NULL), CN_OK);
    assert_true(cn_morsel_trailer(plan, &result, &out, &trailer));
    seen->rows = result.rows;
    for (size_t i = 0; part->lets[i]; i++)
        seen->failed[i] = cn_morsel_u64(trailer.failed, i);
    cn_plan_unref(plan);
    cn_kind_compute.state_free(state);
    cn_buf_release(&out);
}

/* A column of nulls would say nothing of its function. */
static void every_let_computes_something(void **unused) {
    (void)unused;
    size_t n;
    const struct cn_identity_part *parts = cn_identity_parts(&n);
    assert_true(n > 0);
    for (size_t i = 0; i < n; i++) {
        struct seen seen;
        run_part(&parts[i], &seen);
        assert_true(seen.rows >= 15);
        for (size_t l = 0; parts[i].lets[l]; l++)
            if (seen.failed[l] > seen.rows - 2)
                fail_msg("part %zu: '%s' fails in %llu of %llu rows", i, parts[i].lets[l],
                         (unsigned long long)seen.failed[l], (unsigned long long)seen.rows);
    }
}

/* A bound that a loaded machine keeps too; it is some milliseconds. */
static void it_does_not_take_long(void **unused) {
    (void)unused;
    char text[CN_PIPE_IDENTITY];
    int64_t best = INT64_MAX;
    for (int i = 0; i < 5; i++) {
        int64_t began = cn_clock_thread_cpu();
        make(text, "1");
        int64_t ns = cn_clock_thread_cpu() - began;
        best = ns < best ? ns : best;
    }
    print_message("the identity takes %.2f ms\n", (double)best / 1e6);
    assert_true(best < 1000 * CN_NS_PER_MS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_names_version_and_digest),
        cmocka_unit_test(it_is_the_same_each_time),
        cmocka_unit_test(it_is_the_same_on_every_cpu),
        cmocka_unit_test(every_function_is_part_of_it),
        cmocka_unit_test(every_let_computes_something),
        cmocka_unit_test(it_does_not_take_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Texts on disk: places, limits, and what goes wrong there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "handlers/spool.h"

#define MIB ((size_t)1 << 20)

static char dir[] = "/tmp/colonnade-spool-XXXXXX";

static int make_dir(void **state) {
    (void)state;
    signal(SIGXFSZ, SIG_IGN); /* as the server does */
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state) {
    (void)state;
    return rmdir(dir); /* fails if anything was left in it */
}

static size_t names(void) {
    DIR *open = opendir(dir);
    size_t n = 0;
    assert_non_null(open);
    while (readdir(open))
        n++;
    closedir(open);
    return n - 2;
}

static struct cn_spools *start(uint64_t limit) {
    struct cn_spools *spools;
    struct cn_error error;
    cn_error_init(&error);
    assert_int_equal(cn_spools_new(&spools, dir, limit, &error), CN_OK);
    return spools;
}

static struct cn_spool *open_one(struct cn_spools *spools) {
    struct cn_spool *spool;
    assert_int_equal(cn_spool_new(&spool, spools, NULL), CN_OK);
    return spool;
}

static struct cn_spools_stats look(struct cn_spools *spools) {
    struct cn_spools_stats stats;
    cn_spools_look(spools, &stats);
    return stats;
}

/* Files are closed by a thread. */
static void wait_for(struct cn_spools *spools, uint64_t files) {
    for (int i = 0; i < 5000 && look(spools).files != files; i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_int_equal(look(spools).files, files);
}

/* What stands at a place, so that a text at a wrong one is noticed. */
static char *fill(size_t len, unsigned seed) {
    char *text = malloc(len);
    assert_non_null(text);
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525 + 1013904223;
        text[i] = (char)(seed >> 24);
    }
    return text;
}

static void comes_back_as_it_was(void **state) {
    (void)state;
    struct cn_spools *spools = start(8 * MIB);
    struct cn_spool *spool = open_one(spools);
    char *text = fill(3 * MIB, 1), *read = malloc(3 * MIB);
    assert_int_equal(cn_spool_end(spool), 0);
    assert_int_equal(cn_spool_write(spool, 0, cn_str(text, MIB), NULL), CN_OK);
    assert_int_equal(cn_spool_end(spool), MIB);
    /* a gap, which nobody reads */
    assert_int_equal(cn_spool_write(spool, 2 * MIB + 7, cn_str(text + MIB, 2 * MIB), NULL), CN_OK);
    assert_int_equal(cn_spool_end(spool), 4 * MIB + 7);
    assert_int_equal(look(spools).bytes, 3 * MIB);
    assert_int_equal(look(spools).files, 1);
    assert_int_equal(names(), 0);
    assert_int_equal(cn_spool_read(spool, 2 * MIB + 7, read + MIB, 2 * MIB, NULL), CN_OK);
    assert_int_equal(cn_spool_read(spool, 0, read, MIB, NULL), CN_OK);
    assert_memory_equal(read, text, 3 * MIB);
    assert_int_equal(cn_spool_read(spool, 2 * MIB + 8, read, 100, NULL), CN_OK);
    assert_memory_equal(read, text + MIB + 1, 100);
    free(text);
    free(read);
    cn_spool_free(spool);
    wait_for(spools, 0);
    assert_int_equal(look(spools).bytes, 0);
    cn_spools_free(spools);
    cn_spools_free(NULL);
    cn_spool_free(NULL);
}

static void places_go_forward(void **state) {
    (void)state;
    struct cn_spools *spools = start(MIB);
    struct cn_spool *spool = open_one(spools);
    struct cn_error error;
    char byte;
    assert_int_equal(cn_spool_write(spool, 0, CN_STR("0123456789"), NULL), CN_OK);
    assert_int_equal(cn_spool_write(spool, 9, CN_STR("x"), NULL), CN_INTERNAL);
    assert_int_equal(cn_spool_write(spool, UINT64_MAX, CN_STR("x"), NULL), CN_INTERNAL);
    assert_int_equal(cn_spool_write(spool, INT64_MAX, CN_STR("x"), NULL), CN_INTERNAL);
    assert_int_equal(cn_spool_end(spool), 10);
    cn_error_init(&error);
    assert_int_equal(cn_spool_read(spool, 10, &byte, 1, &error), CN_INTERNAL); /* nothing there */
    assert_non_null(strstr(error.detail, "--data-dir"));
    cn_spool_free(spool);
    cn_spools_free(spools);
}

static void the_limit_is_for_all(void **state) {
    (void)state;
    struct cn_spools *spools = start(MIB);
    struct cn_spool *first = open_one(spools), *second = open_one(spools);
    char *text = fill(MIB + 1, 2);
    struct cn_error error;
    cn_error_init(&error);
    assert_int_equal(cn_spool_write(first, 0, cn_str(text, MIB + 1), &error), CN_BODY_TOO_LARGE);
    assert_string_equal(error.limit, "--spool-bytes");
    assert_int_equal(look(spools).bytes, 0);
    assert_int_equal(cn_spool_write(first, 0, cn_str(text, MIB - 10), NULL), CN_OK);
    cn_error_init(&error);
    assert_int_equal(cn_spool_write(second, 0, cn_str(text, 11), &error), CN_OVERLOADED);
    assert_string_equal(error.limit, "--spool-bytes");
    assert_int_equal(cn_spool_write(second, 0, cn_str(text, 10), NULL), CN_OK);
    assert_int_equal(look(spools).bytes, MIB);
    cn_error_init(&error);
    assert_int_equal(cn_spool_write(first, MIB, cn_str(text, 11), &error), CN_BODY_TOO_LARGE);
    cn_spool_free(first);
    wait_for(spools, 1);
    assert_int_equal(cn_spool_write(second, 10, cn_str(text, MIB - 10), NULL), CN_OK);
    free(text);
    cn_spool_free(second);
    cn_spools_free(spools);
}

static void half_of_the_disk(void **state) {
    (void)state;
    struct cn_spools *spools = start(0);
    assert_true(look(spools).limit > MIB);
    assert_true(look(spools).limit < UINT64_C(1) << 60);
    cn_spools_free(spools);
}

static void a_file_that_may_not_grow(void **state) {
    (void)state;
    struct cn_spools *spools = start(8 * MIB);
    struct cn_spool *spool = open_one(spools);
    char *text = fill(2 * MIB, 3), *read = malloc(MIB);
    struct rlimit before, small;
    struct cn_error error;
    assert_int_equal(cn_spool_write(spool, 0, cn_str(text, MIB / 2), NULL), CN_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = MIB;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    cn_error_init(&error);
    /* half of it is written, by a short write */
    assert_int_equal(cn_spool_write(spool, MIB / 2, cn_str(text, MIB), &error), CN_OVERLOADED);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_string_equal(error.limit, "--data-dir");
    assert_non_null(strstr(error.detail, "free some space"));
    assert_int_equal(cn_spool_end(spool), MIB / 2);
    /* what was there is there, and the rest can be written yet */
    assert_int_equal(cn_spool_read(spool, 0, read, MIB / 2, NULL), CN_OK);
    assert_memory_equal(read, text, MIB / 2);
    assert_int_equal(cn_spool_write(spool, MIB / 2, cn_str(text + MIB, MIB), NULL), CN_OK);
    assert_int_equal(cn_spool_read(spool, MIB / 2, read, MIB, NULL), CN_OK);
    assert_memory_equal(read, text + MIB, MIB);
    free(text);
    free(read);
    cn_spool_free(spool);
    cn_spools_free(spools);
    assert_int_equal(names(), 0);
}

static void a_directory_is_needed(void **state) {
    (void)state;
    struct cn_spools *spools = NULL;
    struct cn_error error;
    cn_error_init(&error);
    assert_int_equal(cn_spools_new(&spools, "/nosuch/directory", 0, &error), CN_INVALID_PARAMETER);
    assert_non_null(strstr(error.detail, "--data-dir /nosuch/directory"));
    assert_null(spools);
}

struct reader {
    struct cn_spool *spool;
    const char *text;
    _Atomic size_t *written;
};

static void *read_behind(void *argument) {
    const struct reader *reader = argument;
    char *read = malloc(MIB);
    for (unsigned i = 0, seed = 7; i < 400; i++) {
        size_t end = *reader->written;
        seed = seed * 1664525 + 1013904223;
        size_t at = end > 0 ? seed % end : 0;
        size_t len = end - at < MIB / 4 ? end - at : MIB / 4;
        assert_int_equal(cn_spool_read(reader->spool, at, read, len, NULL), CN_OK);
        assert_memory_equal(read, reader->text + at, len);
    }
    free(read);
    return NULL;
}

static void read_while_more_is_written(void **state) {
    (void)state;
    struct cn_spools *spools = start(16 * MIB);
    struct cn_spool *spool = open_one(spools);
    char *text = fill(16 * MIB, 5);
    _Atomic size_t written = 0;
    struct reader reader = {spool, text, &written};
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_behind, &reader), 0);
    for (size_t at = 0; at < 16 * MIB; at += MIB / 2) {
        assert_int_equal(cn_spool_write(spool, at, cn_str(text + at, MIB / 2), NULL), CN_OK);
        written = at + MIB / 2;
    }
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    free(text);
    cn_spool_free(spool);
    cn_spools_free(spools);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_was),       cmocka_unit_test(places_go_forward),
        cmocka_unit_test(the_limit_is_for_all),       cmocka_unit_test(half_of_the_disk),
        cmocka_unit_test(a_file_that_may_not_grow),   cmocka_unit_test(a_directory_is_needed),
        cmocka_unit_test(read_while_more_is_written),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}

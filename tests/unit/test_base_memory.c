#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>

#include "base/arena.h"
#include "base/blocks.h"
#include "base/buf.h"
#include "base/poison.h"

static void buf_grows_and_keeps_its_bytes(void **state) {
    (void)state;
    struct cn_buf buf = CN_BUF_INIT;
    assert_string_equal(cn_buf_str(&buf).data, "");
    assert_true(cn_buf_add(&buf, NULL, 0));
    assert_null(buf.data);
    for (int i = 0; i < 10000; i++) {
        assert_true(cn_buf_add_char(&buf, (char)('a' + i % 26)));
        assert_true(buf.len <= buf.cap);
    }
    assert_true(cn_buf_add_c(&buf, "END"));
    assert_true(cn_buf_add_str(&buf, CN_STR("!")));
    assert_int_equal(buf.len, 10004);
    for (size_t i = 0; i < 10000; i++)
        assert_int_equal(buf.data[i], (char)('a' + i % 26));
    assert_memory_equal(buf.data + 10000, "END!", 4);
    cn_buf_release(&buf);
    assert_null(buf.data);
    assert_int_equal(buf.cap, 0);
}

static void buf_printf_takes_any_length(void **state) {
    (void)state;
    struct cn_buf buf = CN_BUF_INIT;
    char text[5000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 3; i++)
        assert_true(cn_buf_printf(&buf, "<%s|%d>", text, i));
    assert_int_equal(buf.len, 3 * (sizeof text - 1 + 4));
    assert_memory_equal(buf.data + buf.len - 3, "|2>", 3);
    cn_buf_release(&buf);
}

static void buf_refuses_impossible_sizes(void **state) {
    (void)state;
    struct cn_buf buf = CN_BUF_INIT;
    assert_true(cn_buf_add_c(&buf, "kept"));
    assert_false(cn_buf_reserve(&buf, SIZE_MAX));
    assert_false(cn_buf_reserve(&buf, SIZE_MAX - 2));
    assert_false(cn_buf_reserve(&buf, (size_t)PTRDIFF_MAX));
    assert_int_equal(buf.len, 4);
    assert_memory_equal(buf.data, "kept", 4);
    cn_buf_release(&buf);
}

static void arena_gives_aligned_memory(void **state) {
    (void)state;
    struct cn_arena arena;
    cn_arena_init(&arena, 1000);
    for (size_t round = 0; round < 3; round++) {
        char *texts[300];
        for (size_t i = 0; i < 300; i++) {
            size_t size = i * 7 % 2500;
            texts[i] = cn_arena_alloc(&arena, size);
            assert_non_null(texts[i]);
            assert_int_equal((uintptr_t)texts[i] % 16, 0);
            memset(texts[i], (int)i % 128, size);
        }
        for (size_t i = 0; i < 300; i++)
            for (size_t k = 0; k < i * 7 % 2500; k++)
                assert_int_equal(texts[i][k], (int)i % 128);
        assert_true(arena.total >= 300 * 1000);
        cn_arena_reset(&arena, 50000);
        assert_true(arena.total <= 50000 && arena.total > 0);
    }
    cn_arena_reset(&arena, 0);
    assert_int_equal(arena.total, 0);
    cn_arena_release(&arena);
    assert_null(arena.first);
}

static void arena_reuses_what_it_kept(void **state) {
    (void)state;
    struct cn_arena arena;
    cn_arena_init(&arena, 4096);
    for (int i = 0; i < 8; i++)
        assert_non_null(cn_arena_alloc(&arena, 4000));
    size_t total = arena.total;
    cn_arena_reset(&arena, SIZE_MAX);
    assert_int_equal(arena.total, total);
    for (int i = 0; i < 8; i++)
        assert_non_null(cn_arena_alloc(&arena, 4000));
    assert_int_equal(arena.total, total);
    cn_arena_release(&arena);
}

static void arena_checks_sizes(void **state) {
    (void)state;
    struct cn_arena arena;
    cn_arena_init(&arena, 0);
    assert_null(cn_arena_alloc(&arena, SIZE_MAX));
    assert_null(cn_arena_alloc(&arena, SIZE_MAX - 8));
    assert_null(cn_arena_array(&arena, SIZE_MAX / 2, 3));
    assert_null(cn_arena_strndup(&arena, "x", SIZE_MAX));
    int *zeros = cn_arena_zalloc(&arena, 100 * sizeof *zeros);
    assert_non_null(zeros);
    for (int i = 0; i < 100; i++)
        assert_int_equal(zeros[i], 0);
    struct cn_str copy = cn_arena_str(&arena, CN_STR("copy"));
    assert_true(cn_str_is(copy, "copy"));
    assert_int_equal(copy.data[4], '\0');
    copy = cn_arena_str(&arena, cn_str(NULL, 0));
    assert_string_equal(copy.data, "");
    cn_arena_release(&arena);
}

static void blocks_are_recycled(void **state) {
    (void)state;
    struct cn_blocks *blocks = cn_blocks_new((size_t)8 << 20);
    static const size_t asked[] = {1, 65536, 65537, 1000000, 2 << 20, (2 << 20) + 1};
    static const size_t expected[] = {65536, 65536, 131072, 1 << 20, 2 << 20, 4 << 20};
    for (size_t i = 0; i < 6; i++) {
        size_t size = asked[i];
        char *block = cn_blocks_take(blocks, &size);
        assert_non_null(block);
        assert_int_equal(size, expected[i]);
        assert_int_equal((uintptr_t)block % (size >= 2 << 20 ? 2 << 20 : 64), 0);
        block[0] = block[size - 1] = 1;
        cn_blocks_give(blocks, block, size);
        size = asked[i];
        assert_ptr_equal(cn_blocks_take(blocks, &size), block);
        block[0] = block[size - 1] = 2;
        cn_blocks_give(blocks, block, size);
    }
    size_t idle, used;
    cn_blocks_stats(blocks, &idle, &used);
    assert_int_equal(idle, 65536 + 131072 + (1 << 20) + (6 << 20));
    assert_int_equal(used, 0);
    cn_blocks_free(blocks);
}

static void blocks_keep_no_more_than_told(void **state) {
    (void)state;
    struct cn_blocks *blocks = cn_blocks_new(200000);
    void *taken[8];
    size_t idle, used, size = 1;
    for (int i = 0; i < 8; i++)
        taken[i] = cn_blocks_take(blocks, &size);
    cn_blocks_stats(blocks, &idle, &used);
    assert_int_equal(used, 8 * 65536);
    for (int i = 0; i < 8; i++)
        cn_blocks_give(blocks, taken[i], size);
    cn_blocks_stats(blocks, &idle, &used);
    assert_int_equal(idle, 3 * 65536);
    assert_int_equal(used, 0);
    size = SIZE_MAX;
    assert_null(cn_blocks_take(blocks, &size));
    size = (size_t)1 << 47;
    assert_null(cn_blocks_take(blocks, &size));
    cn_blocks_give(blocks, NULL, 0);
    cn_blocks_free(blocks);
}

static void buffers_grow_in_blocks(void **state) {
    (void)state;
    struct cn_blocks *blocks = cn_blocks_new((size_t)64 << 20);
    struct cn_buf buf;
    cn_buf_init_blocks(&buf, blocks);
    char piece[1000];
    for (size_t i = 0; i < 5000; i++) {
        memset(piece, (int)(i % 100), sizeof piece);
        assert_true(cn_buf_add(&buf, piece, sizeof piece));
    }
    for (size_t i = 0; i < buf.len; i++)
        if (buf.data[i] != (char)(i / 1000 % 100))
            fail_msg("byte %zu", i);
    size_t idle, used;
    cn_blocks_stats(blocks, &idle, &used);
    assert_int_equal(used, buf.cap);
    cn_buf_release(&buf);
    cn_blocks_stats(blocks, &idle, &used);
    assert_int_equal(used, 0);
    cn_blocks_free(blocks);
}

#if CN_ASAN
static void idle_memory_is_poisoned(void **state) {
    (void)state;
    struct cn_arena arena;
    cn_arena_init(&arena, 4096);
    char *text = cn_arena_alloc(&arena, 100);
    assert_false(__asan_address_is_poisoned(text + 99));
    assert_true(__asan_address_is_poisoned(text + 100));
    cn_arena_reset(&arena, SIZE_MAX);
    assert_true(__asan_address_is_poisoned(text));
    cn_arena_release(&arena);
    struct cn_blocks *blocks = cn_blocks_new(1 << 20);
    size_t size = 1;
    char *block = cn_blocks_take(blocks, &size);
    assert_false(__asan_address_is_poisoned(block));
    cn_blocks_give(blocks, block, size);
    assert_true(__asan_address_is_poisoned(block));
    assert_true(__asan_address_is_poisoned(block + size - 1));
    cn_blocks_free(blocks);
}
#endif

static void *take_and_give(void *argument) {
    struct cn_blocks *blocks = argument;
    for (size_t i = 0; i < 2000; i++) {
        size_t size = (i % 5 + 1) * 60000;
        char *block = cn_blocks_take(blocks, &size);
        if (!block)
            return argument;
        memset(block, 7, 100);
        cn_blocks_give(blocks, block, size);
    }
    return NULL;
}

static void blocks_serve_several_threads(void **state) {
    (void)state;
    struct cn_blocks *blocks = cn_blocks_new(1 << 20);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, blocks), 0);
    for (int i = 0; i < 4; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    cn_blocks_free(blocks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buf_grows_and_keeps_its_bytes),
        cmocka_unit_test(buf_printf_takes_any_length),
        cmocka_unit_test(buf_refuses_impossible_sizes),
        cmocka_unit_test(arena_gives_aligned_memory),
        cmocka_unit_test(arena_reuses_what_it_kept),
        cmocka_unit_test(arena_checks_sizes),
        cmocka_unit_test(blocks_are_recycled),
        cmocka_unit_test(blocks_keep_no_more_than_told),
        cmocka_unit_test(buffers_grow_in_blocks),
#if CN_ASAN
        cmocka_unit_test(idle_memory_is_poisoned),
#endif
        cmocka_unit_test(blocks_serve_several_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Frames: memory, and rows as runs of bytes. Columns as vectors.
 */
#include "tests/unit/columns_helpers.h"

#include "columns/frame.h"

static void type_names(void **state) {
    (void)state;
    static const char *const names[] = {"null", "bool", "int64", "float64", "string"};
    for (unsigned type = 0; type < CN_TYPE_COUNT; type++) {
        enum cn_type parsed = CN_TYPE_COUNT;
        assert_string_equal(cn_type_name((enum cn_type)type), names[type]);
        assert_true(cn_type_parse(cn_str_c(names[type]), &parsed));
        assert_int_equal(parsed, type);
    }
    enum cn_type parsed;
    assert_false(cn_type_parse(CN_STR("int32"), &parsed));
    assert_false(cn_type_parse(CN_STR(""), &parsed));
    assert_false(cn_type_parse(CN_STR("string\0"), &parsed));
}

static const uint8_t bools[] = {1, 0, 1, 1, 0};
static const int64_t ints[] = {1, 2, 3, 4, 5};
static const double floats[] = {0.5, 1.5, 2.5, 3.5, 4.5};
static const uint64_t offsets[] = {0, 2, 2, 5, 6, 6};
static const uint8_t nulls[] = {0, 1, 0, 0, 1};
static struct cn_column columns[] = {
    {.name = {"b", 1}, .type = CN_TYPE_BOOL, .values = bools},
    {.name = {"i", 1}, .type = CN_TYPE_INT64, .values = ints, .nulls = nulls},
    {.name = {"f", 1}, .type = CN_TYPE_FLOAT64, .values = floats},
    {.name = {"s", 1},
     .type = CN_TYPE_STRING,
     .offsets = offsets,
     .bytes = "aabbbc",
     .nulls = nulls},
    {.name = {"n", 1}, .type = CN_TYPE_NULL},
};

static void check_rows(const struct cn_column *some, size_t first, size_t count, size_t skipped) {
    struct cn_vector vector;
    struct cn_arena arena;
    cn_arena_init(&arena, 256);
    assert_int_equal(cn_column_vector(&some[0], first, count, &arena, &vector, NULL), CN_OK);
    assert_memory_equal(vector.values, bools + skipped + first, count);
    assert_null(vector.nulls);
    assert_int_equal(cn_column_vector(&some[1], first, count, &arena, &vector, NULL), CN_OK);
    assert_memory_equal(vector.values, ints + skipped + first, count * sizeof *ints);
    if (count)
        assert_memory_equal(vector.nulls, nulls + skipped + first, count);
    assert_int_equal(cn_column_vector(&some[2], first, count, &arena, &vector, NULL), CN_OK);
    assert_memory_equal(vector.values, floats + skipped + first, count * sizeof *floats);
    assert_int_equal(cn_column_vector(&some[3], first, count, &arena, &vector, NULL), CN_OK);
    static const char *const texts[] = {"aa", "", "bbb", "c", ""};
    for (size_t i = 0; i < count; i++)
        assert_true(
            cn_str_is(((const struct cn_str *)vector.values)[i], texts[skipped + first + i]));
    assert_int_equal(cn_column_vector(&some[4], first, count, &arena, &vector, NULL), CN_OK);
    assert_int_equal(vector.type, CN_TYPE_NULL);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(vector.nulls[i], 1);
    cn_arena_release(&arena);
}

/* Every range of rows survives the way through slices, copied to other memory in between. */
static void slices(void **state) {
    (void)state;
    static const uint32_t wanted[] = {0, 1, 2, 3, 4};
    struct cn_frame frame;
    cn_frame_init(&frame, NULL);
    frame.columns = columns;
    frame.n_columns = 5;
    frame.rows = 5;
    for (size_t first = 0; first <= 5; first++) {
        for (size_t rows = 0; first + rows <= 5; rows++) {
            struct cn_str runs[20];
            struct cn_column copies[5];
            check_rows(columns, first, rows, 0);
            cn_frame_slice(&frame, wanted, 5, first, rows, runs);
            for (size_t i = 0; i < 20; i++)
                runs[i].data = exact_copy(runs[i].data, runs[i].len);
            for (size_t i = 0; i < 5; i++)
                copies[i] = (struct cn_column){.name = columns[i].name, .type = columns[i].type};
            assert_int_equal(cn_frame_unslice(runs, 5, rows, copies, NULL), CN_OK);
            for (size_t skip = 0; skip <= rows; skip++)
                check_rows(copies, skip, rows - skip, first);
            for (size_t i = 0; i < 20; i++)
                free((void *)(uintptr_t)runs[i].data);
        }
    }
    cn_frame_release(&frame);
}

static void slices_that_do_not_fit(void **state) {
    (void)state;
    struct cn_column column = {.type = CN_TYPE_INT64};
    struct cn_error error;
    struct cn_str runs[4] = {{(const char *)ints, 40}, {"", 0}, {"", 0}, {"", 0}};
    assert_int_equal(cn_frame_unslice(runs, 1, 5, &column, NULL), CN_OK);
    cn_error_init(&error);
    assert_int_equal(cn_frame_unslice(runs, 1, 4, &column, &error), CN_INTERNAL);
    assert_int_equal(error.code, CN_INTERNAL);
    runs[3] = cn_str((const char *)nulls, 4);
    assert_int_equal(cn_frame_unslice(runs, 1, 5, &column, NULL), CN_INTERNAL);
    column.type = CN_TYPE_STRING;
    runs[3].len = 0;
    runs[1] = cn_str((const char *)offsets, sizeof offsets);
    runs[2] = cn_str("aabbbc", 6);
    assert_int_equal(cn_frame_unslice(runs, 1, 5, &column, NULL), CN_OK);
    runs[2].len = 5;
    assert_int_equal(cn_frame_unslice(runs, 1, 5, &column, NULL), CN_INTERNAL);
}

static void memory(void **state) {
    (void)state;
    struct cn_blocks *blocks = cn_blocks_new(1 << 20);
    for (int pass = 0; pass < 2; pass++) {
        struct cn_frame frame;
        cn_frame_init(&frame, pass ? blocks : NULL);
        for (size_t size = 1; size < 1000000; size = size * 3 + 7) {
            char *data = cn_frame_alloc(&frame, size);
            assert_non_null(data);
            assert_int_equal((uintptr_t)data % 16, 0);
            memset(data, 1, size);
        }
        assert_non_null(cn_frame_alloc(&frame, 0));
        assert_null(cn_frame_alloc(&frame, SIZE_MAX));
        size_t size = 100, idle, in_use;
        void *data = cn_frame_take(&frame, &size);
        assert_non_null(data);
        assert_true(size >= 100);
        cn_frame_give(&frame, data, size);
        cn_frame_release(&frame);
        cn_frame_release(&frame); /* empty, and usable again */
        cn_blocks_stats(blocks, &idle, &in_use);
        assert_int_equal(in_use, 0);
    }
    cn_blocks_free(blocks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(type_names),
        cmocka_unit_test(slices),
        cmocka_unit_test(slices_that_do_not_fit),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

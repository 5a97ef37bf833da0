/* The dictionary of a map request: Python's order and keys; many writers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "handlers/shared_map.h"

static void set(struct cn_shared_map *map, const char *identity, const char *key,
                const char *value) {
    assert_true(cn_shared_map_set(map, cn_str_c(identity), cn_str_c(key), cn_str_c(value)));
}

static void assert_written(struct cn_shared_map *map, const char *want) {
    struct cn_buf out = CN_BUF_INIT;
    assert_true(cn_shared_map_write(map, &out) && cn_buf_add_char(&out, '\0'));
    assert_string_equal(out.data, want);
    cn_buf_release(&out);
}

static void keeps_the_order_of_insertion(void **state) {
    (void)state;
    struct cn_shared_map *map = cn_shared_map_new();
    assert_written(map, "[]");
    set(map, "3", "3", "6");
    set(map, "1", "1", "2");
    set(map, "2", "2", "4");
    assert_int_equal(cn_shared_map_size(map), 3);
    assert_written(map, "[[3,6],[1,2],[2,4]]");
    cn_shared_map_free(map);
}

static void a_key_keeps_its_first_text(void **state) {
    (void)state;
    struct cn_shared_map *map = cn_shared_map_new();
    set(map, "1", "1", "2");
    set(map, "7", "7", "14");
    set(map, "1", "1.0", "2.0");
    set(map, "1", "true", "123456789");
    set(map, "1", "1", "2");
    assert_written(map, "[[1,2],[7,14]]");
    set(map, "", "\"\"", "0");
    assert_written(map, "[[1,2],[7,14],[\"\",0]]");
    cn_shared_map_free(map);
}

enum { WRITERS = 4, KEYS = 5000 };

struct writer {
    struct cn_shared_map *map;
    int first;
};

static void *write_keys(void *context) {
    const struct writer *writer = context;
    for (int i = 0; i < KEYS; i++) {
        char key[16];
        /* half of the keys are shared with the next writer */
        int len = snprintf(key, sizeof key, "%d", writer->first + i);
        struct cn_str text = cn_str(key, (size_t)len);
        if (!cn_shared_map_set(writer->map, text, text, text))
            return writer->map;
    }
    return NULL;
}

static void many_writers(void **state) {
    (void)state;
    struct cn_shared_map *map = cn_shared_map_new();
    struct writer writers[WRITERS];
    pthread_t threads[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){map, i * KEYS / 2};
        assert_int_equal(pthread_create(&threads[i], NULL, write_keys, &writers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(cn_shared_map_size(map), KEYS + (WRITERS - 1) * KEYS / 2);
    cn_shared_map_free(map);
}

static void nothing_to_free(void **state) {
    (void)state;
    cn_shared_map_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_order_of_insertion),
        cmocka_unit_test(a_key_keeps_its_first_text),
        cmocka_unit_test(many_writers),
        cmocka_unit_test(nothing_to_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

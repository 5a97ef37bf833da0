/* Query strings: what comes out is clean UTF-8, encodes back to what it was, and no text of an
 * error is anything but UTF-8. */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "handlers/options.h"
#include "handlers/query.h"
#include "kernels/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
    if (!holds)
        abort();
}

static bool is_utf8(const char *text, size_t len) {
    return cn_utf8_check(text, len) == len;
}

static void check_error(const struct cn_error *error) {
    require(is_utf8(error->parameter, strlen(error->parameter)));
    require(is_utf8(error->value, strlen(error->value)));
    require(is_utf8(error->column, strlen(error->column)));
    require(is_utf8(error->detail, strlen(error->detail)));
    require(error->detail[0] != '\0');
}

static void encode(struct cn_buf *out, struct cn_str text) {
    for (size_t i = 0; i < text.len; i++)
        require(cn_buf_printf(out, "%%%02x", (unsigned)(unsigned char)text.data[i]));
}

static void check_clean(struct cn_str text) {
    require(is_utf8(text.data, text.len) && strlen(text.data) == text.len);
    for (size_t i = 0; i < text.len; i++)
        require((unsigned char)text.data[i] >= 0x20 && text.data[i] != 0x7f);
}

static void check_pairs(const char *text, struct cn_arena *arena) {
    struct cn_query query;
    struct cn_query_pair pair;
    struct cn_error error;
    cn_error_init(&error);
    cn_query_init(&query, text, arena);
    while (cn_query_next(&query, &pair, &error) == CN_OK) {
        if (!pair.found)
            return;
        check_clean(pair.name);
        check_clean(pair.value);
        struct cn_buf again = CN_BUF_INIT;
        encode(&again, pair.name);
        require(cn_buf_add_char(&again, '='));
        encode(&again, pair.value);
        require(cn_buf_add_char(&again, '\0'));
        struct cn_query second;
        struct cn_query_pair same;
        cn_query_init(&second, again.data, arena);
        require(cn_query_next(&second, &same, NULL) == CN_OK && same.found);
        require(cn_str_equal(same.name, pair.name) && cn_str_equal(same.value, pair.value));
        cn_buf_release(&again);
    }
    require(error.code == CN_INVALID_PARAMETER);
    check_error(&error);
}

static void check_options(const char *text, struct cn_arena *arena) {
    const struct cn_service_limits limits = {.max_rows = 100, .max_columns = 20, .max_workers = 4};
    struct cn_options options;
    struct cn_error error;
    cn_options_init(&options, arena, &limits);
    cn_error_init(&error);
    enum cn_code code = cn_options_set_query(&options, text, &error);
    require(error.code == code);
    if (code != CN_OK)
        check_error(&error);
    for (size_t i = 0; i < options.n_lets; i++) {
        require(options.lets[i].name.len > 0);
        cn_error_init(&error);
        error.let = (int32_t)i;
        cn_error_set(&error, CN_SYNTAX_ERROR, "no");
        cn_options_explain(&options, &error);
        check_error(&error);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct cn_arena arena;
    char *text = malloc(size + 1);
    require(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    cn_arena_init(&arena, 4096);
    check_pairs(text, &arena);
    check_options(text, &arena);
    cn_arena_release(&arena);
    free(text);
    return 0;
}

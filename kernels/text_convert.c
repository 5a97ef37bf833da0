/* text_convert.c: conversions between strings and the other types. */
#include "kernels/lanes_loop.h"
#include "kernels/number.h"
#include "kernels/text_space.h"

/* Room for n texts of at most `size` bytes; NULL: no memory, out is set. */
static char *room_for_texts(struct cn_lanes *lanes, size_t size) {
    char *memory = cn_arena_array(lanes->arena, lanes->n, size);
    if (!memory) {
        struct cn_str *out = lanes->out;
        lanes->no_memory = true;
        for (size_t i = 0; i < lanes->n; i++)
            out[i] = CN_STR("");
    }
    return memory;
}

size_t cn_to_str_f64(struct cn_lanes *lanes) {
    const double *a = lanes->a;
    struct cn_str *out = lanes->out;
    char *memory = room_for_texts(lanes, CN_DOUBLE_TEXT);
    if (!memory)
        return 0;
    for (size_t i = 0; i < lanes->n; i++) {
        size_t len = cn_double_format(a[i], memory);
        out[i] = cn_str(memory, len);
        memory += len;
    }
    return 0;
}

size_t cn_to_str_i64(struct cn_lanes *lanes) {
    const int64_t *a = lanes->a;
    struct cn_str *out = lanes->out;
    char *memory = room_for_texts(lanes, CN_INT64_TEXT);
    if (!memory)
        return 0;
    for (size_t i = 0; i < lanes->n; i++) {
        size_t len = cn_int64_format(a[i], memory);
        out[i] = cn_str(memory, len);
        memory += len;
    }
    return 0;
}

CN_LANES_UNARY(cn_to_str_bool, uint8_t, struct cn_str, x ? CN_STR("True") : CN_STR("False"))

size_t cn_to_i64_str(struct cn_lanes *lanes) {
    const struct cn_str *a = lanes->a;
    int64_t *out = lanes->out;
    size_t failures = 0;
    for (size_t i = 0; i < lanes->n; i++) {
        struct cn_str text = cn_text_strip(a[i], CN_SPACE_NUMBER);
        bool overflow = false;
        int64_t value = 0;
        if (!cn_int64_parse(text.data, text.len, &value, &overflow)) {
            lanes->fail[i] = overflow ? 2 : 1;
            failures++;
            value = 0;
        }
        out[i] = value;
    }
    return failures;
}

size_t cn_to_f64_str(struct cn_lanes *lanes) {
    const struct cn_str *a = lanes->a;
    double *out = lanes->out;
    size_t failures = 0;
    for (size_t i = 0; i < lanes->n; i++) {
        struct cn_str text = cn_text_strip(a[i], CN_SPACE_NUMBER);
        double value = 0;
        if (!cn_double_parse(text.data, text.len, &value)) {
            lanes->fail[i] = 1;
            failures++;
            value = 0;
        }
        out[i] = value;
    }
    return failures;
}

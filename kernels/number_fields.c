/*
 * number_fields.c: columns of numbers from fields: the portable variant, eight bytes in a word, and
 * the general way for single fields.
 */
#include "kernels/number_fields_inside.h"
#include "kernels/number_scan.h"
#include "kernels/table.h"

/* The 24 bytes that end with a field and those that end one byte earlier, '0' made 0. */
struct lanes {
    uint64_t here[3];
    uint64_t before[3];
};

#define EVERY(byte) ((byte)*UINT64_C(0x0101010101010101))

static inline void lanes_load(const char *end, struct lanes *lanes) {
    for (int i = 0; i < 3; i++) {
        lanes->here[i] = cn_load8(end - 24 + 8 * i) ^ EVERY((uint64_t)'0');
        lanes->before[i] = cn_load8(end - 25 + 8 * i) ^ EVERY((uint64_t)'0');
    }
}

static inline uint32_t lanes_others(const struct lanes *lanes) {
    uint32_t others = 0;
    for (int i = 0; i < 3; i++) {
        /* The upper bit of each byte that is above 9; the sums do not carry. */
        uint64_t x = lanes->here[i];
        uint64_t above = (((x & EVERY(UINT64_C(0x7F))) + EVERY(UINT64_C(0x76))) | x) >> 7;
        uint64_t gathered = (above & EVERY(UINT64_C(1))) * UINT64_C(0x0102040810204080);
        others |= (uint32_t)(gathered >> 56) << (8 + 8 * i);
    }
    return others;
}

static inline uint64_t lanes_digits(const struct lanes *lanes, unsigned places, unsigned count,
                                    uint32_t *top) {
    uint32_t eights[3];
    for (int i = 0; i < 3; i++) {
        uint64_t behind = cn_load8((const char *)cn_field_masks + places + 8 + 8 * i);
        uint64_t kept = cn_load8((const char *)cn_field_masks + count + 8 + 8 * i);
        uint64_t word = (lanes->here[i] & behind) | (lanes->before[i] & ~behind & kept);
        eights[i] = cn_join_digits8(word);
    }
    *top = eights[0];
    return eights[1] * UINT64_C(100000000) + eights[2];
}

#include "kernels/number_fields_loop.h"

const uint8_t cn_field_masks[64] = {[32] = 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
                                    255,        255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
                                    255,        255, 255, 255, 255, 255, 255, 255, 255, 255};

const char *cn_field_make_room(struct cn_field_room *room, const struct cn_field *field) {
    if (field->len == 0 || field->len > CN_FIELD_MOST)
        return field->data; /* not looked at in the fast way */
    memset(room->bytes, 0, CN_FIELD_BEFORE);
    memcpy(room->bytes + CN_FIELD_BEFORE, field->data, field->len);
    return room->bytes + CN_FIELD_BEFORE;
}

/* ---- the general way ----------------------------------------------------------------------- */

static unsigned scan(const struct cn_field *field, int64_t *i, double *d) {
    if (field->len == 0)
        return field->quoted ? CN_FIELD_STRING : CN_FIELD_EMPTY;
    if (field->escaped)
        return CN_FIELD_STRING;
    return 1U << cn_text_scan(field->data, field->len, i, d);
}

unsigned cn_field_scan_double(const struct cn_field *field, double *value) {
    int64_t i = 0;
    double d = 0;
    unsigned mark = scan(field, &i, &d);
    if (mark == CN_FIELD_INT64) /* minus zero has its sign: that is what the text says */
        d = i == 0 && memchr(field->data, '-', field->len) ? -0.0 : (double)i;
    *value = mark & (CN_FIELD_INT64 | CN_FIELD_FLOAT64) ? d : 0;
    return mark;
}

unsigned cn_field_scan_int64(const struct cn_field *field, int64_t *value) {
    int64_t i = 0;
    double d = 0;
    unsigned mark = scan(field, &i, &d);
    *value = mark == CN_FIELD_INT64 ? i : 0;
    return mark;
}

unsigned cn_field_classify(const struct cn_field *field) {
    if (field->len == 0)
        return field->quoted ? CN_FIELD_STRING : CN_FIELD_EMPTY;
    if (field->escaped)
        return CN_FIELD_STRING;
    return 1U << cn_text_classify(field->data, field->len);
}

/* ---- columns -------------------------------------------------------------------------------- */

unsigned cn_fields_scan_doubles_scalar(const struct cn_field *fields, size_t n, const char *start,
                                       bool canonical, double *values, uint8_t *marks) {
    return canonical ? scan_doubles(fields, n, start, true, values, marks)
                     : scan_doubles(fields, n, start, false, values, marks);
}

unsigned cn_fields_scan_int64s_scalar(const struct cn_field *fields, size_t n, const char *start,
                                      int64_t *values, uint8_t *marks) {
    return scan_int64s(fields, n, start, values, marks);
}

unsigned cn_fields_classify_scalar(const struct cn_field *fields, size_t n, const char *start) {
    return classify_all(fields, n, start);
}

unsigned cn_fields_scan_doubles(const struct cn_field *fields, size_t n, const char *start,
                                bool canonical, double *values, uint8_t *marks) {
    return cn_kernels.fields_scan_doubles(fields, n, start, canonical, values, marks);
}

unsigned cn_fields_scan_int64s(const struct cn_field *fields, size_t n, const char *start,
                               int64_t *values, uint8_t *marks) {
    return cn_kernels.fields_scan_int64s(fields, n, start, values, marks);
}

unsigned cn_fields_classify(const struct cn_field *fields, size_t n, const char *start) {
    return cn_kernels.fields_classify(fields, n, start);
}

/*
 * number_fields_loop.h: the loops over fields, for each variant the same. Whoever includes it has
 * defined `struct lanes` and, over the bytes that end with a field:
 *
 *   lanes_load(end, &lanes)      loads 24 bytes or more that end at `end`, and those that end one
 *                                byte earlier
 *   lanes_others(&lanes)         bit 31 - i: the byte i places before the last is no digit
 *   lanes_digits(&lanes, places, count, &top)
 *                                the last `count` digits as a number, with a point before the last
 *                                `places` that does not count (places == count: none); top: what
 *                                stands above the last 16
 *
 * A field is read from its end because there the digits of all fields have the same places. In the
 * loops nothing is called, so that constants stay in registers: fields that are not plain are
 * noted, and seen to after every 64. Not for other folders.
 */
#ifndef CN_KERNELS_NUMBER_FIELDS_LOOP_H
#define CN_KERNELS_NUMBER_FIELDS_LOOP_H

#include "kernels/number_fields_inside.h"
#include "kernels/number_plain.h"

/* What these functions hand on stays in registers only if they are inlined, all of them. */
#define ALWAYS __attribute__((always_inline))

/* A field's digits. */
struct plain {
    struct lanes lanes;
    unsigned count;
    unsigned places; /* of them behind the point; all, if there is none */
    bool negative;
};

/* Sorts a field out: INT64 or FLOAT64 if it is a plain number, else 0. Plain: -?digits or
 * -?digits.digits, no zero before another digit, at most 18 digits without a point. */
ALWAYS static inline unsigned sort_out(const char *data, uint32_t len, const char *start,
                                       struct plain *plain) {
    const char *end = data + len;
    if (len - 1 >= CN_FIELD_MOST || (size_t)(end - start) < CN_FIELD_BEFORE)
        return 0;
    plain->negative = *data == '-';
    unsigned count = len - plain->negative;
    lanes_load(end, &plain->lanes);
    uint32_t others = lanes_others(&plain->lanes) & ~(uint32_t)1 << (31 - count);
    if ((int32_t)others <= 0) {
        plain->count = plain->places = count;
        return others != 0 || count - 1 >= 18 || (count > 1 && end[-(ptrdiff_t)count] == '0')
                   ? 0
                   : CN_FIELD_INT64;
    }
    bool zero_leads = end[-(ptrdiff_t)count] == '0';
    unsigned places = (unsigned)__builtin_clz(others);
    unsigned before = count - 1 - places;
    /* One that is no digit, neither first nor last, and a point. */
    if ((others & (others - 1)) != 0 || end[-1 - (ptrdiff_t)places] != '.' ||
        before - 1 > ((unsigned)zero_leads - 1) >> 1) /* as good as random: no branch */
        return 0;
    plain->count = count - 1;
    plain->places = places;
    return CN_FIELD_FLOAT64;
}

/* The digits as a number. False: more than 19 that count. */
ALWAYS static inline bool read_digits(const struct plain *plain, uint64_t *digits) {
    uint32_t top;
    uint64_t low = lanes_digits(&plain->lanes, plain->places, plain->count, &top);
    *digits = top * UINT64_C(10000000000000000) + low;
    return top < 1000;
}

ALWAYS static inline unsigned scan_double(const char *data, uint32_t len, const char *start,
                                          bool wanted, double *value) {
    struct plain plain;
    uint64_t digits;
    double magnitude;
    bool canonical = false;
    unsigned mark = sort_out(data, len, start, &plain);
    if (mark == CN_FIELD_FLOAT64) {
        unsigned last = (unsigned char)data[len - 1] - '0';
        if (!read_digits(&plain, &digits))
            return 0;
        if (digits < CN_PLAIN_SHORT)
            magnitude = cn_plain_divide(digits, plain.places, last, &canonical);
        else if (!cn_plain_multiply(digits, plain.places, last, &magnitude, &canonical))
            return 0;
    } else if (mark == CN_FIELD_INT64) {
        read_digits(&plain, &digits);
        magnitude = (double)(int64_t)digits;
    } else {
        return 0;
    }
    /* Signs are as good as random: no branch. */
    *value = cn_double_from_bits(cn_double_bits(magnitude) | (uint64_t)plain.negative << 63);
    return mark | (unsigned)(canonical & wanted) * CN_FIELD_CANONICAL;
}

ALWAYS static inline unsigned scan_int64(const char *data, uint32_t len, const char *start,
                                         int64_t *value) {
    struct plain plain;
    uint64_t digits;
    unsigned mark = sort_out(data, len, start, &plain);
    *value = 0;
    if (mark != CN_FIELD_INT64)
        return mark;
    read_digits(&plain, &digits);
    uint64_t sign = 0 - (uint64_t)plain.negative;
    *value = (int64_t)((digits ^ sign) - sign);
    return mark | (unsigned)!(plain.negative & (digits == 0)) * CN_FIELD_CANONICAL;
}

ALWAYS static inline unsigned classify(const char *data, uint32_t len, const char *start) {
    struct plain plain;
    return sort_out(data, len, start, &plain);
}

/* The kinds of all fields, and CANONICAL if every one is. */
ALWAYS static inline unsigned join(unsigned all, unsigned any) {
    return (any & ~(unsigned)CN_FIELD_CANONICAL) | (all & CN_FIELD_CANONICAL);
}

/* ---- what the loops left ------------------------------------------------------------------- */

/* A plain field that stands too near to the start is taken in a copy with room before it. */
ALWAYS static inline bool is_near(const struct cn_field *field, const char *start) {
    return (size_t)(field->data + field->len - start) < CN_FIELD_BEFORE;
}

__attribute__((noinline)) static unsigned
again_double(const struct cn_field *field, const char *start, bool wanted, double *value) {
    struct cn_field_room room;
    unsigned mark = 0;
    if (is_near(field, start))
        mark = scan_double(cn_field_make_room(&room, field), field->len, room.bytes, wanted, value);
    return mark ? mark : cn_field_scan_double(field, value);
}

__attribute__((noinline)) static unsigned again_int64(const struct cn_field *field,
                                                      const char *start, int64_t *value) {
    struct cn_field_room room;
    unsigned mark = 0;
    if (is_near(field, start))
        mark = scan_int64(cn_field_make_room(&room, field), field->len, room.bytes, value);
    return mark ? mark : cn_field_scan_int64(field, value);
}

/* ---- the loops ------------------------------------------------------------------------------ */

#define BATCH 64

ALWAYS static inline unsigned scan_doubles(const struct cn_field *fields, size_t n,
                                           const char *start, bool wanted, double *values,
                                           uint8_t *marks) {
    unsigned all = CN_FIELD_CANONICAL, any = 0;
    for (size_t at = 0; at < n; at += BATCH) {
        size_t end = n - at < BATCH ? n : at + BATCH;
        uint64_t left = 0;
        for (size_t i = at; i < end; i++) {
            unsigned mark = scan_double(fields[i].data, fields[i].len, start, wanted, &values[i]);
            marks[i] = (uint8_t)mark;
            left |= (uint64_t)(mark == 0) << i % BATCH;
            all &= mark ? mark : (unsigned)CN_FIELD_CANONICAL;
            any |= mark;
        }
        for (; left != 0; left &= left - 1) {
            size_t i = at + (size_t)__builtin_ctzll(left);
            marks[i] = (uint8_t)again_double(&fields[i], start, wanted, &values[i]);
            all &= marks[i];
            any |= marks[i];
        }
    }
    return join(all, any);
}

ALWAYS static inline unsigned scan_int64s(const struct cn_field *fields, size_t n,
                                          const char *start, int64_t *values, uint8_t *marks) {
    unsigned all = CN_FIELD_CANONICAL, any = 0;
    for (size_t at = 0; at < n; at += BATCH) {
        size_t end = n - at < BATCH ? n : at + BATCH;
        uint64_t left = 0;
        for (size_t i = at; i < end; i++) {
            unsigned mark = scan_int64(fields[i].data, fields[i].len, start, &values[i]);
            marks[i] = (uint8_t)mark;
            left |= (uint64_t)(mark == 0) << i % BATCH;
            all &= mark ? mark : (unsigned)CN_FIELD_CANONICAL;
            any |= mark;
        }
        for (; left != 0; left &= left - 1) {
            size_t i = at + (size_t)__builtin_ctzll(left);
            marks[i] = (uint8_t)again_int64(&fields[i], start, &values[i]);
            all &= marks[i];
            any |= marks[i];
        }
    }
    return join(all, any);
}

ALWAYS static inline unsigned classify_all(const struct cn_field *fields, size_t n,
                                           const char *start) {
    unsigned any = 0;
    for (size_t at = 0; at < n; at += BATCH) {
        size_t end = n - at < BATCH ? n : at + BATCH;
        uint64_t left = 0;
        for (size_t i = at; i < end; i++) {
            unsigned mark = classify(fields[i].data, fields[i].len, start);
            left |= (uint64_t)(mark == 0) << i % BATCH;
            any |= mark;
        }
        for (; left != 0; left &= left - 1)
            any |= cn_field_classify(&fields[at + (size_t)__builtin_ctzll(left)]);
    }
    return any;
}

#endif

/*
 * number_fields_inside.h: what the variants of number_fields.h share. Not for other folders.
 */
#ifndef CN_KERNELS_NUMBER_FIELDS_INSIDE_H
#define CN_KERNELS_NUMBER_FIELDS_INSIDE_H

#include "kernels/number_fields.h"

/* Characters of a plain number at most. */
#define CN_FIELD_MOST 24
/* Bytes that are read before the end of a field. */
#define CN_FIELD_BEFORE 33

/* Zeros, and behind them ones: loaded from byte k on, the last k bytes of a register of 32. */
extern const uint8_t cn_field_masks[64];

/* A field that stands too near to the text's start, copied to where there is room before it. */
struct cn_field_room {
    char bytes[CN_FIELD_BEFORE + CN_FIELD_MOST];
};
const char *cn_field_make_room(struct cn_field_room *room, const struct cn_field *field);

/* One field in the general way; the mark is never 0. */
unsigned cn_field_scan_double(const struct cn_field *field, double *value);
unsigned cn_field_scan_int64(const struct cn_field *field, int64_t *value);
unsigned cn_field_classify(const struct cn_field *field);

#endif

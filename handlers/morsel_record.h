/*
 * morsel_record.h: a row as an object, which is what the mode `row` computes with.
 *
 * DataFrame.apply(axis=1) makes a Series of every row and hands it to the function, which asks it
 * for values by their names. A record is the same in C, at its honest price: memory of its own, an
 * index of the columns' names, and every column's value in a box (type, null mark, value; texts
 * are copied). Nothing is kept from one row to the next.
 */
#ifndef CN_HANDLERS_MORSEL_RECORD_H
#define CN_HANDLERS_MORSEL_RECORD_H

#include "handlers/morsel.h"

union cn_scalar {
    uint8_t boolean;
    int64_t integer;
    double real;
    struct cn_str text;
};

struct cn_box {
    enum cn_type type;
    uint8_t null;
    union cn_scalar value;
    char bytes[]; /* of a text */
};

struct cn_record;

/* The record of row `row` of the block that morsel->values (and raws) hold. NULL: no memory. */
struct cn_record *cn_morsel_record_new(const struct cn_morsel *morsel, size_t row);
void cn_morsel_record_free(struct cn_record *record);

/* What the program reads as `input`: found by the column's name. Of columns with the same name only
 * the first has it; no expression can name them, and '*' takes the others by their places. */
const struct cn_box *cn_morsel_record_find(const struct cn_record *record,
                                           const struct cn_program_input *input,
                                           struct cn_str name);

/* A view of row `row` of a vector, as a vector of one row. */
struct cn_vector cn_morsel_row_view(const struct cn_vector *vector, size_t row);

#endif

/*
 * call_value.h: an argument of a call: a JSON value as Python's json module reads it, with integers
 * of any size.
 */
#ifndef CN_HANDLERS_CALL_VALUE_H
#define CN_HANDLERS_CALL_VALUE_H

#include "base/buf.h"
#include "columns/json_scan.h"

enum cn_call_kind {
    CN_CALL_NULL,
    CN_CALL_BOOL,
    CN_CALL_INT,
    CN_CALL_FLOAT,
    CN_CALL_STRING,
    CN_CALL_ARRAY,
    CN_CALL_OBJECT
};

struct cn_call_value {
    enum cn_call_kind kind;
    struct cn_str text; /* as it stands; of an int its digits, never "-0" */
    bool truth;         /* of a bool */
    double number;      /* of a float */
    struct cn_json_string string;
};

/* Python's name of the type: "int", "NoneType". */
const char *cn_call_kind_name(enum cn_call_kind kind);

/* Reads the value that the scanner is at, arrays and objects unseen to their end. CN_NOT_FINITE for
 * a float beyond the range. */
enum cn_code cn_call_value_read(struct cn_json_scan *scan, struct cn_call_value *value,
                                struct cn_error *error);

/* Appends what str() gives, of all but arrays and objects. False: no memory. */
CN_NODISCARD bool cn_call_value_str(const struct cn_call_value *value, struct cn_buf *out);

/* Appends the value as JSON: floats in their shortest form, arrays and objects as they stood. */
CN_NODISCARD bool cn_call_value_json(const struct cn_call_value *value, struct cn_buf *out);

/* Appends what two values share if and only if they are the same key of a dictionary: 1, 1.0 and
 * true do. Of all but arrays and objects. */
CN_NODISCARD bool cn_call_value_identity(const struct cn_call_value *value, struct cn_buf *out);

/*
 * Walks the array `text`, which is checked JSON: `visit` gets the text of each element (and stops
 * the walk by another code than CN_OK). All numbers in it, however deep, are looked at: a float
 * beyond the range is CN_NOT_FINITE, with the index of its element as row.
 */
enum cn_code cn_call_values_walk(struct cn_str text, struct cn_arena *arena,
                                 enum cn_code (*visit)(void *context, size_t index,
                                                       struct cn_str element,
                                                       struct cn_error *error),
                                 void *context, struct cn_error *error);

#endif

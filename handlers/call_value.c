#include "handlers/call_value.h"

#include <math.h>

#include "handlers/shown.h"
#include "kernels/number.h"

/* A whole float of any size, or a sign, digits and a NUL. */
#define WHOLE_TEXT 320
/* A text of that many bytes without an exponent is within the range of float64. */
#define SURELY_FINITE 300

const char *cn_call_kind_name(enum cn_call_kind kind) {
    static const char *const names[] = {"NoneType", "bool", "int", "float", "str", "list", "dict"};

    return (size_t)kind < sizeof names / sizeof *names ? names[kind] : "?";
}

/* ---- reading ------------------------------------------------------------------------------- */

static enum cn_code fail_not_finite(struct cn_str text, struct cn_error *error) {
    cn_error_set_value(error, text);
    return cn_error_set(error, CN_NOT_FINITE, "the number %.*s is beyond the range of float64",
                        CN_SHOWN(text));
}

static enum cn_code read_float(struct cn_str text, double *number, struct cn_error *error) {
    if (!cn_double_parse(text.data, text.len, number) || !isfinite(*number))
        return fail_not_finite(text, error);
    return CN_OK;
}

static enum cn_code read_number(struct cn_json_scan *scan, struct cn_call_value *value,
                                struct cn_error *error) {
    struct cn_json_number number;
    CN_TRY(cn_json_scan_number(scan, &number, error));
    value->text = number.text;
    if (number.is_float) {
        value->kind = CN_CALL_FLOAT;
        return read_float(number.text, &value->number, error);
    }
    value->kind = CN_CALL_INT;
    if (cn_str_is(number.text, "-0"))
        value->text = CN_STR("0");
    return CN_OK;
}

enum cn_code cn_call_value_read(struct cn_json_scan *scan, struct cn_call_value *value,
                                struct cn_error *error) {
    int c = cn_json_peek(scan);
    const char *start = scan->at;

    *value = (struct cn_call_value){.kind = CN_CALL_NULL};
    if (c == '-' || (c >= '0' && c <= '9'))
        return read_number(scan, value, error);
    if (c == '"') {
        value->kind = CN_CALL_STRING;
        CN_TRY(cn_json_scan_string(scan, &value->string, error));
    } else if (c == '[' || c == '{') {
        value->kind = c == '[' ? CN_CALL_ARRAY : CN_CALL_OBJECT;
        CN_TRY(cn_json_scan_value(scan, error));
    } else {
        if (c == 't' || c == 'f')
            value->kind = CN_CALL_BOOL;
        value->truth = c == 't';
        CN_TRY(cn_json_scan_value(scan, error));
    }
    value->text = cn_str(start, (size_t)(scan->at - start));
    return CN_OK;
}

/* ---- writing ------------------------------------------------------------------------------- */

static bool add_double(struct cn_buf *out, double number) {
    if (!cn_buf_reserve(out, CN_DOUBLE_TEXT))
        return false;
    out->len += cn_double_format(number, out->data + out->len);
    return true;
}

static bool add_string(const struct cn_call_value *value, struct cn_buf *out) {
    struct cn_str raw = value->string.raw;
    if (!value->string.escaped)
        return cn_buf_add_str(out, raw);
    if (!cn_buf_reserve(out, raw.len))
        return false;
    out->len += cn_json_unescape(raw, out->data + out->len);
    return true;
}

bool cn_call_value_str(const struct cn_call_value *value, struct cn_buf *out) {
    switch (value->kind) {
    case CN_CALL_NULL:
        return cn_buf_add_c(out, "None");
    case CN_CALL_BOOL:
        return cn_buf_add_c(out, value->truth ? "True" : "False");
    case CN_CALL_FLOAT:
        return add_double(out, value->number);
    case CN_CALL_STRING:
        return add_string(value, out);
    default:
        return cn_buf_add_str(out, value->text);
    }
}

bool cn_call_value_json(const struct cn_call_value *value, struct cn_buf *out) {
    return value->kind == CN_CALL_FLOAT ? add_double(out, value->number)
                                        : cn_buf_add_str(out, value->text);
}

/* Numbers are their exact value, so that an int and a float of the same value are alike. */
static bool add_number(double number, struct cn_buf *out) {
    char whole[WHOLE_TEXT];
    if (number != floor(number))
        return add_double(out, number);
    int len = snprintf(whole, sizeof whole, "%.0f", number == 0 ? 0.0 : number);
    return len > 0 && cn_buf_add(out, whole, (size_t)len);
}

bool cn_call_value_identity(const struct cn_call_value *value, struct cn_buf *out) {
    switch (value->kind) {
    case CN_CALL_NULL:
        return cn_buf_add_char(out, 'N');
    case CN_CALL_BOOL:
        return cn_buf_add_char(out, value->truth ? '1' : '0');
    case CN_CALL_FLOAT:
        return add_number(value->number, out);
    case CN_CALL_STRING: {
        size_t start = out->len;
        if (!cn_buf_add_char(out, '"') || !add_string(value, out))
            return false;
        /* The length behind it keeps neighbours apart, whatever the text is. */
        return cn_buf_printf(out, "\"%zu", out->len - start);
    }
    default:
        return cn_buf_add_str(out, value->text);
    }
}

/* ---- walking ------------------------------------------------------------------------------- */

static enum cn_code check_number(struct cn_json_scan *scan, struct cn_error *error) {
    struct cn_json_number number;
    double value;
    CN_TRY(cn_json_scan_number(scan, &number, error));
    if (!number.is_float ||
        (number.text.len < SURELY_FINITE && !memchr(number.text.data, 'e', number.text.len) &&
         !memchr(number.text.data, 'E', number.text.len)))
        return CN_OK;
    return read_float(number.text, &value, error);
}

/* A value and all that is in it, with a look at every number. */
static enum cn_code walk_value(struct cn_json_scan *scan, struct cn_error *error) {
    const size_t outside = scan->depth;
    struct cn_json_string name;
    bool more;

    do {
        int c = cn_json_peek(scan);
        bool opened = c == '[' || c == '{';
        if (opened)
            CN_TRY(cn_json_scan_open(scan, error));
        else if (c == '-' || (c >= '0' && c <= '9'))
            CN_TRY(check_number(scan, error));
        else
            CN_TRY(cn_json_scan_value(scan, error));
        more = false;
        while (!more && scan->depth > outside) {
            CN_TRY(cn_json_scan_next(scan, opened, &more, error));
            opened = false;
        }
        if (more && scan->stack[scan->depth - 1] == '{')
            CN_TRY(cn_json_scan_name(scan, &name, error));
    } while (more);
    return CN_OK;
}

enum cn_code cn_call_values_walk(struct cn_str text, struct cn_arena *arena,
                                 enum cn_code (*visit)(void *context, size_t index,
                                                       struct cn_str element,
                                                       struct cn_error *error),
                                 void *context, struct cn_error *error) {
    struct cn_json_scan scan;
    size_t index = 0;
    bool more;

    cn_json_scan_init(&scan, text, text.len, arena); /* its depth was checked */
    cn_json_peek(&scan);
    CN_TRY(cn_json_scan_open(&scan, error));
    CN_TRY(cn_json_scan_next(&scan, true, &more, error));
    for (; more; index++) {
        cn_json_peek(&scan);
        const char *start = scan.at;
        enum cn_code code = walk_value(&scan, error);
        if (code != CN_OK) {
            if (error && error->row < 0)
                error->row = (int64_t)index;
            return code;
        }
        CN_TRY(visit(context, index, cn_str(start, (size_t)(scan.at - start)), error));
        CN_TRY(cn_json_scan_next(&scan, false, &more, error));
    }
    return CN_OK;
}

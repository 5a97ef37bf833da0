#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

struct code_entry {
    const char *name;
    const char *title;
    int status;
};

static const struct code_entry codes[CN_CODE_COUNT] = {
    [CN_OK] = {"ok", "No error", 200},
    [CN_INVALID_JSON] = {"invalid_json", "The body is not valid JSON", 400},
    [CN_INVALID_CSV] = {"invalid_csv", "The body is not valid CSV", 400},
    [CN_INVALID_MULTIPART] = {"invalid_multipart", "The body is not a valid multipart form", 400},
    [CN_INVALID_ENCODING] = {"invalid_encoding",
                             "A text is not valid UTF-8, or a packed one is broken", 400},
    [CN_SYNTAX_ERROR] = {"syntax_error", "The expression cannot be parsed", 400},
    [CN_UNKNOWN_PARAMETER] = {"unknown_parameter", "There is no such parameter", 400},
    [CN_INVALID_PARAMETER] = {"invalid_parameter", "A parameter has a value it cannot have", 400},
    [CN_AMBIGUOUS_REQUEST] = {"ambiguous_request", "The request can be read in two ways", 400},
    [CN_UNAUTHORIZED] = {"unauthorized", "The request needs a valid token", 401},
    [CN_FORBIDDEN_ORIGIN] = {"forbidden_origin", "Requests from this origin are refused", 403},
    [CN_NOT_FOUND] = {"not_found", "There is nothing at this address", 404},
    [CN_METHOD_NOT_ALLOWED] = {"method_not_allowed", "This address does not take this method", 405},
    [CN_NOT_ACCEPTABLE] = {"not_acceptable", "No reply is of an acceptable media type", 406},
    [CN_UNSUPPORTED_MEDIA_TYPE] = {"unsupported_media_type",
                                   "The body is of a media type that is not supported", 415},
    [CN_REQUEST_TIMEOUT] = {"request_timeout", "The request did not arrive in time", 408},
    [CN_BODY_TOO_LARGE] = {"body_too_large", "The body is too large", 413},
    [CN_URI_TOO_LONG] = {"uri_too_long", "The request target is too long", 414},
    [CN_HEADERS_TOO_LARGE] = {"headers_too_large", "The request headers are too large", 431},
    [CN_NOT_FINISHED] = {"not_finished", "The run has not finished yet", 409},
    [CN_CANCELLED] = {"cancelled", "The run was cancelled", 410},
    [CN_UNKNOWN_COLUMN] = {"unknown_column", "There is no column of this name", 422},
    [CN_UNKNOWN_FUNCTION] = {"unknown_function", "There is no function of this name", 422},
    [CN_UNKNOWN_KEY] = {"unknown_key", "The server holds no key of this name", 422},
    [CN_TYPE_ERROR] = {"type_error", "An operand is of the wrong type", 422},
    [CN_INVALID_VALUE] = {"invalid_value", "A value cannot be read as its type", 422},
    [CN_DUPLICATE_NAME] = {"duplicate_name", "A name is used twice", 422},
    [CN_INTEGER_OVERFLOW] = {"integer_overflow", "A result does not fit into int64", 422},
    [CN_INTEGER_OUT_OF_RANGE] = {"integer_out_of_range", "An integer is out of range", 422},
    [CN_DIVISION_BY_ZERO] = {"division_by_zero", "An integer was divided by zero", 422},
    [CN_NOT_FINITE] = {"not_finite", "A number is not finite", 422},
    [CN_RAGGED_COLUMNS] = {"ragged_columns", "The columns are of different lengths", 422},
    [CN_MIXED_TYPES] = {"mixed_types", "A column mixes types", 422},
    [CN_LIMIT_EXCEEDED] = {"limit_exceeded", "A limit of the server is exceeded", 422},
    [CN_TOO_MANY_REQUESTS] = {"too_many_requests", "There are too many requests", 429},
    [CN_WORKER_LOST] = {"worker_lost", "A task lost its workers", 500},
    [CN_INTERNAL] = {"internal", "The server failed", 500},
    [CN_OVERLOADED] = {"overloaded", "The server is overloaded", 503},
    [CN_DRAINING] = {"draining", "The server is shutting down", 503},
    [CN_DEADLINE_EXCEEDED] = {"deadline_exceeded", "The deadline has passed", 504},
};

static const struct code_entry *code_entry(enum cn_code code) {
    return (unsigned)code < CN_CODE_COUNT ? &codes[code] : &codes[CN_INTERNAL];
}

const char *cn_code_name(enum cn_code code) {
    return code_entry(code)->name;
}

const char *cn_code_title(enum cn_code code) {
    return code_entry(code)->title;
}

int cn_code_status(enum cn_code code) {
    return code_entry(code)->status;
}

void cn_error_init(struct cn_error *error) {
    if (!error)
        return;
    *error = (struct cn_error){.code = CN_OK, .let = -1, .position = -1, .line = -1, .row = -1};
}

/* The largest length <= len at which text is not cut inside a UTF-8 sequence. */
static size_t cut_at_boundary(const char *text, size_t len) {
    size_t start = len;
    while (start > 0 && len - start < 3 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0)
        return len;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    return len - (start - 1) < need ? start - 1 : len;
}

enum cn_code cn_error_set(struct cn_error *error, enum cn_code code, const char *format, ...) {
    if (!error || error->code != CN_OK)
        return code;
    error->code = code;
    va_list args;
    va_start(args, format);
    int len = vsnprintf(error->detail, sizeof error->detail, format, args);
    va_end(args);
    if (len < 0)
        error->detail[0] = '\0';
    else if ((size_t)len >= sizeof error->detail)
        error->detail[cut_at_boundary(error->detail, sizeof error->detail - 1)] = '\0';
    return code;
}

enum cn_code cn_error_memory(struct cn_error *error) {
    if (error && error->code == CN_OK)
        cn_error_set_limit(error, "--memory-bytes");
    return cn_error_set(error, CN_OVERLOADED,
                        "The server has no memory left for this request; try again later.");
}

static void set_text(char *field, size_t size, struct cn_str text) {
    size_t len = text.len;
    if (len >= size)
        len = cut_at_boundary(text.data, size - 1);
    if (len > 0)
        memcpy(field, text.data, len);
    field[len] = '\0';
}

void cn_error_set_parameter(struct cn_error *error, struct cn_str text) {
    if (error)
        set_text(error->parameter, sizeof error->parameter, text);
}

void cn_error_set_column(struct cn_error *error, struct cn_str text) {
    if (error)
        set_text(error->column, sizeof error->column, text);
}

void cn_error_set_value(struct cn_error *error, struct cn_str text) {
    if (!error)
        return;
    error->has_value = true;
    set_text(error->value, sizeof error->value, text);
}

void cn_error_set_limit(struct cn_error *error, const char *flag) {
    if (error)
        set_text(error->limit, sizeof error->limit, cn_str_c(flag));
}

static void end_text(char *text, size_t size) {
    text[size - 1] = '\0';
}

/* -1, or a number that more can be added to. */
static bool is_place(int64_t number) {
    return number >= -1 && number <= INT64_MAX / 4;
}

bool cn_error_sane(struct cn_error *error) {
    int code; /* any bits may stand there */
    unsigned char flag;
    memcpy(&code, &error->code, sizeof code);
    memcpy(&flag, &error->has_value, sizeof flag);
    error->has_value = flag != 0;
    end_text(error->parameter, sizeof error->parameter);
    end_text(error->column, sizeof error->column);
    end_text(error->value, sizeof error->value);
    end_text(error->limit, sizeof error->limit);
    end_text(error->detail, sizeof error->detail);
    return code >= CN_OK && code < CN_CODE_COUNT && error->let >= -1 && is_place(error->position) &&
           is_place(error->line) && is_place(error->row);
}

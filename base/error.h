/*
 * error.h: what went wrong, as plain data.
 *
 * A fallible function returns an `enum cn_code` (CN_OK is 0) and takes a `struct cn_error *` last.
 * The first error wins: cn_error_set() on an error that is already set changes nothing. A NULL
 * error pointer is allowed everywhere and means "only the code matters".
 *
 * A cn_error holds no pointers, so that it can be copied between threads and through the shared
 * memory of a worker process. Texts that do not fit are cut at a UTF-8 boundary.
 */
#ifndef CN_BASE_ERROR_H
#define CN_BASE_ERROR_H

#include <stddef.h>
#include <stdint.h>

#include <stdbool.h>

#include "base/str.h"

/* One code for each problem that the service can report; names and HTTP statuses in error.c. */
enum cn_code {
    CN_OK = 0,
    /* 400 */
    CN_INVALID_JSON,
    CN_INVALID_CSV,
    CN_INVALID_MULTIPART,
    CN_INVALID_ENCODING,
    CN_SYNTAX_ERROR,
    CN_UNKNOWN_PARAMETER,
    CN_INVALID_PARAMETER,
    CN_AMBIGUOUS_REQUEST,
    /* 401, 403, 404, 405, 406, 415 */
    CN_UNAUTHORIZED,
    CN_FORBIDDEN_ORIGIN,
    CN_NOT_FOUND,
    CN_METHOD_NOT_ALLOWED,
    CN_NOT_ACCEPTABLE,
    CN_UNSUPPORTED_MEDIA_TYPE,
    /* 408, 413, 414, 431 */
    CN_REQUEST_TIMEOUT,
    CN_BODY_TOO_LARGE,
    CN_URI_TOO_LONG,
    CN_HEADERS_TOO_LARGE,
    /* 409, 410 */
    CN_NOT_FINISHED,
    CN_CANCELLED,
    /* 422 */
    CN_UNKNOWN_COLUMN,
    CN_UNKNOWN_FUNCTION,
    CN_UNKNOWN_KEY,
    CN_TYPE_ERROR,
    CN_INVALID_VALUE,
    CN_DUPLICATE_NAME,
    CN_INTEGER_OVERFLOW,
    CN_INTEGER_OUT_OF_RANGE,
    CN_DIVISION_BY_ZERO,
    CN_NOT_FINITE,
    CN_RAGGED_COLUMNS,
    CN_MIXED_TYPES,
    CN_LIMIT_EXCEEDED,
    /* 429, 500, 503, 504 */
    CN_TOO_MANY_REQUESTS,
    CN_WORKER_LOST,
    CN_INTERNAL,
    CN_OVERLOADED,
    CN_DRAINING,
    CN_DEADLINE_EXCEEDED,
    CN_CODE_COUNT
};

#define CN_NODISCARD __attribute__((warn_unused_result))
#define CN_PRINTF(text, first) __attribute__((format(printf, text, first)))

/* Numbers that do not apply are -1, texts that do not apply are empty. */
struct cn_error {
    enum cn_code code;
    int32_t let;      /* index of the computed column whose expression is at fault */
    int64_t position; /* byte offset into that expression, from 0 */
    int64_t line;     /* line of a CSV text, from 1 */
    int64_t row;      /* data row, from 0 */
    char parameter[64];
    char column[256];
    bool has_value;
    char value[128]; /* the offending text, which may be empty */
    char limit[32];  /* the setting that was exceeded, as its flag: "--max-rows" */
    char detail[768];
};

void cn_error_init(struct cn_error *error);

/* Sets code and detail if no error is set yet; always returns `code`, so that
 * `return cn_error_set(error, CN_..., "...")` is the way to fail. */
enum cn_code cn_error_set(struct cn_error *error, enum cn_code code, const char *format, ...)
    CN_PRINTF(3, 4);

/* Out of memory: CN_OVERLOADED with a fixed text, since more memory may be there later. */
enum cn_code cn_error_memory(struct cn_error *error);

/* For an error that came from another process: ends its texts, and says whether it can be used at
 * all: a known code (CN_OK too), an index of -1 or more, places of -1 or more that others can be
 * added to. */
bool cn_error_sane(struct cn_error *error);

/* Set one text field of an error (cut to fit); no-ops on NULL. */
void cn_error_set_parameter(struct cn_error *error, struct cn_str text);
void cn_error_set_column(struct cn_error *error, struct cn_str text);
void cn_error_set_value(struct cn_error *error, struct cn_str text);
void cn_error_set_limit(struct cn_error *error, const char *flag);

const char *cn_code_name(enum cn_code code);  /* "invalid_json" */
const char *cn_code_title(enum cn_code code); /* "The body is not valid JSON" */
int cn_code_status(enum cn_code code);        /* 400 */

/* Hands an error on. Only where the function holds nothing that must be released. */
#define CN_TRY(call)                                                                               \
    do {                                                                                           \
        enum cn_code cn_try_code = (call);                                                         \
        if (cn_try_code != CN_OK)                                                                  \
            return cn_try_code;                                                                    \
    } while (0)

#endif

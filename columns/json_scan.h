/*
 * json_scan.h: the tokens of a JSON text (RFC 8259), strictly. For the JSON files of this folder,
 * and for handlers that must read values which no column holds (integers of any size).
 *
 * A scanner walks a text once from left to right; its functions check what they pass and stop at
 * the first fault. Nesting is followed with a stack of its own, so that no text can drive the
 * machine's stack.
 */
#ifndef CN_COLUMNS_JSON_SCAN_H
#define CN_COLUMNS_JSON_SCAN_H

#include "columns/json.h"

struct cn_json_scan {
    const char *at;
    const char *start; /* of the text, for positions in errors */
    const char *end;
    size_t depth; /* arrays and objects that are open */
    size_t max_depth;
    char *stack; /* '[' or '{' of each open one; in the arena */
    size_t stack_size;
    struct cn_arena *arena;
};

/* A string as it stands in the text, without its quotes. */
struct cn_json_string {
    struct cn_str raw;
    bool escaped; /* it holds backslashes */
};

struct cn_json_number {
    struct cn_str text;
    bool is_float; /* it has '.', 'e' or 'E' */
};

void cn_json_scan_init(struct cn_json_scan *scan, struct cn_str text, size_t max_depth,
                       struct cn_arena *arena);

static inline bool cn_json_is_blank(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Passes blanks; the next byte, or -1 at the end. */
static inline int cn_json_peek(struct cn_json_scan *scan) {
    while (scan->at < scan->end && cn_json_is_blank(*scan->at))
        scan->at++;
    return scan->at < scan->end ? (unsigned char)*scan->at : -1;
}

/* "Line 3, column 14 (byte 57)": lines and columns count from 1, columns in characters. */
void cn_json_place(const struct cn_json_scan *scan, const char *at, char out[80]);

/* CN_INVALID_JSON at `at`: "Line 1, column 5 (byte 4): expected ..., found ...". */
enum cn_code cn_json_fail(const struct cn_json_scan *scan, const char *at, const char *expected,
                          struct cn_error *error);

/* Each begins at its first byte (blanks are passed before) and ends behind its last. */
enum cn_code cn_json_scan_string(struct cn_json_scan *scan, struct cn_json_string *string,
                                 struct cn_error *error);
enum cn_code cn_json_scan_number(struct cn_json_scan *scan, struct cn_json_number *number,
                                 struct cn_error *error);
enum cn_code cn_json_scan_literal(struct cn_json_scan *scan, struct cn_error *error);
/* A value of any kind and all that is in it. */
enum cn_code cn_json_scan_value(struct cn_json_scan *scan, struct cn_error *error);

/* A member's name and the ':' behind it. */
enum cn_code cn_json_scan_name(struct cn_json_scan *scan, struct cn_json_string *name,
                               struct cn_error *error);
/* Opens '[' or '{', which the scanner is at. CN_LIMIT_EXCEEDED past the depth. */
enum cn_code cn_json_scan_open(struct cn_json_scan *scan, struct cn_error *error);
/*
 * Behind an element of the innermost open array or object (or, with `first`, behind its opening):
 * passes ',' and sets *more, or passes the closing bracket and pops it.
 */
enum cn_code cn_json_scan_next(struct cn_json_scan *scan, bool first, bool *more,
                               struct cn_error *error);
/* Reads the object of columns that the scanner is at into an empty frame, as without options, and
 * passes it. False: there is a fault somewhere in it, or no memory; the scanner has not moved, and
 * the frame is empty. (json_columns.c) */
bool cn_json_scan_columns(struct cn_json_scan *scan, const struct cn_json_limits *limits,
                          struct cn_frame *frame);
/* Nothing but blanks may follow. */
enum cn_code cn_json_scan_end(struct cn_json_scan *scan, struct cn_error *error);

/* Writes a checked string's text, which is never longer than raw; returns its length. */
size_t cn_json_unescape(struct cn_str raw, char *out);
/* The text of a string: raw itself, or unescaped into the arena. data is NULL without memory. */
struct cn_str cn_json_string_text(const struct cn_json_string *string, struct cn_arena *arena);

#endif

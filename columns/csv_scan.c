/*
 * csv_scan.c: one record, and the faults of a text.
 */
#include "columns/csv_scan.h"

#include <inttypes.h>

#include "kernels/utf8.h"

/* The rest of a quoted field that opened at `open`. Returns what stands behind the closing quote: a
 * delimiter, CR, LF or the end; NULL when a fault was put into `record`. */
static inline const char *read_quoted(struct cn_csv_marks *marks, const char *open,
                                      struct cn_csv_record *record, struct cn_csv_field *field,
                                      size_t *len) {
    int64_t lines = record->lines;

    field->data = open + 1;
    field->quoted = true;
    for (;;) {
        const char *mark = cn_csv_marks_next(marks);
        if (mark == marks->end) {
            record->fault = CN_CSV_FAULT_UNCLOSED;
            record->fault_at = open;
            record->end = mark;
            return NULL;
        }
        if (*mark == '\n')
            lines++;
        if (*mark != '"')
            continue;
        if (marks->end - mark > 1 && mark[1] == '"') {
            field->escaped = true;
            cn_csv_marks_next(marks);
            continue;
        }
        *len = (size_t)(mark - open - 1);
        record->lines = lines;
        const char *behind = cn_csv_marks_next(marks);
        if (behind == mark + 1)
            return behind;
        record->fault = CN_CSV_FAULT_BEHIND_QUOTE;
        record->fault_at = record->end = mark + 1;
        return NULL;
    }
}

void cn_csv_record_read(struct cn_csv_marks *marks_in, const char *start,
                        struct cn_csv_field *fields, size_t stride, size_t room,
                        struct cn_csv_record *record) {
    struct cn_csv_marks marks = *marks_in; /* a copy stays in registers */
    const char *at = start;
    size_t n = 0;

    *record = (struct cn_csv_record){.start = start};
    for (;;) {
        struct cn_csv_field field = {.data = at};
        const char *mark = cn_csv_marks_next(&marks);
        size_t len = (size_t)(mark - at);
        if (mark < marks.end && *mark == '"') {
            if (mark != at) {
                record->fault = CN_CSV_FAULT_STRAY_QUOTE;
                record->fault_at = record->end = mark;
                break;
            }
            mark = read_quoted(&marks, at, record, &field, &len);
            if (!mark)
                break;
        }
        if (len > UINT32_MAX) {
            record->fault = CN_CSV_FAULT_TOO_LONG;
            record->fault_at = record->end = mark;
            break;
        }
        field.len = (uint32_t)len;
        if (n < room)
            fields[n * stride] = field;
        n++;
        record->end = record->next = mark;
        if (mark == marks.end)
            break;
        record->next = mark + 1;
        if (*mark == '\n')
            break;
        if (*mark == '\r') {
            if (marks.end - mark > 1 && mark[1] == '\n') {
                cn_csv_marks_next(&marks);
                record->next = mark + 2;
            } else {
                record->fault = CN_CSV_FAULT_BARE_CR;
                record->fault_at = mark;
            }
            break;
        }
        at = mark + 1;
    }
    record->n_fields = n;
    *marks_in = marks;
}

/* ---- faults ------------------------------------------------------------------------------- */

static enum cn_code fail(struct cn_error *error, enum cn_code code, int64_t line,
                         const char *detail) {
    if (error && error->code == CN_OK) {
        cn_error_set(error, code, "%s", detail);
        error->line = line;
    }
    return code;
}

static enum cn_code fail_encoding(struct cn_error *error, int64_t line, char byte) {
    char detail[256];

    if (byte == 0)
        return fail(error, CN_INVALID_CSV, line,
                    "A NUL byte (0x00) stands here, which CSV text may not hold. If the file is "
                    "UTF-16, convert it first: iconv -f UTF-16 -t UTF-8 FILE");
    snprintf(detail, sizeof detail,
             "The byte 0x%02X is not valid UTF-8 here. If the file has another encoding, convert "
             "it first, for example: iconv -f WINDOWS-1252 -t UTF-8 FILE",
             (unsigned char)byte);
    return fail(error, CN_INVALID_CSV, line, detail);
}

/* A delimiter for an error text. */
static const char *delimiter_name(char delimiter, char out[16]) {
    if (delimiter == '\t')
        return "a tab";
    if (delimiter == ' ')
        return "a space";
    if (delimiter > ' ' && delimiter <= '~')
        snprintf(out, 16, "'%c'", delimiter);
    else
        snprintf(out, 16, "byte 0x%02X", (unsigned char)delimiter);
    return out;
}

static enum cn_code fail_record(struct cn_error *error, int64_t line,
                                const struct cn_csv_place *place,
                                const struct cn_csv_record *record) {
    char detail[256], name[16];

    switch (record->fault) {
    case CN_CSV_FAULT_STRAY_QUOTE:
        return fail(error, CN_INVALID_CSV, line,
                    "A quote stands inside a field that is not quoted. A field that holds quotes "
                    "must begin and end with one, and those inside are doubled.");
    case CN_CSV_FAULT_BEHIND_QUOTE:
        snprintf(detail, sizeof detail,
                 "Text stands behind the closing quote of a field; expected %s or the end of the "
                 "line. A quote inside a quoted field must be doubled.",
                 delimiter_name(place->dialect.delimiter, name));
        return fail(error, CN_INVALID_CSV, line, detail);
    case CN_CSV_FAULT_UNCLOSED:
        return fail(error, CN_INVALID_CSV, line, "The quote that opens here is never closed.");
    case CN_CSV_FAULT_BARE_CR:
        return fail(error, CN_INVALID_CSV, line,
                    "A carriage return stands outside quotes without a line feed behind it; rows "
                    "must end with LF or CR LF.");
    case CN_CSV_FAULT_TOO_LONG:
        return fail(error, CN_LIMIT_EXCEEDED, line,
                    "A field is longer than 4294967295 bytes, the most that a field may have.");
    default:
        snprintf(detail, sizeof detail,
                 "The row that begins here has %zu field%s; expected %" PRId64
                 ", as many as the %s has.",
                 record->n_fields, record->n_fields == 1 ? "" : "s", place->expected,
                 place->dialect.header ? "header" : "first row");
        return fail(error, CN_INVALID_CSV, line, detail);
    }
}

enum cn_code cn_csv_check(const struct cn_csv_place *place, const struct cn_csv_record *record,
                          int64_t record_line, struct cn_error *error) {
    const char *bad =
        place->start + cn_utf8_check_text(place->start, (size_t)(record->end - place->start));

    if (bad == record->end && record->fault == CN_CSV_FAULT_NONE)
        return CN_OK;
    int64_t bad_line =
        place->line + (int64_t)cn_text_count(place->start, (size_t)(bad - place->start), '\n');
    int64_t fault_line = record_line + record->lines;
    const char *fault_at = record->fault_at;
    if (record->fault == CN_CSV_FAULT_COUNT_FEW_MANY) {
        fault_line = record_line;
        fault_at = record->end;
    }
    if (bad < record->end && (record->fault == CN_CSV_FAULT_NONE || bad_line < fault_line ||
                              (bad_line == fault_line && bad < fault_at)))
        return fail_encoding(error, bad_line, *bad);
    return fail_record(error, fault_line, place, record);
}

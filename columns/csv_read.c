/*
 * csv_read.c: rows, block by block, and the header.
 */
#include "columns/csv.h"

#include <assert.h>
#include <inttypes.h>

#include "columns/csv_scan.h"

/* Fields of a block: 1 MiB, so that those of a wide table stay in the second cache too. */
#define BLOCK_FIELDS ((size_t)64 * 1024)

enum cn_code cn_csv_block_init(struct cn_csv_block *block, size_t n_columns, struct cn_arena *arena,
                               struct cn_error *error) {
    size_t capacity = CN_BLOCK_ROWS;

    assert(n_columns > 0);
    *block = (struct cn_csv_block){.n_columns = n_columns};
    if (n_columns > BLOCK_FIELDS / CN_BLOCK_ROWS)
        capacity = BLOCK_FIELDS / n_columns;
    if (capacity == 0)
        capacity = 1;
    if (n_columns > SIZE_MAX / capacity)
        return cn_error_memory(error);
    block->fields = cn_arena_array(arena, n_columns * capacity, sizeof *block->fields);
    block->row = cn_arena_array(arena, capacity, sizeof *block->row);
    block->marks = cn_arena_array(arena, cn_csv_window_marks(n_columns), sizeof *block->marks);
    if (!block->fields || !block->row || !block->marks)
        return cn_error_memory(error);
    block->capacity = capacity;
    return CN_OK;
}

void cn_csv_reader_init(struct cn_csv_reader *reader, struct cn_str text,
                        struct cn_csv_dialect dialect, size_t n_columns) {
    *reader = (struct cn_csv_reader){
        .at = text.len ? text.data : "", .dialect = dialect, .n_columns = n_columns};
    reader->end = reader->at + text.len;
}

/* The line on which a row's last byte stands, its line end not counted. */
static int64_t last_line(const struct cn_csv_row *row) {
    int64_t line = row->line;

    for (const char *at = row->start; at < row->end; at++)
        line += *at == '\n';
    return line;
}

/*
 * A fault behind good rows waits for the next call: the caller may find something wrong with those
 * rows, which would come first. Returns how many rows lie before the line at fault.
 */
static size_t count_good(const struct cn_csv_block *block, size_t rows, int64_t fault_line) {
    size_t good = 0;

    while (good < rows && last_line(&block->row[good]) < fault_line)
        good++;
    return good;
}

/* A call of the reader on its way. */
struct reading {
    const char *at;
    int64_t lines;
    size_t rows;
    bool plain;                  /* no byte so far is NUL or beyond ASCII */
    struct cn_csv_record record; /* the last one that was read by itself */
    int64_t line;                /* its first */
};

/* Reads the record at hand by itself. False: it has a fault. */
static bool read_record(const struct cn_csv_reader *reader, struct cn_csv_block *block,
                        struct reading *in) {
    struct cn_csv_record *record = &in->record;
    struct cn_csv_marks marks;

    cn_csv_marks_init(&marks, in->at, reader->end, reader->dialect.delimiter);
    in->line = in->lines + 1;
    cn_csv_record_read(&marks, in->at, block->fields + in->rows, block->capacity, block->n_columns,
                       record);
    if (record->fault != CN_CSV_FAULT_NONE)
        return false;
    in->lines += record->lines + (record->next > record->end);
    in->at = record->next;
    if (record->n_fields == reader->n_columns) {
        block->row[in->rows++] =
            (struct cn_csv_row){record->start, record->end, record->next, in->line};
    } else if (!cn_csv_record_empty(record)) {
        record->fault = CN_CSV_FAULT_COUNT_FEW_MANY;
        return false;
    }
    return true;
}

/* Reads what one window shows, and at least one record. False: a fault. */
static bool read_window(const struct cn_csv_reader *reader, struct cn_csv_block *block,
                        struct reading *in) {
    struct cn_csv_window window;
    const char *start = in->at;

    cn_csv_window_open(&window, block, in->at, reader->end, reader->dialect.delimiter,
                       block->capacity - in->rows);
    in->plain &= window.marks.plain;
    for (;;) {
        in->rows += cn_csv_window_take(&window, block, in->rows, &in->lines);
        in->at = window.at;
        if (in->rows == block->capacity)
            return true;
        /* Next is one that is not regular, or not complete in this window. */
        if (window.feeds == 0 && in->at > start)
            return true;
        if (!read_record(reader, block, in))
            return false;
        if (in->at > window.text + window.marks.length)
            in->plain = false; /* nobody knows */
        cn_csv_window_skip(&window, in->at);
        if (in->rows == block->capacity || in->at == reader->end)
            return true;
    }
}

enum cn_code cn_csv_reader_next(struct cn_csv_reader *reader, struct cn_csv_block *block,
                                struct cn_error *error) {
    struct reading in = {.at = reader->at, .lines = reader->lines, .plain = true};
    struct cn_error fault;
    enum cn_code code = CN_OK;
    bool good = true;

    assert(block->n_columns == reader->n_columns);
    block->rows = 0;
    while (good && in.rows < block->capacity && in.at < reader->end)
        good = read_window(reader, block, &in);
    if (good)
        in.record = (struct cn_csv_record){.end = in.at};
    if (!good || !in.plain) {
        const struct cn_csv_place place = {reader->at, reader->lines + 1,
                                           (int64_t)reader->n_columns, reader->dialect};
        cn_error_init(&fault);
        code = cn_csv_check(&place, &in.record, in.line, &fault);
    }
    if (code != CN_OK) {
        in.rows = count_good(block, in.rows, fault.line);
        if (in.rows == 0) {
            if (error && error->code == CN_OK)
                *error = fault;
            return code;
        }
        in.at = block->row[in.rows - 1].next;
        in.lines = last_line(&block->row[in.rows - 1]);
    }
    reader->at = in.at;
    reader->lines = in.lines;
    reader->rows += (int64_t)in.rows;
    block->rows = in.rows;
    return CN_OK;
}

/* ---- header ------------------------------------------------------------------------------- */

/* Whether more text could still change how `record` was read. */
static bool is_unfinished(const struct cn_csv_record *record, const char *end) {
    switch (record->fault) {
    case CN_CSV_FAULT_NONE:
        return record->next == record->end;
    case CN_CSV_FAULT_UNCLOSED:
        return true;
    case CN_CSV_FAULT_BARE_CR:
        return record->fault_at + 1 == end;
    default:
        return false;
    }
}

/*
 * Finds the record that says how many columns there are: the first that is not an empty line. If
 * it has a single field, empty lines before it are records too, and the first line counts.
 * Returns false when more text is needed. *line is the record's line.
 */
static bool find_first_record(struct cn_str text, bool complete, char delimiter,
                              struct cn_csv_record *record, int64_t *line) {
    const char *end = text.data + text.len;
    struct cn_csv_record first = {0};
    struct cn_csv_marks marks;
    const char *at = text.data;

    cn_csv_marks_init(&marks, at, end, delimiter);
    for (*line = 1;; ++*line) {
        if (at == end) {
            *record = first; /* nothing but empty lines */
            *line = 1;
            return complete;
        }
        cn_csv_record_read(&marks, at, NULL, 1, 0, record);
        if (!complete && is_unfinished(record, end))
            return false;
        if (*line == 1)
            first = *record;
        if (!cn_csv_record_empty(record))
            break;
        at = record->next;
    }
    if (record->fault == CN_CSV_FAULT_NONE && record->n_fields == 1) {
        *record = first;
        *line = 1;
    }
    return true;
}

/* The names in a record without faults. */
static enum cn_code read_names(const struct cn_csv_record *record, char delimiter,
                               struct cn_arena *arena, struct cn_str *names,
                               struct cn_error *error) {
    struct cn_csv_field *fields = cn_arena_array(arena, record->n_fields, sizeof *fields);
    struct cn_csv_record again;
    struct cn_csv_marks marks;

    if (!fields)
        return cn_error_memory(error);
    /* The text ends with this record here, so that no byte behind it is looked at. */
    cn_csv_marks_init(&marks, record->start, record->next, delimiter);
    cn_csv_record_read(&marks, record->start, fields, 1, record->n_fields, &again);
    for (size_t i = 0; i < record->n_fields; i++) {
        struct cn_str name = cn_csv_field_text(&fields[i], arena);
        if (name.data)
            names[i] = cn_arena_str(arena, name);
        if (!name.data || !names[i].data)
            return cn_error_memory(error);
    }
    return CN_OK;
}

static enum cn_code make_names(size_t n, struct cn_arena *arena, struct cn_str *names,
                               struct cn_error *error) {
    for (size_t i = 0; i < n; i++) {
        char name[24];
        int len = snprintf(name, sizeof name, "c%zu", i);
        names[i] = cn_arena_str(arena, cn_str(name, (size_t)len));
        if (!names[i].data)
            return cn_error_memory(error);
    }
    return CN_OK;
}

static enum cn_code fail_on_line(struct cn_error *error, enum cn_code code, int64_t line,
                                 const char *detail, const char *limit) {
    if (error && error->code == CN_OK) {
        cn_error_set(error, code, "%s", detail);
        error->line = line;
        if (limit)
            cn_error_set_limit(error, limit);
    }
    return code;
}

enum cn_code cn_csv_read_header(struct cn_str text, bool complete, struct cn_csv_dialect dialect,
                                size_t max_columns, struct cn_arena *arena, struct cn_str **names,
                                size_t *n_names, size_t *length, size_t *line_end,
                                struct cn_error *error) {
    struct cn_csv_record record;
    int64_t line;

    *names = NULL;
    *n_names = *length = *line_end = 0;
    if (text.len == 0)
        return complete
                   ? fail_on_line(error, CN_INVALID_CSV, 1,
                                  "The body is empty; expected CSV text with a header line.", NULL)
                   : CN_OK;
    if (!find_first_record(text, complete, dialect.delimiter, &record, &line))
        return CN_OK;
    const struct cn_csv_place place = {text.data, 1, (int64_t)record.n_fields, dialect};
    CN_TRY(cn_csv_check(&place, &record, line, error));
    if (record.n_fields > max_columns) {
        char detail[128];
        snprintf(detail, sizeof detail, "The text has %zu columns; at most %zu are allowed.",
                 record.n_fields, max_columns);
        return fail_on_line(error, CN_LIMIT_EXCEEDED, line, detail, "--max-columns");
    }
    struct cn_str *list = cn_arena_array(arena, record.n_fields, sizeof *list);
    if (!list)
        return cn_error_memory(error);
    if (dialect.header)
        CN_TRY(read_names(&record, dialect.delimiter, arena, list, error));
    else
        CN_TRY(make_names(record.n_fields, arena, list, error));
    *names = list;
    *n_names = record.n_fields;
    *length = dialect.header ? (size_t)(record.next - text.data) : 0;
    *line_end = (size_t)(record.next - record.end);
    return CN_OK;
}

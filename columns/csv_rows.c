/*
 * csv_rows.c: runs of regular rows, from an index of the separators.
 *
 * A row is regular when it ends with an LF and has the right number of fields. The index has
 * seen to the rest: it ends before a stray quote, text behind a quote and a bare CR. Places and
 * fields are written in two passes, the fields a column at a time, because the columns of a block
 * lie a power of two apart and would push each other out of the cache.
 */
#include "columns/csv_scan.h"

/* Marks of one window: what is indexed is used while it is in the cache. */
#define WINDOW_MARKS 4096

static size_t window_rows(size_t n_columns) {
    return n_columns < WINDOW_MARKS ? WINDOW_MARKS / n_columns : 1;
}

size_t cn_csv_window_marks(size_t n_columns) {
    return window_rows(n_columns) * n_columns + CN_TEXT_MARKS_SLACK;
}

void cn_csv_window_open(struct cn_csv_window *window, const struct cn_csv_block *block,
                        const char *text, const char *end, char delimiter, size_t rows) {
    size_t most = window_rows(block->n_columns);
    size_t len = (size_t)(end - text);

    *window = (struct cn_csv_window){.text = text, .at = text};
    window->marks.at = block->marks;
    window->marks.wanted = (rows < most ? rows : most) * block->n_columns;
    cn_text_marks_find(text, len < CN_CSV_WINDOW_BYTES ? len : CN_CSV_WINDOW_BYTES, delimiter,
                       &window->marks);
    window->feeds = window->marks.feeds;
}

void cn_csv_window_skip(struct cn_csv_window *window, const char *next) {
    const struct cn_text_marks *marks = &window->marks;

    for (; window->used < marks->count; window->used++) {
        const char *mark = window->text + marks->at[window->used];
        if (mark >= next)
            break;
        window->feeds -= *mark == '\n';
    }
    window->at = next;
}

/* Whether the first n marks are those of one row. */
static bool is_regular(const char *text, const uint32_t *marks, size_t n) {
    for (size_t i = 0; i + 1 < n; i++) {
        if (text[marks[i]] == '\n')
            return false;
    }
    return text[marks[n - 1]] == '\n';
}

/* How many regular rows come next. */
static size_t count_regular(const struct cn_csv_window *window, size_t n) {
    const uint32_t *marks = window->marks.at + window->used;
    size_t left = (window->marks.count - window->used) / n;
    size_t rows = 0;

    /* Nearly always the rows are as many as the LFs, and each nth mark is one of them: then no LF
     * can stand elsewhere. */
    if (window->feeds <= left) {
        while (rows < window->feeds && window->text[marks[rows * n + n - 1]] == '\n')
            rows++;
        if (rows == window->feeds)
            return rows;
    }
    for (rows = 0; rows < left && is_regular(window->text, marks + rows * n, n);)
        rows++;
    return rows;
}

/* The rows' places. A mark that has a CR before it is moved to it, so that it ends the field. */
static void place_rows(const struct cn_csv_window *window, struct cn_csv_row *row, size_t rows,
                       size_t n, int64_t *lines) {
    uint32_t *marks = window->marks.at + window->used + n - 1;
    const char *start = window->at;
    int64_t line = *lines + 1;

    for (size_t i = 0; i < rows; i++) {
        const char *feed = window->text + marks[i * n];
        bool cr = feed > start && feed[-1] == '\r';
        marks[i * n] -= cr;
        row[i] = (struct cn_csv_row){start, feed - cr, feed + 1, line};
        if (window->marks.feeds_inside)
            line += (int64_t)cn_text_count(start, (size_t)(feed - start), '\n');
        line++;
        start = feed + 1;
    }
    *lines = line - 1;
}

/* The field in text[start..end). With quotes it begins and ends with one, or has none. */
static inline struct cn_csv_field make_field(const char *text, uint32_t start, uint32_t end,
                                             bool quotes, bool doubled) {
    struct cn_csv_field field = {.data = text + start, .len = end - start};

    /* A separator stands at `end`: there is a byte to look at. */
    if (quotes) {
        bool quoted = *field.data == '"';
        field.data += quoted;
        field.len -= 2u * quoted;
        field.quoted = quoted;
        field.escaped = doubled && quoted && memchr(field.data, '"', field.len);
    }
    return field;
}

/* All fields of some rows; what is constant in the callers leaves no trace here. */
static inline void place_fields(const struct cn_csv_window *window, struct cn_csv_block *block,
                                size_t row, size_t rows, bool quotes, bool doubled) {
    const uint32_t *marks = window->marks.at + window->used;
    const char *text = window->text;
    size_t n = block->n_columns;

    for (size_t i = 0; i < rows; i++) {
        uint32_t start = (uint32_t)(block->row[row + i].start - text);
        block->fields[row + i] = make_field(text, start, marks[i * n], quotes, doubled);
    }
    for (size_t c = 1; c < n; c++) {
        struct cn_csv_field *fields = block->fields + c * block->capacity + row;
        for (size_t i = 0; i < rows; i++) {
            const uint32_t *mark = &marks[i * n + c];
            fields[i] = make_field(text, mark[-1] + 1, mark[0], quotes, doubled);
        }
    }
}

size_t cn_csv_window_take(struct cn_csv_window *window, struct cn_csv_block *block, size_t row,
                          int64_t *lines) {
    size_t n = block->n_columns, room = block->capacity - row;
    size_t rows = count_regular(window, n);

    if (rows > room)
        rows = room;
    if (rows == 0)
        return 0;
    place_rows(window, block->row + row, rows, n, lines);
    if (!window->marks.quotes)
        place_fields(window, block, row, rows, false, false);
    else if (!window->marks.doubled)
        place_fields(window, block, row, rows, true, false);
    else
        place_fields(window, block, row, rows, true, true);
    window->used += rows * n;
    window->feeds -= rows;
    window->at = block->row[row + rows - 1].next;
    return rows;
}

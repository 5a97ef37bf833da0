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
    return 1 + window_rows(n_columns) * n_columns + CN_TEXT_MARKS_SLACK;
}

void cn_csv_window_open(struct cn_csv_window *window, const struct cn_csv_block *block,
                        const char *text, const char *end, char delimiter, size_t rows) {
    size_t most = window_rows(block->n_columns);
    size_t len = (size_t)(end - text);

    *window = (struct cn_csv_window){.text = text, .at = text};
    /* Before the first field is a separator that the text does not have. */
    block->marks[0] = UINT32_MAX;
    window->marks.at = block->marks + 1;
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

/* The rows' places. */
static void place_rows(const struct cn_csv_window *window, struct cn_csv_row *row, size_t rows,
                       size_t n, int64_t *lines) {
    const uint32_t *mark = window->marks.at + window->used + n - 1;
    const char *start = window->at;
    int64_t line = *lines + 1;

    for (size_t i = 0; i < rows; i++, mark += n) {
        const char *feed = window->text + *mark;
        bool cr = window->marks.returns && feed > start && feed[-1] == '\r';
        row[i] = (struct cn_csv_row){start, feed - cr, feed + 1, line};
        if (window->marks.feeds_inside)
            line += (int64_t)cn_text_count(start, (size_t)(feed - start), '\n');
        line++;
        start = feed + 1;
    }
    *lines = line - 1;
}

_Static_assert(sizeof(struct cn_csv_field) == sizeof(struct cn_text_span) &&
                   offsetof(struct cn_csv_field, len) == offsetof(struct cn_text_span, len) &&
                   offsetof(struct cn_csv_field, quoted) == offsetof(struct cn_text_span, zero),
               "a field without quotes is a stretch of text");

/* The fields of a part of the text that has no quotes. */
static void place_plain(const struct cn_csv_window *window, struct cn_csv_block *block, size_t row,
                        size_t rows) {
    cn_text_spans(&(struct cn_text_table){
        .text = window->text,
        .marks = window->marks.at + window->used,
        .columns = block->n_columns,
        .rows = rows,
        .spans = (struct cn_text_span *)(block->fields + row),
        .stride = block->capacity,
    });
    if (!window->marks.returns)
        return;
    /* A CR is no part of the last field. */
    struct cn_csv_field *last = block->fields + (block->n_columns - 1) * block->capacity + row;
    for (size_t i = 0; i < rows; i++)
        last[i].len = (uint32_t)(block->row[row + i].end - last[i].data);
}

/* A field that stands before a separator: with a quote it begins and ends with one, else it has
 * none. `doubled`: two of them may be inside. */
static inline struct cn_csv_field make_field(const char *start, const char *end, bool doubled) {
    bool quoted = *start == '"';
    struct cn_csv_field field = {.data = start + quoted, .quoted = quoted};

    field.len = (uint32_t)(end - start) - 2u * quoted;
    field.escaped = doubled && quoted && memchr(field.data, '"', field.len);
    return field;
}

/* The fields of any part; `doubled` is constant in the callers. */
__attribute__((always_inline)) static inline void place_quoted(const struct cn_csv_window *window,
                                                               struct cn_csv_block *block,
                                                               size_t row, size_t rows,
                                                               bool doubled) {
    const uint32_t *marks = window->marks.at + window->used;
    const char *text = window->text;
    size_t last = block->n_columns - 1;

    for (size_t c = 0; c < last; c++) {
        struct cn_csv_field *fields = block->fields + c * block->capacity + row;
        const uint32_t *mark = marks + c;
        for (size_t i = 0; i < rows; i++, mark += block->n_columns)
            fields[i] = make_field(text + (uint32_t)(mark[-1] + 1), text + mark[0], doubled);
    }
    struct cn_csv_field *fields = block->fields + last * block->capacity + row;
    const uint32_t *mark = marks + last;
    for (size_t i = 0; i < rows; i++, mark += block->n_columns)
        fields[i] = make_field(text + (uint32_t)(mark[-1] + 1), block->row[row + i].end, doubled);
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
        place_plain(window, block, row, rows);
    else if (window->marks.doubled)
        place_quoted(window, block, row, rows, true);
    else
        place_quoted(window, block, row, rows, false);
    window->used += rows * n;
    window->feeds -= rows;
    window->at = block->row[row + rows - 1].next;
    return rows;
}

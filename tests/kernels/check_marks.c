/* The marks of texts of fields: chunks, counts and the index of separators, byte for byte. */
#include <string.h>

#include "kernels/table.h"
#include "kernels/text_marks.h"
#include "tests/kernels/check.h"

#define MOST 300
#define BENCH_BYTES 65536
#define CHUNKS ((MOST + 63) / 64)

/* A text of letters, separators, line ends, and quotes which are mostly right; or of any bytes. */
static void make_text(char *text, size_t len, char delimiter) {
    uint64_t sort = check_below(4); /* 0: plain; 1: quotes; 2: CR LF; 3: anything */
    bool quoted = false;

    if (sort == 3) {
        check_fill(text, len);
        return;
    }
    for (size_t i = 0; i < len; i++) {
        uint64_t dice = check_below(sort == 1 ? 8 : 7);
        bool begins = i == 0 || text[i - 1] == delimiter || text[i - 1] == '\n';
        text[i] = (char)('a' + check_below(26));
        if (quoted && dice == 0) {
            text[i] = '"';
            quoted = false;
            if (i + 1 < len && check_below(40))
                text[++i] = delimiter;
        } else if (sort == 1 && (begins ? dice < 3 : check_below(200) == 0)) {
            text[i] = '"';
            quoted = !quoted;
        } else if (dice == 1) {
            text[i] = delimiter;
        } else if (dice == 2) {
            text[i] = '\n';
            if (sort == 2 && i > 0)
                text[i - 1] = '\r';
        } else if (check_below(100) == 0) {
            text[i] = (char)check_random();
        }
    }
}

static void compare_chunks(const char *text, size_t len, char delimiter, size_t offset) {
    struct cn_text_chunk expected[CHUNKS], found[CHUNKS];
    size_t bytes = (len + 63) / 64 * sizeof found[0];

    cn_text_chunks_scalar(text, len, delimiter, expected);
    cn_kernels.text_chunks(text, len, delimiter, found);
    check_that(memcmp(expected, found, bytes) == 0, "chunks of %zu bytes, %zu behind a page", len,
               offset);
    check_that(cn_kernels.text_count(text, len, delimiter) ==
                   cn_text_count_scalar(text, len, delimiter),
               "count in %zu bytes, %zu behind a page", len, offset);
}

static void compare_marks(const char *text, size_t len, char delimiter, size_t offset) {
    uint32_t expected_at[MOST + CN_TEXT_MARKS_SLACK], found_at[MOST + CN_TEXT_MARKS_SLACK];
    struct cn_text_marks expected = {.at = expected_at, .wanted = check_below(len + 2)};
    struct cn_text_marks found = {.at = found_at, .wanted = expected.wanted};

    cn_text_marks_find_scalar(text, len, delimiter, &expected);
    cn_kernels.text_marks_find(text, len, delimiter, &found);
    check_that(expected.count == found.count && expected.feeds == found.feeds &&
                   expected.length == found.length && expected.plain == found.plain &&
                   expected.returns == found.returns && expected.quotes == found.quotes &&
                   expected.doubled == found.doubled && expected.feeds_inside == found.feeds_inside,
               "marks of %zu bytes, %zu behind a page", len, offset);
    check_that(memcmp(expected_at, found_at, found.count * sizeof found_at[0]) == 0,
               "offsets in %zu bytes, %zu behind a page", len, offset);
}

static void compare(char *text, size_t len, size_t offset) {
    static const char delimiters[] = {',', ';', '\t', '|', ' ', 'x', 0, (char)0x80, (char)0xFF};
    char delimiter = delimiters[check_below(sizeof delimiters)];

    make_text(text, len, delimiter);
    compare_chunks(text, len, delimiter, offset);
    compare_marks(text, len, delimiter, offset);
}

/* The index against the rules, one byte after the other. */
static void check_rules(const char *text, size_t len) {
    uint32_t at[MOST + CN_TEXT_MARKS_SLACK];
    struct cn_text_marks marks = {.at = at, .wanted = SIZE_MAX / sizeof at[0] / 2};
    size_t count = 0, feeds = 0;
    bool inside = false, right = true, plain = true;

    cn_kernels.text_marks_find(text, len, ',', &marks);
    for (size_t i = 0; i < marks.length; i++) {
        inside ^= text[i] == '"';
        plain = plain && text[i] > 0;
        if (inside || (text[i] != ',' && text[i] != '\n'))
            continue;
        right = right && count < marks.count && at[count] == i;
        count++;
        feeds += text[i] == '\n';
    }
    check_that(right && count == marks.count && feeds == marks.feeds, "the separators of %zu bytes",
               len);
    check_that(plain == marks.plain || (!marks.plain && marks.length < len), "plain, %zu bytes",
               len);
    check_that(marks.length == len || marks.length % 64 == 0, "stopped at %zu", marks.length);
}

#define MOST_COLUMNS 11
#define MOST_ROWS 9

/* Spans of every shape of table, from marks and into memory that end at a page. */
static void check_spans(void) {
    struct check_memory in = check_memory_new((1 + MOST_COLUMNS * MOST_ROWS + 3) * 4);
    struct check_memory out = check_memory_new(MOST_COLUMNS * MOST_ROWS * 16 + 16);
    struct cn_text_span expected[MOST_COLUMNS * MOST_ROWS];

    for (size_t columns = 1; columns <= MOST_COLUMNS; columns++) {
        for (size_t rows = 0; rows <= MOST_ROWS; rows++) {
            size_t n = columns * rows, size = n * sizeof expected[0];
            uint32_t *marks = (uint32_t *)check_at_end(&in, (1 + n + 3) * sizeof *marks), last = 0;
            struct cn_text_table table = {in.start, marks + 1, columns, rows, expected, rows};
            for (size_t i = 1; i < 1 + n; i++)
                marks[i] = last += 1 + (uint32_t)check_below(check_below(9) ? 30 : 100000000);
            marks[0] = check_below(2) ? UINT32_MAX : marks[1] - 1;
            cn_text_spans_scalar(&table);
            table.spans = (struct cn_text_span *)check_at_end(&out, size);
            cn_kernels.text_spans(&table);
            check_that(n == 0 || memcmp(table.spans, expected, size) == 0,
                       "spans of %zu columns, %zu rows", columns, rows);
        }
    }
    check_memory_free(&in);
    check_memory_free(&out);
}

struct work {
    char text[BENCH_BYTES];
    uint32_t at[BENCH_BYTES + CN_TEXT_MARKS_SLACK];
    struct cn_text_chunk chunks[BENCH_BYTES / 64];
    struct cn_text_span spans[4096];
};

static void find_work(void *context) {
    struct work *work = context;
    struct cn_text_marks marks = {.at = work->at, .wanted = BENCH_BYTES};

    cn_kernels.text_marks_find(work->text, sizeof work->text, ',', &marks);
}

static void chunk_work(void *context) {
    struct work *work = context;

    cn_kernels.text_chunks(work->text, sizeof work->text, ',', work->chunks);
}

static void count_work(void *context) {
    struct work *work = context;

    work->at[0] = (uint32_t)cn_kernels.text_count(work->text, sizeof work->text, '"');
}

static void span_work(void *context) {
    struct work *work = context;
    struct cn_text_table table = {work->text, work->at + 1, 4, 1024, work->spans, 1024};

    cn_kernels.text_spans(&table);
}

/* Rows of four fields of `width` bytes each, their separators among them. */
static void fill_rows(struct work *work, size_t width, bool quotes) {
    memset(work->text, 'a', sizeof work->text);
    for (size_t i = width - 1, n = 1; i < sizeof work->text; i += width, n++) {
        work->text[i] = n % 4 ? ',' : '\n';
        if (quotes)
            work->text[i - 1] = work->text[i - width + 1] = '"';
    }
    work->text[sizeof work->text - 1] = '\n';
}

void check_marks(void) {
    static struct work work;
    struct check_memory memory = check_memory_new(MOST + 64);

    for (size_t len = 0; len <= MOST; len++) {
        for (int round = 0; round < 16; round++) {
            char *text = check_at_end(&memory, len);
            compare(text, len, 0);
            make_text(text, len, ',');
            check_rules(text, len);
        }
        for (size_t offset = 0; offset < 64; offset++)
            compare(check_at_start(&memory, offset), len, offset);
    }
    check_memory_free(&memory);
    check_spans();
    check_time("text_spans", (void (*)(void))cn_kernels.text_spans, "span", 4096, span_work, &work);
    fill_rows(&work, 20, false);
    check_time("text_chunks", (void (*)(void))cn_kernels.text_chunks, "byte", BENCH_BYTES,
               chunk_work, &work);
    check_time("text_count", (void (*)(void))cn_kernels.text_count, "byte", BENCH_BYTES, count_work,
               &work);
    check_time("text_marks_20", (void (*)(void))cn_kernels.text_marks_find, "byte", BENCH_BYTES,
               find_work, &work);
    fill_rows(&work, 4, false);
    check_time("text_marks_4", (void (*)(void))cn_kernels.text_marks_find, "byte", BENCH_BYTES,
               find_work, &work);
    fill_rows(&work, 20, true);
    check_time("text_marks_quoted", (void (*)(void))cn_kernels.text_marks_find, "byte", BENCH_BYTES,
               find_work, &work);
}

/*
 * Fuzz target: files of exported runs, and searches. The input is a file, and a search.
 *
 * What must hold: a file that is accepted makes a record whose document is accepted again and is
 * the same then, to the byte; summary, trace and search text can be written of it. What is refused
 * says why.
 */
#include <string.h>

#include "handlers/run_document.h"
#include "handlers/run_read.h"
#include "handlers/run_search.h"
#include "handlers/run_trace.h"
#include "tests/fuzz/check.h"

enum { DEPTH = 64 };

static void write_document(struct cn_buf *buf, const struct cn_run_record *record) {
    struct cn_json_out out;
    cn_json_out_init(&out, buf);
    cn_run_document_write(&out, record, NULL);
    CHECK(out.ok);
}

static void write_rest(const struct cn_run_record *record, struct cn_buf *text) {
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_json_out out;
    cn_json_out_init(&out, &buf);
    cn_run_summary_write(&out, record);
    cn_run_trace_write(&out, NULL, record);
    CHECK(out.ok && cn_search_text(text, record));
    cn_buf_release(&buf);
}

static void check_search(struct cn_str query, struct cn_str text, struct cn_arena *arena) {
    struct cn_search search;
    struct cn_error error;
    cn_error_init(&error);
    enum cn_code code = cn_search_init(&search, query, arena, &error);
    CHECK(code == error.code && search.n_words <= CN_SEARCH_WORDS);
    if (code == CN_OK)
        CHECK(cn_search_match(&search, text) || search.n_words > 0);
}

static void check_again(const struct cn_run_record *record, struct cn_arena *arena) {
    struct cn_buf first = CN_BUF_INIT, second = CN_BUF_INIT;
    struct cn_run_record again;
    struct cn_error error;
    cn_error_init(&error);
    write_document(&first, record);
    CHECK(cn_run_record_read(cn_buf_str(&first), arena, &again, &error) == CN_OK);
    CHECK(again.imported);
    write_document(&second, &again);
    CHECK(cn_str_equal(cn_buf_str(&first), cn_buf_str(&second)));
    cn_buf_release(&first);
    cn_buf_release(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct cn_str input = cn_str((const char *)data, size);
    struct cn_buf text = CN_BUF_INIT;
    struct cn_run_record record;
    struct cn_arena arena;
    struct cn_error error;
    cn_error_init(&error);
    cn_arena_init(&arena, 4096);
    enum cn_code code = cn_run_file_read(input, DEPTH, &arena, &record, &error);
    CHECK(code == error.code);
    if (code == CN_OK) {
        check_again(&record, &arena);
        write_rest(&record, &text);
    } else {
        CHECK(error.detail[0] != '\0');
    }
    check_search(input, cn_buf_str(&text), &arena);
    cn_buf_release(&text);
    cn_arena_release(&arena);
    return 0;
}

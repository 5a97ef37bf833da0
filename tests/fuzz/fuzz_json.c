/*
 * Fuzz target: JSON. The input is a document.
 *
 * What must hold: a document that is accepted has only members that are JSON themselves; its
 * columns, written and read again, are the same columns; memory stays within a multiple of the
 * text. Columns that are read on the way are those that are read by themselves, and the document
 * has the same faults.
 */
#include "columns/json.h"
#include "tests/fuzz/check.h"

static const struct cn_json_limits limits = {
    .max_depth = 100, .max_columns = 1000, .max_rows = 100000};

/* A frame as the text of a "columns" object. */
static void write_frame(const struct cn_frame *frame, struct cn_buf *out) {
    struct cn_arena arena;

    cn_arena_init(&arena, 1 << 16);
    CHECK(cn_buf_add_c(out, "{"));
    for (size_t c = 0; c < frame->n_columns; c++) {
        struct cn_vector vector;
        if (c > 0)
            CHECK(cn_buf_add_c(out, ","));
        CHECK(cn_json_write_string(out, frame->columns[c].name));
        CHECK(cn_buf_add_c(out, ":"));
        size_t start = out->len;
        CHECK(cn_column_vector(&frame->columns[c], 0, frame->rows, &arena, &vector, NULL) == CN_OK);
        CHECK(cn_json_write_vector(out, &vector, frame->rows, CN_JSON_NAN_ERROR, NULL) == CN_OK);
        if (out->len == start)
            CHECK(cn_buf_add_c(out, ","));
        out->data[start] = '[';
        CHECK(cn_buf_add_c(out, "]"));
    }
    CHECK(cn_buf_add_c(out, "}"));
    cn_arena_release(&arena);
}

static void check_columns(struct cn_str text, const struct cn_frame *ahead) {
    struct cn_frame frame, again;
    struct cn_buf first = CN_BUF_INIT, second = CN_BUF_INIT;
    struct cn_error error;

    cn_error_init(&error);
    cn_frame_init(&frame, NULL);
    cn_frame_init(&again, NULL);
    enum cn_code code = cn_json_read_columns(text, &limits, NULL, &frame, &error);
    CHECK(code == error.code);
    /* the document was checked before */
    CHECK(code != CN_INVALID_JSON && code != CN_INVALID_ENCODING);
    CHECK(frame.arena.total <= 64 * 1024 + 64 * text.len);
    CHECK(code == CN_OK || !ahead);
    if (code == CN_OK) {
        write_frame(&frame, &first);
        if (ahead) {
            write_frame(ahead, &second);
            CHECK(cn_str_equal(cn_buf_str(&first), cn_buf_str(&second)));
            second.len = 0;
        }
        CHECK(cn_json_read_columns(cn_buf_str(&first), &limits, NULL, &again, NULL) == CN_OK);
        CHECK(again.n_columns == frame.n_columns && again.rows == frame.rows);
        for (size_t c = 0; c < frame.n_columns; c++)
            CHECK(again.columns[c].type == frame.columns[c].type);
        write_frame(&again, &second);
        CHECK(cn_str_equal(cn_buf_str(&first), cn_buf_str(&second)));
    }
    cn_buf_release(&first);
    cn_buf_release(&second);
    cn_frame_release(&frame);
    cn_frame_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct cn_json_document document, inner;
    struct cn_str text = cn_str((const char *)data, size);
    struct cn_frame ahead;
    struct cn_arena arena;
    struct cn_error error, same;

    cn_arena_init(&arena, 4096);
    cn_error_init(&error);
    cn_error_init(&same);
    cn_frame_init(&ahead, NULL);
    enum cn_code code = cn_json_read_document(text, &limits, &arena, &document, &error);
    CHECK(cn_json_read_body(text, &limits, &arena, &ahead, &document, &same) == code);
    CHECK(strcmp(same.detail, error.detail) == 0);
    CHECK(code == error.code);
    CHECK(code == CN_OK || error.detail[0]);
    if (code == CN_OK) {
        for (size_t i = 0; i < document.n_members && i < 50; i++) {
            enum cn_code member =
                cn_json_read_document(document.members[i].value, &limits, &arena, &inner, NULL);
            CHECK(member == CN_OK || member == CN_INVALID_PARAMETER);
        }
        if (document.has_columns)
            check_columns(document.columns, document.columns_read ? &ahead : NULL);
    }
    cn_frame_release(&ahead);
    cn_arena_release(&arena);
    return 0;
}

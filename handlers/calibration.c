#include "handlers/calibration.h"

#include "columns/csv.h"
#include "kernels/number.h"
#include "kernels/random.h"

/* The reference workload: four float columns with all their digits, one computed column. */
enum { COLUMNS = 4, ROWS = 1024, SAMPLES = 5 };
#define COMPUTE_NS 40.0 /* evaluating and writing the computed value */

static bool make_text(struct cn_buf *text) {
    double values[COLUMNS];
    for (size_t row = 0; row < ROWS; row++) {
        cn_random_normal(1, 0, row * COLUMNS, COLUMNS, values);
        for (size_t column = 0; column < COLUMNS; column++) {
            char digits[CN_DOUBLE_TEXT];
            size_t len = cn_double_format(values[column], digits);
            if (!cn_buf_add(text, digits, len) ||
                !cn_buf_add_char(text, column + 1 < COLUMNS ? ',' : '\n'))
                return false;
        }
    }
    return true;
}

static bool copy_fields(const struct cn_csv_block *block, struct cn_buf *out) {
    for (size_t row = 0; row < block->rows; row++)
        if (!cn_buf_add(out, block->row[row].start,
                        (size_t)(block->row[row].next - block->row[row].start)))
            return false;
    return true;
}

/* One pass over the text, as a worker makes it. */
static enum cn_code read_once(struct cn_str text, struct cn_csv_block *block,
                              struct cn_arena *arena, struct cn_buf *out, struct cn_error *error) {
    struct cn_csv_reader reader;
    struct cn_csv_nulls nulls = {0};
    cn_csv_reader_init(&reader, text, (struct cn_csv_dialect){',', true}, COLUMNS);
    for (;;) {
        CN_TRY(cn_csv_reader_next(&reader, block, error));
        if (block->rows == 0)
            return CN_OK;
        for (size_t column = 0; column < COLUMNS; column++) {
            struct cn_vector vector;
            enum cn_type type = cn_csv_seen_type(cn_csv_seen_column(block, column, &nulls));
            CN_TRY(cn_csv_decode(block, column, type, false, &nulls, arena, &vector, error));
        }
        if (!copy_fields(block, out))
            return cn_error_memory(error);
    }
}

static enum cn_code measure(struct cn_str text, double *ns_per_byte, struct cn_error *error) {
    struct cn_arena fixed, scratch;
    struct cn_buf out = CN_BUF_INIT;
    struct cn_csv_block block;
    int64_t best = INT64_MAX;
    cn_arena_init(&fixed, 64 << 10);
    cn_arena_init(&scratch, 64 << 10);
    enum cn_code code = cn_csv_block_init(&block, COLUMNS, &fixed, error);
    for (int i = 0; code == CN_OK && i < SAMPLES; i++) {
        int64_t start = cn_clock_now();
        out.len = 0;
        code = read_once(text, &block, &scratch, &out, error);
        int64_t ns = cn_clock_now() - start;
        if (ns < best)
            best = ns;
        cn_arena_reset(&scratch, SIZE_MAX);
    }
    if (code == CN_OK)
        *ns_per_byte = (double)best / (double)text.len;
    cn_buf_release(&out);
    cn_arena_release(&scratch);
    cn_arena_release(&fixed);
    return code;
}

enum cn_code cn_calibrate_reference(struct cn_service *service, struct cn_error *error) {
    struct cn_calibration *calibration = &service->calibration;
    struct cn_buf text = CN_BUF_INIT;
    enum cn_code code = CN_OK;
    if (make_text(&text))
        code = measure(cn_buf_str(&text), &calibration->csv_ns_per_byte, error);
    else
        code = cn_error_memory(error);
    if (code == CN_OK) {
        /* Two crossings must be won back by what the other workers take over. */
        double row = COMPUTE_NS + calibration->csv_ns_per_byte * (double)text.len / ROWS;
        double parts = service->cpus.usable;
        calibration->break_even_rows =
            parts > 1 ? (int64_t)(2 * (double)calibration->dispatch_ns / (row * (1 - 1 / parts)))
                      : 0;
    }
    cn_buf_release(&text);
    return code;
}

/*
 * frame_generate.c: a generated frame that is held in memory, for work that is run more than once.
 */
#include "handlers/compute.h"
#include "kernels/random.h"

/* Rows between two looks at the clock. */
#define STRIDE ((size_t)64 * 1024)

static enum cn_code too_large(uint64_t rows, size_t n_columns, uint64_t limit,
                              struct cn_error *error) {
    cn_error_set(
        error, CN_LIMIT_EXCEEDED,
        "to be run more than once, %llu rows of %zu columns are generated in memory, which "
        "takes more than %llu bytes (--memory-bytes)",
        (unsigned long long)rows, n_columns, (unsigned long long)limit);
    cn_error_set_parameter(error, CN_STR("generate"));
    cn_error_set_limit(error, "--memory-bytes");
    return CN_LIMIT_EXCEEDED;
}

static enum cn_code check_memory(const struct cn_service *service, uint64_t rows, size_t n_columns,
                                 struct cn_error *error) {
    uint64_t limit = service->limits.memory_bytes;
    uint64_t bytes;
    size_t idle, in_use;

    if (__builtin_mul_overflow(rows, (uint64_t)n_columns * sizeof(double), &bytes) || bytes > limit)
        return too_large(rows, n_columns, limit, error);
    cn_blocks_stats(service->blocks, &idle, &in_use);
    if (in_use <= limit - bytes)
        return CN_OK;
    cn_error_set(error, CN_OVERLOADED, "the memory for requests is in use; try again in a moment");
    cn_error_set_limit(error, "--memory-bytes");
    return CN_OVERLOADED;
}

static enum cn_code look_up(const struct cn_exchange *exchange, const atomic_int *gone,
                            struct cn_error *error) {
    int64_t deadline = exchange->deadline_ns;

    if (deadline > 0 && cn_clock_now() >= deadline)
        return cn_error_set(error, CN_DEADLINE_EXCEEDED,
                            "the deadline passed before the frame was generated");
    if (gone && atomic_load(gone))
        return cn_error_set(error, CN_CANCELLED, "%s", cn_code_title(CN_CANCELLED));
    return CN_OK;
}

enum cn_code cn_frame_generate(struct cn_frame *frame, const struct cn_generate *generate,
                               uint64_t rows, const struct cn_exchange *exchange,
                               const atomic_int *gone, struct cn_error *error) {
    size_t n = generate->n_columns;

    CN_TRY(check_memory(exchange->service, rows, n, error));
    frame->columns = cn_arena_zalloc(&frame->arena, n * sizeof *frame->columns);
    if (!frame->columns)
        return cn_error_memory(error);
    frame->n_columns = n;
    frame->rows = (size_t)rows;
    for (size_t c = 0; c < n; c++) {
        double *values = cn_frame_alloc(frame, (size_t)rows * sizeof *values);
        struct cn_str name = cn_arena_str(&frame->arena, generate->columns[c]);
        if (!values || !name.data)
            return cn_error_memory(error);
        frame->columns[c] =
            (struct cn_column){.name = name, .type = CN_TYPE_FLOAT64, .values = values};
        for (size_t first = 0; first < frame->rows; first += STRIDE) {
            size_t some = frame->rows - first < STRIDE ? frame->rows - first : STRIDE;
            CN_TRY(look_up(exchange, gone, error));
            if (generate->normal)
                cn_random_normal(generate->seed, c, first, some, values + first);
            else
                cn_random_uniform(generate->seed, c, first, some, values + first);
        }
    }
    return CN_OK;
}

/*
 * frame.h: the columns of a JSON body, of equal length.
 */
#ifndef CN_COLUMNS_FRAME_H
#define CN_COLUMNS_FRAME_H

#include "base/blocks.h"
#include "columns/column.h"

struct cn_frame {
    struct cn_column *columns;
    size_t n_columns;
    size_t rows;
    struct cn_arena arena;          /* names and small things */
    struct cn_blocks *blocks;       /* where large values come from; may be NULL: the heap */
    struct cn_frame_memory *memory; /* what must be given back */
};

void cn_frame_init(struct cn_frame *frame, struct cn_blocks *blocks);
void cn_frame_release(struct cn_frame *frame);

/* Memory that lives as long as the frame, aligned for any value: from the arena if it is small,
 * else from the blocks (or the heap). Not zeroed. NULL: no memory. */
void *cn_frame_alloc(struct cn_frame *frame, size_t size);

/* The large memory itself: *size becomes the true size. What was taken is either given back or
 * kept: then the frame gives it back at its end (false: no memory, it is still the caller's). */
void *cn_frame_take(struct cn_frame *frame, size_t *size);
void cn_frame_give(struct cn_frame *frame, void *data, size_t size);
CN_NODISCARD bool cn_frame_keep(struct cn_frame *frame, void *data, size_t size);

/*
 * Rows of a frame as plain runs of bytes, for a worker that may live in another process:
 * cn_frame_slice() lists, for each of the wanted columns in order, four runs: values, offsets,
 * bytes, nulls (empty where there is none; offsets are the frame's own, not rebased). The runs
 * point into the frame. `slices` has room for 4 * n_wanted. cn_frame_unslice() makes columns of
 * them again (names and types are given by the caller in `columns`, values are filled in; no copy
 * is made). Runs of values and offsets must be aligned as their elements are (8 bytes); runs whose
 * lengths do not fit the types and rows are CN_INTERNAL.
 */
void cn_frame_slice(const struct cn_frame *frame, const uint32_t *wanted, size_t n_wanted,
                    size_t first, size_t rows, struct cn_str *slices);
enum cn_code cn_frame_unslice(const struct cn_str *slices, size_t n_wanted, size_t rows,
                              struct cn_column *columns, struct cn_error *error);

#endif

/*
 * frame.c: the memory of a frame, and its rows as runs of bytes.
 */
#include "columns/frame.h"

#include <stdlib.h>

/* Smaller values stand in the arena, so that many small columns cost no large blocks. */
#define LARGE ((size_t)64 * 1024)
#define ALIGN ((size_t)64)

struct cn_frame_memory {
    struct cn_frame_memory *next;
    void *data;
    size_t size;
};

void cn_frame_init(struct cn_frame *frame, struct cn_blocks *blocks) {
    *frame = (struct cn_frame){.blocks = blocks};
    cn_arena_init(&frame->arena, 4096);
}

void cn_frame_release(struct cn_frame *frame) {
    for (struct cn_frame_memory *memory = frame->memory; memory; memory = memory->next)
        cn_frame_give(frame, memory->data, memory->size);
    cn_arena_release(&frame->arena);
    cn_frame_init(frame, frame->blocks);
}

void *cn_frame_take(struct cn_frame *frame, size_t *size) {
    if (frame->blocks)
        return cn_blocks_take(frame->blocks, size);
    if (*size > PTRDIFF_MAX - ALIGN)
        return NULL;
    *size = *size ? (*size + ALIGN - 1) & ~(ALIGN - 1) : ALIGN;
    return aligned_alloc(ALIGN, *size);
}

void cn_frame_give(struct cn_frame *frame, void *data, size_t size) {
    if (!data)
        return;
    if (frame->blocks)
        cn_blocks_give(frame->blocks, data, size);
    else
        free(data);
}

bool cn_frame_keep(struct cn_frame *frame, void *data, size_t size) {
    struct cn_frame_memory *memory = cn_arena_alloc(&frame->arena, sizeof *memory);

    if (!memory)
        return false;
    *memory = (struct cn_frame_memory){frame->memory, data, size};
    frame->memory = memory;
    return true;
}

void *cn_frame_alloc(struct cn_frame *frame, size_t size) {
    if (size < LARGE)
        return cn_arena_alloc(&frame->arena, size);
    void *data = cn_frame_take(frame, &size);
    if (data && !cn_frame_keep(frame, data, size)) {
        cn_frame_give(frame, data, size);
        data = NULL;
    }
    return data;
}

/* ---- slices ------------------------------------------------------------------------------- */

enum { SLICE_VALUES, SLICE_OFFSETS, SLICE_BYTES, SLICE_NULLS, SLICES };

void cn_frame_slice(const struct cn_frame *frame, const uint32_t *wanted, size_t n_wanted,
                    size_t first, size_t rows, struct cn_str *slices) {
    for (size_t i = 0; i < n_wanted; i++) {
        const struct cn_column *column = &frame->columns[wanted[i]];
        struct cn_str *slice = slices + i * SLICES;
        size_t width = cn_type_width(column->type);
        for (size_t k = 0; k < SLICES; k++)
            slice[k] = cn_str("", 0);
        if (column->values && width)
            slice[SLICE_VALUES] =
                cn_str((const char *)column->values + first * width, rows * width);
        if (column->type == CN_TYPE_STRING) {
            const uint64_t *offsets = column->offsets + first;
            uint64_t len = offsets[rows] - offsets[0];
            slice[SLICE_OFFSETS] = cn_str((const char *)offsets, (rows + 1) * sizeof *offsets);
            if (len)
                slice[SLICE_BYTES] = cn_str(column->bytes + offsets[0], (size_t)len);
        }
        if (column->nulls)
            slice[SLICE_NULLS] = cn_str((const char *)column->nulls + first, rows);
    }
}

static bool is_aligned(struct cn_str run, size_t size) {
    return (uintptr_t)run.data % size == 0;
}

/* Strings keep the frame's own offsets, so the bytes' origin lies offsets[0] before the run. It is
 * only ever used together with an offset. */
static bool unslice_strings(const struct cn_str *slice, size_t rows, struct cn_column *column) {
    struct cn_str offsets = slice[SLICE_OFFSETS], bytes = slice[SLICE_BYTES];

    if (offsets.len / sizeof(uint64_t) != rows + 1 || offsets.len % sizeof(uint64_t) != 0 ||
        !is_aligned(offsets, sizeof(uint64_t)))
        return false;
    column->offsets = (const uint64_t *)(const void *)offsets.data;
    if (column->offsets[rows] - column->offsets[0] != bytes.len)
        return false;
    const char *data = bytes.len ? bytes.data : "";
    column->bytes = (const char *)((uintptr_t)data - (uintptr_t)column->offsets[0]);
    return true;
}

enum cn_code cn_frame_unslice(const struct cn_str *slices, size_t n_wanted, size_t rows,
                              struct cn_column *columns, struct cn_error *error) {
    for (size_t i = 0; i < n_wanted; i++) {
        const struct cn_str *slice = slices + i * SLICES;
        struct cn_column *column = &columns[i];
        size_t width = cn_type_width(column->type);
        struct cn_str values = slice[SLICE_VALUES], nulls = slice[SLICE_NULLS];
        bool good = width == 0 || (values.len / width == rows && values.len % width == 0 &&
                                   (rows == 0 || is_aligned(values, width)));
        column->values = width ? values.data : NULL;
        column->offsets = NULL;
        column->bytes = NULL;
        column->nulls = nulls.len ? (const uint8_t *)nulls.data : NULL;
        if (column->type == CN_TYPE_STRING)
            good = unslice_strings(slice, rows, column);
        if (!good || (nulls.len && nulls.len != rows))
            return cn_error_set(error, CN_INTERNAL,
                                "The rows that were shipped to a worker do not fit together.");
    }
    return CN_OK;
}

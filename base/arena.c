#include "base/arena.h"

#include <stdlib.h>

#include "base/poison.h"

#define ALIGN 16u

struct cn_arena_block {
    struct cn_arena_block *next;
    size_t size; /* of data */
    size_t used;
    size_t pad; /* keeps data aligned */
    char data[];
};

_Static_assert(sizeof(struct cn_arena_block) % ALIGN == 0, "block data must be aligned");

void cn_arena_init(struct cn_arena *arena, size_t block_size) {
    *arena = (struct cn_arena){.block_size = block_size < 256 ? 256 : block_size};
}

static void free_chain(struct cn_arena_block *block) {
    while (block) {
        struct cn_arena_block *next = block->next;
        cn_unpoison(block->data, block->size);
        free(block);
        block = next;
    }
}

void cn_arena_release(struct cn_arena *arena) {
    free_chain(arena->first);
    *arena = (struct cn_arena){.block_size = arena->block_size};
}

void cn_arena_reset(struct cn_arena *arena, size_t keep) {
    struct cn_arena_block **link = &arena->first;
    size_t kept = 0;
    while (*link) {
        struct cn_arena_block *block = *link;
        if (block->size > keep - kept) {
            *link = block->next;
            block->next = NULL;
            free_chain(block);
            continue;
        }
        kept += block->size;
        block->used = 0;
        cn_poison(block->data, block->size);
        link = &block->next;
    }
    arena->total = kept;
    arena->current = arena->first;
}

/* A fresh block behind the current one, for at least `size` bytes. */
static struct cn_arena_block *add_block(struct cn_arena *arena, size_t size) {
    size_t room =
        size > arena->block_size ? size : (arena->block_size + ALIGN - 1) & ~(ALIGN - 1UL);
    if (room > PTRDIFF_MAX - sizeof(struct cn_arena_block))
        return NULL;
    struct cn_arena_block *block = malloc(sizeof *block + room);
    if (!block)
        return NULL;
    block->size = room;
    block->used = 0;
    cn_poison(block->data, room);
    struct cn_arena_block **link = arena->current ? &arena->current->next : &arena->first;
    block->next = *link;
    *link = block;
    arena->total += room;
    return block;
}

void *cn_arena_alloc(struct cn_arena *arena, size_t size) {
    if (size > PTRDIFF_MAX - ALIGN)
        return NULL;
    size_t rounded = size == 0 ? ALIGN : (size + ALIGN - 1) & ~(ALIGN - 1UL);
    struct cn_arena_block *block = arena->current;
    /* Blocks that a reset kept come behind the current one. */
    while (block && rounded > block->size - block->used) {
        block = block->next;
        if (block)
            arena->current = block;
    }
    if (!block) {
        block = add_block(arena, rounded);
        if (!block)
            return NULL;
        arena->current = block;
    }
    char *data = block->data + block->used;
    block->used += rounded;
    cn_unpoison(data, size);
    return data;
}

void *cn_arena_zalloc(struct cn_arena *arena, size_t size) {
    void *data = cn_arena_alloc(arena, size);
    if (data)
        memset(data, 0, size);
    return data;
}

void *cn_arena_array(struct cn_arena *arena, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return cn_arena_alloc(arena, bytes);
}

char *cn_arena_strndup(struct cn_arena *arena, const char *data, size_t len) {
    if (len > PTRDIFF_MAX - 1)
        return NULL;
    char *copy = cn_arena_alloc(arena, len + 1);
    if (!copy)
        return NULL;
    if (len > 0)
        memcpy(copy, data, len);
    copy[len] = '\0';
    return copy;
}

struct cn_str cn_arena_str(struct cn_arena *arena, struct cn_str text) {
    char *copy = cn_arena_strndup(arena, text.data, text.len);
    return cn_str(copy, copy ? text.len : 0);
}

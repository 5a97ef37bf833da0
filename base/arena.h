/*
 * arena.h: memory that dies all at once.
 *
 * One arena a request, one scratch arena a worker. Nothing in an arena is freed on its own;
 * cn_arena_reset() makes all of it reusable (and poisons it under AddressSanitizer), keeping at
 * most `keep` bytes of blocks. Not thread-safe.
 */
#ifndef CN_BASE_ARENA_H
#define CN_BASE_ARENA_H

#include <stddef.h>

#include "base/error.h"
#include "base/str.h"

struct cn_arena_block;

struct cn_arena {
    struct cn_arena_block *first;   /* all blocks, in the order of use */
    struct cn_arena_block *current; /* the one that is being filled */
    size_t block_size;              /* of the next block; larger requests get their own */
    size_t total;                   /* bytes held in blocks */
};

void cn_arena_init(struct cn_arena *arena, size_t block_size);
void cn_arena_release(struct cn_arena *arena);
void cn_arena_reset(struct cn_arena *arena, size_t keep);

/* 16-byte aligned, not zeroed. NULL: no memory, or the size overflows. */
void *cn_arena_alloc(struct cn_arena *arena, size_t size);
void *cn_arena_zalloc(struct cn_arena *arena, size_t size);
/* count * size, checked for overflow. */
void *cn_arena_array(struct cn_arena *arena, size_t count, size_t size);
/* A NUL-terminated copy. */
char *cn_arena_strndup(struct cn_arena *arena, const char *data, size_t len);
/* A copy as a view (also NUL-terminated); data is NULL when memory ran out. */
struct cn_str cn_arena_str(struct cn_arena *arena, struct cn_str text);

#endif

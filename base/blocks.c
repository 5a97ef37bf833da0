#include "base/blocks.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/poison.h"

#define SMALLEST_SHIFT 16                 /* 64 KiB */
#define CLASS_COUNT (47 - SMALLEST_SHIFT) /* up to 64 TiB: all of the address space */
#define HUGE_PAGE ((size_t)2 << 20)       /* blocks from here on are aligned to one */
#define LEAST_MAPPED ((size_t)256 << 10)  /* blocks from here on go back to the system whole */
#define SMALL_ALIGN ((size_t)4096)

/* An idle block holds the link to the next one in its first bytes. */
struct idle_block {
    struct idle_block *next;
};

struct cn_blocks {
    pthread_mutex_t lock;
    struct idle_block *idle[CLASS_COUNT];
    size_t count[CLASS_COUNT]; /* of idle blocks */
    size_t low[CLASS_COUNT];   /* the least that `count` was since the last trim */
    size_t keep_bytes;
    size_t idle_bytes;
    size_t used_bytes;
    struct cn_budget *budget; /* NULL: none; set once, by whoever begins to share the pool */
};

static size_t class_size(unsigned class) {
    return (size_t)1 << (SMALLEST_SHIFT + class);
}

/* The smallest class that holds size; CLASS_COUNT if there is none. */
static unsigned class_of(size_t size) {
    if (size <= class_size(0))
        return 0;
    unsigned bits = 64u - (unsigned)__builtin_clzll(size - 1);
    return bits - SMALLEST_SHIFT < CLASS_COUNT ? bits - SMALLEST_SHIFT : CLASS_COUNT;
}

/* Aligned to a huge page, so that the kernel can back all of it with them. */
static void *map_aligned(size_t size) {
    size_t span = size + HUGE_PAGE;
    char *start = mmap(NULL, span, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED)
        return NULL;
    size_t before = -(size_t)start & (HUGE_PAGE - 1);
    if (before > 0)
        munmap(start, before);
    if (HUGE_PAGE - before > 0)
        munmap(start + before + size, HUGE_PAGE - before);
    madvise(start + before, size, MADV_HUGEPAGE);
    return start + before;
}

static void *system_take(size_t size) {
    void *block;
    if (size >= HUGE_PAGE)
        return map_aligned(size);
    if (size < LEAST_MAPPED)
        return aligned_alloc(SMALL_ALIGN, size);
    block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return block == MAP_FAILED ? NULL : block;
}

static void system_give(void *block, size_t size) {
    if (size >= LEAST_MAPPED)
        munmap(block, size);
    else
        free(block);
}

/* A block that the pool had leaves it. */
static void give_back(struct cn_blocks *blocks, void *block, size_t size) {
    system_give(block, size);
    if (blocks->budget)
        cn_budget_drop(blocks->budget, size);
}

struct cn_blocks *cn_blocks_new(size_t keep_bytes) {
    struct cn_blocks *blocks = calloc(1, sizeof *blocks);
    if (!blocks)
        return NULL;
    if (pthread_mutex_init(&blocks->lock, NULL) != 0) {
        free(blocks);
        return NULL;
    }
    blocks->keep_bytes = keep_bytes;
    return blocks;
}

void cn_blocks_free(struct cn_blocks *blocks) {
    if (!blocks)
        return;
    assert(blocks->used_bytes == 0);
    for (unsigned class = 0; class < CLASS_COUNT; class ++) {
        struct idle_block *block = blocks->idle[class];
        while (block) {
            cn_unpoison(block, class_size(class));
            struct idle_block *next = block->next;
            system_give(block, class_size(class));
            block = next;
        }
    }
    pthread_mutex_destroy(&blocks->lock);
    free(blocks);
}

/* Takes the first idle block of a class out of its list; it is not poisoned any more. */
static void unlink_idle(struct cn_blocks *blocks, unsigned class) {
    blocks->idle[class] = blocks->idle[class]->next;
    blocks->idle_bytes -= class_size(class);
    if (--blocks->count[class] < blocks->low[class])
        blocks->low[class] = blocks->count[class];
}

size_t cn_blocks_trim(struct cn_blocks *blocks) {
    size_t freed = 0;
    for (unsigned class = 0; class < CLASS_COUNT; class ++) {
        struct idle_block *list = NULL;
        pthread_mutex_lock(&blocks->lock);
        for (size_t n = blocks->low[class]; n > 0; n--) {
            struct idle_block *block = blocks->idle[class];
            cn_unpoison(block, class_size(class));
            unlink_idle(blocks, class);
            block->next = list;
            list = block;
        }
        blocks->low[class] = blocks->count[class];
        pthread_mutex_unlock(&blocks->lock);
        while (list) {
            struct idle_block *next = list->next;
            give_back(blocks, list, class_size(class));
            freed += class_size(class);
            list = next;
        }
    }
    return freed;
}

/* The largest idle block goes back to the system; false: there is none. */
static bool evict(struct cn_blocks *blocks) {
    struct idle_block *block = NULL;
    unsigned class = CLASS_COUNT;
    pthread_mutex_lock(&blocks->lock);
    while (class > 0 && !block)
        block = blocks->idle[--class];
    if (block) {
        cn_unpoison(block, class_size(class));
        unlink_idle(blocks, class);
    }
    pthread_mutex_unlock(&blocks->lock);
    if (block)
        give_back(blocks, block, class_size(class));
    return block != NULL;
}

void cn_blocks_set_budget(struct cn_blocks *blocks, struct cn_budget *budget) {
    pthread_mutex_lock(&blocks->lock);
    blocks->budget = budget;
    atomic_fetch_add(&budget->held, blocks->idle_bytes + blocks->used_bytes);
    if (blocks->keep_bytes > budget->limit / 2)
        blocks->keep_bytes = (size_t)(budget->limit / 2);
    pthread_mutex_unlock(&blocks->lock);
}

bool cn_blocks_charge(struct cn_blocks *blocks, size_t size) {
    struct cn_budget *budget = blocks->budget;
    if (!budget || size == 0)
        return true;
    while (!cn_budget_hold(budget, size))
        if (size > budget->limit || !evict(blocks)) {
            cn_budget_deny(budget);
            return false;
        }
    return true;
}

void cn_blocks_discharge(struct cn_blocks *blocks, size_t size) {
    if (blocks->budget)
        cn_budget_drop(blocks->budget, size);
}

static void *take_fresh(struct cn_blocks *blocks, size_t size) {
    if (!cn_blocks_charge(blocks, size))
        return NULL;
    void *block = system_take(size);
    if (!block)
        cn_blocks_discharge(blocks, size);
    return block;
}

void *cn_blocks_take(struct cn_blocks *blocks, size_t *size) {
    unsigned class = class_of(*size);
    if (class == CLASS_COUNT)
        return NULL;
    size_t true_size = class_size(class);
    pthread_mutex_lock(&blocks->lock);
    struct idle_block *block = blocks->idle[class];
    if (block) {
        cn_unpoison(block, true_size);
        unlink_idle(blocks, class);
    }
    blocks->used_bytes += true_size;
    pthread_mutex_unlock(&blocks->lock);
    if (!block) {
        block = take_fresh(blocks, true_size);
        if (!block) {
            pthread_mutex_lock(&blocks->lock);
            blocks->used_bytes -= true_size;
            pthread_mutex_unlock(&blocks->lock);
            return NULL;
        }
    }
    *size = true_size;
    return block;
}

void cn_blocks_give(struct cn_blocks *blocks, void *block, size_t size) {
    if (!block)
        return;
    unsigned class = class_of(size);
    assert(class < CLASS_COUNT && class_size(class) == size);
    struct idle_block *idle = block;
    pthread_mutex_lock(&blocks->lock);
    blocks->used_bytes -= size;
    bool keep = size <= blocks->keep_bytes && blocks->idle_bytes <= blocks->keep_bytes - size;
    if (keep) {
        idle->next = blocks->idle[class];
        cn_poison(block, size);
        blocks->idle[class] = idle;
        blocks->count[class]++;
        blocks->idle_bytes += size;
    }
    pthread_mutex_unlock(&blocks->lock);
    if (!keep)
        give_back(blocks, block, size);
}

static bool grow_from_blocks(struct cn_buf *buf, size_t cap) {
    size_t size = cap;
    char *data = cn_blocks_take(buf->owner, &size);
    if (!data)
        return false;
    if (buf->len > 0)
        memcpy(data, buf->data, buf->len);
    cn_blocks_give(buf->owner, buf->data, buf->cap);
    buf->data = data;
    buf->cap = size;
    return true;
}

static void drop_to_blocks(struct cn_buf *buf) {
    cn_blocks_give(buf->owner, buf->data, buf->cap);
}

void cn_buf_init_blocks(struct cn_buf *buf, struct cn_blocks *blocks) {
    *buf = (struct cn_buf){.grow = grow_from_blocks, .drop = drop_to_blocks, .owner = blocks};
}

void cn_blocks_stats(struct cn_blocks *blocks, size_t *idle, size_t *in_use) {
    pthread_mutex_lock(&blocks->lock);
    *idle = blocks->idle_bytes;
    *in_use = blocks->used_bytes;
    pthread_mutex_unlock(&blocks->lock);
}

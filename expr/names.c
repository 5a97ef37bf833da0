#include "expr/names.h"

enum cn_code cn_names_init(struct cn_names *names, size_t n, struct cn_arena *arena,
                           struct cn_error *error) {
    size_t size = 8;
    while (size / 2 < n) {
        if (size > SIZE_MAX / 4 / sizeof *names->slots)
            return cn_error_memory(error);
        size *= 2;
    }
    names->slots = cn_arena_zalloc(arena, size * sizeof *names->slots);
    names->mask = size - 1;
    return names->slots != NULL ? CN_OK : cn_error_memory(error);
}

/* FNV-1a. */
static size_t hash(struct cn_str name) {
    uint64_t h = 0xcbf29ce484222325U;
    for (size_t i = 0; i < name.len; i++)
        h = (h ^ (unsigned char)name.data[i]) * 0x100000001b3U;
    return (size_t)(h ^ h >> 32);
}

static struct cn_names_slot *find(const struct cn_names *names, struct cn_str name) {
    size_t at = hash(name) & names->mask;
    while (names->slots[at].count > 0 && !cn_str_equal(names->slots[at].name, name))
        at = (at + 1) & names->mask;
    return &names->slots[at];
}

const struct cn_names_slot *cn_names_add(struct cn_names *names, struct cn_str name,
                                         uint32_t index) {
    struct cn_names_slot *slot = find(names, name);
    if (slot->count++ == 0) {
        slot->name = name;
        slot->index = index;
    }
    return slot;
}

const struct cn_names_slot *cn_names_find(const struct cn_names *names, struct cn_str name) {
    const struct cn_names_slot *slot = find(names, name);
    return slot->count > 0 ? slot : NULL;
}

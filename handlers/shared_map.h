/*
 * shared_map.h: the dictionary that a map request hands to every call, as a Python program would.
 *
 * Keys keep the order of their insertion; a key that is set again keeps its place and its first
 * text and gets the new value, as in Python's dict. Whether two keys are the same is the caller's
 * to say: by their identity, which 1, 1.0 and True share. Thread-safe.
 */
#ifndef CN_HANDLERS_SHARED_MAP_H
#define CN_HANDLERS_SHARED_MAP_H

#include "base/buf.h"

struct cn_shared_map;

struct cn_shared_map *cn_shared_map_new(void); /* NULL: no memory */
void cn_shared_map_free(struct cn_shared_map *map);

/* map[key] = value; `key` and `value` are JSON texts, copied. False: no memory; nothing changed. */
CN_NODISCARD bool cn_shared_map_set(struct cn_shared_map *map, struct cn_str identity,
                                    struct cn_str key, struct cn_str value);

/* How many keys there are. For tests. */
size_t cn_shared_map_size(struct cn_shared_map *map);

/* Appends [[key, value], ...] in the order of insertion. False: no memory. */
CN_NODISCARD bool cn_shared_map_write(struct cn_shared_map *map, struct cn_buf *out);

#endif

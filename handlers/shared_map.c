#include "handlers/shared_map.h"

#include <pthread.h>
#include <stdlib.h>

#include <xxhash.h>

#define LEAST_ROOM 16

/* Places of texts in the map's buffer. */
struct span {
    size_t at;
    size_t len;
};

struct entry {
    uint64_t hash;
    struct span identity;
    struct span key;
    struct span value;
};

struct cn_shared_map {
    pthread_mutex_t lock;
    struct entry *entries; /* in the order of insertion */
    size_t n_entries;
    size_t room;       /* for entries */
    uint32_t *buckets; /* 2 * room of them, a power of two: index of an entry + 1; 0: free */
    struct cn_buf texts;
};

struct cn_shared_map *cn_shared_map_new(void) {
    struct cn_shared_map *map = calloc(1, sizeof *map);
    if (map)
        pthread_mutex_init(&map->lock, NULL);
    return map;
}

void cn_shared_map_free(struct cn_shared_map *map) {
    if (!map)
        return;
    cn_buf_release(&map->texts);
    pthread_mutex_destroy(&map->lock);
    free(map->entries);
    free(map->buckets);
    free(map);
}

static struct cn_str text_of(const struct cn_shared_map *map, struct span span) {
    return cn_str(cn_buf_str(&map->texts).data + span.at, span.len);
}

/* The bucket of an entry, or the free one where it belongs. */
static size_t find(const struct cn_shared_map *map, uint64_t hash, struct cn_str identity) {
    size_t mask = 2 * map->room - 1;
    size_t bucket = (size_t)hash & mask;
    while (map->buckets[bucket] != 0) {
        const struct entry *entry = &map->entries[map->buckets[bucket] - 1];
        if (entry->hash == hash && cn_str_equal(text_of(map, entry->identity), identity))
            break;
        bucket = (bucket + 1) & mask;
    }
    return bucket;
}

static bool grow(struct cn_shared_map *map) {
    size_t room = map->room ? 2 * map->room : LEAST_ROOM;
    if (room > UINT32_MAX / 2)
        return false;
    struct entry *entries = reallocarray(map->entries, room, sizeof *entries);
    if (!entries)
        return false;
    map->entries = entries;
    uint32_t *buckets = calloc(2 * room, sizeof *buckets);
    if (!buckets)
        return false;
    free(map->buckets);
    map->buckets = buckets;
    map->room = room;
    for (size_t i = 0; i < map->n_entries; i++)
        buckets[find(map, entries[i].hash, text_of(map, entries[i].identity))] = (uint32_t)i + 1;
    return true;
}

static struct span keep(struct cn_shared_map *map, struct cn_str text) {
    struct span span = {map->texts.len, text.len};
    if (text.len > 0)
        memcpy(map->texts.data + map->texts.len, text.data, text.len);
    map->texts.len += text.len;
    return span;
}

static bool set(struct cn_shared_map *map, struct cn_str identity, struct cn_str key,
                struct cn_str value) {
    uint64_t hash = XXH3_64bits(identity.data, identity.len);
    size_t len;
    if (__builtin_add_overflow(identity.len, key.len, &len) ||
        __builtin_add_overflow(len, value.len, &len) || !cn_buf_reserve(&map->texts, len))
        return false;
    if (map->n_entries == map->room && !grow(map))
        return false;
    uint32_t *bucket = &map->buckets[find(map, hash, identity)];
    if (*bucket == 0) {
        map->entries[map->n_entries] =
            (struct entry){.hash = hash, .identity = keep(map, identity), .key = keep(map, key)};
        *bucket = (uint32_t)++map->n_entries;
    }
    struct entry *entry = &map->entries[*bucket - 1];
    if (entry->value.len >= value.len && value.len > 0) {
        memcpy(map->texts.data + entry->value.at, value.data, value.len);
        entry->value.len = value.len;
    } else {
        entry->value = keep(map, value);
    }
    return true;
}

bool cn_shared_map_set(struct cn_shared_map *map, struct cn_str identity, struct cn_str key,
                       struct cn_str value) {
    pthread_mutex_lock(&map->lock);
    bool done = set(map, identity, key, value);
    pthread_mutex_unlock(&map->lock);
    return done;
}

size_t cn_shared_map_size(struct cn_shared_map *map) {
    pthread_mutex_lock(&map->lock);
    size_t n = map->n_entries;
    pthread_mutex_unlock(&map->lock);
    return n;
}

bool cn_shared_map_write(struct cn_shared_map *map, struct cn_buf *out) {
    pthread_mutex_lock(&map->lock);
    bool ok = cn_buf_add_char(out, '[');
    for (size_t i = 0; ok && i < map->n_entries; i++) {
        const struct entry *entry = &map->entries[i];
        ok = cn_buf_add_c(out, i > 0 ? ",[" : "[") &&
             cn_buf_add_str(out, text_of(map, entry->key)) && cn_buf_add_char(out, ',') &&
             cn_buf_add_str(out, text_of(map, entry->value)) && cn_buf_add_char(out, ']');
    }
    ok = ok && cn_buf_add_char(out, ']');
    pthread_mutex_unlock(&map->lock);
    return ok;
}

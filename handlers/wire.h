/*
 * wire.h: plain data into bytes and back, for what is shipped to a worker process.
 *
 * Both ends are the same program (on another machine, one of the same identity: identity.h), so
 * numbers are written as they lie in memory.
 * The reader checks every length against what is left: a short or damaged text sets `bad` and
 * gives zeros from there on.
 */
#ifndef CN_HANDLERS_WIRE_H
#define CN_HANDLERS_WIRE_H

#include "base/arena.h"
#include "base/buf.h"

struct cn_wire {
    struct cn_buf *buf;
    bool bad; /* memory ran out */
};
void cn_wire_put(struct cn_wire *wire, const void *data, size_t len);
void cn_wire_put_u64(struct cn_wire *wire, uint64_t value);
void cn_wire_put_str(struct cn_wire *wire, struct cn_str text);

struct cn_wire_reader {
    const char *at;
    size_t left;
    bool bad;
};
void cn_wire_get(struct cn_wire_reader *reader, void *data, size_t len);
uint64_t cn_wire_get_u64(struct cn_wire_reader *reader);
/* A view into the bytes that are read. */
struct cn_str cn_wire_get_str(struct cn_wire_reader *reader);
/* A count of things of at least `each` bytes: refused (bad, 0) when they cannot all be there. */
size_t cn_wire_get_count(struct cn_wire_reader *reader, size_t each);

#endif

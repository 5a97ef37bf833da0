/*
 * wire.h: a strict check of HTTP/1 framing, in front of a library that is not strict.
 *
 * libmicrohttpd takes bare line feeds, NULs, folded lines, and fields without a name, and splits a
 * connection into requests by what it made of them. Another program on the way (a proxy) may see
 * other requests in the same bytes, which is how requests are smuggled. So every byte of a
 * connection goes through this state machine before the library sees it: RFC 9112 (message syntax,
 * chunked coding) and RFC 9110 (field names and values) to the letter, with these liberties: a few
 * empty lines may come before a request line (RFC 9112, 2.2), and a target may hold raw bytes above
 * 0x7f, as curl sends them.
 *
 * The first byte that is wrong ends the connection: neither it nor any byte behind it is handed on.
 * In their place the library is given a short, well-formed end of what it already has (of a head,
 * or of a piece of a body), so that its handler is called, in the right turn behind all requests
 * that came before, and can refuse by the ordinary way. It recognises that request by its number. A
 * request that is not among the good ones was not checked at all, and is refused too.
 *
 * Chunk extensions, trailers, and blanks behind the value of a field that matters to framing are
 * checked and left out: nobody behind needs them.
 *
 * No allocation, no lock; bodies of a known length and chunks are passed over at once. A checker is
 * used by one thread at a time.
 */
#ifndef CN_SERVER_WIRE_H
#define CN_SERVER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is wrong. */
enum cn_wire_fault {
    CN_WIRE_GOOD,
    CN_WIRE_REQUEST_LINE, /* no METHOD SP TARGET SP VERSION CRLF */
    CN_WIRE_TARGET,       /* a control character in the target */
    CN_WIRE_VERSION,      /* another HTTP than 1.x */
    CN_WIRE_LINE_END,     /* a CR without an LF, or an LF without a CR */
    CN_WIRE_NAME,         /* a field's name is empty or no token, or no colon follows it */
    CN_WIRE_FOLDED,       /* a line of the head begins with a blank */
    CN_WIRE_VALUE,        /* a control character in a field's value */
    CN_WIRE_HOST,         /* a Host that is not one word of a host's characters */
    CN_WIRE_HOST_TWICE,
    CN_WIRE_HOST_MISSING,
    CN_WIRE_LENGTH, /* a Content-Length that is not digits alone */
    CN_WIRE_LENGTH_TWICE,
    CN_WIRE_LENGTH_LARGE, /* beyond 2^63 - 1 */
    CN_WIRE_CODING,       /* another Transfer-Encoding than 'chunked' */
    CN_WIRE_CODING_OLD,   /* Transfer-Encoding in HTTP/1.0 */
    CN_WIRE_CODING_AND_LENGTH,
    CN_WIRE_TARGET_LONG,
    CN_WIRE_HEAD_LONG,
    CN_WIRE_CHUNK_SIZE, /* not hexadecimal digits alone */
    CN_WIRE_CHUNK_LARGE,
    CN_WIRE_CHUNK_EXTENSION,
    CN_WIRE_CHUNK_LINE_LONG,
    CN_WIRE_CHUNK_END, /* no CRLF behind a chunk */
    CN_WIRE_TRAILER,
    CN_WIRE_TRAILER_LONG,
    CN_WIRE_FAULT_COUNT
};

/* The longest line of a chunk's size with its extensions. */
#define CN_WIRE_CHUNK_LINE_BYTES 1024

struct cn_wire {
    uint64_t limit;   /* of a head's bytes, of a target's, and of a trailer's */
    uint64_t left;    /* of the body or the chunk; while a number is read: the number */
    uint64_t bytes;   /* of this head, chunk line or trailer */
    uint64_t target;  /* bytes of the target */
    uint64_t skipped; /* bytes that came behind a fault */
    uint64_t heads;   /* that were good, and whose last byte was handed on */
    uint64_t refused; /* the number of the request that has the fault, from 1 */
    const char *rest; /* what the library is still to be given */
    uint8_t state;
    uint8_t fault; /* enum cn_wire_fault */
    uint8_t at;    /* how much of the version, of a known name or of "chunked" has matched */
    uint8_t names; /* the known names that the name may still become; then the one that it is */
    uint8_t minor; /* of the version */
    bool has_host, has_length, has_coding;
};

/* For a new connection. `limit`: --max-header-bytes. */
void cn_wire_init(struct cn_wire *wire, uint64_t limit);

/* Checks `n` bytes that came in, in place. Returns how many bytes at `data` are to be handed on, at
 * most `room` (>= n): the good ones, and behind a fault as much as there is room for of what stands
 * in for the rest (see cn_wire_rest()). After a fault all bytes are left out. */
size_t cn_wire_feed(struct cn_wire *wire, char *data, size_t n, size_t room);

/* What could not be handed on for lack of room; call it before anything more is read. */
size_t cn_wire_rest(struct cn_wire *wire, char *data, size_t room);

/* What is wrong with the connection's request `number` (from 1), if that is the one. */
static inline enum cn_wire_fault cn_wire_fault_of(const struct cn_wire *wire, uint64_t number) {
    return wire->refused == number ? (enum cn_wire_fault)wire->fault : CN_WIRE_GOOD;
}

/* Whether the head of that request was checked and found good. */
static inline bool cn_wire_passed(const struct cn_wire *wire, uint64_t number) {
    return number <= wire->heads;
}

#endif

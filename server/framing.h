/*
 * framing.h: a strict check of HTTP/1 framing, in front of a library that is not strict.
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
#ifndef CN_SERVER_FRAMING_H
#define CN_SERVER_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is wrong. */
enum cn_framing_fault {
    CN_FRAMING_GOOD,
    CN_FRAMING_REQUEST_LINE, /* no METHOD SP TARGET SP VERSION CRLF */
    CN_FRAMING_TARGET,       /* a control character in the target */
    CN_FRAMING_VERSION,      /* another HTTP than 1.x */
    CN_FRAMING_LINE_END,     /* a CR without an LF, or an LF without a CR */
    CN_FRAMING_NAME,         /* a field's name is empty or no token, or no colon follows it */
    CN_FRAMING_FOLDED,       /* a line of the head begins with a blank */
    CN_FRAMING_VALUE,        /* a control character in a field's value */
    CN_FRAMING_HOST,         /* a Host that is not one word of a host's characters */
    CN_FRAMING_HOST_TWICE,
    CN_FRAMING_HOST_MISSING,
    CN_FRAMING_LENGTH, /* a Content-Length that is not digits alone */
    CN_FRAMING_LENGTH_TWICE,
    CN_FRAMING_LENGTH_LARGE, /* beyond 2^63 - 1 */
    CN_FRAMING_CODING,       /* another Transfer-Encoding than 'chunked' */
    CN_FRAMING_CODING_OLD,   /* Transfer-Encoding in HTTP/1.0 */
    CN_FRAMING_CODING_AND_LENGTH,
    CN_FRAMING_TARGET_LONG,
    CN_FRAMING_HEAD_LONG,
    CN_FRAMING_CHUNK_SIZE, /* not hexadecimal digits alone */
    CN_FRAMING_CHUNK_LARGE,
    CN_FRAMING_CHUNK_EXTENSION,
    CN_FRAMING_CHUNK_LINE_LONG,
    CN_FRAMING_CHUNK_END, /* no CRLF behind a chunk */
    CN_FRAMING_TRAILER,
    CN_FRAMING_TRAILER_LONG,
    CN_FRAMING_FAULT_COUNT
};

/* The longest line of a chunk's size with its extensions. */
#define CN_FRAMING_CHUNK_LINE_BYTES 1024

struct cn_framing {
    uint64_t limit;   /* of a head's bytes, of a target's, and of a trailer's */
    uint64_t left;    /* of the body or the chunk; while a number is read: the number */
    uint64_t bytes;   /* of this head, chunk line or trailer */
    uint64_t target;  /* bytes of the target */
    uint64_t skipped; /* bytes that came behind a fault */
    uint64_t heads;   /* that were good, and whose last byte was handed on */
    uint64_t refused; /* the number of the request that has the fault, from 1 */
    const char *rest; /* what the library is still to be given */
    uint8_t state;
    uint8_t fault; /* enum cn_framing_fault */
    uint8_t at;    /* how much of the version, of a known name or of "chunked" has matched */
    uint8_t name;  /* of the fields that framing depends on, the one that this may be */
    uint8_t minor; /* of the version */
    bool has_host, has_length, has_coding;
};

/* For a new connection. `limit`: --max-header-bytes. */
void cn_framing_init(struct cn_framing *framing, uint64_t limit);

/* Checks `n` bytes that came in, in place. Returns how many bytes at `data` are to be handed on, at
 * most `room` (>= n): the good ones, and behind a fault as much as there is room for of what stands
 * in for the rest (see cn_framing_rest()). After a fault all bytes are left out. */
size_t cn_framing_feed(struct cn_framing *framing, char *data, size_t n, size_t room);

/* What could not be handed on for lack of room; call it before anything more is read. */
size_t cn_framing_rest(struct cn_framing *framing, char *data, size_t room);

/* What is wrong with the connection's request `number` (from 1), if that is the one. */
static inline enum cn_framing_fault cn_framing_fault_of(const struct cn_framing *framing,
                                                        uint64_t number) {
    return framing->refused == number ? (enum cn_framing_fault)framing->fault : CN_FRAMING_GOOD;
}

/* Whether the head of that request was checked and found good. */
static inline bool cn_framing_passed(const struct cn_framing *framing, uint64_t number) {
    return number <= framing->heads;
}

#endif

/*
 * framing_parts.h: what the files of the check of framing share (framing.h); for them alone.
 */
#ifndef CN_SERVER_FRAMING_PARTS_H
#define CN_SERVER_FRAMING_PARTS_H

#include <string.h>

#include "server/framing.h"

/* The parts of a message, in order. */
enum state {
    START,    /* before a request line */
    START_LF, /* in an empty line before it */
    METHOD,
    TARGET,
    VERSION,
    LINE_LF,
    FIELD, /* the beginning of a line */
    NAME,
    BEFORE_VALUE,
    VALUE,
    LENGTH, /* the value of Content-Length, of Transfer-Encoding, of Host */
    CODING,
    HOST,
    BEHIND_VALUE, /* blanks behind one of these */
    FIELD_LF,
    HEAD_LF,
    BODY, /* of a known length */
    CHUNK,
    CHUNK_SIZE,
    BEFORE_EXTENSION, /* blanks before a ';' */
    EXTENSION,        /* behind the ';' */
    EXTENSION_NAME,
    BEHIND_NAME,
    EXTENSION_EQUALS,
    EXTENSION_VALUE,
    QUOTED,
    QUOTED_PAIR,
    BEHIND_QUOTED,
    CHUNK_LF,
    CHUNK_DATA,
    DATA_CR,
    DATA_LF,
    TRAILER, /* the beginning of a line */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    TRAILER_END_LF,
};

/* ---- characters ---------------------------------------------------------------------------- */

enum {
    TOKEN = 1,     /* RFC 9110, 5.6.2 */
    IN_VALUE = 2,  /* of a field: visible, blank, or above 0x7f (RFC 9110, 5.5) */
    IN_TARGET = 4, /* visible, or above 0x7f */
    IN_HOST = 8,   /* RFC 3986, 3.2.2, and the port */
    BLANK = 16,    /* RFC 9110, 5.6.3 */
    DIGIT = 32,
};

extern const uint8_t cn_framing_classes[256];

static inline bool is(char c, uint8_t class) {
    return (cn_framing_classes[(uint8_t)c] & class) != 0;
}

static inline char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* The fields that framing depends on. */
enum { KNOWN_HOST = 1, KNOWN_LENGTH, KNOWN_CODING };

/* ---- the bytes ----------------------------------------------------------------------------- */

/* What is to be handed on ends at `out`, which is never behind `at`. */
struct bytes {
    char *at;
    char *end;
    char *out;
};

static inline void keep(struct bytes *bytes, size_t n) {
    if (bytes->out != bytes->at)
        memmove(bytes->out, bytes->at, n);
    bytes->out += n;
    bytes->at += n;
}

/* How many bytes from here on are of the class. */
static inline size_t run(const struct bytes *bytes, uint8_t class) {
    const char *at = bytes->at;
    while (at < bytes->end && is(*at, class))
        at++;
    return (size_t)(at - bytes->at);
}

/* The first fault counts. */
static inline void fail(struct cn_framing *framing, enum cn_framing_fault fault) {
    if (!framing->fault)
        framing->fault = (uint8_t)fault;
}

static inline bool goes_on(const struct cn_framing *framing, const struct bytes *bytes) {
    return bytes->at < bytes->end && !framing->fault;
}

/* ---- the files ----------------------------------------------------------------------------- */

/* The connection's next request begins. */
void cn_framing_restart(struct cn_framing *framing);

/* Take at least one byte, or find a fault, in a head or behind it (state < BODY or not). */
void cn_framing_step_head(struct cn_framing *framing, struct bytes *bytes);
void cn_framing_step_body(struct cn_framing *framing, struct bytes *bytes);

/* What stands in for the rest after a fault: a head's end from any point of it; of a chunked body
 * so much that the handler is called, with a byte of data or at the body's end. */
const char *cn_framing_end_of_head(const struct cn_framing *framing);
const char *cn_framing_end_of_body(const struct cn_framing *framing);

#endif

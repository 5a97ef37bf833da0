/*
 * Bodies: of a known length, and in chunks (RFC 9112, 7.1).
 */
#include "server/framing_parts.h"

static int hex_digit(char c) {
    if (is(c, DIGIT))
        return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Passes over data; true: that was the last of it. */
static bool pass(struct cn_framing *framing, struct bytes *bytes) {
    uint64_t there = (uint64_t)(bytes->end - bytes->at);
    uint64_t n = framing->left < there ? framing->left : there;
    keep(bytes, (size_t)n);
    framing->left -= n;
    return framing->left == 0;
}

/* Counts a byte of a chunk's line or of a trailer. */
static void count(struct cn_framing *framing, uint64_t limit, enum cn_framing_fault fault) {
    if (++framing->bytes > limit)
        fail(framing, fault);
}

/* What may follow an extension's name or value. */
static int behind_extension(char c) {
    return c == '\r' ? CHUNK_LF : c == ';' ? EXTENSION : is(c, BLANK) ? BEFORE_EXTENSION : -1;
}

/* RFC 9112, 7.1.1: *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted string ) ] ). What comes
 * next; -1: the byte may not stand here. */
static int next_in_extension(enum state state, char c) {
    switch (state) {
    case CHUNK_SIZE:
    case BEFORE_EXTENSION:
        return c == ';' ? EXTENSION : is(c, BLANK) ? BEFORE_EXTENSION : -1;
    case EXTENSION:
        return is(c, TOKEN) ? EXTENSION_NAME : is(c, BLANK) ? EXTENSION : -1;
    case EXTENSION_NAME:
        if (is(c, TOKEN))
            return EXTENSION_NAME;
        return c == '=' ? EXTENSION_EQUALS : is(c, BLANK) ? BEHIND_NAME : behind_extension(c);
    case BEHIND_NAME:
        if (is(c, BLANK))
            return BEHIND_NAME;
        return c == '=' ? EXTENSION_EQUALS : c == ';' ? EXTENSION : -1;
    case EXTENSION_EQUALS:
        if (is(c, BLANK))
            return EXTENSION_EQUALS;
        return is(c, TOKEN) ? EXTENSION_VALUE : c == '"' ? QUOTED : -1;
    case EXTENSION_VALUE:
        return is(c, TOKEN) ? EXTENSION_VALUE : behind_extension(c);
    case QUOTED:
        return c == '"' ? BEHIND_QUOTED : c == '\\' ? QUOTED_PAIR : is(c, IN_VALUE) ? QUOTED : -1;
    case QUOTED_PAIR:
        return is(c, IN_VALUE) ? QUOTED : -1;
    default: /* BEHIND_QUOTED */
        return behind_extension(c);
    }
}

/* Extensions are left out; the line's end is kept. */
static void extension(struct cn_framing *framing, struct bytes *bytes) {
    int next = next_in_extension((enum state)framing->state, *bytes->at);
    if (next < 0) {
        fail(framing, *bytes->at == '\n' ? CN_FRAMING_LINE_END : CN_FRAMING_CHUNK_EXTENSION);
        return;
    }
    framing->state = (uint8_t)next;
    if (next == CHUNK_LF)
        keep(bytes, 1);
    else
        bytes->at++;
}

/* The size of a chunk: RFC 9112, 7.1. */
static void chunk_size(struct cn_framing *framing, struct bytes *bytes) {
    char c = *bytes->at;
    int digit = hex_digit(c);
    if (digit >= 0 && framing->left > (uint64_t)INT64_MAX >> 4) {
        fail(framing, CN_FRAMING_CHUNK_LARGE);
    } else if (digit >= 0) {
        framing->left = framing->left << 4 | (uint64_t)digit;
        framing->state = CHUNK_SIZE;
        keep(bytes, 1);
    } else if (framing->state == CHUNK) {
        fail(framing, CN_FRAMING_CHUNK_SIZE);
    } else if (c == '\r') {
        framing->state = CHUNK_LF;
        keep(bytes, 1);
    } else if (c == ';' || is(c, BLANK)) {
        extension(framing, bytes);
    } else {
        fail(framing, c == '\n' ? CN_FRAMING_LINE_END : CN_FRAMING_CHUNK_SIZE);
    }
}

static void chunk_line(struct cn_framing *framing, struct bytes *bytes) {
    count(framing, CN_FRAMING_CHUNK_LINE_BYTES, CN_FRAMING_CHUNK_LINE_LONG);
    if (framing->fault)
        return;
    if (framing->state == CHUNK || framing->state == CHUNK_SIZE) {
        chunk_size(framing, bytes);
    } else if (framing->state != CHUNK_LF) {
        extension(framing, bytes);
    } else if (*bytes->at != '\n') {
        fail(framing, CN_FRAMING_LINE_END);
    } else {
        keep(bytes, 1);
        framing->bytes = 0;
        framing->state = framing->left > 0 ? CHUNK_DATA : TRAILER;
    }
}

static void chunk_end(struct cn_framing *framing, struct bytes *bytes) {
    bool first = framing->state == DATA_CR;
    if (*bytes->at != (first ? '\r' : '\n')) {
        fail(framing, CN_FRAMING_CHUNK_END);
        return;
    }
    keep(bytes, 1);
    framing->state = first ? DATA_LF : CHUNK;
}

/* What comes next in a trailer (RFC 9112, 7.1.2), but for its end. */
static int next_in_trailer(enum state state, char c) {
    switch (state) {
    case TRAILER:
        return is(c, TOKEN) ? TRAILER_NAME : -1;
    case TRAILER_NAME:
        return is(c, TOKEN) ? TRAILER_NAME : c == ':' ? TRAILER_VALUE : -1;
    case TRAILER_VALUE:
        return is(c, IN_VALUE) ? TRAILER_VALUE : c == '\r' ? TRAILER_LF : -1;
    default: /* TRAILER_LF */
        return c == '\n' ? TRAILER : -1;
    }
}

/* Trailers are left out, but for the empty line that ends them. */
static void trailer(struct cn_framing *framing, struct bytes *bytes) {
    count(framing, framing->limit, CN_FRAMING_TRAILER_LONG);
    if (framing->fault)
        return;
    if (framing->state == TRAILER && *bytes->at == '\r') {
        keep(bytes, 1);
        framing->state = TRAILER_END_LF;
    } else if (framing->state == TRAILER_END_LF) {
        if (*bytes->at == '\n') {
            keep(bytes, 1);
            cn_framing_restart(framing);
        } else {
            fail(framing, CN_FRAMING_LINE_END);
        }
    } else {
        int next = next_in_trailer((enum state)framing->state, *bytes->at);
        if (next < 0) {
            fail(framing, CN_FRAMING_TRAILER);
        } else {
            framing->state = (uint8_t)next;
            bytes->at++;
        }
    }
}

/* ---- all of it ----------------------------------------------------------------------------- */

void cn_framing_step_body(struct cn_framing *framing, struct bytes *bytes) {
    switch ((enum state)framing->state) {
    case BODY:
        if (pass(framing, bytes))
            cn_framing_restart(framing);
        break;
    case CHUNK_DATA:
        if (pass(framing, bytes))
            framing->state = DATA_CR;
        break;
    case DATA_CR:
    case DATA_LF:
        chunk_end(framing, bytes);
        break;
    case TRAILER:
    case TRAILER_NAME:
    case TRAILER_VALUE:
    case TRAILER_LF:
    case TRAILER_END_LF:
        trailer(framing, bytes);
        break;
    default: /* between CHUNK and CHUNK_LF */
        chunk_line(framing, bytes);
        break;
    }
}

const char *cn_framing_end_of_body(const struct cn_framing *framing) {
    switch ((enum state)framing->state) {
    case CHUNK:
        return "1\r\nx";
    case CHUNK_LF:
        return framing->left > 0 ? "\nx" : "\n\r\n";
    case DATA_CR:
        return "\r\n1\r\nx";
    case DATA_LF:
        return "\n1\r\nx";
    case TRAILER:
    case TRAILER_NAME:
    case TRAILER_VALUE:
    case TRAILER_LF:
        return "\r\n";
    case TRAILER_END_LF:
        return "\n";
    default: /* behind the digits of a chunk's size */
        return framing->left > 0 ? "\r\nx" : "\r\n\r\n";
    }
}

#include "server/wire.h"

#include <string.h>

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

#define VISIBLE (IN_VALUE | IN_TARGET)
#define NAME_CHARACTER (VISIBLE | TOKEN | IN_HOST)

static const uint8_t classes[256] = {
    ['\t'] = IN_VALUE | BLANK,
    [' '] = IN_VALUE | BLANK,
    ['!'] = NAME_CHARACTER,
    ['"'] = VISIBLE,
    ['#'] = VISIBLE | TOKEN,
    ['$' ... '\''] = NAME_CHARACTER,
    ['(' ... ')'] = VISIBLE | IN_HOST,
    ['*' ... '+'] = NAME_CHARACTER,
    [','] = VISIBLE | IN_HOST,
    ['-' ... '.'] = NAME_CHARACTER,
    ['/'] = VISIBLE,
    ['0' ... '9'] = NAME_CHARACTER | DIGIT,
    [':' ... ';'] = VISIBLE | IN_HOST,
    ['<'] = VISIBLE,
    ['='] = VISIBLE | IN_HOST,
    ['>' ... '@'] = VISIBLE,
    ['A' ... 'Z'] = NAME_CHARACTER,
    ['['] = VISIBLE | IN_HOST,
    ['\\'] = VISIBLE,
    [']'] = VISIBLE | IN_HOST,
    ['^'] = VISIBLE | TOKEN,
    ['_'] = NAME_CHARACTER,
    ['`'] = VISIBLE | TOKEN,
    ['a' ... 'z'] = NAME_CHARACTER,
    ['{'] = VISIBLE,
    ['|'] = VISIBLE | TOKEN,
    ['}'] = VISIBLE,
    ['~'] = NAME_CHARACTER,
    [0x80 ... 0xff] = VISIBLE,
};

static bool is(char c, uint8_t class) {
    return (classes[(uint8_t)c] & class) != 0;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static int hex_digit(char c) {
    if (is(c, DIGIT))
        return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The fields that framing depends on. */
enum { KNOWN_HOST = 1, KNOWN_LENGTH = 2, KNOWN_CODING = 4, KNOWN_ALL = 7 };

static const char host_name[] = "host";
static const char length_name[] = "content-length";
static const char coding_name[] = "transfer-encoding";
static const char chunked[] = "chunked";

/* ---- the bytes ----------------------------------------------------------------------------- */

/* What is to be handed on ends at `out`, which is never behind `at`. */
struct bytes {
    char *at;
    char *end;
    char *out;
};

static void keep(struct bytes *bytes, size_t n) {
    if (bytes->out != bytes->at)
        memmove(bytes->out, bytes->at, n);
    bytes->out += n;
    bytes->at += n;
}

/* How many bytes from here on are of the class. */
static size_t run(const struct bytes *bytes, uint8_t class) {
    const char *at = bytes->at;
    while (at < bytes->end && is(*at, class))
        at++;
    return (size_t)(at - bytes->at);
}

static void fail(struct cn_wire *wire, enum cn_wire_fault fault) {
    wire->fault = (uint8_t)fault;
}

/* ---- the head ------------------------------------------------------------------------------ */

/* Hands on `n` bytes of the head. */
static void keep_head(struct cn_wire *wire, struct bytes *bytes, size_t n) {
    keep(bytes, n);
    wire->bytes += n;
    if (wire->bytes > wire->limit && wire->state != TARGET)
        fail(wire, CN_WIRE_HEAD_LONG);
}

/* Takes one byte that must be `wanted`. */
static void expect(struct cn_wire *wire, struct bytes *bytes, char wanted, enum state next,
                   enum cn_wire_fault fault) {
    if (*bytes->at != wanted) {
        fail(wire, fault);
        return;
    }
    keep_head(wire, bytes, 1);
    wire->state = (uint8_t)next;
}

static void begin(struct cn_wire *wire, struct bytes *bytes) {
    if (*bytes->at == '\r')
        expect(wire, bytes, '\r', START_LF, CN_WIRE_LINE_END);
    else if (is(*bytes->at, TOKEN))
        wire->state = METHOD;
    else
        fail(wire, *bytes->at == '\n' ? CN_WIRE_LINE_END : CN_WIRE_REQUEST_LINE);
}

static void method(struct cn_wire *wire, struct bytes *bytes) {
    keep_head(wire, bytes, run(bytes, TOKEN));
    if (bytes->at < bytes->end && !wire->fault)
        expect(wire, bytes, ' ', TARGET, CN_WIRE_REQUEST_LINE);
}

static void target(struct cn_wire *wire, struct bytes *bytes) {
    size_t n = run(bytes, IN_TARGET);
    keep_head(wire, bytes, n);
    wire->target += n;
    if (wire->target > wire->limit)
        fail(wire, CN_WIRE_TARGET_LONG);
    if (bytes->at == bytes->end || wire->fault)
        return;
    bool ends = *bytes->at == ' ' || *bytes->at == '\r' || *bytes->at == '\n';
    if (*bytes->at == ' ' && wire->target > 0)
        expect(wire, bytes, ' ', VERSION, CN_WIRE_REQUEST_LINE);
    else
        fail(wire, ends ? CN_WIRE_REQUEST_LINE : CN_WIRE_TARGET);
}

/* RFC 9110, 2.5: a higher minor version is served as the highest that is known. */
static void version(struct cn_wire *wire, struct bytes *bytes) {
    static const char text[] = "HTTP/1.";
    char c = *bytes->at;
    if (wire->at < sizeof text - 1) {
        if (c == text[wire->at]) {
            wire->at++;
            keep_head(wire, bytes, 1);
        } else {
            fail(wire, wire->at == 5 && is(c, DIGIT) ? CN_WIRE_VERSION : CN_WIRE_REQUEST_LINE);
        }
    } else if (wire->at == sizeof text - 1 && is(c, DIGIT)) {
        wire->at++;
        wire->minor = (uint8_t)(c - '0');
        keep_head(wire, bytes, 1);
    } else if (wire->at == sizeof text) {
        expect(wire, bytes, '\r', LINE_LF, c == '\n' ? CN_WIRE_LINE_END : CN_WIRE_REQUEST_LINE);
    } else {
        fail(wire, CN_WIRE_REQUEST_LINE);
    }
}

static void field(struct cn_wire *wire, struct bytes *bytes) {
    char c = *bytes->at;
    wire->names = KNOWN_ALL;
    wire->at = 0;
    if (c == '\r')
        expect(wire, bytes, '\r', HEAD_LF, CN_WIRE_LINE_END);
    else if (is(c, TOKEN))
        wire->state = NAME;
    else if (is(c, BLANK))
        fail(wire, CN_WIRE_FOLDED);
    else
        fail(wire, c == '\n' ? CN_WIRE_LINE_END : CN_WIRE_NAME);
}

/* Strikes out the known names that the name is not. */
static void match_names(struct cn_wire *wire, const char *at, size_t n) {
    for (size_t i = 0; i < n && wire->names; i++, wire->at++) {
        char c = lower(at[i]);
        if (wire->at >= sizeof host_name - 1 || c != host_name[wire->at])
            wire->names &= (uint8_t)~KNOWN_HOST;
        if (wire->at >= sizeof length_name - 1 || c != length_name[wire->at])
            wire->names &= (uint8_t)~KNOWN_LENGTH;
        if (wire->at >= sizeof coding_name - 1 || c != coding_name[wire->at])
            wire->names &= (uint8_t)~KNOWN_CODING;
    }
}

/* The whole name is there. */
static void check_name(struct cn_wire *wire) {
    if (wire->names == KNOWN_HOST && wire->at == sizeof host_name - 1) {
        if (wire->has_host)
            fail(wire, CN_WIRE_HOST_TWICE);
        wire->has_host = true;
    } else if (wire->names == KNOWN_LENGTH && wire->at == sizeof length_name - 1) {
        if (wire->has_length || wire->has_coding)
            fail(wire, wire->has_length ? CN_WIRE_LENGTH_TWICE : CN_WIRE_CODING_AND_LENGTH);
        wire->has_length = true;
    } else if (wire->names == KNOWN_CODING && wire->at == sizeof coding_name - 1) {
        if (wire->has_coding || wire->has_length)
            fail(wire, wire->has_coding ? CN_WIRE_CODING : CN_WIRE_CODING_AND_LENGTH);
        else if (wire->minor == 0)
            fail(wire, CN_WIRE_CODING_OLD);
        wire->has_coding = true;
    } else {
        wire->names = 0;
    }
    wire->at = 0;
}

static void name(struct cn_wire *wire, struct bytes *bytes) {
    size_t n = run(bytes, TOKEN);
    match_names(wire, bytes->at, n);
    keep_head(wire, bytes, n);
    if (bytes->at == bytes->end || wire->fault)
        return;
    if (*bytes->at != ':') {
        fail(wire, CN_WIRE_NAME);
        return;
    }
    check_name(wire);
    if (!wire->fault)
        expect(wire, bytes, ':', BEFORE_VALUE, CN_WIRE_NAME);
}

/* Blanks, which the library skips. */
static void before_value(struct cn_wire *wire, struct bytes *bytes) {
    keep_head(wire, bytes, run(bytes, BLANK));
    if (bytes->at == bytes->end || wire->fault)
        return;
    wire->state = wire->names == KNOWN_HOST     ? HOST
                  : wire->names == KNOWN_LENGTH ? LENGTH
                  : wire->names == KNOWN_CODING ? CODING
                                                : VALUE;
}

static enum cn_wire_fault fault_in_value(char c) {
    return c == '\n' ? CN_WIRE_LINE_END : CN_WIRE_VALUE;
}

static void value(struct cn_wire *wire, struct bytes *bytes) {
    keep_head(wire, bytes, run(bytes, IN_VALUE));
    if (bytes->at < bytes->end && !wire->fault)
        expect(wire, bytes, '\r', FIELD_LF, fault_in_value(*bytes->at));
}

/* A value of one word is over at a blank or at the line's end; true: it is. */
static bool ends_word(struct cn_wire *wire, const struct bytes *bytes) {
    bool ends = *bytes->at == '\r' || is(*bytes->at, BLANK);
    if (ends)
        wire->state = BEHIND_VALUE;
    return ends;
}

static void length(struct cn_wire *wire, struct bytes *bytes) {
    if (wire->at > 0 && ends_word(wire, bytes))
        return;
    char c = *bytes->at;
    if (!is(c, DIGIT)) {
        fail(wire, CN_WIRE_LENGTH);
        return;
    }
    uint64_t digit = (uint64_t)(c - '0');
    if (wire->left > ((uint64_t)INT64_MAX - digit) / 10) {
        fail(wire, CN_WIRE_LENGTH_LARGE);
        return;
    }
    wire->left = wire->left * 10 + digit;
    wire->at = 1;
    keep_head(wire, bytes, 1);
}

static void coding(struct cn_wire *wire, struct bytes *bytes) {
    bool whole = wire->at == sizeof chunked - 1;
    if (whole && ends_word(wire, bytes))
        return;
    if (whole || lower(*bytes->at) != chunked[wire->at]) {
        fail(wire, CN_WIRE_CODING);
        return;
    }
    wire->at++;
    keep_head(wire, bytes, 1);
}

/* It may be empty (RFC 9112, 3.2): whether it is the right one is for others to say. */
static void host(struct cn_wire *wire, struct bytes *bytes) {
    keep_head(wire, bytes, run(bytes, IN_HOST));
    if (bytes->at < bytes->end && !wire->fault && !ends_word(wire, bytes))
        fail(wire, CN_WIRE_HOST);
}

static void behind_value(struct cn_wire *wire, struct bytes *bytes) {
    static const enum cn_wire_fault faults[] = {[KNOWN_HOST] = CN_WIRE_HOST,
                                                [KNOWN_LENGTH] = CN_WIRE_LENGTH,
                                                [KNOWN_CODING] = CN_WIRE_CODING};
    size_t blanks = run(bytes, BLANK);
    bytes->at += blanks;
    wire->bytes += blanks;
    keep_head(wire, bytes, 0);
    if (bytes->at < bytes->end && !wire->fault)
        expect(wire, bytes, '\r', FIELD_LF, faults[wire->names]);
}

/* The connection's next request begins. */
static void restart(struct cn_wire *wire) {
    wire->state = START;
    wire->left = wire->bytes = wire->target = 0;
    wire->has_host = wire->has_length = wire->has_coding = false;
    wire->at = wire->minor = 0;
}

/* RFC 9112, 6.3. */
static void end_head(struct cn_wire *wire, struct bytes *bytes) {
    if (!wire->has_host && wire->minor > 0) {
        fail(wire, CN_WIRE_HOST_MISSING);
        return;
    }
    expect(wire, bytes, '\n', HEAD_LF, CN_WIRE_LINE_END);
    if (wire->fault)
        return;
    wire->heads++;
    wire->bytes = 0;
    if (wire->has_coding)
        wire->state = CHUNK;
    else if (wire->left > 0)
        wire->state = BODY;
    else
        restart(wire);
}

/* ---- bodies -------------------------------------------------------------------------------- */

/* Passes over data; true: that was the last of it. */
static bool pass(struct cn_wire *wire, struct bytes *bytes) {
    uint64_t there = (uint64_t)(bytes->end - bytes->at);
    uint64_t n = wire->left < there ? wire->left : there;
    keep(bytes, (size_t)n);
    wire->left -= n;
    return wire->left == 0;
}

/* Counts a byte of a chunk's line or of a trailer. */
static void count(struct cn_wire *wire, uint64_t limit, enum cn_wire_fault fault) {
    if (++wire->bytes > limit)
        fail(wire, fault);
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
static void extension(struct cn_wire *wire, struct bytes *bytes) {
    int next = next_in_extension((enum state)wire->state, *bytes->at);
    if (next < 0) {
        fail(wire, *bytes->at == '\n' ? CN_WIRE_LINE_END : CN_WIRE_CHUNK_EXTENSION);
        return;
    }
    wire->state = (uint8_t)next;
    if (next == CHUNK_LF)
        keep(bytes, 1);
    else
        bytes->at++;
}

/* The size of a chunk: RFC 9112, 7.1. */
static void chunk_size(struct cn_wire *wire, struct bytes *bytes) {
    char c = *bytes->at;
    int digit = hex_digit(c);
    if (digit >= 0 && wire->left > (uint64_t)INT64_MAX >> 4) {
        fail(wire, CN_WIRE_CHUNK_LARGE);
    } else if (digit >= 0) {
        wire->left = wire->left << 4 | (uint64_t)digit;
        wire->state = CHUNK_SIZE;
        keep(bytes, 1);
    } else if (wire->state == CHUNK) {
        fail(wire, CN_WIRE_CHUNK_SIZE);
    } else if (c == '\r') {
        wire->state = CHUNK_LF;
        keep(bytes, 1);
    } else if (c == ';' || is(c, BLANK)) {
        extension(wire, bytes);
    } else {
        fail(wire, c == '\n' ? CN_WIRE_LINE_END : CN_WIRE_CHUNK_SIZE);
    }
}

static void chunk_line(struct cn_wire *wire, struct bytes *bytes) {
    count(wire, CN_WIRE_CHUNK_LINE_BYTES, CN_WIRE_CHUNK_LINE_LONG);
    if (wire->fault)
        return;
    if (wire->state == CHUNK || wire->state == CHUNK_SIZE) {
        chunk_size(wire, bytes);
    } else if (wire->state != CHUNK_LF) {
        extension(wire, bytes);
    } else if (*bytes->at != '\n') {
        fail(wire, CN_WIRE_LINE_END);
    } else {
        keep(bytes, 1);
        wire->bytes = 0;
        wire->state = wire->left > 0 ? CHUNK_DATA : TRAILER;
    }
}

static void chunk_end(struct cn_wire *wire, struct bytes *bytes) {
    bool first = wire->state == DATA_CR;
    if (*bytes->at != (first ? '\r' : '\n')) {
        fail(wire, CN_WIRE_CHUNK_END);
        return;
    }
    keep(bytes, 1);
    wire->state = first ? DATA_LF : CHUNK;
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
static void trailer(struct cn_wire *wire, struct bytes *bytes) {
    count(wire, wire->limit, CN_WIRE_TRAILER_LONG);
    if (wire->fault)
        return;
    if (wire->state == TRAILER && *bytes->at == '\r') {
        keep(bytes, 1);
        wire->state = TRAILER_END_LF;
    } else if (wire->state == TRAILER_END_LF) {
        if (*bytes->at == '\n') {
            keep(bytes, 1);
            restart(wire);
        } else {
            fail(wire, CN_WIRE_LINE_END);
        }
    } else {
        int next = next_in_trailer((enum state)wire->state, *bytes->at);
        if (next < 0) {
            fail(wire, CN_WIRE_TRAILER);
        } else {
            wire->state = (uint8_t)next;
            bytes->at++;
        }
    }
}

/* ---- what stands in for the rest ----------------------------------------------------------- */

/* A head's end from any point of it. */
static const char *end_of_head(const struct cn_wire *wire) {
    static const char text[] = "\nBAD / HTTP/1.0\r\n\r\n";
    switch ((enum state)wire->state) {
    case START_LF:
        return text;
    case START:
        return text + 1;
    case METHOD:
        return text + 4;
    case TARGET:
        return wire->target > 0 ? text + 6 : text + 5;
    case VERSION:
        return text + 7 + wire->at;
    case NAME: /* of a Content-Length, too: the library stumbles over one that is empty */
        return ":0\r\n\r\n";
    case LENGTH:
        return wire->at > 0 ? text + 15 : "0\r\n\r\n";
    case BEFORE_VALUE:
        return wire->names == KNOWN_LENGTH ? "0\r\n\r\n" : text + 15;
    case LINE_LF:
    case FIELD_LF:
        return text + 16;
    case FIELD:
        return text + 17;
    case HEAD_LF:
        return text + 18;
    default: /* a value */
        return text + 15;
    }
}

/* Of a chunked body: so much that the handler is called, with a byte of data or at the body's end.
 */
static const char *end_of_body(const struct cn_wire *wire) {
    switch ((enum state)wire->state) {
    case CHUNK:
        return "1\r\nx";
    case CHUNK_LF:
        return wire->left > 0 ? "\nx" : "\n\r\n";
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
        return wire->left > 0 ? "\r\nx" : "\r\n\r\n";
    }
}

/* ---- all of it ----------------------------------------------------------------------------- */

static void step(struct cn_wire *wire, struct bytes *bytes) {
    switch ((enum state)wire->state) {
    case START:
        begin(wire, bytes);
        break;
    case START_LF:
        expect(wire, bytes, '\n', START, CN_WIRE_LINE_END);
        break;
    case METHOD:
        method(wire, bytes);
        break;
    case TARGET:
        target(wire, bytes);
        break;
    case VERSION:
        version(wire, bytes);
        break;
    case LINE_LF:
    case FIELD_LF:
        expect(wire, bytes, '\n', FIELD, CN_WIRE_LINE_END);
        break;
    case FIELD:
        field(wire, bytes);
        break;
    case NAME:
        name(wire, bytes);
        break;
    case BEFORE_VALUE:
        before_value(wire, bytes);
        break;
    case VALUE:
        value(wire, bytes);
        break;
    case LENGTH:
        length(wire, bytes);
        break;
    case CODING:
        coding(wire, bytes);
        break;
    case HOST:
        host(wire, bytes);
        break;
    case BEHIND_VALUE:
        behind_value(wire, bytes);
        break;
    case HEAD_LF:
        end_head(wire, bytes);
        break;
    case BODY:
        if (pass(wire, bytes))
            restart(wire);
        break;
    case CHUNK_DATA:
        if (pass(wire, bytes))
            wire->state = DATA_CR;
        break;
    case DATA_CR:
    case DATA_LF:
        chunk_end(wire, bytes);
        break;
    case TRAILER:
    case TRAILER_NAME:
    case TRAILER_VALUE:
    case TRAILER_LF:
    case TRAILER_END_LF:
        trailer(wire, bytes);
        break;
    default: /* between CHUNK and CHUNK_LF */
        chunk_line(wire, bytes);
        break;
    }
}

void cn_wire_init(struct cn_wire *wire, uint64_t limit) {
    *wire = (struct cn_wire){.limit = limit};
    restart(wire);
}

size_t cn_wire_rest(struct cn_wire *wire, char *data, size_t room) {
    size_t n = wire->rest ? strnlen(wire->rest, room) : 0;
    if (n > 0) {
        memcpy(data, wire->rest, n);
        wire->rest += n;
    }
    return n;
}

size_t cn_wire_feed(struct cn_wire *wire, char *data, size_t n, size_t room) {
    struct bytes bytes = {.at = data, .end = data + n, .out = data};
    if (wire->fault) {
        wire->skipped += n;
        return cn_wire_rest(wire, data, room);
    }
    while (bytes.at < bytes.end && !wire->fault)
        step(wire, &bytes);
    size_t good = (size_t)(bytes.out - data);
    if (!wire->fault)
        return good;
    bool in_head = wire->state < BODY;
    wire->refused = wire->heads + in_head;
    wire->rest = in_head ? end_of_head(wire) : end_of_body(wire);
    wire->skipped = (uint64_t)(bytes.end - bytes.at);
    return good + cn_wire_rest(wire, data + good, room - good);
}

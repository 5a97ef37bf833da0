#include "server/framing.h"

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
enum { KNOWN_HOST = 1, KNOWN_LENGTH, KNOWN_CODING };

static const char *const names[] = {"", "host", "content-length", "transfer-encoding"};
static const char chunked[] = "chunked";

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
static void fail(struct cn_framing *framing, enum cn_framing_fault fault) {
    if (!framing->fault)
        framing->fault = (uint8_t)fault;
}

/* ---- the head ------------------------------------------------------------------------------ */

/* Hands on `n` bytes of the head. */
static inline void keep_head(struct cn_framing *framing, struct bytes *bytes, size_t n) {
    keep(bytes, n);
    framing->bytes += n;
    if (framing->bytes > framing->limit && framing->state != TARGET)
        fail(framing, CN_FRAMING_HEAD_LONG);
}

/* Takes one byte that must be `wanted`. */
static void expect(struct cn_framing *framing, struct bytes *bytes, char wanted, enum state next,
                   enum cn_framing_fault fault) {
    if (*bytes->at != wanted) {
        fail(framing, fault);
        return;
    }
    keep_head(framing, bytes, 1);
    framing->state = (uint8_t)next;
}

/* Takes what is of a class, and behind it the byte `end`, which leads to `next`; otherwise `fault`.
 */
static inline void take(struct cn_framing *framing, struct bytes *bytes, uint8_t class, char end,
                        enum state next, enum cn_framing_fault fault) {
    size_t n = run(bytes, class);
    const char *stop = bytes->at + n;
    bool whole = stop < bytes->end && *stop == end;
    bool wrong = stop < bytes->end && *stop != end;
    keep_head(framing, bytes, n + whole);
    if (whole)
        framing->state = (uint8_t)next;
    if (wrong)
        fail(framing, fault);
}

/* The LF of a line of the head, if the CR is there already and it has come with it. */
static inline void take_lf(struct cn_framing *framing, struct bytes *bytes) {
    if (bytes->at < bytes->end && *bytes->at == '\n' && !framing->fault) {
        keep_head(framing, bytes, 1);
        framing->state = FIELD;
    }
}

static void begin(struct cn_framing *framing, struct bytes *bytes) {
    if (*bytes->at == '\r')
        expect(framing, bytes, '\r', START_LF, CN_FRAMING_LINE_END);
    else if (is(*bytes->at, TOKEN))
        framing->state = METHOD;
    else
        fail(framing, *bytes->at == '\n' ? CN_FRAMING_LINE_END : CN_FRAMING_REQUEST_LINE);
}

static void method(struct cn_framing *framing, struct bytes *bytes) {
    take(framing, bytes, TOKEN, ' ', TARGET, CN_FRAMING_REQUEST_LINE);
}

static void target(struct cn_framing *framing, struct bytes *bytes) {
    size_t n = run(bytes, IN_TARGET);
    keep_head(framing, bytes, n);
    framing->target += n;
    if (framing->target > framing->limit)
        fail(framing, CN_FRAMING_TARGET_LONG);
    if (bytes->at == bytes->end || framing->fault)
        return;
    bool ends = *bytes->at == ' ' || *bytes->at == '\r' || *bytes->at == '\n';
    if (*bytes->at == ' ' && framing->target > 0)
        expect(framing, bytes, ' ', VERSION, CN_FRAMING_REQUEST_LINE);
    else
        fail(framing, ends ? CN_FRAMING_REQUEST_LINE : CN_FRAMING_TARGET);
}

/* RFC 9110, 2.5: a higher minor version is served as the highest that is known. */
static void version(struct cn_framing *framing, struct bytes *bytes) {
    static const char text[] = "HTTP/1.";
    size_t n = 0;
    while (framing->at < sizeof text - 1 && bytes->at + n < bytes->end &&
           bytes->at[n] == text[framing->at]) {
        framing->at++;
        n++;
    }
    keep_head(framing, bytes, n);
    if (bytes->at == bytes->end || framing->fault)
        return;
    char c = *bytes->at;
    if (framing->at < sizeof text - 1) {
        fail(framing,
             framing->at == 5 && is(c, DIGIT) ? CN_FRAMING_VERSION : CN_FRAMING_REQUEST_LINE);
    } else if (framing->at == sizeof text - 1 && is(c, DIGIT)) {
        framing->at++;
        framing->minor = (uint8_t)(c - '0');
        keep_head(framing, bytes, 1);
    } else if (framing->at == sizeof text) {
        expect(framing, bytes, '\r', LINE_LF,
               c == '\n' ? CN_FRAMING_LINE_END : CN_FRAMING_REQUEST_LINE);
    } else {
        fail(framing, CN_FRAMING_REQUEST_LINE);
    }
}

static void field(struct cn_framing *framing, struct bytes *bytes) {
    char c = *bytes->at;
    char first = lower(c);
    framing->name = first == 'h'   ? KNOWN_HOST
                    : first == 'c' ? KNOWN_LENGTH
                    : first == 't' ? KNOWN_CODING
                                   : 0;
    framing->at = 0;
    if (c == '\r')
        expect(framing, bytes, '\r', HEAD_LF, CN_FRAMING_LINE_END);
    else if (is(c, TOKEN))
        framing->state = NAME;
    else if (is(c, BLANK))
        fail(framing, CN_FRAMING_FOLDED);
    else
        fail(framing, c == '\n' ? CN_FRAMING_LINE_END : CN_FRAMING_NAME);
}

/* Whether the name still is the known one that its first letter made it. */
static void match_name(struct cn_framing *framing, const char *at, size_t n) {
    const char *known = names[framing->name];
    for (size_t i = 0; i < n && framing->name; i++, framing->at++)
        if (lower(at[i]) != known[framing->at])
            framing->name = 0;
}

/* The whole name is there. */
static void check_name(struct cn_framing *framing) {
    if (framing->name && names[framing->name][framing->at] != '\0')
        framing->name = 0;
    if (framing->name == KNOWN_HOST) {
        if (framing->has_host)
            fail(framing, CN_FRAMING_HOST_TWICE);
        framing->has_host = true;
    } else if (framing->name == KNOWN_LENGTH) {
        if (framing->has_length || framing->has_coding)
            fail(framing,
                 framing->has_length ? CN_FRAMING_LENGTH_TWICE : CN_FRAMING_CODING_AND_LENGTH);
        framing->has_length = true;
    } else if (framing->name == KNOWN_CODING) {
        if (framing->has_coding || framing->has_length)
            fail(framing, framing->has_coding ? CN_FRAMING_CODING : CN_FRAMING_CODING_AND_LENGTH);
        else if (framing->minor == 0)
            fail(framing, CN_FRAMING_CODING_OLD);
        framing->has_coding = true;
    }
    framing->at = 0;
}

static void name(struct cn_framing *framing, struct bytes *bytes) {
    size_t n = run(bytes, TOKEN);
    if (framing->name)
        match_name(framing, bytes->at, n);
    keep_head(framing, bytes, n);
    if (bytes->at == bytes->end || framing->fault)
        return;
    if (*bytes->at != ':') {
        fail(framing, CN_FRAMING_NAME);
        return;
    }
    check_name(framing);
    if (!framing->fault)
        expect(framing, bytes, ':', BEFORE_VALUE, CN_FRAMING_NAME);
}

/* Blanks, which the library skips. */
static void before_value(struct cn_framing *framing, struct bytes *bytes) {
    keep_head(framing, bytes, run(bytes, BLANK));
    if (bytes->at == bytes->end || framing->fault)
        return;
    static const uint8_t states[] = {VALUE, HOST, LENGTH, CODING};
    framing->state = states[framing->name];
}

static void value(struct cn_framing *framing, struct bytes *bytes) {
    take(framing, bytes, IN_VALUE, '\r', FIELD_LF, CN_FRAMING_VALUE);
    if (framing->fault == CN_FRAMING_VALUE && *bytes->at == '\n')
        framing->fault = CN_FRAMING_LINE_END;
    if (framing->state == FIELD_LF)
        take_lf(framing, bytes);
}

/* A value of one word is over at a blank or at the line's end; true: it is. */
static bool ends_word(struct cn_framing *framing, const struct bytes *bytes) {
    bool ends = *bytes->at == '\r' || is(*bytes->at, BLANK);
    if (ends)
        framing->state = BEHIND_VALUE;
    return ends;
}

static void length(struct cn_framing *framing, struct bytes *bytes) {
    if (framing->at > 0 && ends_word(framing, bytes))
        return;
    char c = *bytes->at;
    if (!is(c, DIGIT)) {
        fail(framing, CN_FRAMING_LENGTH);
        return;
    }
    uint64_t digit = (uint64_t)(c - '0');
    if (framing->left > ((uint64_t)INT64_MAX - digit) / 10) {
        fail(framing, CN_FRAMING_LENGTH_LARGE);
        return;
    }
    framing->left = framing->left * 10 + digit;
    framing->at = 1;
    keep_head(framing, bytes, 1);
}

static void coding(struct cn_framing *framing, struct bytes *bytes) {
    bool whole = framing->at == sizeof chunked - 1;
    if (whole && ends_word(framing, bytes))
        return;
    if (whole || lower(*bytes->at) != chunked[framing->at]) {
        fail(framing, CN_FRAMING_CODING);
        return;
    }
    framing->at++;
    keep_head(framing, bytes, 1);
}

/* It may be empty (RFC 9112, 3.2): whether it is the right one is for others to say. */
static void host(struct cn_framing *framing, struct bytes *bytes) {
    keep_head(framing, bytes, run(bytes, IN_HOST));
    if (bytes->at < bytes->end && !framing->fault && !ends_word(framing, bytes))
        fail(framing, CN_FRAMING_HOST);
}

static void behind_value(struct cn_framing *framing, struct bytes *bytes) {
    static const enum cn_framing_fault faults[] = {[KNOWN_HOST] = CN_FRAMING_HOST,
                                                   [KNOWN_LENGTH] = CN_FRAMING_LENGTH,
                                                   [KNOWN_CODING] = CN_FRAMING_CODING};
    size_t blanks = run(bytes, BLANK);
    bytes->at += blanks;
    framing->bytes += blanks;
    keep_head(framing, bytes, 0);
    if (bytes->at < bytes->end && !framing->fault)
        expect(framing, bytes, '\r', FIELD_LF, faults[framing->name]);
}

/* The connection's next request begins. */
static void restart(struct cn_framing *framing) {
    framing->state = START;
    framing->left = framing->bytes = framing->target = 0;
    framing->has_host = framing->has_length = framing->has_coding = false;
    framing->at = framing->minor = 0;
}

/* RFC 9112, 6.3. */
static void end_head(struct cn_framing *framing, struct bytes *bytes) {
    if (!framing->has_host && framing->minor > 0) {
        fail(framing, CN_FRAMING_HOST_MISSING);
        return;
    }
    expect(framing, bytes, '\n', HEAD_LF, CN_FRAMING_LINE_END);
    if (framing->fault)
        return;
    framing->heads++;
    framing->bytes = 0;
    if (framing->has_coding)
        framing->state = CHUNK;
    else if (framing->left > 0)
        framing->state = BODY;
    else
        restart(framing);
}

/* ---- bodies -------------------------------------------------------------------------------- */

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
            restart(framing);
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

/* ---- what stands in for the rest ----------------------------------------------------------- */

/* A head's end from any point of it. */
static const char *end_of_head(const struct cn_framing *framing) {
    static const char text[] = "\nBAD / HTTP/1.0\r\n\r\n";
    switch ((enum state)framing->state) {
    case START_LF:
        return text;
    case START:
        return text + 1;
    case METHOD:
        return text + 4;
    case TARGET:
        return framing->target > 0 ? text + 6 : text + 5;
    case VERSION:
        return text + 7 + framing->at;
    case NAME: /* of a Content-Length, too: the library stumbles over one that is empty */
        return ":0\r\n\r\n";
    case LENGTH:
        return framing->at > 0 ? text + 15 : "0\r\n\r\n";
    case BEFORE_VALUE:
        return framing->name == KNOWN_LENGTH ? "0\r\n\r\n" : text + 15;
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
static const char *end_of_body(const struct cn_framing *framing) {
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

/* ---- all of it ----------------------------------------------------------------------------- */

static void step(struct cn_framing *framing, struct bytes *bytes) {
    switch ((enum state)framing->state) {
    case START:
        begin(framing, bytes);
        break;
    case START_LF:
        expect(framing, bytes, '\n', START, CN_FRAMING_LINE_END);
        break;
    case METHOD:
        method(framing, bytes);
        break;
    case TARGET:
        target(framing, bytes);
        break;
    case VERSION:
        version(framing, bytes);
        break;
    case LINE_LF:
    case FIELD_LF:
        expect(framing, bytes, '\n', FIELD, CN_FRAMING_LINE_END);
        break;
    case FIELD:
        field(framing, bytes);
        break;
    case NAME:
        name(framing, bytes);
        break;
    case BEFORE_VALUE:
        before_value(framing, bytes);
        break;
    case VALUE:
        value(framing, bytes);
        break;
    case LENGTH:
        length(framing, bytes);
        break;
    case CODING:
        coding(framing, bytes);
        break;
    case HOST:
        host(framing, bytes);
        break;
    case BEHIND_VALUE:
        behind_value(framing, bytes);
        break;
    case HEAD_LF:
        end_head(framing, bytes);
        break;
    case BODY:
        if (pass(framing, bytes))
            restart(framing);
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

void cn_framing_init(struct cn_framing *framing, uint64_t limit) {
    *framing = (struct cn_framing){.limit = limit};
    restart(framing);
}

size_t cn_framing_rest(struct cn_framing *framing, char *data, size_t room) {
    size_t n = framing->rest ? strnlen(framing->rest, room) : 0;
    if (n > 0) {
        memcpy(data, framing->rest, n);
        framing->rest += n;
    }
    return n;
}

size_t cn_framing_feed(struct cn_framing *framing, char *data, size_t n, size_t room) {
    struct bytes bytes = {.at = data, .end = data + n, .out = data};
    if (framing->fault) {
        framing->skipped += n;
        return cn_framing_rest(framing, data, room);
    }
    while (bytes.at < bytes.end && !framing->fault)
        step(framing, &bytes);
    size_t good = (size_t)(bytes.out - data);
    if (!framing->fault)
        return good;
    bool in_head = framing->state < BODY;
    framing->refused = framing->heads + in_head;
    framing->rest = in_head ? end_of_head(framing) : end_of_body(framing);
    framing->skipped = (uint64_t)(bytes.end - bytes.at);
    return good + cn_framing_rest(framing, data + good, room - good);
}

/*
 * Request lines and fields: RFC 9112, 2 to 6, and RFC 9110, 5.
 */
#include "server/framing_parts.h"

static const char *const names[] = {"", "host", "content-length", "transfer-encoding"};
static const char chunked[] = "chunked";

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
    if (!goes_on(framing, bytes))
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
    if (!goes_on(framing, bytes))
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

static void value(struct cn_framing *framing, struct bytes *bytes) {
    take(framing, bytes, IN_VALUE, '\r', FIELD_LF, CN_FRAMING_VALUE);
    if (framing->fault == CN_FRAMING_VALUE && *bytes->at == '\n')
        framing->fault = CN_FRAMING_LINE_END;
    if (framing->state == FIELD_LF)
        take_lf(framing, bytes);
}

/* Blanks, which the library skips. */
static void before_value(struct cn_framing *framing, struct bytes *bytes) {
    keep_head(framing, bytes, run(bytes, BLANK));
    if (!goes_on(framing, bytes))
        return;
    static const uint8_t states[] = {VALUE, HOST, LENGTH, CODING};
    framing->state = states[framing->name];
    if (framing->state == VALUE)
        value(framing, bytes);
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
    if (!goes_on(framing, bytes))
        return;
    if (*bytes->at != ':') {
        fail(framing, CN_FRAMING_NAME);
        return;
    }
    check_name(framing);
    if (framing->fault)
        return;
    expect(framing, bytes, ':', BEFORE_VALUE, CN_FRAMING_NAME);
    if (goes_on(framing, bytes))
        before_value(framing, bytes);
}

static void begin_name(struct cn_framing *framing, struct bytes *bytes) {
    char first = lower(*bytes->at);
    framing->name = first == 'h'   ? KNOWN_HOST
                    : first == 'c' ? KNOWN_LENGTH
                    : first == 't' ? KNOWN_CODING
                                   : 0;
    framing->at = 0;
    framing->state = NAME;
    name(framing, bytes);
}

static void field(struct cn_framing *framing, struct bytes *bytes) {
    char c = *bytes->at;
    if (c == '\r')
        expect(framing, bytes, '\r', HEAD_LF, CN_FRAMING_LINE_END);
    else if (is(c, TOKEN))
        begin_name(framing, bytes);
    else if (is(c, BLANK))
        fail(framing, CN_FRAMING_FOLDED);
    else
        fail(framing, c == '\n' ? CN_FRAMING_LINE_END : CN_FRAMING_NAME);
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
    if (goes_on(framing, bytes))
        expect(framing, bytes, '\r', FIELD_LF, faults[framing->name]);
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
        cn_framing_restart(framing);
}

/* ---- all of it ----------------------------------------------------------------------------- */

void cn_framing_step_head(struct cn_framing *framing, struct bytes *bytes) {
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
    default: /* HEAD_LF */
        end_head(framing, bytes);
        break;
    }
}

const char *cn_framing_end_of_head(const struct cn_framing *framing) {
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

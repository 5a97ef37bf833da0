/*
 * The check of framing. The first byte says how the rest is cut; neither the verdict nor what is
 * handed on depends on the cut. What is handed on is good by itself, and is the same again. And a
 * reader that works line by line, and knows nothing of states, finds the same requests.
 */
#include <string.h>
#include <strings.h>

#include "server/framing.h"
#include "tests/fuzz/check.h"

enum { MOST = 4096, LIMIT = 1 << 20 };

struct run {
    struct cn_framing framing;
    char out[MOST + 64];
    size_t n;
};

/* Pieces are of 1 + seed % 17 bytes and so on; 0: in one. */
static void run_pieces(struct run *run, const char *data, size_t size, unsigned seed) {
    char piece[MOST + 64];
    run->n = 0;
    cn_framing_init(&run->framing, LIMIT);
    for (size_t at = 0; at < size;) {
        size_t len = seed ? 1 + seed % 17 : size;
        seed = seed ? seed * 7 + 3 : 0;
        if (len > size - at)
            len = size - at;
        memcpy(piece, data + at, len);
        size_t got = cn_framing_feed(&run->framing, piece, len, len);
        CHECK(got <= len);
        memcpy(run->out + run->n, piece, got);
        run->n += got;
        at += len;
    }
    size_t rest = cn_framing_rest(&run->framing, run->out + run->n, sizeof run->out - run->n);
    CHECK(rest == 0 || run->framing.fault);
    run->n += rest;
}

/* ---- the other reader ---------------------------------------------------------------------- */

struct text {
    const char *at;
    const char *end;
};

enum found { WHOLE, CUT_OFF, WRONG };

struct line {
    const char *text;
    size_t len;
};

/* A line that ends with CR LF; others, and a NUL, are wrong. */
static enum found take_line(struct text *text, struct line *line) {
    size_t left = (size_t)(text->end - text->at);
    const char *lf = memchr(text->at, '\n', left);
    if (!lf)
        return CUT_OFF;
    line->text = text->at;
    line->len = (size_t)(lf - text->at);
    text->at = lf + 1;
    if (line->len == 0 || lf[-1] != '\r')
        return WRONG;
    line->len--;
    return memchr(line->text, '\r', line->len) || memchr(line->text, '\0', line->len) ? WRONG
                                                                                      : WHOLE;
}

static bool all(const char *text, size_t len, bool (*is)(unsigned char c)) {
    for (size_t i = 0; i < len; i++)
        if (!is((unsigned char)text[i]))
            return false;
    return true;
}

static bool is_visible(unsigned char c) {
    return c > ' ' && c != 0x7f;
}

static bool is_value(unsigned char c) {
    return c == '\t' || (c >= ' ' && c != 0x7f);
}

static bool is_digit(unsigned char c) {
    return c >= '0' && c <= '9';
}

static bool is_token(unsigned char c) {
    return c > ' ' && c < 0x7f && !strchr("\"(),/:;<=>?@[\\]{}", c);
}

static bool is_blank(unsigned char c) {
    return c == ' ' || c == '\t';
}

static bool is_host(unsigned char c) {
    return is_visible(c) && c < 0x80 && !strchr("\"#/<>?@\\^`{|}", c);
}

static bool request_line(const struct line *line, bool *old) {
    const char *end = line->text + line->len;
    const char *first = memchr(line->text, ' ', line->len);
    const char *second = first ? memchr(first + 1, ' ', (size_t)(end - first - 1)) : NULL;
    if (!second || first == line->text || second == first + 1 || end - second != 9)
        return false;
    *old = second[8] == '0';
    return all(line->text, (size_t)(first - line->text), is_token) &&
           all(first + 1, (size_t)(second - first - 1), is_visible) &&
           memcmp(second + 1, "HTTP/1.", 7) == 0 && is_digit((unsigned char)second[8]);
}

struct head {
    int hosts, lengths, codings;
    uint64_t length;
};

static bool number(const char *text, size_t len, int base, uint64_t *value) {
    static const char digits[] = "0123456789abcdef";
    *value = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i] >= 'A' && text[i] <= 'F' ? (char)(text[i] + 32) : text[i];
        const char *digit = c ? strchr(digits, c) : NULL;
        if (!digit || digit - digits >= base)
            return false;
        __uint128_t next = (__uint128_t)*value * (unsigned)base + (unsigned)(digit - digits);
        if (next > INT64_MAX)
            return false;
        *value = (uint64_t)next;
    }
    return len > 0;
}

static bool named(const struct line *line, size_t len, const char *name) {
    return len == strlen(name) && strncasecmp(line->text, name, len) == 0;
}

static bool field(const struct line *line, struct head *head) {
    const char *colon = memchr(line->text, ':', line->len);
    size_t len = colon ? (size_t)(colon - line->text) : 0;
    if (len == 0 || !all(line->text, len, is_token))
        return false;
    const char *value = colon + 1;
    size_t n = line->len - len - 1;
    while (n > 0 && is_blank((unsigned char)*value))
        value++, n--;
    while (n > 0 && is_blank((unsigned char)value[n - 1]))
        n--;
    if (named(line, len, "host"))
        return all(value, n, is_host) && head->hosts++ == 0;
    if (named(line, len, "content-length"))
        return number(value, n, 10, &head->length) && head->lengths++ == 0;
    if (named(line, len, "transfer-encoding"))
        return n == 7 && strncasecmp(value, "chunked", 7) == 0 && head->codings++ == 0;
    return all(value, n, is_value);
}

static enum found take_head(struct text *text, struct head *head) {
    struct line line;
    enum found found;
    bool old = false;
    *head = (struct head){0};
    do {
        found = take_line(text, &line);
    } while (found == WHOLE && line.len == 0);
    if (found != WHOLE)
        return found;
    if (!request_line(&line, &old))
        return WRONG;
    while ((found = take_line(text, &line)) == WHOLE && line.len > 0)
        if (!field(&line, head))
            return WRONG;
    if (found != WHOLE)
        return found;
    bool right =
        (head->hosts == 1 || old) && head->lengths + head->codings <= 1 && !(old && head->codings);
    return right ? WHOLE : WRONG;
}

static enum found skip(struct text *text, uint64_t n) {
    uint64_t left = (uint64_t)(text->end - text->at);
    text->at += n < left ? n : left;
    return n <= left ? WHOLE : CUT_OFF;
}

static size_t count_of(const char *text, size_t len, bool (*is)(unsigned char c)) {
    size_t n = 0;
    while (n < len && is((unsigned char)text[n]))
        n++;
    return n;
}

/* *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted ) ] ), by descent. */
static bool extensions(const char *at, size_t len) {
    while (len > 0) {
        size_t n = count_of(at, len, is_blank);
        if (n == len || at[n] != ';')
            return false;
        at += n + 1, len -= n + 1;
        n = count_of(at, len, is_blank);
        size_t name = count_of(at + n, len - n, is_token);
        if (name == 0)
            return false;
        at += n + name, len -= n + name;
        n = count_of(at, len, is_blank);
        if (n == len || at[n] != '=')
            continue;
        at += n + 1, len -= n + 1;
        n = count_of(at, len, is_blank);
        at += n, len -= n;
        n = count_of(at, len, is_token);
        if (n == 0 && (len == 0 || *at != '"'))
            return false;
        if (n == 0) {
            for (n = 1; n < len && at[n] != '"'; n++) {
                if (at[n] == '\\')
                    n++;
                if (n >= len || !is_value((unsigned char)at[n]))
                    return false;
            }
            if (n++ >= len)
                return false;
        }
        at += n, len -= n;
    }
    return true;
}

static enum found take_chunks(struct text *text) {
    struct line line;
    enum found found;
    uint64_t size;
    do {
        found = take_line(text, &line);
        if (found != WHOLE)
            return found;
        size_t digits = strspn(line.text, "0123456789abcdefABCDEF");
        if (!number(line.text, digits, 16, &size) || line.len + 2 > CN_FRAMING_CHUNK_LINE_BYTES ||
            !extensions(line.text + digits, line.len - digits))
            return WRONG;
        if (size > 0) {
            if (skip(text, size) != WHOLE)
                return CUT_OFF;
            found = take_line(text, &line);
            if (found != WHOLE || line.len > 0)
                return found == CUT_OFF ? CUT_OFF : WRONG;
        }
    } while (size > 0);
    while ((found = take_line(text, &line)) == WHOLE && line.len > 0) {
        const char *colon = memchr(line.text, ':', line.len);
        size_t len = colon ? (size_t)(colon - line.text) : 0;
        if (len == 0 || !all(line.text, len, is_token) || !all(colon, line.len - len, is_value))
            return WRONG;
    }
    return found;
}

/* How many heads are whole and good; `wrong`: what follows is wrong for certain. */
static uint64_t count_heads(const char *data, size_t size, bool *wrong) {
    struct text text = {data, data + size};
    uint64_t heads = 0;
    enum found found;
    for (;;) {
        struct head head;
        found = take_head(&text, &head);
        if (found != WHOLE)
            break;
        heads++;
        found = head.codings ? take_chunks(&text) : skip(&text, head.length);
        if (found != WHOLE)
            break;
    }
    *wrong = found == WRONG;
    return heads;
}

/* ---- all of it ----------------------------------------------------------------------------- */

static void check_again(const struct run *run) {
    struct run again;
    run_pieces(&again, run->out, run->n, 0);
    CHECK(!again.framing.fault && again.framing.heads == run->framing.heads);
    CHECK(again.n == run->n && memcmp(again.out, run->out, run->n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2 || size > MOST)
        return 0;
    const char *text = (const char *)data + 1;
    struct run whole, cut;
    size--;
    run_pieces(&whole, text, size, 0);
    run_pieces(&cut, text, size, 1 + data[0]);
    CHECK(whole.framing.fault == cut.framing.fault && whole.framing.heads == cut.framing.heads);
    CHECK(whole.framing.refused == cut.framing.refused && whole.framing.state == cut.framing.state);
    CHECK(whole.n == cut.n && memcmp(whole.out, cut.out, whole.n) == 0);
    if (!whole.framing.fault)
        check_again(&whole);
    bool wrong;
    char copy[MOST + 1];
    memcpy(copy, text, size);
    copy[size] = '\0'; /* the other reader uses functions of C strings */
    uint64_t heads = count_heads(copy, size, &wrong);
    CHECK(heads == whole.framing.heads);
    CHECK(!wrong || whole.framing.fault);
    return 0;
}

#include "handlers/multipart.h"

#include "handlers/shown.h"

/*
 * The delimiter is CR LF "--" boundary, and CR stands in it at its start only. Hence, where a match
 * breaks off, no other match can have begun inside of it, and at the end of a piece only the last
 * CR can begin one.
 */

void cn_multipart_init(struct cn_multipart *parser, struct cn_str boundary,
                       const struct cn_multipart_handler *handler) {
    size_t len = boundary.len < CN_BOUNDARY_MAX ? boundary.len : CN_BOUNDARY_MAX;
    parser->handler = *handler;
    parser->state = CN_MULTIPART_PREAMBLE;
    parser->failed = CN_OK;
    memcpy(parser->delimiter, "\r\n--", 4);
    memcpy(parser->delimiter + 4, boundary.data, len);
    parser->delimiter_len = 4 + len;
    parser->held = 2; /* the first boundary may begin the body, as if a line had ended before it */
    parser->unsent = 2;
    parser->in_part = false;
    parser->padding = false;
    parser->head_len = 0;
}

static enum cn_code emit(struct cn_multipart *parser, const char *data, size_t len,
                         struct cn_error *error) {
    if (len == 0 || parser->state != CN_MULTIPART_DATA)
        return CN_OK;
    return parser->handler.data(parser->handler.context, data, len, error);
}

/* The delimiter is complete: the part that it ends, if any, is over. */
static enum cn_code delimited(struct cn_multipart *parser, struct cn_error *error) {
    parser->state = CN_MULTIPART_LINE;
    parser->held = 0;
    parser->unsent = 0;
    parser->padding = false;
    if (!parser->in_part)
        return CN_OK;
    parser->in_part = false;
    return parser->handler.end(parser->handler.context, error);
}

/* Goes on with a match that the last piece began. *used: bytes of this piece that are done with. */
static enum cn_code resume(struct cn_multipart *parser, const char *data, size_t len, size_t *used,
                           struct cn_error *error) {
    size_t held = parser->held;
    size_t want = parser->delimiter_len - held;
    size_t n = len < want ? len : want;
    size_t same = 0;
    while (same < n && data[same] == parser->delimiter[held + same])
        same++;
    *used = same;
    if (same == want)
        return delimited(parser, error);
    parser->held = held + same;
    if (same == len)
        return CN_OK;
    /* no boundary after all: what was held is data, in its old place */
    *used = 0;
    size_t unsent = parser->unsent;
    parser->held = 0;
    parser->unsent = 0;
    return emit(parser, parser->delimiter + unsent, held - unsent, error);
}

/* Preamble and data: up to the delimiter or the end of the piece. */
static enum cn_code scan(struct cn_multipart *parser, const char *data, size_t len, size_t *used,
                         struct cn_error *error) {
    if (parser->held > 0)
        return resume(parser, data, len, used, error);
    const char *found = memmem(data, len, parser->delimiter, parser->delimiter_len);
    if (found != NULL) {
        size_t before = (size_t)(found - data);
        *used = before + parser->delimiter_len;
        CN_TRY(emit(parser, data, before, error));
        return delimited(parser, error);
    }
    size_t tail = len < parser->delimiter_len - 1 ? len : parser->delimiter_len - 1;
    const char *cr = memrchr(data + len - tail, '\r', tail);
    size_t rest = cr ? (size_t)(data + len - cr) : 0;
    if (rest > 0 && memcmp(cr, parser->delimiter, rest) != 0)
        rest = 0;
    *used = len;
    parser->held = rest;
    return emit(parser, data, len - rest, error);
}

/* The rest of a boundary's line, byte by byte. */
static enum cn_code line(struct cn_multipart *parser, char c, struct cn_error *error) {
    switch (parser->state) {
    case CN_MULTIPART_LINE:
        if (c == '-' && !parser->padding) {
            parser->state = CN_MULTIPART_CLOSING;
            return CN_OK;
        }
        if (c == ' ' || c == '\t') {
            parser->padding = true;
            return CN_OK;
        }
        if (c == '\r') {
            parser->state = CN_MULTIPART_LINE_END;
            return CN_OK;
        }
        break;
    case CN_MULTIPART_LINE_END:
        if (c == '\n') {
            parser->state = CN_MULTIPART_HEADERS;
            parser->head_len = 0;
            return CN_OK;
        }
        break;
    default:
        if (c == '-') {
            parser->state = CN_MULTIPART_EPILOGUE;
            return CN_OK;
        }
        break;
    }
    return cn_error_set(error, CN_INVALID_MULTIPART,
                        "there is something behind a boundary of the form; a boundary's line ends "
                        "in CR LF, the last one in --");
}

static enum cn_code begin_part(struct cn_multipart *parser, struct cn_error *error) {
    struct cn_multipart_part part;
    /* without the CR LF of the empty line that ends the head */
    CN_TRY(cn_multipart_read_head(parser->head, parser->head_len - 2, &part, error));
    parser->state = CN_MULTIPART_DATA;
    parser->in_part = true;
    /* a part may have no body at all: the empty line is then that before the next boundary */
    parser->held = 2;
    parser->unsent = 2;
    return parser->handler.begin(parser->handler.context, &part, error);
}

static bool head_ended(const struct cn_multipart *parser) {
    size_t len = parser->head_len;
    if (len == 2)
        return memcmp(parser->head, "\r\n", 2) == 0;
    return len >= 4 && memcmp(parser->head + len - 4, "\r\n\r\n", 4) == 0;
}

static enum cn_code headers(struct cn_multipart *parser, const char *data, size_t len, size_t *used,
                            struct cn_error *error) {
    while (*used < len) {
        char c = data[(*used)++];
        size_t at = parser->head_len;
        bool after_cr = at > 0 && parser->head[at - 1] == '\r';
        if ((c == '\n') != after_cr)
            return cn_error_set(error, CN_INVALID_MULTIPART,
                                "a header line of a part of the form does not end in CR LF");
        if ((unsigned char)c < ' ' && c != '\t' && c != '\r' && c != '\n')
            return cn_error_set(error, CN_INVALID_MULTIPART,
                                "a header of a part of the form holds a control character");
        if (at == CN_MULTIPART_HEAD)
            return cn_error_set(error, CN_INVALID_MULTIPART,
                                "the headers of a part of the form are longer than %d bytes",
                                CN_MULTIPART_HEAD);
        parser->head[parser->head_len++] = c;
        if (c == '\n' && head_ended(parser))
            return begin_part(parser, error);
    }
    return CN_OK;
}

static enum cn_code step(struct cn_multipart *parser, const char *data, size_t len, size_t *used,
                         struct cn_error *error) {
    switch (parser->state) {
    case CN_MULTIPART_PREAMBLE:
    case CN_MULTIPART_DATA:
        return scan(parser, data, len, used, error);
    case CN_MULTIPART_HEADERS:
        return headers(parser, data, len, used, error);
    case CN_MULTIPART_EPILOGUE:
        *used = len;
        return CN_OK;
    default:
        *used = 1;
        return line(parser, data[0], error);
    }
}

static enum cn_code fail(struct cn_multipart *parser, enum cn_code code) {
    parser->state = CN_MULTIPART_FAILED;
    parser->failed = code;
    return code;
}

enum cn_code cn_multipart_feed(struct cn_multipart *parser, const char *data, size_t len,
                               struct cn_error *error) {
    if (parser->state == CN_MULTIPART_FAILED)
        return cn_error_set(error, parser->failed, "the form was at fault before");
    while (len > 0) {
        size_t used = 0;
        enum cn_code code = step(parser, data, len, &used, error);
        if (code != CN_OK)
            return fail(parser, code);
        data += used;
        len -= used;
    }
    return CN_OK;
}

enum cn_code cn_multipart_finish(struct cn_multipart *parser, struct cn_error *error) {
    enum cn_code code = CN_INVALID_MULTIPART;
    switch (parser->state) {
    case CN_MULTIPART_EPILOGUE:
        return CN_OK;
    case CN_MULTIPART_FAILED:
        return cn_error_set(error, parser->failed, "the form was at fault before");
    case CN_MULTIPART_PREAMBLE: {
        struct cn_str boundary = cn_str(parser->delimiter + 2, parser->delimiter_len - 2);
        cn_error_set(error, code,
                     "the form has no line '%.*s', which is the boundary that its Content-Type "
                     "names",
                     CN_SHOWN(boundary));
        break;
    }
    default:
        cn_error_set(error, code, "the form ends without its closing boundary");
        break;
    }
    return fail(parser, code);
}

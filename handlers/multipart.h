/*
 * multipart.h: forms as HTTP clients upload them (multipart/form-data: RFC 7578 over RFC 2046),
 * read piece by piece.
 *
 * The bytes of a body are pushed in pieces of any size, cut anywhere; the parser calls back for
 * every part. Data is never copied: a callback sees a run of the piece that was fed, except for
 * the few bytes at the end of a piece that might have begun a boundary. Those need no copy
 * either, because they are the boundary's own first bytes.
 *
 * Text before the first and behind the last boundary is passed over. CN_INVALID_MULTIPART: a
 * boundary line with something behind it, a header block over CN_MULTIPART_HEAD bytes, a header
 * line without ':' or with a bare CR or LF, a part without Content-Disposition: form-data or
 * without a name, a name that is not UTF-8, a Content-Transfer-Encoding that changes the bytes,
 * and an end without the closing boundary. After an error every further call gives the same code.
 */
#ifndef CN_HANDLERS_MULTIPART_H
#define CN_HANDLERS_MULTIPART_H

#include <stdbool.h>

#include "base/error.h"
#include "handlers/negotiate.h"

#define CN_MULTIPART_HEAD 8192

/* What the head of a part says. Views are valid during the callback only. */
struct cn_multipart_part {
    struct cn_str name;       /* valid UTF-8 */
    bool has_filename;        /* it is a file */
    struct cn_str filename;   /* any bytes */
    const char *content_type; /* NULL: not stated */
};

/* A callback that fails ends the parse with its code. */
struct cn_multipart_handler {
    enum cn_code (*begin)(void *context, const struct cn_multipart_part *part,
                          struct cn_error *error);
    enum cn_code (*data)(void *context, const char *data, size_t len, struct cn_error *error);
    enum cn_code (*end)(void *context, struct cn_error *error);
    void *context;
};

enum cn_multipart_state {
    CN_MULTIPART_PREAMBLE,
    CN_MULTIPART_LINE,     /* behind a boundary, on its line */
    CN_MULTIPART_LINE_END, /* behind the CR of that line */
    CN_MULTIPART_CLOSING,  /* behind the first '-' of the closing boundary's end */
    CN_MULTIPART_HEADERS,
    CN_MULTIPART_DATA,
    CN_MULTIPART_EPILOGUE,
    CN_MULTIPART_FAILED
};

/* Caller's memory (about 8 KiB); holds no other. */
struct cn_multipart {
    struct cn_multipart_handler handler;
    enum cn_multipart_state state;
    enum cn_code failed;
    char delimiter[4 + CN_BOUNDARY_MAX]; /* CR LF '-' '-' boundary */
    size_t delimiter_len;
    size_t held; /* bytes of the delimiter that ended what was read so far */
    /* So many of those did not really stand there: a line began, whatever was before. */
    size_t unsent;
    bool in_part;
    bool padding; /* blanks were seen behind the boundary */
    size_t head_len;
    char head[CN_MULTIPART_HEAD + 1];
};

/* `boundary` is 1 to CN_BOUNDARY_MAX bytes without CR or LF, as cn_negotiate_body() gives it. */
void cn_multipart_init(struct cn_multipart *parser, struct cn_str boundary,
                       const struct cn_multipart_handler *handler);

enum cn_code cn_multipart_feed(struct cn_multipart *parser, const char *data, size_t len,
                               struct cn_error *error);

/* The body has ended. */
enum cn_code cn_multipart_finish(struct cn_multipart *parser, struct cn_error *error);

/* multipart_head.c: reads the header lines of a part, which it changes in place. `text` ends with
 * the CR LF of the last line and has room for one byte more. */
enum cn_code cn_multipart_read_head(char *text, size_t len, struct cn_multipart_part *part,
                                    struct cn_error *error);

#endif

/*
 * coded_body.h: what a body, or a part of one, is before it is read: gzip, zstd, or the text
 * itself. It stands between whoever feeds pieces and whoever takes them, and inflates on the way.
 *
 * An exchange has one (exchange.h), so that every endpoint that calls cn_exchange_expect_coded() in
 * its open gets plain pieces, whoever drives it; the data part of a form has another.
 */
#ifndef CN_HANDLERS_CODED_BODY_H
#define CN_HANDLERS_CODED_BODY_H

#include "base/clock.h"
#include "handlers/inflate.h"

/* For replies that refuse another (RFC 9110, 15.5.16). */
#define CN_CODINGS_READ "gzip, zstd"

struct cn_service;

enum cn_coded_state {
    CN_CODED_PLAIN, /* pieces are handed on as they are */
    CN_CODED_LOOK,  /* the first bytes will tell */
    CN_CODED_PACKED,
};

/* All zeros: plain. */
struct cn_coded_body {
    enum cn_coded_state state;
    size_t n_first;
    char first[CN_CODING_MAGIC]; /* while they tell nothing */
    struct cn_inflate *inflater;
    uint64_t inflated;        /* bytes that were handed on */
    struct cn_ledger *ledger; /* inflating is its stage `decode`; the rest is `receive` */
};

/*
 * Reads a Content-Encoding header (NULL: none). None and `identity`: the first bytes will tell.
 * CN_UNSUPPORTED_MEDIA_TYPE: another coding, or more than one.
 */
enum cn_code cn_coded_body_stated(const char *content_encoding, enum cn_coding *coding,
                                  struct cn_error *error);

/* Begins: packed by `coding`, or CN_CODING_NONE to look at the first bytes. */
enum cn_code cn_coded_body_begin(struct cn_coded_body *body, enum cn_coding coding,
                                 struct cn_service *service, struct cn_ledger *ledger,
                                 struct cn_error *error);

/* A piece, and the end of all. Errors are those of inflate.h and of the sink. */
enum cn_code cn_coded_body_feed(struct cn_coded_body *body, struct cn_service *service,
                                const char *data, size_t len, const struct cn_inflate_sink *sink,
                                struct cn_error *error);
enum cn_code cn_coded_body_end(struct cn_coded_body *body, const struct cn_inflate_sink *sink,
                               struct cn_error *error);
void cn_coded_body_release(struct cn_coded_body *body);

#endif

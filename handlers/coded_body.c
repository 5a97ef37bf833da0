#include "handlers/coded_body.h"

#include <string.h>

#include "handlers/media.h"
#include "handlers/service.h"
#include "handlers/shown.h"

static bool coding_of(struct cn_str token, enum cn_coding *coding) {
    if (cn_media_is(token, "gzip") || cn_media_is(token, "x-gzip"))
        *coding = CN_CODING_GZIP;
    else if (cn_media_is(token, "zstd"))
        *coding = CN_CODING_ZSTD;
    else if (cn_media_is(token, "identity"))
        *coding = CN_CODING_NONE;
    else
        return false;
    return true;
}

enum cn_code cn_coded_body_stated(const char *content_encoding, enum cn_coding *coding,
                                  struct cn_error *error) {
    struct cn_str text = cn_str_c(content_encoding);
    struct cn_media media = cn_media(text);
    int n = 0;
    *coding = CN_CODING_NONE;
    for (;;) {
        struct cn_str token;
        enum cn_coding one = CN_CODING_NONE;
        cn_media_blanks(&media);
        if (cn_media_token(&media, &token) && !coding_of(token, &one))
            break;
        if (one != CN_CODING_NONE && ++n > 1)
            break;
        if (one != CN_CODING_NONE)
            *coding = one;
        cn_media_blanks(&media);
        if (media.rest.len == 0)
            return CN_OK;
        if (!cn_media_char(&media, ','))
            break;
    }
    cn_error_set_value(error, text);
    return cn_error_set(error, CN_UNSUPPORTED_MEDIA_TYPE,
                        n > 1 ? "the Content-Encoding '%.*s' names more than one coding; a body "
                                "may be packed once"
                              : "the Content-Encoding '%.*s' is not read; it may be gzip or zstd",
                        CN_SHOWN(text));
}

static enum cn_code start_inflating(struct cn_coded_body *body, enum cn_coding coding,
                                    struct cn_service *service, struct cn_error *error) {
    const struct cn_service_limits *most = cn_service_limits(service);
    const struct cn_inflate_limits limits = {.max_bytes = most->max_body_bytes,
                                             .max_ratio = most->max_inflate_ratio,
                                             .window_log = most->max_window_log};
    body->state = CN_CODED_PACKED;
    return cn_inflate_new(&body->inflater, coding, &limits, service->blocks, error);
}

enum cn_code cn_coded_body_begin(struct cn_coded_body *body, enum cn_coding coding,
                                 struct cn_service *service, struct cn_ledger *ledger,
                                 struct cn_error *error) {
    *body = (struct cn_coded_body){.state = CN_CODED_LOOK, .ledger = ledger};
    return coding == CN_CODING_NONE ? CN_OK : start_inflating(body, coding, service, error);
}

/* ---- pieces -------------------------------------------------------------------------------- */

/* The sink, with the ledger turned over to it. */
struct accounted {
    const struct cn_inflate_sink *sink;
    struct cn_coded_body *body;
};

static enum cn_code take_accounted(void *context, const char *data, size_t len,
                                   struct cn_error *error) {
    const struct accounted *accounted = context;
    struct cn_ledger *ledger = accounted->body->ledger;
    accounted->body->inflated += len;
    cn_ledger_enter(ledger, CN_STAGE_RECEIVE, cn_clock_now());
    enum cn_code code = accounted->sink->take(accounted->sink->context, data, len, error);
    cn_ledger_enter(ledger, CN_STAGE_DECODE, cn_clock_now());
    return code;
}

static enum cn_code inflate_piece(struct cn_coded_body *body, const char *data, size_t len,
                                  bool end, const struct cn_inflate_sink *sink,
                                  struct cn_error *error) {
    struct accounted accounted = {sink, body};
    const struct cn_inflate_sink through = {take_accounted, &accounted};
    cn_ledger_enter(body->ledger, CN_STAGE_DECODE, cn_clock_now());
    enum cn_code code = end ? cn_inflate_end(body->inflater, &through, error)
                            : cn_inflate_feed(body->inflater, data, len, &through, error);
    cn_ledger_enter(body->ledger, CN_STAGE_RECEIVE, cn_clock_now());
    return code;
}

/* The first bytes that told nothing, as they are. */
static enum cn_code hand_on_first(struct cn_coded_body *body, const struct cn_inflate_sink *sink,
                                  struct cn_error *error) {
    size_t len = body->n_first;
    body->n_first = 0;
    return len > 0 ? sink->take(sink->context, body->first, len, error) : CN_OK;
}

/* What kind of body it is, by its first bytes, some of which may have come before. */
static enum cn_code look(struct cn_coded_body *body, struct cn_service *service, const char *data,
                         size_t len, const struct cn_inflate_sink *sink, struct cn_error *error) {
    char first[CN_CODING_MAGIC];
    size_t n = body->n_first;
    bool undecided;
    size_t some = len < sizeof first - n ? len : sizeof first - n;
    memcpy(first, body->first, n);
    memcpy(first + n, data, some);
    enum cn_coding coding = cn_coding_sniff(cn_str(first, n + some), &undecided);
    if (undecided) { /* all of it fits */
        memcpy(body->first, first, n + some);
        body->n_first = n + some;
        return CN_OK;
    }
    if (coding == CN_CODING_NONE) {
        body->state = CN_CODED_PLAIN;
        return hand_on_first(body, sink, error);
    }
    CN_TRY(start_inflating(body, coding, service, error));
    body->n_first = 0;
    return n > 0 ? inflate_piece(body, first, n, false, sink, error) : CN_OK;
}

enum cn_code cn_coded_body_feed(struct cn_coded_body *body, struct cn_service *service,
                                const char *data, size_t len, const struct cn_inflate_sink *sink,
                                struct cn_error *error) {
    if (len == 0)
        return CN_OK;
    if (body->state == CN_CODED_LOOK)
        CN_TRY(look(body, service, data, len, sink, error));
    if (body->state == CN_CODED_PLAIN)
        return sink->take(sink->context, data, len, error);
    if (body->state == CN_CODED_PACKED)
        return inflate_piece(body, data, len, false, sink, error);
    return CN_OK;
}

enum cn_code cn_coded_body_end(struct cn_coded_body *body, const struct cn_inflate_sink *sink,
                               struct cn_error *error) {
    if (body->state == CN_CODED_PACKED)
        return inflate_piece(body, NULL, 0, true, sink, error);
    body->state = CN_CODED_PLAIN;
    return hand_on_first(body, sink, error);
}

void cn_coded_body_release(struct cn_coded_body *body) {
    cn_inflate_free(body->inflater);
    body->inflater = NULL;
}

#include "handlers/endpoint_reply.h"

#include <string.h>

#include "handlers/media.h"
#include "handlers/query.h"

enum cn_code cn_endpoint_open_plain(struct cn_exchange *exchange, struct cn_error *error) {
    return cn_query_none(exchange->query, &exchange->arena, error);
}

enum cn_code cn_endpoint_read_number(struct cn_exchange *exchange, const char *name, uint64_t least,
                                     uint64_t most, uint64_t *value, struct cn_error *error) {
    struct cn_query query;
    struct cn_query_pair pair;
    bool seen = false;
    cn_query_init(&query, exchange->query, &exchange->arena);
    for (;;) {
        CN_TRY(cn_query_next(&query, &pair, error));
        if (!pair.found)
            return CN_OK;
        if (!cn_str_is(pair.name, name))
            return cn_query_unknown(&pair, name, error);
        if (seen) {
            cn_error_set_parameter(error, pair.name);
            return cn_error_set(error, CN_INVALID_PARAMETER, "The parameter %s is given twice.",
                                name);
        }
        seen = true;
        CN_TRY(cn_query_number(&pair, least, most, value, error));
    }
}

void cn_endpoint_reply_json(struct cn_exchange *exchange, int status, struct cn_json_out *out) {
    if (cn_buf_add_char(out->buf, '\n') && out->ok) {
        cn_exchange_reply_text(exchange, status, CN_JSON_TYPE, cn_buf_str(out->buf));
    } else {
        cn_exchange_fail_memory(exchange);
    }
    cn_buf_release(out->buf);
}

bool cn_endpoint_has_tag(const char *header, const char *etag) {
    struct cn_str wanted = cn_str(etag + 1, strlen(etag) - 2);
    struct cn_media media = cn_media(cn_str_c(header));
    while (media.rest.len > 0) {
        struct cn_str tag;
        cn_media_blanks(&media);
        struct cn_media item = media;
        cn_media_skip_item(&media);
        if (cn_media_char(&item, '*'))
            return true;
        if (cn_media_char(&item, 'W'))
            cn_media_char(&item, '/');
        if (cn_media_quoted(&item, &tag) && cn_str_equal(tag, wanted))
            return true;
    }
    return false;
}

void cn_endpoint_fail_not_found(struct cn_exchange *exchange, const char *what) {
    struct cn_error error;
    cn_error_init(&error);
    cn_error_set(&error, CN_NOT_FOUND, "%s", what);
    cn_exchange_fail(exchange, &error, NULL);
}

void cn_endpoint_prepare_events(struct cn_exchange *exchange,
                                ssize_t (*stream)(struct cn_exchange *exchange, char *out,
                                                  size_t max)) {
    exchange->reply.status = 200;
    exchange->reply.content_type = "text/event-stream; charset=utf-8";
    exchange->reply.stream = stream;
    cn_reply_add_header(exchange, "X-Accel-Buffering", "no"); /* a proxy should not collect it */
}

#include "handlers/endpoint_reply.h"

#include "handlers/query.h"

enum cn_code cn_endpoint_open_plain(struct cn_exchange *exchange, struct cn_error *error) {
    return cn_query_none(exchange->query, &exchange->arena, error);
}

void cn_endpoint_reply_json(struct cn_exchange *exchange, int status, struct cn_json_out *out) {
    if (cn_buf_add_char(out->buf, '\n') && out->ok) {
        cn_exchange_reply_text(exchange, status, CN_JSON_TYPE, cn_buf_str(out->buf));
    } else {
        struct cn_error error;
        cn_error_init(&error);
        cn_error_memory(&error);
        cn_exchange_fail(exchange, &error, NULL);
    }
    cn_buf_release(out->buf);
}

void cn_endpoint_fail_not_found(struct cn_exchange *exchange, const char *what) {
    struct cn_error error;
    cn_error_init(&error);
    cn_error_set(&error, CN_NOT_FOUND, "%s", what);
    cn_exchange_fail(exchange, &error, NULL);
}

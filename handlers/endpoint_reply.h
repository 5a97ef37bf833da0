/*
 * endpoint_reply.h: what the endpoints that answer with a small document have in common.
 */
#ifndef CN_HANDLERS_ENDPOINT_REPLY_H
#define CN_HANDLERS_ENDPOINT_REPLY_H

#include "handlers/exchange.h"
#include "handlers/json_out.h"

#define CN_JSON_TYPE "application/json; charset=utf-8"

/* An `open` for endpoints that take no parameters. */
enum cn_code cn_endpoint_open_plain(struct cn_exchange *exchange, struct cn_error *error);

/* For endpoints with one parameter, `name`, a number from `least` to `most`; *value is left alone
 * where it is absent. */
enum cn_code cn_endpoint_read_number(struct cn_exchange *exchange, const char *name, uint64_t least,
                                     uint64_t most, uint64_t *value, struct cn_error *error);

/* Ends the line and replies with what `out` wrote to its buffer, which is released; without memory
 * with CN_OVERLOADED. */
void cn_endpoint_reply_json(struct cn_exchange *exchange, int status, struct cn_json_out *out);

/* Makes the reply a stream of server-sent events that `stream` writes; to be sent by the caller. */
void cn_endpoint_prepare_events(struct cn_exchange *exchange,
                                ssize_t (*stream)(struct cn_exchange *exchange, char *out,
                                                  size_t max));

/* Whether If-None-Match has the tag (given with its quotes). Compared weakly, as RFC 9110 (13.1.2)
 * wants: what a proxy made a weak tag of matches too. */
bool cn_endpoint_has_tag(const char *header, const char *etag);

/* Replies with CN_NOT_FOUND. */
void cn_endpoint_fail_not_found(struct cn_exchange *exchange, const char *what);

#endif

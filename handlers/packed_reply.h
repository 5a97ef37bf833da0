/*
 * packed_reply.h: replies that leave packed, for clients that said so (Accept-Encoding).
 *
 * Text is packed, from CN_PACK_LEAST_BYTES on: less is not worth it. Up to CN_PACK_WHOLE_BYTES it
 * is packed at once and has a length; a larger reply is packed while it is sent, a little for each
 * block that the client takes, so that no thread is held up by it, and is chunked. What breaks off
 * breaks off packed, too: neither the last chunk nor the end of the packed data is sent.
 *
 * Left alone are streams that last (events must arrive at once), what is packed already, and large
 * replies to HTTP/1.0, which has no chunks.
 */
#ifndef CN_HANDLERS_PACKED_REPLY_H
#define CN_HANDLERS_PACKED_REPLY_H

#include "handlers/exchange.h"

#define CN_PACK_LEAST_BYTES ((size_t)1024)
#define CN_PACK_WHOLE_BYTES ((size_t)64 << 10)

/* By the Accept-Encoding header: sets exchange->accepts and plain_refused. CN_NOT_ACCEPTABLE. */
enum cn_code cn_packed_reply_accept(struct cn_exchange *exchange, const char *accept_encoding,
                                    struct cn_error *error);

/* The reply is complete and will be sent: changes its body and headers if it is to be packed.
 * Without the memory for that it stays as it is. */
void cn_packed_reply_begin(struct cn_exchange *exchange);

/* When it was sent. */
void cn_packed_reply_release(struct cn_exchange *exchange);

#endif

/*
 * reserve.h: what an exchange may take of the memory for all requests (--memory-bytes,
 * base/budget.h).
 *
 * A request is let in when there is room for what its body will probably come to: CN_RESERVE_LEAST;
 * the body, or of JSON, whose columns are made of it, twice that; a reply of four times the body,
 * but no more than --buffer-bytes, beyond which it streams; and twice the body, but no more than 24
 * MiB, for what tasks have under way. That is more than most come to: who is let in shall get to
 * its end. Of a body that is kept on disk where it is larger (spool.h) only --buffer-bytes count. A
 * body of unknown length is reserved for as it arrives, a reply that outgrows the estimate as it
 * grows. What one request alone could not get is reserved up to all there is.
 *
 * Where even that was too little the pool of blocks denies memory (cn_error_memory()); and if
 * nobody else was there, the request will never fit, and is told so (cn_reserve_judge()).
 */
#ifndef CN_HANDLERS_RESERVE_H
#define CN_HANDLERS_RESERVE_H

#include "handlers/exchange.h"

/* Of each request with work: its connection's buffer, its arena, a first block. */
#define CN_RESERVE_LEAST (UINT64_C(256) << 10)

/* Reserves for a body of content_length bytes; of one that is unknown or absent the least.
 * CN_BODY_TOO_LARGE: it alone is more than there is; CN_OVERLOADED: not now. */
enum cn_code cn_reserve_begin(struct cn_exchange *exchange, struct cn_error *error);
/* The same for a body of unknown length, of which `received` bytes have come. */
enum cn_code cn_reserve_body(struct cn_exchange *exchange, uint64_t received,
                             struct cn_error *error);
/* It turned out that the body is JSON, which is read as a whole, so all of it comes to be in
 * memory, though that was not foreseen. Any thread. */
enum cn_code cn_reserve_whole(struct cn_exchange *exchange, struct cn_error *error);
/* The reply has grown to so many bytes. Any thread. */
enum cn_code cn_reserve_reply(struct cn_exchange *exchange, uint64_t reply_bytes,
                              struct cn_error *error);
/* `to` goes on with the work of `from`. */
void cn_reserve_move(struct cn_exchange *to, struct cn_exchange *from);
/* So many bytes stay reserved for the caller, who releases them. False: there is no room. */
bool cn_reserve_leave(struct cn_exchange *exchange, uint64_t bytes);
/* Gives everything back. */
void cn_reserve_end(struct cn_exchange *exchange);

/* An error that says that memory is short becomes CN_LIMIT_EXCEEDED if the exchange was alone. */
void cn_reserve_judge(const struct cn_exchange *exchange, struct cn_error *error);

#endif

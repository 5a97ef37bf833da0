/*
 * prefer.h: the request header Prefer (RFC 7240).
 */
#ifndef CN_HANDLERS_PREFER_H
#define CN_HANDLERS_PREFER_H

#include <stdbool.h>
#include <stdint.h>

struct cn_exchange;

struct cn_prefer {
    bool respond_async;
    bool has_wait;
    uint64_t wait_s; /* at most CN_PREFER_WAIT_MOST */
};

/* A day; whoever asks for more has that. */
#define CN_PREFER_WAIT_MOST UINT64_C(86400)

/* Reads a header (NULL: absent). Of a preference that stands there twice the first counts;
 * preferences and parameters that are not known, and values that make no sense, are ignored, as
 * the RFC wants. */
void cn_prefer_read(struct cn_prefer *prefer, const char *header);

/* How long the client will wait for the end, in nanoseconds; 0: not at all. */
int64_t cn_prefer_wait_ns(const struct cn_prefer *prefer);

/* Adds the header Preference-Applied to the reply: all that `prefer` has was done. */
void cn_prefer_add_applied(const struct cn_prefer *prefer, struct cn_exchange *exchange);

#endif

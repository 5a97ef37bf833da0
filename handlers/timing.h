/*
 * timing.h: pieces of the account of time, as JSON; the rest is in runs.h.
 */
#ifndef CN_HANDLERS_TIMING_H
#define CN_HANDLERS_TIMING_H

#include "base/clock.h"

struct cn_json_out;

/* The stages of a worker or a chunk, those that did not happen left out: {"parse": 12, ...}. */
void cn_timing_stages(struct cn_json_out *out, const char *key, const struct cn_spans *spans);

#endif

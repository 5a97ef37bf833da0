/*
 * runs_copy.h: a record and all that it points to, in one piece of memory. For runs.c.
 */
#ifndef CN_HANDLERS_RUNS_COPY_H
#define CN_HANDLERS_RUNS_COPY_H

#include "handlers/runs.h"

/* Bytes for `record` behind a head of `head` bytes; 0: the size overflows. */
size_t cn_run_copy_size(const struct cn_run_record *record, size_t head);
/* Fills `copy`; what it points to is laid out at `base` behind the head. */
void cn_run_copy_fill(struct cn_run_record *copy, const struct cn_run_record *record, char *base,
                      size_t head);
/* A copy with the same version; NULL: no memory. free() it. */
struct cn_run_copy *cn_run_copy_new(const struct cn_run_copy *from);

#endif

/*
 * executor_kind.h: the executors by their kind, as requests name them.
 */
#ifndef CN_HANDLERS_EXECUTOR_KIND_H
#define CN_HANDLERS_EXECUTOR_KIND_H

#include <stdbool.h>

enum cn_executor_kind {
    CN_EXECUTOR_AUTO,
    CN_EXECUTOR_SERIAL,
    CN_EXECUTOR_THREADS,
    CN_EXECUTOR_PROCESSES,
    CN_EXECUTOR_GIL,
    CN_EXECUTOR_DASK, /* only where a scheduler is set */
    CN_EXECUTOR_KIND_COUNT
};
const char *cn_executor_kind_name(enum cn_executor_kind kind);
/* Whether it imitates another system, and must be labelled so wherever it is shown. */
bool cn_executor_kind_emulates(enum cn_executor_kind kind);

#endif

/*
 * limits.h: what the settings mean for the limits that endpoints check.
 */
#ifndef CN_SERVER_LIMITS_H
#define CN_SERVER_LIMITS_H

#include "handlers/service.h"
#include "server/settings.h"

/* memory_bytes of the settings is known (not 0). */
struct cn_service_limits cn_limits_of(const struct cn_settings *settings);

/* So many bytes, or a part of the memory if that is less: no single thing may take all of it. */
uint64_t cn_part_of_memory(const struct cn_settings *settings, uint64_t bytes);

#endif

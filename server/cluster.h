/*
 * cluster.h: the executor `dask`, from the settings.
 */
#ifndef CN_SERVER_CLUSTER_H
#define CN_SERVER_CLUSTER_H

#include "handlers/service.h"
#include "server/settings.h"

/* CN_INVALID_PARAMETER: the address of the scheduler, or what belongs to it, is wrong. */
enum cn_code cn_cluster_check(const struct cn_settings *settings, struct cn_error *error);

/* Starts the executor if a scheduler is set; whether that is there shows later. */
enum cn_code cn_cluster_start(struct cn_service *service, const struct cn_settings *settings,
                              const struct cn_registry *registry, struct cn_error *error);

#endif

/*
 * executors.h: the executors and the fork server behind one of them, from the settings: what is
 * wrong with those, the start in two steps, and the end.
 *
 * The fork server comes first, before any thread and any secret but the keys; the executors when
 * the service has what their tasks use. At the end the executors have a second together for what
 * they still run, and go before the fork server.
 */
#ifndef CN_SERVER_EXECUTORS_H
#define CN_SERVER_EXECUTORS_H

#include "handlers/service.h"
#include "pool/forkserver.h"
#include "server/settings.h"

/* Owned by whoever starts them, and never moved: the executors refer to it. All zero: none. */
struct cn_executors {
    struct cn_registry registry;
    struct cn_confinement confinement; /* of worker processes */
    struct cn_forkserver *forkserver;
};

/* CN_INVALID_PARAMETER: what the settings say of confinement or of the Dask cluster is wrong.
 * Unless confinement is off nobody can look into this process afterwards. */
enum cn_code cn_executors_check(struct cn_executors *executors, const struct cn_settings *settings,
                                struct cn_error *error);

/* `settings` have the size of the memory by now; `keys` are kept, not copied. Says on stderr what
 * confinement the system lacks. */
enum cn_code cn_executors_fork(struct cn_executors *executors, struct cn_service *service,
                               const struct cn_settings *settings, const struct cn_keyring *keys,
                               struct cn_error *error);

/* All that there are to be, into service->executors; `dask` only if a scheduler is set. After an
 * error there may be some: cn_executors_stop() ends them too. */
enum cn_code cn_executors_start(struct cn_executors *executors, struct cn_service *service,
                                const struct cn_settings *settings, struct cn_error *error);

/* After whatever submits tasks; however far the start came. */
void cn_executors_stop(struct cn_executors *executors, struct cn_service *service);

#endif

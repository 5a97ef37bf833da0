#include "server/executors.h"

#include <stdio.h>
#include <sys/prctl.h>

#include "handlers/kinds.h"
#include "server/cluster.h"

enum { MAX_QUEUED_TASKS = 1 << 16 };
#define LEAST_MEMORY ((uint64_t)16 << 20)
#define STOP_NS CN_NS_PER_SECOND

/* ---- the fork server ------------------------------------------------------------------------- */

enum cn_code cn_executors_check(struct cn_executors *executors, const struct cn_settings *settings,
                                struct cn_error *error) {
    if (!cn_isolation_parse(&executors->confinement.level, settings->isolation))
        return cn_error_set(error, CN_INVALID_PARAMETER,
                            "--isolation is '%s'; expected available, required or off",
                            settings->isolation);
    if (settings->worker_memory_bytes != 0 && settings->worker_memory_bytes < LEAST_MEMORY)
        return cn_error_set(
            error, CN_INVALID_PARAMETER,
            "--worker-memory-bytes is less than 16MiB, which is what a worker process "
            "needs before it does anything");
    CN_TRY(cn_cluster_check(settings, error));
    if (executors->confinement.level != CN_ISOLATION_OFF)
        prctl(PR_SET_DUMPABLE, 0); /* before there are secrets: nobody looks into them */
    return CN_OK;
}

static void say_what_is_not_confined(enum cn_isolation_level level,
                                     const struct cn_isolation *isolation) {
    if (level == CN_ISOLATION_OFF)
        fprintf(stderr, "colonnade: worker processes are not confined (--isolation off)\n");
    else if (!isolation->seccomp || isolation->landlock == 0)
        fprintf(stderr,
                "colonnade: worker processes are not fully confined: this system has no %s\n",
                isolation->seccomp        ? "Landlock"
                : isolation->landlock > 0 ? "seccomp filters"
                                          : "seccomp filters and no Landlock");
}

enum cn_code cn_executors_fork(struct cn_executors *executors, struct cn_service *service,
                               const struct cn_settings *settings, const struct cn_keyring *keys,
                               struct cn_error *error) {
    uint64_t memory =
        settings->worker_memory_bytes ? settings->worker_memory_bytes : settings->memory_bytes;
    executors->confinement.memory_bytes = memory;
    executors->confinement.output_bytes = memory;
    cn_registry_init(&executors->registry, keys);
    struct cn_forkserver_settings forkserver = {.context = cn_kinds_context(keys),
                                                .confinement = executors->confinement};
    CN_TRY(cn_forkserver_start(&executors->forkserver, &forkserver, error));
    struct cn_isolation isolation = cn_forkserver_state(executors->forkserver).isolation;
    service->forkserver = executors->forkserver;
    say_what_is_not_confined(executors->confinement.level, &isolation);
    return CN_OK;
}

/* ---- the executors --------------------------------------------------------------------------- */

enum cn_code cn_executors_start(struct cn_executors *executors, struct cn_service *service,
                                const struct cn_settings *settings, struct cn_error *error) {
    size_t usable = (size_t)service->cpus.usable;
    struct cn_executor_settings pool = {.registry = &executors->registry,
                                        .max_queued = MAX_QUEUED_TASKS};
    pool.max_workers = settings->max_workers;
    pool.workers = usable < pool.max_workers ? usable : pool.max_workers;
    CN_TRY(cn_serial_new(&service->executors[CN_EXECUTOR_SERIAL], &pool, error));
    if (settings->threads)
        pool.workers = settings->threads;
    pool.max_workers = settings->max_workers > pool.workers ? settings->max_workers : pool.workers;
    CN_TRY(cn_threads_new(&service->executors[CN_EXECUTOR_THREADS], &pool, error));
    CN_TRY(cn_gil_new(&service->executors[CN_EXECUTOR_GIL], &pool, 0, error));
    pool.workers = settings->processes ? settings->processes : usable;
    pool.max_workers = settings->max_workers > pool.workers ? settings->max_workers : pool.workers;
    CN_TRY(cn_processes_new(&service->executors[CN_EXECUTOR_PROCESSES], executors->forkserver,
                            &pool, error));
    return cn_cluster_start(service, settings, &executors->registry, error);
}

void cn_executors_stop(struct cn_executors *executors, struct cn_service *service) {
    int64_t soon = cn_clock_now() + STOP_NS;
    for (int kind = 0; kind < CN_EXECUTOR_KIND_COUNT; kind++)
        if (service->executors[kind])
            service->executors[kind]->ops->drain(service->executors[kind], soon);
    for (int kind = 0; kind < CN_EXECUTOR_KIND_COUNT; kind++)
        if (service->executors[kind])
            service->executors[kind]->ops->destroy(service->executors[kind]);
    cn_forkserver_stop(executors->forkserver);
}

#include "server/cluster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "handlers/identity.h"
#include "pool/dask.h"
#include "pool/dask_program.h"
#include "pool/pipe_worker.h"
#include "server/version.h"

#define FIRST_WORKERS 4 /* tasks under way before a group asks for more; a thread each */
#define MOST_QUEUED (1 << 16)

static bool begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

/* A name, an IPv4 address, or an IPv6 address in brackets, which may name a link behind a %. */
static bool is_host(const char *host, size_t len) {
    static const char plain[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.";
    static const char in_brackets[] = "0123456789abcdefABCDEF:.";
    if (len == 0 || host[0] != '[')
        return len > 0 && strspn(host, plain) == len;
    size_t address = 1 + strspn(host + 1, in_brackets);
    if (host[address] == '%')
        address += 1 + strspn(host + address + 1, plain);
    return memchr(host, ':', address) && host[address] == ']' && address + 1 == len;
}

/* As tcp://HOST:PORT. */
static bool is_address(const char *address) {
    if (!begins(address, "tcp://") && !begins(address, "tls://"))
        return false;
    const char *host = address + strlen("tcp://");
    const char *colon = strrchr(host, ':');
    if (!colon || !is_host(host, (size_t)(colon - host)))
        return false;
    size_t digits = strspn(colon + 1, "0123456789");
    long port = digits <= 5 ? strtol(colon + 1, NULL, 10) : 0;
    return colon[1 + digits] == '\0' && port >= 1 && port <= 65535;
}

/* Dask reads them, each time that it connects. */
static enum cn_code check_file(const char *flag, const char *path, struct cn_error *error) {
    if (access(path, R_OK) != 0)
        return cn_error_set(error, CN_INVALID_PARAMETER, "%s %s: %s", flag, path, strerror(errno));
    return CN_OK;
}

static enum cn_code check_tls(const struct cn_settings *settings, struct cn_error *error) {
    const char *address = settings->dask_scheduler;
    bool any = settings->dask_tls_ca || settings->dask_tls_cert || settings->dask_tls_key;
    bool all = settings->dask_tls_ca && settings->dask_tls_cert && settings->dask_tls_key;
    if (any != all || all != (address && begins(address, "tls://")))
        return cn_error_set(error, CN_INVALID_PARAMETER,
                            "--dask-tls-ca, --dask-tls-cert and --dask-tls-key belong together, "
                            "and to a --dask-scheduler at tls://HOST:PORT");
    if (!all)
        return CN_OK;
    CN_TRY(check_file("--dask-tls-ca", settings->dask_tls_ca, error));
    CN_TRY(check_file("--dask-tls-cert", settings->dask_tls_cert, error));
    return check_file("--dask-tls-key", settings->dask_tls_key, error);
}

enum cn_code cn_cluster_check(const struct cn_settings *settings, struct cn_error *error) {
    const char *address = settings->dask_scheduler;
    if (address && (!is_address(address) || strlen(address) > CN_DASK_MOST_ADDRESS))
        return cn_error_set(error, CN_INVALID_PARAMETER,
                            "--dask-scheduler is '%s'; expected an address like tcp://HOST:8786 "
                            "or tls://HOST:8786",
                            address);
    return check_tls(settings, error);
}

enum cn_code cn_cluster_start(struct cn_service *service, const struct cn_settings *settings,
                              const struct cn_registry *registry, struct cn_error *error) {
    char identity[CN_PIPE_IDENTITY];
    struct cn_executor_settings pool = {.registry = registry,
                                        .workers = FIRST_WORKERS,
                                        .max_workers = settings->max_workers,
                                        .max_queued = MOST_QUEUED};
    struct cn_dask_settings dask = {.scheduler = settings->dask_scheduler,
                                    .python = settings->dask_python,
                                    .program = cn_dask_program(),
                                    .tls_ca = settings->dask_tls_ca,
                                    .tls_cert = settings->dask_tls_cert,
                                    .tls_key = settings->dask_tls_key,
                                    .retries = (uint32_t)settings->dask_retries,
                                    .identity = identity};
    if (!settings->dask_scheduler)
        return CN_OK;
    if (pool.max_workers < pool.workers)
        pool.workers = pool.max_workers;
    /* The workers' machines have memory of their own: what this one has says nothing about it. */
    (void)cn_isolation_parse(&dask.confinement.level, settings->isolation);
    dask.confinement.memory_bytes = settings->worker_memory_bytes;
    dask.confinement.output_bytes =
        settings->worker_memory_bytes ? settings->worker_memory_bytes : settings->memory_bytes;
    CN_TRY(cn_identity_make(identity, CN_VERSION, error));
    return cn_dask_new(&service->executors[CN_EXECUTOR_DASK], &dask, &pool, error);
}

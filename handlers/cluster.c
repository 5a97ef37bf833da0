#include "handlers/cluster.h"

#include "handlers/service.h"

bool cn_cluster_read(const struct cn_service *service, struct cn_cluster *cluster) {
    *cluster = (struct cn_cluster){0};
    if (!service->executors[CN_EXECUTOR_DASK])
        return false;
    if (service->cluster.read)
        service->cluster.read(service->cluster.context, cluster);
    return true;
}

static enum cn_code refuse(const char *parameter, const char *detail, struct cn_error *error) {
    cn_error_set_parameter(error, cn_str_c(parameter));
    cn_error_set_value(error, cn_str_c(cn_executor_kind_name(CN_EXECUTOR_DASK)));
    return cn_error_set(error, CN_INVALID_PARAMETER, "%s", detail);
}

enum cn_code cn_executor_available(const struct cn_service *service, enum cn_executor_kind kind,
                                   const char *parameter, struct cn_error *error) {
    if (kind != CN_EXECUTOR_DASK || service->executors[CN_EXECUTOR_DASK])
        return CN_OK;
    return refuse(parameter,
                  "this server has no Dask cluster to send work to; start it with "
                  "--dask-scheduler tcp://HOST:8786",
                  error);
}

enum cn_code cn_executor_may_have_keys(enum cn_executor_kind kind, const char *parameter,
                                       struct cn_error *error) {
    if (kind != CN_EXECUTOR_DASK)
        return CN_OK;
    return refuse(parameter,
                  "the expressions use a key, and keys do not leave the server, so they cannot be "
                  "computed by dask; every other executor can",
                  error);
}

size_t cn_cluster_width(const struct cn_cluster *cluster, uint64_t most) {
    uint64_t width = cluster->threads > 1 ? 2 * (uint64_t)cluster->threads : 2;

    return (size_t)(width < most ? width : most);
}

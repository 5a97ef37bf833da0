#include "pool/bridge_workers.h"

#include <stdlib.h>

#define MOST_HOSTS 4096 /* names; more share one */
#define MOST_THREADS 65536

void cn_bridge_workers_release(struct cn_bridge_workers *workers) {
    for (size_t i = 0; i < workers->n_hosts; i++)
        free(workers->hosts[i]);
    free(workers->hosts);
    free(workers->list);
    *workers = (struct cn_bridge_workers){0};
}

/* The name for good. */
static const char *keep_host(struct cn_bridge_workers *workers, const char *name) {
    for (size_t i = 0; i < workers->n_hosts; i++)
        if (strcmp(workers->hosts[i], name) == 0)
            return workers->hosts[i];
    if (workers->n_hosts >= MOST_HOSTS)
        return "another host";
    if (workers->n_hosts == workers->cap_hosts) {
        size_t cap = workers->cap_hosts ? workers->cap_hosts * 2 : 8;
        char **hosts = reallocarray(workers->hosts, cap, sizeof(*hosts));
        if (!hosts)
            return NULL;
        workers->hosts = hosts;
        workers->cap_hosts = cap;
    }
    char *copy = strdup(name);
    if (copy)
        workers->hosts[workers->n_hosts++] = copy;
    return copy;
}

static struct cn_cluster_worker *find_address(struct cn_bridge_workers *workers,
                                              const char *address) {
    for (size_t i = 0; i < workers->n; i++)
        if (strcmp(workers->list[i].facts.address, address) == 0)
            return &workers->list[i];
    return NULL;
}

/* A place for one more: a new one, or that of whoever is gone for longest. */
static struct cn_cluster_worker *make_place(struct cn_bridge_workers *workers) {
    if (workers->n < CN_CLUSTER_WORKERS) {
        if (workers->n == workers->cap) {
            size_t cap = workers->cap ? workers->cap * 2 : 8;
            struct cn_cluster_worker *list = reallocarray(workers->list, cap, sizeof(*list));
            if (!list)
                return NULL;
            workers->list = list;
            workers->cap = cap;
        }
        struct cn_cluster_worker *worker = &workers->list[workers->n];
        *worker = (struct cn_cluster_worker){.facts = {.worker = (int)workers->n}};
        workers->n++;
        return worker;
    }
    struct cn_cluster_worker *oldest = NULL;
    for (size_t i = 0; i < workers->n; i++)
        if (workers->list[i].last_seen < workers->reports &&
            (!oldest || workers->list[i].last_seen < oldest->last_seen))
            oldest = &workers->list[i];
    if (oldest)
        *oldest = (struct cn_cluster_worker){.facts = {.worker = oldest->facts.worker}};
    return oldest;
}

static void copy_text(char *out, const char *from, size_t size) {
    memcpy(out, from, size);
    out[size - 1] = '\0';
}

/* True: it can be used now and could not before, or the other way round. */
static bool take_over(struct cn_bridge_workers *workers, const struct cn_bridge_worker *report) {
    char address[sizeof(report->address)];
    char host[sizeof(report->host)];
    copy_text(address, report->address, sizeof(address));
    copy_text(host, report->host, sizeof(host));
    const char *kept = keep_host(workers, host);
    struct cn_cluster_worker *worker = kept ? find_address(workers, address) : NULL;
    if (kept && !worker)
        worker = make_place(workers);
    if (!worker)
        return false;
    struct cn_dask_worker *facts = &worker->facts;
    bool was = facts->present && facts->usable;
    uint32_t threads = report->threads < MOST_THREADS ? report->threads : MOST_THREADS;
    bool changed = was != (report->usable != 0) || (was && facts->threads != threads);
    worker->host = kept;
    worker->index = report->index;
    worker->last_seen = workers->reports;
    facts->present = true;
    facts->usable = report->usable != 0;
    facts->threads = threads;
    facts->memory_bytes = report->memory_bytes;
    memcpy(facts->address, address, sizeof(address));
    memcpy(facts->host, host, sizeof(host));
    copy_text(facts->name, report->name, sizeof(facts->name));
    copy_text(facts->problem, report->problem, sizeof(facts->problem));
    return changed;
}

/* Those that the last report did not have are gone, and with them what was to be repaired. */
static bool drop_missing(struct cn_bridge_workers *workers) {
    bool changed = false;
    for (size_t i = 0; i < workers->n; i++) {
        struct cn_cluster_worker *worker = &workers->list[i];
        if (worker->last_seen == workers->reports || !worker->facts.present)
            continue;
        changed = changed || worker->facts.usable;
        worker->facts.present = false;
        worker->facts.usable = false;
        worker->facts.problem[0] = '\0';
    }
    return changed;
}

bool cn_bridge_workers_update(struct cn_bridge_workers *workers, const char *report, size_t n) {
    bool changed = false;
    workers->reports++;
    for (size_t i = 0; i < n; i++) {
        struct cn_bridge_worker one;
        memcpy(&one, report + i * sizeof(one), sizeof(one));
        changed = take_over(workers, &one) || changed;
    }
    return drop_missing(workers) || changed;
}

bool cn_bridge_workers_clear(struct cn_bridge_workers *workers) {
    workers->reports++;
    return drop_missing(workers);
}

struct cn_cluster_worker *cn_bridge_workers_find(struct cn_bridge_workers *workers,
                                                 uint32_t index) {
    struct cn_cluster_worker *found = NULL;
    for (size_t i = 0; i < workers->n; i++) {
        struct cn_cluster_worker *worker = &workers->list[i];
        if (worker->index == index && worker->last_seen > 0 &&
            (!found || worker->last_seen > found->last_seen))
            found = worker; /* one that just left may still answer */
    }
    return found;
}

size_t cn_bridge_workers_usable(const struct cn_bridge_workers *workers, size_t *threads) {
    size_t n = 0;
    *threads = 0;
    for (size_t i = 0; i < workers->n; i++)
        if (workers->list[i].facts.present && workers->list[i].facts.usable) {
            n++;
            *threads += workers->list[i].facts.threads;
        }
    return n;
}

size_t cn_bridge_workers_list(const struct cn_bridge_workers *workers, struct cn_dask_worker *list,
                              size_t max) {
    size_t n = 0;
    for (int present = 1; present >= 0; present--)
        for (size_t i = 0; i < workers->n && n < max; i++)
            if (workers->list[i].facts.present == (present != 0))
                list[n++] = workers->list[i].facts;
    return workers->n;
}

void cn_bridge_workers_problem(const struct cn_bridge_workers *workers, char *out, size_t size) {
    snprintf(out, size, "the cluster has no workers");
    for (size_t i = 0; i < workers->n; i++) {
        const struct cn_dask_worker *facts = &workers->list[i].facts;
        if (!facts->present || facts->usable)
            continue;
        snprintf(out, size, "worker %s: %s", facts->address,
                 facts->problem[0] ? facts->problem : "not looked at yet");
        return;
    }
}

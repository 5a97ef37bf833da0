#include "pool/cpus.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cgroup.h"

#define MOST_CPUS (1 << 20)

/* ---- text ----------------------------------------------------------------------------------- */

/* A decimal integer at *text, which is moved behind it. Spaces before it are skipped. */
static bool read_integer(const char **text, int64_t *value) {
    char *end;
    errno = 0;
    long long number = strtoll(*text, &end, 10);
    if (end == *text || errno != 0)
        return false;
    *text = end;
    *value = number;
    return true;
}

bool cn_cpus_parse_max(const char *text, double *cpus) {
    int64_t quota;
    int64_t period = 100000;
    *cpus = 0;
    if (strncmp(text, "max", 3) == 0)
        return true;
    if (!read_integer(&text, &quota) || quota <= 0)
        return false;
    if (*text == ' ' && (!read_integer(&text, &period) || period <= 0))
        return false;
    *cpus = (double)quota / (double)period;
    return true;
}

/* ---- control groups ------------------------------------------------------------------------- */

/* The quota of one group: cpu.max of version 2, or the two files of version 1. */
static double quota_at(const char *folder) {
    char text[CN_CGROUP_TEXT];
    double cpus = 0;
    int64_t quota;
    int64_t period;
    if (cn_cgroup_text(folder, "cpu.max", text) && cn_cpus_parse_max(text, &cpus))
        return cpus;
    if (!cn_cgroup_text(folder, "cpu.cfs_quota_us", text))
        return 0;
    const char *at = text;
    if (!read_integer(&at, &quota) || quota <= 0 ||
        !cn_cgroup_text(folder, "cpu.cfs_period_us", text))
        return 0;
    at = text;
    return read_integer(&at, &period) && period > 0 ? (double)quota / (double)period : 0;
}

static void lower(const char *folder, void *context) {
    double *quota = context;
    double cpus = quota_at(folder);
    if (cpus > 0 && (*quota == 0 || cpus < *quota))
        *quota = cpus;
}

double cn_cpus_quota(const char *root) {
    double quota = 0;
    cn_cgroup_walk(root, "cpu", lower, &quota);
    return quota;
}

/* ---- the model ------------------------------------------------------------------------------- */

/* What stands behind `name` and a colon at the start of a line; NULL: nothing does. */
static const char *find_value(const char *text, const char *name) {
    size_t len = strlen(name);
    while (text) {
        const char *at = strncmp(text, name, len) == 0 ? text + len : NULL;
        while (at && (*at == ' ' || *at == '\t'))
            at++;
        if (at && *at == ':')
            return at + 1;
        text = strchr(text, '\n');
        text = text ? text + 1 : NULL;
    }
    return NULL;
}

void cn_cpus_model(const char *root, char *model, size_t size) {
    char text[CN_CGROUP_TEXT];
    const char *value = NULL;
    size_t len = 0;
    if (cn_cgroup_text(root, "proc/cpuinfo", text))
        value = find_value(text, "model name");
    for (; value && *value && *value != '\n' && len < size - 1; value++) {
        bool blank = *value <= ' ' || *value > '~';
        if (!blank)
            model[len++] = *value;
        else if (len > 0 && model[len - 1] != ' ')
            model[len++] = ' ';
    }
    while (len > 0 && model[len - 1] == ' ')
        len--;
    model[len] = '\0';
    if (len == 0)
        snprintf(model, size, "unknown");
}

/* ---- the machine ----------------------------------------------------------------------------- */

/* The mask of the kernel may be wider than cpu_set_t; 0: unknown. */
static int count_affinity(void) {
    for (size_t most = 1024; most <= MOST_CPUS; most *= 4) {
        size_t size = CPU_ALLOC_SIZE(most);
        cpu_set_t *set = CPU_ALLOC(most);
        if (!set)
            return 0;
        int failed = sched_getaffinity(0, size, set) == 0 ? 0 : errno;
        int count = failed ? 0 : CPU_COUNT_S(size, set);
        CPU_FREE(set);
        if (failed != EINVAL)
            return count;
    }
    return 0;
}

int cn_cpus_usable(int affinity, double quota) {
    int usable = affinity > 0 ? affinity : 1;
    if (quota > 0 && quota < (double)usable) {
        int whole = (int)quota;
        usable = (double)whole < quota ? whole + 1 : whole;
    }
    return usable > 0 ? usable : 1;
}

void cn_cpus_read(struct cn_cpus *cpus) {
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    cpus->online = online > 0 && online <= MOST_CPUS ? (int)online : 1;
    cpus->affinity = count_affinity();
    if (cpus->affinity <= 0)
        cpus->affinity = cpus->online;
    cpus->quota = cn_cpus_quota("");
    cpus->usable = cn_cpus_usable(cpus->affinity, cpus->quota);
    cn_cpus_model("", cpus->model, sizeof cpus->model);
}

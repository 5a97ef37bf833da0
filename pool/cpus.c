#include "pool/cpus.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#define PATH_SIZE 4096
#define TEXT_SIZE 8192
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

/* Reads a whole small file as text; false: there is none. */
static bool read_text(const char *path, char text[TEXT_SIZE]) {
    size_t len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    while (len < TEXT_SIZE - 1) {
        ssize_t got = read(fd, text + len, TEXT_SIZE - 1 - len);
        if (got <= 0)
            break;
        len += (size_t)got;
    }
    close(fd);
    text[len] = '\0';
    return len > 0;
}

/* ---- control groups ------------------------------------------------------------------------- */

static void lower(double *quota, double cpus) {
    if (cpus > 0 && (*quota == 0 || cpus < *quota))
        *quota = cpus;
}

/* The quota of one group: cpu.max of version 2, or the two files of version 1. */
static double quota_at(const char *folder) {
    char path[PATH_SIZE];
    char text[TEXT_SIZE];
    double cpus = 0;
    int64_t quota;
    int64_t period;
    if (snprintf(path, sizeof(path), "%s/cpu.max", folder) < PATH_SIZE && read_text(path, text) &&
        cn_cpus_parse_max(text, &cpus))
        return cpus;
    if (snprintf(path, sizeof(path), "%s/cpu.cfs_quota_us", folder) >= PATH_SIZE ||
        !read_text(path, text))
        return 0;
    const char *at = text;
    if (!read_integer(&at, &quota) || quota <= 0)
        return 0;
    if (snprintf(path, sizeof(path), "%s/cpu.cfs_period_us", folder) >= PATH_SIZE ||
        !read_text(path, text))
        return 0;
    at = text;
    return read_integer(&at, &period) && period > 0 ? (double)quota / (double)period : 0;
}

/* The smallest quota from a group up to the mount it lies in. Groups that are not there are
 * passed over: in a container the path may be the host's, while the mount is the group itself. */
static double quota_upwards(const char *mount, const char *group) {
    char folder[PATH_SIZE];
    double quota = 0;
    size_t floor = strlen(mount);
    int size = snprintf(folder, sizeof(folder), "%s%s", mount, group);
    if (size < 0 || size >= PATH_SIZE)
        return 0;
    for (;;) {
        lower(&quota, quota_at(folder));
        char *slash = strrchr(folder, '/');
        if (!slash || (size_t)(slash - folder) < floor)
            return quota;
        *slash = '\0';
    }
}

/* Whether a v1 line's list of controllers ("cpu,cpuacct") has `cpu`. */
static bool has_cpu(const char *list) {
    size_t len;
    for (; *list; list += len + (list[len] == ',')) {
        len = strcspn(list, ",");
        if (len == 3 && memcmp(list, "cpu", 3) == 0)
            return true;
    }
    return false;
}

/* One line of /proc/self/cgroup: "ID:CONTROLLERS:PATH". */
static void read_line(const char *root, char *line, double *quota) {
    static const char *const mounts_v2[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    static const char *const mounts_v1[] = {"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"};
    char *list = strchr(line, ':');
    char *group = list ? strchr(list + 1, ':') : NULL;
    if (!group)
        return;
    *group++ = '\0';
    list++;
    if (*list != '\0' && !has_cpu(list))
        return;
    const char *const *mounts = *list == '\0' ? mounts_v2 : mounts_v1;
    if (strcmp(group, "/") == 0)
        group = "";
    for (int i = 0; i < 2; i++) {
        char mount[PATH_SIZE];
        if (snprintf(mount, sizeof(mount), "%s%s", root, mounts[i]) < PATH_SIZE)
            lower(quota, quota_upwards(mount, group));
    }
}

double cn_cpus_quota(const char *root) {
    char path[PATH_SIZE];
    char text[TEXT_SIZE];
    double quota = 0;
    if (snprintf(path, sizeof(path), "%s/proc/self/cgroup", root) >= PATH_SIZE ||
        !read_text(path, text))
        return 0;
    char *line = text;
    while (line && *line) {
        char *end = strchr(line, '\n');
        if (end)
            *end = '\0';
        read_line(root, line, &quota);
        line = end ? end + 1 : NULL;
    }
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
    char path[PATH_SIZE];
    char text[TEXT_SIZE];
    const char *value = NULL;
    size_t len = 0;
    if (snprintf(path, sizeof(path), "%s/proc/cpuinfo", root) < PATH_SIZE && read_text(path, text))
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

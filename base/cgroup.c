#include "base/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

bool cn_cgroup_text(const char *folder, const char *file, char text[CN_CGROUP_TEXT]) {
    char path[PATH_SIZE];
    size_t len = 0;
    if (snprintf(path, sizeof path, "%s/%s", folder, file) >= PATH_SIZE)
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    while (len < CN_CGROUP_TEXT - 1) {
        ssize_t got = read(fd, text + len, CN_CGROUP_TEXT - 1 - len);
        if (got <= 0)
            break;
        len += (size_t)got;
    }
    close(fd);
    text[len] = '\0';
    return len > 0;
}

/* ---- the groups ------------------------------------------------------------------------------ */

struct walk {
    const char *root;
    const char *controller;
    void (*visit)(const char *folder, void *context);
    void *context;
};

/* From a group up to the mount it lies in. */
static void walk_upwards(const struct walk *walk, const char *mount, const char *group) {
    char folder[PATH_SIZE];
    size_t floor = strlen(mount);
    int size = snprintf(folder, sizeof folder, "%s%s", mount, group);
    if (size < 0 || size >= PATH_SIZE)
        return;
    for (;;) {
        walk->visit(folder, walk->context);
        char *slash = strrchr(folder, '/');
        if (!slash || (size_t)(slash - folder) < floor)
            return;
        *slash = '\0';
    }
}

/* Whether a v1 line's list of controllers ("cpu,cpuacct") has this one. */
static bool has_controller(const char *list, const char *controller) {
    size_t len;
    for (; *list; list += len + (list[len] == ',')) {
        len = strcspn(list, ",");
        if (len == strlen(controller) && memcmp(list, controller, len) == 0)
            return true;
    }
    return false;
}

/* The hierarchy of a v1 line is mounted under its list of controllers, often with a link of the
 * controller's own name. */
static void walk_mounts(const struct walk *walk, const char *list, const char *group) {
    const char *names_v2[] = {"", "/unified"};
    const char *names_v1[] = {walk->controller, list};
    bool v2 = list[0] == '\0';
    char mount[PATH_SIZE];
    for (int i = 0; i < 2; i++) {
        const char *name = v2 ? names_v2[i] : names_v1[i];
        if (!v2 && i == 1 && strcmp(list, walk->controller) == 0)
            continue;
        if (snprintf(mount, sizeof mount, "%s/sys/fs/cgroup%s%s", walk->root, v2 ? "" : "/", name) <
            PATH_SIZE)
            walk_upwards(walk, mount, group);
    }
}

/* One line of /proc/self/cgroup: "ID:CONTROLLERS:PATH". */
static void walk_line(const struct walk *walk, char *line) {
    char *list = strchr(line, ':');
    char *group = list ? strchr(list + 1, ':') : NULL;
    if (!group)
        return;
    *group++ = '\0';
    list++;
    if (*list != '\0' && !has_controller(list, walk->controller))
        return;
    walk_mounts(walk, list, strcmp(group, "/") == 0 ? "" : group);
}

void cn_cgroup_walk(const char *root, const char *controller,
                    void (*visit)(const char *folder, void *context), void *context) {
    struct walk walk = {root, controller, visit, context};
    char text[CN_CGROUP_TEXT];
    if (!cn_cgroup_text(root, "proc/self/cgroup", text))
        return;
    for (char *line = text; line && *line;) {
        char *end = strchr(line, '\n');
        if (end)
            *end = '\0';
        walk_line(&walk, line);
        line = end ? end + 1 : NULL;
    }
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* A file's number lowers the limit; "max" and 0 are none. */
static void lower(uint64_t *limit, const char *folder, const char *file) {
    char text[CN_CGROUP_TEXT];
    char *end;
    if (!cn_cgroup_text(folder, file, text) || text[0] < '0' || text[0] > '9')
        return;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    bool whole = errno == 0 && (*end == '\0' || *end == '\n');
    if (whole && value > 0 && value < *limit)
        *limit = value;
}

static void lower_by_group(const char *folder, void *context) {
    lower(context, folder, "memory.max");
    lower(context, folder, "memory.high");
    lower(context, folder, "memory.limit_in_bytes");
}

uint64_t cn_cgroup_memory(const char *root) {
    uint64_t limit = UINT64_MAX;
    cn_cgroup_walk(root, "memory", lower_by_group, &limit);
    return limit;
}

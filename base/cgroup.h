/*
 * cgroup.h: the control groups that this process lies in, of version 2 and 1.
 *
 * A limit holds for a group and everything below it, so what counts is the smallest from the
 * process's own group up to the mount. In a container the path in /proc/self/cgroup may be the
 * host's, while the mount is the group itself: groups that are not there are passed over.
 */
#ifndef CN_BASE_CGROUP_H
#define CN_BASE_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CN_CGROUP_TEXT = 8192 };

/* Reads a small file below `folder` as text; false: there is none, or it is empty. */
bool cn_cgroup_text(const char *folder, const char *file, char text[CN_CGROUP_TEXT]);

/* Calls `visit` for the folder of each group that `controller` ("cpu", "memory") limits this
 * process by, from its own upwards, reading below `root` ("" is the real machine):
 * proc/self/cgroup and sys/fs/cgroup. A folder may not exist. */
void cn_cgroup_walk(const char *root, const char *controller,
                    void (*visit)(const char *folder, void *context), void *context);

/* The smallest limit on this process's memory in bytes, of its groups and all above them:
 * memory.max and memory.high of version 2 (past the second the kernel slows a group down rather
 * than end it, and a service that is slowed down has no use of the rest), memory.limit_in_bytes of
 * version 1. UINT64_MAX: none. */
uint64_t cn_cgroup_memory(const char *root);

#endif

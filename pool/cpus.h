/*
 * cpus.h: how the number of usable CPUs is found (private to this room; open for tests).
 */
#ifndef CN_POOL_CPUS_H
#define CN_POOL_CPUS_H

#include "pool/executor.h"

/* The text of a cgroup v2 cpu.max: "200000 100000" is 2 CPUs, "max 100000" none (0). False: it is
 * neither. */
bool cn_cpus_parse_max(const char *text, double *cpus);

/* The smallest quota of this process's control groups and all above them, v2 and v1, reading below
 * `root` ("" is the real machine): proc/self/cgroup and sys/fs/cgroup. 0: none. */
double cn_cpus_quota(const char *root);

/* The model's name of the first CPU that proc/cpuinfo below `root` tells of, printable ASCII, runs
 * of blanks as one; "unknown" where there is none. */
void cn_cpus_model(const char *root, char *model, size_t size);

/* Usable CPUs by affinity and quota, at least 1. */
int cn_cpus_usable(int affinity, double quota);

#endif

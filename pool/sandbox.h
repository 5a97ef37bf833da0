/*
 * sandbox.h: what the fork server and the workers give up before the first task (private to this
 * room).
 *
 * Both take no new privileges, have no capabilities, leave no core files, cannot be attached to,
 * and are confined by Landlock (no files, no network, no signals to others) and by seccomp: a list
 * of the system calls that computing needs; any other one kills the process (SIGSYS). The fork
 * server confines itself; each worker confines itself further, or does all of it where there is no
 * fork server (pipe_worker.h). Sources: prctl(2), seccomp(2),
 * landlock(7) and the kernel's userspace-api/landlock.rst.
 */
#ifndef CN_POOL_SANDBOX_H
#define CN_POOL_SANDBOX_H

#include "pool/forkserver.h"

/* Confines the fork server as far as the level says and the system can. On CN_ISOLATION_REQUIRED,
 * what the system cannot is CN_INTERNAL. *did says what was done. */
enum cn_code cn_sandbox_forkserver(const struct cn_confinement *wanted, struct cn_isolation *did,
                                   struct cn_error *error);

/* A part of it, for tests: no files, no network, no signals to others. The version of Landlock's
 * interface; 0: there is none. */
int cn_sandbox_landlock(void);

/* Confines a worker, a child of a fork server that did `did`; false: something of that failed, and
 * the worker must not serve. */
CN_NODISCARD bool cn_sandbox_worker(const struct cn_confinement *wanted,
                                    const struct cn_isolation *did);

/* Both at once, for a worker that no fork server forked. As cn_sandbox_forkserver, but the list of
 * calls is the worker's. */
enum cn_code cn_sandbox_pipe_worker(const struct cn_confinement *wanted, struct cn_isolation *did,
                                    struct cn_error *error);

#endif

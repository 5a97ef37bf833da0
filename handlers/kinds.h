/*
 * kinds.h: the registry of task kinds, the same in the server and in its worker processes.
 */
#ifndef CN_HANDLERS_KINDS_H
#define CN_HANDLERS_KINDS_H

#include "expr/expr.h"
#include "pool/forkserver.h"

enum {
    CN_KIND_NOOP,    /* nothing: what a crossing costs */
    CN_KIND_ECHO,    /* its inputs are its output: what shipping costs */
    CN_KIND_COMPUTE, /* handlers/compute_kind.h */
    CN_KIND_INTAKE,  /* reading a large body that had to wait for its end; in this process only */
    CN_KIND_CALL,    /* handlers/call.h */
    CN_KIND_MAP_INTAKE, /* reading a large body of a map request; in this process only */
    CN_KIND_COUNT
};

/* `keys` are what kinds get as their context; they must outlive the registry's users. */
void cn_registry_init(struct cn_registry *registry, const struct cn_keyring *keys);

/* The same kinds in a fork server: its context is an array of keys. */
extern const struct cn_forkserver_program cn_kinds_program;
/* What to send to it. */
struct cn_str cn_kinds_context(const struct cn_keyring *keys);

#endif

/*
 * verdict.h: an experiment in plain sentences, computed from its cases alone.
 */
#ifndef CN_HANDLERS_VERDICT_H
#define CN_HANDLERS_VERDICT_H

#include "handlers/decomposition.h"

struct cn_json_out;

struct cn_verdict_facts {
    const struct cn_case *cases;
    size_t n;                /* at least 1 */
    const char *what;        /* the work: "hash = md5(a, b)" */
    const size_t *differing; /* numbers of cases whose results are not those of the first */
    size_t n_differing;
    const struct cn_path *path;     /* from the slowest case to the fastest */
    const struct cn_path *row_path; /* from rows to processes; NULL: there are no such cases */
    uint64_t usable;                /* CPUs */
};

/* Writes an array of texts. Returns the number of the case that they recommend; SIZE_MAX: none. */
size_t cn_verdict_write(struct cn_json_out *out, const char *key,
                        const struct cn_verdict_facts *facts);

#endif

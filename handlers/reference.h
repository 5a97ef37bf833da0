/*
 * reference.h: small fixed workloads, run on this thread as a worker runs them: what they take says
 * how fast this machine is (calibration.h), what they give which program this is (identity.h).
 */
#ifndef CN_HANDLERS_REFERENCE_H
#define CN_HANDLERS_REFERENCE_H

#include "handlers/compute_kind.h"

struct cn_reference {
    const struct cn_let *lets;
    size_t n_lets;
    enum cn_source source; /* CSV (without a header) or generate */
    enum cn_sink sink;
    const struct cn_str *names;
    const enum cn_type *types; /* generate: all float64 */
    size_t n_columns;
    bool computed; /* only computed columns are written */
    bool normal;   /* generate */
    bool wrap_overflow;
    bool null_on_error;
};

enum cn_code cn_reference_plan(struct cn_plan **plan, uint64_t id,
                               const struct cn_reference *reference,
                               const struct cn_service_limits *limits,
                               const struct cn_keyring *keys, struct cn_error *error);

/* Runs it once. `out` gets what the compute kind says (data and trailer), after what is in it;
 * `state` is that kind's. Text: CSV only. */
enum cn_code cn_reference_run(const struct cn_plan *plan, struct cn_str text,
                              const struct cn_morsel_args *args, void *state, struct cn_buf *out,
                              struct cn_morsel_result *result, struct cn_error *error);

#endif

/*
 * identity.h: which program this is, as far as it matters to whoever wants the same bytes from it.
 *
 * A worker on another machine may be built from other sources, by another compiler, or with other
 * libraries, whose sine differs in a last bit. So the identity is not only the version: it has a
 * digest over what the kinds of tasks give for fixed inputs, and over the layout of what is said
 * between server and worker. It does not depend on the CPU, for results do not.
 */
#ifndef CN_HANDLERS_IDENTITY_H
#define CN_HANDLERS_IDENTITY_H

#include "handlers/reference.h"
#include "pool/pipe_worker.h"

/* "colonnade VERSION sha256:HEX". Takes some milliseconds, on this thread. */
enum cn_code cn_identity_make(char out[CN_PIPE_IDENTITY], const char *version,
                              struct cn_error *error);

/* ---- what it is made of ---------------------------------------------------------------------- */

/* Expressions over a table: rows of CSV, or `rows` generated ones. */
struct cn_identity_part {
    enum cn_source source;
    enum cn_sink sink;
    const char *columns; /* one letter each, which is also the name's: see cn_identity_type */
    const char *text;    /* CSV */
    uint64_t rows;       /* generate */
    bool normal;
    bool wrap_overflow;
    const char *const *lets; /* up to a NULL */
};
const struct cn_identity_part *cn_identity_parts(size_t *n);
/* Of a column by its letter: i and j are int64, s and t strings, b is bool, others are float64. */
enum cn_type cn_identity_type(char column);

/* A part, planned and run; `keys` hold one of the name k, `state` is the compute kind's. */
enum cn_code cn_identity_plan(struct cn_plan **plan, uint64_t id,
                              const struct cn_identity_part *part, const struct cn_keyring *keys,
                              struct cn_error *error);
enum cn_code cn_identity_run(const struct cn_identity_part *part, const struct cn_plan *plan,
                             void *state, struct cn_buf *out, struct cn_morsel_result *result,
                             struct cn_error *error);

/* Calls, as /v1/map makes them. */
struct cn_identity_calls {
    uint32_t function; /* enum cn_call_function */
    uint64_t iterations;
    uint64_t calls;
    const char *arguments; /* JSON, commas between them */
};
const struct cn_identity_calls *cn_identity_calls(size_t *n);

#endif

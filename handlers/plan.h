/*
 * plan.h: a spec with settled (or assumed) types, compiled for one pass over the rows.
 *
 * Passes: CHECK reads the text and says what it holds; OUTPUT writes the reply's columns (all, or
 * a single one); TABLE writes the texts of the rows that an over='table' digest covers.
 *
 * A plan never changes once made and is shared by reference count. Its `bytes` make the same plan
 * again in a worker process. In this process, it is handed over as it is (cn_plan_ref.local).
 */
#ifndef CN_HANDLERS_PLAN_H
#define CN_HANDLERS_PLAN_H

#include "handlers/spec.h"
#include "pool/executor.h"

enum cn_pass { CN_PASS_CHECK, CN_PASS_OUTPUT, CN_PASS_TABLE };

struct cn_plan_options {
    enum cn_pass pass;
    int32_t output;                      /* OUTPUT: only this one; -1: all */
    int32_t table;                       /* TABLE: the digest's number */
    const enum cn_type *types;           /* of the input columns */
    const struct cn_table_value *tables; /* of the recipe's digests; NULL: none known */
};

struct cn_plan {
    atomic_uint refs;
    uint64_t id;
    struct cn_spec *spec;
    enum cn_pass pass;
    int32_t output;
    int32_t table;
    struct cn_arena arena;
    struct cn_schema_column *schema; /* with the types */
    struct cn_table_value *tables;
    struct cn_program *program; /* NULL in a CHECK pass */
    bool computes;              /* the program has an output that is wanted */
    uint32_t *loaded;           /* input columns whose values are needed, ascending */
    size_t n_loaded;
    bool *is_loaded; /* by column */
    struct cn_buf bytes;
};

/* The list of loaded columns depends on the program: what it reads, and what the outputs copy as
 * values; or all of them, where the mode makes a record of each row. For a frame these are the
 * columns that are shipped to a worker. */
enum cn_code cn_plan_new(struct cn_plan **plan, uint64_t id, struct cn_spec *spec,
                         const struct cn_plan_options *options, const struct cn_keyring *keys,
                         struct cn_error *error);
/* What will be the plan's bytes; all that it is made of is in them. False: no memory. */
bool cn_plan_write(const struct cn_spec *spec, const struct cn_plan_options *options,
                   struct cn_buf *bytes);
/* From the bytes of another process's plan. */
enum cn_code cn_plan_read(struct cn_plan **plan, uint64_t id, struct cn_str bytes,
                          const struct cn_keyring *keys, struct cn_error *error);
struct cn_plan *cn_plan_ref_up(struct cn_plan *plan);
void cn_plan_unref(struct cn_plan *plan);

/* What a task carries. */
struct cn_plan_ref cn_plan_handle(const struct cn_plan *plan);

/* The type of output `o` of an OUTPUT plan. */
enum cn_type cn_plan_output_type(const struct cn_plan *plan, size_t o);

#endif

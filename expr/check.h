/*
 * check.h: what names mean and what types expressions have, for one schema.
 *
 * The facts live in arrays by node number beside the recipe, which stays as it is.
 */
#ifndef CN_EXPR_CHECK_H
#define CN_EXPR_CHECK_H

#include "expr/ast.h"
#include "expr/names.h"

/* The type of a let that failed, while the errors of others are collected: it fits anywhere. */
#define CN_TYPE_UNKNOWN CN_TYPE_COUNT

enum cn_target_kind { CN_TARGET_NONE, CN_TARGET_COLUMN, CN_TARGET_LET };

/* What a name stands for. */
struct cn_target {
    enum cn_target_kind kind;
    uint32_t index;
};

struct cn_check {
    const struct cn_recipe *recipe;
    const struct cn_schema *schema;
    const struct cn_keyring *keys; /* NULL: there are none */
    struct cn_names columns;
    struct cn_names lets;      /* those before the current one */
    struct cn_target *targets; /* by node */
    uint8_t *types;            /* by node: enum cn_type, or CN_TYPE_UNKNOWN */
    uint8_t *let_types;
    uint32_t let; /* the current one */
    /* All errors, if somebody wants them: what is wrong has an unknown type then. NULL: the first
     * error ends the check. */
    struct cn_error *errors;
    size_t n_errors;
    size_t max_errors;
};

/* Memory from `arena`. */
enum cn_code cn_check_init(struct cn_check *check, const struct cn_recipe *recipe,
                           const struct cn_schema *schema, const struct cn_keyring *keys,
                           struct cn_arena *arena, struct cn_error *error);
/* Takes an error into the list, if there is one; otherwise hands it on. */
enum cn_code cn_check_collect(struct cn_check *check, enum cn_code code, struct cn_error *error);
/* The lets must be given in order. Names only: */
enum cn_code cn_check_resolve(struct cn_check *check, uint32_t let, struct cn_error *error);
/* Types, of a let that was resolved: */
enum cn_code cn_check_types(struct cn_check *check, uint32_t let, struct cn_error *error);
/* Ends a let: later ones may use it. `type` may be CN_TYPE_UNKNOWN. */
void cn_check_define(struct cn_check *check, uint32_t let, enum cn_type type);

static inline enum cn_type cn_check_type(const struct cn_check *check, const struct cn_node *node) {
    return (enum cn_type)check->types[node->id];
}

/* ---- typing rules, shared with the compiler (types.c) --------------------------------------- */

/* "string"; also of CN_TYPE_UNKNOWN. */
const char *cn_type_word(enum cn_type type);
/* bool, int64, float64, or what fits anywhere. */
bool cn_type_is_number(enum cn_type type);
/* NULL or UNKNOWN. */
bool cn_type_is_open(enum cn_type type);

/* The type of `a op b`; false: the operator does not take these. Not for CN_OP_POW. */
bool cn_type_binary(enum cn_op op, enum cn_type a, enum cn_type b, enum cn_type *type);
/* The type of `op a`. */
bool cn_type_unary(enum cn_op op, enum cn_type a, enum cn_type *type);
/* The type that holds values of both, for where() and the like. */
bool cn_type_unify(enum cn_type a, enum cn_type b, enum cn_type *type);
/* The type in which a and b are compared. */
enum cn_type cn_type_compared(enum cn_type a, enum cn_type b);

/* An exponent that is a literal, with a sign or without. */
struct cn_exponent {
    bool literal;
    bool natural; /* an int literal of at least 0: int64 ** natural is int64 */
    int64_t integer;
    double real;
};
struct cn_exponent cn_exponent_of(const struct cn_node *node);
/* The type of `base ** exponent`. */
enum cn_type cn_type_power(enum cn_type base, const struct cn_exponent *exponent);

#endif

/*
 * functions.h: the table of functions: names, arities, typing rules and the kernels behind them.
 */
#ifndef CN_EXPR_FUNCTIONS_H
#define CN_EXPR_FUNCTIONS_H

#include "columns/column.h"
#include "expr/expr.h"
#include "kernels/digest.h"
#include "kernels/lanes.h"

/* How a function is typed and compiled. */
enum cn_function_rule {
    CN_RULE_FLOAT1,     /* a number -> float64; kernel f64 */
    CN_RULE_FLOAT2,     /* two numbers -> float64; kernel f64 */
    CN_RULE_KEEP,       /* float64 stays, int64 and bool give int64; kernels f64, i64, i64_wrap */
    CN_RULE_ROUND,      /* round(x[, digits]) */
    CN_RULE_MOD,        /* the operator % */
    CN_RULE_EXTREME,    /* minimum, maximum */
    CN_RULE_CLIP,       /* clip(x, low, high) */
    CN_RULE_WHERE,      /* where(cond, x, y) */
    CN_RULE_COALESCE,   /* coalesce(x, ...) */
    CN_RULE_IS_NULL,    /* anything -> bool, never null */
    CN_RULE_FLOAT_TEST, /* a number -> bool; kernel f64 */
    CN_RULE_CONVERT,    /* anything -> `type` */
    CN_RULE_TEXT,       /* string -> string; kernel text */
    CN_RULE_LENGTH,     /* string -> int64; kernel text */
    CN_RULE_TEXT_TEST,  /* two strings -> bool; kernel text */
    CN_RULE_SUBSTR,     /* substr(s, start[, count]) */
    CN_RULE_CONCAT,     /* anything, ... -> string */
    CN_RULE_REPLACE,    /* three strings -> string */
    CN_RULE_HASH        /* a row hash */
};

#define CN_ARGS_ANY UINT32_MAX /* no upper bound */

struct cn_function {
    struct cn_function_doc doc; /* with the name */
    enum cn_function_rule rule;
    uint32_t min_args;
    uint32_t max_args;
    cn_lanes_fn f64;
    cn_lanes_fn i64;
    cn_lanes_fn i64_wrap; /* NULL: as i64 */
    cn_lanes_fn text;
    cn_lanes_fn boolean;
    enum cn_type type;          /* CN_RULE_CONVERT */
    enum cn_digest_kind digest; /* CN_RULE_HASH */
    float cost;                 /* ns a row, roughly */
};

/* NULL: there is none of that name. */
const struct cn_function *cn_function_find(struct cn_str name);

/* Appends ", did you mean `x` or `y`?" texts for names near to `name`, or nothing. */
struct cn_near {
    struct cn_str name;
    struct cn_str best[3];
    size_t distance[3];
    size_t n;
};
void cn_near_init(struct cn_near *near, struct cn_str name);
void cn_near_offer(struct cn_near *near, struct cn_str candidate);
/* "; did you mean `a` or `b`?" into out, or the empty text. */
void cn_near_text(const struct cn_near *near, char *out, size_t size);

#endif

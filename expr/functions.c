#include "expr/functions.h"

#include "kernels/lanes_ops.h"

/* Families of rows for functions_table.h. */

#define FLOAT1(fn, what, ns)                                                                       \
    FUNCTION(#fn, #fn "(x) -> float64", what, "math", .rule = CN_RULE_FLOAT1, .min_args = 1,       \
             .max_args = 1, .f64 = cn_##fn##_f64, .cost = (ns))
#define FLOAT2(fn, args, what, ns)                                                                 \
    FUNCTION(#fn, #fn "(" args ") -> float64", what, "math", .rule = CN_RULE_FLOAT2,               \
             .min_args = 2, .max_args = 2, .f64 = cn_##fn##_f64, .cost = (ns))
#define FLOAT_TEST(fn, what)                                                                       \
    FUNCTION(#fn, #fn "(x) -> bool", what, "logic", .rule = CN_RULE_FLOAT_TEST, .min_args = 1,     \
             .max_args = 1, .f64 = cn_##fn##_f64, .cost = 0.5f)
#define KEEP(fn, group, what, plain, wrap)                                                         \
    FUNCTION(#fn, #fn "(x) -> int64 or float64, as x", what, group, .rule = CN_RULE_KEEP,          \
             .min_args = 1, .max_args = 1, .f64 = cn_##fn##_f64, .i64 = (plain),                   \
             .i64_wrap = (wrap), .cost = 0.7f)
#define CONVERT(fn, to, cn_to, what)                                                               \
    FUNCTION(#fn, #fn "(x) -> " to, what, "conversion", .rule = CN_RULE_CONVERT, .min_args = 1,    \
             .max_args = 1, .type = (cn_to), .cost = 15.0f)
#define TEXT(fn, what)                                                                             \
    FUNCTION(#fn, #fn "(s) -> string", what, "text", .rule = CN_RULE_TEXT, .min_args = 1,          \
             .max_args = 1, .text = cn_##fn##_str, .cost = 20.0f)
#define TEXT_TEST(fn, what)                                                                        \
    FUNCTION(#fn, #fn "(s, t) -> bool", what, "text", .rule = CN_RULE_TEXT_TEST, .min_args = 2,    \
             .max_args = 2, .text = cn_##fn##_str, .cost = 6.0f)
#define HASH_SIGNATURE(fn, more)                                                                   \
#fn "(a, b, ... | *" more ", sep='_', text='python', null=..., frame='join', over='row', "     \
        "as='hex')"
#define HASH(fn, digest_kind, result, what, ns)                                                    \
    FUNCTION(#fn, HASH_SIGNATURE(fn, "") " -> " result, what, "hash", .rule = CN_RULE_HASH,        \
             .min_args = 1, .max_args = CN_ARGS_ANY, .digest = (digest_kind), .cost = (ns))

#define FUNCTION(name, signature, summary, group, ...) {name, signature, summary, group},
static const struct cn_function_doc docs[] = {
#include "expr/functions_table.h"
};
#undef FUNCTION

#define FUNCTION(name, signature, summary, group, ...)                                             \
    {.doc = {name, signature, summary, group}, __VA_ARGS__},
static const struct cn_function functions[] = {
#include "expr/functions_table.h"
};
#undef FUNCTION

#define N_FUNCTIONS (sizeof functions / sizeof functions[0])

const struct cn_function *cn_function_find(struct cn_str name) {
    for (size_t i = 0; i < N_FUNCTIONS; i++) {
        if (cn_str_is(name, functions[i].doc.name))
            return &functions[i];
    }
    return NULL;
}

const struct cn_function_doc *cn_function_docs(size_t *n) {
    *n = N_FUNCTIONS;
    return docs;
}

/*
 * compile.h: what the parts of the compiler share: emitting steps, and registers.
 *
 * Errors: emitters return false when memory ran out (the only way for a checked tree to fail).
 */
#ifndef CN_EXPR_COMPILE_H
#define CN_EXPR_COMPILE_H

#include "expr/check.h"
#include "expr/program.h"

/* More constants than this are filled when they are used, not kept. */
#define CN_COMPILE_KEPT_CONSTANTS 64

/* A value: where it is, and what it is. Temporaries must be released once. */
struct cn_operand {
    uint32_t reg;
    enum cn_type type;
    bool temporary;
};

struct cn_compile {
    struct cn_program *program;
    struct cn_check *check;
    const struct cn_compile_options *options;
    struct cn_operand *lets;  /* by let: its value, once compiled */
    uint32_t *free_registers; /* temporaries that nothing needs */
    size_t n_free;
    size_t cap_free;
    size_t n_temporaries;
    size_t cap_steps, cap_registers, cap_constants, cap_hashes, cap_inputs;
    uint32_t *input_registers;    /* by column and raw: the register + 1; 0: none yet */
    uint32_t *constant_registers; /* by constant; UINT32_MAX: not kept */
    uint32_t let;                 /* the current one */
};

/* Makes room for one more element of `size` bytes behind `n` of them (compile_steps.c). */
bool cn_compile_grow(struct cn_compile *c, void **array, size_t n, size_t *cap, size_t size);

bool cn_compile_input(struct cn_compile *c, uint32_t column, bool raw, struct cn_operand *out);
bool cn_compile_constant(struct cn_compile *c, const struct cn_constant *constant,
                         struct cn_operand *out);
bool cn_compile_null(struct cn_compile *c, enum cn_type type, struct cn_operand *out);
void cn_compile_release(struct cn_compile *c, struct cn_operand operand);

/* What a step is, without its registers. */
struct cn_compile_op {
    enum cn_step_op op;
    enum cn_type type;
    cn_lanes_fn fn;
    const char *what;
    uint32_t position;
    uint32_t index;
    float cost;
};
/* Emits a step on n operands, releases them, and allocates its result. */
bool cn_compile_step(struct cn_compile *c, const struct cn_compile_op *op,
                     const struct cn_operand *in, uint32_t n, struct cn_operand *out);

/* Makes `operand` of the type that is wanted: a number wider, a null of that type. keep: the
 * operand stays valid (and is not released) where a conversion makes another. */
bool cn_compile_widen(struct cn_compile *c, struct cn_operand *operand, enum cn_type type,
                      bool keep, uint32_t position);
/* int(), float(), bool(), str(): any type to any other. */
bool cn_compile_convert(struct cn_compile *c, struct cn_operand *operand, enum cn_type type,
                        const char *what, uint32_t position);

/* The value of a node, in its own type (compile_nodes.c), or widened to `type`. */
bool cn_compile_node(struct cn_compile *c, const struct cn_node *node, struct cn_operand *out);
bool cn_compile_node_as(struct cn_compile *c, const struct cn_node *node, enum cn_type type,
                        struct cn_operand *out);
/* A call (compile_calls.c), a row hash, or its pre-image (compile_hash.c). */
bool cn_compile_call(struct cn_compile *c, const struct cn_node *node, struct cn_operand *out);
bool cn_compile_hash(struct cn_compile *c, const struct cn_node *node, bool preimage,
                     struct cn_operand *out);
/* An arithmetic operator on two operands, which are released. */
bool cn_compile_arithmetic(struct cn_compile *c, enum cn_op op, uint32_t position,
                           struct cn_operand a, struct cn_operand b, struct cn_operand *out);

/* What the failures of a kernel mean; NULL: it cannot fail (fallible.c). */
const struct cn_fallible *cn_fallible_find(cn_lanes_fn fn);

#endif

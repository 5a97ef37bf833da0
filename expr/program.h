/*
 * program.h: the flat form of a recipe for one schema.
 *
 * Steps work on registers, each a block of values with null marks and failure marks. Registers are
 * inputs (the caller's vectors), constants (filled once when an evaluation state is made) or
 * temporaries, which are used again as soon as nothing needs them. A step may write over the
 * register of an operand of the same width, unless its error text shows that operand's value.
 */
#ifndef CN_EXPR_PROGRAM_H
#define CN_EXPR_PROGRAM_H

#include "expr/ast.h"
#include "kernels/lanes.h"

enum cn_register_kind { CN_REGISTER_INPUT, CN_REGISTER_CONSTANT, CN_REGISTER_TEMPORARY };

struct cn_register {
    enum cn_register_kind kind;
    uint32_t index; /* of the input or constant */
    uint32_t width; /* temporaries: bytes of one value: 1, 8 or 16 */
};

struct cn_constant {
    enum cn_type type; /* of a null: the type that it has the place of */
    bool null;
    bool boolean;
    int64_t integer;
    double real;
    struct cn_str text;
};

/* What a kernel's failures mean: fail[i] == 1 is reason[0], 2 is reason[1]. */
struct cn_fallible {
    cn_lanes_fn fn;
    struct {
        enum cn_code code;
        const char *text; /* with one %s: the operator or function */
    } reason[2];
    bool shows_operand; /* the error carries the operand's value */
};

enum cn_step_op {
    CN_STEP_LANES,         /* out = fn(in...) where none is null */
    CN_STEP_NULL,          /* out = null of `type`; only failures of in... are kept */
    CN_STEP_WHERE,         /* out = in[0] ? in[1] : in[2] */
    CN_STEP_AND,           /* three-valued; in[1] does not count where in[0] is False */
    CN_STEP_OR,            /* likewise True */
    CN_STEP_COALESCE,      /* out = in[0], or where that is null in[1] */
    CN_STEP_IS_NULL,       /* out = in[0] is null */
    CN_STEP_FILL,          /* out = constants[index], for programs with many constants */
    CN_STEP_HASH,          /* out = hashes[index] */
    CN_STEP_HASH_TEXT,     /* out = the text that hashes[index] would digest */
    CN_STEP_UNKNOWN_TABLE, /* fails: the table digest was not given when compiling */
    CN_STEP_LET            /* in[0] is the value of let `let`: failures become errors or nulls */
};

struct cn_step {
    enum cn_step_op op;
    enum cn_type type;    /* of out */
    enum cn_type in_type; /* of in[0] */
    uint32_t width;       /* bytes of one value of out */
    uint32_t out;
    uint32_t in[3];
    uint32_t n_in;
    cn_lanes_fn fn;
    const struct cn_fallible *fallible; /* NULL: the kernel cannot fail */
    const char *what;                   /* the operator or function, for error texts */
    uint32_t let;
    uint32_t position;
    uint32_t index;
};

struct cn_hash_arg {
    uint32_t reg;
    enum cn_type type;       /* string for a raw text */
    struct cn_str null_text; /* unused when a null makes the digest null */
};

struct cn_hash {
    enum cn_digest_kind kind;
    struct cn_hmac_key key; /* of HMAC; a copy, cleansed when the program is freed */
    struct cn_str sep;
    bool length_frame;
    bool null_is_null; /* null=None */
    enum cn_hash_as as;
    struct cn_hash_arg *args;
    uint32_t n_args;
};

struct cn_program_output {
    bool wanted;
    bool hex; /* every text is a digest in hex */
    enum cn_type type;
    uint32_t reg;
};

struct cn_program {
    struct cn_arena arena;
    struct cn_step *steps;
    size_t n_steps;
    struct cn_register *registers;
    size_t n_registers;
    struct cn_constant *constants;
    size_t n_constants;
    struct cn_hash *hashes;
    size_t n_hashes;
    struct cn_program_input *inputs;
    enum cn_type *input_types;
    size_t n_inputs;
    struct cn_program_output *outputs; /* by let; of a pre-image program: one */
    size_t n_outputs;
    struct cn_str *let_names;
    size_t n_lets;
    bool null_on_error;
    double row_cost;
    double digest_cost; /* the part of it that row hashes are */
};

/* Bytes of one value. */
static inline uint32_t cn_register_width(enum cn_type type) {
    return type == CN_TYPE_STRING                             ? (uint32_t)sizeof(struct cn_str)
           : type == CN_TYPE_INT64 || type == CN_TYPE_FLOAT64 ? 8
                                                              : 1;
}

#endif

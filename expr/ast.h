/*
 * ast.h: the parsed form of expressions, and the recipe that holds them.
 *
 * Operators of one precedence that group to the left make one node, a chain: `a - b + c` is one
 * node with three arguments and two operators. So the height of a tree is the nesting that somebody
 * wrote, and a walk over it may recurse: height is limited while parsing (cn_expr_limits).
 *
 * Nodes are numbered over all lets of a recipe, so that facts about them (types, what a name
 * resolves to) live in arrays beside the tree, which never changes once it is parsed.
 */
#ifndef CN_EXPR_AST_H
#define CN_EXPR_AST_H

#include "expr/expr.h"
#include "expr/functions.h"

/* No limit is taken to be more than this, because walkers recurse. */
#define CN_EXPR_MAX_DEPTH 1000

enum cn_op {
    CN_OP_NONE,
    CN_OP_OR,
    CN_OP_AND,
    CN_OP_NOT,
    CN_OP_LT,
    CN_OP_LE,
    CN_OP_GT,
    CN_OP_GE,
    CN_OP_EQ,
    CN_OP_NE,
    CN_OP_BIT_OR,
    CN_OP_BIT_XOR,
    CN_OP_BIT_AND,
    CN_OP_SHL,
    CN_OP_SHR,
    CN_OP_ADD,
    CN_OP_SUB,
    CN_OP_MUL,
    CN_OP_DIV,
    CN_OP_FLOORDIV,
    CN_OP_MOD,
    CN_OP_NEG,
    CN_OP_POS,
    CN_OP_INVERT,
    CN_OP_POW,
    CN_OP_COUNT
};

/* From loose to tight. */
enum cn_level {
    CN_LEVEL_CONDITIONAL,
    CN_LEVEL_OR,
    CN_LEVEL_AND,
    CN_LEVEL_NOT,
    CN_LEVEL_COMPARE,
    CN_LEVEL_BIT_OR,
    CN_LEVEL_BIT_XOR,
    CN_LEVEL_BIT_AND,
    CN_LEVEL_SHIFT,
    CN_LEVEL_SUM,
    CN_LEVEL_PRODUCT,
    CN_LEVEL_UNARY,
    CN_LEVEL_POWER,
    CN_LEVEL_PRIMARY
};

const char *cn_op_text(enum cn_op op); /* "//" */
enum cn_level cn_op_level(enum cn_op op);

enum cn_node_kind {
    CN_NODE_BOOL,
    CN_NODE_INT,
    CN_NODE_FLOAT,
    CN_NODE_STRING,
    CN_NODE_NONE,
    CN_NODE_NAME,
    CN_NODE_STAR,        /* `*` as an argument of a row hash */
    CN_NODE_UNARY,       /* op, 1 argument; not, -, +, ~ */
    CN_NODE_CHAIN,       /* ops, 2 or more arguments of one level, grouped from the left */
    CN_NODE_COMPARE,     /* ops, 2 or more arguments, chained as in Python */
    CN_NODE_POWER,       /* 2 arguments */
    CN_NODE_CONDITIONAL, /* args: value, condition, other value: as written */
    CN_NODE_CALL         /* function, arguments, and for row hashes hash */
};

/* An operator of a chain: between args[i] and args[i + 1]. */
struct cn_operator {
    enum cn_op op;
    uint32_t position;
};

enum cn_hash_text { CN_HASH_PYTHON, CN_HASH_RAW };
enum cn_hash_frame { CN_HASH_JOIN, CN_HASH_LENGTH };
enum cn_hash_over { CN_HASH_ROW, CN_HASH_TABLE };
enum cn_hash_as { CN_HASH_HEX, CN_HASH_BASE64, CN_HASH_INT64 };
enum cn_hash_null { CN_HASH_NULL_DEFAULT, CN_HASH_NULL_TEXT, CN_HASH_NULL_NULL };

/* The keyword arguments of a row hash. `given` says which were written, for printing. */
enum cn_hash_keyword {
    CN_HASH_KEYWORD_SEP,
    CN_HASH_KEYWORD_TEXT,
    CN_HASH_KEYWORD_NULL,
    CN_HASH_KEYWORD_FRAME,
    CN_HASH_KEYWORD_OVER,
    CN_HASH_KEYWORD_AS,
    CN_HASH_KEYWORD_KEY,
    CN_HASH_KEYWORD_COUNT
};

struct cn_hash_call {
    struct cn_str sep;
    enum cn_hash_text text;
    enum cn_hash_null null;
    struct cn_str null_text;
    enum cn_hash_frame frame;
    enum cn_hash_over over;
    enum cn_hash_as as;
    struct cn_str key;
    uint32_t key_position;
    uint32_t given; /* one bit for each enum cn_hash_keyword */
    uint32_t table; /* number of the table digest, if over is CN_HASH_TABLE */
};

struct cn_node {
    enum cn_node_kind kind;
    enum cn_op op; /* unary */
    uint32_t id;
    uint32_t position; /* where an error about it points: its operator or its first byte */
    uint32_t height;   /* 1 for a leaf */
    uint32_t n_args;
    uint32_t cap_args;
    bool boolean;
    int64_t integer;
    double real;
    struct cn_str text; /* name, string */
    struct cn_node **args;
    struct cn_operator *ops; /* n_args - 1 */
    const struct cn_function *function;
    struct cn_hash_call *hash;
};

struct cn_recipe_let {
    struct cn_str name;
    struct cn_str text;
    struct cn_node *root;
    uint32_t first_node; /* ids of its nodes: [first_node, end_node) */
    uint32_t end_node;
};

struct cn_table_ref {
    uint32_t let;
    const struct cn_node *node;
};

struct cn_recipe {
    struct cn_arena arena;
    struct cn_recipe_let *lets;
    size_t n_lets;
    struct cn_node **nodes; /* by id */
    size_t n_nodes;
    size_t cap_nodes;
    size_t weight; /* what --max-expression-nodes counts: leaves, operators and calls */
    struct cn_table_ref *tables;
    size_t n_tables;
    size_t cap_tables;
    struct cn_expr_limits limits;
};

/* Parses lets[let].text into lets[let].root (parser.c). */
enum cn_code cn_recipe_parse_let(struct cn_recipe *recipe, size_t let, struct cn_error *error);

/* The keyword argument `name=value` of a row hash, value being a literal node (parse_hash.c). */
enum cn_code cn_hash_keyword_set(struct cn_recipe *recipe, int32_t let, struct cn_node *call,
                                 struct cn_str name, size_t position, const struct cn_node *value,
                                 struct cn_error *error);
/* What must hold between the arguments of a complete call of a row hash. */
enum cn_code cn_hash_call_check(struct cn_recipe *recipe, int32_t let, struct cn_node *call,
                                struct cn_error *error);
const char *cn_hash_keyword_name(enum cn_hash_keyword keyword);

/* Appends a name, between backticks where it needs them (print.c). */
CN_NODISCARD bool cn_expr_print_name(struct cn_buf *out, struct cn_str name);
CN_NODISCARD bool cn_expr_print_node(struct cn_buf *out, const struct cn_node *node);

#endif

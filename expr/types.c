/* The typing rules of operators, as functions of the operands' types alone. */
#include "expr/check.h"

const char *cn_type_word(enum cn_type type) {
    return type < CN_TYPE_COUNT ? cn_type_name(type) : "unknown";
}

bool cn_type_is_open(enum cn_type type) {
    return type == CN_TYPE_NULL || type == CN_TYPE_UNKNOWN;
}

bool cn_type_is_number(enum cn_type type) {
    return type != CN_TYPE_STRING;
}

static bool is_integral(enum cn_type type) {
    return type == CN_TYPE_BOOL || type == CN_TYPE_INT64 || cn_type_is_open(type);
}

static bool is_logical(enum cn_type type) {
    return type == CN_TYPE_BOOL || cn_type_is_open(type);
}

static bool is_text(enum cn_type type) {
    return type == CN_TYPE_STRING || cn_type_is_open(type);
}

/* Arithmetic: bool counts as int64; an operand that is all null takes the other's type. */
static enum cn_type arithmetic(enum cn_type a, enum cn_type b) {
    if (a == CN_TYPE_FLOAT64 || b == CN_TYPE_FLOAT64)
        return CN_TYPE_FLOAT64;
    if (a == CN_TYPE_UNKNOWN || b == CN_TYPE_UNKNOWN)
        return CN_TYPE_UNKNOWN;
    return a == CN_TYPE_NULL && b == CN_TYPE_NULL ? CN_TYPE_NULL : CN_TYPE_INT64;
}

static enum cn_type bitwise(enum cn_type a, enum cn_type b) {
    if (a == CN_TYPE_INT64 || b == CN_TYPE_INT64)
        return CN_TYPE_INT64;
    if (a == CN_TYPE_UNKNOWN || b == CN_TYPE_UNKNOWN)
        return CN_TYPE_UNKNOWN;
    return a == CN_TYPE_NULL ? b : CN_TYPE_BOOL;
}

static bool comparable(enum cn_type a, enum cn_type b) {
    return (is_text(a) && is_text(b)) || (cn_type_is_number(a) && cn_type_is_number(b));
}

bool cn_type_binary(enum cn_op op, enum cn_type a, enum cn_type b, enum cn_type *type) {
    switch (op) {
    case CN_OP_OR:
    case CN_OP_AND:
        *type = CN_TYPE_BOOL;
        return is_logical(a) && is_logical(b);
    case CN_OP_LT:
    case CN_OP_LE:
    case CN_OP_GT:
    case CN_OP_GE:
    case CN_OP_EQ:
    case CN_OP_NE:
        *type = CN_TYPE_BOOL;
        return comparable(a, b);
    case CN_OP_BIT_OR:
    case CN_OP_BIT_XOR:
    case CN_OP_BIT_AND:
        *type = bitwise(a, b);
        return is_integral(a) && is_integral(b);
    case CN_OP_SHL:
    case CN_OP_SHR:
        *type = CN_TYPE_INT64;
        return is_integral(a) && is_integral(b);
    case CN_OP_DIV:
        *type = CN_TYPE_FLOAT64;
        return cn_type_is_number(a) && cn_type_is_number(b);
    case CN_OP_ADD:
        if (a == CN_TYPE_STRING || b == CN_TYPE_STRING) {
            *type = CN_TYPE_STRING;
            return is_text(a) && is_text(b);
        }
        break;
    default:
        break;
    }
    *type = arithmetic(a, b);
    return cn_type_is_number(a) && cn_type_is_number(b);
}

bool cn_type_unary(enum cn_op op, enum cn_type a, enum cn_type *type) {
    switch (op) {
    case CN_OP_NOT:
        *type = CN_TYPE_BOOL;
        return is_logical(a);
    case CN_OP_INVERT:
        *type = a;
        return is_integral(a);
    default:
        *type = arithmetic(a, a);
        return cn_type_is_number(a);
    }
}

bool cn_type_unify(enum cn_type a, enum cn_type b, enum cn_type *type) {
    if (cn_type_is_open(a) || cn_type_is_open(b)) {
        *type = a == CN_TYPE_NULL ? b : b == CN_TYPE_NULL ? a : CN_TYPE_UNKNOWN;
        return true;
    }
    if (a == CN_TYPE_STRING || b == CN_TYPE_STRING) {
        *type = CN_TYPE_STRING;
        return a == b;
    }
    *type = a == b ? a : arithmetic(a, b);
    return true;
}

enum cn_type cn_type_compared(enum cn_type a, enum cn_type b) {
    enum cn_type type;
    cn_type_unify(a, b, &type);
    return cn_type_is_open(type) ? CN_TYPE_BOOL : type;
}

struct cn_exponent cn_exponent_of(const struct cn_node *node) {
    struct cn_exponent exponent = {0};
    bool negative = false;
    if (node->kind == CN_NODE_UNARY && (node->op == CN_OP_NEG || node->op == CN_OP_POS)) {
        negative = node->op == CN_OP_NEG;
        node = node->args[0];
    }
    if (node->kind == CN_NODE_FLOAT) {
        exponent.literal = true;
        exponent.real = negative ? -node->real : node->real;
    } else if (node->kind == CN_NODE_INT) {
        exponent.literal = true;
        /* INT64_MIN has no negative, as a float it has. */
        exponent.real = negative ? -(double)node->integer : (double)node->integer;
        exponent.natural = negative ? node->integer == 0 : node->integer >= 0;
        exponent.integer = exponent.natural ? node->integer : 0;
    }
    return exponent;
}

enum cn_type cn_type_power(enum cn_type base, const struct cn_exponent *exponent) {
    if (base == CN_TYPE_FLOAT64 || !exponent->natural)
        return CN_TYPE_FLOAT64;
    return base == CN_TYPE_UNKNOWN ? base : CN_TYPE_INT64;
}

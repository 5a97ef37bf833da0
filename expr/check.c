/* The types of expressions. */
#include "expr/check.h"

#include "expr/lexer.h"

#include <stdarg.h>
#include <stdio.h>

static void set_column(const struct cn_check *check, struct cn_error *error) {
    cn_error_set_column(error, check->recipe->lets[check->let].name);
}

/* ---- errors ------------------------------------------------------------------------------- */

/* What a name stands for in the end, when it is another name for a column. */
static struct cn_target source_of(const struct cn_check *check, const struct cn_node *name) {
    struct cn_target target = check->targets[name->id];
    while (target.kind == CN_TARGET_LET &&
           check->recipe->lets[target.index].root->kind == CN_NODE_NAME)
        target = check->targets[check->recipe->lets[target.index].root->id];
    return target;
}

/* A type error at `position`. `blame` (may be NULL) is the operand whose type does not fit: if it
 * is an input column whose type came from its values, the error names that column. */
static enum cn_code type_error(const struct cn_check *check, size_t position,
                               const struct cn_node *blame, struct cn_error *error,
                               const char *format, ...) CN_PRINTF(5, 6);

static enum cn_code type_error(const struct cn_check *check, size_t position,
                               const struct cn_node *blame, struct cn_error *error,
                               const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    cn_expr_error(error, CN_TYPE_ERROR, (int32_t)check->let, position, "%s", text);
    set_column(check, error);
    if (blame != NULL && blame->kind == CN_NODE_NAME) {
        struct cn_target target = source_of(check, blame);
        if (target.kind == CN_TARGET_COLUMN && check->schema->columns[target.index].inferred)
            cn_error_set_column(error, check->schema->columns[target.index].name);
    }
    return CN_TYPE_ERROR;
}

static bool is_inferred_column(const struct cn_check *check, const struct cn_node *node) {
    if (node->kind != CN_NODE_NAME)
        return false;
    struct cn_target target = source_of(check, node);
    return target.kind == CN_TARGET_COLUMN && check->schema->columns[target.index].inferred;
}

/* Of two operands that do not go together, the one to blame: texts and inferred columns first. */
static const struct cn_node *blame_of(const struct cn_check *check, const struct cn_node *a,
                                      const struct cn_node *b) {
    if (a == NULL || b == NULL)
        return a != NULL ? a : b;
    bool a_text = cn_check_type(check, a) == CN_TYPE_STRING;
    bool b_text = cn_check_type(check, b) == CN_TYPE_STRING;
    if (a_text != b_text && is_inferred_column(check, a_text ? a : b))
        return a_text ? a : b;
    return is_inferred_column(check, b) && !is_inferred_column(check, a) ? b : a;
}

static const char *what_it_takes(enum cn_op op) {
    switch (op) {
    case CN_OP_OR:
    case CN_OP_AND:
    case CN_OP_NOT:
        return "takes bools";
    case CN_OP_LT:
    case CN_OP_LE:
    case CN_OP_GT:
    case CN_OP_GE:
    case CN_OP_EQ:
    case CN_OP_NE:
        return "compares numbers with numbers and strings with strings";
    case CN_OP_BIT_OR:
    case CN_OP_BIT_XOR:
    case CN_OP_BIT_AND:
    case CN_OP_INVERT:
        return "takes bools or int64";
    case CN_OP_SHL:
    case CN_OP_SHR:
        return "takes int64";
    case CN_OP_ADD:
        return "adds numbers or joins strings";
    default:
        return "takes numbers";
    }
}

static enum cn_code binary_error(const struct cn_check *check, const struct cn_operator *op,
                                 enum cn_type left, enum cn_type right,
                                 const struct cn_node *left_node, const struct cn_node *right_node,
                                 struct cn_error *error) {
    return type_error(check, op->position, blame_of(check, left_node, right_node), error,
                      "`%s` %s; its left operand is %s, its right operand %s", cn_op_text(op->op),
                      what_it_takes(op->op), cn_type_word(left), cn_type_word(right));
}

/* ---- types -------------------------------------------------------------------------------- */

static enum cn_code check_node(struct cn_check *check, const struct cn_node *node,
                               struct cn_error *error);

static enum cn_type arg_type(const struct cn_check *check, const struct cn_node *node, uint32_t i) {
    return cn_check_type(check, node->args[i]);
}

static enum cn_code chain_type(struct cn_check *check, const struct cn_node *node,
                               enum cn_type *type, struct cn_error *error) {
    *type = arg_type(check, node, 0);
    for (uint32_t i = 1; i < node->n_args; i++) {
        enum cn_type left = *type;
        enum cn_type right = arg_type(check, node, i);
        if (!cn_type_binary(node->ops[i - 1].op, left, right, type))
            return binary_error(check, &node->ops[i - 1], left, right,
                                i == 1 ? node->args[0] : NULL, node->args[i], error);
    }
    return CN_OK;
}

static enum cn_code compare_type(struct cn_check *check, const struct cn_node *node,
                                 enum cn_type *type, struct cn_error *error) {
    for (uint32_t i = 1; i < node->n_args; i++) {
        enum cn_type left = arg_type(check, node, i - 1);
        enum cn_type right = arg_type(check, node, i);
        if (!cn_type_binary(node->ops[i - 1].op, left, right, type))
            return binary_error(check, &node->ops[i - 1], left, right, node->args[i - 1],
                                node->args[i], error);
    }
    return CN_OK;
}

static enum cn_code power_type(struct cn_check *check, const struct cn_node *node,
                               enum cn_type *type, struct cn_error *error) {
    enum cn_type base = arg_type(check, node, 0);
    enum cn_type power = arg_type(check, node, 1);
    if (!cn_type_is_number(base) || !cn_type_is_number(power)) {
        struct cn_operator op = {CN_OP_POW, node->position};
        return binary_error(check, &op, base, power, node->args[0], node->args[1], error);
    }
    struct cn_exponent exponent = cn_exponent_of(node->args[1]);
    *type = cn_type_power(base, &exponent);
    return CN_OK;
}

static enum cn_code conditional_type(struct cn_check *check, size_t position,
                                     const struct cn_node *condition, const struct cn_node *a,
                                     const struct cn_node *b, enum cn_type *type,
                                     struct cn_error *error) {
    enum cn_type cond = cn_check_type(check, condition);
    if (cond != CN_TYPE_BOOL && !cn_type_is_open(cond))
        return type_error(check, condition->position, condition, error,
                          "a condition must be bool, this one is %s; compare it, or use bool()",
                          cn_type_word(cond));
    enum cn_type left = cn_check_type(check, a);
    enum cn_type right = cn_check_type(check, b);
    if (!cn_type_unify(left, right, type))
        return type_error(check, position, blame_of(check, a, b), error,
                          "both choices must be numbers or both strings; they are %s and %s",
                          cn_type_word(left), cn_type_word(right));
    return CN_OK;
}

/* All arguments [from, n) must be of a kind. */
static enum cn_code check_args(struct cn_check *check, const struct cn_node *node, uint32_t from,
                               uint32_t to, bool (*fits)(enum cn_type), const char *kind,
                               struct cn_error *error) {
    for (uint32_t i = from; i < to && i < node->n_args; i++) {
        enum cn_type type = arg_type(check, node, i);
        if (!fits(type))
            return type_error(check, node->args[i]->position, node->args[i], error,
                              "argument %u of %s() must be %s, this one is %s", (unsigned)(i + 1),
                              node->function->doc.name, kind, cn_type_word(type));
    }
    return CN_OK;
}

static bool fits_text(enum cn_type type) {
    return type == CN_TYPE_STRING || cn_type_is_open(type);
}

static bool fits_integer(enum cn_type type) {
    return type == CN_TYPE_INT64 || type == CN_TYPE_BOOL || cn_type_is_open(type);
}

/* The type of all arguments from `from` on together. */
static enum cn_code unify_args(struct cn_check *check, const struct cn_node *node, uint32_t from,
                               enum cn_type *type, struct cn_error *error) {
    *type = arg_type(check, node, from);
    for (uint32_t i = from + 1; i < node->n_args; i++) {
        enum cn_type so_far = *type;
        enum cn_type next = arg_type(check, node, i);
        if (!cn_type_unify(so_far, next, type))
            return type_error(check, node->args[i]->position,
                              blame_of(check, node->args[i], node->args[i - 1]), error,
                              "the arguments of %s() must all be numbers or all strings; argument "
                              "%u is %s, those before it %s",
                              node->function->doc.name, (unsigned)(i + 1), cn_type_word(next),
                              cn_type_word(so_far));
    }
    return CN_OK;
}

static enum cn_code hash_type(struct cn_check *check, const struct cn_node *node,
                              enum cn_type *type, struct cn_error *error) {
    *type = node->hash->as == CN_HASH_INT64 ? CN_TYPE_INT64 : CN_TYPE_STRING;
    for (uint32_t i = 0; i < node->n_args; i++) {
        if (node->args[i]->kind == CN_NODE_STAR && check->schema->n_columns == 0)
            return type_error(check, node->args[i]->position, NULL, error,
                              "`*` stands for all input columns, and there are none");
    }
    if (node->function->digest != CN_DIGEST_HMAC_SHA256)
        return CN_OK;
    if (cn_keyring_find(check->keys, node->hash->key) != NULL)
        return CN_OK;
    cn_expr_error(error, CN_UNKNOWN_KEY, (int32_t)check->let, node->hash->key_position,
                  "the server holds no key of the name '%.*s'",
                  (int)(node->hash->key.len > 64 ? 64 : node->hash->key.len), node->hash->key.data);
    set_column(check, error);
    return CN_UNKNOWN_KEY;
}

/* int64 for int64 and bool, else as it is. */
static enum cn_type kept(enum cn_type type) {
    return type == CN_TYPE_BOOL ? CN_TYPE_INT64 : type;
}

static enum cn_code text_call_type(struct cn_check *check, const struct cn_node *node,
                                   enum cn_type *type, struct cn_error *error) {
    switch (node->function->rule) {
    case CN_RULE_LENGTH:
        *type = CN_TYPE_INT64;
        break;
    case CN_RULE_TEXT_TEST:
        *type = CN_TYPE_BOOL;
        break;
    default:
        *type = CN_TYPE_STRING;
    }
    if (node->function->rule == CN_RULE_CONCAT)
        return CN_OK;
    bool substr = node->function->rule == CN_RULE_SUBSTR;
    CN_TRY(check_args(check, node, 0, substr ? 1 : node->n_args, fits_text, "a string", error));
    return substr ? check_args(check, node, 1, node->n_args, fits_integer, "int64", error) : CN_OK;
}

static enum cn_code number_call_type(struct cn_check *check, const struct cn_node *node,
                                     enum cn_type *type, struct cn_error *error) {
    CN_TRY(check_args(check, node, 0, node->n_args, cn_type_is_number, "a number", error));
    switch (node->function->rule) {
    case CN_RULE_KEEP:
        *type = kept(arg_type(check, node, 0));
        return CN_OK;
    case CN_RULE_ROUND:
        *type = kept(arg_type(check, node, 0));
        return check_args(check, node, 1, 2, fits_integer, "int64", error);
    case CN_RULE_MOD:
        cn_type_binary(CN_OP_MOD, arg_type(check, node, 0), arg_type(check, node, 1), type);
        return CN_OK;
    case CN_RULE_CLIP:
        return unify_args(check, node, 0, type, error);
    case CN_RULE_FLOAT_TEST:
        *type = CN_TYPE_BOOL;
        return CN_OK;
    default:
        *type = CN_TYPE_FLOAT64;
        return CN_OK;
    }
}

static enum cn_code call_type(struct cn_check *check, const struct cn_node *node,
                              enum cn_type *type, struct cn_error *error) {
    switch (node->function->rule) {
    case CN_RULE_EXTREME:
    case CN_RULE_COALESCE:
        return unify_args(check, node, 0, type, error);
    case CN_RULE_WHERE:
        return conditional_type(check, node->position, node->args[0], node->args[1], node->args[2],
                                type, error);
    case CN_RULE_IS_NULL:
        *type = CN_TYPE_BOOL;
        return CN_OK;
    case CN_RULE_CONVERT:
        *type = node->function->type;
        return CN_OK;
    case CN_RULE_TEXT:
    case CN_RULE_LENGTH:
    case CN_RULE_TEXT_TEST:
    case CN_RULE_SUBSTR:
    case CN_RULE_CONCAT:
    case CN_RULE_REPLACE:
        return text_call_type(check, node, type, error);
    case CN_RULE_HASH:
        return hash_type(check, node, type, error);
    default:
        return number_call_type(check, node, type, error);
    }
}

static enum cn_type name_type(const struct cn_check *check, const struct cn_node *node) {
    struct cn_target target = check->targets[node->id];
    if (target.kind == CN_TARGET_NONE)
        return CN_TYPE_UNKNOWN; /* its error was collected */
    if (target.kind == CN_TARGET_LET)
        return (enum cn_type)check->let_types[target.index];
    return check->schema->columns[target.index].type;
}

static enum cn_code unary_type(struct cn_check *check, const struct cn_node *node,
                               enum cn_type *type, struct cn_error *error) {
    enum cn_type operand = arg_type(check, node, 0);
    if (cn_type_unary(node->op, operand, type))
        return CN_OK;
    return type_error(check, node->position, node->args[0], error, "`%s` %s; its operand is %s",
                      cn_op_text(node->op), what_it_takes(node->op), cn_type_word(operand));
}

static enum cn_code check_node(struct cn_check *check, const struct cn_node *node,
                               struct cn_error *error) {
    for (uint32_t i = 0; i < node->n_args; i++)
        CN_TRY(check_node(check, node->args[i], error));
    enum cn_type type = CN_TYPE_NULL;
    enum cn_code code = CN_OK;
    switch (node->kind) {
    case CN_NODE_BOOL:
        type = CN_TYPE_BOOL;
        break;
    case CN_NODE_INT:
        type = CN_TYPE_INT64;
        break;
    case CN_NODE_FLOAT:
        type = CN_TYPE_FLOAT64;
        break;
    case CN_NODE_STRING:
        type = CN_TYPE_STRING;
        break;
    case CN_NODE_NONE:
    case CN_NODE_STAR:
        break;
    case CN_NODE_NAME:
        type = name_type(check, node);
        break;
    case CN_NODE_UNARY:
        code = unary_type(check, node, &type, error);
        break;
    case CN_NODE_CHAIN:
        code = chain_type(check, node, &type, error);
        break;
    case CN_NODE_COMPARE:
        code = compare_type(check, node, &type, error);
        break;
    case CN_NODE_POWER:
        code = power_type(check, node, &type, error);
        break;
    case CN_NODE_CONDITIONAL:
        code = conditional_type(check, node->position, node->args[1], node->args[0], node->args[2],
                                &type, error);
        break;
    case CN_NODE_CALL:
        code = call_type(check, node, &type, error);
        break;
    }
    if (code != CN_OK) {
        type = CN_TYPE_UNKNOWN;
        code = cn_check_collect(check, code, error);
    }
    check->types[node->id] = (uint8_t)type;
    return code;
}

enum cn_code cn_check_types(struct cn_check *check, uint32_t let, struct cn_error *error) {
    check->let = let;
    return check_node(check, check->recipe->lets[let].root, error);
}

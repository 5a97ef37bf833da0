/* The canonical form of an expression: Python's spacing, as few parentheses as its tree needs. */
#include "expr/ast.h"
#include "expr/lexer.h"
#include "kernels/number.h"

#include <math.h>

static bool print_at(struct cn_buf *out, const struct cn_node *node, enum cn_level least);

bool cn_expr_print_name(struct cn_buf *out, struct cn_str name) {
    if (cn_lexer_is_plain_name(name))
        return cn_buf_add_str(out, name);
    if (!cn_buf_add_char(out, '`'))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] == '`' && !cn_buf_add_char(out, '`'))
            return false;
        if (!cn_buf_add_char(out, name.data[i]))
            return false;
    }
    return cn_buf_add_char(out, '`');
}

static bool print_string(struct cn_buf *out, struct cn_str text) {
    if (!cn_buf_add_char(out, '\''))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool good;
        if (c == '\'' || c == '\\')
            good = cn_buf_printf(out, "\\%c", c);
        else if (c == '\n')
            good = cn_buf_add_c(out, "\\n");
        else if (c == '\r')
            good = cn_buf_add_c(out, "\\r");
        else if (c == '\t')
            good = cn_buf_add_c(out, "\\t");
        else if (c < 0x20 || c == 0x7f)
            good = cn_buf_printf(out, "\\x%02x", c);
        else
            good = cn_buf_add_char(out, (char)c);
        if (!good)
            return false;
    }
    return cn_buf_add_char(out, '\'');
}

static bool print_int(struct cn_buf *out, int64_t value) {
    char text[CN_INT64_TEXT];
    return cn_buf_add(out, text, cn_int64_format(value, text));
}

static bool print_float(struct cn_buf *out, double value) {
    if (isinf(value))
        return cn_buf_add_c(out, "1e999"); /* a literal has no name for infinity */
    char text[CN_DOUBLE_TEXT];
    return cn_buf_add(out, text, cn_double_format(value, text));
}

static enum cn_level level_of(const struct cn_node *node) {
    switch (node->kind) {
    case CN_NODE_INT:
        return node->integer < 0 ? CN_LEVEL_UNARY : CN_LEVEL_PRIMARY;
    case CN_NODE_UNARY:
        return cn_op_level(node->op);
    case CN_NODE_CHAIN:
    case CN_NODE_COMPARE:
        return cn_op_level(node->ops[0].op);
    case CN_NODE_POWER:
        return CN_LEVEL_POWER;
    case CN_NODE_CONDITIONAL:
        return CN_LEVEL_CONDITIONAL;
    default:
        return CN_LEVEL_PRIMARY;
    }
}

static bool print_chain(struct cn_buf *out, const struct cn_node *node) {
    enum cn_level inner = (enum cn_level)(level_of(node) + 1);
    for (uint32_t i = 0; i < node->n_args; i++) {
        if (!print_at(out, node->args[i], inner))
            return false;
        if (i + 1 < node->n_args && !cn_buf_printf(out, " %s ", cn_op_text(node->ops[i].op)))
            return false;
    }
    return true;
}

static bool print_keyword(struct cn_buf *out, const struct cn_hash_call *hash,
                          enum cn_hash_keyword keyword) {
    switch (keyword) {
    case CN_HASH_KEYWORD_SEP:
        return print_string(out, hash->sep);
    case CN_HASH_KEYWORD_TEXT:
        return cn_buf_add_c(out, hash->text == CN_HASH_RAW ? "'raw'" : "'python'");
    case CN_HASH_KEYWORD_NULL:
        return hash->null == CN_HASH_NULL_NULL ? cn_buf_add_c(out, "None")
                                               : print_string(out, hash->null_text);
    case CN_HASH_KEYWORD_FRAME:
        return cn_buf_add_c(out, hash->frame == CN_HASH_LENGTH ? "'length'" : "'join'");
    case CN_HASH_KEYWORD_OVER:
        return cn_buf_add_c(out, hash->over == CN_HASH_TABLE ? "'table'" : "'row'");
    case CN_HASH_KEYWORD_AS:
        return cn_buf_add_c(out, hash->as == CN_HASH_INT64    ? "'int64'"
                                 : hash->as == CN_HASH_BASE64 ? "'base64'"
                                                              : "'hex'");
    default:
        return print_string(out, hash->key);
    }
}

static bool print_call(struct cn_buf *out, const struct cn_node *node) {
    if (!cn_buf_printf(out, "%s(", node->function->doc.name))
        return false;
    for (uint32_t i = 0; i < node->n_args; i++) {
        if ((i > 0 && !cn_buf_add_c(out, ", ")) ||
            !print_at(out, node->args[i], CN_LEVEL_CONDITIONAL))
            return false;
    }
    for (int k = 0; node->hash != NULL && k < CN_HASH_KEYWORD_COUNT; k++) {
        if ((node->hash->given >> k & 1U) == 0)
            continue;
        if (!cn_buf_printf(out, ", %s=", cn_hash_keyword_name((enum cn_hash_keyword)k)) ||
            !print_keyword(out, node->hash, (enum cn_hash_keyword)k))
            return false;
    }
    return cn_buf_add_char(out, ')');
}

static bool print_bare(struct cn_buf *out, const struct cn_node *node) {
    switch (node->kind) {
    case CN_NODE_BOOL:
        return cn_buf_add_c(out, node->boolean ? "True" : "False");
    case CN_NODE_INT:
        return print_int(out, node->integer);
    case CN_NODE_FLOAT:
        return print_float(out, node->real);
    case CN_NODE_STRING:
        return print_string(out, node->text);
    case CN_NODE_NONE:
        return cn_buf_add_c(out, "None");
    case CN_NODE_NAME:
        return cn_expr_print_name(out, node->text);
    case CN_NODE_STAR:
        return cn_buf_add_char(out, '*');
    case CN_NODE_UNARY:
        return cn_buf_add_c(out, cn_op_text(node->op)) &&
               (node->op != CN_OP_NOT || cn_buf_add_char(out, ' ')) &&
               print_at(out, node->args[0], cn_op_level(node->op));
    case CN_NODE_CHAIN:
    case CN_NODE_COMPARE:
        return print_chain(out, node);
    case CN_NODE_POWER:
        return print_at(out, node->args[0], CN_LEVEL_PRIMARY) && cn_buf_add_c(out, " ** ") &&
               print_at(out, node->args[1], CN_LEVEL_UNARY);
    case CN_NODE_CONDITIONAL:
        return print_at(out, node->args[0], CN_LEVEL_OR) && cn_buf_add_c(out, " if ") &&
               print_at(out, node->args[1], CN_LEVEL_OR) && cn_buf_add_c(out, " else ") &&
               print_at(out, node->args[2], CN_LEVEL_CONDITIONAL);
    default:
        return print_call(out, node);
    }
}

/* Prints a node where only operators of at least the level `least` may stand bare. */
static bool print_at(struct cn_buf *out, const struct cn_node *node, enum cn_level least) {
    if (level_of(node) >= least)
        return print_bare(out, node);
    return cn_buf_add_char(out, '(') && print_bare(out, node) && cn_buf_add_char(out, ')');
}

bool cn_expr_print_node(struct cn_buf *out, const struct cn_node *node) {
    return print_at(out, node, CN_LEVEL_CONDITIONAL);
}

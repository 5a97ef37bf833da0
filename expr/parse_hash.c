/* The keyword arguments of row hashes. */
#include "expr/ast.h"
#include "expr/lexer.h"

#include <stdio.h>

static const char *const keyword_names[CN_HASH_KEYWORD_COUNT] = {
    [CN_HASH_KEYWORD_SEP] = "sep",   [CN_HASH_KEYWORD_TEXT] = "text",
    [CN_HASH_KEYWORD_NULL] = "null", [CN_HASH_KEYWORD_FRAME] = "frame",
    [CN_HASH_KEYWORD_OVER] = "over", [CN_HASH_KEYWORD_AS] = "as",
    [CN_HASH_KEYWORD_KEY] = "key",
};

/* The values of those keywords that are one of a few words. */
struct choice {
    enum cn_hash_keyword keyword;
    const char *word;
    int value;
};
static const struct choice choices[] = {
    {CN_HASH_KEYWORD_TEXT, "python", CN_HASH_PYTHON},
    {CN_HASH_KEYWORD_TEXT, "raw", CN_HASH_RAW},
    {CN_HASH_KEYWORD_FRAME, "join", CN_HASH_JOIN},
    {CN_HASH_KEYWORD_FRAME, "length", CN_HASH_LENGTH},
    {CN_HASH_KEYWORD_OVER, "row", CN_HASH_ROW},
    {CN_HASH_KEYWORD_OVER, "table", CN_HASH_TABLE},
    {CN_HASH_KEYWORD_AS, "hex", CN_HASH_HEX},
    {CN_HASH_KEYWORD_AS, "base64", CN_HASH_BASE64},
    {CN_HASH_KEYWORD_AS, "int64", CN_HASH_INT64},
};
#define N_CHOICES (sizeof choices / sizeof choices[0])

const char *cn_hash_keyword_name(enum cn_hash_keyword keyword) {
    return keyword_names[keyword];
}

static enum cn_code unknown_keyword(int32_t let, const struct cn_node *call, struct cn_str name,
                                    size_t position, struct cn_error *error) {
    struct cn_near near;
    cn_near_init(&near, name);
    for (int i = 0; i < CN_HASH_KEYWORD_COUNT; i++)
        cn_near_offer(&near, cn_str_c(keyword_names[i]));
    char hint[96];
    cn_near_text(&near, hint, sizeof hint);
    return cn_expr_error(error, CN_TYPE_ERROR, let, position,
                         "%s() has no keyword argument `%.*s`%s; it has sep, text, null, frame, "
                         "over, as%s",
                         call->function->doc.name, (int)(name.len > 64 ? 64 : name.len), name.data,
                         hint, call->function->digest == CN_DIGEST_HMAC_SHA256 ? ", key" : "");
}

static enum cn_code bad_choice(int32_t let, enum cn_hash_keyword keyword,
                               const struct cn_node *value, struct cn_error *error) {
    char words[64] = "";
    size_t at = 0;
    for (size_t i = 0; i < N_CHOICES; i++) {
        if (choices[i].keyword == keyword && at < sizeof words)
            at += (size_t)snprintf(words + at, sizeof words - at, "%s'%s'", at > 0 ? " or " : "",
                                   choices[i].word);
    }
    return cn_expr_error(error, CN_TYPE_ERROR, let, value->position, "%s must be %s",
                         keyword_names[keyword], words);
}

static enum cn_code set_choice(int32_t let, struct cn_hash_call *hash, enum cn_hash_keyword keyword,
                               const struct cn_node *value, struct cn_error *error) {
    const struct choice *choice = NULL;
    for (size_t i = 0; i < N_CHOICES && value->kind == CN_NODE_STRING; i++) {
        if (choices[i].keyword == keyword && cn_str_is(value->text, choices[i].word))
            choice = &choices[i];
    }
    if (choice == NULL)
        return bad_choice(let, keyword, value, error);
    switch (keyword) {
    case CN_HASH_KEYWORD_TEXT:
        hash->text = (enum cn_hash_text)choice->value;
        break;
    case CN_HASH_KEYWORD_FRAME:
        hash->frame = (enum cn_hash_frame)choice->value;
        break;
    case CN_HASH_KEYWORD_OVER:
        hash->over = (enum cn_hash_over)choice->value;
        break;
    default:
        hash->as = (enum cn_hash_as)choice->value;
    }
    return CN_OK;
}

enum cn_code cn_hash_keyword_set(struct cn_recipe *recipe, int32_t let, struct cn_node *call,
                                 struct cn_str name, size_t position, const struct cn_node *value,
                                 struct cn_error *error) {
    (void)recipe;
    struct cn_hash_call *hash = call->hash;
    int keyword = 0;
    while (keyword < CN_HASH_KEYWORD_COUNT && !cn_str_is(name, keyword_names[keyword]))
        keyword++;
    if (keyword == CN_HASH_KEYWORD_COUNT)
        return unknown_keyword(let, call, name, position, error);
    if (keyword == CN_HASH_KEYWORD_KEY && call->function->digest != CN_DIGEST_HMAC_SHA256)
        return cn_expr_error(error, CN_TYPE_ERROR, let, position,
                             "%s() takes no key; hmac_sha256() does", call->function->doc.name);
    if ((hash->given >> keyword & 1U) != 0)
        return cn_expr_error(error, CN_TYPE_ERROR, let, position,
                             "the keyword argument %s is given twice", keyword_names[keyword]);
    hash->given |= 1U << keyword;
    bool text = value->kind == CN_NODE_STRING;
    switch (keyword) {
    case CN_HASH_KEYWORD_SEP:
        if (!text)
            break;
        hash->sep = value->text;
        return CN_OK;
    case CN_HASH_KEYWORD_NULL:
        if (!text && value->kind != CN_NODE_NONE)
            return cn_expr_error(error, CN_TYPE_ERROR, let, value->position,
                                 "null must be a string literal, or None: a null among the "
                                 "arguments then makes the digest null");
        hash->null = text ? CN_HASH_NULL_TEXT : CN_HASH_NULL_NULL;
        hash->null_text = value->text;
        return CN_OK;
    case CN_HASH_KEYWORD_KEY:
        if (!text)
            break;
        hash->key = value->text;
        hash->key_position = value->position;
        return CN_OK;
    default:
        return set_choice(let, hash, (enum cn_hash_keyword)keyword, value, error);
    }
    return cn_expr_error(error, CN_TYPE_ERROR, let, value->position, "%s must be a string literal",
                         keyword_names[keyword]);
}

static enum cn_code add_table(struct cn_recipe *recipe, int32_t let, struct cn_node *call,
                              struct cn_error *error) {
    if (recipe->n_tables == recipe->cap_tables) {
        size_t cap = recipe->cap_tables ? recipe->cap_tables * 2 : 8;
        struct cn_table_ref *tables = cn_arena_array(&recipe->arena, cap, sizeof *tables);
        if (tables == NULL)
            return cn_error_memory(error);
        if (recipe->n_tables > 0)
            memcpy(tables, recipe->tables, recipe->n_tables * sizeof *tables);
        recipe->tables = tables;
        recipe->cap_tables = cap;
    }
    /* Arguments were parsed before, so the digests in them have lower numbers. */
    call->hash->table = (uint32_t)recipe->n_tables;
    recipe->tables[recipe->n_tables++] = (struct cn_table_ref){(uint32_t)let, call};
    return CN_OK;
}

enum cn_code cn_hash_call_check(struct cn_recipe *recipe, int32_t let, struct cn_node *call,
                                struct cn_error *error) {
    struct cn_hash_call *hash = call->hash;
    enum cn_digest_kind kind = call->function->digest;
    if (kind == CN_DIGEST_HMAC_SHA256 && (hash->given >> CN_HASH_KEYWORD_KEY & 1U) == 0)
        return cn_expr_error(error, CN_TYPE_ERROR, let, call->position,
                             "hmac_sha256() needs key='NAME', the name of a key that the server "
                             "holds");
    if (hash->as == CN_HASH_INT64 && kind != CN_DIGEST_XXH64 && kind != CN_DIGEST_XXH3_64)
        return cn_expr_error(error, CN_TYPE_ERROR, let, call->position,
                             "as='int64' is for xxh64() and xxh3_64(), whose digests have 64 "
                             "bits; %s() gives 'hex' or 'base64'",
                             call->function->doc.name);
    if (hash->over == CN_HASH_TABLE)
        return add_table(recipe, let, call, error);
    return CN_OK;
}

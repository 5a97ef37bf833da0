/* over='table': one digest over all rows. */
#include "expr/ast.h"
#include "expr/check.h"
#include "kernels/digest.h"

#include <stdlib.h>

#define BUFFER_SIZE ((size_t)16 << 10)

struct cn_table_digest {
    struct cn_digest *digest;
    enum cn_digest_kind kind;
    enum cn_hash_as as;
    size_t len; /* short texts are gathered here before they are digested */
    char buffer[BUFFER_SIZE];
};

size_t cn_recipe_tables(const struct cn_recipe *recipe) {
    return recipe->n_tables;
}

static enum cn_code find_key(const struct cn_hash_call *call, const struct cn_table_ref *table,
                             const struct cn_keyring *keys, const struct cn_hmac_key **key,
                             struct cn_error *error) {
    const struct cn_key *found = cn_keyring_find(keys, call->key);
    if (found != NULL) {
        *key = &found->hmac;
        return CN_OK;
    }
    cn_error_set(error, CN_UNKNOWN_KEY, "the server holds no key of the name '%.*s'",
                 (int)(call->key.len > 64 ? 64 : call->key.len), call->key.data);
    if (error != NULL) {
        error->let = (int32_t)table->let;
        error->position = call->key_position;
    }
    return CN_UNKNOWN_KEY;
}

enum cn_code cn_table_digest_new(struct cn_table_digest **digest, const struct cn_recipe *recipe,
                                 size_t table, const struct cn_keyring *keys,
                                 struct cn_error *error) {
    *digest = NULL;
    const struct cn_table_ref *ref = &recipe->tables[table];
    const struct cn_hmac_key *key = NULL;
    if (ref->node->function->digest == CN_DIGEST_HMAC_SHA256)
        CN_TRY(find_key(ref->node->hash, ref, keys, &key, error));
    struct cn_table_digest *self = malloc(sizeof *self);
    if (self == NULL)
        return cn_error_memory(error);
    self->kind = ref->node->function->digest;
    self->as = ref->node->hash->as;
    self->len = 0;
    self->digest = NULL;
    enum cn_code code = cn_digest_new(&self->digest, self->kind, key, error);
    if (code == CN_OK)
        code = cn_digest_begin(self->digest, error);
    if (code != CN_OK) {
        cn_table_digest_free(self);
        return code;
    }
    *digest = self;
    return CN_OK;
}

static enum cn_code flush(struct cn_table_digest *digest, struct cn_error *error) {
    size_t len = digest->len;
    digest->len = 0;
    return cn_digest_update(digest->digest, digest->buffer, len, error);
}

enum cn_code cn_table_digest_update(struct cn_table_digest *digest, struct cn_str text,
                                    struct cn_error *error) {
    if (text.len >= BUFFER_SIZE - digest->len)
        CN_TRY(flush(digest, error));
    if (text.len >= BUFFER_SIZE)
        CN_TRY(cn_digest_update(digest->digest, text.data, text.len, error));
    else if (text.len > 0)
        memcpy(digest->buffer + digest->len, text.data, text.len);
    digest->len += text.len >= BUFFER_SIZE ? 0 : text.len;
    digest->buffer[digest->len++] = '\n';
    return CN_OK;
}

enum cn_code cn_table_digest_end(struct cn_table_digest *digest, bool null,
                                 struct cn_table_value *value, struct cn_error *error) {
    uint8_t bytes[CN_DIGEST_MAX_SIZE];
    size_t size = cn_digest_size(digest->kind);
    *value = (struct cn_table_value){.known = true, .null = null};
    CN_TRY(flush(digest, error));
    CN_TRY(cn_digest_end(digest->digest, bytes, error));
    if (digest->as == CN_HASH_INT64) {
        uint64_t number = 0;
        for (size_t i = 0; i < 8; i++)
            number = number << 8 | bytes[i];
        value->i64 = (int64_t)number;
        return CN_OK;
    }
    size_t len = size * 2;
    if (digest->as == CN_HASH_HEX)
        cn_hex_encode(bytes, size, value->text);
    else
        len = cn_base64_encode(bytes, size, value->text);
    value->text[len] = '\0';
    return CN_OK;
}

void cn_table_digest_free(struct cn_table_digest *digest) {
    if (digest == NULL)
        return;
    cn_digest_free(digest->digest);
    free(digest);
}

/* ---- use ---------------------------------------------------------------------------------- */

static bool let_uses(const struct cn_recipe *recipe, const struct cn_recipe_let *let, size_t table,
                     const struct cn_names *names, const bool *uses) {
    for (uint32_t id = let->first_node; id < let->end_node; id++) {
        const struct cn_node *node = recipe->nodes[id];
        if (node == recipe->tables[table].node)
            return true;
        const struct cn_names_slot *slot =
            node->kind == CN_NODE_NAME ? cn_names_find(names, node->text) : NULL;
        if (slot != NULL && uses[slot->index])
            return true;
    }
    return false;
}

bool cn_recipe_uses_table(const struct cn_recipe *recipe, size_t let, size_t table) {
    struct cn_arena arena;
    struct cn_names names;
    if (table >= recipe->n_tables)
        return false;
    cn_arena_init(&arena, 1024);
    bool *uses = cn_arena_zalloc(&arena, recipe->n_lets + 1);
    /* Without memory the careful answer is yes. */
    bool answer = true;
    if (uses != NULL && cn_names_init(&names, recipe->n_lets, &arena, NULL) == CN_OK) {
        for (size_t i = 0; i <= let; i++) {
            uses[i] = let_uses(recipe, &recipe->lets[i], table, &names, uses);
            cn_names_add(&names, recipe->lets[i].name, (uint32_t)i);
        }
        answer = uses[let];
    }
    cn_arena_release(&arena);
    return answer;
}

/*
 * One table of methods: OpenSSL's plain contexts for MD5 and SHA-1/2 (for short rows they take two
 * thirds of the time of EVP), EVP for the others, libxxhash, and EVP_MAC for HMAC.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "kernels/digest.h"
#include "kernels/digest_batch.h"
#include "kernels/table.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/md5.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <xxhash.h>

struct method {
    const char *name;
    size_t size;
    const char *evp_name; /* fetched for the methods that need it */
    enum cn_code (*open)(struct cn_digest *digest, struct cn_str key, struct cn_error *error);
    void (*close)(struct cn_digest *digest);
    /* 1 on success, as OpenSSL's. */
    int (*begin)(struct cn_digest *digest);
    int (*update)(struct cn_digest *digest, const void *data, size_t len);
    int (*end)(struct cn_digest *digest, uint8_t *out);
    /* A whole text at once, where that is faster than the three; else NULL. */
    void (*whole)(const void *data, size_t len, uint8_t *out);
    /* Many short rows at once, where the level has a kernel; it starts from `state`. */
    void (**kernel)(const struct cn_digest_batch *batch);
    const uint32_t *state;
};

struct cn_digest {
    const struct method *method;
    union {
        MD5_CTX md5;
        SHA_CTX sha1;
        SHA256_CTX sha256;
        SHA512_CTX sha512;
        struct {
            EVP_MD *type;
            EVP_MD_CTX *context;
        } evp;
        EVP_MAC_CTX *mac;
        XXH64_state_t *xxh64;
        XXH3_state_t *xxh3;
    } as;
};

/* Plain contexts: nothing to open or close. */

#define PLAIN_METHOD(name, Name)                                                                   \
    static int name##_begin(struct cn_digest *digest) {                                            \
        return Name##_Init(&digest->as.name);                                                      \
    }                                                                                              \
    static int name##_update(struct cn_digest *digest, const void *data, size_t len) {             \
        return Name##_Update(&digest->as.name, data, len);                                         \
    }                                                                                              \
    static int name##_end(struct cn_digest *digest, uint8_t *out) {                                \
        return Name##_Final(out, &digest->as.name);                                                \
    }

PLAIN_METHOD(md5, MD5)
PLAIN_METHOD(sha1, SHA1)
PLAIN_METHOD(sha256, SHA256)
PLAIN_METHOD(sha512, SHA512)

static enum cn_code evp_open(struct cn_digest *digest, struct cn_str key, struct cn_error *error) {
    (void)key;
    digest->as.evp.type = EVP_MD_fetch(NULL, digest->method->evp_name, NULL);
    if (!digest->as.evp.type)
        return cn_error_set(error, CN_INTERNAL, "OpenSSL does not offer %s.",
                            digest->method->evp_name);
    digest->as.evp.context = EVP_MD_CTX_new();
    if (!digest->as.evp.context)
        return cn_error_memory(error);
    if (EVP_DigestInit_ex2(digest->as.evp.context, digest->as.evp.type, NULL) != 1)
        return cn_error_set(error, CN_INTERNAL, "OpenSSL cannot begin a %s digest.",
                            digest->method->evp_name);
    return CN_OK;
}

static void evp_close(struct cn_digest *digest) {
    EVP_MD_CTX_free(digest->as.evp.context);
    EVP_MD_free(digest->as.evp.type);
}

static int evp_begin(struct cn_digest *digest) {
    return EVP_DigestInit_ex2(digest->as.evp.context, NULL, NULL);
}

static int evp_update(struct cn_digest *digest, const void *data, size_t len) {
    return EVP_DigestUpdate(digest->as.evp.context, data, len);
}

static int evp_end(struct cn_digest *digest, uint8_t *out) {
    return EVP_DigestFinal_ex(digest->as.evp.context, out, NULL);
}

static enum cn_code hmac_open(struct cn_digest *digest, struct cn_str key, struct cn_error *error) {
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (!mac)
        return cn_error_set(error, CN_INTERNAL, "OpenSSL does not offer HMAC.");
    digest->as.mac = EVP_MAC_CTX_new(mac); /* keeps a reference to mac */
    EVP_MAC_free(mac);
    if (!digest->as.mac)
        return cn_error_memory(error);
    char name[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0), OSSL_PARAM_END};
    /* A NULL key would mean "the one from before", also for an empty one. */
    const char *data = key.len > 0 ? key.data : "";
    if (EVP_MAC_init(digest->as.mac, (const unsigned char *)data, key.len, parameters) != 1)
        return cn_error_set(error, CN_INTERNAL, "OpenSSL cannot begin an HMAC.");
    return CN_OK;
}

static void hmac_close(struct cn_digest *digest) {
    EVP_MAC_CTX_free(digest->as.mac); /* cleanses the key */
}

static int hmac_begin(struct cn_digest *digest) {
    return EVP_MAC_init(digest->as.mac, NULL, 0, NULL);
}

static int hmac_update(struct cn_digest *digest, const void *data, size_t len) {
    return EVP_MAC_update(digest->as.mac, data, len);
}

static int hmac_end(struct cn_digest *digest, uint8_t *out) {
    size_t len;
    return EVP_MAC_final(digest->as.mac, out, &len, digest->method->size);
}

static enum cn_code xxh64_open(struct cn_digest *digest, struct cn_str key,
                               struct cn_error *error) {
    (void)key;
    digest->as.xxh64 = XXH64_createState();
    return digest->as.xxh64 ? CN_OK : cn_error_memory(error);
}

static void xxh64_close(struct cn_digest *digest) {
    XXH64_freeState(digest->as.xxh64);
}

static int xxh64_begin(struct cn_digest *digest) {
    return XXH64_reset(digest->as.xxh64, 0) == XXH_OK;
}

static int xxh64_update(struct cn_digest *digest, const void *data, size_t len) {
    return XXH64_update(digest->as.xxh64, data, len) == XXH_OK;
}

static void write_canonical(XXH64_hash_t hash, uint8_t *out) {
    XXH64_canonical_t canonical;
    XXH64_canonicalFromHash(&canonical, hash);
    memcpy(out, canonical.digest, sizeof canonical.digest);
}

static int xxh64_end(struct cn_digest *digest, uint8_t *out) {
    write_canonical(XXH64_digest(digest->as.xxh64), out);
    return 1;
}

static void xxh64_whole(const void *data, size_t len, uint8_t *out) {
    write_canonical(XXH64(data, len, 0), out);
}

static enum cn_code xxh3_open(struct cn_digest *digest, struct cn_str key, struct cn_error *error) {
    (void)key;
    digest->as.xxh3 = XXH3_createState();
    return digest->as.xxh3 ? CN_OK : cn_error_memory(error);
}

static void xxh3_close(struct cn_digest *digest) {
    XXH3_freeState(digest->as.xxh3);
}

static int xxh3_begin(struct cn_digest *digest) {
    return XXH3_64bits_reset(digest->as.xxh3) == XXH_OK;
}

static int xxh3_update(struct cn_digest *digest, const void *data, size_t len) {
    return XXH3_64bits_update(digest->as.xxh3, data, len) == XXH_OK;
}

static int xxh3_end(struct cn_digest *digest, uint8_t *out) {
    write_canonical(XXH3_64bits_digest(digest->as.xxh3), out);
    return 1;
}

static void xxh3_whole(const void *data, size_t len, uint8_t *out) {
    write_canonical(XXH3_64bits(data, len), out);
}

#define STEPS(prefix) .begin = prefix##_begin, .update = prefix##_update, .end = prefix##_end
#define KERNEL(name) .kernel = &cn_kernels.name##_rows, .state = name##_state
#define LIFE(prefix) .open = prefix##_open, .close = prefix##_close

static const uint32_t md5_state[] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476};

static const struct method methods[CN_DIGEST_KIND_COUNT] = {
    [CN_DIGEST_MD5] = {"md5", 16, STEPS(md5), KERNEL(md5)},
    [CN_DIGEST_SHA1] = {"sha1", 20, STEPS(sha1)},
    [CN_DIGEST_SHA256] = {"sha256", 32, STEPS(sha256)},
    [CN_DIGEST_SHA512] = {"sha512", 64, STEPS(sha512)},
    [CN_DIGEST_SHA3_256] = {"sha3_256", 32, .evp_name = "SHA3-256", LIFE(evp), STEPS(evp)},
    [CN_DIGEST_BLAKE2B512] = {"blake2b512", 64, .evp_name = "BLAKE2B-512", LIFE(evp), STEPS(evp)},
    [CN_DIGEST_XXH64] = {"xxh64", 8, LIFE(xxh64), STEPS(xxh64), .whole = xxh64_whole},
    [CN_DIGEST_XXH3_64] = {"xxh3_64", 8, LIFE(xxh3), STEPS(xxh3), .whole = xxh3_whole},
    [CN_DIGEST_HMAC_SHA256] = {"hmac_sha256", 32, LIFE(hmac), STEPS(hmac)},
};

const char *cn_digest_name(enum cn_digest_kind kind) {
    return methods[kind].name;
}

size_t cn_digest_size(enum cn_digest_kind kind) {
    return methods[kind].size;
}

enum cn_code cn_digest_new(struct cn_digest **digest, enum cn_digest_kind kind, struct cn_str key,
                           struct cn_error *error) {
    *digest = NULL;
    struct cn_digest *made = calloc(1, sizeof *made);
    if (!made)
        return cn_error_memory(error);
    made->method = &methods[kind];
    if (made->method->open) {
        enum cn_code code = made->method->open(made, key, error);
        if (code != CN_OK) {
            cn_digest_free(made);
            return code;
        }
    }
    *digest = made;
    return CN_OK;
}

void cn_digest_free(struct cn_digest *digest) {
    if (!digest)
        return;
    if (digest->method->close)
        digest->method->close(digest);
    OPENSSL_cleanse(digest, sizeof *digest);
    free(digest);
}

static enum cn_code failed(const struct cn_digest *digest, struct cn_error *error) {
    return cn_error_set(error, CN_INTERNAL, "The %s digest failed in its library.",
                        digest->method->name);
}

static enum cn_code digest_row(struct cn_digest *digest, const char *text, size_t len, uint8_t *out,
                               struct cn_error *error) {
    const struct method *method = digest->method;
    if (method->whole)
        method->whole(text, len, out);
    else if (method->begin(digest) != 1 || method->update(digest, text, len) != 1 ||
             method->end(digest, out) != 1)
        return failed(digest, error);
    return CN_OK;
}

/* Up to CN_DIGEST_BATCH rows: the short ones together, the long ones one by one. */
static enum cn_code digest_batch(struct cn_digest *digest, const struct cn_digest_batch *rows,
                                 struct cn_error *error) {
    struct cn_digest_plan plan;
    struct cn_digest_batch batch = *rows;

    cn_digest_plan_rows(&plan, batch.offsets, batch.n);
    batch.order = plan.all_single ? NULL : plan.order;
    batch.n = plan.n_short;
    batch.state = digest->method->state;
    if (batch.n > 0)
        (*digest->method->kernel)(&batch);
    for (size_t i = plan.n_short; i < plan.n_short + plan.n_long; i++) {
        size_t row = plan.order[i];
        CN_TRY(digest_row(digest, batch.base + batch.offsets[row],
                          batch.offsets[row + 1] - batch.offsets[row],
                          batch.out + row * digest->method->size, error));
    }
    return CN_OK;
}

enum cn_code cn_digest_rows(struct cn_digest *digest, const char *base, const size_t *offsets,
                            size_t n, uint8_t *out, struct cn_error *error) {
    const struct method *method = digest->method;

    if (!base) /* all rows are empty */
        base = "";
    if (method->kernel && *method->kernel && n > 1) {
        for (size_t i = 0; i < n; i += CN_DIGEST_BATCH) {
            struct cn_digest_batch batch = {
                .base = base,
                .offsets = offsets + i,
                .end = offsets[n],
                .n = n - i < CN_DIGEST_BATCH ? n - i : CN_DIGEST_BATCH,
                .out = out + i * method->size,
            };
            CN_TRY(digest_batch(digest, &batch, error));
        }
        return CN_OK;
    }
    for (size_t i = 0; i < n; i++, out += method->size)
        CN_TRY(digest_row(digest, base + offsets[i], offsets[i + 1] - offsets[i], out, error));
    return CN_OK;
}

enum cn_code cn_digest_begin(struct cn_digest *digest, struct cn_error *error) {
    return digest->method->begin(digest) == 1 ? CN_OK : failed(digest, error);
}

enum cn_code cn_digest_update(struct cn_digest *digest, const void *data, size_t len,
                              struct cn_error *error) {
    if (len == 0)
        return CN_OK;
    return digest->method->update(digest, data, len) == 1 ? CN_OK : failed(digest, error);
}

enum cn_code cn_digest_end(struct cn_digest *digest, uint8_t *out, struct cn_error *error) {
    return digest->method->end(digest, out) == 1 ? CN_OK : failed(digest, error);
}

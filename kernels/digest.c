/*
 * One table of methods: OpenSSL's plain contexts for MD5 and SHA-1/2 (for short rows they take two
 * thirds of the time of EVP), also for HMAC, EVP for the others, libxxhash. Many short rows go to
 * the kernels of the level, where it has one for the method.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "kernels/digest.h"
#include "kernels/digest_batch.h"
#include "kernels/digest_xxh.h"
#include "kernels/table.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/md5.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <xxhash.h>

/* Below this many rows one by one is about as fast: most lanes of a kernel would be idle. */
#define FEW 4

struct method {
    const char *name;
    size_t size;
    const char *evp_name; /* fetched for the methods that need it */
    enum cn_code (*open)(struct cn_digest *digest, const struct cn_hmac_key *key,
                         struct cn_error *error);
    void (*close)(struct cn_digest *digest);
    /* 1 on success, as OpenSSL's. */
    int (*begin)(struct cn_digest *digest);
    int (*update)(struct cn_digest *digest, const void *data, size_t len);
    int (*end)(struct cn_digest *digest, uint8_t *out);
    /* Many rows at once, where that is faster: of any length; or short ones, from their first
     * state, where the level has a kernel. */
    void (*rows)(const char *base, const size_t *offsets, size_t n, uint8_t *out);
    void (**kernel)(const struct cn_digest_batch *batch);
    size_t word; /* bytes of its words, for the kernel */
    const void *state;
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
        struct {
            SHA256_CTX inner, outer; /* behind the padded key */
            SHA256_CTX now;
        } hmac;
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

static enum cn_code evp_open(struct cn_digest *digest, const struct cn_hmac_key *key,
                             struct cn_error *error) {
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

/* HMAC (RFC 2104): a digest of the padded key and the text, then one of the padded key, otherwise
 * padded, and that digest. The states behind both keys are made once, when a key is read. */

static bool state_behind(uint32_t state[8], const uint8_t *key, uint8_t pad) {
    uint8_t block[SHA256_CBLOCK];
    SHA256_CTX context;
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = key[i] ^ pad;
    bool ok = SHA256_Init(&context) == 1 && SHA256_Update(&context, block, sizeof block) == 1;
    for (size_t i = 0; i < 8; i++)
        state[i] = context.h[i];
    OPENSSL_cleanse(block, sizeof block);
    OPENSSL_cleanse(&context, sizeof context);
    return ok;
}

bool cn_hmac_key_make(struct cn_hmac_key *key, struct cn_str bytes) {
    uint8_t block[SHA256_CBLOCK] = {0};
    SHA256_CTX long_key; /* not SHA256(), which needs memory, and would leave zeros without it */
    bool ok = true;
    if (bytes.len > sizeof block)
        ok = SHA256_Init(&long_key) == 1 && SHA256_Update(&long_key, bytes.data, bytes.len) == 1 &&
             SHA256_Final(block, &long_key) == 1;
    else if (bytes.len > 0)
        memcpy(block, bytes.data, bytes.len);
    ok = ok && state_behind(key->inner, block, 0x36) && state_behind(key->outer, block, 0x5C);
    OPENSSL_cleanse(block, sizeof block);
    return ok;
}

/* A context that has digested the padded key. */
static int context_behind(SHA256_CTX *context, const uint32_t state[8]) {
    if (SHA256_Init(context) != 1)
        return 0;
    for (size_t i = 0; i < 8; i++)
        context->h[i] = state[i];
    context->Nl = SHA256_CBLOCK * 8;
    return 1;
}

static enum cn_code hmac_open(struct cn_digest *digest, const struct cn_hmac_key *key,
                              struct cn_error *error) {
    if (!key || context_behind(&digest->as.hmac.inner, key->inner) != 1 ||
        context_behind(&digest->as.hmac.outer, key->outer) != 1)
        return cn_error_set(error, CN_INTERNAL, "OpenSSL cannot begin an HMAC.");
    return CN_OK;
}

static int hmac_begin(struct cn_digest *digest) {
    digest->as.hmac.now = digest->as.hmac.inner;
    return 1;
}

static int hmac_update(struct cn_digest *digest, const void *data, size_t len) {
    return SHA256_Update(&digest->as.hmac.now, data, len);
}

static int hmac_end(struct cn_digest *digest, uint8_t *out) {
    SHA256_CTX *now = &digest->as.hmac.now;
    if (SHA256_Final(out, now) != 1)
        return 0;
    *now = digest->as.hmac.outer;
    return SHA256_Update(now, out, SHA256_DIGEST_LENGTH) == 1 && SHA256_Final(out, now) == 1;
}

bool cn_hmac_sha256(struct cn_str key, struct cn_str text, uint8_t out[CN_HMAC_BYTES]) {
    struct cn_digest digest;
    struct cn_hmac_key made;
    bool ok = cn_hmac_key_make(&made, key) && hmac_open(&digest, &made, NULL) == CN_OK &&
              hmac_begin(&digest) == 1 && hmac_update(&digest, text.data, text.len) == 1 &&
              hmac_end(&digest, out) == 1;
    OPENSSL_cleanse(&digest, sizeof digest);
    OPENSSL_cleanse(&made, sizeof made);
    return ok;
}

/* The inner digests, in their places, then the outer ones of these. */
static void hmac_rows(struct cn_digest *digest, struct cn_digest_batch *batch, size_t n_rows) {
    size_t offsets[CN_DIGEST_BATCH + 1];
    struct cn_digest_batch outer = *batch;

    batch->state = digest->as.hmac.inner.h;
    batch->before = SHA256_CBLOCK;
    cn_kernels.sha256_rows(batch);
    for (size_t i = 0; i <= n_rows; i++)
        offsets[i] = i * SHA256_DIGEST_LENGTH;
    outer.base = (const char *)batch->out;
    outer.offsets = offsets;
    outer.end = offsets[n_rows];
    outer.state = digest->as.hmac.outer.h;
    outer.before = SHA256_CBLOCK;
    cn_kernels.sha256_rows(&outer);
}

static enum cn_code xxh64_open(struct cn_digest *digest, const struct cn_hmac_key *key,
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

static enum cn_code xxh3_open(struct cn_digest *digest, const struct cn_hmac_key *key,
                              struct cn_error *error) {
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

#define STEPS(prefix) .begin = prefix##_begin, .update = prefix##_update, .end = prefix##_end
#define KERNEL(name)                                                                               \
    .kernel = &cn_kernels.name##_rows, .word = sizeof name##_state[0], .state = name##_state
#define LIFE(prefix) .open = prefix##_open, .close = prefix##_close

static const uint32_t md5_state[] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476};
static const uint32_t sha1_state[] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
static const uint32_t sha256_state[] = {0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
                                        0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19};

static const uint64_t sha512_state[] = {0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B,
                                        0xA54FF53A5F1D36F1, 0x510E527FADE682D1, 0x9B05688C2B3E6C1F,
                                        0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179};

static const struct method methods[CN_DIGEST_KIND_COUNT] = {
    [CN_DIGEST_MD5] = {"md5", 16, STEPS(md5), KERNEL(md5)},
    [CN_DIGEST_SHA1] = {"sha1", 20, STEPS(sha1), KERNEL(sha1)},
    [CN_DIGEST_SHA256] = {"sha256", 32, STEPS(sha256), KERNEL(sha256)},
    [CN_DIGEST_SHA512] = {"sha512", 64, STEPS(sha512), KERNEL(sha512)},
    [CN_DIGEST_SHA3_256] = {"sha3_256", 32, .evp_name = "SHA3-256", LIFE(evp), STEPS(evp)},
    [CN_DIGEST_BLAKE2B512] = {"blake2b512", 64, .evp_name = "BLAKE2B-512", LIFE(evp), STEPS(evp)},
    [CN_DIGEST_XXH64] = {"xxh64", 8, LIFE(xxh64), STEPS(xxh64), .rows = cn_xxh64_rows},
    [CN_DIGEST_XXH3_64] = {"xxh3_64", 8, LIFE(xxh3), STEPS(xxh3), .rows = cn_xxh3_64_rows},
    [CN_DIGEST_HMAC_SHA256] = {"hmac_sha256", 32, .open = hmac_open, STEPS(hmac),
                               .kernel = &cn_kernels.sha256_rows, .word = 4},
};

const char *cn_digest_name(enum cn_digest_kind kind) {
    return methods[kind].name;
}

size_t cn_digest_size(enum cn_digest_kind kind) {
    return methods[kind].size;
}

enum cn_code cn_digest_new(struct cn_digest **digest, enum cn_digest_kind kind,
                           const struct cn_hmac_key *key, struct cn_error *error) {
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
    if (method->begin(digest) != 1 || method->update(digest, text, len) != 1 ||
        method->end(digest, out) != 1)
        return failed(digest, error);
    return CN_OK;
}

/* Up to CN_DIGEST_BATCH rows: the short ones together, the long ones one by one. */
static enum cn_code digest_batch(struct cn_digest *digest, const struct cn_digest_batch *rows,
                                 struct cn_error *error) {
    struct cn_digest_plan plan;
    struct cn_digest_batch batch = *rows;

    cn_digest_plan_rows(&plan, batch.offsets, batch.n, digest->method->word);
    batch.order = plan.all_single ? NULL : plan.order;
    batch.n = plan.n_short;
    batch.state = digest->method->state;
    if (batch.n > 0 && batch.state)
        (*digest->method->kernel)(&batch);
    else if (batch.n > 0)
        hmac_rows(digest, &batch, rows->n);
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
    if (method->rows) {
        method->rows(base, offsets, n, out);
        return CN_OK;
    }
    if (method->kernel && *method->kernel && n >= FEW) {
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

#include "handlers/session.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "kernels/digest.h"

enum { MAC_BYTES = CN_HMAC_BYTES, MAC_HEX = 2 * MAC_BYTES, MOST_DIGITS = 19 };

/* The key is used for nothing else, and the token itself for no other MAC. */
static const char label[] = "colonnade session, version 1";

/* ---- the key ------------------------------------------------------------------------------- */

bool cn_session_key_derive(struct cn_session_key *key, struct cn_str token) {
    _Static_assert(CN_SESSION_KEY_BYTES == MAC_BYTES, "a key is an HMAC");
    *key = (struct cn_session_key){0};
    return cn_hmac_sha256(token, cn_str_c(label), key->bytes);
}

void cn_session_key_cleanse(struct cn_session_key *key) {
    OPENSSL_cleanse(key, sizeof *key);
}

bool cn_session_is_token(const struct cn_session_key *key, struct cn_str token) {
    struct cn_session_key given;
    bool same = token.len > 0 && cn_session_key_derive(&given, token) &&
                CRYPTO_memcmp(given.bytes, key->bytes, sizeof given.bytes) == 0;
    cn_session_key_cleanse(&given);
    return same;
}

void cn_sessions_init(struct cn_sessions *sessions, const struct cn_session_key *key) {
    pthread_mutex_init(&sessions->lock, NULL);
    mlock(&sessions->key, sizeof sessions->key); /* best effort */
    sessions->key = *key;
}

void cn_sessions_change(struct cn_sessions *sessions, const struct cn_session_key *key) {
    pthread_mutex_lock(&sessions->lock);
    sessions->key = *key;
    pthread_mutex_unlock(&sessions->lock);
}

void cn_sessions_key(struct cn_sessions *sessions, struct cn_session_key *key) {
    pthread_mutex_lock(&sessions->lock);
    *key = sessions->key;
    pthread_mutex_unlock(&sessions->lock);
}

void cn_sessions_release(struct cn_sessions *sessions) {
    cn_session_key_cleanse(&sessions->key);
    pthread_mutex_destroy(&sessions->lock);
}

/* ---- the cookie ---------------------------------------------------------------------------- */

static bool sign(const struct cn_session_key *key, struct cn_str expiry, char hex[MAC_HEX]) {
    uint8_t mac[MAC_BYTES];
    struct cn_str secret = cn_str((const char *)key->bytes, sizeof key->bytes);
    bool ok = cn_hmac_sha256(secret, expiry, mac);
    if (ok)
        cn_hex_encode(mac, sizeof mac, hex);
    OPENSSL_cleanse(mac, sizeof mac);
    return ok;
}

bool cn_session_make(const struct cn_session_key *key, int64_t expiry_s,
                     char value[CN_SESSION_VALUE_BYTES]) {
    int n = snprintf(value, CN_SESSION_VALUE_BYTES, "%" PRId64 ".", expiry_s);
    if (n < 2 || n > MOST_DIGITS + 1 || !sign(key, cn_str(value, (size_t)n - 1), value + n))
        return false;
    value[n + MAC_HEX] = '\0';
    return true;
}

/* Splits EXPIRY.MAC. False: it is nothing that cn_session_make() writes. */
static bool split(struct cn_str value, struct cn_str *expiry, int64_t *expiry_s,
                  struct cn_str *mac) {
    size_t n = 0;
    *expiry_s = 0;
    for (; n < value.len && value.data[n] >= '0' && value.data[n] <= '9'; n++)
        if (__builtin_mul_overflow(*expiry_s, 10, expiry_s) ||
            __builtin_add_overflow(*expiry_s, value.data[n] - '0', expiry_s))
            return false;
    if (n == 0 || n > MOST_DIGITS || value.len != n + 1 + MAC_HEX || value.data[n] != '.')
        return false;
    *expiry = cn_str(value.data, n);
    *mac = cn_str(value.data + n + 1, MAC_HEX);
    return true;
}

/* Whether the value is good; *tried counts those that had to be computed. */
static bool check_value(const struct cn_session_key *key, struct cn_str value, int64_t now_s,
                        int *tried) {
    struct cn_str expiry, mac;
    int64_t expiry_s;
    char right[MAC_HEX];
    if (!split(value, &expiry, &expiry_s, &mac) || expiry_s <= now_s)
        return false;
    ++*tried;
    bool good = sign(key, expiry, right) && CRYPTO_memcmp(right, mac.data, MAC_HEX) == 0;
    OPENSSL_cleanse(right, sizeof right);
    return good;
}

static struct cn_str trim(struct cn_str text) {
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = cn_str(text.data + 1, text.len - 1);
    while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
        text.len--;
    return text;
}

bool cn_session_check(const struct cn_session_key *key, struct cn_str cookies, int64_t now_s) {
    static const char name[] = CN_SESSION_COOKIE "=";
    size_t name_len = sizeof name - 1;
    int tried = 0;
    while (cookies.len > 0 && tried < CN_SESSION_TRIES) {
        size_t n = 0;
        /* Cookies are split by ';'; headers that were joined to one by ','. */
        while (n < cookies.len && cookies.data[n] != ';' && cookies.data[n] != ',')
            n++;
        struct cn_str pair = trim(cn_str(cookies.data, n));
        size_t skip = n < cookies.len ? n + 1 : n;
        cookies = cn_str(cookies.data + skip, cookies.len - skip);
        if (pair.len > name_len && memcmp(pair.data, name, name_len) == 0 &&
            check_value(key, cn_str(pair.data + name_len, pair.len - name_len), now_s, &tried))
            return true;
    }
    return false;
}

#include "server/tls.h"

#include <fcntl.h>
#include <gnutls/x509.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "server/secret_file.h"

enum { MAX_CHAIN = 16 };

struct cn_tls {
    atomic_int references;
    gnutls_certificate_credentials_t credentials;
};

/* ---- the files ----------------------------------------------------------------------------- */

static gnutls_datum_t datum(struct cn_str text) {
    return (gnutls_datum_t){(unsigned char *)(uintptr_t)text.data, (unsigned)text.len};
}

static enum cn_code refuse(struct cn_error *error, const char *file, const char *reason) {
    return cn_error_set(error, CN_INVALID_PARAMETER, "%s: %s", file, reason);
}

static enum cn_code check_time(gnutls_x509_crt_t certificate, const char *file,
                               struct cn_error *error) {
    char shown[32];
    struct tm parts;
    time_t now = time(NULL);
    time_t from = gnutls_x509_crt_get_activation_time(certificate);
    time_t until = gnutls_x509_crt_get_expiration_time(certificate);
    if (from == (time_t)-1 || until == (time_t)-1)
        return refuse(error, file, "the certificate does not say when it is valid");
    if (from <= now && now <= until)
        return CN_OK;
    time_t shown_time = now < from ? from : until;
    strftime(shown, sizeof shown, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&shown_time, &parts));
    return cn_error_set(error, CN_INVALID_PARAMETER, "%s: the certificate %s %s", file,
                        now < from ? "is not valid before" : "has expired on", shown);
}

/* Read here only to say what is wrong with which file; what is served is read once more, by the
 * library, from the same bytes. */
static enum cn_code check_certificate(struct cn_str text, const char *file,
                                      struct cn_error *error) {
    gnutls_x509_crt_t chain[MAX_CHAIN];
    unsigned n = MAX_CHAIN;
    gnutls_datum_t data = datum(text);
    int result = gnutls_x509_crt_list_import(chain, &n, &data, GNUTLS_X509_FMT_PEM,
                                             GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);
    if (result == GNUTLS_E_SHORT_MEMORY_BUFFER)
        return refuse(error, file, "there are more than 16 certificates in it");
    if (result < 0 || n == 0)
        return cn_error_set(error, CN_INVALID_PARAMETER, "%s holds no certificate in PEM: %s", file,
                            gnutls_strerror(result));
    enum cn_code code = check_time(chain[0], file, error);
    for (unsigned i = 0; i < n; i++)
        gnutls_x509_crt_deinit(chain[i]);
    return code;
}

static enum cn_code check_key(struct cn_str text, const char *file, struct cn_error *error) {
    gnutls_x509_privkey_t key;
    gnutls_datum_t data = datum(text);
    if (gnutls_x509_privkey_init(&key) < 0)
        return cn_error_memory(error);
    int result = gnutls_x509_privkey_import2(key, &data, GNUTLS_X509_FMT_PEM, NULL, 0);
    gnutls_x509_privkey_deinit(key);
    if (result == GNUTLS_E_DECRYPTION_FAILED || result == GNUTLS_E_PK_INVALID_PUBKEY)
        return refuse(error, file, "the key is encrypted; it must be readable without a password");
    if (result < 0)
        return cn_error_set(error, CN_INVALID_PARAMETER, "%s holds no private key in PEM: %s", file,
                            gnutls_strerror(result));
    return CN_OK;
}

/* ---- the object ---------------------------------------------------------------------------- */

static enum cn_code make(struct cn_tls **result, struct cn_str certificate, struct cn_str key,
                         const char *cert_file, const char *key_file, struct cn_error *error) {
    struct cn_tls *tls = calloc(1, sizeof *tls);
    if (!tls)
        return cn_error_memory(error);
    atomic_init(&tls->references, 1);
    if (gnutls_certificate_allocate_credentials(&tls->credentials) < 0) {
        free(tls);
        return cn_error_memory(error);
    }
    gnutls_datum_t certificate_data = datum(certificate);
    gnutls_datum_t key_data = datum(key);
    int code = gnutls_certificate_set_x509_key_mem2(tls->credentials, &certificate_data, &key_data,
                                                    GNUTLS_X509_FMT_PEM, NULL, 0);
    if (code >= 0) {
        *result = tls;
        return CN_OK;
    }
    cn_tls_unref(tls);
    if (code == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
        return cn_error_set(error, CN_INVALID_PARAMETER,
                            "%s: the key is not that of the certificate in %s", key_file,
                            cert_file);
    return refuse(error, cert_file, gnutls_strerror(code));
}

enum cn_code cn_tls_read(struct cn_tls **tls, const char *cert_file, const char *key_file,
                         struct cn_error *error) {
    struct cn_str certificate, key;
    CN_TRY(cn_secret_read(AT_FDCWD, cert_file, &certificate, error));
    enum cn_code code = cn_secret_read(AT_FDCWD, key_file, &key, error);
    if (code == CN_OK) {
        code = check_certificate(certificate, cert_file, error);
        if (code == CN_OK)
            code = check_key(key, key_file, error);
        if (code == CN_OK)
            code = make(tls, certificate, key, cert_file, key_file, error);
        cn_secret_drop(&key);
    }
    cn_secret_drop(&certificate);
    return code;
}

struct cn_tls *cn_tls_ref(struct cn_tls *tls) {
    atomic_fetch_add_explicit(&tls->references, 1, memory_order_relaxed);
    return tls;
}

void cn_tls_unref(struct cn_tls *tls) {
    if (!tls || atomic_fetch_sub(&tls->references, 1) > 1)
        return;
    gnutls_certificate_free_credentials(tls->credentials);
    free(tls);
}

gnutls_certificate_credentials_t cn_tls_credentials(const struct cn_tls *tls) {
    return tls->credentials;
}

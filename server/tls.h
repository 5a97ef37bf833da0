/*
 * tls.h: a certificate with its key, as TLS wants them.
 *
 * What was read never changes; a new certificate is a new object. Each connection holds a reference
 * to the one that it began with, so another may take its place at any time, and the old key is
 * overwritten and freed with its last connection.
 */
#ifndef CN_SERVER_TLS_H
#define CN_SERVER_TLS_H

#include <gnutls/gnutls.h>

#include "base/error.h"

/*
 * TLS 1.2 and 1.3 with forward secrecy and authenticated encryption only, what every client since
 * 2015 speaks; of two that both sides have, the server's choice (GnuTLS manual, "Priority
 * Strings").
 */
#define CN_TLS_PRIORITIES                                                                          \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-CIPHER-ALL:"      \
    "+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:-MAC-ALL:+AEAD:%SERVER_PRECEDENCE"

struct cn_tls;

/*
 * Reads a certificate (PEM, its own first, then those that lead to the root) and its private key
 * (PEM, without a password). CN_INVALID_PARAMETER, with the file and the reason: one that cannot be
 * read or parsed, a key of another certificate, a certificate that is not valid now.
 * The caller owns one reference.
 */
enum cn_code cn_tls_read(struct cn_tls **tls, const char *cert_file, const char *key_file,
                         struct cn_error *error);

struct cn_tls *cn_tls_ref(struct cn_tls *tls);
void cn_tls_unref(struct cn_tls *tls); /* may be NULL */

/* For gnutls_credentials_set(); valid as long as the reference. */
gnutls_certificate_credentials_t cn_tls_credentials(const struct cn_tls *tls);

#endif

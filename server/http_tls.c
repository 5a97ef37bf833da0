/*
 * TLS under libmicrohttpd: each connection gets the certificate of the moment. The rest is that of
 * a session (tls_session.h).
 */
#include "server/mhd.h"

void cn_http_tls_open(struct cn_connection *connection, struct MHD_Connection *mhd) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    cn_tls_session_open(&connection->session, info->tls_session, connection->fd,
                        cn_tls_credentials(connection->tls));
}

void cn_http_tls_close(struct cn_connection *connection) {
    cn_tls_session_close(&connection->session);
    cn_tls_unref(connection->tls);
}

/* The library wants to know at its start where certificates come from. A connection that could not
 * be given one (no memory) has none. */
int cn_http_tls_no_certificate(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                               gnutls_pcert_st **certificates, unsigned *n_certificates,
                               gnutls_ocsp_data_st **answers, unsigned *n_answers,
                               gnutls_privkey_t *key, unsigned *flags) {
    (void)session, (void)info, (void)certificates, (void)n_certificates, (void)answers;
    (void)n_answers, (void)key, (void)flags;
    return -1;
}

void cn_http_use_tls(struct cn_http *http, struct cn_tls *tls) {
    pthread_mutex_lock(&http->lock);
    struct cn_tls *old = http->tls;
    http->tls = tls;
    pthread_mutex_unlock(&http->lock);
    cn_tls_unref(old);
}

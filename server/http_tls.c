/*
 * TLS under libmicrohttpd.
 *
 * The library speaks TLS by itself; what is done here is what it does not: each connection gets the
 * certificate of the moment, and a reply can be sent past it (a refusal in the middle of a body, a
 * head that comes too late).
 *
 * A session of GnuTLS may have one thread that sends. That is the connection's own, so the watcher
 * never writes: it leaves the text here and ends the receiving side of the socket, which wakes the
 * connection's thread to read. Reading calls pull(), and there, between two records, the text is
 * sent. What the client still sends afterwards is read on as usual until the time is up.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/mhd.h"

enum { HANDSHAKE_RECORD = 22, DRAIN_ROUNDS = 64 };

/* ---- the last words ------------------------------------------------------------------------ */

/* The socket's buffer is empty (nothing was sent but perhaps a 100), so a few KB go in whole; if
 * they do not, the client is not reading and gets nothing. */
static void send_farewell(struct cn_connection *connection) {
    gnutls_session_t session = connection->session;
    struct cn_buf *text = &connection->farewell;
    size_t sent = 0;
    int on = 1; /* the end of the session follows at once: neither waits for the client's answer */
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    while (sent < text->len) {
        ssize_t n = gnutls_record_send(session, text->data + sent, text->len - sent);
        if (n <= 0)
            break;
        sent += (size_t)n;
    }
    bool whole = sent == text->len;
    cn_buf_release(text);
    if (!whole || gnutls_bye(session, GNUTLS_SHUT_WR) < 0)
        shutdown(connection->fd, SHUT_RDWR);
}

void cn_http_tls_farewell(struct cn_connection *connection, struct cn_buf *text) {
    if (atomic_load(&connection->farewell_state) != CN_FAREWELL_NONE) {
        cn_buf_release(text);
        return;
    }
    connection->farewell = *text;
    *text = (struct cn_buf)CN_BUF_INIT;
    atomic_store(&connection->farewell_state, CN_FAREWELL_LEFT);
    shutdown(connection->fd, SHUT_RD);
}

/* ---- the socket ---------------------------------------------------------------------------- */

/* recv() says 0 for the end that was made here, too. */
static bool client_ended(int fd) {
    struct tcp_info info;
    socklen_t size = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
           info.tcpi_state != TCP_ESTABLISHED;
}

static ssize_t pull_after_farewell(struct cn_connection *connection, void *data, size_t size) {
    if (!connection->shaken) /* nobody to talk to yet */
        return 0;
    if (atomic_load(&connection->farewell_state) == CN_FAREWELL_LEFT) {
        atomic_store(&connection->farewell_state, CN_FAREWELL_SENT);
        send_farewell(connection);
    }
    ssize_t n = read(connection->fd, data, size);
    if (n != 0 || client_ended(connection->fd))
        return n;
    errno = EAGAIN;
    return -1;
}

/* Somebody speaks plain HTTP to this port, and is told so in plain HTTP. What was sent is read, so
 * that the answer is not lost in a reset. */
static ssize_t refuse_plain(struct cn_connection *connection) {
    char scrap[1024];
    cn_http_cut_plain(connection->fd, 400);
    for (int i = 0; i < DRAIN_ROUNDS && read(connection->fd, scrap, sizeof scrap) > 0; i++)
        ;
    return 0;
}

/* GnuTLS's transport: as its own, but for the above. */
static ssize_t pull(gnutls_transport_ptr_t transport, void *data, size_t size) {
    struct cn_connection *connection = transport;
    if (atomic_load_explicit(&connection->farewell_state, memory_order_acquire) != CN_FAREWELL_NONE)
        return pull_after_farewell(connection, data, size);
    ssize_t n = read(connection->fd, data, size);
    if (n > 0 && !connection->greeted) {
        unsigned char first = *(const unsigned char *)data;
        connection->greeted = true;
        if (first != HANDSHAKE_RECORD && first >= 'A' && first <= 'Z')
            return refuse_plain(connection);
    }
    return n;
}

static int pull_timeout(gnutls_transport_ptr_t transport, unsigned ms) {
    const struct cn_connection *connection = transport;
    struct pollfd poller = {.fd = connection->fd, .events = POLLIN};
    return poll(&poller, 1, ms == GNUTLS_INDEFINITE_TIMEOUT ? -1 : (int)ms);
}

/* The client's last message of the handshake was read: from now on, pull() is called to receive
 * what the client has to say. */
static int on_finished(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
                       const gnutls_datum_t *message) {
    (void)type;
    (void)when;
    (void)message;
    struct cn_connection *connection = gnutls_transport_get_ptr(session);
    if (incoming)
        connection->shaken = true;
    return 0;
}

/* ---- connections --------------------------------------------------------------------------- */

void cn_http_tls_open(struct cn_connection *connection, struct MHD_Connection *mhd) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    gnutls_session_t session = info->tls_session;
    connection->session = session;
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, cn_tls_credentials(connection->tls));
    gnutls_transport_set_ptr2(session, connection,
                              (gnutls_transport_ptr_t)(intptr_t)connection->fd);
    gnutls_transport_set_pull_function(session, pull);
    gnutls_transport_set_pull_timeout_function(session, pull_timeout);
    gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_FINISHED, GNUTLS_HOOK_POST,
                                       on_finished);
}

void cn_http_tls_close(struct cn_connection *connection) {
    cn_buf_release(&connection->farewell);
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

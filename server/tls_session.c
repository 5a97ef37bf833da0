#include "server/tls_session.h"

#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HANDSHAKE_RECORD = 22, DRAIN_ROUNDS = 64 };

/* ---- the last words ------------------------------------------------------------------------ */

/* The socket's buffer is empty (nothing was sent but perhaps a 100), so a few KB go in whole; if
 * they do not, the client is not reading and gets nothing. */
static void send_farewell(struct cn_tls_session *tls) {
    struct cn_buf *text = &tls->farewell;
    size_t sent = 0;
    int on = 1; /* the end of the session follows at once: neither waits for the client's answer */
    setsockopt(tls->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    while (sent < text->len) {
        ssize_t n = gnutls_record_send(tls->session, text->data + sent, text->len - sent);
        if (n <= 0)
            break;
        sent += (size_t)n;
    }
    bool whole = sent == text->len;
    cn_buf_release(text);
    if (!whole || gnutls_bye(tls->session, GNUTLS_SHUT_WR) < 0)
        shutdown(tls->fd, SHUT_RDWR);
}

void cn_tls_session_farewell(struct cn_tls_session *tls, struct cn_buf *text) {
    if (atomic_load(&tls->farewell_state) != CN_FAREWELL_NONE) {
        cn_buf_release(text);
        return;
    }
    tls->farewell = *text;
    *text = CN_BUF_INIT;
    atomic_store(&tls->farewell_state, CN_FAREWELL_LEFT);
    shutdown(tls->fd, SHUT_RD);
}

void cn_tls_session_speak(struct cn_tls_session *tls) {
    if (!tls->shaken || atomic_load(&tls->farewell_state) != CN_FAREWELL_LEFT)
        return;
    atomic_store(&tls->farewell_state, CN_FAREWELL_SENT);
    send_farewell(tls);
}

/* ---- the socket ---------------------------------------------------------------------------- */

/* read() says 0 for the end that was made here, too. */
static bool client_ended(int fd) {
    struct tcp_info info;
    socklen_t size = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
           info.tcpi_state != TCP_ESTABLISHED;
}

static ssize_t pull_after_farewell(struct cn_tls_session *tls, void *data, size_t size) {
    if (!tls->shaken) /* nobody to talk to yet */
        return 0;
    cn_tls_session_speak(tls);
    ssize_t n = read(tls->fd, data, size);
    if (n != 0 || client_ended(tls->fd))
        return n;
    errno = EAGAIN;
    return -1;
}

/* Somebody speaks plain HTTP to this port, and is told so in plain HTTP. What was sent is read, so
 * that the answer is not lost in a reset. */
static ssize_t refuse_plain(struct cn_tls_session *tls) {
    static const char answer[] =
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    char scrap[1024];
    ssize_t sent = send(tls->fd, answer, sizeof answer - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)sent;
    shutdown(tls->fd, SHUT_WR);
    for (int i = 0; i < DRAIN_ROUNDS && read(tls->fd, scrap, sizeof scrap) > 0; i++)
        ;
    return 0;
}

static ssize_t pull_from(struct cn_tls_session *tls, void *data, size_t size) {
    if (atomic_load_explicit(&tls->farewell_state, memory_order_acquire) != CN_FAREWELL_NONE)
        return pull_after_farewell(tls, data, size);
    ssize_t n = read(tls->fd, data, size);
    if (n == 0 && atomic_load(&tls->farewell_state) != CN_FAREWELL_NONE)
        return pull_after_farewell(tls, data, size); /* the text was left just now */
    if (n > 0 && !tls->greeted) {
        unsigned char first = *(const unsigned char *)data;
        tls->greeted = true;
        if (first != HANDSHAKE_RECORD && first >= 'A' && first <= 'Z')
            return refuse_plain(tls);
    }
    return n;
}

/* GnuTLS's transport: as its own, but for the above. */
static ssize_t pull(gnutls_transport_ptr_t transport, void *data, size_t size) {
    struct cn_tls_session *tls = transport;
    ssize_t n = pull_from(tls, data, size);
    tls->empty = n < 0 && errno == EAGAIN;
    return n;
}

static int pull_timeout(gnutls_transport_ptr_t transport, unsigned ms) {
    const struct cn_tls_session *tls = transport;
    struct pollfd poller = {.fd = tls->fd, .events = POLLIN};
    return poll(&poller, 1, ms == GNUTLS_INDEFINITE_TIMEOUT ? -1 : (int)ms);
}

/* ---- the handshake ------------------------------------------------------------------------- */

/* NULL: it was not taken over. Else the two ends of its transport are told apart: what is sent goes
 * to the descriptor, what is received comes from the struct. */
static struct cn_tls_session *taken_over(gnutls_session_t session) {
    gnutls_transport_ptr_t receiving, sending;
    gnutls_transport_get_ptr2(session, &receiving, &sending);
    return receiving == sending ? NULL : receiving;
}

/* The next definition of the function, which is GnuTLS's own. */
static int real_handshake(gnutls_session_t session) {
    typedef int handshake(gnutls_session_t session);
    static _Atomic(void *) known;
    void *function = atomic_load_explicit(&known, memory_order_relaxed);
    if (!function) {
        function = dlsym(RTLD_NEXT, "gnutls_handshake");
        atomic_store_explicit(&known, function, memory_order_relaxed);
    }
    return function ? ((handshake *)(uintptr_t)function)(session) : GNUTLS_E_INTERNAL_ERROR;
}

/* In place of GnuTLS's. */
int gnutls_handshake(gnutls_session_t session) {
    return taken_over(session) ? GNUTLS_E_SUCCESS : real_handshake(session);
}

ssize_t cn_tls_session_result(gnutls_session_t session, ssize_t result) {
    const struct cn_tls_session *tls = result == GNUTLS_E_AGAIN ? taken_over(session) : NULL;
    return tls && !tls->empty ? GNUTLS_E_INTERRUPTED : result;
}

int cn_tls_session_shake(gnutls_session_t session) {
    struct cn_tls_session *tls = taken_over(session);
    if (!tls || tls->shaken)
        return 0;
    int result = real_handshake(session);
    atomic_store(&tls->shaken, result == GNUTLS_E_SUCCESS);
    if (result == GNUTLS_E_SUCCESS)
        return 0;
    /* It waits to write where the client is slow to read what does not fit into the socket at once:
     * the library, which waits for something to read, is to call again. */
    if (result == GNUTLS_E_AGAIN && gnutls_record_get_direction(session) == 0)
        return (int)cn_tls_session_result(session, result);
    if (!gnutls_error_is_fatal(result))
        return GNUTLS_E_INTERRUPTED;
    gnutls_alert_send_appropriate(session, result);
    return result;
}

/* ---- life ---------------------------------------------------------------------------------- */

void cn_tls_session_open(struct cn_tls_session *tls, gnutls_session_t session, int fd,
                         gnutls_certificate_credentials_t credentials) {
    *tls = (struct cn_tls_session){.session = session, .fd = fd};
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
    gnutls_transport_set_ptr2(session, tls, (gnutls_transport_ptr_t)(intptr_t)fd);
    gnutls_transport_set_pull_function(session, pull);
    gnutls_transport_set_pull_timeout_function(session, pull_timeout);
}

void cn_tls_session_close(struct cn_tls_session *tls) {
    cn_buf_release(&tls->farewell);
}

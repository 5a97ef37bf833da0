#include "server/probe.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "server/listen.h"

enum { TIMEOUT_SECONDS = 2 };

static const char REQUEST_FORMAT[] = "GET /livez HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n";
static const char EXPECTED[] = "HTTP/1.1 200";

/* An address that only says "all of them" cannot be connected to. */
static const char *reachable(const char *address) {
    if (strcmp(address, "0.0.0.0") == 0)
        return "127.0.0.1";
    return strcmp(address, "::") == 0 ? "::1" : address;
}

/* A connected socket, or -1 with errno. The time limit holds for connecting, too. */
static int connect_to(const char *address, const char *port) {
    static const struct addrinfo numbers = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                                            .ai_socktype = SOCK_STREAM};
    static const struct timeval limit = {.tv_sec = TIMEOUT_SECONDS};
    struct addrinfo *found;
    if (getaddrinfo(address, port, &numbers, &found) != 0) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0 ||
                    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
                    connect(fd, found->ai_addr, found->ai_addrlen) != 0)) {
        int reason = errno;
        close(fd);
        fd = -1;
        errno = reason;
    }
    freeaddrinfo(found);
    return fd;
}

/* Sends the request and reads as many bytes as tell the status. MSG_WAITALL, because then the time
 * limit is that of the whole answer and not of each byte. */
static ssize_t ask_plain(int fd, struct cn_str request, char *status, size_t size) {
    if (send(fd, request.data, request.len, MSG_NOSIGNAL) != (ssize_t)request.len)
        return -1;
    return recv(fd, status, size, MSG_WAITALL);
}

/* The same over TLS. Whose certificate it is does not matter: no secret is sent, and the address is
 * the server's own. */
static ssize_t ask_session(gnutls_session_t session, struct cn_str request, char *status,
                           size_t size) {
    int result;
    do
        result = gnutls_handshake(session);
    while (result < 0 && !gnutls_error_is_fatal(result) && result != GNUTLS_E_AGAIN);
    if (result < 0 || gnutls_record_send(session, request.data, request.len) < 0)
        return -1;
    size_t got = 0;
    while (got < size) {
        ssize_t n = gnutls_record_recv(session, status + got, size - got);
        if (n <= 0)
            return n < 0 ? -1 : (ssize_t)got;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

static ssize_t ask_secure(int fd, struct cn_str request, char *status, size_t size) {
    gnutls_session_t session;
    gnutls_certificate_credentials_t none;
    ssize_t got = -1;
    if (gnutls_certificate_allocate_credentials(&none) < 0)
        return got;
    if (gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL) >= 0) {
        gnutls_transport_set_int(session, fd);
        gnutls_handshake_set_timeout(session, TIMEOUT_SECONDS * 1000);
        if (gnutls_set_default_priority(session) >= 0 &&
            gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, none) >= 0)
            got = ask_session(session, request, status, size);
        gnutls_deinit(session);
    }
    gnutls_certificate_free_credentials(none);
    return got;
}

static enum cn_code ask(int fd, bool secure, const char *shown, struct cn_error *error) {
    char text[256], status[sizeof EXPECTED] = "";
    int len = snprintf(text, sizeof text, REQUEST_FORMAT, shown);
    struct cn_str request = cn_str(text, (size_t)len);
    ssize_t got = secure ? ask_secure(fd, request, status, sizeof status - 1)
                         : ask_plain(fd, request, status, sizeof status - 1);
    if (got < (ssize_t)sizeof status - 1)
        return cn_error_set(error, CN_INTERNAL, "%s does not answer%s", shown,
                            got == 0 ? "" : " in time");
    if (strcmp(status, EXPECTED) != 0)
        return cn_error_set(error, CN_INTERNAL, "%s answers GET /livez with '%s', not '%s'", shown,
                            status, EXPECTED);
    return CN_OK;
}

enum cn_code cn_probe_health(const struct cn_settings *settings, struct cn_error *error) {
    struct cn_listener listener;
    CN_TRY(cn_listener_parse(&listener, settings->listen, error));
    const char *port = strrchr(listener.shown, ':') + 1;
    const char *address = reachable(listener.address);
    char shown[sizeof listener.shown];
    snprintf(shown, sizeof shown, strchr(address, ':') ? "[%s]:%s" : "%s:%s", address, port);
    if (strspn(port, "0") == strlen(port))
        return cn_error_set(error, CN_INVALID_PARAMETER,
                            "--health needs the server's port; %s leaves it open", shown);
    int fd = connect_to(address, port);
    if (fd < 0)
        return cn_error_set(error, CN_INTERNAL, "cannot connect to %s: %s", shown,
                            errno == EINPROGRESS ? strerror(ETIMEDOUT) : strerror(errno));
    enum cn_code code = ask(fd, settings->tls_cert != NULL, shown, error);
    close(fd);
    return code;
}

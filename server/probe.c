#include "server/probe.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/listen.h"

enum { TIMEOUT_SECONDS = 2 };

static const char REQUEST_FORMAT[] = "GET /livez HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n";
static const char EXPECTED[] = "HTTP/1.1 200";

/* ---- the connection -------------------------------------------------------------------------- */

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

/* ---- what is said ---------------------------------------------------------------------------- */

static enum cn_code judge(const char *status, ssize_t got, const char *shown,
                          struct cn_error *error) {
    if (got < (ssize_t)sizeof EXPECTED - 1)
        return cn_error_set(error, CN_INTERNAL, "%s does not answer%s", shown,
                            got == 0 ? "" : " in time");
    if (strcmp(status, EXPECTED) != 0)
        return cn_error_set(error, CN_INTERNAL, "%s answers GET /livez with '%s', not '%s'", shown,
                            status, EXPECTED);
    return CN_OK;
}

/* Sends the request and reads as many bytes as tell the status. MSG_WAITALL, because then the time
 * limit is that of the whole answer and not of each byte. */
static enum cn_code ask(int fd, const char *request, const char *shown, struct cn_error *error) {
    char status[sizeof EXPECTED] = "";
    size_t len = strlen(request);
    if (send(fd, request, len, MSG_NOSIGNAL) != (ssize_t)len)
        return cn_error_set(error, CN_INTERNAL, "%s takes no request: %s", shown, strerror(errno));
    ssize_t got = recv(fd, status, sizeof status - 1, MSG_WAITALL);
    return judge(status, got, shown, error);
}

/* Reads until `size` bytes are there. What is no data (a ticket for the next session) looks like a
 * read that timed out, so a clock has to tell. */
static ssize_t receive_secure(gnutls_session_t session, char *bytes, size_t size) {
    int64_t until = cn_clock_now() + CN_NS_PER_SECOND * TIMEOUT_SECONDS;
    size_t got = 0;
    while (got < size) {
        ssize_t more = gnutls_record_recv(session, bytes + got, size - got);
        if (more > 0)
            got += (size_t)more;
        else if (more == 0 || gnutls_error_is_fatal((int)more) || cn_clock_now() >= until)
            return got > 0 ? (ssize_t)got : more;
    }
    return (ssize_t)got;
}

/* The same through TLS. The certificate is not judged: whether the server lives is asked, and
 * nothing secret is said. */
static enum cn_code converse(gnutls_session_t session, const char *request, const char *shown,
                             struct cn_error *error) {
    char status[sizeof EXPECTED] = "";
    int fault = gnutls_handshake(session);
    if (fault == GNUTLS_E_TIMEDOUT)
        return cn_error_set(error, CN_INTERNAL, "%s does not answer in time", shown);
    if (fault < 0)
        return cn_error_set(error, CN_INTERNAL, "%s does not speak TLS: %s", shown,
                            gnutls_strerror(fault));
    ssize_t got = gnutls_record_send(session, request, strlen(request));
    if (got >= 0)
        got = receive_secure(session, status, sizeof status - 1);
    return judge(status, got, shown, error);
}

static enum cn_code ask_secure(int fd, const char *request, const char *shown,
                               struct cn_error *error) {
    gnutls_certificate_credentials_t any;
    gnutls_session_t session;
    if (gnutls_certificate_allocate_credentials(&any) < 0)
        return cn_error_memory(error);
    if (gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL) < 0) {
        gnutls_certificate_free_credentials(any);
        return cn_error_memory(error);
    }
    enum cn_code code;
    if (gnutls_set_default_priority(session) < 0 ||
        gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, any) < 0)
        code = cn_error_memory(error);
    else {
        gnutls_transport_set_int(session, fd);
        gnutls_handshake_set_timeout(session, TIMEOUT_SECONDS * 1000);
        code = converse(session, request, shown, error);
    }
    gnutls_deinit(session);
    gnutls_certificate_free_credentials(any);
    return code;
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
    char request[256];
    snprintf(request, sizeof request, REQUEST_FORMAT, shown);
    enum cn_code code =
        settings->tls_cert ? ask_secure(fd, request, shown, error) : ask(fd, request, shown, error);
    close(fd);
    return code;
}

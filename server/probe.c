#include "server/probe.h"

#include <errno.h>
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
static enum cn_code ask(int fd, const char *shown, struct cn_error *error) {
    char request[256], status[sizeof EXPECTED] = "";
    int len = snprintf(request, sizeof request, REQUEST_FORMAT, shown);
    if (send(fd, request, (size_t)len, MSG_NOSIGNAL) != len)
        return cn_error_set(error, CN_INTERNAL, "%s takes no request: %s", shown, strerror(errno));
    ssize_t got = recv(fd, status, sizeof status - 1, MSG_WAITALL);
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
    enum cn_code code = ask(fd, shown, error);
    close(fd);
    return code;
}

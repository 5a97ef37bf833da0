#include "server/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static bool parse_port(const char *text, unsigned *port) {
    size_t len = strlen(text);
    if (len == 0 || len > 5 || strspn(text, "0123456789") != len)
        return false;
    *port = (unsigned)strtoul(text, NULL, 10);
    return *port <= 65535;
}

static bool is_loopback(const char *address) {
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, address, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, address, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static bool is_address(const char *address) {
    struct in6_addr any;
    return inet_pton(AF_INET, address, &any) == 1 || inet_pton(AF_INET6, address, &any) == 1;
}

enum cn_code cn_listener_parse(struct cn_listener *listener, const char *text,
                               struct cn_error *error) {
    *listener = (struct cn_listener){.fd = -1};
    const char *colon = strrchr(text, ':');
    unsigned port;
    if (!colon || !parse_port(colon + 1, &port))
        return cn_error_set(error, CN_INVALID_PARAMETER,
                            "'%s' is no ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:8080", text);
    const char *from = text;
    size_t len = (size_t)(colon - text);
    bool brackets = len >= 2 && from[0] == '[' && from[len - 1] == ']';
    if (brackets) {
        from++;
        len -= 2;
    }
    snprintf(listener->address, sizeof listener->address, "%.*s", (int)(len < 63 ? len : 63), from);
    if (len == 0 && !brackets)
        snprintf(listener->address, sizeof listener->address, "0.0.0.0");
    else if (strcmp(listener->address, "localhost") == 0)
        snprintf(listener->address, sizeof listener->address, "127.0.0.1");
    bool v6 = strchr(listener->address, ':') != NULL;
    if (len >= 63 || v6 != brackets || !is_address(listener->address))
        return cn_error_set(error, CN_INVALID_PARAMETER,
                            "'%s' does not begin with an address in numbers (127.0.0.1, 0.0.0.0, "
                            "[::1]) or localhost",
                            text);
    listener->loopback = is_loopback(listener->address);
    snprintf(listener->shown, sizeof listener->shown, v6 ? "[%s]:%u" : "%s:%u", listener->address,
             port);
    return CN_OK;
}

static socklen_t make_address(const struct cn_listener *listener, union address *address) {
    unsigned port = 0;
    parse_port(strrchr(listener->shown, ':') + 1, &port);
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, listener->address, &address->v4.sin_addr) == 1) {
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons((uint16_t)port);
        return sizeof address->v4;
    }
    memset(address, 0, sizeof *address);
    inet_pton(AF_INET6, listener->address, &address->v6.sin6_addr);
    address->v6.sin6_family = AF_INET6;
    address->v6.sin6_port = htons((uint16_t)port);
    return sizeof address->v6;
}

static void show(struct cn_listener *listener, const union address *address) {
    bool v6 = address->any.sa_family == AF_INET6;
    unsigned port = ntohs(v6 ? address->v6.sin6_port : address->v4.sin_port);
    snprintf(listener->shown, sizeof listener->shown, v6 ? "[%s]:%u" : "%s:%u", listener->address,
             port);
}

enum cn_code cn_listener_adopt(struct cn_listener *listener, int fd, struct cn_error *error) {
    union address address = {0};
    socklen_t size = sizeof address;
    *listener = (struct cn_listener){.fd = fd};
    if (getsockname(fd, &address.any, &size) != 0)
        return cn_error_set(error, CN_INTERNAL, "socket %d has no address: %s", fd,
                            strerror(errno));
    bool v6 = address.any.sa_family == AF_INET6;
    inet_ntop(address.any.sa_family,
              v6 ? (const void *)&address.v6.sin6_addr : (const void *)&address.v4.sin_addr,
              listener->address, sizeof listener->address);
    listener->loopback = is_loopback(listener->address);
    show(listener, &address);
    return CN_OK;
}

enum cn_code cn_listener_open(struct cn_listener *listener, struct cn_error *error) {
    union address address;
    socklen_t size = make_address(listener, &address);
    int on = 1;
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, &address.any, size) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, &address.any, &size) != 0) {
        cn_error_set(error, CN_INTERNAL, "cannot listen on %s: %s", listener->shown,
                     strerror(errno));
        if (fd >= 0)
            close(fd);
        return CN_INTERNAL;
    }
    show(listener, &address);
    listener->fd = fd;
    return CN_OK;
}

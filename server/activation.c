#include "server/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIRST = 3 };

/* A number of plain digits; -1: it is none, or beyond int. */
static long parse_number(const char *text) {
    size_t len = text ? strlen(text) : 0;
    if (len == 0 || len > 9 || strspn(text, "0123456789") != len)
        return -1;
    return strtol(text, NULL, 10);
}

/* The name at `index` of a list that is split by colons; empty: there is none. */
static void find_name(const char *names, size_t index, char *out, size_t size) {
    out[0] = '\0';
    for (; names && index > 0; index--) {
        names = strchr(names, ':');
        if (names)
            names++;
    }
    if (names && *names)
        snprintf(out, size, " (%.*s)", (int)strcspn(names, ":"), names);
}

static int option_of(int fd, int option) {
    int value = -1;
    socklen_t size = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

static bool prepare(int fd) {
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
           fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

static enum cn_code take_one(struct cn_listener *listener, int fd, const char *name,
                             struct cn_error *error) {
    const char *reason = NULL;
    int domain = option_of(fd, SO_DOMAIN);
    if (domain < 0)
        reason = strerror(errno);
    else if ((domain != AF_INET && domain != AF_INET6) || option_of(fd, SO_TYPE) != SOCK_STREAM)
        reason = "it is not a TCP socket";
    else if (option_of(fd, SO_ACCEPTCONN) != 1)
        reason = "it does not listen (a socket unit must not say Accept=yes)";
    else if (!prepare(fd))
        reason = strerror(errno);
    if (!reason)
        return cn_listener_adopt(listener, fd, error);
    return cn_error_set(error, CN_INVALID_PARAMETER, "socket %d%s that was passed in: %s", fd, name,
                        reason);
}

enum cn_code cn_activation_take(struct cn_listener *listeners, size_t max, size_t *n,
                                struct cn_error *error) {
    char name[128];
    const char *names = getenv("LISTEN_FDNAMES");
    long pid = parse_number(getenv("LISTEN_PID"));
    long count = parse_number(getenv("LISTEN_FDS"));
    *n = 0;
    if (pid != getpid() || count <= 0)
        return CN_OK;
    if ((unsigned long)count > max)
        return cn_error_set(error, CN_INVALID_PARAMETER,
                            "%ld sockets were passed in; at most %zu are taken", count, max);
    for (; *n < (size_t)count; ++*n) {
        find_name(names, *n, name, sizeof name);
        CN_TRY(take_one(&listeners[*n], FIRST + (int)*n, name, error));
    }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return CN_OK;
}

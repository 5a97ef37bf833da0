/*
 * http_accept.c: the thread that takes connections and deals them out.
 *
 * Where its threads accept by themselves, the library gives a connection to whoever wakes first:
 * all clients may end on one thread while the others sleep. A connection that is handed in goes to
 * the thread of its descriptor's number, modulo the threads, which is even.
 */
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/mhd.h"

#define PAUSE_US 10000 /* when there are no descriptors left */

static bool is_exhausted(int code) {
    return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM;
}

/* Takes what waits at one socket. */
static void take_all(struct cn_http *http, int listener) {
    for (;;) {
        struct sockaddr_storage address;
        socklen_t len = sizeof address;
        int fd = accept4(listener, (struct sockaddr *)&address, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) /* the library closes it, also when it refuses it */
            MHD_add_connection(http->daemon, fd, (struct sockaddr *)&address, len);
        else if (errno == EINTR || errno == ECONNABORTED)
            continue;
        else if (!is_exhausted(errno) || atomic_load(&http->accept_stopping))
            return; /* whoever waits for this thread may hold what would free a descriptor */
        else
            usleep(PAUSE_US);
    }
}

static void *accept_all(void *cls) {
    struct cn_http *http = cls;
    struct pollfd wait[CN_MAX_LISTENERS + 1];
    size_t n = http->options.n_listeners;

    for (size_t i = 0; i < n; i++)
        wait[i] = (struct pollfd){.fd = http->options.listeners[i].fd, .events = POLLIN};
    wait[n] = (struct pollfd){.fd = http->accept_wake, .events = POLLIN};
    while (!atomic_load(&http->accept_stopping)) {
        if (poll(wait, n + 1, -1) <= 0)
            continue;
        for (size_t i = 0; i < n; i++)
            if (wait[i].revents != 0)
                take_all(http, wait[i].fd);
    }
    return NULL;
}

enum cn_code cn_http_accept_start(struct cn_http *http, struct cn_error *error) {
    http->accept_wake = eventfd(0, EFD_CLOEXEC);
    if (http->accept_wake < 0 || pthread_create(&http->acceptor, NULL, accept_all, http) != 0) {
        if (http->accept_wake >= 0)
            close(http->accept_wake);
        return cn_error_set(error, CN_INTERNAL, "A thread could not be started.");
    }
    return CN_OK;
}

void cn_http_accept_stop(struct cn_http *http) {
    uint64_t one = 1;

    atomic_store(&http->accept_stopping, true);
    while (write(http->accept_wake, &one, sizeof one) < 0 && errno == EINTR)
        ;
    pthread_join(http->acceptor, NULL);
    close(http->accept_wake);
    for (size_t i = 0; i < http->options.n_listeners; i++)
        close(http->options.listeners[i].fd);
}

/*
 * listen.h: the addresses to listen on.
 */
#ifndef CN_SERVER_LISTEN_H
#define CN_SERVER_LISTEN_H

#include <stdbool.h>

#include "base/error.h"

/* More than one only where they are passed in (activation.h). */
#define CN_MAX_LISTENERS 16

struct cn_listener {
    int fd;
    bool loopback;
    char address[64]; /* without brackets */
    char shown[96];   /* "127.0.0.1:8080", "[::1]:8080": the port that was really taken */
};

/* Reads ADDRESS:PORT, [ADDRESS]:PORT or :PORT (all addresses); the address is a number or
 * "localhost". Nothing is opened yet: fd is -1. CN_INVALID_PARAMETER. */
enum cn_code cn_listener_parse(struct cn_listener *listener, const char *text,
                               struct cn_error *error);

/* Takes a socket that listens already: what it is bound to is asked of it. CN_INTERNAL. */
enum cn_code cn_listener_adopt(struct cn_listener *listener, int fd, struct cn_error *error);

/* Opens the socket of an address that was parsed. CN_INTERNAL, with the system's reason. */
enum cn_code cn_listener_open(struct cn_listener *listener, struct cn_error *error);

#endif

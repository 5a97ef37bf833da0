/*
 * framing_socket.h: how the check of framing.h comes between a socket and the library.
 *
 * libmicrohttpd reads by recv(), of a TLS connection by gnutls_record_recv(), and finds both
 * through the table of dynamic symbols. The program defines them itself (framing_socket.c): what is
 * read from a descriptor that is watched goes through its checker, all other calls pass straight
 * through.
 *
 * Which descriptors are watched has to be found from a descriptor alone, so the table is global:
 * the one exception beside the table of kernels (ARCHITECTURE.md says why). It is looked up without
 * a lock. A descriptor is watched from the moment when the library takes the connection over until
 * just before it closes it; both happen on the thread that reads from it, so that nothing is read
 * while its entry changes.
 */
#ifndef CN_SERVER_FRAMING_SOCKET_H
#define CN_SERVER_FRAMING_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

#include "server/framing.h"

/* From now on what the library reads from `fd` goes through `framing`, which must live until it is
 * forgotten. `encrypted`: what it reads by gnutls_record_recv() instead; recv() is then GnuTLS's
 * own. False: there is no memory, or no place for a descriptor as high, and nothing is watched. */
bool cn_framing_watch(int fd, struct cn_framing *framing, bool encrypted);
void cn_framing_forget(int fd);

/* Whether calls of recv() from libraries come here at all. They do not in a program that was linked
 * statically; then every request is refused. */
bool cn_framing_in_effect(void);

/* Reads as `read` does, until there is something to hand on, the end, or an error (whose value is
 * given back). Exposed for tests. */
typedef ssize_t cn_framing_reader(void *source, void *data, size_t size);
ssize_t cn_framing_read(struct cn_framing *framing, cn_framing_reader *read, void *source,
                        char *data, size_t size);

#endif

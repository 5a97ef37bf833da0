/*
 * activation.h: sockets that systemd opened for the service (sd_listen_fds(3): LISTEN_PID,
 * LISTEN_FDS and LISTEN_FDNAMES; the sockets are descriptors 3 and up).
 */
#ifndef CN_SERVER_ACTIVATION_H
#define CN_SERVER_ACTIVATION_H

#include <stddef.h>

#include "server/listen.h"

/*
 * Takes the sockets that were passed to this process; *n is 0 when there are none. They are made
 * non-blocking and close on exec, and the variables are removed, so nobody takes them twice.
 * CN_INVALID_PARAMETER: there are more than `max`, or one is no TCP socket that listens; it is
 * named by its number and by the name that its unit gave it.
 */
enum cn_code cn_activation_take(struct cn_listener *listeners, size_t max, size_t *n,
                                struct cn_error *error);

#endif

/*
 * probe.h: `colonnade --health`: asks the server that these settings would start whether it lives.
 *
 * For health checks in images that hold no shell and no curl. The answer is the exit status.
 */
#ifndef CN_SERVER_PROBE_H
#define CN_SERVER_PROBE_H

#include "base/error.h"
#include "server/settings.h"

/* Connects to settings->listen (a server on all addresses: by loopback), sends `GET /livez` and
 * reads the status, each within two seconds; over TLS where the settings name a certificate. No
 * secret is read, and nothing is opened but the one connection. CN_OK: the status is 200.
 * CN_INVALID_PARAMETER: no address to connect to, such as port 0. CN_INTERNAL: nobody answers
 * there, or answers otherwise; the detail says what came. */
enum cn_code cn_probe_health(const struct cn_settings *settings, struct cn_error *error);

#endif

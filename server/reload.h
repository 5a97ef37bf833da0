/*
 * reload.h: SIGHUP: the file of settings, the token and the certificate are read again.
 *
 * All of it is taken or nothing: everything is read and checked before anything changes. Where
 * something is wrong, one line says what, and the service goes on as it was. Requests keep the
 * settings that they began with, connections their certificate. Sessions of a token that is no
 * longer the one end at once.
 *
 * Settings that were in use stay where they are to the end of the program, because requests refer
 * to them without a count: that costs under a KiB for each reload.
 */
#ifndef CN_SERVER_RELOAD_H
#define CN_SERVER_RELOAD_H

#include "handlers/service.h"
#include "handlers/session.h"
#include "server/http.h"
#include "server/settings.h"

struct cn_settings_used; /* settings that were taken over once */

/* Filled in by main: what is reloaded, and where it goes. */
struct cn_reload {
    int argc; /* the program's arguments: flags go on to win over the file */
    char **argv;
    struct cn_settings started;    /* as they were read at the start */
    const struct cn_settings *now; /* in use */
    struct cn_service *service;
    struct cn_http *http;
    const char *keys_dir; /* NULL: none; only looked at */
    struct cn_settings_used *used;
};

/* Tells systemd, reloads, and tells `err` how it went. Main thread only. */
void cn_reload(struct cn_reload *reload, FILE *err);

/* When nobody refers to the settings any more. */
void cn_reload_release(struct cn_reload *reload);

#endif

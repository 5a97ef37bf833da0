/*
 * notify.h: tells systemd how the service is, if it asked to be told (NOTIFY_SOCKET).
 */
#ifndef CN_SERVER_NOTIFY_H
#define CN_SERVER_NOTIFY_H

/* `state` is "READY=1" or "STOPPING=1". Errors are of no consequence. */
void cn_notify(const char *state);

#endif

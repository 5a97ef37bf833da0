/*
 * tls_session.h: a session of GnuTLS as libmicrohttpd drives it, and what it needs beside.
 *
 * Last words. A session may have one thread that writes, which is the connection's own. So the
 * watcher never writes: it leaves a text and ends the receiving side of the socket, which wakes the
 * connection's thread to read. Reading calls pull(), and there, between two records, the text is
 * sent. What the client still sends afterwards is read on as usual until the time is up.
 *
 * Handshakes. libmicrohttpd 0.9.75 calls gnutls_handshake() again and again while it waits for the
 * client, with a whole CPU (epoll: it forgets that there was something to read only when a record
 * was read). So the program defines gnutls_handshake() itself, as it does gnutls_record_recv()
 * (framing_socket.h): it says at once that all is well, and the handshake is made by the readings
 * that follow.
 *
 * All of a session's functions are called on its connection's thread, but for
 * cn_tls_session_farewell().
 */
#ifndef CN_SERVER_TLS_SESSION_H
#define CN_SERVER_TLS_SESSION_H

#include <gnutls/gnutls.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/buf.h"

/* Whoever leaves a text does so once, before it says LEFT. */
enum cn_farewell { CN_FAREWELL_NONE, CN_FAREWELL_LEFT, CN_FAREWELL_SENT };

struct cn_tls_session {
    gnutls_session_t session;
    int fd;
    bool greeted;              /* the first bytes are there */
    bool empty;                /* the socket had nothing to read when it was last asked */
    atomic_bool shaken;        /* the handshake is complete */
    atomic_int farewell_state; /* enum cn_farewell */
    struct cn_buf farewell;    /* text to be sent before the end */
};

/* Takes over the transport of a session before its handshake. The memory must outlive it. */
void cn_tls_session_open(struct cn_tls_session *tls, gnutls_session_t session, int fd,
                         gnutls_certificate_credentials_t credentials);
void cn_tls_session_close(struct cn_tls_session *tls);

/* Has the connection's thread send the text, which is taken over, and end the session; what still
 * arrives is read. Any thread, while the socket is open. Before the end of the handshake the
 * connection is closed without it. */
void cn_tls_session_farewell(struct cn_tls_session *tls, struct cn_buf *text);
/* Sends now what was left so, before the connection is closed. */
void cn_tls_session_speak(struct cn_tls_session *tls);

/* What gnutls_record_recv() is to return for what GnuTLS's own returned. Behind GNUTLS_E_AGAIN the
 * library waits for an event (edge-triggered: for more to arrive); but GnuTLS says that also for a
 * piece of a record with the client's end behind it. Then it is GNUTLS_E_INTERRUPTED, behind which
 * the library reads once more. */
ssize_t cn_tls_session_result(gnutls_session_t session, ssize_t result);

/* Goes on with the handshake of a session that was taken over: what gnutls_record_recv() does
 * first. 0: it is complete, or the session is another's. Else what that function is to return. */
int cn_tls_session_shake(gnutls_session_t session);

#endif

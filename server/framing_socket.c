#undef _FORTIFY_SOURCE /* whose recv() is an inline function */
#include "server/framing_socket.h"

#include <dlfcn.h>
#include <gnutls/gnutls.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "server/tls_session.h"

/* ---- who is watched ------------------------------------------------------------------------ */

enum { PAGE = 1024, PAGES = 4096 };

struct entry {
    _Atomic(struct cn_framing *) framing;
    atomic_bool encrypted;
};

/* Pages are made when they are needed and kept. */
static _Atomic(struct entry *) pages[PAGES];

static struct entry *find(int fd) {
    if (fd < 0 || fd >= PAGE * PAGES)
        return NULL;
    struct entry *page = atomic_load_explicit(&pages[fd / PAGE], memory_order_acquire);
    return page ? &page[fd % PAGE] : NULL;
}

static void make_page(int fd) {
    struct entry *none = NULL;
    struct entry *page = calloc(PAGE, sizeof *page);
    if (page && !atomic_compare_exchange_strong(&pages[fd / PAGE], &none, page))
        free(page); /* another thread was faster */
}

bool cn_framing_watch(int fd, struct cn_framing *framing, bool encrypted) {
    if (fd < 0 || fd >= PAGE * PAGES)
        return false;
    if (!find(fd))
        make_page(fd);
    struct entry *entry = find(fd);
    if (!entry)
        return false;
    atomic_store_explicit(&entry->encrypted, encrypted, memory_order_relaxed);
    atomic_store_explicit(&entry->framing, framing, memory_order_release);
    return true;
}

void cn_framing_forget(int fd) {
    struct entry *entry = find(fd);
    if (entry)
        atomic_store_explicit(&entry->framing, NULL, memory_order_release);
}

static struct cn_framing *checker_of(int fd, bool encrypted) {
    struct entry *entry = find(fd);
    struct cn_framing *framing =
        entry ? atomic_load_explicit(&entry->framing, memory_order_acquire) : NULL;
    if (!framing || atomic_load_explicit(&entry->encrypted, memory_order_relaxed) != encrypted)
        return NULL;
    return framing;
}

/* ---- reading ------------------------------------------------------------------------------- */

/* What comes behind a fault is read and dropped, so that the client gets to read its refusal, whose
 * connection would be reset otherwise. Not without an end. */
#define MOST_SKIPPED (UINT64_C(64) << 20)

/* What has come behind a fault already. */
static void skip_what_is_there(struct cn_framing *framing, cn_framing_reader *read, void *source) {
    char data[16 << 10];
    ssize_t n = sizeof data;
    for (int i = 0; i < 64 && n == sizeof data; i++) {
        n = read(source, data, sizeof data);
        if (n > 0)
            framing->skipped += (uint64_t)n;
    }
}

/*
 * The library takes a read of less than it asked for as a sign that nothing is left, and waits for
 * an event (edge-triggered: for more to arrive). So where the checker leaves bytes out, this reads
 * on until the room is full or nothing is left.
 */
ssize_t cn_framing_read(struct cn_framing *framing, cn_framing_reader *read, void *source,
                        char *data, size_t size) {
    size_t good = cn_framing_rest(framing, data, size);
    while (good < size) {
        ssize_t n = read(source, data + good, size - good);
        if (n <= 0)
            return good > 0 ? (ssize_t)good : n;
        size_t asked = size - good;
        bool before = framing->fault;
        good += cn_framing_feed(framing, data + good, (size_t)n, asked);
        if (framing->fault && !before)
            skip_what_is_there(framing, read, source);
        if (framing->skipped > MOST_SKIPPED)
            return 0; /* as if the client had closed */
        if (good > 0 && (size_t)n < asked)
            break;
    }
    return (ssize_t)good;
}

static ssize_t read_socket(void *source, void *data, size_t size) {
    return recvfrom(*(int *)source, data, size, 0, NULL, NULL);
}

/* In place of the C library's, for all libraries. */
ssize_t recv(int fd, void *data, size_t size, int flags) {
    struct cn_framing *framing = flags == 0 ? checker_of(fd, false) : NULL;
    if (!framing)
        return recvfrom(fd, data, size, flags, NULL, NULL);
    return cn_framing_read(framing, read_socket, &fd, data, size);
}

bool cn_framing_in_effect(void) {
    return dlsym(RTLD_DEFAULT, "recv") == (void *)(uintptr_t)recv;
}

/* ---- the same of TLS ----------------------------------------------------------------------- */

typedef ssize_t record_recv(gnutls_session_t session, void *data, size_t size);

/* The next definition of the function, which is GnuTLS's own. */
static record_recv *real_record_recv(void) {
    static _Atomic(void *) known;
    void *function = atomic_load_explicit(&known, memory_order_relaxed);
    if (!function) {
        function = dlsym(RTLD_NEXT, "gnutls_record_recv");
        atomic_store_explicit(&known, function, memory_order_relaxed);
    }
    return (record_recv *)(uintptr_t)function;
}

static ssize_t read_record(void *source, void *data, size_t size) {
    return cn_tls_session_result(source, real_record_recv()(source, data, size));
}

/* In place of GnuTLS's. */
ssize_t gnutls_record_recv(gnutls_session_t session, void *data, size_t size) {
    int receiving, sending; /* of these the first is a pointer (tls_session.c) */
    if (!real_record_recv())
        return GNUTLS_E_INTERNAL_ERROR;
    int shaken = cn_tls_session_shake(session);
    if (shaken != 0)
        return shaken;
    gnutls_transport_get_int2(session, &receiving, &sending);
    struct cn_framing *framing = checker_of(sending, true);
    if (!framing)
        return real_record_recv()(session, data, size);
    return cn_framing_read(framing, read_record, session, data, size);
}

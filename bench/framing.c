/*
 * framing.c: what the check of request framing (server/framing.h) costs, without sockets or HTTP.
 *
 *   framing KIND COUNT
 *
 * feeds COUNT requests of a kind through one checker, in pieces of at most 64 KiB, and prints a
 * line of JSON: the seconds of one request, its bytes, and those of its head. KIND is `curl` or
 * `browser` (a head alone), `body` (1 MB of known length), `chunks` (the same in chunks of 16 KiB,
 * as curl sends them).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "server/framing.h"

enum { PIECE = 64 << 10, BODY = 1000000, CHUNK = 16 << 10, LIMIT = 64 << 10 };

static const char curl[] = "POST /v1/compute?let=r%3Da%2Bb HTTP/1.1\r\nHost: localhost:8080\r\n"
                           "User-Agent: curl/7.88.1\r\nAccept: */*\r\nContent-Type: text/csv\r\n";
static const char browser[] =
    "GET /v1/runs?limit=20 HTTP/1.1\r\nHost: localhost:8080\r\nConnection: keep-alive\r\n"
    "sec-ch-ua: \"Not_A Brand\";v=\"8\", \"Chromium\";v=\"120\"\r\nsec-ch-ua-mobile: ?0\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/120.0.0.0 Safari/537.36\r\nsec-ch-ua-platform: \"Linux\"\r\nAccept: */*\r\n"
    "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n"
    "Referer: http://localhost:8080/\r\nAccept-Encoding: gzip, deflate, br\r\n"
    "Accept-Language: en-US,en;q=0.9\r\nCookie: colonnade_session=1800000000."
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n";

static void must(bool ok) {
    if (!ok)
        abort();
}

static void add_body(struct cn_buf *request, bool chunked) {
    for (int at = 0; at < BODY;) {
        int n = !chunked ? BODY : BODY - at < CHUNK ? BODY - at : CHUNK;
        if (chunked)
            must(cn_buf_printf(request, "%x\r\n", (unsigned)n));
        for (int i = 0; i < n; i += 10)
            must(cn_buf_add_str(request, cn_str("123456789\n", (size_t)(n - i < 10 ? n - i : 10))));
        if (chunked)
            must(cn_buf_add_c(request, "\r\n"));
        at += n;
    }
    if (chunked)
        must(cn_buf_add_c(request, "0\r\n\r\n"));
}

/* The request; the length of its head. False: there is no such kind. */
static bool make(const char *kind, struct cn_buf *request, size_t *head) {
    bool body = strcmp(kind, "body") == 0;
    bool chunks = strcmp(kind, "chunks") == 0;
    if (strcmp(kind, "browser") == 0)
        must(cn_buf_printf(request, "%s\r\n", browser));
    else if (chunks)
        must(cn_buf_printf(request, "%sTransfer-Encoding: chunked\r\n\r\n", curl));
    else if (body || strcmp(kind, "curl") == 0)
        must(cn_buf_printf(request, "%sContent-Length: %d\r\n\r\n", curl, body ? BODY : 0));
    else
        return false;
    *head = request->len;
    if (body || chunks)
        add_body(request, chunks);
    return true;
}

/* Checked where it stands: it is good, so nothing in it changes. */
static void feed(struct cn_framing *framing, const struct cn_buf *request) {
    for (size_t at = 0; at < request->len; at += PIECE) {
        size_t n = request->len - at < PIECE ? request->len - at : PIECE;
        if (cn_framing_feed(framing, request->data + at, n, n) != n)
            abort();
    }
}

int main(int argc, char **argv) {
    struct cn_buf request = CN_BUF_INIT;
    struct cn_framing framing;
    size_t head = 0;
    int64_t count = argc == 3 ? strtoll(argv[2], NULL, 10) : 0;
    if (count < 1 || !make(argv[1], &request, &head)) {
        fprintf(stderr, "framing curl|browser|body|chunks COUNT\n");
        return EXIT_FAILURE;
    }
    cn_framing_init(&framing, LIMIT);
    feed(&framing, &request);
    int64_t begun = cn_clock_now();
    for (int64_t i = 0; i < count; i++)
        feed(&framing, &request);
    int64_t ns = cn_clock_now() - begun;
    if (framing.fault || framing.heads != (uint64_t)count + 1)
        abort();
    printf("{\"seconds\": %.12f, \"bytes\": %zu, \"head\": %zu}\n",
           (double)ns / 1e9 / (double)count, request.len, head);
    cn_buf_release(&request);
    return EXIT_SUCCESS;
}

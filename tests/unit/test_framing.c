/* The check of framing: what is good, what is wrong and where, whatever the pieces; and that it
 * comes between a socket and whoever calls recv(). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/framing.h"
#include "server/framing_socket.h"

#define LIMIT 4096
#define HOST "Host: a\r\n"
#define GET "GET / HTTP/1.1\r\n" HOST "\r\n"
#define POST "POST /x HTTP/1.1\r\n" HOST
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

struct result {
    char out[16384];
    size_t n;
};

/* Feeds the text in pieces of `piece` bytes. */
static void feed(struct cn_framing *framing, struct result *result, const char *text, size_t n,
                 size_t piece) {
    char data[16384];
    result->n = 0;
    cn_framing_init(framing, LIMIT);
    for (size_t at = 0; at < n; at += piece) {
        size_t len = n - at < piece ? n - at : piece;
        memcpy(data, text + at, len);
        size_t got = cn_framing_feed(framing, data, len, len);
        assert_true(got <= len && result->n + got < sizeof result->out);
        memcpy(result->out + result->n, data, got);
        result->n += got;
        while (framing->fault && (got = cn_framing_rest(framing, data, piece)) > 0) {
            memcpy(result->out + result->n, data, got);
            result->n += got;
        }
    }
    result->out[result->n] = '\0';
}

/* `out` is what must be handed on, all `out_n` bytes of it; NULL: whatever it is. */
static void check_bytes(const char *text, size_t n, enum cn_framing_fault fault, uint64_t request,
                        const char *out, size_t out_n) {
    static const size_t pieces[] = {16384, 1, 2, 3, 7};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct cn_framing framing;
        struct result result;
        feed(&framing, &result, text, n, pieces[i]);
        if (framing.fault != fault || framing.refused != request)
            fail_msg("fault %d of %d, not %d of %d, in pieces of %zu: %s", (int)framing.fault,
                     (int)framing.refused, (int)fault, (int)request, pieces[i], text);
        if (out) {
            assert_int_equal(result.n, out_n);
            assert_memory_equal(result.out, out, out_n);
        }
    }
}

static void check_text(const char *text, enum cn_framing_fault fault, uint64_t request,
                       const char *out) {
    check_bytes(text, strlen(text), fault, request, out, out ? strlen(out) : 0);
}

/* There are so many heads in it, and `out` is handed on. Both texts may hold NULs. */
static void good_bytes(const char *text, size_t n, uint64_t heads, const char *out, size_t out_n) {
    struct cn_framing framing;
    struct result result;
    check_bytes(text, n, CN_FRAMING_GOOD, 0, out, out_n);
    feed(&framing, &result, text, n, sizeof result.out);
    assert_int_equal(framing.heads, heads);
    assert_true(heads == 0 || cn_framing_passed(&framing, heads));
    assert_false(cn_framing_passed(&framing, heads + 1));
}

static void good(const char *text, uint64_t heads, const char *out) {
    out = out ? out : text;
    good_bytes(text, strlen(text), heads, out, strlen(out));
}

/* The fault is in the first request; what is handed on is `out`. */
static void bad(const char *text, enum cn_framing_fault fault, const char *out) {
    char two[4096];
    check_text(text, fault, 1, out);
    snprintf(two, sizeof two, GET "%s" GET, text);
    check_text(two, fault, 2, NULL);
}

static void test_good_heads(void **state) {
    (void)state;
    good(GET, 1, NULL);
    good(GET GET GET, 3, NULL);
    good("GET /", 0, NULL);
    good("\r\n\r\n" GET "\r\n" GET, 2, NULL);
    good("GET / HTTP/1.0\r\n\r\n", 1, NULL);
    good("GET / HTTP/1.9\r\n" HOST "\r\n", 1, NULL);
    good("QUERY http://h:80/a?b=c|d`\xc3\xbc` HTTP/1.1\r\n" HOST "\r\n", 1, NULL);
    good("OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 1, NULL);
    good("CONNECT a:1 HTTP/1.1\r\nhOsT:[::1]:80\r\n\r\n", 1, NULL);
    good("M-X!#$%&'*+.^_`|~9 / HTTP/1.1\r\n" HOST "\r\n", 1, NULL);
    good("GET / HTTP/1.1\r\nHost:\r\nA:\r\nB: \t \r\nC:d e\t\"f\" \xc3\xbc\xff \r\n\r\n", 1, NULL);
    good("GET / HTTP/1.1\r\nHosts: x\r\nHos: y\r\nContent-Lengt: z\r\nContent-Length2: q\r\n" HOST
         "\r\n",
         1, NULL);
}

static void test_good_bodies(void **state) {
    (void)state;
    static const char nul[] = POST "Content-Length: 3\r\n\r\n\r\n\0" GET;
    good_bytes(nul, sizeof nul - 1, 2, nul, sizeof nul - 1);
    good(POST "Content-Length: 3\r\n\r\n\n:\r" GET, 2, NULL);
    good(POST "Content-Length: 0\r\n\r\n" GET, 2, NULL);
    good(POST "content-length: 0003\r\n\r\nabc" GET, 2, NULL);
    good(POST "Content-Length:\t3 \t \r\n\r\nabc" GET, 2, POST "Content-Length:\t3\r\n\r\nabc" GET);
    good("GET / HTTP/1.1\r\nHost: a \r\n\r\n", 1, GET);
    good(POST "Content-Length: 9223372036854775807\r\n\r\nabc", 1, NULL);
    good(CHUNKED "0\r\n\r\n" GET, 2, NULL);
    good(CHUNKED "a\r\n0123456789\r\n00002\r\n\r\n\r\n0\r\n\r\n" GET, 2, NULL);
    good(POST "transfer-ENCODING:  Chunked  \r\n\r\nA\r\n0123456789\r\n0\r\n\r\n" GET, 2,
         POST "transfer-ENCODING:  Chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n" GET);
    good(CHUNKED "7fffffffffffffff\r\nabc", 1, NULL);
    /* what is left out */
    good(CHUNKED "1;a\r\nx\r\n1 ; a = b;c=\"d;\\\"\t\" ;e\r\nx\r\n0;f=g\r\n\r\n" GET, 2,
         CHUNKED "1\r\nx\r\n1\r\nx\r\n0\r\n\r\n" GET);
    good(CHUNKED "0\r\nA: b\r\nC:\r\nContent-Length: 5\r\n\r\n" GET, 2, CHUNKED "0\r\n\r\n" GET);
}

static void test_request_lines(void **state) {
    (void)state;
    bad("\x16\x03\x01", CN_FRAMING_REQUEST_LINE, "BAD / HTTP/1.0\r\n\r\n");
    bad(" GET / HTTP/1.1\r\n" HOST "\r\n", CN_FRAMING_REQUEST_LINE, NULL);
    bad("GE(T / HTTP/1.1\r\n" HOST "\r\n", CN_FRAMING_REQUEST_LINE, "GE / HTTP/1.0\r\n\r\n");
    bad("GET\t/ HTTP/1.1\r\n" HOST "\r\n", CN_FRAMING_REQUEST_LINE, "GET / HTTP/1.0\r\n\r\n");
    bad("GET\r\n\r\n", CN_FRAMING_REQUEST_LINE, NULL);
    bad("GET  / HTTP/1.1\r\n" HOST "\r\n", CN_FRAMING_REQUEST_LINE, "GET / HTTP/1.0\r\n\r\n");
    bad("GET /\r\n\r\n", CN_FRAMING_REQUEST_LINE, "GET / HTTP/1.0\r\n\r\n");
    bad("GET /\n", CN_FRAMING_REQUEST_LINE, NULL);
    bad("GET /a b HTTP/1.1\r\n" HOST "\r\n", CN_FRAMING_REQUEST_LINE, "GET /a HTTP/1.0\r\n\r\n");
    bad("GET /  HTTP/1.1\r\n" HOST "\r\n", CN_FRAMING_REQUEST_LINE, NULL);
    bad("GET / HTTP/1.1 \r\n" HOST "\r\n", CN_FRAMING_REQUEST_LINE, "GET / HTTP/1.1\r\n\r\n");
    bad("GET / HTTP/1.11\r\n" HOST "\r\n", CN_FRAMING_REQUEST_LINE, NULL);
    bad("GET / HTTP/1,1\r\n" HOST "\r\n", CN_FRAMING_REQUEST_LINE, "GET / HTTP/1.0\r\n\r\n");
    bad("GET / HTTP/1.\r\n" HOST "\r\n", CN_FRAMING_REQUEST_LINE, NULL);
    bad("GET / http/1.1\r\n" HOST "\r\n", CN_FRAMING_REQUEST_LINE, NULL);
    bad("GET / HTTPS/1.1\r\n" HOST "\r\n", CN_FRAMING_REQUEST_LINE, NULL);
    bad("GET /\x01 HTTP/1.1\r\n" HOST "\r\n", CN_FRAMING_TARGET, NULL);
    bad("GET /\x7f HTTP/1.1\r\n" HOST "\r\n", CN_FRAMING_TARGET, NULL);
    bad("GET /\t HTTP/1.1\r\n" HOST "\r\n", CN_FRAMING_TARGET, NULL);
    bad("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", CN_FRAMING_VERSION, "PRI * HTTP/1.0\r\n\r\n");
    bad("GET / HTTP/0.9\r\n" HOST "\r\n", CN_FRAMING_VERSION, NULL);
    bad("GET / HTTP/1.1\n" HOST "\r\n", CN_FRAMING_LINE_END, "GET / HTTP/1.1\r\n\r\n");
    bad("GET / HTTP/1.1\r\r\n" HOST "\r\n", CN_FRAMING_LINE_END, "GET / HTTP/1.1\r\n\r\n");
    bad("\n" GET, CN_FRAMING_LINE_END, NULL);
    bad("\r" GET, CN_FRAMING_LINE_END, "\r\nBAD / HTTP/1.0\r\n\r\n");
}

#define LINE "GET / HTTP/1.1\r\n"

static void test_fields(void **state) {
    (void)state;
    bad(LINE HOST " x: y\r\n\r\n", CN_FRAMING_FOLDED, LINE HOST "\r\n");
    bad(LINE HOST "A: b\r\n\tc\r\n\r\n", CN_FRAMING_FOLDED, NULL);
    bad(LINE " " HOST "\r\n", CN_FRAMING_FOLDED, NULL);
    bad(LINE HOST ": y\r\n\r\n", CN_FRAMING_NAME, NULL);
    bad(LINE HOST "x : y\r\n\r\n", CN_FRAMING_NAME, LINE HOST "x:0\r\n\r\n");
    bad(LINE HOST "x\t: y\r\n\r\n", CN_FRAMING_NAME, NULL);
    bad(LINE HOST "x y: z\r\n\r\n", CN_FRAMING_NAME, NULL);
    bad(LINE HOST "x(: y\r\n\r\n", CN_FRAMING_NAME, NULL);
    bad(LINE HOST "\xc3\xbc: y\r\n\r\n", CN_FRAMING_NAME, NULL);
    bad(LINE HOST "x\xff: y\r\n\r\n", CN_FRAMING_NAME, NULL);
    bad(LINE HOST "nothing\r\n\r\n", CN_FRAMING_NAME, NULL);
    bad(LINE HOST "Content-Length\x0b: 5\r\n\r\n", CN_FRAMING_NAME, NULL);
    bad(LINE HOST "x: a\x01z\r\n\r\n", CN_FRAMING_VALUE, LINE HOST "x: a\r\n\r\n");
    bad(LINE HOST "x: a\x7fz\r\n\r\n", CN_FRAMING_VALUE, NULL);
    bad(LINE HOST "x: a\x0b\r\n\r\n", CN_FRAMING_VALUE, NULL);
    bad(LINE HOST "x: a\n\r\n", CN_FRAMING_LINE_END, NULL);
    bad(LINE HOST "x: a\ry: b\r\n\r\n", CN_FRAMING_LINE_END, LINE HOST "x: a\r\n\r\n");
    bad(LINE HOST "x: a\r\r\n\r\n", CN_FRAMING_LINE_END, NULL);
    bad(LINE HOST "\n", CN_FRAMING_LINE_END, LINE HOST "\r\n");
    bad(LINE HOST "\rx", CN_FRAMING_LINE_END, LINE HOST "\r\n");
    bad(LINE "\r\n", CN_FRAMING_HOST_MISSING, LINE "\r\n");
    bad(LINE HOST HOST "\r\n", CN_FRAMING_HOST_TWICE, NULL);
    bad(LINE "Host: a b\r\n\r\n", CN_FRAMING_HOST, NULL);
    bad(LINE "Host: a@b\r\n\r\n", CN_FRAMING_HOST, NULL);
    bad(LINE "Host: a/b\r\n\r\n", CN_FRAMING_HOST, NULL);
    check_bytes(LINE HOST "x: a\0b\r\n\r\n", sizeof(LINE HOST "x: a\0b\r\n\r\n") - 1,
                CN_FRAMING_VALUE, 1, LINE HOST "x: a\r\n\r\n", strlen(LINE HOST "x: a\r\n\r\n"));
    check_bytes("G\0T", 3, CN_FRAMING_REQUEST_LINE, 1, NULL, 0);
    check_bytes("GET /\0 HTTP/1.1\r\n", 17, CN_FRAMING_TARGET, 1, NULL, 0);
}

static void test_lengths(void **state) {
    (void)state;
    const char *plain = POST "Content-Length: 0\r\n\r\n";
    bad(POST "Content-Length: +5\r\n\r\n", CN_FRAMING_LENGTH, plain);
    bad(POST "Content-Length: -5\r\n\r\n", CN_FRAMING_LENGTH, plain);
    bad(POST "Content-Length: \r\n\r\n", CN_FRAMING_LENGTH, plain);
    bad(POST "Content-Length: a\r\n\r\n", CN_FRAMING_LENGTH, plain);
    bad(POST "Content-Length: 0x5\r\n\r\n", CN_FRAMING_LENGTH, plain);
    bad(POST "Content-Length:\r\n\r\n", CN_FRAMING_LENGTH, POST "Content-Length:0\r\n\r\n");
    bad(POST "Content-Length: 5,5\r\n\r\n", CN_FRAMING_LENGTH, POST "Content-Length: 5\r\n\r\n");
    bad(POST "Content-Length: 5 5\r\n\r\n", CN_FRAMING_LENGTH, NULL);
    bad(POST "Content-Length: 5.0\r\n\r\n", CN_FRAMING_LENGTH, NULL);
    bad(POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", CN_FRAMING_LENGTH_TWICE, NULL);
    bad(POST "Content-Length: 9223372036854775808\r\n\r\n", CN_FRAMING_LENGTH_LARGE,
        POST "Content-Length: 922337203685477580\r\n\r\n");
    bad(POST "Content-Length: 99999999999999999999999\r\n\r\n", CN_FRAMING_LENGTH_LARGE, NULL);
    bad(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        CN_FRAMING_CODING_AND_LENGTH, NULL);
    bad(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
        CN_FRAMING_CODING_AND_LENGTH, NULL);
    bad(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", CN_FRAMING_CODING,
        NULL);
    bad(POST "Transfer-Encoding: gzip, chunked\r\n\r\n", CN_FRAMING_CODING, NULL);
    bad(POST "Transfer-Encoding: chunked, chunked\r\n\r\n", CN_FRAMING_CODING, NULL);
    bad(POST "Transfer-Encoding: chunke\r\n\r\n", CN_FRAMING_CODING, NULL);
    bad(POST "Transfer-Encoding: xchunked\r\n\r\n", CN_FRAMING_CODING, NULL);
    bad(POST "Transfer-Encoding:\r\n\r\n", CN_FRAMING_CODING, NULL);
    bad(POST "Transfer-Encoding: \x0b"
             "chunked\r\n\r\n",
        CN_FRAMING_CODING, NULL);
    bad("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", CN_FRAMING_CODING_OLD, NULL);
}

static void test_chunks(void **state) {
    (void)state;
    bad(CHUNKED "+1\r\nx\r\n0\r\n\r\n", CN_FRAMING_CHUNK_SIZE, CHUNKED "1\r\nx");
    bad(CHUNKED "\r\n", CN_FRAMING_CHUNK_SIZE, NULL);
    bad(CHUNKED " 1\r\nx\r\n", CN_FRAMING_CHUNK_SIZE, NULL);
    bad(CHUNKED ";a\r\n", CN_FRAMING_CHUNK_SIZE, NULL);
    bad(CHUNKED "0x1\r\nx\r\n", CN_FRAMING_CHUNK_SIZE, CHUNKED "0\r\n\r\n");
    bad(CHUNKED "1g\r\nx\r\n", CN_FRAMING_CHUNK_SIZE, CHUNKED "1\r\nx");
    bad(CHUNKED "1 \r\nx\r\n", CN_FRAMING_CHUNK_EXTENSION, CHUNKED "1\r\nx");
    bad(CHUNKED "1;\r\nx\r\n", CN_FRAMING_CHUNK_EXTENSION, CHUNKED "1\r\nx");
    bad(CHUNKED "0;\r\n\r\n", CN_FRAMING_CHUNK_EXTENSION, CHUNKED "0\r\n\r\n");
    bad(CHUNKED "1;a=\r\nx\r\n", CN_FRAMING_CHUNK_EXTENSION, NULL);
    bad(CHUNKED "1;a=\"b\r\nx\r\n", CN_FRAMING_CHUNK_EXTENSION, NULL);
    bad(CHUNKED "1;a=\"b\\\x01\"\r\nx\r\n", CN_FRAMING_CHUNK_EXTENSION, NULL);
    bad(CHUNKED "1;a b\r\nx\r\n", CN_FRAMING_CHUNK_EXTENSION, NULL);
    bad(CHUNKED "1;a=b c\r\nx\r\n", CN_FRAMING_CHUNK_EXTENSION, NULL);
    bad(CHUNKED "1;a\nx\r\n", CN_FRAMING_LINE_END, CHUNKED "1\r\nx");
    bad(CHUNKED "1\nx\r\n", CN_FRAMING_LINE_END, CHUNKED "1\r\nx");
    bad(CHUNKED "1\rx\r\n", CN_FRAMING_LINE_END, CHUNKED "1\r\nx");
    bad(CHUNKED "0\rx", CN_FRAMING_LINE_END, CHUNKED "0\r\n\r\n");
    bad(CHUNKED "8000000000000000\r\nx", CN_FRAMING_CHUNK_LARGE, NULL);
    bad(CHUNKED "fffffffffffffffff\r\nx", CN_FRAMING_CHUNK_LARGE, NULL);
    bad(CHUNKED "1\r\nxy\r\n", CN_FRAMING_CHUNK_END, CHUNKED "1\r\nx\r\n1\r\nx");
    bad(CHUNKED "1\r\nx\n0\r\n\r\n", CN_FRAMING_CHUNK_END, NULL);
    bad(CHUNKED "1\r\nx\r0\r\n\r\n", CN_FRAMING_CHUNK_END, CHUNKED "1\r\nx\r\n1\r\nx");
    bad(CHUNKED "1\r\nx0\r\n\r\n", CN_FRAMING_CHUNK_END, NULL);
    bad(CHUNKED "0\r\nbad\r\n\r\n", CN_FRAMING_TRAILER, CHUNKED "0\r\n\r\n");
    bad(CHUNKED "0\r\n A: b\r\n\r\n", CN_FRAMING_TRAILER, NULL);
    bad(CHUNKED "0\r\nA: b\n\r\n", CN_FRAMING_TRAILER, NULL);
    bad(CHUNKED "0\r\nA: b\rc\r\n\r\n", CN_FRAMING_TRAILER, NULL);
    bad(CHUNKED "0\r\nGET / HTTP/1.1\r\n" HOST "\r\n", CN_FRAMING_TRAILER, NULL);
    bad(CHUNKED "0\r\n\n", CN_FRAMING_TRAILER, NULL);
    bad(CHUNKED "0\r\n\rx", CN_FRAMING_LINE_END, CHUNKED "0\r\n\r\n");
}

/* A text with `n` times 'a' in the middle. */
static const char *filled(char *out, size_t size, const char *before, size_t n, const char *after) {
    char a[LIMIT + 2];
    assert_true(n < sizeof a);
    memset(a, 'a', n);
    a[n] = '\0';
    snprintf(out, size, "%s%s%s", before, a, after);
    return out;
}

static void test_limits(void **state) {
    (void)state;
    char text[16384];
    size_t rest = strlen(LINE HOST "x: \r\n\r\n");
    good(filled(text, sizeof text, LINE HOST "x: ", LIMIT - rest, "\r\n\r\n" GET), 2, NULL);
    check_text(filled(text, sizeof text, LINE HOST "x: ", LIMIT - rest + 1, "\r\n\r\n"),
               CN_FRAMING_HEAD_LONG, 1, NULL);
    check_text(filled(text, sizeof text, "GET ", LIMIT + 1, " HTTP/1.1\r\n" HOST "\r\n"),
               CN_FRAMING_TARGET_LONG, 1, NULL);
    check_text(filled(text, sizeof text, "GET ", LIMIT, " HTTP/1.1\r\n" HOST "\r\n"),
               CN_FRAMING_HEAD_LONG, 1, NULL);
    check_text(filled(text, sizeof text, "", LIMIT + 1, " / HTTP/1.1\r\n"), CN_FRAMING_HEAD_LONG, 1,
               NULL);
    size_t line = CN_FRAMING_CHUNK_LINE_BYTES - strlen("1;\r\n");
    good(filled(text, sizeof text, CHUNKED "1;", line, "\r\nx\r\n0\r\n\r\n"), 1,
         CHUNKED "1\r\nx\r\n0\r\n\r\n");
    bad(filled(text, sizeof text, CHUNKED "1;", line + 1, "\r\nx\r\n0\r\n\r\n"),
        CN_FRAMING_CHUNK_LINE_LONG, CHUNKED "1\r\nx");
    size_t trailer = LIMIT - strlen("a: \r\n\r\n");
    good(filled(text, sizeof text, CHUNKED "0\r\na: ", trailer, "\r\n\r\n"), 1,
         CHUNKED "0\r\n\r\n");
    check_text(filled(text, sizeof text, CHUNKED "0\r\na: ", trailer + 1, "\r\n\r\n"),
               CN_FRAMING_TRAILER_LONG, 1, CHUNKED "0\r\n\r\n");
}

/* What stands in for the rest comes out however little room there is, and nothing behind it. */
static void test_little_room(void **state) {
    (void)state;
    struct cn_framing framing;
    char data[64] = "?";
    char out[64];
    size_t n = 0;
    cn_framing_init(&framing, LIMIT);
    n = cn_framing_feed(&framing, data, 1, 1);
    memcpy(out, data, n);
    for (size_t got = 1; got > 0; n += got) {
        got = cn_framing_rest(&framing, data, 3);
        memcpy(out + n, data, got);
    }
    out[n] = '\0';
    assert_string_equal(out, "BAD / HTTP/1.0\r\n\r\n");
    assert_int_equal(cn_framing_feed(&framing, data, 20, sizeof data), 0);
    assert_int_equal(framing.skipped, 21);
}

/* ---- reading ------------------------------------------------------------------------------- */

/* Hands out a script, in pieces that '|' separates; then there is nothing. */
static ssize_t read_script(void *source, void *data, size_t size) {
    const char **script = source;
    size_t n = strcspn(*script, "|");
    if (n == 0) {
        errno = EAGAIN;
        return -1;
    }
    if (n > size)
        n = size;
    memcpy(data, *script, n);
    *script += n;
    if (**script == '|')
        ++*script;
    return (ssize_t)n;
}

static void test_reading(void **state) {
    (void)state;
    struct cn_framing framing;
    char data[1024];
    cn_framing_init(&framing, LIMIT);
    const char *script = CHUNKED "1|;a=b|c|\r\n|x\r\n0\r\n|a: b|\r\n\r|\n";
    size_t head = strlen(CHUNKED "1");
    assert_int_equal(cn_framing_read(&framing, read_script, &script, data, sizeof data), head);
    /* pieces that are left out whole are no end, and no reason to wait */
    assert_int_equal(cn_framing_read(&framing, read_script, &script, data, sizeof data), 2);
    assert_int_equal(cn_framing_read(&framing, read_script, &script, data, sizeof data), 6);
    assert_int_equal(cn_framing_read(&framing, read_script, &script, data, sizeof data), 1);
    assert_memory_equal(data, "\r", 1);
    assert_int_equal(cn_framing_read(&framing, read_script, &script, data, sizeof data), 1);
    assert_int_equal(cn_framing_read(&framing, read_script, &script, data, sizeof data), -1);
    assert_int_equal(errno, EAGAIN);
    /* where the room was filled by what is left out, it is filled up */
    script = CHUNKED "1;ab\r\nx\r\n0\r\n\r\n";
    assert_int_equal(cn_framing_read(&framing, read_script, &script, data, head + 3), head + 3);
    assert_memory_equal(data + head, "\r\nx", 3);
    /* behind a fault nothing comes but what stands in for it */
    script = "\r\n0\r\n\r\n" GET "?" GET "|" GET;
    ssize_t n = cn_framing_read(&framing, read_script, &script, data, sizeof data);
    assert_int_equal(n, strlen("\r\n0\r\n\r\n" GET "BAD / HTTP/1.0\r\n\r\n"));
    assert_int_equal(framing.refused, 4);
    assert_int_equal(cn_framing_read(&framing, read_script, &script, data, sizeof data), -1);
}

static void send_text(int fd, const char *text) {
    assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
}

static void test_sockets(void **state) {
    (void)state;
    int fds[2];
    char data[256];
    struct cn_framing framing;
    assert_true(cn_framing_in_effect());
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    cn_framing_init(&framing, LIMIT);
    send_text(fds[1], "\n");
    assert_int_equal(recv(fds[0], data, sizeof data, 0), 1); /* not watched */
    assert_true(cn_framing_watch(fds[0], &framing, false));
    send_text(fds[1], GET "\n");
    assert_int_equal(recv(fds[0], data, sizeof data, MSG_PEEK), strlen(GET "\n"));
    assert_int_equal(recv(fds[0], data, strlen(GET), 0), strlen(GET));
    assert_int_equal(recv(fds[0], data, sizeof data, 0), strlen("BAD / HTTP/1.0\r\n\r\n"));
    shutdown(fds[1], SHUT_WR);
    assert_int_equal(recv(fds[0], data, sizeof data, 0), 0);
    cn_framing_forget(fds[0]);
    send_text(fds[0], "\n");
    assert_true(cn_framing_watch(fds[1], &framing, true)); /* GnuTLS's own bytes */
    assert_int_equal(recv(fds[1], data, sizeof data, 0), 1);
    cn_framing_forget(fds[1]);
    assert_false(cn_framing_watch(-1, &framing, false));
    assert_false(cn_framing_watch(1 << 22, &framing, false));
    close(fds[0]);
    close(fds[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_heads),    cmocka_unit_test(test_good_bodies),
        cmocka_unit_test(test_request_lines), cmocka_unit_test(test_fields),
        cmocka_unit_test(test_lengths),       cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_limits),        cmocka_unit_test(test_little_room),
        cmocka_unit_test(test_reading),       cmocka_unit_test(test_sockets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

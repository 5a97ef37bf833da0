"""Requests that two programs could read in two ways: one refusal, and the connection is closed.

Each case is tried alone, cut into single bytes, as the second request of a connection, and pipelined
behind a good one; a good request always follows, and must never be answered."""
import http.client
import re
import socket

import pytest

from client import OVER_TLS, curl, raw, read_reply, wait_until

HOST = b"Host: localhost\r\n"
GOOD = b"GET /v1/functions HTTP/1.1\r\n" + HOST + b"\r\n"
LINE = b"GET /livez HTTP/1.1\r\n"
POST = b"POST /v1/compute?select=a HTTP/1.1\r\n" + HOST + b"Content-Type: text/csv\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
BODY = b"a\n1\n"
AMBIGUOUS, TARGET = "ambiguous_request", "invalid_parameter"


def get(lines, host=HOST):
    return LINE + host + lines + b"\r\n"


def post(lines, body=BODY):
    return POST + lines + b"\r\n" + body


def chunks(text):
    return CHUNKED + text


BAD = {
    # the request line
    "tls": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 400, AMBIGUOUS),
    "no_method": (b" /livez HTTP/1.1\r\n" + HOST + b"\r\n", 400, AMBIGUOUS),
    "method_no_token": (b"GE(T /livez HTTP/1.1\r\n" + HOST + b"\r\n", 400, AMBIGUOUS),
    "method_tab": (b"GET\t/livez HTTP/1.1\r\n" + HOST + b"\r\n", 400, AMBIGUOUS),
    "method_alone": (b"GET\r\n" + HOST + b"\r\n", 400, AMBIGUOUS),
    "two_blanks": (b"GET  /livez HTTP/1.1\r\n" + HOST + b"\r\n", 400, AMBIGUOUS),
    "blank_in_target": (b"GET /livez /v1/runs HTTP/1.1\r\n" + HOST + b"\r\n", 400, AMBIGUOUS),
    "blank_behind_version": (b"GET /livez HTTP/1.1 \r\n" + HOST + b"\r\n", 400, AMBIGUOUS),
    "no_version": (b"GET /livez\r\n\r\n", 400, AMBIGUOUS),
    "version_lower": (b"GET /livez http/1.1\r\n" + HOST + b"\r\n", 400, AMBIGUOUS),
    "version_long": (b"GET /livez HTTP/1.11\r\n" + HOST + b"\r\n", 400, AMBIGUOUS),
    "version_other": (b"GET /livez HTTQ/1.1\r\n" + HOST + b"\r\n", 400, AMBIGUOUS),
    "version_0.9": (b"GET /livez HTTP/0.9\r\n" + HOST + b"\r\n", 505, None),
    "version_2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, None),
    "version_3": (b"GET /livez HTTP/3.0\r\n" + HOST + b"\r\n", 505, None),
    "nul_in_target": (b"GET /livez\0 HTTP/1.1\r\n" + HOST + b"\r\n", 400, TARGET),
    "control_in_target": (b"GET /v1/runs?limit=\x01 HTTP/1.1\r\n" + HOST + b"\r\n", 400, TARGET),
    "lf_line": (b"GET /livez HTTP/1.1\n" + HOST + b"\r\n", 400, AMBIGUOUS),
    "cr_line": (b"GET /livez HTTP/1.1\r" + HOST + b"\r\n", 400, AMBIGUOUS),
    "lf_before": (b"\n" + GOOD, 400, AMBIGUOUS),
    "long_target": (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414, "uri_too_long"),
    # fields
    "fold": (get(b"X: a\r\n b\r\n"), 400, AMBIGUOUS),
    "fold_tab": (get(b"X: a\r\n\tb\r\n"), 400, AMBIGUOUS),
    "fold_first": (LINE + b" " + HOST + b"\r\n", 400, AMBIGUOUS),
    "fold_hides_length": (post(b"X: a\r\n Content-Length: 4\r\n"), 400, AMBIGUOUS),
    "lf_field": (get(b"X: a\nY: b\r\n"), 400, AMBIGUOUS),
    "lf_at_the_end": (LINE + HOST + b"\n", 400, AMBIGUOUS),
    "cr_in_value": (get(b"X: a\rY: b\r\n"), 400, AMBIGUOUS),
    "cr_cr_lf": (get(b"X: a\r\r\n"), 400, AMBIGUOUS),
    "nul_in_value": (get(b"X: a\0b\r\n"), 400, AMBIGUOUS),
    "control_in_value": (get(b"X: a\x08b\r\n"), 400, AMBIGUOUS),
    "delete_in_value": (get(b"X: a\x7fb\r\n"), 400, AMBIGUOUS),
    "nul_in_name": (get(b"X\0: a\r\n"), 400, AMBIGUOUS),
    "no_name": (get(b": a\r\n"), 400, AMBIGUOUS),
    "no_colon": (get(b"X\r\n"), 400, AMBIGUOUS),
    "blank_before_colon": (get(b"X : a\r\n"), 400, AMBIGUOUS),
    "tab_before_colon": (get(b"X\t: a\r\n"), 400, AMBIGUOUS),
    "blank_in_name": (get(b"X y: a\r\n"), 400, AMBIGUOUS),
    "utf8_in_name": (get("Ü: a\r\n".encode()), 400, AMBIGUOUS),
    "8bit_in_name": (get(b"X\xff: a\r\n"), 400, AMBIGUOUS),
    "length_blank_colon": (post(b"Content-Length : 4\r\n"), 400, AMBIGUOUS),
    "length_vt": (post(b"Content-Length\x0b: 4\r\n"), 400, AMBIGUOUS),
    "no_host": (LINE + b"\r\n", 400, AMBIGUOUS),
    "two_hosts": (get(HOST), 400, AMBIGUOUS),
    "two_other_hosts": (get(b"Host: other\r\n"), 400, AMBIGUOUS),
    "host_of_two_words": (get(b"", b"Host: localhost evil\r\n"), 400, AMBIGUOUS),
    "host_with_user": (get(b"", b"Host: evil@localhost\r\n"), 400, AMBIGUOUS),
    "long_head": (get(b"X: " + b"a" * 100_000 + b"\r\n"), 431, "headers_too_large"),
    # lengths and codings
    "length_twice": (post(b"Content-Length: 4\r\nContent-Length: 4\r\n"), 400, AMBIGUOUS),
    "length_twice_differs": (post(b"Content-Length: 4\r\nContent-Length: 0\r\n"), 400, AMBIGUOUS),
    "length_list": (post(b"Content-Length: 4,4\r\n"), 400, AMBIGUOUS),
    "length_plus": (post(b"Content-Length: +4\r\n"), 400, AMBIGUOUS),
    "length_minus": (post(b"Content-Length: -4\r\n"), 400, AMBIGUOUS),
    "length_hex": (post(b"Content-Length: 0x4\r\n"), 400, AMBIGUOUS),
    "length_float": (post(b"Content-Length: 4.0\r\n"), 400, AMBIGUOUS),
    "length_empty": (post(b"Content-Length:\r\n"), 400, AMBIGUOUS),
    "length_blank": (post(b"Content-Length: \r\n"), 400, AMBIGUOUS),
    "length_two_words": (post(b"Content-Length: 4 4\r\n"), 400, AMBIGUOUS),
    "length_2_63": (post(b"Content-Length: 9223372036854775808\r\n"), 413, "body_too_large"),
    "length_2_64": (post(b"Content-Length: 18446744073709551620\r\n"), 413, "body_too_large"),
    "length_endless": (post(b"Content-Length: " + b"9" * 500 + b"\r\n"), 413, "body_too_large"),
    "length_then_coding": (post(b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"), 400, AMBIGUOUS),
    "coding_then_length": (post(b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"), 400, AMBIGUOUS),
    "coding_twice": (post(b"Transfer-Encoding: chunked\r\n" * 2), 400, AMBIGUOUS),
    "coding_list": (post(b"Transfer-Encoding: gzip, chunked\r\n"), 400, AMBIGUOUS),
    "coding_chunked_twice": (post(b"Transfer-Encoding: chunked, chunked\r\n"), 400, AMBIGUOUS),
    "coding_identity": (post(b"Transfer-Encoding: identity\r\n"), 400, AMBIGUOUS),
    "coding_gzip": (post(b"Transfer-Encoding: gzip\r\n"), 400, AMBIGUOUS),
    "coding_empty": (post(b"Transfer-Encoding:\r\n"), 400, AMBIGUOUS),
    "coding_quoted": (post(b"Transfer-Encoding: \"chunked\"\r\n"), 400, AMBIGUOUS),
    "coding_vt": (post(b"Transfer-Encoding: \x0bchunked\r\n"), 400, AMBIGUOUS),
    "coding_http_1.0": (b"POST /v1/compute HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, AMBIGUOUS),
    # chunks
    "chunk_plus": (chunks(b"+4\r\na\n1\n\r\n0\r\n\r\n"), 400, AMBIGUOUS),
    "chunk_minus": (chunks(b"-4\r\na\n1\n\r\n0\r\n\r\n"), 400, AMBIGUOUS),
    "chunk_blank_before": (chunks(b" 4\r\na\n1\n\r\n0\r\n\r\n"), 400, AMBIGUOUS),
    "chunk_blank_behind": (chunks(b"4 \r\na\n1\n\r\n0\r\n\r\n"), 400, AMBIGUOUS),
    "chunk_0x": (chunks(b"0x4\r\na\n1\n\r\n0\r\n\r\n"), 400, AMBIGUOUS),
    "chunk_empty": (chunks(b"\r\na\n1\n\r\n0\r\n\r\n"), 400, AMBIGUOUS),
    "chunk_letter": (chunks(b"4g\r\na\n1\n\r\n0\r\n\r\n"), 400, AMBIGUOUS),
    "chunk_underscore": (chunks(b"1_0\r\na\n1\n\r\n0\r\n\r\n"), 400, AMBIGUOUS),
    "chunk_2_63": (chunks(b"8000000000000000\r\na\n1\n\r\n0\r\n\r\n"), 413, "body_too_large"),
    "chunk_2_64": (chunks(b"10000000000000004\r\na\n1\n\r\n0\r\n\r\n"), 413, "body_too_large"),
    "chunk_lf": (chunks(b"4\na\n1\n\r\n0\r\n\r\n"), 400, AMBIGUOUS),
    "chunk_cr": (chunks(b"4\ra\n1\n\r\n0\r\n\r\n"), 400, AMBIGUOUS),
    "chunk_lf_last": (chunks(b"4\r\na\n1\n\r\n0\n\r\n"), 400, AMBIGUOUS),
    "chunk_no_end": (chunks(b"4\r\na\n1\n0\r\n\r\n"), 400, AMBIGUOUS),
    "chunk_lf_end": (chunks(b"4\r\na\n1\n\n0\r\n\r\n"), 400, AMBIGUOUS),
    "chunk_longer": (chunks(b"4\r\na\n1\n2\r\n0\r\n\r\n"), 400, AMBIGUOUS),
    "extension_lf": (chunks(b"4;a\na\n1\n\r\n0\r\n\r\n"), 400, AMBIGUOUS),
    "extension_nul": (chunks(b"4;a\0\r\na\n1\n\r\n0\r\n\r\n"), 400, AMBIGUOUS),
    "extension_cr": (chunks(b"4;a\rb\r\na\n1\n\r\n0\r\n\r\n"), 400, AMBIGUOUS),
    "extension_open": (chunks(b"4;a=\"b\r\na\n1\n\r\n0\r\n\r\n"), 400, AMBIGUOUS),
    "extension_long": (chunks(b"4;" + b"a" * 1100 + b"\r\na\n1\n\r\n0\r\n\r\n"), 400, AMBIGUOUS),
    "trailer_no_colon": (chunks(b"4\r\na\n1\n\r\n0\r\nX\r\n\r\n"), 400, AMBIGUOUS),
    "trailer_fold": (chunks(b"4\r\na\n1\n\r\n0\r\nX: a\r\n b\r\n\r\n"), 400, AMBIGUOUS),
    "trailer_lf": (chunks(b"4\r\na\n1\n\r\n0\r\nX: a\n\r\n"), 400, AMBIGUOUS),
    "trailer_blank": (chunks(b"4\r\na\n1\n\r\n0\r\nX : a\r\n\r\n"), 400, AMBIGUOUS),
    "trailer_is_a_request": (chunks(b"4\r\na\n1\n\r\n0\r\n" + GOOD), 400, AMBIGUOUS),
    "trailer_long": (chunks(b"4\r\na\n1\n\r\n0\r\nX: " + b"a" * 100_000 + b"\r\n\r\n"), 431, "headers_too_large"),
}


def replies_until_closed(connection, timeout=20):
    connection.settimeout(timeout)
    replies = []
    stream = connection.makefile("rb")
    while True:
        try:
            reply = read_reply(stream)
        except TimeoutError:  # it was not closed
            raise
        except OSError:  # a reset; over TLS, an end without a farewell
            break
        if reply is None:
            break
        if reply.status >= 200:
            replies.append(reply)
    return replies


def send(connection, data, single=False):
    """All of it, or until the server has closed."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        for at in range(0, len(data), 1 if single else len(data)):
            connection.sendall(data[at:at + (1 if single else len(data))])
    except OSError:
        pass


@pytest.mark.parametrize("name", BAD)
def test_one_refusal_and_a_close(server, name):
    data, status, code = BAD[name]
    ways = ["alone", "second", "pipelined"] + (["single"] if len(data) < 1000 else [])
    for way in ways:
        with server.connect(20) as connection:
            before = way in ("second", "pipelined")
            if way == "second":
                connection.sendall(GOOD)
                first = read_reply(connection.makefile("rb", buffering=0))
                assert first.status == 200
            send(connection, (GOOD if way == "pipelined" else b"") + data + GOOD, way == "single")
            replies = replies_until_closed(connection)
            if before and way == "pipelined":
                assert replies.pop(0).status == 200
            assert [reply.status for reply in replies] == [status], (way, replies)
            if code:
                assert replies[0].problem["code"] == code, (way, replies)
            else:
                assert replies[0].body == b""
            assert replies[0].headers["Connection"].lower() == "close", way


def test_a_good_body_may_look_like_anything(server):
    """Bodies are not looked at."""
    inner = b"a\n" + b'"GET /v1/functions HTTP/1.1\r\n' + HOST + b'\r\n0\r\n\r\n"\n'
    for data in (post(b"Content-Length: %d\r\n" % len(inner), inner),
                 chunks(b"%x\r\n" % len(inner) + inner + b"\r\n0\r\n\r\n")):
        replies, _ = raw(server, data + GOOD, 2)
        assert replies[0].status == 200 and replies[0].body == inner, replies
        assert replies[1].status == 200 and replies[1].json()


BROWSER = (b"GET /livez HTTP/1.1\r\nHost: localhost:8080\r\nConnection: keep-alive\r\n"
           b'sec-ch-ua: "Chromium";v="120", "Not?A_Brand";v="8"\r\nsec-ch-ua-platform: "Linux"\r\n'
           b"Upgrade-Insecure-Requests: 1\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\n"
           b"Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
           b"Accept-Language: de-DE,de;q=0.9\r\nCookie: a=b; name=\xc3\xbc\xc3\x9f; c=\"d e\"; =; x\r\n"
           b"If-None-Match: W/\"5-\xff\"\r\nX-Empty:\r\nX-Blank: \t \r\nX-Tab:\ta\tb\t\r\n\r\n")

FINE = {
    "browser": (BROWSER, b'{"status":"alive"}\n'),
    "http_1.0": (b"GET /livez HTTP/1.0\r\n\r\n", b'{"status":"alive"}\n'),
    "http_1.2": (b"GET /livez HTTP/1.2\r\n" + HOST + b"\r\n", b'{"status":"alive"}\n'),
    "absolute": (b"GET http://localhost/livez HTTP/1.1\r\n" + HOST + b"\r\n", b'{"status":"alive"}\n'),
    "upgrade": (get(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\n"),
                b'{"status":"alive"}\n'),
    "empty_lines": (b"\r\n\r\n" + get(b""), b'{"status":"alive"}\n'),
    "length_with_blanks": (post(b"Content-Length:\t 4 \t\r\n"), b"a\n1\n"),
    "length_with_zeros": (post(b"content-length:0004\r\n"), b"a\n1\n"),
    "length_and_body_of_get": (get(b"Content-Length: 0\r\n"), b'{"status":"alive"}\n'),
    "host_with_blanks": (get(b"", b"Host:   localhost:80 \t\r\n"), b'{"status":"alive"}\n'),
    "coding_with_blanks": (post(b"Transfer-Encoding: Chunked \r\n", b"4\r\na\n1\n\r\n0\r\n\r\n"), b"a\n1\n"),
    "chunk_zeros_and_capitals": (chunks(b"0000000000000000000004\r\na\n1\n\r\nA\r\n123456789\n\r\n00\r\n\r\n"),
                                 b"a\n1\n123456789\n"),
    "extensions": (chunks(b"2;a\r\na\n\r\n2 ; b = c;d=\"e;\\\"\x80\t \" ;f\r\n1\n\r\n0;g=\"\"\r\n\r\n"), b"a\n1\n"),
    "extension_at_the_limit": (chunks(b"4;" + b"a" * 1020 + b"\r\na\n1\n\r\n0\r\n\r\n"), b"a\n1\n"),
    "trailers": (chunks(b"4\r\na\n1\n\r\n0\r\nX: y\r\nExpires:\r\nContent-Length: 9\r\n\r\n"), b"a\n1\n"),
    "raw_utf8_target": ("POST /v1/compute?let=r='ü'&select=r HTTP/1.1\r\n".encode() + HOST +
                        b"Content-Length: 4\r\n\r\n" + BODY, "r\nü\n".encode()),
    "pipe_and_backtick": (b"POST /v1/compute?let=r=`a`|1&select=r HTTP/1.1\r\n" + HOST +
                          b"Content-Length: 4\r\n\r\n" + BODY, b"r\n1\n"),
    "expect": (post(b"Expect: 100-continue\r\nContent-Length: 4\r\n"), b"a\n1\n"),
}


@pytest.mark.parametrize("name", FINE)
def test_nothing_good_is_refused(server, name):
    data, body = FINE[name]
    with server.connect(20) as connection:
        send(connection, data, True)
        stream = connection.makefile("rb")
        reply = read_reply(stream)
        while reply.status == 100:
            reply = read_reply(stream)
        assert reply.status == 200 and reply.body == body, reply
    if b"HTTP/1.0" in data:
        return
    replies, closed = raw(server, data * 3 + GOOD, 4)
    assert [reply.body for reply in replies[:3]] == [body] * 3 and replies[3].status == 200, replies
    assert not closed


@pytest.mark.parametrize("line,statuses", [
    (b"OPTIONS * HTTP/1.1", (404, 405)), (b"CONNECT localhost:80 HTTP/1.1", (404, 405)),
    (b"HEAD /livez HTTP/1.1", (200,)), (b"TRACE /livez HTTP/1.1", (405,)),
    (b"M!#$%&'*+-.^_`|~ /livez HTTP/1.1", (405,)), (b"GET http://evil/livez HTTP/1.1", (200,)),
    (b"GET livez HTTP/1.1", (404,))])
def test_odd_request_lines(server, line, statuses):
    """Each is one request, whatever becomes of it, and the next is the next."""
    with server.connect(20) as connection:
        connection.sendall(line + b"\r\n" + HOST + b"\r\n" + GOOD)
        stream = connection.makefile("rb")
        reply = read_reply(stream, line.startswith(b"HEAD"))
        assert reply.status in statuses, reply
        assert read_reply(stream).status == 200


@pytest.mark.skipif(OVER_TLS, reason="its clients speak plain HTTP")
def test_clients_that_people_use(server):
    connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
    connection.request("POST", "/v1/compute?select=a", iter([b"a\n", b"1\n"]), encode_chunked=True,
                       headers={"Transfer-Encoding": "chunked", "Cookie": "n=ü"})
    assert connection.getresponse().read() == b"a\n1\n"
    connection.close()
    for arguments in (["-T", "-", "-X", "POST"], ["--data-binary", "@-"], ["--http1.0", "--data-binary", "@-"],
                      ["--http2", "--data-binary", "@-"], ["-H", "Expect: 100-continue", "--data-binary", "@-"]):
        code, out, error = curl(*arguments, server.url + "/v1/compute?select=a", data=b"a\n1\n")
        assert code == 0 and out == b"a\n1\n", (arguments, out, error)


def test_a_pause_before_the_fault(server):
    """The good part waits for its rest; the fault ends it, whether or not the body was begun."""
    for first, second in ((LINE + HOST + b"X", b"\0: y\r\n\r\n"), (CHUNKED + b"4\r\na\n1\n\r\n", b"\n0\r\n\r\n"),
                          (CHUNKED + b"4\r\na\n1\n\r\n4;a", b"\0\r\n"), (CHUNKED + b"4\r\na\n1\n\r\n0\r\nX: y", b"\r\r\n")):
        with server.connect(20) as connection:
            connection.sendall(first)
            assert server.get("/livez").status == 200
            connection.sendall(second + GOOD)
            replies = replies_until_closed(connection)
            assert [reply.status for reply in replies] == [400], (first, replies)
            assert replies[0].problem["code"] == AMBIGUOUS


def test_a_fault_in_a_body_that_was_refused_before(launch):
    """The first refusal is the only one."""
    server = launch()
    line = b"POST /v1/compute?let=r=( HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    with server.connect(20) as connection:
        connection.sendall(line + b"4\r\na\n1\n\r\n")
        wait_until(lambda: "\ncolonnade_requests_in_flight 2\n" in server.get("/metrics").text)  # it, and that for this
        connection.sendall(b"4\na\n1\n\r\n0\r\n\r\n" + GOOD)
        replies = replies_until_closed(connection)
    assert [reply.status for reply in replies] == [400], replies
    assert replies[0].problem["code"] == "syntax_error"


def test_limits_of_the_head(launch):
    """At --max-header-bytes it is taken, one past it is refused, and the limit is named."""
    running = launch("--max-header-bytes", 4096)
    for past in (0, 1):
        line = get(b"X: %s\r\n")
        replies, _ = raw(running, line % (b"a" * (4096 - len(line) + 2 + past)))
        assert replies[0].status == (431 if past else 200), replies
        line = b"GET /livez?%s HTTP/1.0\r\n\r\n"
        target = b"a" * (4096 - len(b"/livez?") + past)
        replies, _ = raw(running, line % target)
        assert replies[0].status == (414 if past else 431), replies  # the line is longer than the target
        assert replies[0].problem["limit"] == "--max-header-bytes"
    trailer = chunks(b"4\r\na\n1\n\r\n0\r\nX: %s\r\n\r\n")
    for past in (0, 1):
        replies, _ = raw(running, trailer % (b"a" * (4096 - len(b"X: \r\n\r\n") + past)))
        assert replies[0].status == (431 if past else 200), replies


def test_a_refusal_is_read_by_whoever_sends_much(server):
    """What comes behind the fault is taken for a while, so that the refusal is not lost in a reset."""
    with server.connect(20) as connection:
        send(connection, chunks(b"4\n") + b"x" * (8 << 20))
        replies = replies_until_closed(connection)
    assert len(replies) == 1 and replies[0].status == 400
    assert re.search("CR and LF", replies[0].problem["detail"])

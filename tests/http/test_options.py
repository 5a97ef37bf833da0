"""Every option, in query, form and JSON; kinds of bodies; methods; content negotiation."""
import json

import pytest

CSV_DATA = "a,b,s\n1,2.5,x\n3,4.5,y\n5,0.5,z\n"
JSON_DATA = {"a": [1, 3, 5], "b": [2.5, 4.5, 0.5], "s": ["x", "y", "z"]}


def three_ways(server, options, members_too=True):
    """The replies to the same options as a query, as form parts and as JSON members."""
    accept = {"Accept": "text/csv"}
    replies = [server.post_csv(CSV_DATA, options, headers=accept)]
    parts = [(n, str(v)) for n, values in options.items()
             for v in (values if isinstance(values, list) else [values])]
    replies.append(server.post_form(parts + [("data", CSV_DATA, "t.csv", "text/csv")], headers=accept))
    if not members_too:
        return replies
    members = {"select": "all"}
    for name, value in options.items():
        if name in ("select", "drop") and value not in ("all", "computed"):
            value = value.split(",")
        if name in ("rename", "types"):
            value = dict(pair.split(":") for pair in value.split(","))
        if name == "nulls":
            value = value.split(",")
        if name == "let" and isinstance(value, str):
            value = [value]
        members[name] = value
    replies.append(server.post_json({"columns": JSON_DATA, **members}, headers=accept))
    return replies


@pytest.mark.parametrize("options, want", [
    ({"let": "r=a*2"}, "a,b,s,r\n1,2.5,x,2\n3,4.5,y,6\n5,0.5,z,10\n"),
    ({"let": ["r=a*2", "q=r+b"]}, "a,b,s,r,q\n1,2.5,x,2,4.5\n3,4.5,y,6,10.5\n5,0.5,z,10,10.5\n"),
    ({"let": "b=b+1"}, "a,b,s\n1,3.5,x\n3,5.5,y\n5,1.5,z\n"),
    ({"let": "r=a", "select": "all", "limit": 1}, "a,b,s,r\n1,2.5,x,1\n"),
    ({"let": "r=a", "select": "computed"}, "r\n1\n3\n5\n"),
    ({"let": "r=a", "select": "s,r,a", "limit": 2}, "s,r,a\nx,1,1\ny,3,3\n"),
    ({"let": "b=b+1", "select": "computed"}, "b\n3.5\n5.5\n1.5\n"),
    ({"select": "b", "limit": 1}, "b\n2.5\n"), ({"drop": "b,s"}, "a\n1\n3\n5\n"),
    ({"drop": "b", "rename": "a:x,s:t", "limit": 1}, "x,t\n1,x\n"),
    ({"let": "r=a", "rename": "r:double,a:n", "select": "r,a", "limit": 1}, "double,n\n1,1\n"),
    ({"let": "tmp=a+1", "drop": "tmp", "limit": 1}, "a,b,s\n1,2.5,x\n"), ({"limit": 0}, "a,b,s\n"),
    ({"executor": "serial", "limit": 1}, "a,b,s\n1,2.5,x\n"),
    ({"executor": "threads", "workers": 1, "chunk_rows": 1, "limit": 1}, "a,b,s\n1,2.5,x\n"),
    ({"executor": "processes", "workers": 2, "chunk_rows": 2, "limit": 1}, "a,b,s\n1,2.5,x\n"),
    ({"executor": "auto", "mode": "vector", "limit": 1}, "a,b,s\n1,2.5,x\n"),
    ({"executor": "gil", "let": "r=a*2", "mode": "tuple", "limit": 1}, "a,b,s,r\n1,2.5,x,2\n"),
    ({"mode": "row", "let": "r=s+'!'", "repeat": 3, "select": "r"}, "r\nx!\ny!\nz!\n"),
    ({"let": "r=a*9223372036854775807", "overflow": "wrap", "select": "r"},
     "r\n9223372036854775807\n9223372036854775805\n9223372036854775803\n"),
    ({"let": "r=1//(a-3)", "on_error": "null", "select": "r"}, "r\n-1\n\n0\n"),
    ({"let": "r=a", "on_error": "fail", "overflow": "error", "limit": 1}, "a,b,s,r\n1,2.5,x,1\n"),
    ({"let": "n=is_null(s)", "nulls": "x,y", "select": "n"}, "n\nTrue\nTrue\nFalse\n"),
    ({"let": "r=a/2", "types": "a:float64", "limit": 1, "select": "r"}, "r\n0.5\n"),
    ({"timeout_ms": 60000, "limit": 0, "repeat": 1, "nan": "string"}, "a,b,s\n")])
def test_options_three_ways(server, options, want):
    query, form, member = three_ways(server, options)
    for reply in (query, form, member):
        assert reply.status == 200, reply
        assert reply.text == want


def test_errors_are_counted_in_the_head(server):
    for reply in three_ways(server, {"let": ["r=1//(a-3)", "q=a"], "on_error": "null"}):
        assert "r=1" in reply.headers["Colonnade-Errors"], reply.headers.items()
    document = server.lets({"r": "1//(a-3)", "q": "r+1"}, JSON_DATA, on_error="null").json()
    assert document["errors"] == {"r": 1, "q": 0} and document["columns"]["q"] == [0, None, 1]


@pytest.mark.parametrize("options", [
    {"limit": "-1"}, {"limit": "x"}, {"limit": ""}, {"limit": "1.5"}, {"executor": "nosuch"},
    {"executor": "gpu"}, {"workers": "0"}, {"workers": "65"}, {"workers": "x"}, {"chunk_rows": "0"},
    {"chunk_rows": "-5"}, {"mode": "fast"}, {"mode": "Row"}, {"executor": "GIL"}, {"repeat": "0"}, {"repeat": "1001"}, {"overflow": "x"},
    {"on_error": "ignore"}, {"nan": "x"}, {"types": "a"}, {"types": "a:int"}, {"delimiter": "ab"},
    {"delimiter": ""}, {"delimiter": '"'}, {"header": "maybe"}, {"timeout_ms": "0"}, {"timeout_ms": "-1"},
    {"let": "noequals"}, {"let": "=a"}, {"rename": "a"}, {"limit": ["1", "2"]}, {"executor": ["auto", "serial"]},
    {"limit": "99999999999999999999"}, {"chunk_rows": "1e3"}])
def test_bad_values(server, options):
    for reply in three_ways(server, options, members_too=False):
        assert reply.status == 400, (options, reply)
        assert reply.problem["code"] in ("invalid_parameter", "syntax_error"), reply
        if reply.problem["code"] == "invalid_parameter":
            assert reply.problem["parameter"] == next(iter(options)), reply


@pytest.mark.parametrize("options, code", [
    ({"select": "nosuch"}, "unknown_column"), ({"drop": "nosuch"}, "unknown_column"),
    ({"rename": "nosuch:x"}, "unknown_column"), ({"types": "nosuch:int64"}, "unknown_column"),
    ({"let": ["r=a", "r=b"]}, "duplicate_name"), ({"rename": "a:b"}, "duplicate_name")])
def test_unknown_and_duplicate_names(server, options, code):
    codes = {reply.code for reply in three_ways(server, options)}
    assert codes == {code} or code == "duplicate_name" and codes <= {"ok", code}, codes


def test_unknown_options(server):
    for name in ("nosuch", "Let", "lets", "", "data", "columns", "generate"):
        reply = server.post_csv(CSV_DATA, [(name, "1")])
        assert reply.status == 400, (name, reply)
        assert reply.problem["code"] in ("unknown_parameter", "invalid_parameter")
        if name not in ("data", "columns", "generate"):
            assert reply.problem["code"] == "unknown_parameter"
            assert reply.problem.get("parameter", "") == name
            if name:
                formed = server.post_form([(name, "1"), ("data", CSV_DATA, "t.csv", "text/csv")])
                assert formed.code == "unknown_parameter"
                member = server.post_json({"columns": JSON_DATA, name: 1})
                assert member.code == "unknown_parameter"


def test_an_option_in_another_place_is_refused(server):
    body, kind = b'{"columns": {"a": [1]}, "let": {"r": "a"}}', {"Content-Type": "application/json"}
    reply = server.request("POST", "/v1/compute?limit=1", body, kind)
    assert reply.status == 400 and reply.problem["code"] == "invalid_parameter", reply
    from client import form
    body, kind = form([("let", "r=a"), ("data", CSV_DATA, "t.csv", "text/csv")])
    reply = server.request("POST", "/v1/compute?limit=1", body, {"Content-Type": kind})
    assert reply.status == 400 and reply.problem["code"] == "invalid_parameter", reply
    for options in ({"delimiter": ";"}, {"header": "absent"}):
        reply = server.post_json({"columns": {"a": [1]}, "let": {"r": "a"}, **options})
        assert reply.status in (200, 400)


@pytest.mark.parametrize("query", ["let=r%zz", "let=r=%", "let=r=%2", "let=r%00=a", "let=r=a%0a%01", "%00=1",
                                   "limit=%ff", "let=r=%c3"])
def test_bad_escapes_in_a_query(server, query):
    reply = server.request("POST", "/v1/compute?" + query, CSV_DATA.encode(), {"Content-Type": "text/csv"})
    assert reply.status == 400 and reply.problem["code"] == "invalid_parameter", reply


def test_plus_in_a_query(server):
    """A raw + is a space, as every client takes it; the error says what to write instead."""
    def post(query):
        return server.request("POST", "/v1/compute?" + query, b"a,b\n1,2\n", {"Content-Type": "text/csv"})

    assert post("let=r=a%2Bb").text == "a,b,r\n1,2,3\n"
    assert post("let=r=a+*+b").text == "a,b,r\n1,2,2\n"
    assert post("let=r=a%20*%20b").text == "a,b,r\n1,2,2\n"
    for query in ("let=r=a+b", "let=r=a++b", "let=r=+a", "let=r=a+", "let=+r=a", "let=r=md5(a,sep='+')",
                  "let=r=`a+b`", "let=r=a%20", "let=%20r=a"):
        reply = post(query)
        assert reply.status == 400, (query, reply)
        detail = reply.problem["detail"]
        assert "%2B" in detail or "--url-query" in detail, (query, detail)
    assert post("let=r=mod(a,b)").text == "a,b,r\n1,2,1\n"
    assert post("let=r=a%25b").text == "a,b,r\n1,2,1\n"


def test_names_with_commas_stand_between_backticks(server):
    data = '"a,b",c,"d`e"\n1,2,3\n'
    reply = server.post_csv(data, {"select": "`a,b`,c"})
    assert reply.text == '"a,b",c\n1,2\n'
    assert server.post_csv(data, {"drop": "`a,b`,`d``e`"}).text == "c\n2\n"
    assert server.post_csv(data, {"rename": "`a,b`:x", "select": "`a,b`"}).text == "x\n1\n"
    assert server.post_csv(data, {"types": "`a,b`:string", "let": "r=`a,b` + 'z'"}).rows()[1][3] == "1z"


PARTS = [("let", "r=a+b"), ("select", "computed"), ("limit", "2"), ("data", CSV_DATA, "t.csv", "text/csv")]


@pytest.mark.parametrize("place", range(4))
def test_form_parts_in_any_order(server, place):
    parts = PARTS[:3]
    parts.insert(place, PARTS[3])
    assert server.post_form(parts).text == "r\n3.5\n7.5\n"


def test_forms(server):
    big = "a,b\n" + "1,2\n" * 300_000
    reply = server.post_form([("data", big, "t.csv", "text/csv"), ("let", "r=a+b"), ("select", "r")])
    assert reply.text == "r\n" + "3\n" * 300_000
    for kind in (None, "application/octet-stream", "text/plain", "application/vnd.ms-excel", "text/csv"):
        assert server.post_form([("data", CSV_DATA, "t.csv", kind), ("select", "s")]).text == "s\nx\ny\nz\n"
    tsv = server.post_form([("data", "a\tb\n1\t2\n", "t.tsv"), ("let", "r=a+b")])
    assert tsv.text == "a\tb\tr\n1\t2\t3\n"
    document = json.dumps({"columns": {"a": [1, 2]}})
    got = server.post_form([("data", document, "t.json", "application/json"), ("let", "r=a+1")])
    assert got.status == 200 and got.columns == {"r": [2, 3]}, got
    for parts in ([("let", "r=1")], [], [PARTS[3], PARTS[3]], [PARTS[3], ("limit", "1"), ("limit", "2")]):
        reply = server.post_form(parts)
        assert reply.status == 400, (parts, reply)
        assert reply.problem["code"] in ("invalid_multipart", "invalid_parameter"), reply
    cut = server.post_form([("let", "r=md5(a, sep='"), PARTS[3]])
    assert cut.status == 400 and "--form-string" in cut.problem["detail"], cut


@pytest.mark.parametrize("body, kind", [
    (b"", "multipart/form-data; boundary=x"), (b"--x\r\n", "multipart/form-data; boundary=x"),
    (b"hello", "multipart/form-data; boundary=x"), (b"--x--\r\n", "multipart/form-data"),
    (b'--x\r\nContent-Disposition: form-data; name="data"\r\n\r\na\n1\n', "multipart/form-data; boundary=x"),
    (b"--x\r\n\r\nno name\r\n--x--\r\n", "multipart/form-data; boundary=x")])
def test_broken_forms(server, body, kind):
    reply = server.request("POST", "/v1/compute", body, {"Content-Type": kind})
    assert reply.status == 400, reply
    assert reply.problem["code"] in ("invalid_multipart", "invalid_parameter"), reply


UNSTATED = [None, "application/octet-stream", "text/plain", "text/plain; charset=utf-8",
            "application/vnd.ms-excel", "application/x-www-form-urlencoded"]


@pytest.mark.parametrize("kind", UNSTATED)
def test_unstated_types(server, kind):
    headers = {"Content-Type": kind} if kind else {}
    reply = server.request("POST", "/v1/compute?let=r=a*2&select=r", CSV_DATA.encode(), headers)
    assert reply.status == 200 and reply.text == "r\n2\n6\n10\n", reply
    assert reply.headers["Content-Type"].startswith("text/csv")
    body = b' \r\n\t{"columns": {"a": [1]}, "let": {"r": "a+1"}}'
    reply = server.request("POST", "/v1/compute", body, headers)
    assert reply.status == 200 and reply.columns == {"r": [2]}, reply


def test_methods(server):
    for method in ("POST", "PUT", "QUERY"):
        assert server.post_csv(CSV_DATA, {"select": "a"}, method=method).text == "a\n1\n3\n5\n"
    for method, path, allow in [("GET", "/v1/compute", {"POST", "PUT", "QUERY"}),
                                ("DELETE", "/v1/compute", {"POST", "PUT", "QUERY"}),
                                ("POST", "/v1/runs", {"GET", "HEAD"}), ("GET", "/v1/check", {"POST"}),
                                ("POST", "/livez", {"GET", "HEAD"}), ("PUT", "/v1/functions", {"GET", "HEAD"})]:
        reply = server.request(method, path)
        assert reply.status == 405 and reply.problem["code"] == "method_not_allowed", reply
        assert set(reply.headers["Allow"].replace(" ", "").split(",")) >= allow - {"HEAD"}, reply.headers["Allow"]


def test_head(server):
    for path in ("/livez", "/readyz", "/v1/functions", "/v1/pools", "/"):
        head, get = server.request("HEAD", path), server.get(path)
        assert head.status == get.status == 200 and head.body == b"", path
        assert head.headers["Content-Type"] == get.headers["Content-Type"]


def test_not_found(server):
    for path in ("/nosuch", "/v1", "/v1/", "/v2/compute", "/v1/compute/", "/v1/runs/nosuch", "/v1/compute/x",
                 "/v1/runs/0123456789abcdef0123456789abcdef/trace", "//v1/compute", "/V1/compute"):
        reply = server.get(path)
        assert reply.status == 404 and reply.problem["code"] == "not_found", (path, reply)


@pytest.mark.parametrize("kind", ["application/xml", "image/png", "text/html", "application/x-ndjson", "nonsense"])
def test_unsupported_media_types(server, kind):
    reply = server.request("POST", "/v1/compute", CSV_DATA.encode(), {"Content-Type": kind})
    assert reply.status == 415 and reply.problem["code"] == "unsupported_media_type", reply


def test_unsupported_encodings(server):
    for coding in ("br", "deflate", "compress", "gzip, zstd", "gzip;q=1"):
        reply = server.post_csv(CSV_DATA, headers={"Content-Encoding": coding})
        assert reply.status == 415 and reply.headers["Accept-Encoding"] == "gzip, zstd", reply
    assert server.post_csv(CSV_DATA, headers={"Content-Encoding": "identity"}).status == 200


@pytest.mark.parametrize("accept, from_csv, from_json", [
    (None, "csv", "json"), ("*/*", "csv", "json"), ("text/csv", "csv", "csv"),
    ("application/json", "json", "json"), ("text/*", "csv", "csv"), ("application/*", "json", "json"),
    ("text/csv;q=0.5, application/json", "json", "json"), ("text/csv, application/json;q=0.9", "csv", "csv"),
    ("application/json;q=0, */*", "csv", "csv"), ("text/csv;q=0, */*;q=0.1", "json", "json"),
    ("text/html, */*;q=0.8", "csv", "json"), ("text/html", None, None), ("image/png, text/html;q=0.5", None, None),
    ("text/csv;q=0", None, None), ("application/json;q=1.0;x=y", "json", "json"), ("TEXT/CSV", "csv", "csv"),
    ("text/csv ; q=0.2 , application/json ; q=0.3", "json", "json")])
def test_content_negotiation(server, accept, from_csv, from_json):
    headers = {"Accept": accept} if accept else {}
    replies = [(from_csv, server.post_csv(CSV_DATA, {"let": "r=a"}, headers=headers)),
               (from_json, server.post_json({"columns": JSON_DATA, "let": {"r": "a"}}, headers=headers)),
               (from_csv, server.post_form([("let", "r=a"), PARTS[3]], headers=headers))]
    for want, reply in replies:
        if want is None:
            assert reply.status == 406 and reply.problem["code"] == "not_acceptable", reply
        else:
            assert reply.status == 200 and want in reply.headers["Content-Type"], (accept, reply)


def test_what_is_not_built_yet_or_is_refused(server):
    for options in ({"executor": "gil"}, {"mode": "tuple"}, {"mode": "row"}, {"repeat": "5"}):
        reply = server.post_csv(CSV_DATA, options)
        assert reply.code in ("ok", "invalid_parameter"), reply

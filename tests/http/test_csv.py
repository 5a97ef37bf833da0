"""CSV in and out: section 5 of the contract."""
import codecs
import math

import pytest

EXECUTORS = ["serial", "threads", "processes"]


def types_of(reply):
    """The input types of a CSV reply, from its head."""
    return dict(part.rsplit(":", 1) for part in reply.headers["Colonnade-Types"].split(","))


def same_back(server, data, **options):
    """Posts bytes without any let; expects them back unchanged."""
    reply = server.post_csv(data, {"select": "all", **options})
    assert reply.status == 200, (data, reply)
    assert reply.body == data, (data, reply.body)
    return reply


@pytest.mark.parametrize("data", [
    b"a,b\n1,2\n3,4\n", b"a,b\n1,2\n3,4", b"a,b\r\n1,2\r\n3,4\r\n", b"a\n1\n", b"a,b\n", b"a,b",
    b'a,b\n"1","2"\n', b'a,b\n"x ""y""",z\n', b'a,b\n"line\nbreak",2\n', b'a,b\r\n"l\r\nb",2\r\n',
    b'"a","b,c"\n1,2\n', b'a,b\n,\n', b'a,b\n"",\n', b"a,b\n 1 , 2\n", b"a,b\n1.50,+2\n",
    b"a,b\n1e5,0x10\n", "größe,日本\n1,é\n".encode(), "a\n😀\n".encode(), b"a,b\n\t,  \n",
    b"a,a\n1,2\n", b",\n1,2\n", b"a,,b\n1,2,3\n", b'a\n"x"\n', b"a b,c-d\nx,y\n", b"a,b\n1,\n,2\n",
    b'a,b\n"""",""""""\n', b"a,b\nNA,null\n", b"a;b\n1;2\n", b"a\n'x'\n", b"a\n1\n\n2\n",
    b'a\n""\n\n"x"\n', b"a,b\n\x01,\x7f\n"])
def test_input_bytes_come_back_unchanged(server, data):
    same_back(server, data)


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("chunk_rows", [1, 2, 3])
def test_cuts_do_not_matter(server, executor, chunk_rows):
    data = (b'id,t,v\r\n1,"a,""b""\r\nc",1.0\r\n2,,\r\n3,"\n\n",2.5\r\n4,"""",-0.0\r\n5,\xc3\xa9,1e400')
    reply = server.post_csv(data, {"let": ["r=v*2", "k=md5(*)"], "executor": executor,
                                   "chunk_rows": chunk_rows})
    plain = server.post_csv(data, {"let": ["r=v*2", "k=md5(*)"], "executor": "serial"})
    assert reply.status == 200 and reply.body == plain.body
    lines = plain.rows()
    assert lines[1][:2] == ["1", 'a,"b"\r\nc'] and lines[1][3] == "2.0"
    assert [row[3] for row in lines[1:]] == ["2.0", "", "5.0", "-0.0", "inf"]
    assert types_of(plain) == {"id": "int64", "t": "string", "v": "float64"}


def test_a_byte_order_mark_is_dropped(server):
    reply = server.post_csv(codecs.BOM_UTF8 + b"a,b\n1,2\n", {"let": "r=a+b"})
    assert reply.body == b"a,b,r\n1,2,3\n"
    quoted = server.post_csv(codecs.BOM_UTF8 + b'"a",b\n1,2\n', {"let": "r=a+b"})
    assert quoted.body == b'"a",b,r\n1,2,3\n'


def test_row_ends_are_the_inputs(server):
    assert server.post_csv(b"a,b\r\n1,2\r\n3,4\r\n", {"let": "r=a+b"}).body == \
        b"a,b,r\r\n1,2,3\r\n3,4,7\r\n"
    assert server.post_csv(b"a\n1\n2", {"let": "r=a+1"}).body in (b"a,r\n1,2\n2,3\n", b"a,r\n1,2\n2,3")
    assert server.post_csv(b"a\r\n1\r\n", {"let": "r=a+1", "select": "computed"}).body == b"r\r\n2\r\n"


def test_how_added_fields_are_written(server):
    data = "x,s\n0.1,plain\n1e5,\"a,b\"\n1e16,\"q\"\"q\"\n-0.0,\"l\nb\"\n,\"\"\n1e-5,\n"
    reply = server.post_csv(data, {"let": ["y=x", "t=s + ''", "b=x > 1", "n=None", "i=length(s)"],
                                   "select": "computed"})
    assert reply.status == 200, reply
    assert reply.body.decode() == ("y,t,b,n,i\n0.1,plain,False,,5\n100000.0,\"a,b\",True,,3\n"
                                   "1e+16,\"q\"\"q\",True,,3\n-0.0,\"l\nb\",False,,3\n"
                                   ",\"\",,,0\n1e-05,,False,,\n")
    specials = server.post_csv("x\nnan\ninf\n-inf\n", {"let": "y=x", "select": "computed"})
    assert specials.body == b"y\nnan\ninf\n-inf\n"
    semicolon = server.post_csv("x;s\n1;2\n", {"let": ["t='a;b'", "u='a,b'"], "delimiter": "semicolon"})
    assert semicolon.body == b'x;s;t;u\n1;2;"a;b";a,b\n'


@pytest.mark.parametrize("fields, kind", [
    (["1", "2", "-3"], "int64"), (["1", "2.5"], "float64"), (["1", ""], "int64"), (["", ""], "null"),
    (["True", "False"], "bool"), (["true", "false", ""], "bool"), (["TRUE"], "string"),
    (["True", "1"], "string"), (["1", "x"], "string"), (["02134"], "string"), (["1", "007"], "string"),
    (["0", "0.5", "-0.25"], "float64"), (["0"], "int64"), (["-0"], "int64"), (["+1"], "string"),
    (["+1.5"], "string"), (["9223372036854775807", "-9223372036854775808"], "int64"),
    (["9223372036854775808"], "string"), (["9223372036854775808", "1.5"], "string"),
    (["1e5"], "float64"), (["1E5", "2"], "float64"), ([".5"], "float64"), (["5."], "float64"),
    (["1e400", "-1e400"], "float64"), (["nan", "NaN", "inf", "-INF"], "float64"), (["nan", "1"], "float64"),
    (["infinity"], None), ([" 1", "2 "], "int64"), ([" 1.5 "], "float64"), ([" x"], "string"),
    (["1,5"], "string"), (["0x10"], "string"), (["1_000"], "string"), (["1e"], "string"), (["."], "string"),
    (["-"], "string"), (["--1"], "string"), (["1.2.3"], "string"), (["00"], "string"), (["00.5"], "string"),
    (["-01"], "string"), (["1e05"], "float64"), (["1e+5"], "float64"), (["None"], "string"),
    (["NA", "1"], "string"), (["2024-01-01"], "string"), (["1 2"], "string"), ([" "], "string")])
def test_types(server, fields, kind):
    for quote in ("", '"'):
        # an empty field stays unquoted: quoted it would be the empty string
        text = "k,v\n" + "".join(
            f'{n},"{f}"\n' if f and (quote or "," in f) else f"{n},{f}\n"
            for n, f in enumerate(fields))
        reply = server.post_csv(text, {"let": "r=v"})
        if kind is not None:
            assert types_of(reply)["v"] == kind, (text, reply)


def test_the_empty_string_makes_a_string(server):
    reply = server.post_csv('a,b\n1,1\n"",\n', {"let": ["n=is_null(a)", "m=is_null(b)"]})
    assert types_of(reply) == {"a": "string", "b": "int64"}
    assert reply.body == b'a,b,n,m\n1,1,False,False\n"",,False,True\n'


def test_numbers_are_exact(server):
    texts = ["0.1", "2.2250738585072011e-308", "1.7976931348623158e308", "1.7976931348623159e308",
             "4.9e-324", "2.4703282292062327e-324", "2.4703282292062328e-324", "9007199254740993.0",
             "0.1000000000000000055511151231257827021181583404541015625", "123456789012345678901234567890.0",
             "8.98846567431158e+307", "1e23", "9.5e-323", "-1e-400", "1" + "0" * 400 + ".0",
             "0." + "0" * 400 + "1", "7205759403792793199999e-5", "3.0000000000000004440892098500626"]
    reply = server.post_csv("x\n" + "\n".join(texts) + "\n", {"let": "y=x", "select": "computed"})
    assert reply.text.split() == ["y"] + [repr(float(t)) for t in texts]


def test_nulls_option(server):
    text = "a,s\n1,x\nNA,NA\n-,\"null\"\n,null\n"
    plain = server.post_csv(text, {"let": "n=is_null(a)"})
    assert types_of(plain) == {"a": "string", "s": "string"}
    reply = server.post_csv(text, {"let": ["r=a+1", "n=is_null(s)"], "nulls": "NA,null,-"})
    assert types_of(reply)["a"] == "int64"
    assert reply.rows()[1:] == [["1", "x", "2", "False"], ["NA", "NA", "", "True"],
                                ["-", "null", "", "True"], ["", "null", "", "True"]]
    assert reply.body.startswith(b'a,s,r,n\n1,x,2,False\nNA,NA,,True\n-,"null",,True\n')


@pytest.mark.parametrize("delimiter, character", [
    ("comma", ","), ("semicolon", ";"), ("tab", "\t"), ("pipe", "|"), (";", ";"), ("|", "|"), (":", ":"),
    (" ", " "), ("\t", "\t")])
def test_delimiters(server, delimiter, character):
    data = character.join(["a", "b"]) + "\n" + character.join(["1", '"2"']) + "\n"
    if delimiter == "\t":
        delimiter = "tab"  # a control character may not stand in a query
    reply = server.post_csv(data, {"let": "r=a+b", "delimiter": delimiter})
    assert reply.status == 200, reply
    assert reply.text == data.replace("\n", f"{character}r\n", 1)[:-1] + f"{character}3\n"


def test_tab_separated(server):
    reply = server.post_csv("a\tb\n1\tx,y\n", {"let": "r=a+1"},
                            headers={"Content-Type": "text/tab-separated-values"})
    assert reply.body == b"a\tb\tr\n1\tx,y\t2\n"
    assert reply.headers["Content-Type"].startswith(("text/csv", "text/tab-separated-values"))


def test_header_absent(server):
    reply = server.post_csv("1,2\n3,4\n", {"let": "r=c0*c1", "header": "absent"})
    assert reply.body == b"1,2,2\n3,4,12\n"
    assert reply.headers["Colonnade-Rows"] == "2"
    assert types_of(reply) == {"c0": "int64", "c1": "int64"}
    picked = server.post_csv("1,2\n3,4\n", {"header": "absent", "select": "c1"})
    assert picked.body == b"2\n4\n"


def test_empty_lines(server):
    skipped = server.post_csv("a,b\n\n1,2\n\r\n\n3,4\n\n", {"let": "r=a+b"})
    assert skipped.status == 200 and skipped.headers["Colonnade-Rows"] == "2"
    assert skipped.rows() == [["a", "b", "r"], ["1", "2", "3"], ["3", "4", "7"]]
    single = server.post_csv("a\n1\n\n3\n", {"let": "r=is_null(a)"})
    assert single.headers["Colonnade-Rows"] == "3"
    assert [r[-1] for r in single.rows()[1:]] == ["False", "True", "False"]
    for chunk_rows in (1, 2, 3):
        cut = server.post_csv("a\n\n\n1\n\n", {"let": "r=is_null(a)", "chunk_rows": chunk_rows})
        assert [r[-1] for r in cut.rows()[1:]] == ["True", "True", "False", "True"], cut


def test_duplicate_and_empty_names(server):
    data = "a,a,,b\n1,2,3,4\n"
    reply = server.post_csv(data, {"let": ["r=b+1", "e=`` + 1"]})
    assert reply.rows()[1] == ["1", "2", "3", "4", "5", "4"]
    assert server.post_csv(data, {"let": "r=md5(*)"}).status == 200
    for options in ({"let": "r=a+1"}, {"select": "a"}, {"types": "a:string"}, {"drop": "a"},
                    {"rename": "a:z"}):
        refused = server.post_csv(data, options)
        assert refused.status == 422 and refused.problem["code"] == "duplicate_name", (options, refused)


@pytest.mark.parametrize("data, line", [
    (b"a,b\n1,2\n3\n", 3), (b"a,b\n1,2,3\n", 2), (b"a,b\n1,2\n\n3,4,5\n", 4), (b'a,b\n1,x"y\n', 2),
    (b'a,b\n1,"x"y\n', 2), (b'a,b\n1,"open\n3,4\n', 2), (b"a,b\n1,2\r3,4\n", 2), (b"a,b\n1,\xff\n", 2),
    (b"a,b\n1,2\n3,\xc3\n", 3), (b"a,b\n1,\xed\xa0\x80\n", 2), (b"a,b\n1,\xc0\x80\n", 2), (b"a,b\n1,\0\n", 2),
    (b'a,b\n"l\nm",2\n3\n', 4), (b'a,b\n1,"x\0y"\n', 2), (b'a,b\n1,"\xf5"\n', 2), (b"a\xff,b\n1,2\n", 1),
    (b'a"b,c\n1,2\n', 1), (b'"a,b\n1,2\n', 1), (b"a\0,b\n1,2\n", 1), (b"a,b\r1,2\r", 1), (b"", 1)])
def test_faults_name_their_line(server, data, line):
    seen = set()
    for options in ({}, {"chunk_rows": 1}, {"chunk_rows": 2, "executor": "processes"},
                    {"chunk_rows": 1, "executor": "threads"}):
        reply = server.post_csv(data, {"let": "r=md5(*)", **options})
        assert reply.status == 400, (data, reply)
        problem = reply.problem
        assert problem["code"] == "invalid_csv", problem
        assert problem.get("line", 1) == line, problem
        seen.add(problem["detail"])
    assert len(seen) == 1


def test_an_encoding_error_names_the_byte_and_the_cure(server):
    problem = server.post_csv(b"name\ncaf\xe9\n", {"let": "r=1"}).problem
    assert "0xe9" in problem["detail"].lower() and "iconv" in problem["detail"], problem


def test_a_header_alone_has_no_rows(server):
    for data in (b"a,b\n", b"a,b", b"a,b\r\n"):
        reply = server.post_csv(data, {"let": ["r=a+1", "k=md5(a,b)"]})
        assert reply.status == 200 and reply.headers["Colonnade-Rows"] == "0", reply
        assert reply.body.rstrip() == b"a,b,r,k"
    document = server.post_csv(b"a,b\n", {"let": "r=a+1"}, headers={"Accept": "application/json"}).json()
    assert document["rows"] == 0 and document["columns"] == {"r": []} or \
        document["columns"] == {"a": [], "b": [], "r": []}


def test_types_option(server):
    text = "zip,amount,flag,n\n02134,1,1,7\n10001,2.5,0,8\n"
    reply = server.post_csv(text, {"let": ["z=zip + '-'", "r=amount*2", "m=n+1"],
                                   "types": "zip:string,amount:float64,n:float64"})
    assert reply.rows()[1][4:] == ["02134-", "2.0", "8.0"]
    assert types_of(reply) == {"zip": "string", "amount": "float64", "flag": "int64", "n": "float64"}
    star = server.post_csv(text, {"types": "amount:float64,*:string", "let": "k=n + flag"})
    assert types_of(star) == {"zip": "string", "amount": "float64", "flag": "string", "n": "string"}
    zero = server.post_csv("a\n007\n", {"types": "a:int64", "let": "r=a+1"})
    assert zero.rows()[1] == ["007", "8"]
    for data, types, line in [("a\n1\nx\n", "a:int64", 3), ("a\n1\n2.5\n", "a:int64", 3),
                              ("a\nTrue\nmaybe\n", "a:bool", 3), ("a\n1\nabc\n", "a:float64", 3),
                              ("a\n9223372036854775808\n", "a:int64", 2)]:
        for chunk_rows in (1, 2, 10):
            problem = server.post_csv(data, {"types": types, "let": "r=a", "chunk_rows": chunk_rows}).problem
            assert problem["code"] in ("invalid_value", "integer_out_of_range"), problem
            assert problem["line"] == line and problem["column"] == "a", problem
    unknown = server.post_csv("a\n1\n", {"types": "b:int64"})
    assert unknown.status == 422 and unknown.problem["code"] == "unknown_column"
    assert server.post_csv("a\n1\n", {"types": "a:int32"}).code == "invalid_parameter"


def test_quoted_numbers_are_numbers(server):
    reply = server.post_csv('a,b\n"1","2.5"\n"3","4"\n', {"let": "r=a*b"})
    assert reply.rows()[1:] == [["1", "2.5", "2.5"], ["3", "4", "12.0"]]


def test_csv_to_json(server):
    reply = server.post_csv('a,s,x\n1,"",1.5\n,z,\n3,,nan\n', {"let": "r=a+1"},
                            headers={"Accept": "application/json"})
    document = reply.json()
    assert document["rows"] == 3
    assert document["columns"] == {"a": [1, None, 3], "s": ["", "z", None], "x": [1.5, None, None],
                                   "r": [2, None, 4]}
    assert document["input_types"] == {"a": "int64", "s": "string", "x": "float64"}
    assert math.isclose(document["columns"]["x"][0], 1.5)


def test_wide_and_long_fields(server):
    names = [f"column{k}" for k in range(300)]
    data = ",".join(names) + "\n" + ",".join(str(k) for k in range(300)) + "\n"
    reply = server.post_csv(data, {"let": "r=column299 + column0"})
    assert reply.rows()[1][-1] == "299"
    assert len(reply.headers["Colonnade-Types"]) <= 4096
    big = "x" * 3_000_000
    reply = server.post_csv(f'a,b\n1,"{big}"\n2,y\n', {"let": "r=length(b)"})
    assert [row[2] for row in reply.rows()[1:]] == ["3000000", "1"]

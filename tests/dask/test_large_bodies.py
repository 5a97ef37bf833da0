"""Bodies that are larger than memory, whose chunks go from the server's disk to a cluster."""
from client import Server
from product import Product

MIB = 1 << 20


def test_what_is_on_disk_is_sent(tmp_path):
    text = "a,b,c\n" + "".join(f"{k},{k * 7919 % 100_003 / 8},word {k % 1009}\n" for k in range(400_000))
    assert len(text) > 9 * MIB
    cases = [({"let": ["r=a*b", "m=md5(a,c)"]}, text), ({"let": "m=md5(a,c)", "select": "m", "limit": 300_000}, text + "x,1,y\n"),
             ({"let": "t=sha256(a,b,over='table')", "select": "t", "limit": 3}, text)]
    plain = Server()
    wanted = [plain.post_csv(body, {**options, "executor": "serial"}) for options, body in cases]
    assert plain.stop() == 0
    with Product("--data-dir", tmp_path, "--buffer-bytes", MIB) as product:
        for (options, body), want in zip(cases, wanted):
            reply = product.server.post_csv(body, {**options, "executor": "dask"})
            assert reply.status == want.status == 200 and reply.body == want.body, reply
            assert product.server.run_of(reply)["execution"]["executor"] == "dask"

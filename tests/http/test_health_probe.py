"""`colonnade --health`: what a health check without a shell says of a server that lives, is away, hangs or is another."""
import os
import re
import socket
import ssl
import subprocess
import threading

import pytest

from client import BINARY


def probe(*flags, env=None):
    return subprocess.run([BINARY, "--health", *map(str, flags)], stdin=subprocess.DEVNULL, timeout=30, check=False,
                          capture_output=True, text=True, env={**os.environ, **(env or {})})


@pytest.fixture
def impostor():
    """Takes one connection and answers with the bytes that it is given; keeps the connection open after them. With a pair
    of certificate and key through TLS."""
    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()
    threads = []

    def answer(data, pair=None):
        def serve():
            connection = listener.accept()[0]
            if pair:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(*pair)
                connection = context.wrap_socket(connection, server_side=True)
            with connection:
                connection.recv(4096)
                connection.sendall(data)
                done.wait(20)
        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        return listener.getsockname()[1]

    yield answer
    done.set()
    for thread in threads:
        thread.join()
    listener.close()


def test_a_server_that_lives(launch):
    running = launch()
    for address in ("127.0.0.1", "localhost", "0.0.0.0", ""):
        done = probe("--listen", f"{address}:{running.port}")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), address


def test_the_address_comes_from_where_the_server_has_it(launch):
    running = launch()
    assert probe(env={"COLONNADE_LISTEN": f"0.0.0.0:{running.port}"}).returncode == 0
    assert probe("--listen", f"127.0.0.1:{running.port}", env={"COLONNADE_LISTEN": "127.0.0.1:1"}).returncode == 0


def test_a_server_that_wants_a_token_is_asked_without(launch, tmp_path):
    token = tmp_path / "token"
    token.write_text("0123456789abcdef0123456789abcdef\n")
    running = launch("--token-file", token)
    assert probe("--listen", f"127.0.0.1:{running.port}", "--token-file", "/nosuch/file").returncode == 0


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    done = probe("--listen", f"127.0.0.1:{port}")
    assert done.returncode == 1 and done.stdout == ""
    assert f"cannot connect to 127.0.0.1:{port}: Connection refused" in done.stderr


@pytest.mark.parametrize("reply", [b"HTTP/1.1 503 Service Unavailable\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n"])
def test_another_answer(impostor, reply):
    done = probe("--listen", f"127.0.0.1:{impostor(reply)}")
    assert done.returncode == 1 and reply[:12].decode() in done.stderr, done


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 20"])
def test_a_server_that_hangs(impostor, begin):
    done = probe("--listen", f"127.0.0.1:{impostor(begin)}")
    assert done.returncode == 1 and "does not answer in time" in done.stderr, done


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A certificate that nobody trusts, of another name, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=elsewhere.example",
                    "-keyout", folder / "key", "-out", folder / "cert"], check=True, stdin=subprocess.DEVNULL,
                   capture_output=True)
    return folder / "cert", folder / "key"


def test_a_server_that_speaks_tls(pair):
    cert, key = pair
    with subprocess.Popen([BINARY, "--listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True) as running:
        try:
            port = re.search(r"https://127\.0\.0\.1:(\d+)", running.stdout.readline())[1]
            done = probe("--listen", f"0.0.0.0:{port}", "--tls-cert", cert)
            assert (done.returncode, done.stderr) == (0, "")
            assert probe("--listen", f"127.0.0.1:{port}").returncode == 1  # plain HTTP, where TLS is spoken
        finally:
            running.terminate()
        assert running.wait(60) == 0


@pytest.mark.parametrize("reply,word", [(b"HTTP/1.1 503 Service", "HTTP/1.1 503"), (b"", "in time")])
def test_another_answer_through_tls(impostor, pair, reply, word):
    done = probe("--listen", f"127.0.0.1:{impostor(reply, pair)}", "--tls-cert", pair[0])
    assert done.returncode == 1 and word in done.stderr, done


def test_tls_where_none_is_spoken(launch, pair):
    running = launch()
    done = probe("--listen", f"127.0.0.1:{running.port}", "--tls-cert", pair[0])
    assert done.returncode == 1 and "does not speak TLS" in done.stderr, done


def test_a_handshake_that_hangs(pair):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = probe("--listen", f"127.0.0.1:{listener.getsockname()[1]}", "--tls-cert", pair[0])
    assert done.returncode == 1 and "does not answer in time" in done.stderr, done


@pytest.mark.parametrize("flags,status", [(["--listen", "127.0.0.1:0"], 1), (["--listen", "nonsense"], 1),
                                          (["--nosuch"], 2), (["--max-rows", "x"], 2)])
def test_settings_that_tell_no_server(flags, status):
    done = probe(*flags)
    assert done.returncode == status and done.stderr.startswith("colonnade: "), done

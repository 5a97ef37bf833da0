"""--dask-python names a Python that cannot be the bridge to a Dask cluster: the server says which, and what to do."""
import time

import pytest

import client

BARE = "#!/bin/sh\nexec /usr/bin/python3 -I -S \"$@\"\n"  # without the packages that were installed for it
PROBLEMS = {
    "bare": "/usr/bin/python3 cannot load Dask's package distributed (No module named 'distributed'); install it for that Python, "
            "or name one that has it with --dask-python",
    "ends": "the bridge to Dask ({python}) ended: exit status 7",
    "missing": "the bridge to Dask could not be started by {python} (--dask-python): No such file or directory",
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_python_that_cannot_be_the_bridge(tmp_path, name):
    python = tmp_path / name
    if name != "missing":
        python.write_text(BARE if name == "bare" else "#!/bin/sh\nexit 7\n")
        python.chmod(0o755)
    expected = PROBLEMS[name].format(python=python)
    # Nothing listens at that port, and nothing is asked there.
    server = client.Server("--dask-scheduler", "tcp://127.0.0.1:1", "--dask-python", python)
    try:
        until = time.monotonic() + 20
        # It is tried again and again, and told once.
        while server.pool("dask")["problem"] != expected or name != "missing" and server.pool("dask")["bridge"]["starts"] < 3:
            assert time.monotonic() < until, server.pool("dask")
            time.sleep(0.05)
        assert server.get("/readyz").status == 200
        assert server.stderr() == f"colonnade: {expected}\n"
    finally:
        code = server.stop()
    assert code == 0

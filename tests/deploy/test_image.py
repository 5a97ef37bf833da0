"""What the image is made of, as far as it can be told without building one (tests/container builds it)."""
import re
import subprocess

from places import ROOT
import client

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def stage(name):
    """What stands between its FROM and the next one."""
    return re.search(rf"^FROM \S+ AS {name}\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL)[1]


def test_the_libraries_come_from_the_program():
    """The final stage installs what the program is linked with; nothing that a list could forget."""
    done = subprocess.run(["sh", "tools/runtime-packages.sh", client.BINARY], cwd=ROOT, check=True, stdout=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, text=True)
    packages = done.stdout.split()
    assert {"libc6", "libmicrohttpd12", "libjansson4", "libssl3"} <= set(packages), packages
    assert packages == sorted(set(packages)) and not [name for name in packages if name.endswith("-dev")]
    assert not re.search(r"\blib[\w.+-]+\d\b", re.sub(r"#.*", "", DOCKERFILE)), "a library is named in the Dockerfile"


def test_a_program_that_cannot_run_has_no_packages(tmp_path):
    source, library, program = tmp_path / "own.c", tmp_path / "libown.so.1", tmp_path / "program"
    source.write_text("int own(void) { return 0; }\n", encoding="utf-8")
    subprocess.run(["cc", "-shared", "-Wl,-soname,libown.so.1", "-o", library, source], check=True)
    main = tmp_path / "main.c"
    main.write_text("int own(void); int main(void) { return own(); }\n", encoding="utf-8")
    subprocess.run(["cc", "-o", program, main, library], check=True)
    for subject in (program, source):
        done = subprocess.run(["sh", "tools/runtime-packages.sh", subject], cwd=ROOT, check=False, capture_output=True,
                              stdin=subprocess.DEVNULL, text=True)
        assert done.returncode != 0 and done.stdout == "" and done.stderr, subject


def test_the_version_is_the_programs():
    version = re.search(r'CN_VERSION "(.*)"', (ROOT / "server/version.h").read_text(encoding="utf-8"))[1]
    assert f"ARG VERSION={version}\n" in DOCKERFILE
    assert re.search(r"^VERSION := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[1] == version
    compose = (ROOT / "deploy/compose.yaml").read_text(encoding="utf-8")
    images = re.findall(r"^    image: (?:&\S+ )?(colonnade\S*):(\S+)", compose, re.MULTILINE)
    assert images == [("colonnade", version), ("colonnade-dask", version)]


def test_the_service_has_no_tools_and_no_root():
    service = stage("service")
    assert "\nUSER 10001:10001\n" in service and "make" not in service
    assert not re.search(r"^(ADD|COPY (?!--from=build))", service, re.MULTILINE), "sources do not belong into what runs"
    assert re.search(r'^HEALTHCHECK .*\\\n +CMD \["/usr/local/sbin/colonnade", "--health"\]$', service, re.MULTILINE)
    assert service.rstrip().endswith('ENTRYPOINT ["/usr/local/sbin/colonnade"]')


def test_without_a_target_it_is_the_service_alone():
    """What is built without --target is the last stage; Python is only in the one that was asked for by name."""
    assert DOCKERFILE.split("\nFROM ")[-1] == "service\n"
    assert "python" not in stage("service") and "python3-distributed" in stage("dask")


def test_the_stage_for_dask_only_adds_to_it():
    assert re.search(r"^FROM service AS dask$", DOCKERFILE, re.MULTILINE)
    dask = stage("dask")
    assert re.findall(r"^USER (.*)$", dask, re.MULTILINE) == ["0:0", "10001:10001"]
    assert not re.search(r"^(ADD|COPY|ENTRYPOINT|CMD|ENV|HEALTHCHECK) ", dask, re.MULTILINE)


def test_the_context_leaves_out_what_is_not_built_from():
    left_out = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {".git", "build", "tests", "bench", "deploy/secrets", "**/node_modules"} <= set(left_out)

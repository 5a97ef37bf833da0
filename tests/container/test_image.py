"""What is in the image, and that two builds make the same program."""
import re

import podman


def say(text):
    print(f"    {text}")


def in_shell(image, script):
    """The words that a script prints in a container."""
    return podman.podman("run", "--rm", "--network=none", "--ulimit=nofile=1024:1024", "--ulimit=nproc=4096:4096",
                         "--user=0", "--entrypoint=sh", image, "-c", script).stdout.split()


def test_base_and_size(image):
    size = podman.inspect("image", image)["Size"] / 1e6
    base = podman.inspect("image", podman.BASE)["Size"] / 1e6
    say(f"image {size:.0f} MB, of which base {base:.0f} MB: {size - base:.1f} MB above it")
    assert size - base < 30


def test_what_it_says_of_itself(image):
    config = podman.inspect("image", image)["Config"]
    labels = {name.rsplit(".", 1)[1]: value for name, value in config["Labels"].items()
              if name.startswith("org.opencontainers.image.")}
    version = re.search(r'CN_VERSION "(.*)"', (podman.ROOT / "server/version.h").read_text(encoding="utf-8"))[1]
    assert labels["title"] == "colonnade" and labels["licenses"] == "MIT" and labels["description"]
    assert labels["version"] == version
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"] == ["/usr/local/sbin/colonnade"] and not config.get("Cmd")
    assert "8080/tcp" in config["ExposedPorts"]
    assert podman.inspect("image", image)["Healthcheck"]["Test"] == ["CMD", "/usr/local/sbin/colonnade", "--health"]
    say(f"labels {labels}")


def test_only_what_runs_is_in_it(image):
    script = """for tool in gcc cc c++ ld as make pkg-config strip perl-modules python3 curl wget git; do
        command -v $tool; done; ls -d /src /out /packages /mnt/packages 2>/dev/null
        ldd /usr/local/sbin/colonnade | grep 'not found'
        ls -A /var/lib/apt/lists; exit 0"""
    assert in_shell(image, script) == []
    packages = "dpkg-query -W -f '${Package}\\n'"
    added = sorted(set(in_shell(image, packages)) - set(in_shell(podman.BASE, packages)))
    say(f"packages above the base: {' '.join(added)}")
    assert "libmicrohttpd12" in added and all(name.startswith("lib") for name in added)


def test_two_builds_make_the_same_program(image):  # pylint: disable=unused-argument
    digests = []
    for tag in ("localhost/colonnade:first", "localhost/colonnade:second"):
        podman.build(tag, "--target=build", *(["--layers"] if not digests else ["--no-cache"]))
        digests.append(in_shell(tag, "sha256sum /out/usr/local/sbin/colonnade")[0])
    say(f"sha256 of the program, twice: {' '.join(digests)}")
    assert digests[0] == digests[1]

"""The image and its containers, made by buildah and podman without an engine, a registry or systemd.

Everything lies below build/container: the base image's archive (kept), and podman's storage (removed at the end).
"""
import json
import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOKEN = "0123456789abcdef0123456789abcdef"
FOLDER = ROOT / "build" / "container"
BASE = "docker.io/library/debian:bookworm-slim"
# What apt needs to know of this machine comes into a build as a mount, so that no image holds it.
HOST = ["-v", "/etc/apt:/etc/apt:ro", "-v", "/etc/ssl/certs:/etc/ssl/certs:ro"]
# As strict as an operator can be; not even the small writable folders that podman adds.
STRICT = ["--read-only", "--read-only-tmpfs=false", "--cap-drop=all", "--security-opt=no-new-privileges",
          "--memory=256m", "--memory-swap=256m", "--pids-limit=256",
          "--ulimit=nofile=20000:20000", "--ulimit=nproc=4096:4096"]


def run(*command, check=True, timeout=600, **more):
    done = subprocess.run([str(word) for word in command], env=environment(), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=timeout, check=False, **more)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout}{done.stderr}"[-4000:])
    return done


def environment():
    return {**os.environ, "CONTAINERS_STORAGE_CONF": str(FOLDER / "storage.conf")}


def podman(*arguments, **more):
    return run("podman", "--runtime=runc", "--cgroup-manager=cgroupfs", *arguments, **more)


def make_base():
    """A Debian 12 of the packages that every one has, under the name that the Dockerfile begins with."""
    if podman("image", "exists", BASE, check=False).returncode == 0:
        return
    archive = FOLDER / "base.tar"
    if not archive.exists():
        sources = sorted(pathlib.Path("/etc/apt/sources.list.d").glob("debian.sources")) or ["/etc/apt/sources.list"]
        part = FOLDER / "base.part.tar"  # mmdebstrap goes by the end of the name
        run("mmdebstrap", "--variant=minbase", "--mode=root", "--include=ca-certificates", "bookworm", part, *sources)
        os.rename(part, archive)
    podman("import", "-q", archive, BASE)


def start_storage():
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "storage.conf").write_text(f'[storage]\ndriver = "overlay"\nrunroot = "{FOLDER}/storage/run"\n'
                                         f'graphroot = "{FOLDER}/storage/graph"\n', encoding="utf-8")


def remove_storage():
    """With COLONNADE_KEEP=1 images stay, so that the next run builds only what has changed."""
    podman("rm", "-a", "-f", "-t", "1", check=False)
    run("buildah", "rm", "-a", check=False)
    if os.environ.get("COLONNADE_KEEP") != "1":
        remove_images()
    for group in sorted(pathlib.Path("/sys/fs/cgroup").glob("**/libpod_parent")):
        for folder in sorted((f for f in group.glob("**/") if f.is_dir()), reverse=True):
            try:
                folder.rmdir()
            except OSError:
                pass  # another's: not empty


def remove_images():
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        points = [line.split()[4] for line in mounts if f"{FOLDER}/storage/" in line.split()[4]]
    for point in reversed(points):
        run("umount", point, check=False)
    shutil.rmtree(FOLDER / "storage", ignore_errors=True)


def build(tag, *more):
    """Docker's format, because the other knows no health checks."""
    return run("buildah", "bud", "--format=docker", "--isolation=chroot", "--network=host", "--pull-never",
               *HOST, "-t", tag, *more, ROOT, timeout=1200)


def inspect(kind, name):
    return json.loads(podman("inspect", "--type", kind, name).stdout)[0]

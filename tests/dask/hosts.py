"""Network namespaces as hosts: each has an address, a link of its own to one switch, and nothing else in common with the
others but the machine's processors and files. Needs root and the kernel's veth and bridge; `cause_of_none` says what is
missing. Everything is made inside of the namespaces, so deleting these removes all of it.
"""
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

PREFIX = "colonnade-hosts"
NETWORK = "10.77.0"
CLONE_NEWNET = 0x40000000


def ip(*words, check=True):
    done = subprocess.run(["ip", *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
                          check=False)
    if check and done.returncode:
        raise OSError(f"ip {' '.join(map(str, words))}: {done.stderr.strip()}")
    return done.stdout


def namespaces():
    """Ours: those of this program, whichever process made them."""
    return [line.split()[0] for line in ip("netns", "list").splitlines() if line.startswith(PREFIX)]


def remove_leftovers():
    """Those of processes that were killed before they could remove them."""
    for name in namespaces():
        maker = name[len(PREFIX) + 1:].split("-")[0]
        if maker.isdigit() and not os.path.exists(f"/proc/{maker}"):
            ip("netns", "delete", name, check=False)


def cause_of_none():
    """Why there can be no such hosts here; empty where there can."""
    for program, package in (("ip", "iproute2"), ("nsenter", "util-linux")):
        if not shutil.which(program):
            return f"there is no `{program}` (package {package})"
    if os.geteuid() != 0:
        return "network namespaces need root"
    try:
        with Hosts("probe"):
            return ""
    except OSError as fault:
        return str(fault)


def in_namespace(name, function):
    """What a function gives that runs in the namespace. A socket that it opens stays there, whoever uses it later."""
    found = {}

    def run():
        try:
            with open(f"/run/netns/{name}", encoding="ascii") as descriptor:
                if ctypes.CDLL(None, use_errno=True).setns(descriptor.fileno(), CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), f"setns to {name}")
            found["value"] = function()
        except BaseException as fault:  # pylint: disable=broad-except
            found["fault"] = fault

    thread = threading.Thread(target=run)  # a namespace is a thread's: this one ends with the call
    thread.start()
    thread.join()
    if "fault" in found:
        raise found["fault"]
    return found["value"]


class Host:
    """One of the hosts: `prefix` is what stands before a command that runs there."""

    def __init__(self, hosts, number, name):
        self.hosts, self.name, self.address = hosts, name, f"{NETWORK}.{number}"
        self.namespace = f"{hosts.stem}-{name}"
        # Not `ip netns exec`, which hides /sys, where control groups are.
        self.prefix = ["nsenter", f"--net=/run/netns/{self.namespace}"]

    def connect(self, address, timeout):
        """A connection that begins here."""
        return in_namespace(self.namespace, lambda: socket.create_connection(address, timeout))

    def cut(self):
        """The cable is pulled out on the switch's side: nothing arrives any more, and nobody is told."""
        ip("-n", self.hosts.switch, "link", "set", "dev", self.name, "nomaster")

    def unplug(self):
        """The cable is pulled out here: the kernel sees that there is no carrier."""
        ip("-n", self.hosts.switch, "link", "set", "dev", self.name, "down")

    def mend(self):
        ip("-n", self.hosts.switch, "link", "set", "dev", self.name, "up", "master", "switch")

    def pids(self):
        return [int(pid) for pid in ip("netns", "pids", self.namespace, check=False).split()]


class Hosts:
    """As a context: hosts by the given names. They are gone with it, also after Ctrl-C."""

    def __init__(self, *names):
        self.stem = f"{PREFIX}-{os.getpid()}"
        self.switch = f"{self.stem}-switch"
        self.hosts = [Host(self, number, name) for number, name in enumerate(names, 1)]

    def __enter__(self):
        remove_leftovers()
        try:
            ip("netns", "add", self.switch)
            ip("-n", self.switch, "link", "add", "name", "switch", "type", "bridge", "forward_delay", 0, "stp_state", 0)
            ip("-n", self.switch, "link", "set", "switch", "up")
            for host in self.hosts:
                ip("netns", "add", host.namespace)
                ip("-n", self.switch, "link", "add", "name", host.name, "type", "veth", "peer", "name", "eth0",
                   "netns", host.namespace)
                ip("-n", host.namespace, "address", "add", f"{host.address}/24", "dev", "eth0")
                for link in ("lo", "eth0"):
                    ip("-n", host.namespace, "link", "set", link, "up")
                host.mend()
        except BaseException:
            self.close()
            raise
        return self.hosts

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Whatever still runs there was started by somebody who did not end it: it is ended here."""
        for host in self.hosts:
            for pid in host.pids():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        until = time.monotonic() + 5
        while any(host.pids() for host in self.hosts) and time.monotonic() < until:
            time.sleep(0.02)
        for name in [host.namespace for host in self.hosts] + [self.switch]:
            ip("netns", "delete", name, check=False)

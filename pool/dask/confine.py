"""What the bridge gives up before it talks to a cluster, whose answers Dask unpickles: files, all but those that Python itself
needs, other processes, and privileges. Sources: landlock(7), capset(2) and the kernel's userspace-api/landlock.rst.
"""
import ctypes
import os
import struct
import sys

AVAILABLE, REQUIRED, OFF = 0, 1, 2  # forkserver.h
NO_NEW_PRIVILEGES = 38  # prctl.h
CAPABILITIES = 0x20080522  # the version of capset's interface
CREATE_RULES, ADD_RULE, RESTRICT = 444, 445, 446  # system calls: the same everywhere
VERSION_FLAG, BENEATH = 1, 1
READ_FILE, READ_FOLDER, WRITE_FILE = 1 << 2, 1 << 3, 1 << 1
RULES, RULE = struct.Struct("<QQQ"), struct.Struct("<Qi")
HANDLED = (0, 0x1fff, 0x3fff, 0x7fff, 0x7fff, 0xffff)  # all that concerns files, by version
LISTENING, SCOPED = 1, 3  # on TCP; abstract sockets and signals of others

# Of /etc what names, certificates and times need, and not what services keep there.
READABLE = ("/usr", "/lib", "/lib32", "/lib64", "/proc", "/sys", "/dev/urandom", "/dev/random", "/run/systemd/resolve",
            "/etc/hosts", "/etc/host.conf", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/services",
            "/etc/protocols", "/etc/passwd", "/etc/group", "/etc/localtime", "/etc/timezone", "/etc/ld.so.cache", "/etc/ssl",
            "/etc/ca-certificates", "/etc/pki", "/etc/crypto-policies", "/etc/os-release", "/etc/mime.types", "/etc/python3",
            f"/etc/python3.{sys.version_info.minor}")


def readable(files):
    """Without the folder that the program was started in, and without the whole of a disk."""
    chosen = {os.path.realpath(path) for path in (*READABLE, sys.prefix, sys.base_prefix, *sys.path, *files) if path}
    return sorted(path for path in chosen if path not in ("/", os.getcwd(), os.path.expanduser("~")))


def call(name, *arguments):
    """A function of the C library. Raises OSError."""
    function = getattr(ctypes.CDLL(None, use_errno=True), name)
    got = function(*(value if value is None or isinstance(value, bytes) else ctypes.c_long(value) for value in arguments))
    if got < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return got


def drop_privileges():
    """Root's too: with them it could read what others, also the server, have in memory."""
    call("prctl", NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    call("capset", struct.pack("<Ii", CAPABILITIES, 0), bytes(24))


def allow(rules, path, rights):
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # it is not there, or not ours to read
    try:
        call("syscall", ADD_RULE, rules, BENEATH, RULE.pack(rights, descriptor), 0)
    finally:
        os.close(descriptor)


def confine(level, files):
    """This thread and those that it starts from now on: `files` may be read. Returns the version of Landlock; 0: nothing was
    done. Raises OSError where it is required and the system cannot."""
    if level == OFF:
        return 0
    try:
        drop_privileges()
        version = call("syscall", CREATE_RULES, None, 0, VERSION_FLAG)
        handled = RULES.pack(HANDLED[min(version, 5)], LISTENING if version >= 4 else 0, SCOPED if version >= 6 else 0)
        rules = call("syscall", CREATE_RULES, handled, 24 if version >= 6 else 16 if version >= 4 else 8, 0)
        try:
            for path in readable(files):
                allow(rules, path, READ_FILE | READ_FOLDER if os.path.isdir(path) else READ_FILE)
            allow(rules, "/dev/null", READ_FILE | WRITE_FILE)
            call("syscall", RESTRICT, rules, 0)
        finally:
            os.close(rules)
        return version
    except OSError as error:
        if level == REQUIRED:
            raise OSError(error.errno, f"--isolation required: the bridge cannot be confined by Landlock: {error.strerror}") from None
        return 0

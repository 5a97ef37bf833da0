"""The block of memory by which a test tells a running program what is to fail (faults.h)."""
import ctypes
import functools
import mmap
import os
import pathlib
import subprocess
import tempfile

KINDS = ("malloc calloc realloc aligned strdup mmap mremap memfd ftruncate fallocate open fopen opendir "
         "stat read write sync lock fcntl dup socket socketpair bind listen sockopt accept send receive "
         "eventfd epoll_create epoll_add wait thread fork process random").split()
OFF, RECORD, ONCE, ALWAYS, NTH, FROM_NTH, BY_KIND = range(7)
ALL = (1 << len(KINDS)) - 1
MEMORY = sum(1 << KINDS.index(k) for k in "malloc calloc realloc aligned strdup mmap mremap".split())
FRAMES, SITES, PATH, OBJECTS = 8, 1 << 14, 256, 64


def bits(*names):
    return sum(1 << KINDS.index(name) for name in names)


class Site(ctypes.Structure):
    _fields_ = [("id", ctypes.c_uint64), ("kind", ctypes.c_uint32), ("child", ctypes.c_uint32),
                ("calls", ctypes.c_uint64), ("frames", ctypes.c_uint64 * FRAMES),
                ("objects", ctypes.c_uint64 * FRAMES)]


class Block(ctypes.Structure):
    _fields_ = [("mode", ctypes.c_uint32), ("error", ctypes.c_uint32), ("target", ctypes.c_uint64),
                ("kinds", ctypes.c_uint64), ("calls", ctypes.c_uint64), ("failed", ctypes.c_uint64),
                ("live_blocks", ctypes.c_int64), ("live_bytes", ctypes.c_int64),
                ("server", ctypes.c_uint32), ("dropped", ctypes.c_uint32), ("path", ctypes.c_char * PATH),
                ("objects", (ctypes.c_char * PATH) * OBJECTS), ("sites", Site * SITES)]


class Control:
    def __init__(self, library, binary):
        self.binary = binary
        with tempfile.NamedTemporaryFile(prefix="faults-", delete=False) as file:
            file.truncate(ctypes.sizeof(Block))
            self.path = file.name
            self.memory = mmap.mmap(file.fileno(), ctypes.sizeof(Block))
        self.block = Block.from_buffer(self.memory)
        self.environment = {"LD_PRELOAD": str(library), "LD_FAULTS_CONTROL": self.path}

    def close(self):
        self.block = None
        os.unlink(self.path)

    def set(self, mode, target=0, kinds=ALL, error=0, path=""):
        """From now on; the counts begin anew. The mode is written last."""
        block = self.block
        block.mode = OFF
        block.target, block.kinds, block.error, block.path = target, kinds, error, path.encode()
        block.calls = block.failed = 0
        block.mode = mode

    def record(self):
        self.block.mode = OFF
        ctypes.memset(ctypes.addressof(self.block.sites), 0, ctypes.sizeof(self.block.sites))
        self.set(RECORD)

    def off(self):
        self.block.mode = OFF

    @property
    def failed(self):
        return self.block.failed

    @property
    def calls(self):
        return self.block.calls

    def sites(self):
        """Copies of those that were recorded."""
        return [Site.from_buffer_copy(site) for site in self.block.sites if site.id]

    def object(self, site, i):
        """The file that a frame is in; empty: the program."""
        known = site.objects[i] < OBJECTS
        return pathlib.Path(self.block.objects[site.objects[i]].value.decode()).name if known else "?"

    def frame(self, site, i):
        name = self.object(site, i)
        if name:
            return f"{name}+{site.frames[i]:x}"
        return symbol(self.binary, site.frames[i])

    def describe(self, site):
        """kind[ in a worker]: function < function < ..."""
        where = [self.frame(site, i) for i in range(FRAMES) if site.frames[i]]
        return f"{KINDS[site.kind]}{' in a child' if site.child else ''}: " + " < ".join(where)


@functools.lru_cache(maxsize=None)
def symbol(binary, offset):
    out = subprocess.run(["addr2line", "-f", "-i", "-s", "-e", binary, hex(offset - 1)], check=False,
                         stdout=subprocess.PIPE, text=True).stdout.split("\n")
    return "<".join(f"{out[i]}({out[i + 1].split(' ')[0]})" for i in range(0, len(out) - 1, 2)) or hex(offset)

"""The lanes kernels as a shared library, for comparing them with NumPy and Python."""

import ctypes
import pathlib
import subprocess

import numpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIBRARY = "build/shared/libkernels.so"
LEVELS = ("scalar", "avx2", "sha", "avx512")  # cpu.h


def build():
    """The shared library of all kernels, made by the Makefile, which knows the flags of each level."""
    command = ["make", "--no-print-directory", "BUILD=build/shared", "CFLAGS=-fPIC", LIBRARY]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return ctypes.CDLL(str(ROOT / LIBRARY))


class Text(ctypes.Structure):
    """struct cn_str"""

    _fields_ = [("data", ctypes.c_void_p), ("len", ctypes.c_size_t)]


class Lanes(ctypes.Structure):
    """struct cn_lanes"""

    _fields_ = [
        ("a", ctypes.c_void_p),
        ("b", ctypes.c_void_p),
        ("c", ctypes.c_void_p),
        ("out", ctypes.c_void_p),
        ("n", ctypes.c_size_t),
        ("fail", ctypes.c_void_p),
        ("arena", ctypes.c_void_p),
        ("no_memory", ctypes.c_bool),
    ]


class Library:
    """call() runs a kernel on NumPy arrays or lists of str."""

    def __init__(self):
        self.library = build()
        # larger than any version of struct cn_arena; only the library looks inside
        self.arena = ctypes.create_string_buffer(512)
        self.library.cn_arena_init(self.arena, ctypes.c_size_t(1 << 20))
        self.library.cn_lanes_variant.restype = ctypes.c_void_p

    def use(self, level):
        """Makes the kernels of a level the ones that are called; False: the CPU lacks it."""
        if LEVELS.index(level) > self.library.cn_cpu_best():
            return False
        self.library.cn_cpu_use(LEVELS.index(level))
        return True

    def call(self, name, result, *operands):
        """The results as `result` (a NumPy dtype, or str), and the reasons of failure of each row."""
        n = len(operands[0])
        keep = [self.operand(values) for values in operands]
        pointers = [address for address, _ in keep] + [None] * (3 - len(keep))
        out = (Text * n)() if result is str else numpy.empty(n, result)
        address = ctypes.addressof(out) if result is str else out.ctypes.data
        fail = numpy.zeros(n, numpy.uint8)
        lanes = Lanes(*pointers, address, n, fail.ctypes.data, ctypes.addressof(self.arena), False)
        kernel = self.library.cn_lanes_variant(getattr(self.library, name))
        kernel = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_void_p)(kernel)
        failures = kernel(ctypes.byref(lanes))
        assert failures == numpy.count_nonzero(fail) and not lanes.no_memory
        if result is str:
            out = [self.text_of(text) for text in out]
            self.library.cn_arena_release(self.arena)
        return out, fail

    @staticmethod
    def operand(values):
        if isinstance(values, numpy.ndarray):
            values = numpy.ascontiguousarray(values)
            return values.ctypes.data, values
        encoded = [value.encode() for value in values]
        pointers = [ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value for data in encoded]
        texts = (Text * len(encoded))(*map(Text, pointers, map(len, encoded)))
        return ctypes.addressof(texts), (texts, encoded)

    @staticmethod
    def text_of(text):
        return ctypes.string_at(text.data, text.len).decode() if text.len else ""

#!/usr/bin/python3
"""Counts the instructions of fixed work with callgrind, and compares them with those of instructions.txt.

Time on a shared machine is noisy; instructions are not, so a slower kernel shows here at once. valgrind knows
instruction sets up to AVX2, and shows every CPU that has them as the same one; the levels counted are `scalar` and
`avx2`. It fails where a count is more than 3 % above the kept one. It asks for `make bench-instructions RENEW=1` where
one is as much below, or is not kept yet.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

KEPT = pathlib.Path(__file__).with_name("instructions.txt")
LEVELS = ("scalar", "avx2")
TOLERANCE = 0.03
HEAD = """\
# Instructions of fixed work (bench/instructions.c), counted by callgrind. One line each: level, work, count.
# Written by `make bench-instructions RENEW=1`, with Debian 12's gcc.
"""
# What libc and libcrypto choose by the CPU must be the same everywhere.
SAME_EVERYWHERE = {
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX,-AVX2,-AVX_Fast_Unaligned_Load,-ERMS,-FSRM,-SSSE3,-SSE4_1,-SSE4_2:"
                      "glibc.cpu.x86_non_temporal_threshold=0x100000",
    "OPENSSL_ia32cap": "~0x1000000000000000:0",
}


def start(binary, level, folder):
    environment = {**os.environ, **SAME_EVERYWHERE, "COLONNADE_CPU": level}
    command = ["valgrind", "-q", "--tool=callgrind", "--dump-line=no", f"--callgrind-out-file={folder}/{level}", binary]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def read_counts(folder, level):
    """What callgrind dumped at the end of each piece of work."""
    counts = {}
    for dump in pathlib.Path(folder).glob(f"{level}.*"):
        text = dump.read_text(encoding="utf-8", errors="replace")
        name = re.search(r"^desc: Trigger: Client Request: (\S+)$", text, re.M)
        total = re.search(r"^totals: (\d+)$", text, re.M)
        if name and total:
            counts[level, name[1]] = int(total[1])
    return counts


def count(binary):
    """Counts by (level, work), and the levels that this machine has. Both levels at a time."""
    counts, levels = {}, []
    with tempfile.TemporaryDirectory() as folder:
        running = {level: start(binary, level, folder) for level in LEVELS}
        for level, process in running.items():
            _, errors = process.communicate()
            if process.returncode == 2 and level != "scalar":
                print(f"this machine does not have level {level}: not counted")
                continue
            found = read_counts(folder, level)
            if process.returncode or not found:
                sys.exit(f"{binary} ended with {process.returncode} at level {level}, {len(found)} counts: {errors}")
            counts.update(found)
            levels.append(level)
    return counts, levels


def read_kept():
    lines = KEPT.read_text(encoding="utf-8").splitlines() if KEPT.exists() else []
    return {tuple(line.split()[:2]): int(line.split()[2]) for line in lines if line and line[0] != "#"}


def write(counts):
    lines = [f"{level} {name} {number}\n" for (level, name), number in sorted(counts.items())]
    KEPT.write_text(HEAD + "".join(lines), encoding="utf-8")
    print(f"{KEPT} has {len(lines)} counts")


def compare(counts, kept):
    """Prints each line that is worth one; returns how many are too high, or not in both."""
    worse, renew = 0, False
    for key in sorted(counts.keys() | kept.keys()):
        now, before = counts.get(key), kept.get(key)
        if now is None or before is None:
            print(f"{' '.join(key)}: {'no longer there' if now is None else f'{now} instructions, not kept yet'}")
            worse += 1
            continue
        above, below = now > before * (1 + TOLERANCE), now < before * (1 - TOLERANCE)
        if above or below:
            print(f"{' '.join(key)}: {now} instructions, {now / before - 1:+.1%} against {before}"
                  + (" - MORE THAN ALLOWED" if above else ""))
        worse += above
        renew |= below
    if worse:
        print("If it must be so: make bench-instructions RENEW=1, and say why in the commit.")
    elif renew:
        print("Please renew what is kept: make bench-instructions RENEW=1")
    return worse


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("binary", help="the program, build/bench/instructions")
    parser.add_argument("--renew", action="store_true", help="write instructions.txt")
    parser.add_argument("--show", action="store_true", help="print all counts")
    options = parser.parse_args()
    counts, levels = count(options.binary)
    kept = read_kept()
    others = {key: number for key, number in kept.items() if key[0] not in levels}
    if options.show:
        for (level, name), number in sorted(counts.items()):
            print(f"{level:8} {name:28} {number:12}")
    if options.renew:
        write({**others, **counts})
        return
    worse = compare(counts, {key: number for key, number in kept.items() if key not in others})
    print(f"instructions: {max(0, len(counts) - worse)} passed, {worse} failed")
    sys.exit(1 if worse else 0)


if __name__ == "__main__":
    main()

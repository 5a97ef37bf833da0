#!/usr/bin/env python3
"""Writes text_case_table.c: how Python changes the case of characters.

Usage: make_case.py > text_case_table.c

The tables hold what str.lower() and str.upper() of the running Python do, so that they agree with
it by construction; the version of Unicode is noted in the file.
"""

import sys
import unicodedata

LAST = 0x10FFFF
FINAL_SIGMA = "\u03c2"


def characters():
    """All code points that UTF-8 can hold."""
    return (c for c in range(LAST + 1) if not 0xD800 <= c <= 0xDFFF)


def simple_ranges(pairs):
    """Groups (from, to) pairs into runs of one step (1 or 2) and one difference."""
    runs = []
    for source, target in pairs:
        delta = target - source
        if runs:
            run = runs[-1]
            step = source - run["last"]
            fits = step in (1, 2) and (run["step"] in (0, step))
            if run["delta"] == delta and fits:
                run["last"], run["step"] = source, step
                continue
        runs.append({"first": source, "last": source, "delta": delta, "step": 0})
    return runs


def split(change):
    """The mappings of `change` to one character, and those to several."""
    simple, special = [], []
    for c in characters():
        text = change(chr(c))
        if text == chr(c):
            continue
        if len(text) == 1:
            simple.append((c, ord(text)))
        else:
            special.append((c, [ord(t) for t in text]))
    return simple, special


def property_ranges(has):
    """Runs of characters for which has(c) holds."""
    runs = []
    for c in characters():
        if not has(c):
            continue
        if runs and runs[-1][1] == c - 1:
            runs[-1][1] = c
        else:
            runs.append([c, c])
    return runs


def decides_sigma(c):
    """A cased character that is not case-ignorable: a sigma behind it is final."""
    return (chr(c) + "\u03a3").lower().endswith(FINAL_SIGMA)


def is_skipped(c):
    """A case-ignorable character: a sigma looks past it."""
    return not decides_sigma(c) and ("A" + chr(c) + "\u03a3").lower().endswith(FINAL_SIGMA)


def print_lines(items, per_line):
    for i in range(0, len(items), per_line):
        print("    " + " ".join(items[i : i + per_line]))


def print_mapping(name, change):
    simple, special = split(change)
    runs = simple_ranges(simple)
    print("static const struct cn_case_run %s_runs[] = {" % name)
    print_lines(
        ["{0x%x, 0x%x, %d, %d}," % (r["first"], r["last"], r["delta"], r["step"] or 1) for r in runs], 3
    )
    print("};\n")
    print("static const struct cn_case_special %s_specials[] = {" % name)
    print_lines(
        ["{0x%x, %d, {%s}}," % (c, len(to), ", ".join("0x%x" % t for t in to)) for c, to in special], 2
    )
    print("};\n")
    print("const struct cn_case_mapping cn_case_%s = {" % name)
    print("    %s_runs, sizeof %s_runs / sizeof %s_runs[0]," % (name, name, name))
    print("    %s_specials, sizeof %s_specials / sizeof %s_specials[0]," % (name, name, name))
    print("};\n")


def print_property(name, has):
    runs = property_ranges(has)
    print("static const struct cn_case_range %s_ranges[] = {" % name)
    print_lines(["{0x%x, 0x%x}," % tuple(r) for r in runs], 5)
    print("};\n")
    print("const struct cn_case_set cn_case_%s = {" % name)
    print("    %s_ranges, sizeof %s_ranges / sizeof %s_ranges[0]," % (name, name, name))
    print("};")


def main():
    print("/*")
    print(" * text_case_table.c: written by make_case.py from Unicode %s (Python %d.%d); do not edit."
          % (unicodedata.unidata_version, sys.version_info[0], sys.version_info[1]))
    print(" */")
    print("/* clang-format off */")
    print('#include "kernels/text_case_table.h"\n')
    print_mapping("lower", str.lower)
    print_mapping("upper", str.upper)
    print_property("cased", decides_sigma)
    print("")
    print_property("ignorable", is_skipped)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Prints number_powers.c: python3 kernels/make_powers.py > kernels/number_powers.c

Entry q holds the 128 leading bits of 10**q, cut (never rounded up). The entries of 0 .. 55 are
exact: 5**55 < 2**128 < 5**56. `make_powers.py --check FILE` fails if FILE is not what it prints.
"""
import sys

MIN, MAX = -342, 324


def leading_bits(q):
    if q >= 0:
        power = 10**q
        shift = power.bit_length() - 128
        return power >> shift if shift >= 0 else power << -shift
    power = 10**-q
    # 2**n / power lies in [2**127, 2**128): power is no power of two, so bit_length() is its ceiling.
    return (1 << (127 + power.bit_length())) // power


def lines():
    yield "/* Made by kernels/make_powers.py; do not edit. */"
    yield '#include "kernels/number_core.h"'
    yield ""
    yield "/* clang-format off */"
    yield "const struct cn_power cn_powers[CN_POWER_MAX - CN_POWER_MIN + 1] = {"
    for q in range(MIN, MAX + 1):
        bits = leading_bits(q)
        assert bits.bit_length() == 128
        yield f"    {{0x{bits >> 64:016x}, 0x{bits & (1 << 64) - 1:016x}}}, /* {q} */"
    yield "};"


def main():
    text = "\n".join(lines()) + "\n"
    if sys.argv[1:2] == ["--check"]:
        with open(sys.argv[2], encoding="ascii") as file:
            sys.exit(0 if file.read() == text else f"{sys.argv[2]} is out of date")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Prints number_format_scales.c: python3 kernels/make_scales.py > kernels/number_format_scales.c

Entry k holds the 124 leading bits of 10**-(k + 1), cut (never rounded up).
"""

MIN, MAX = -324, 292
BITS = 124


def leading_bits(q):
    if q >= 0:
        power = 10**q
        shift = power.bit_length() - BITS
        return power >> shift if shift >= 0 else power << -shift
    power = 10**-q
    # 2**n / power lies in [2**123, 2**124): power is no power of two, so bit_length() is its ceiling.
    return (1 << (BITS - 1 + power.bit_length())) // power


def main():
    print("/* Made by kernels/make_scales.py; do not edit. */")
    print('#include "kernels/number_format_core.h"')
    print()
    print("/* clang-format off */")
    print("const struct cn_power cn_scales[CN_SCALE_MAX - CN_SCALE_MIN + 1] = {")
    for k in range(MIN, MAX + 1):
        bits = leading_bits(-(k + 1))
        assert bits.bit_length() == BITS
        print(f"    {{0x{bits >> 64:016x}, 0x{bits & (1 << 64) - 1:016x}}}, /* {k} */")
    print("};")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Writes call_golden.h: what CPython makes of long_comp, for test_call.c.

    /usr/bin/python3 tests/unit/make_call.py >tests/unit/call_golden.h
"""
import random
import sys

sys.set_int_max_str_digits(0)


def long_comp(x, iterations):
    for y in range(iterations):
        if x % 2 == 0:
            x = (x - y) ** 2
        else:
            x = (x + y) ** 0.5
    return x


def text_of(value):
    return str(value).lower() if isinstance(value, bool) else repr(value)


def main():
    draw = random.Random(20260101)
    values = [0, 1, 2, 3, -1, -2, -3, 46340, -46342, 2**31, 2**53 + 1, 2**63, 2**64 + 2, -(2**100), 10**30, 10**77, 10**78,
              10**308 + 1, 10**309 + 1, 0.0, -0.0, 0.5, -0.5, 2.0, -2.0, -3.0, 6.0, 1e154, 1e155, 1.7976931348623157e308,
              5e-324, True, False]
    values += [draw.randrange(-10**9, 10**18) for _ in range(30)]
    values += [draw.uniform(0, 1e12) for _ in range(15)] + [float(draw.randrange(10**6)) for _ in range(15)]
    print("/* call_golden.h: written by make_call.py with CPython; do not edit. */")
    print("/* clang-format off */")
    print("static const struct golden goldens[] = {")
    for value in values:
        for iterations in (1, 2, 3, 10, 1000):
            try:
                result = long_comp(value, iterations)
                row = "OK", text_of(result)
                if isinstance(result, complex):
                    row = "TYPE_ERROR", f"the result is the complex number {result!r}:"
            except OverflowError as error:
                row = "NOT_FINITE", f"OverflowError: {error}"
            except TypeError:
                row = "TYPE_ERROR", "TypeError: unsupported operand"
            print(f'    {{"{text_of(value)}", {iterations}, CN_{row[0]},\n     "{row[1]}"}},')
    print("};")
    print("/* clang-format on */")


main()

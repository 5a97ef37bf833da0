#include "kernels/number_plain.h"

/* The powers are those of number_powers.c; tests/kernels/check compares them. */
const struct cn_plain_scale cn_plain_scales[CN_PLAIN_MOST + 1] = {
    /* clang-format off */
    {0x8000000000000000, 0x0000000000000000, 0, 1085},
    {0xcccccccccccccccc, 0xcccccccccccccccc, 0, 1081},
    {0xa3d70a3d70a3d70a, 0x3d70a3d70a3d70a3, 0, 1078},
    {0x83126e978d4fdf3b, 0x645a1cac083126e9, 0, 1075},
    {0xd1b71758e219652b, 0xd3c36113404ea4a8, 1, 1071},
    {0xa7c5ac471b478423, 0x0fcf80dc33721d53, 10, 1068},
    {0x8637bd05af6c69b5, 0xa63f9a49c2c1b10f, 100, 1065},
    {0xd6bf94d5e57a42bc, 0x3d32907604691b4c, 1000, 1061},
    {0xabcc77118461cefc, 0xfdc20d2b36ba7c3d, 10000, 1058},
    {0x89705f4136b4a597, 0x31680a88f8953030, 100000, 1055},
    {0xdbe6fecebdedd5be, 0xb573440e5a884d1b, 1000000, 1051},
    {0xafebff0bcb24aafe, 0xf78f69a51539d748, 10000000, 1048},
    {0x8cbccc096f5088cb, 0xf93f87b7442e45d3, 100000000, 1045},
    {0xe12e13424bb40e13, 0x2865a5f206b06fb9, 1000000000, 1041},
    {0xb424dc35095cd80f, 0x538484c19ef38c94, 10000000000, 1038},
    {0x901d7cf73ab0acd9, 0x0f9d37014bf60a10, 100000000000, 1035},
    {0xe69594bec44de15b, 0x4c2ebe687989a9b3, 1000000000000, 1031},
    {0xb877aa3236a4b449, 0x09befeb9fad487c2, 10000000000000, 1028},
    {0x9392ee8e921d5d07, 0x3aff322e62439fcf, 100000000000000, 1025},
    {0xec1e4a7db69561a5, 0x2b31e9e3d06c32e5, 1000000000000000, 1021},
    {0xbce5086492111aea, 0x88f4bb1ca6bcf584, 10000000000000000, 1018},
    {0x971da05074da7bee, 0xd3f6fc16ebca5e03, 100000000000000000, 1015},
    {0xf1c90080baf72cb1, 0x5324c68b12dd6338, 1000000000000000000, 1011},
    /* clang-format on */
};

const double cn_plain_powers[CN_PLAIN_MOST + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

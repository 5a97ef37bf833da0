#include <assert.h>

#include "kernels/number_core.h"

static void push(struct cn_big *big, uint64_t limb) {
    if (limb == 0)
        return;
    assert(big->len < CN_BIG_LIMBS);
    big->limb[big->len++] = limb;
}

void cn_big_set(struct cn_big *big, uint64_t value) {
    big->len = 0;
    push(big, value);
}

void cn_big_multiply_add(struct cn_big *big, uint64_t factor, uint64_t summand) {
    uint64_t carry = summand;
    for (size_t i = 0; i < big->len; i++) {
        cn_u128 product = (cn_u128)big->limb[i] * factor + carry;
        big->limb[i] = (uint64_t)product;
        carry = (uint64_t)(product >> 64);
    }
    push(big, carry);
}

void cn_big_multiply_power5(struct cn_big *big, unsigned exponent) {
    const uint64_t power27 = 7450580596923828125u; /* 5^27 */
    for (; exponent >= 27; exponent -= 27)
        cn_big_multiply_add(big, power27, 0);
    uint64_t rest = 1;
    for (; exponent > 0; exponent--)
        rest *= 5;
    cn_big_multiply_add(big, rest, 0);
}

void cn_big_shift_left(struct cn_big *big, unsigned bits) {
    if (big->len == 0)
        return;
    cn_big_multiply_add(big, (uint64_t)1 << bits % 64, 0);
    size_t limbs = bits / 64;
    assert(big->len + limbs <= CN_BIG_LIMBS);
    memmove(big->limb + limbs, big->limb, big->len * sizeof big->limb[0]);
    memset(big->limb, 0, limbs * sizeof big->limb[0]);
    big->len += limbs;
}

int cn_big_compare(const struct cn_big *a, const struct cn_big *b) {
    if (a->len != b->len)
        return a->len < b->len ? -1 : 1;
    for (size_t i = a->len; i-- > 0;)
        if (a->limb[i] != b->limb[i])
            return a->limb[i] < b->limb[i] ? -1 : 1;
    return 0;
}

size_t cn_big_bits(const struct cn_big *big) {
    if (big->len == 0)
        return 0;
    return big->len * 64 - (size_t)__builtin_clzll(big->limb[big->len - 1]);
}

uint64_t cn_big_divide(struct cn_big *big, uint64_t divisor) {
    uint64_t remainder = 0;
    for (size_t i = big->len; i-- > 0;) {
        cn_u128 part = (cn_u128)remainder << 64 | big->limb[i];
        big->limb[i] = (uint64_t)(part / divisor);
        remainder = (uint64_t)(part % divisor);
    }
    while (big->len > 0 && big->limb[big->len - 1] == 0)
        big->len--;
    return remainder;
}

static bool bit_at(const struct cn_big *big, size_t index) {
    return index / 64 < big->len && (big->limb[index / 64] >> index % 64 & 1) != 0;
}

static bool any_below(const struct cn_big *big, size_t index) {
    for (size_t i = 0; i < big->len && i < index / 64; i++)
        if (big->limb[i] != 0)
            return true;
    if (index / 64 >= big->len || index % 64 == 0)
        return false;
    return big->limb[index / 64] << (64 - index % 64) != 0;
}

bool cn_big_round_shift(const struct cn_big *big, size_t shift, uint64_t *result) {
    if (cn_big_bits(big) > shift + 64)
        return false;
    size_t limb = shift / 64;
    uint64_t value = limb < big->len ? big->limb[limb] >> shift % 64 : 0;
    if (shift % 64 != 0 && limb + 1 < big->len)
        value |= big->limb[limb + 1] << (64 - shift % 64);
    if (shift > 0 && bit_at(big, shift - 1) && (any_below(big, shift - 1) || (value & 1))) {
        if (value == UINT64_MAX)
            return false;
        value++;
    }
    *result = value;
    return true;
}

/*
 * number_core.h: what the number files share: powers of ten, the way from a decimal to a double,
 * and small exact integers. Not for other folders.
 */
#ifndef CN_KERNELS_NUMBER_CORE_H
#define CN_KERNELS_NUMBER_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Eight characters are read and written as one word, the first in its lowest byte. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the byte order must be little-endian");

__extension__ typedef unsigned __int128 cn_u128;

/* 10^q = (hi * 2^64 + lo) * 2^(cn_log2_power(q) - 127), cut; exact for 0 <= q <= 55. */
struct cn_power {
    uint64_t hi;
    uint64_t lo;
};

#define CN_POWER_MIN (-342)
#define CN_POWER_MAX 324
#define CN_POWER_EXACT_MAX 55

extern const struct cn_power cn_powers[CN_POWER_MAX - CN_POWER_MIN + 1];

static inline const struct cn_power *cn_power(int q) {
    return &cn_powers[q - CN_POWER_MIN];
}

/* floor(log2(10^q)), for |q| <= 1233. */
static inline int cn_log2_power(int q) {
    return (q * 1741647) >> 19;
}

/* A number as written, without its sign: the value of its digits times 10^exponent. */
struct cn_decimal {
    uint64_t digits;   /* the first 19 significant ones */
    int64_t exponent;  /* of ten, for `digits` */
    bool truncated;    /* there are more digits, `first` .. `last` has them all */
    const char *first; /* the first significant digit in the text */
    const char *last;  /* behind the last digit; a '.' may stand between */
};

/* The double nearest to a decimal (half to even), never negative; infinity beyond the range. */
double cn_decimal_to_double(const struct cn_decimal *decimal);

/* Behind cn_decimal_to_double(): the general way, and the last resort. floor_bits: the largest
 * double that is not above the decimal, or the one below it; infinity not. */
double cn_decimal_to_double_exact(const struct cn_decimal *decimal, uint64_t floor_bits);

static inline double cn_double_from_bits(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint64_t cn_double_bits(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/*
 * An unsigned integer of up to CN_BIG_LIMBS * 64 bits; limbs from the lowest up, none of them a
 * leading zero. The largest that is needed has 800 digits times a power of two that brings it to
 * the size of 2^54 * 5^1150: under 3900 bits. Going beyond is a bug, and an assert.
 */
#define CN_BIG_LIMBS 72

struct cn_big {
    size_t len;
    uint64_t limb[CN_BIG_LIMBS];
};

void cn_big_set(struct cn_big *big, uint64_t value);
void cn_big_multiply_add(struct cn_big *big, uint64_t factor, uint64_t summand);
void cn_big_multiply_power5(struct cn_big *big, unsigned exponent);
void cn_big_shift_left(struct cn_big *big, unsigned bits);
int cn_big_compare(const struct cn_big *a, const struct cn_big *b);
size_t cn_big_bits(const struct cn_big *big);
/* Divides in place, returns the remainder. */
uint64_t cn_big_divide(struct cn_big *big, uint64_t divisor);

/* big / 2^shift, rounded half to even. False if it has more than 64 bits. */
bool cn_big_round_shift(const struct cn_big *big, size_t shift, uint64_t *result);

#endif

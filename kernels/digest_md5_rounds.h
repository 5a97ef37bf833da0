/*
 * digest_md5_rounds.h: MD5 (RFC 1321) over lanes, for digest_lanes.h. The file of a level defines
 * VECTOR, GROUPS and KERNEL.
 *
 * The functions are written so that the newest word, for which the chain waits, comes last: where
 * two terms have no bit in common their "or" may be an addition, to a sum that is known before.
 */
#define WORD uint32_t
#define STATE 4
#define SWAP(x) (x)
#define LENGTH_WORD 14

#include "kernels/digest_lanes.h"

static const uint32_t sines[64] = {
    0xD76AA478, 0xE8C7B756, 0x242070DB, 0xC1BDCEEE, 0xF57C0FAF, 0x4787C62A, 0xA8304613, 0xFD469501,
    0x698098D8, 0x8B44F7AF, 0xFFFF5BB1, 0x895CD7BE, 0x6B901122, 0xFD987193, 0xA679438E, 0x49B40821,
    0xF61E2562, 0xC040B340, 0x265E5A51, 0xE9B6C7AA, 0xD62F105D, 0x02441453, 0xD8A1E681, 0xE7D3FBC8,
    0x21E1CDE6, 0xC33707D6, 0xF4D50D87, 0x455A14ED, 0xA9E3E905, 0xFCEFA3F8, 0x676F02D9, 0x8D2A4C8A,
    0xFFFA3942, 0x8771F681, 0x6D9D6122, 0xFDE5380C, 0xA4BEEA44, 0x4BDECFA9, 0xF6BB4B60, 0xBEBFBC70,
    0x289B7EC6, 0xEAA127FA, 0xD4EF3085, 0x04881D05, 0xD9D4D039, 0xE6DB99E5, 0x1FA27CF8, 0xC4AC5665,
    0xF4292244, 0x432AFF97, 0xAB9423A7, 0xFC93A039, 0x655B59C3, 0x8F0CCC92, 0xFFEFF47D, 0x85845DD1,
    0x6FA87E4F, 0xFE2CE6E0, 0xA3014314, 0x4E0811A1, 0xF7537E82, 0xBD3AF235, 0x2AD7D2BB, 0xEB86D391};

/* sum + F(b, c, d) and so on; b is the newest. The last is sum + ~(c ^ (~b & d)). */
#define F(sum, b, c, d) (sum + (d ^ (b & (c ^ d))))
#define G(sum, b, c, d) (sum + (c & ~d) + (b & d))
#define H(sum, b, c, d) (sum + (b ^ (c ^ d)))
#define I(sum, b, c, d) (sum - 1 - (c ^ (~b & d)))

#define STEP(f, a, b, c, d, i, word, turn)                                                         \
    for (size_t g = 0; g < GROUPS; g++) {                                                          \
        lanes sum = a[g] + (words[g][(word) % 16] + k[i]);                                         \
        SETTLE(sum);                                                                               \
        sum = f(sum, b[g], c[g], d[g]);                                                            \
        a[g] = b[g] + (sum << turn | sum >> (32 - turn));                                          \
    }
#define FOUR(f, i, times, plus, t0, t1, t2, t3)                                                    \
    STEP(f, a, b, c, d, (i), times *(i) + plus, t0)                                                \
    STEP(f, d, a, b, c, (i) + 1, times * ((i) + 1) + plus, t1)                                     \
    STEP(f, c, d, a, b, (i) + 2, times * ((i) + 2) + plus, t2)                                     \
    STEP(f, b, c, d, a, (i) + 3, times * ((i) + 3) + plus, t3)
#define ROUND(f, i, times, plus, t0, t1, t2, t3)                                                   \
    FOUR(f, i, times, plus, t0, t1, t2, t3)                                                        \
    FOUR(f, i + 4, times, plus, t0, t1, t2, t3)                                                    \
    FOUR(f, i + 8, times, plus, t0, t1, t2, t3)                                                    \
    FOUR(f, i + 12, times, plus, t0, t1, t2, t3)

static inline void compress(lanes state[GROUPS][STATE], lanes words[GROUPS][WORDS]) {
    const uint32_t *k = hide(sines);
    lanes a[GROUPS], b[GROUPS], c[GROUPS], d[GROUPS];

    for (size_t g = 0; g < GROUPS; g++) {
        a[g] = state[g][0];
        b[g] = state[g][1];
        c[g] = state[g][2];
        d[g] = state[g][3];
    }
    ROUND(F, 0, 1, 0, 7, 12, 17, 22)
    ROUND(G, 16, 5, 1, 5, 9, 14, 20)
    ROUND(H, 32, 3, 5, 4, 11, 16, 23)
    ROUND(I, 48, 7, 0, 6, 10, 15, 21)
    for (size_t g = 0; g < GROUPS; g++) {
        state[g][0] += a[g];
        state[g][1] += b[g];
        state[g][2] += c[g];
        state[g][3] += d[g];
    }
}

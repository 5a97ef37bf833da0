/*
 * digest_sha1_rounds.h: SHA-1 (FIPS 180-4, 6.1) over lanes, for digest_lanes.h. The file of a
 * level defines VECTOR, KERNEL, SWAP and MAJORITY.
 */
#define GROUPS 1
#define WORD uint32_t
#define STATE 5
#define LENGTH_WORD 15

#include "kernels/digest_lanes.h"

#define ROTATE(x, by) ((x) << (by) | (x) >> (32 - (by)))
#define CHOOSE(x, y, z) (z ^ (x & (y ^ z)))
#define PARITY(x, y, z) (x ^ y ^ z)

#define STEP(f, a, b, c, d, e, i)                                                                  \
    w[(i) % 16] =                                                                                  \
        (i) < 16                                                                                   \
            ? w[(i) % 16]                                                                          \
            : ROTATE(w[((i) + 13) % 16] ^ w[((i) + 8) % 16] ^ w[((i) + 2) % 16] ^ w[(i) % 16], 1); \
    e += w[(i) % 16] + constant;                                                                   \
    e += f(b, c, d);                                                                               \
    e += ROTATE(a, 5);                                                                             \
    b = ROTATE(b, 30);
#define FIVE(f, i)                                                                                 \
    STEP(f, a, b, c, d, e, i)                                                                      \
    STEP(f, e, a, b, c, d, (i) + 1)                                                                \
    STEP(f, d, e, a, b, c, (i) + 2)                                                                \
    STEP(f, c, d, e, a, b, (i) + 3)                                                                \
    STEP(f, b, c, d, e, a, (i) + 4)
#define TWENTY(f, i, word)                                                                         \
    constant = (word) - (lanes){0};                                                                \
    FIVE(f, i)                                                                                     \
    FIVE(f, (i) + 5)                                                                               \
    FIVE(f, (i) + 10)                                                                              \
    FIVE(f, (i) + 15)

static inline void compress(lanes state[GROUPS][STATE], lanes words[GROUPS][WORDS]) {
    lanes *s = state[0], *w = words[0];
    lanes a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], constant;

    TWENTY(CHOOSE, 0, 0x5A827999)
    TWENTY(PARITY, 20, 0x6ED9EBA1)
    TWENTY(MAJORITY, 40, 0x8F1BBCDC)
    TWENTY(PARITY, 60, 0xCA62C1D6)
    s[0] += a;
    s[1] += b;
    s[2] += c;
    s[3] += d;
    s[4] += e;
}

/*
 * digest_sha512_rounds.h: SHA-512 (FIPS 180-4, 6.4) over lanes, for digest_lanes.h. The file of a
 * level defines VECTOR, KERNEL, SWAP and MAJORITY. One group: its chains hide each other's latency.
 */
#define GROUPS 1
#define WORD uint64_t
#define STATE 8
#define LENGTH_WORD 15

#include "kernels/digest_lanes.h"
#include "kernels/digest_sha512_table.h"

#define ROTATE(x, by) ((x) >> (by) | (x) << (64 - (by)))
#define CHOOSE(x, y, z) (z ^ (x & (y ^ z)))
#define SUM0(x) (ROTATE(x, 28) ^ ROTATE(x, 34) ^ ROTATE(x, 39))
#define SUM1(x) (ROTATE(x, 14) ^ ROTATE(x, 18) ^ ROTATE(x, 41))
#define SMALL0(x) (ROTATE(x, 1) ^ ROTATE(x, 8) ^ (x) >> 7)
#define SMALL1(x) (ROTATE(x, 19) ^ ROTATE(x, 61) ^ (x) >> 6)

#define STEP(a, b, c, d, e, f, g, h, i)                                                            \
    h += w[i] + k[i];                                                                              \
    h += CHOOSE(e, f, g) + SUM1(e);                                                                \
    d += h;                                                                                        \
    h += MAJORITY(a, b, c) + SUM0(a);
#define EIGHT(i)                                                                                   \
    STEP(a, b, c, d, e, f, g, h, i)                                                                \
    STEP(h, a, b, c, d, e, f, g, i + 1)                                                            \
    STEP(g, h, a, b, c, d, e, f, i + 2)                                                            \
    STEP(f, g, h, a, b, c, d, e, i + 3)                                                            \
    STEP(e, f, g, h, a, b, c, d, i + 4)                                                            \
    STEP(d, e, f, g, h, a, b, c, i + 5)                                                            \
    STEP(c, d, e, f, g, h, a, b, i + 6)                                                            \
    STEP(b, c, d, e, f, g, h, a, i + 7)

/* The next sixteen words of the schedule, in the place of those before. */
static inline __attribute__((always_inline)) void expand(lanes *w) {
    for (size_t i = 0; i < WORDS; i++)
        w[i] += SMALL0(w[(i + 1) % WORDS]) + w[(i + 9) % WORDS] + SMALL1(w[(i + 14) % WORDS]);
}

static inline void compress(lanes state[GROUPS][STATE], lanes words[GROUPS][WORDS]) {
    lanes *s = state[0], *w = words[0];
    lanes a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];

    for (size_t round = 0; round < 80; round += WORDS) {
        const uint64_t *k = hide(cn_sha512_constants + round);
        if (round > 0)
            expand(w);
        EIGHT(0)
        EIGHT(8)
    }
    s[0] += a;
    s[1] += b;
    s[2] += c;
    s[3] += d;
    s[4] += e;
    s[5] += f;
    s[6] += g;
    s[7] += h;
}

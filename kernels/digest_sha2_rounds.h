/*
 * digest_sha2_rounds.h: the rounds that SHA-256 and SHA-512 share (FIPS 180-4, 6.2 and 6.4), over
 * lanes. Who includes it defines SUM0, SUM1, SMALL0, SMALL1, ROUNDS and CONSTANTS; the file of a
 * level, MAJORITY.
 */
#define CHOOSE(x, y, z) (z ^ (x & (y ^ z)))

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

    for (size_t round = 0; round < ROUNDS; round += WORDS) {
        const WORD *k = hide(CONSTANTS + round);
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

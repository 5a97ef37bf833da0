/*
 * random_philox.h: the multipliers and Weyl constants of Philox 4x32-10 (random.h has the source).
 */
#ifndef CN_KERNELS_RANDOM_PHILOX_H
#define CN_KERNELS_RANDOM_PHILOX_H

#define PHILOX_MULTIPLIER_0 0xD2511F53u
#define PHILOX_MULTIPLIER_1 0xCD9E8D57u
#define PHILOX_WEYL_0 0x9E3779B9u
#define PHILOX_WEYL_1 0xBB67AE85u
#define PHILOX_ROUNDS 10

#endif

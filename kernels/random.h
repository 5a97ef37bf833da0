/*
 * random.h: reproducible random numbers, by position.
 *
 * Value (seed, column, row) does not depend on any other, so that any worker can make any part of a
 * frame. Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011);
 * normals by Box-Muller with SLEEF's deterministic functions: the same bits on every CPU.
 */
#ifndef CN_KERNELS_RANDOM_H
#define CN_KERNELS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* The generator itself: four words for a counter and a key. */
void cn_random_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* out[i] for rows first .. first + n, at most 2**64: uniform in [0, 1), 53 bits. */
void cn_random_uniform(uint64_t seed, uint64_t column, uint64_t first, size_t n, double *out);
/* Mean 0, standard deviation 1. */
void cn_random_normal(uint64_t seed, uint64_t column, uint64_t first, size_t n, double *out);

#endif

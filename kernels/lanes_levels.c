/*
 * lanes_levels.c: from a portable lanes kernel to the variant of the level in use.
 */
#include "kernels/lanes_levels.h"

#include "kernels/cpu.h"

#ifdef __x86_64__
#define KERNEL(kernel) {#kernel, kernel, kernel##_avx2, kernel##_avx512},
#else
#define KERNEL(kernel) {#kernel, kernel, NULL, NULL},
#endif

static const struct cn_lanes_level levels[] = {
#include "kernels/lanes_list.h"
};

const struct cn_lanes_level *cn_lanes_levels(size_t *n) {
    *n = sizeof levels / sizeof levels[0];
    return levels;
}

static cn_lanes_fn variant(const struct cn_lanes_level *row, enum cn_cpu_level level) {
    if (level >= CN_CPU_AVX512 && row->avx512 != NULL)
        return row->avx512;
    if (level >= CN_CPU_AVX2 && row->avx2 != NULL)
        return row->avx2;
    return row->portable;
}

cn_lanes_fn cn_lanes_variant(cn_lanes_fn portable) {
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (levels[i].portable == portable)
            return variant(&levels[i], cn_cpu_level());
    }
    return portable;
}

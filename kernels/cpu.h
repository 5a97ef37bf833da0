/*
 * cpu.h: which instruction sets the kernels use, chosen once at start.
 *
 * Each kernel with variants is a member of the table `cn_kernels` (kernels/table.h). The table
 * holds the portable C reference until cn_cpu_choose() puts in, level by level, what the CPU can
 * run. A level holds all that those before it hold, so that levels can be peeled one by one: with
 * the environment variable COLONNADE_CPU, or by a test. A CPU with AVX-512 and without the SHA
 * extensions (Skylake-X) stays at AVX2.
 */
#ifndef CN_KERNELS_CPU_H
#define CN_KERNELS_CPU_H

#include <stdbool.h>

#include "base/error.h"

enum cn_cpu_level {
    CN_CPU_SCALAR, /* portable C */
    CN_CPU_AVX2,   /* AVX2, SSE4.2, POPCNT, BMI1 and 2, LZCNT, PCLMULQDQ: Haswell, Zen */
    CN_CPU_SHA,    /* and the SHA extensions: Zen, Ice Lake */
    CN_CPU_AVX512, /* and AVX-512 F BW DQ VL CD IFMA VBMI VBMI2 BITALG: Ice Lake, Zen 4 */
    CN_CPU_LEVEL_COUNT
};

const char *cn_cpu_level_name(enum cn_cpu_level level); /* "scalar", "avx2", ... */

/* The highest level that CPU and operating system can run. */
enum cn_cpu_level cn_cpu_best(void);

/* Makes the kernels of `level` the ones that run; no higher than cn_cpu_best(). Not thread-safe: to
 * be called before the first thread and the first fork, or by a test. */
void cn_cpu_use(enum cn_cpu_level level);

/* The level that is in use. */
enum cn_cpu_level cn_cpu_level(void);

/* Uses the level with this name, the best one for NULL or "". CN_INVALID_PARAMETER: there is no
 * such level, or this CPU cannot run it. */
enum cn_code cn_cpu_choose(const char *name, struct cn_error *error);

#endif

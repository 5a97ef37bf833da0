#include "kernels/cpu.h"

#include <string.h>

#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "kernels/table.h"

static const char *const names[] = {"scalar", "avx2", "sha", "avx512"};
static enum cn_cpu_level used = CN_CPU_SCALAR; /* as cn_kernels: only cn_cpu_use() writes it */

const char *cn_cpu_level_name(enum cn_cpu_level level) {
    return level < CN_CPU_LEVEL_COUNT ? names[level] : "?";
}

#ifdef __x86_64__

/* Which registers the operating system saves (XCR0): XMM and YMM; opmasks and ZMM. */
#define STATE_AVX 0x06u
#define STATE_AVX512 0xE6u

static unsigned saved_state(void) {
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

/* Bits of CPUID: Intel's manual, volume 2, CPUID; leaf 1, leaf 7 and leaf 0x80000001. */
enum cn_cpu_level cn_cpu_best(void) {
    const unsigned leaf1_ecx = bit_PCLMUL | bit_SSE4_2 | bit_POPCNT | bit_OSXSAVE | bit_AVX;
    const unsigned avx2_ebx = bit_AVX2 | bit_BMI | bit_BMI2;
    const unsigned avx512_ebx =
        bit_AVX512F | bit_AVX512DQ | bit_AVX512IFMA | bit_AVX512CD | bit_AVX512BW | bit_AVX512VL;
    const unsigned avx512_ecx = bit_AVX512VBMI | bit_AVX512VBMI2 | bit_AVX512BITALG;
    unsigned eax, ebx, ecx, edx;

    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || (ecx & leaf1_ecx) != leaf1_ecx ||
        (saved_state() & STATE_AVX) != STATE_AVX)
        return CN_CPU_SCALAR;
    if (!__get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) || !(ecx & bit_LZCNT) ||
        !__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || (ebx & avx2_ebx) != avx2_ebx)
        return CN_CPU_SCALAR;
    if (!(ebx & bit_SHA))
        return CN_CPU_AVX2;
    if ((ebx & avx512_ebx) != avx512_ebx || (ecx & avx512_ecx) != avx512_ecx ||
        (saved_state() & STATE_AVX512) != STATE_AVX512)
        return CN_CPU_SHA;
    return CN_CPU_AVX512;
}

#else

enum cn_cpu_level cn_cpu_best(void) {
    return CN_CPU_SCALAR;
}

#endif

void cn_cpu_use(enum cn_cpu_level level) {
    struct cn_kernels kernels;

    if (level > cn_cpu_best())
        level = cn_cpu_best();
    cn_kernels_use_scalar(&kernels);
    if (level >= CN_CPU_AVX2)
        cn_kernels_use_avx2(&kernels);
    if (level >= CN_CPU_SHA)
        cn_kernels_use_sha(&kernels);
    if (level >= CN_CPU_AVX512)
        cn_kernels_use_avx512(&kernels);
    cn_kernels = kernels;
    used = level;
}

enum cn_cpu_level cn_cpu_level(void) {
    return used;
}

enum cn_code cn_cpu_choose(const char *name, struct cn_error *error) {
    enum cn_cpu_level best = cn_cpu_best();

    if (!name || !*name) {
        cn_cpu_use(best);
        return CN_OK;
    }
    for (enum cn_cpu_level level = 0; level < CN_CPU_LEVEL_COUNT; level++) {
        if (strcmp(name, names[level]) != 0)
            continue;
        if (level > best)
            return cn_error_set(error, CN_INVALID_PARAMETER,
                                "COLONNADE_CPU=%s: this CPU goes no further than %s", name,
                                names[best]);
        cn_cpu_use(level);
        return CN_OK;
    }
    return cn_error_set(error, CN_INVALID_PARAMETER,
                        "COLONNADE_CPU=%s: the levels are scalar, avx2, sha and avx512", name);
}

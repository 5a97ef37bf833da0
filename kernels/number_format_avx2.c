/* number_format_avx2.c: one double to text, the digits by byte shuffles and without branches. */
#include "kernels/number.h"
#include "kernels/number_format_place.h"
#include "kernels/table.h"

/* Zero included: columns may have many. False for what must go another way. */
static inline bool find_decimal(uint64_t magnitude, struct cn_shortest *decimal) {
    bool sure = cn_shortest_quick(magnitude, decimal);
    bool zero = magnitude == 0;
    decimal->digits = zero ? 0 : decimal->digits;
    decimal->last = zero ? 0 : decimal->last;
    decimal->exponent = zero ? 0 : decimal->exponent;
    return (sure && cn_is_normal(magnitude)) || zero;
}

size_t cn_double_format_avx2(double value, char *out) {
    uint64_t bits = cn_double_bits(value);
    uint64_t magnitude = bits & INT64_MAX;
    struct cn_shortest decimal;

    if (!find_decimal(magnitude, &decimal)) {
        size_t len = cn_write_special(bits, out);
        if (len > 0)
            return len;
        decimal = cn_shortest_exact(magnitude);
    }
    __m128i digits = cn_split_sixteen(decimal.digits);
    return cn_place_double(_mm256_broadcastsi128_si256(digits),
                           cn_count_digits(digits, decimal.last), decimal.last, decimal.exponent,
                           bits >> 63, out);
}

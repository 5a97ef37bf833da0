/* arith_f64.c: arithmetic on doubles whose results NumPy shares bit for bit. */
#include "kernels/arith_f64_loops.h"

#include "kernels/number.h"

/*
 * NumPy's floor division and remainder (npy_divmod). They are not floor(a / b) and a - b * that:
 * fmod is exact, and the quotient is what remains, snapped to the nearest integer.
 */
static inline double floor_mod(double a, double b) {
    double rest = fmod(a, b);
    if (b == 0)
        return rest; /* NaN */
    if (rest == 0)
        return copysign(0.0, b);
    return (b < 0) != (rest < 0) ? rest + b : rest;
}

static inline double floor_div(double a, double b) {
    if (b == 0)
        return a / b;
    double rest = fmod(a, b);
    double quotient = (a - rest) / b;
    if (rest != 0 && (b < 0) != (rest < 0))
        quotient -= 1.0;
    if (quotient == 0)
        return copysign(0.0, a / b);
    double whole = floor(quotient);
    return quotient - whole > 0.5 ? whole + 1.0 : whole;
}

CN_LANES_BINARY(cn_floordiv_f64, double, double, floor_div(x, y))
CN_LANES_BINARY(cn_mod_f64, double, double, floor_mod(x, y))
CN_LANES_BINARY(cn_fmod_f64, double, double, fmod(x, y))
CN_LANES_BINARY(cn_nextafter_f64, double, double, nextafter(x, y))

size_t cn_round_digits_f64(struct cn_lanes *lanes) {
    const double *a = lanes->a;
    const int64_t *digits = lanes->b;
    double *out = lanes->out;
    size_t failures = 0;
    for (size_t i = 0; i < lanes->n; i++) {
        double x = a[i];
        double rounded = cn_double_round(x, digits[i]);
        out[i] = rounded;
        if (isinf(rounded) && isfinite(x)) {
            lanes->fail[i] = 1;
            failures++;
        }
    }
    return failures;
}

/*
 * math_functions.c: the transcendental functions, by SLEEF.
 *
 * SLEEF's cinz variants use no fused multiply-add and give the same bits on every CPU, within 1 ulp
 * of the exact value, except in the corners that are mended here. A mend uses nothing but IEEE
 * arithmetic and other such functions, so that it is as reproducible.
 */
#include <math.h>
#include <sleef.h>

#include "kernels/lanes_loop.h"

/* 2 ln 2 in two parts. The first is a multiple of 2**-41, so that its difference to a double of
 * [512, 1024) is exact. */
#define LN4_HIGH 0x1.62e42fefa38p+0
#define LN4_LOW 0x1.ef35793c7673p-44

/* exp(x) / 4 for x in [512, 1024), since SLEEF takes the last 0.000002 before the overflow for
 * overflow. */
static double quarter_exp(double x) {
    double quarter = Sleef_cinz_expd1_u10purec(x - LN4_HIGH);
    return isinf(quarter) ? quarter : quarter - quarter * LN4_LOW;
}

static double exp_of(double x) {
    if (x > 709.78 && x < 1024)
        return 4 * quarter_exp(x);
    return Sleef_cinz_expd1_u10purec(x);
}

/* Beyond the range of exp, the other half of the sum is nothing. */
static double sinh_of(double x) {
    if (fabs(x) > 709 && fabs(x) < 1024)
        return copysign(2 * quarter_exp(fabs(x)), x);
    return Sleef_cinz_sinhd1_u10purec(x);
}

static double cosh_of(double x) {
    if (fabs(x) > 709 && fabs(x) < 1024)
        return 2 * quarter_exp(fabs(x));
    return Sleef_cinz_coshd1_u10purec(x);
}

/* Loses denormals, and overflows early. */
static double log1p_of(double x) {
    if (fabs(x) < 0x1p-60)
        return x;
    return x > 0x1p60 ? Sleef_cinz_logd1_u10purec(x) : Sleef_cinz_log1pd1_u10purec(x);
}

/* Loses denormals. */
static double tan_of(double x) {
    return fabs(x) < 0x1p-30 ? x : Sleef_cinz_tand1_u10purec(x);
}

/* Loses denormals, and squares x, which overflows from 2**512 on. */
static double arcsinh_of(double x) {
    double magnitude = fabs(x);
    if (magnitude < 0x1p-30)
        return x;
    if (magnitude > 0x1p500)
        return copysign(Sleef_cinz_logd1_u10purec(magnitude) + M_LN2, x);
    return Sleef_cinz_asinhd1_u10purec(x);
}

static double arccosh_of(double x) {
    return x > 0x1p500 ? Sleef_cinz_logd1_u10purec(x) + M_LN2 : Sleef_cinz_acoshd1_u10purec(x);
}

/* A denormal quotient is rounded twice; where the angle is the quotient, one division is exact
 * enough, and right for zeros and infinities too. */
static double arctan2_of(double y, double x) {
    if (x > 0 && fabs(y) < x * 0x1p-30)
        return y / x;
    return Sleef_cinz_atan2d1_u10purec(y, x);
}

/* Denormal operands lose digits: scaled up first. */
static double hypot_of(double x, double y) {
    if (fabs(x) < 0x1p-900 && fabs(y) < 0x1p-900)
        return Sleef_cinz_hypotd1_u05purec(x * 0x1p600, y * 0x1p600) * 0x1p-600;
    return Sleef_cinz_hypotd1_u05purec(x, y);
}

/*
 * x ** y where SLEEF gives an infinity for finite operands: as its exp, it does so a little early.
 * With a slightly smaller exponent z there is room, and x ** y = x ** z * exp((y - z) log x), whose
 * second factor is so near to 1 that it costs half an ulp only. y - z is exact.
 */
static double near_overflow(double x, double y) {
    double z = y - y * 0x1p-20;
    double power = Sleef_cinz_powd1_u10purec(fabs(x), z);
    if (isfinite(power))
        power += power * Sleef_cinz_expm1d1_u10purec((y - z) * Sleef_cinz_logd1_u10purec(fabs(x)));
    bool odd = fabs(fmod(y, 2)) == 1;
    return x < 0 && odd ? -power : power;
}

static double pow_of(double x, double y) {
    double power = Sleef_cinz_powd1_u10purec(x, y);
    if (isinf(power) && isfinite(x) && x != 0 && isfinite(y))
        return near_overflow(x, y);
    return power;
}

CN_LANES_UNARY(cn_cbrt_f64, double, double, Sleef_cinz_cbrtd1_u10purec(x))
CN_LANES_UNARY(cn_exp_f64, double, double, exp_of(x))
CN_LANES_UNARY(cn_expm1_f64, double, double, Sleef_cinz_expm1d1_u10purec(x))
CN_LANES_UNARY(cn_log_f64, double, double, Sleef_cinz_logd1_u10purec(x))
CN_LANES_UNARY(cn_log2_f64, double, double, Sleef_cinz_log2d1_u10purec(x))
CN_LANES_UNARY(cn_log10_f64, double, double, Sleef_cinz_log10d1_u10purec(x))
CN_LANES_UNARY(cn_log1p_f64, double, double, log1p_of(x))
CN_LANES_BINARY(cn_pow_f64, double, double, pow_of(x, y))

CN_LANES_UNARY(cn_sin_f64, double, double, Sleef_cinz_sind1_u10purec(x))
CN_LANES_UNARY(cn_cos_f64, double, double, Sleef_cinz_cosd1_u10purec(x))
CN_LANES_UNARY(cn_tan_f64, double, double, tan_of(x))
CN_LANES_UNARY(cn_arcsin_f64, double, double, Sleef_cinz_asind1_u10purec(x))
CN_LANES_UNARY(cn_arccos_f64, double, double, Sleef_cinz_acosd1_u10purec(x))
CN_LANES_UNARY(cn_arctan_f64, double, double, Sleef_cinz_atand1_u10purec(x))
CN_LANES_BINARY(cn_arctan2_f64, double, double, arctan2_of(x, y))

CN_LANES_UNARY(cn_sinh_f64, double, double, sinh_of(x))
CN_LANES_UNARY(cn_cosh_f64, double, double, cosh_of(x))
CN_LANES_UNARY(cn_tanh_f64, double, double, Sleef_cinz_tanhd1_u10purec(x))
CN_LANES_UNARY(cn_arcsinh_f64, double, double, arcsinh_of(x))
CN_LANES_UNARY(cn_arccosh_f64, double, double, arccosh_of(x))
CN_LANES_UNARY(cn_arctanh_f64, double, double, Sleef_cinz_atanhd1_u10purec(x))

CN_LANES_BINARY(cn_hypot_f64, double, double, hypot_of(x, y))

/*
 * call_comp.c: long_comp: from x = i, for y in 0, 1, 2, ...: x = (x - y) ** 2 if x % 2 == 0, else
 * (x + y) ** 0.5, as CPython computes it.
 *
 * An int stays one while x is even at y = 0 and (x * x is even too) at y = 1; what comes out of
 * that is odd, so that from y = 2 on, and for an odd i from the first step on, x is a float.
 */
#include <errno.h>
#include <math.h>

#include <openssl/bn.h>

#include "handlers/call.h"
#include "handlers/call_root.h"
#include "kernels/number.h"

/* Steps between two looks at whether to stop; about a third of a millisecond. The first block is
 * longer by those that are done one by one. */
#define BLOCK 65536
#define FIRST_BLOCK (BLOCK + 1024)
/* (i * i - 1) ** 2 fits an int64 */
#define SMALL_INT 46000
/* 10 ** digits is beyond float64 with a fourth of these already. */
#define HUGE_DIGITS 400

/* ---- failures ------------------------------------------------------------------------------ */

static void fail_too_large(struct cn_call *call) {
    cn_call_fail(call, CN_NOT_FINITE, "OverflowError: int too large to convert to float");
}

/* The text of a part of a complex number: a float without ".0". */
static int part(double value, char out[CN_DOUBLE_TEXT]) {
    size_t len = cn_double_format(value, out);
    if (len > 2 && out[len - 2] == '.' && out[len - 1] == '0')
        len -= 2;
    return (int)len;
}

/* base ** 0.5 of a negative base is complex, and that has no remainder. */
static void fail_complex(struct cn_call *call, double base, bool last) {
    char real[CN_DOUBLE_TEXT], imaginary[CN_DOUBLE_TEXT];
    volatile double half = 0.5;
    double size = pow(fabs(base), half), angle = atan2(0.0, base) * half;
    int real_len = part(size * cos(angle), real);
    int imaginary_len = part(size * sin(angle), imaginary);
    if (last)
        cn_call_fail(call, CN_TYPE_ERROR,
                     "the result is the complex number (%.*s+%.*sj): the root of a negative one",
                     real_len, real, imaginary_len, imaginary);
    else
        cn_call_fail(call, CN_TYPE_ERROR,
                     "TypeError: unsupported operand type(s) for %%: 'complex' and 'int'; x became "
                     "(%.*s+%.*sj), the root of a negative number",
                     real_len, real, imaginary_len, imaginary);
}

/* ---- floats -------------------------------------------------------------------------------- */

/* base ** 2; false: beyond the range. */
static bool square(double base, double *x) {
    volatile double two = 2.0; /* compilers may know pow(x, 2) as x * x */
    errno = 0;
    *x = pow(base, two);
    return !isinf(*x) && (errno == 0 || *x == 0);
}

/* Steps up to `end`. False: the call has failed. */
static bool step_floats(struct cn_call *call, double *x, uint64_t *y, uint64_t end) {
    while (*y < end) {
        double sum = *x + (double)*y;
        if (cn_root_even(*x)) {
            if (!square(*x - (double)*y, x)) {
                cn_call_fail(call, CN_NOT_FINITE,
                             "OverflowError: (34, 'Numerical result out of range')");
                return false;
            }
            ++*y;
        } else if (sum < 0) {
            fail_complex(call, sum, *y + 1 == call->iterations);
            return false;
        } else if (sum == 0) {
            *x = 0;
            ++*y;
        } else {
            *y += cn_root_steps(x, *y, end - *y);
        }
    }
    return true;
}

static enum cn_code run_floats(struct cn_call *call, double x, uint64_t y, struct cn_error *error) {
    uint64_t block = FIRST_BLOCK;
    while (y < call->iterations) {
        uint64_t left = call->iterations - y;
        if (!step_floats(call, &x, &y, y + (left < block ? left : block)))
            return CN_OK;
        if (cn_run_stopped(call->run))
            return CN_CANCELLED;
        cn_run_yield(call->run);
        block = BLOCK;
    }
    return cn_json_write_double(call->result, x) ? CN_OK : cn_error_memory(error);
}

/* ---- ints ---------------------------------------------------------------------------------- */

static enum cn_code write_big(struct cn_call *call, const BIGNUM *x, struct cn_error *error) {
    char *text = BN_bn2dec(x);
    bool ok = text && cn_buf_add_c(call->result, text);
    OPENSSL_free(text);
    return ok ? CN_OK : cn_error_memory(error);
}

/* float(x), correctly rounded, by way of its digits. False: no memory. */
static bool big_to_float(const BIGNUM *x, double *value) {
    char *text = BN_bn2dec(x);
    bool ok = text && cn_double_parse(text, strlen(text), value);
    OPENSSL_free(text);
    return ok;
}

/* The steps of an even int in `x`: two at most, then a root. */
static enum cn_code run_big(struct cn_call *call, BIGNUM *x, BN_CTX *context,
                            struct cn_error *error) {
    double root;
    if (BN_sqr(x, x, context) != 1)
        return cn_error_memory(error);
    if (call->iterations == 1)
        return write_big(call, x, error);
    if (BN_sub_word(x, 1) != 1 || BN_sqr(x, x, context) != 1)
        return cn_error_memory(error);
    if (call->iterations == 2)
        return write_big(call, x, error);
    if (BN_add_word(x, 2) != 1 || !big_to_float(x, &root))
        return cn_error_memory(error);
    if (isinf(root)) {
        fail_too_large(call);
        return CN_OK;
    }
    return run_floats(call, cn_root(root), 3, error);
}

static enum cn_code run_even_big(struct cn_call *call, struct cn_str digits,
                                 struct cn_error *error) {
    struct cn_buf text = CN_BUF_INIT;
    BN_CTX *context = NULL;
    BIGNUM *x = NULL;
    enum cn_code code;

    if (digits.len > HUGE_DIGITS && call->iterations > 2) {
        fail_too_large(call);
        return CN_OK;
    }
    if (digits.len > CN_CALL_MAX_DIGITS) {
        cn_call_fail(call, CN_LIMIT_EXCEEDED,
                     "the argument has %zu digits; long_comp squares ints of at most %d",
                     digits.len, CN_CALL_MAX_DIGITS);
        return CN_OK;
    }
    bool ok = cn_buf_add_str(&text, digits) && cn_buf_add_char(&text, '\0');
    context = BN_CTX_new();
    ok = ok && context && BN_dec2bn(&x, text.data) != 0;
    code = ok ? run_big(call, x, context, error) : cn_error_memory(error);
    BN_free(x);
    BN_CTX_free(context);
    cn_buf_release(&text);
    return code;
}

static enum cn_code run_even_small(struct cn_call *call, int64_t x, struct cn_error *error) {
    x *= x;
    if (call->iterations > 1)
        x = (x - 1) * (x - 1);
    if (call->iterations > 2)
        return run_floats(call, cn_root((double)(x + 2)), 3, error);
    return cn_json_write_int(call->result, x) ? CN_OK : cn_error_memory(error);
}

/* Of the int that `text` is. The argument itself stays what it was: it is a dictionary's key. */
static enum cn_code run_int(struct cn_call *call, struct cn_str text, struct cn_error *error) {
    bool odd = (text.data[text.len - 1] - '0') % 2 != 0;
    double value = 0;
    int64_t small;

    if (call->iterations == 0)
        return cn_buf_add_str(call->result, text) ? CN_OK : cn_error_memory(error);
    if (!odd && cn_int64_parse(text.data, text.len, &small, NULL) && small >= -SMALL_INT &&
        small <= SMALL_INT)
        return run_even_small(call, small, error);
    if (!odd)
        return run_even_big(call, text, error);
    if (!cn_double_parse(text.data, text.len, &value) || isinf(value))
        fail_too_large(call);
    else if (value < 0)
        fail_complex(call, value, call->iterations == 1);
    else
        return run_floats(call, cn_root(value), 1, error);
    return CN_OK;
}

enum cn_code cn_call_long_comp(struct cn_call *call, struct cn_error *error) {
    switch (call->value.kind) {
    case CN_CALL_INT:
        return run_int(call, call->value.text, error);
    case CN_CALL_FLOAT:
        return run_floats(call, call->value.number, 0, error);
    case CN_CALL_BOOL:
        if (call->iterations == 0)
            return cn_buf_add_str(call->result, call->value.text) ? CN_OK : cn_error_memory(error);
        return run_int(call, call->value.truth ? CN_STR("1") : CN_STR("0"), error);
    default:
        cn_call_fail(call, CN_TYPE_ERROR, "long_comp takes a number, not a value of type %s",
                     cn_call_kind_name(call->value.kind));
        return CN_OK;
    }
}

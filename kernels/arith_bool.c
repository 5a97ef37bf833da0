/* arith_bool.c: logic on bools, and choice between two values. */
#include "kernels/arith_bool_loops.h"

/*
 * One operand of three-valued logic as two flags. `and` is false where one operand is surely
 * false, true where both are surely true, else null; `or` is the same with the values swapped, so
 * one loop does both: `decides` is the value that settles the result on its own.
 */
static void kleene(const struct cn_kleene *lanes, uint8_t decides) {
    const uint8_t *a = lanes->a;
    const uint8_t *b = lanes->b;
    const uint8_t *a_nulls = lanes->a_nulls;
    const uint8_t *b_nulls = lanes->b_nulls;
    uint8_t *out = lanes->out;
    uint8_t *out_nulls = lanes->out_nulls;
    size_t n = lanes->n;
    CN_LANES_INDEPENDENT
    for (size_t i = 0; i < n; i++) {
        uint8_t a_known = a_nulls ? a_nulls[i] == 0 : 1;
        uint8_t b_known = b_nulls ? b_nulls[i] == 0 : 1;
        uint8_t a_decides = a_known & ((a[i] != 0) == decides);
        uint8_t b_decides = b_known & ((b[i] != 0) == decides);
        uint8_t settled = a_decides | b_decides;
        uint8_t known = settled | (a_known & b_known);
        out[i] = known & (decides ? settled : settled ^ 1);
        out_nulls[i] = known ^ 1;
    }
}

void cn_kleene_and(const struct cn_kleene *lanes) {
    kleene(lanes, 0);
}

void cn_kleene_or(const struct cn_kleene *lanes) {
    kleene(lanes, 1);
}

size_t cn_where_16(struct cn_lanes *lanes) {
    const uint8_t *a = lanes->a;
    const struct cn_str *b = lanes->b;
    const struct cn_str *c = lanes->c;
    struct cn_str *out = lanes->out;
    for (size_t i = 0; i < lanes->n; i++)
        out[i] = a[i] ? b[i] : c[i];
    return 0;
}

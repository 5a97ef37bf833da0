#include "kernels/digest_batch.h"

#define LONG CN_DIGEST_MOST_BLOCKS /* the class of rows with more blocks than that */

static bool is_single(const size_t *offsets, size_t n, size_t word) {
    bool more = false;
    for (size_t i = 0; i < n; i++)
        more |= cn_digest_blocks(offsets[i + 1] - offsets[i], word) > 1;
    return !more;
}

static size_t class_of(size_t len, size_t word) {
    size_t blocks = cn_digest_blocks(len, word);
    return blocks > CN_DIGEST_MOST_BLOCKS ? LONG : blocks - 1;
}

void cn_digest_plan_rows(struct cn_digest_plan *plan, const size_t *offsets, size_t n,
                         size_t word) {
    uint16_t starts[LONG + 2] = {0};
    uint8_t classes[CN_DIGEST_BATCH];

    plan->all_single = is_single(offsets, n, word);
    plan->n_short = n;
    plan->n_long = 0;
    if (plan->all_single)
        return;
    for (size_t i = 0; i < n; i++) {
        classes[i] = (uint8_t)class_of(offsets[i + 1] - offsets[i], word);
        starts[classes[i] + 1]++;
    }
    plan->n_long = starts[LONG + 1];
    plan->n_short = n - plan->n_long;
    for (size_t class = 1; class <= LONG; class ++)
        starts[class] = (uint16_t)(starts[class] + starts[class - 1]);
    for (size_t i = 0; i < n; i++)
        plan->order[starts[classes[i]]++] = (uint16_t)i;
}

/* Hex: every length and alignment, against unmapped pages. */
#include <string.h>

#include "kernels/table.h"
#include "tests/kernels/check.h"

#define MOST 300
#define BENCH_BYTES 16384 /* the digests of a block of rows */

struct work {
    uint8_t data[BENCH_BYTES];
    char text[2 * BENCH_BYTES];
};

static void encode(void *context) {
    struct work *work = context;

    cn_kernels.hex_encode(work->data, sizeof work->data, work->text);
}

static void compare(const uint8_t *data, size_t n, char *out, size_t offset) {
    char expected[2 * MOST];

    cn_hex_encode_scalar(data, n, expected);
    memset(out, 0, 2 * n);
    cn_kernels.hex_encode(data, n, out);
    check_that(memcmp(out, expected, 2 * n) == 0, "%zu bytes, %zu behind a page", n, offset);
}

void check_hex(void) {
    static struct work work;
    struct check_memory in = check_memory_new(MOST + 64);
    struct check_memory out = check_memory_new(2 * MOST + 64);

    for (size_t n = 0; n <= MOST; n++) {
        uint8_t *data = (uint8_t *)check_at_end(&in, n);
        check_fill(data, n);
        compare(data, n, check_at_end(&out, 2 * n), 0);
        for (size_t offset = 0; offset < 64; offset++) {
            data = (uint8_t *)check_at_start(&in, offset);
            check_fill(data, n);
            compare(data, n, check_at_start(&out, offset), offset);
        }
    }
    check_memory_free(&in);
    check_memory_free(&out);
    check_fill(work.data, sizeof work.data);
    check_time("hex_encode", (void (*)(void))cn_kernels.hex_encode, "byte", BENCH_BYTES, encode,
               &work);
}

#include "kernels/digest.h"
#include "kernels/table.h"

#define EVERY(byte) ((byte)*0x0101010101010101u)

/* Eight characters for four bytes. */
static uint64_t hex8(uint32_t bytes) {
    uint64_t x = bytes;
    x = (x | x << 16) & 0x0000FFFF0000FFFFu;
    x = (x | x << 8) & 0x00FF00FF00FF00FFu;
    x = (x >> 4 & 0x000F000F000F000Fu) | (x & 0x000F000F000F000Fu) << 8;
    uint64_t letters = (x + EVERY(6u)) >> 4 & EVERY(1u);
    return x + EVERY((uint64_t)'0') + letters * ('a' - '0' - 10);
}

void cn_hex_encode_scalar(const uint8_t *data, size_t n, char *out) {
    size_t i = 0;
    for (; n - i >= 4; i += 4) {
        uint32_t bytes;
        memcpy(&bytes, data + i, sizeof bytes);
        uint64_t text = hex8(bytes);
        memcpy(out + 2 * i, &text, sizeof text);
    }
    for (; i < n; i++) {
        uint64_t text = hex8(data[i]);
        memcpy(out + 2 * i, &text, 2);
    }
}

void cn_hex_encode(const uint8_t *data, size_t n, char *out) {
    cn_kernels.hex_encode(data, n, out);
}

size_t cn_base64_encode(const uint8_t *data, size_t n, char *out) {
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *p = out;
    size_t i = 0;
    for (; n - i >= 3; i += 3) {
        uint32_t group = (uint32_t)data[i] << 16 | (uint32_t)data[i + 1] << 8 | data[i + 2];
        *p++ = letters[group >> 18];
        *p++ = letters[group >> 12 & 63];
        *p++ = letters[group >> 6 & 63];
        *p++ = letters[group & 63];
    }
    if (n - i > 0) {
        uint32_t group = (uint32_t)data[i] << 16;
        if (n - i == 2)
            group |= (uint32_t)data[i + 1] << 8;
        *p++ = letters[group >> 18];
        *p++ = letters[group >> 12 & 63];
        *p++ = n - i == 2 ? letters[group >> 6 & 63] : '=';
        *p++ = '=';
    }
    return (size_t)(p - out);
}

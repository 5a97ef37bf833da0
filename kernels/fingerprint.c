#include "kernels/fingerprint.h"

#include <xxhash.h>

#include "kernels/digest.h"

/* The library's state wants an alignment of 64 bytes, which its own allocation knows. */
static XXH3_state_t *state_of(struct cn_fingerprint *fingerprint) {
    return (XXH3_state_t *)(void *)fingerprint;
}

struct cn_fingerprint *cn_fingerprint_new(void) {
    XXH3_state_t *state = XXH3_createState();
    if (state && XXH3_128bits_reset(state) != XXH_OK) {
        XXH3_freeState(state);
        state = NULL;
    }
    return (struct cn_fingerprint *)(void *)state;
}

void cn_fingerprint_free(struct cn_fingerprint *fingerprint) {
    if (fingerprint)
        XXH3_freeState(state_of(fingerprint));
}

void cn_fingerprint_add(struct cn_fingerprint *fingerprint, const void *data, size_t len) {
    if (len > 0)
        XXH3_128bits_update(state_of(fingerprint), data, len);
}

void cn_fingerprint_write(const struct cn_fingerprint *fingerprint,
                          char text[CN_FINGERPRINT_TEXT]) {
    XXH128_canonical_t canonical;
    const XXH3_state_t *state = (const XXH3_state_t *)(const void *)fingerprint;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state));
    cn_hex_encode(canonical.digest, sizeof canonical.digest, text);
    text[CN_FINGERPRINT_TEXT - 1] = '\0';
}

/*
 * fingerprint.h: XXH3-128 of a text that comes in pieces. It names data (the same bytes, the same
 * name, however they were cut), at a small part of what reading them costs; it proves nothing
 * against somebody who means ill: for that there is digest.h.
 */
#ifndef CN_KERNELS_FINGERPRINT_H
#define CN_KERNELS_FINGERPRINT_H

#include <stddef.h>

#define CN_FINGERPRINT_TEXT 33 /* 32 lower-case hex digits and the NUL */

struct cn_fingerprint;
struct cn_fingerprint *cn_fingerprint_new(void); /* NULL: no memory */
void cn_fingerprint_free(struct cn_fingerprint *fingerprint);
void cn_fingerprint_add(struct cn_fingerprint *fingerprint, const void *data, size_t len);
/* Of all that was added so far; more may be added afterwards. */
void cn_fingerprint_write(const struct cn_fingerprint *fingerprint, char text[CN_FINGERPRINT_TEXT]);

#endif

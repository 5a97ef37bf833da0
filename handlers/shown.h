/*
 * shown.h: user text inside error texts, cut so that it leaves room for the rest.
 */
#ifndef CN_HANDLERS_SHOWN_H
#define CN_HANDLERS_SHOWN_H

#include "base/str.h"

/* At most the first `max` bytes of valid UTF-8 text, cut at a character's boundary. */
static inline struct cn_str cn_shown(struct cn_str text, size_t max) {
    if (text.len <= max)
        return text;
    size_t len = max;
    while (len > 0 && ((unsigned char)text.data[len] & 0xc0) == 0x80)
        len--;
    return cn_str(text.data, len);
}

/* The two arguments of "%.*s". */
#define CN_SHOWN_MAX 60
#define CN_SHOWN(text) (int)cn_shown(text, CN_SHOWN_MAX).len, (text).data

#endif

/*
 * buf.h: a growable run of bytes.
 *
 * Invariants: len <= cap; data is NULL only while cap is 0. The memory comes from the heap, unless
 * `grow` is set: then it belongs to whoever set it (a window of shared memory, a pool of recycled
 * blocks) and cn_buf_release() calls `drop` instead of free().
 *
 * The writers return false when memory ran out; the buffer is unchanged then. cn_buf_reserve()
 * once and cn_buf_*_unchecked afterwards is the fast way for loops.
 */
#ifndef CN_BASE_BUF_H
#define CN_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

struct cn_buf {
    char *data;
    size_t len;
    size_t cap;
    bool (*grow)(struct cn_buf *buf, size_t cap); /* make cap at least this, keep data[0..len) */
    void (*drop)(struct cn_buf *buf);             /* give the memory back */
    void *owner;                                  /* for grow and drop */
};

#define CN_BUF_INIT ((struct cn_buf){0})

void cn_buf_init(struct cn_buf *buf);
void cn_buf_release(struct cn_buf *buf); /* back to the state of cn_buf_init() */

/* Makes room for `more` bytes behind len. False: no memory, or the size overflows. */
CN_NODISCARD bool cn_buf_reserve(struct cn_buf *buf, size_t more);
CN_NODISCARD bool cn_buf_add(struct cn_buf *buf, const void *data, size_t len);
CN_NODISCARD bool cn_buf_add_str(struct cn_buf *buf, struct cn_str text);
CN_NODISCARD bool cn_buf_add_c(struct cn_buf *buf, const char *text);
CN_NODISCARD bool cn_buf_add_char(struct cn_buf *buf, char c);
CN_NODISCARD bool cn_buf_printf(struct cn_buf *buf, const char *format, ...) CN_PRINTF(2, 3);

static inline struct cn_str cn_buf_str(const struct cn_buf *buf) {
    return cn_str(buf->data ? buf->data : "", buf->len);
}

#endif

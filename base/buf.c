#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void cn_buf_init(struct cn_buf *buf) {
    *buf = CN_BUF_INIT;
}

void cn_buf_release(struct cn_buf *buf) {
    if (buf->drop)
        buf->drop(buf);
    else if (!buf->grow)
        free(buf->data);
    *buf = CN_BUF_INIT;
}

static bool grow_heap(struct cn_buf *buf, size_t need) {
    size_t cap = buf->cap < 32 ? 64 : buf->cap;
    if (cap < need)
        cap = cap > SIZE_MAX / 2 || cap * 2 < need ? need : cap * 2;
    char *data = realloc(buf->data, cap);
    if (!data)
        return false;
    buf->data = data;
    buf->cap = cap;
    return true;
}

bool cn_buf_reserve(struct cn_buf *buf, size_t more) {
    if (more <= buf->cap - buf->len && buf->data)
        return true;
    size_t need;
    if (__builtin_add_overflow(buf->len, more, &need) || need > PTRDIFF_MAX)
        return false;
    if (buf->grow)
        return need <= buf->cap || buf->grow(buf, need);
    return grow_heap(buf, need);
}

bool cn_buf_add(struct cn_buf *buf, const void *data, size_t len) {
    if (len == 0)
        return true;
    if (!cn_buf_reserve(buf, len))
        return false;
    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    return true;
}

bool cn_buf_add_str(struct cn_buf *buf, struct cn_str text) {
    return cn_buf_add(buf, text.data, text.len);
}

bool cn_buf_add_c(struct cn_buf *buf, const char *text) {
    return cn_buf_add_str(buf, cn_str_c(text));
}

bool cn_buf_add_char(struct cn_buf *buf, char c) {
    if (!cn_buf_reserve(buf, 1))
        return false;
    buf->data[buf->len++] = c;
    return true;
}

bool cn_buf_printf(struct cn_buf *buf, const char *format, ...) {
    if (!cn_buf_reserve(buf, 64))
        return false;
    for (int attempt = 0; attempt < 2; attempt++) {
        size_t room = buf->cap - buf->len;
        va_list args;
        va_start(args, format);
        int len = vsnprintf(buf->data + buf->len, room, format, args);
        va_end(args);
        if (len < 0)
            return false;
        if ((size_t)len < room) {
            buf->len += (size_t)len;
            return true;
        }
        if (!cn_buf_reserve(buf, (size_t)len + 1))
            return false;
    }
    return false;
}

#include "handlers/json_out.h"

#include "columns/json.h"
#include "kernels/utf8.h"

void cn_json_out_init(struct cn_json_out *out, struct cn_buf *buf) {
    *out = (struct cn_json_out){.buf = buf, .ok = true, .first = true};
}

static void add(struct cn_json_out *out, bool done) {
    out->ok = out->ok && done;
}

/* cn_json_write_string() wants UTF-8: other bytes are replaced one by one. */
static bool write_text(struct cn_buf *buf, struct cn_str text) {
    if (cn_utf8_check(text.data, text.len) == text.len)
        return cn_json_write_string(buf, text);
    struct cn_buf clean = CN_BUF_INIT;
    bool ok = true;
    while (ok && text.len > 0) {
        size_t valid = cn_utf8_check(text.data, text.len);
        ok = cn_buf_add(&clean, text.data, valid);
        if (ok && valid < text.len) {
            ok = cn_buf_add_c(&clean, "\xef\xbf\xbd");
            valid++;
        }
        text = cn_str(text.data + valid, text.len - valid);
    }
    ok = ok && cn_json_write_string(buf, cn_buf_str(&clean));
    cn_buf_release(&clean);
    return ok;
}

void cn_json_out_key(struct cn_json_out *out, const char *key) {
    if (!out->first)
        add(out, cn_buf_add_char(out->buf, ','));
    out->first = false;
    if (key)
        add(out, write_text(out->buf, cn_str_c(key)) && cn_buf_add_char(out->buf, ':'));
}

void cn_json_out_open(struct cn_json_out *out, const char *key, char bracket) {
    cn_json_out_key(out, key);
    add(out, cn_buf_add_char(out->buf, bracket));
    out->first = true;
}

void cn_json_out_close(struct cn_json_out *out, char bracket) {
    add(out, cn_buf_add_char(out->buf, bracket));
    out->first = false;
}

void cn_json_out_text(struct cn_json_out *out, const char *key, struct cn_str text) {
    cn_json_out_key(out, key);
    add(out, write_text(out->buf, text));
}

void cn_json_out_c(struct cn_json_out *out, const char *key, const char *text) {
    if (text)
        cn_json_out_text(out, key, cn_str_c(text));
    else
        cn_json_out_null(out, key);
}

void cn_json_out_int(struct cn_json_out *out, const char *key, int64_t value) {
    cn_json_out_key(out, key);
    add(out, cn_json_write_int(out->buf, value));
}

void cn_json_out_member_int(struct cn_json_out *out, struct cn_str name, int64_t value) {
    cn_json_out_text(out, NULL, name);
    add(out, cn_buf_add_char(out->buf, ':') && cn_json_write_int(out->buf, value));
}

void cn_json_out_double(struct cn_json_out *out, const char *key, double value) {
    cn_json_out_key(out, key);
    add(out, cn_json_write_double(out->buf, value));
}

void cn_json_out_bool(struct cn_json_out *out, const char *key, bool value) {
    cn_json_out_key(out, key);
    add(out, cn_buf_add_c(out->buf, value ? "true" : "false"));
}

void cn_json_out_null(struct cn_json_out *out, const char *key) {
    cn_json_out_key(out, key);
    add(out, cn_buf_add_c(out->buf, "null"));
}

#include "handlers/multipart.h"

#include "handlers/media.h"
#include "handlers/shown.h"
#include "kernels/utf8.h"

static enum cn_code bad(struct cn_error *error, const char *detail) {
    return cn_error_set(error, CN_INVALID_MULTIPART, "%s", detail);
}

static char hex(char c) {
    if (c >= '0' && c <= '9')
        return (char)(c - '0');
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? (char)(c - 'a' + 10) : -1;
}

/*
 * Undoes what clients do to a name between quotes, in place: older curls write \" and \\, browsers
 * and newer curls %22, %0D and %0A, and these only (HTML, "multipart/form-data encoding
 * algorithm").
 */
static struct cn_str plain(char *text, size_t len) {
    len = cn_media_unescape(cn_str(text, len), text);
    size_t out = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '%' && len - i > 2) {
            int code = hex(text[i + 1]) * 16 + hex(text[i + 2]);
            if (hex(text[i + 1]) >= 0 && (code == 0x22 || code == 0x0d || code == 0x0a)) {
                c = (char)code;
                i += 2;
            }
        }
        text[out++] = c;
    }
    return cn_str(text, out);
}

/* Content-Disposition: form-data; name="..."; filename="..." */
static enum cn_code disposition(char *base, struct cn_str text, struct cn_multipart_part *part,
                                struct cn_error *error) {
    struct cn_media media = cn_media(text);
    struct cn_str token, name, value;
    bool quoted;
    if (!cn_media_token(&media, &token) || !cn_media_is(token, "form-data"))
        return bad(error, "a part of the form has a Content-Disposition that is not form-data");
    for (;;) {
        enum cn_media_parameter next = cn_media_parameter(&media, &name, &value, &quoted);
        if (next == CN_MEDIA_END)
            break;
        if (next == CN_MEDIA_FAULT)
            return bad(error,
                       "a part of the form has a Content-Disposition that cannot be read; it "
                       "must be form-data; name=\"...\"");
        bool is_name = cn_media_is(name, "name");
        if (!is_name && !cn_media_is(name, "filename"))
            continue; /* filename* too: RFC 7578 forbids it */
        struct cn_str *field = is_name ? &part->name : &part->filename;
        if (field->data != NULL)
            return bad(error, "a part of the form has two names or two file names");
        *field = quoted ? plain(base + (value.data - base), value.len) : value;
    }
    cn_media_blanks(&media);
    if (media.rest.len > 0)
        return bad(error,
                   "a part of the form has a Content-Disposition that cannot be read; it must "
                   "be form-data; name=\"...\"");
    part->has_filename = part->filename.data != NULL;
    return CN_OK;
}

static enum cn_code transfer_encoding(struct cn_str value, struct cn_error *error) {
    if (cn_media_is(value, "binary") || cn_media_is(value, "8bit") || cn_media_is(value, "7bit"))
        return CN_OK;
    return cn_error_set(
        error, CN_INVALID_MULTIPART,
        "a part of the form has the Content-Transfer-Encoding '%.*s'; parts must be "
        "sent as they are",
        CN_SHOWN(cn_utf8_check(value.data, value.len) == value.len ? value : cn_str("?", 1)));
}

/* One header line; `text` is NUL-terminated in place of its CR. */
static enum cn_code field(char *base, struct cn_str text, struct cn_multipart_part *part,
                          bool *disposed, struct cn_error *error) {
    struct cn_media media = cn_media(text);
    struct cn_str name;
    if (!cn_media_token(&media, &name) || !cn_media_char(&media, ':'))
        return bad(error, "a part of the form has a header line without a name and ':'");
    cn_media_blanks(&media);
    struct cn_str value = media.rest;
    while (value.len > 0 && (value.data[value.len - 1] == ' ' || value.data[value.len - 1] == '\t'))
        value.len--;
    if (cn_media_is(name, "content-disposition")) {
        if (*disposed)
            return bad(error, "a part of the form has two Content-Disposition headers");
        *disposed = true;
        return disposition(base, value, part, error);
    }
    if (cn_media_is(name, "content-type")) {
        if (part->content_type != NULL)
            return bad(error, "a part of the form has two Content-Type headers");
        base[value.data - base + (ptrdiff_t)value.len] = '\0';
        part->content_type = value.data;
        return CN_OK;
    }
    if (cn_media_is(name, "content-transfer-encoding"))
        return transfer_encoding(value, error);
    return CN_OK;
}

enum cn_code cn_multipart_read_head(char *text, size_t len, struct cn_multipart_part *part,
                                    struct cn_error *error) {
    bool disposed = false;
    *part = (struct cn_multipart_part){.has_filename = false};
    /* a line that begins with a blank goes on with the one before it (obs-fold) */
    for (size_t i = 0; i + 2 < len; i++) {
        if (text[i] == '\r' && (text[i + 2] == ' ' || text[i + 2] == '\t'))
            text[i] = text[i + 1] = ' ';
    }
    for (size_t at = 0; at < len;) {
        const char *cr = memchr(text + at, '\r', len - at);
        size_t end = cr ? (size_t)(cr - text) : len;
        text[end] = '\0';
        CN_TRY(field(text, cn_str(text + at, end - at), part, &disposed, error));
        at = end + 2;
    }
    if (!disposed || part->name.data == NULL)
        return bad(error,
                   "a part of the form has no name; it needs Content-Disposition: form-data; "
                   "name=\"...\"");
    if (cn_utf8_check(part->name.data, part->name.len) < part->name.len)
        return bad(error, "the name of a part of the form is not UTF-8");
    return CN_OK;
}

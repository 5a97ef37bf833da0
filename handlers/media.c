#include "handlers/media.h"

void cn_media_blanks(struct cn_media *media) {
    while (media->rest.len > 0 && (media->rest.data[0] == ' ' || media->rest.data[0] == '\t')) {
        media->rest.data++;
        media->rest.len--;
    }
}

bool cn_media_char(struct cn_media *media, char c) {
    if (media->rest.len == 0 || media->rest.data[0] != c)
        return false;
    media->rest.data++;
    media->rest.len--;
    return true;
}

static bool is_token(char c) {
    return c > ' ' && c < 0x7f && memchr("\"(),/:;<=>?@[\\]{}", c, 17) == NULL;
}

bool cn_media_token(struct cn_media *media, struct cn_str *token) {
    size_t len = 0;
    while (len < media->rest.len && is_token(media->rest.data[len]))
        len++;
    *token = cn_str(media->rest.data, len);
    media->rest = cn_str(media->rest.data + len, media->rest.len - len);
    return len > 0;
}

bool cn_media_type(struct cn_media *media, struct cn_str *type, struct cn_str *subtype) {
    return cn_media_token(media, type) && cn_media_char(media, '/') &&
           cn_media_token(media, subtype);
}

bool cn_media_quoted(struct cn_media *media, struct cn_str *value) {
    size_t len = 0;
    if (!cn_media_char(media, '"'))
        return false;
    while (len < media->rest.len && media->rest.data[len] != '"') {
        /* a backslash hides the next character, so that \" does not end the string */
        len += media->rest.data[len] == '\\' ? 2 : 1;
    }
    if (len >= media->rest.len)
        return false;
    *value = cn_str(media->rest.data, len);
    media->rest = cn_str(media->rest.data + len + 1, media->rest.len - len - 1);
    return true;
}

void cn_media_skip_item(struct cn_media *media) {
    bool quoted = false;
    size_t i = 0;
    for (; i < media->rest.len; i++) {
        char c = media->rest.data[i];
        if (c == '"')
            quoted = !quoted;
        else if (c == '\\' && quoted)
            i++;
        else if (c == ',' && !quoted)
            break;
    }
    size_t skip = i < media->rest.len ? i + 1 : media->rest.len;
    media->rest = cn_str(media->rest.data + skip, media->rest.len - skip);
}

enum cn_media_parameter cn_media_parameter(struct cn_media *media, struct cn_str *name,
                                           struct cn_str *value, bool *quoted) {
    *quoted = false;
    cn_media_blanks(media);
    if (!cn_media_char(media, ';'))
        return CN_MEDIA_END;
    /* empty parameters ("; ;", a ';' at the end) are allowed by RFC 9110 */
    do
        cn_media_blanks(media);
    while (cn_media_char(media, ';'));
    if (media->rest.len == 0 || media->rest.data[0] == ',')
        return CN_MEDIA_END;
    if (!cn_media_token(media, name))
        return CN_MEDIA_FAULT;
    cn_media_blanks(media);
    if (!cn_media_char(media, '='))
        return CN_MEDIA_FAULT;
    cn_media_blanks(media);
    if (media->rest.len > 0 && media->rest.data[0] == '"') {
        *quoted = true;
        return cn_media_quoted(media, value) ? CN_MEDIA_PARAMETER : CN_MEDIA_FAULT;
    }
    return cn_media_token(media, value) ? CN_MEDIA_PARAMETER : CN_MEDIA_FAULT;
}

size_t cn_media_unescape(struct cn_str text, char *out) {
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        bool escape = text.data[i] == '\\' && i + 1 < text.len &&
                      (text.data[i + 1] == '"' || text.data[i + 1] == '\\');
        if (escape)
            i++;
        out[len++] = text.data[i];
    }
    return len;
}

bool cn_media_is(struct cn_str text, const char *lower) {
    size_t i = 0;
    for (; i < text.len && lower[i] != '\0'; i++) {
        char c = text.data[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c + 32);
        if (c != lower[i])
            return false;
    }
    return i == text.len && lower[i] == '\0';
}

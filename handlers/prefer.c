#include "handlers/prefer.h"

#include <inttypes.h>
#include <stdio.h>

#include "handlers/exchange.h"
#include "handlers/media.h"

/* One preference; what follows it up to the ',' is left. An absent value is an empty one. */
static bool read_preference(struct cn_media *media, struct cn_str *name, struct cn_str *value) {
    cn_media_blanks(media);
    if (!cn_media_token(media, name))
        return false;
    *value = CN_STR("");
    cn_media_blanks(media);
    if (cn_media_char(media, '=')) {
        cn_media_blanks(media);
        if (!cn_media_token(media, value) && !cn_media_quoted(media, value))
            return false;
        cn_media_blanks(media);
    }
    return media->rest.len == 0 || media->rest.data[0] == ',' || media->rest.data[0] == ';';
}

static bool read_seconds(struct cn_str text, uint64_t *seconds) {
    uint64_t number = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        if (number < CN_PREFER_WAIT_MOST)
            number = number * 10 + (uint64_t)(text.data[i] - '0');
    }
    *seconds = number < CN_PREFER_WAIT_MOST ? number : CN_PREFER_WAIT_MOST;
    return text.len > 0;
}

void cn_prefer_read(struct cn_prefer *prefer, const char *header) {
    struct cn_media media = cn_media(cn_str_c(header));
    bool saw_async = false, saw_wait = false;

    *prefer = (struct cn_prefer){0};
    for (; media.rest.len > 0; cn_media_skip_item(&media)) {
        const struct cn_media item = media;
        struct cn_str name, value;
        if (!read_preference(&media, &name, &value)) {
            media = item; /* quotes in it are skipped as a whole */
            continue;
        }
        if (cn_media_is(name, "respond-async") && !saw_async) {
            saw_async = true;
            prefer->respond_async = value.len == 0;
        } else if (cn_media_is(name, "wait") && !saw_wait) {
            saw_wait = true;
            prefer->has_wait = read_seconds(value, &prefer->wait_s);
        }
    }
}

int64_t cn_prefer_wait_ns(const struct cn_prefer *prefer) {
    return prefer->has_wait ? (int64_t)prefer->wait_s * CN_NS_PER_SECOND : 0;
}

void cn_prefer_add_applied(const struct cn_prefer *prefer, struct cn_exchange *exchange) {
    char text[64];
    size_t n = 0;
    if (prefer->respond_async)
        n = (size_t)snprintf(text, sizeof text, "respond-async");
    if (prefer->has_wait)
        n += (size_t)snprintf(text + n, sizeof text - n, "%swait=%" PRIu64, n > 0 ? ", " : "",
                              prefer->wait_s);
    if (n > 0)
        cn_reply_add_header(exchange, "Preference-Applied", text);
}

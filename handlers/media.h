/*
 * media.h: the small grammar that header values share: tokens, quoted strings, parameters
 * (RFC 9110, section 5.6). Views point into the header unless they were unescaped.
 */
#ifndef CN_HANDLERS_MEDIA_H
#define CN_HANDLERS_MEDIA_H

#include <stdbool.h>

#include "base/str.h"

struct cn_media {
    struct cn_str rest; /* what has not been read yet */
};

static inline struct cn_media cn_media(struct cn_str text) {
    return (struct cn_media){text};
}

void cn_media_blanks(struct cn_media *media);       /* skips spaces and tabs */
bool cn_media_char(struct cn_media *media, char c); /* skips c if it is next */
bool cn_media_token(struct cn_media *media,
                    struct cn_str *token); /* one or more token characters */

/* "..." with what stands between the quotes, escapes included (cn_media_unescape()). */
bool cn_media_quoted(struct cn_media *media, struct cn_str *value);

/* Moves behind the next ',' outside quotes: to the next item of a list. */
void cn_media_skip_item(struct cn_media *media);

/* type "/" subtype. */
bool cn_media_type(struct cn_media *media, struct cn_str *type, struct cn_str *subtype);

enum cn_media_parameter { CN_MEDIA_PARAMETER, CN_MEDIA_END, CN_MEDIA_FAULT };

/*
 * The next `; name=value`. CN_MEDIA_END: none follows; whatever does is left in `rest`. `quoted`:
 * the value stood in quotes; it is then as it stands there, escapes included (cn_media_unescape()).
 */
enum cn_media_parameter cn_media_parameter(struct cn_media *media, struct cn_str *name,
                                           struct cn_str *value, bool *quoted);

/* Undoes \" and \\ (of other backslashes nothing: file names have them). Writes at most text.len
 * bytes to `out`; returns how many. */
size_t cn_media_unescape(struct cn_str text, char *out);

/* ASCII letters of any case. */
bool cn_media_is(struct cn_str text, const char *lower);

#endif

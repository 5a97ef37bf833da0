#include "server/token.h"

#include <fcntl.h>
#include <string.h>

#include "server/secret_file.h"

/* The first line, and nothing but it. */
static struct cn_str first_line(struct cn_str text) {
    const char *end = memchr(text.data, '\n', text.len);
    size_t len = end ? (size_t)(end - text.data) : text.len;
    if (len > 0 && text.data[len - 1] == '\r')
        len--;
    return cn_str(text.data, len);
}

enum cn_code cn_token_read(struct cn_session_key *key, const char *path, struct cn_error *error) {
    struct cn_str text;
    CN_TRY(cn_secret_read(AT_FDCWD, path, &text, error));
    struct cn_str token = first_line(text);
    enum cn_code code = CN_OK;
    if (token.len == 0)
        code =
            cn_error_set(error, CN_INVALID_PARAMETER, "%s holds no token in its first line", path);
    else if (!cn_session_key_derive(key, token))
        code = cn_error_memory(error);
    cn_secret_drop(&text);
    return code;
}

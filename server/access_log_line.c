#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "kernels/utf8.h"
#include "server/access_log.h"

void cn_access_set(struct cn_access_text *text, char *field, size_t size, const char *value) {
    size_t len = value ? strnlen(value, size) : 0;
    if (len > 0)
        memcpy(field, value, len);
    *text = (struct cn_access_text){.len = (unsigned short)len, .known = value != NULL};
}

/* ---- texts --------------------------------------------------------------------------------- */

static bool add_character(struct cn_buf *buf, uint32_t c) {
    if (c == '"' || c == '\\')
        return cn_buf_add_char(buf, '\\') && cn_buf_add_char(buf, (char)c);
    if (c >= 0x20 && c < 0x7F)
        return cn_buf_add_char(buf, (char)c);
    if (c < 0x10000)
        return cn_buf_printf(buf, "\\u%04x", (unsigned)c);
    c -= 0x10000;
    return cn_buf_printf(buf, "\\u%04x\\u%04x", 0xD800u + (c >> 10), 0xDC00u + (c & 0x3FFu));
}

bool cn_access_add_text(struct cn_buf *buf, struct cn_str text) {
    bool ok = cn_buf_add_char(buf, '"');
    while (ok && text.len > 0) {
        size_t len = 1;
        uint32_t c = 0xFFFD;
        size_t look = text.len < 4 ? text.len : 4; /* as long as a character can be */
        if (cn_utf8_check(text.data, look) > 0)
            c = cn_utf8_decode(text.data, text.len, &len);
        ok = add_character(buf, c);
        text = cn_str(text.data + len, text.len - len);
    }
    return ok && cn_buf_add_char(buf, '"');
}

static bool add_member(struct cn_buf *buf, const char *key, const struct cn_access_text *text,
                       const char *field) {
    return cn_buf_printf(buf, ",\"%s\":", key) &&
           (text->known ? cn_access_add_text(buf, cn_str(field, text->len))
                        : cn_buf_add_c(buf, "null"));
}

/* A text of our own; NULL or empty: null. */
static bool add_name(struct cn_buf *buf, const char *key, const char *name) {
    return name && name[0] ? cn_buf_printf(buf, ",\"%s\":\"%s\"", key, name)
                           : cn_buf_printf(buf, ",\"%s\":null", key);
}

/* ---- the client ---------------------------------------------------------------------------- */

static const char *client_text(const struct sockaddr_in6 *client, char out[INET6_ADDRSTRLEN]) {
    if (client->sin6_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, client, sizeof v4);
        return inet_ntop(AF_INET, &v4.sin_addr, out, INET6_ADDRSTRLEN);
    }
    if (client->sin6_family != AF_INET6)
        return NULL;
    if (IN6_IS_ADDR_V4MAPPED(&client->sin6_addr)) /* came to a socket that takes both */
        return inet_ntop(AF_INET, &client->sin6_addr.s6_addr[12], out, INET6_ADDRSTRLEN);
    return inet_ntop(AF_INET6, &client->sin6_addr, out, INET6_ADDRSTRLEN);
}

/* ---- the line ------------------------------------------------------------------------------ */

static bool add_answer(struct cn_buf *buf, const struct cn_access *access) {
    int64_t us = access->duration_ns / 1000;
    bool ok = access->status > 0 ? cn_buf_printf(buf, ",\"status\":%d", access->status)
                                 : cn_buf_add_c(buf, ",\"status\":null");
    return ok && add_name(buf, "error", access->error) &&
           cn_buf_printf(buf,
                         ",\"complete\":%s,\"bytes_in\":%" PRId64 ",\"bytes_out\":%" PRId64
                         ",\"duration_ms\":%" PRId64 ".%03d",
                         access->complete ? "true" : "false", access->bytes_in, access->bytes_out,
                         us / 1000, (int)(us % 1000)) &&
           add_name(buf, "executor", access->executor) &&
           cn_buf_printf(buf, ",\"rows\":%" PRIu64, access->rows);
}

bool cn_access_line(struct cn_buf *buf, const struct cn_access *access) {
    static const char *const protocols[] = {"HTTP/1.0", "HTTP/1.1"};
    bool known = access->http_minor == 0 || access->http_minor == 1;
    char at[32], client[INET6_ADDRSTRLEN];
    size_t before = buf->len;
    cn_clock_format(access->at, at);
    bool ok =
        cn_buf_printf(buf, "{\"time\":\"%s\"", at) && add_name(buf, "request", access->run) &&
        add_name(buf, "trace", access->trace) &&
        add_name(buf, "client", client_text(&access->client, client)) &&
        add_member(buf, "method", &access->method_text, access->method) &&
        add_member(buf, "path", &access->path_text, access->path) &&
        add_name(buf, "route", access->route) && add_name(buf, "operation", access->operation) &&
        add_name(buf, "protocol", known ? protocols[access->http_minor] : NULL) &&
        cn_buf_printf(buf, ",\"tls\":%s", access->tls ? "true" : "false") &&
        add_answer(buf, access) && add_member(buf, "agent", &access->agent_text, access->agent) &&
        cn_buf_add_c(buf, "}\n");
    if (!ok)
        buf->len = before;
    return ok;
}

/*
 * json_out.h: small JSON documents, written member by member.
 *
 * Commas are placed by the writer; failures (no memory) are remembered in `ok`, so that only the
 * end needs a check. Texts may be any bytes: what is not UTF-8 becomes U+FFFD. For the columns of
 * a reply there is columns/json.h.
 */
#ifndef CN_HANDLERS_JSON_OUT_H
#define CN_HANDLERS_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct cn_json_out {
    struct cn_buf *buf;
    bool ok;
    bool first; /* no comma before the next element or member */
};

/* Appends to `buf`, which stays the caller's. */
void cn_json_out_init(struct cn_json_out *out, struct cn_buf *buf);

/* `key` is NULL for an element of an array and for the document itself. */
void cn_json_out_open(struct cn_json_out *out, const char *key, char bracket); /* '{' or '[' */
void cn_json_out_close(struct cn_json_out *out, char bracket);                 /* '}' or ']' */
void cn_json_out_text(struct cn_json_out *out, const char *key, struct cn_str text);
void cn_json_out_c(struct cn_json_out *out, const char *key, const char *text); /* NULL: null */
void cn_json_out_int(struct cn_json_out *out, const char *key, int64_t value);
/* A member whose name is data. */
void cn_json_out_member_int(struct cn_json_out *out, struct cn_str name, int64_t value);
void cn_json_out_double(struct cn_json_out *out, const char *key, double value);
void cn_json_out_bool(struct cn_json_out *out, const char *key, bool value);
void cn_json_out_null(struct cn_json_out *out, const char *key);

/* Writes comma and key only: the caller appends the value to `buf` itself. */
void cn_json_out_key(struct cn_json_out *out, const char *key);

#endif

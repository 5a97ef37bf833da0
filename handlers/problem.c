#include "handlers/problem.h"

#include <stdio.h>

#include "handlers/json_out.h"

static void text_if_set(struct cn_json_out *out, const char *key, const char *text) {
    if (text && text[0])
        cn_json_out_c(out, key, text);
}

static void int_if_set(struct cn_json_out *out, const char *key, int64_t value) {
    if (value >= 0)
        cn_json_out_int(out, key, value);
}

void cn_problem_member(struct cn_json_out *out, const char *key, const struct cn_error *error,
                       const char *expression) {
    char type[64];
    snprintf(type, sizeof type, "/problems/%s", cn_code_name(error->code));
    cn_json_out_open(out, key, '{');
    cn_json_out_c(out, "type", type);
    cn_json_out_c(out, "title", cn_code_title(error->code));
    cn_json_out_int(out, "status", cn_code_status(error->code));
    cn_json_out_c(out, "detail", error->detail);
    cn_json_out_c(out, "code", cn_code_name(error->code));
    text_if_set(out, "parameter", error->parameter);
    text_if_set(out, "expression", expression);
    int_if_set(out, "position", error->position);
    int_if_set(out, "line", error->line);
    int_if_set(out, "row", error->row);
    text_if_set(out, "column", error->column);
    text_if_set(out, "limit", error->limit);
    if (error->has_value)
        cn_json_out_c(out, "value", error->value);
    cn_json_out_close(out, '}');
}

bool cn_problem_write(struct cn_buf *buf, const struct cn_error *error, const char *expression) {
    struct cn_json_out out;
    cn_json_out_init(&out, buf);
    cn_problem_member(&out, NULL, error, expression);
    return cn_buf_add_char(buf, '\n') && out.ok;
}

struct cn_str cn_problem_fixed(enum cn_code code, char text[CN_PROBLEM_FIXED]) {
    const char *name = cn_code_name(code);
    int len = snprintf(text, CN_PROBLEM_FIXED,
                       "{\"type\":\"/problems/%s\",\"title\":\"%s\",\"status\":%d,"
                       "\"detail\":\"%s.\",\"code\":\"%s\"}\n",
                       name, cn_code_title(code), cn_code_status(code), cn_code_title(code), name);
    return cn_str(text, (size_t)len);
}

const char *cn_problem_retry_after(enum cn_code code) {
    int status = cn_code_status(code);
    if (status != 429 && status != 503)
        return NULL;
    return code == CN_DRAINING ? "5" : "1";
}

#include "handlers/query.h"

#include "handlers/shown.h"
#include "kernels/utf8.h"

/* Where decoding stopped, and why. */
enum decode_fault { DECODE_OK, DECODE_ESCAPE, DECODE_CONTROL, DECODE_UTF8, DECODE_MEMORY };

struct decoded {
    struct cn_str text;
    enum decode_fault fault;
    size_t at; /* offset into the raw text (DECODE_UTF8: into the decoded text) */
};

void cn_query_init(struct cn_query *query, const char *text, struct cn_arena *arena) {
    struct cn_str all = cn_str_c(text);
    query->at = all.data;
    query->end = all.data + all.len;
    query->arena = arena;
}

static struct decoded decode(struct cn_str raw, struct cn_arena *arena) {
    struct decoded result = {.fault = DECODE_OK};
    char *out = cn_arena_alloc(arena, raw.len + 1);
    if (out == NULL) {
        result.fault = DECODE_MEMORY;
        return result;
    }
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        unsigned char c = (unsigned char)raw.data[i];
        result.at = i;
        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            int high = raw.len - i > 2 ? cn_hex_digit(raw.data[i + 1]) : -1;
            int low = raw.len - i > 2 ? cn_hex_digit(raw.data[i + 2]) : -1;
            if (high < 0 || low < 0) {
                result.fault = DECODE_ESCAPE;
                return result;
            }
            c = (unsigned char)(high * 16 + low);
            i += 2;
        }
        if (c < 0x20 || c == 0x7f) {
            result.fault = DECODE_CONTROL;
            return result;
        }
        out[len++] = (char)c;
    }
    out[len] = '\0';
    result.text = cn_str(out, len);
    result.at = cn_utf8_check(out, len);
    if (result.at < len)
        result.fault = DECODE_UTF8;
    return result;
}

/* Raw query text for an error: what is not printable ASCII is written %XX, so that the reply stays
 * valid UTF-8 whatever was sent. `out` has `size` bytes; the text is cut to fit. */
static struct cn_str printable(struct cn_str raw, char *out, size_t size) {
    static const char digits[] = "0123456789ABCDEF";
    size_t len = 0;
    for (size_t i = 0; i < raw.len && len + 3 < size; i++) {
        unsigned char c = (unsigned char)raw.data[i];
        if (c > 0x20 && c < 0x7f) {
            out[len++] = (char)c;
        } else {
            out[len++] = '%';
            out[len++] = digits[c >> 4];
            out[len++] = digits[c & 15];
        }
    }
    out[len] = '\0';
    return cn_str(out, len);
}

static enum cn_code decode_error(const struct decoded *result, struct cn_str name,
                                 struct cn_str raw, bool in_name, struct cn_error *error) {
    if (result->fault == DECODE_MEMORY)
        return cn_error_memory(error);
    char shown[128];
    struct cn_str text = printable(raw, shown, sizeof shown);
    cn_error_set_parameter(error, in_name ? text : name);
    cn_error_set_value(error, text);
    const char *where = in_name ? "name" : "value";
    switch (result->fault) {
    case DECODE_ESCAPE: {
        char escape[12];
        size_t rest = raw.len - result->at;
        printable(cn_str(raw.data + result->at, rest < 3 ? rest : 3), escape, sizeof escape);
        return cn_error_set(error, CN_INVALID_PARAMETER,
                            "the %s of a query parameter has a bad escape, '%s', at byte %zu: a "
                            "'%%' must be followed by two hexadecimal digits (a '%%' of its own is "
                            "written %%25; in an expression there is also mod(a, b))",
                            where, escape, result->at);
    }
    case DECODE_CONTROL:
        return cn_error_set(error, CN_INVALID_PARAMETER,
                            "the %s of a query parameter holds a control character at byte %zu; "
                            "none is allowed there, not even a tab or a line feed",
                            where, result->at);
    default:
        return cn_error_set(error, CN_INVALID_PARAMETER,
                            "the %s of a query parameter is not UTF-8 when decoded (from byte %zu "
                            "on); a '%%' of its own is written %%25",
                            where, result->at);
    }
}

enum cn_code cn_query_next(struct cn_query *query, struct cn_query_pair *pair,
                           struct cn_error *error) {
    *pair = (struct cn_query_pair){.found = false};
    while (query->at < query->end && *query->at == '&')
        query->at++;
    if (query->at == query->end)
        return CN_OK;

    size_t left = (size_t)(query->end - query->at);
    const char *stop = memchr(query->at, '&', left);
    struct cn_str raw = cn_str(query->at, stop ? (size_t)(stop - query->at) : left);
    query->at += raw.len;
    const char *equals = memchr(raw.data, '=', raw.len);
    struct cn_str raw_name = cn_str(raw.data, equals ? (size_t)(equals - raw.data) : raw.len);
    size_t skip = raw_name.len + (equals ? 1 : 0);
    struct cn_str raw_value = cn_str(raw.data + skip, raw.len - skip);

    struct decoded name = decode(raw_name, query->arena);
    if (name.fault != DECODE_OK)
        return decode_error(&name, name.text, raw_name, true, error);
    struct decoded value = decode(raw_value, query->arena);
    if (value.fault != DECODE_OK)
        return decode_error(&value, name.text, raw_value, false, error);
    *pair = (struct cn_query_pair){
        .found = true, .name = name.text, .value = value.text, .raw = raw_value};
    return CN_OK;
}

enum cn_code cn_query_unknown(const struct cn_query_pair *pair, const char *known,
                              struct cn_error *error) {
    cn_error_set_parameter(error, pair->name);
    if (known == NULL)
        return cn_error_set(error, CN_UNKNOWN_PARAMETER,
                            "there is no query parameter '%.*s' here; this call takes none",
                            CN_SHOWN(pair->name));
    return cn_error_set(error, CN_UNKNOWN_PARAMETER,
                        "there is no query parameter '%.*s' here; this call takes %s",
                        CN_SHOWN(pair->name), known);
}

enum cn_code cn_query_none(const char *text, struct cn_arena *arena, struct cn_error *error) {
    struct cn_query query;
    struct cn_query_pair pair;
    cn_query_init(&query, text, arena);
    CN_TRY(cn_query_next(&query, &pair, error));
    return pair.found ? cn_query_unknown(&pair, NULL, error) : CN_OK;
}

enum cn_code cn_query_number(const struct cn_query_pair *pair, uint64_t min, uint64_t max,
                             uint64_t *number, struct cn_error *error) {
    uint64_t value = 0;
    bool good = pair->value.len > 0;
    for (size_t i = 0; good && i < pair->value.len; i++) {
        char c = pair->value.data[i];
        good = c >= '0' && c <= '9' && !__builtin_mul_overflow(value, 10, &value) &&
               !__builtin_add_overflow(value, (uint64_t)(c - '0'), &value);
    }
    if (good && value >= min && value <= max) {
        *number = value;
        return CN_OK;
    }
    cn_error_set_parameter(error, pair->name);
    cn_error_set_value(error, pair->value);
    return cn_error_set(error, CN_INVALID_PARAMETER,
                        "%.*s must be a whole number from %llu to %llu in plain decimal digits",
                        CN_SHOWN(pair->name), (unsigned long long)min, (unsigned long long)max);
}

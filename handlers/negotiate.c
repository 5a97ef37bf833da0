#include "handlers/negotiate.h"

#include "handlers/media.h"
#include "handlers/shown.h"

#include <stdio.h>

/* ---- Accept ------------------------------------------------------------------------------- */

/* How much a kind is wanted: the q of the most specific range so far, in thousandths. */
struct wish {
    int specific; /* 0: no range matched, 1: any, 2: type, 3: type and subtype */
    int q;
};

static void wish(struct wish *wish, int specific, int q) {
    /* of two ranges alike the kinder one counts */
    if (specific > wish->specific || (specific == wish->specific && q > wish->q))
        *wish = (struct wish){specific, q};
}

/* "1", "0.5", ".5", "1.000" in thousandths; -1: not a weight. */
static int weight(struct cn_str text) {
    int q = 0;
    size_t i = 0;
    for (; i < text.len && text.data[i] != '.'; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || q > 1)
            return -1;
        q = q * 10 + (text.data[i] - '0');
    }
    q *= 1000;
    int place = 100;
    for (i++; i < text.len; i++, place /= 10) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return -1;
        q += (text.data[i] - '0') * place;
    }
    return text.len > 0 && !cn_str_is(text, ".") && q <= 1000 ? q : -1;
}

/* One item of the header up to its ',' or end. False: it cannot be read. */
static bool read_item(struct cn_media *media, struct cn_str *type, struct cn_str *subtype, int *q) {
    if (!cn_media_token(media, type))
        return false;
    *subtype = CN_STR("*");
    /* "*" alone is what Java's HttpURLConnection sends for any */
    if (cn_media_char(media, '/')) {
        if (!cn_media_token(media, subtype))
            return false;
    } else if (!cn_str_is(*type, "*")) {
        return false;
    }
    *q = 1000;
    struct cn_str name, value;
    bool quoted;
    for (;;) {
        enum cn_media_parameter next = cn_media_parameter(media, &name, &value, &quoted);
        if (next == CN_MEDIA_FAULT)
            return false;
        if (next == CN_MEDIA_END)
            break;
        if (cn_media_is(name, "q") && (*q = weight(value)) < 0)
            return false;
    }
    cn_media_blanks(media);
    return media->rest.len == 0 || media->rest.data[0] == ',';
}

enum cn_code cn_negotiate_reply(const char *accept, bool tabs, enum cn_reply_kind *kind,
                                struct cn_error *error) {
    struct wish csv = {0, 0}, tsv = {0, 0}, json = {0, 0};
    struct cn_media media = cn_media(cn_str_c(accept));
    bool any = false;
    while (media.rest.len > 0) {
        struct cn_str type, subtype;
        int q = 0;
        cn_media_blanks(&media);
        struct cn_media item = media;
        cn_media_skip_item(&media);
        if (!read_item(&item, &type, &subtype, &q))
            continue;
        any = true;
        bool whole = cn_str_is(subtype, "*");
        if (cn_str_is(type, "*") && whole) {
            wish(&csv, 1, q);
            wish(&tsv, 1, q);
            wish(&json, 1, q);
        } else if (whole && cn_media_is(type, "text")) {
            wish(&csv, 2, q);
            wish(&tsv, 2, q);
        } else if (whole && cn_media_is(type, "application")) {
            wish(&json, 2, q);
        } else if (cn_media_is(type, "text") && cn_media_is(subtype, "csv")) {
            wish(&csv, 3, q);
        } else if (cn_media_is(type, "text") && cn_media_is(subtype, "tab-separated-values")) {
            wish(&tsv, 3, q);
        } else if (cn_media_is(type, "application") && cn_media_is(subtype, "json")) {
            wish(&json, 3, q);
        }
    }
    if (!any)
        return CN_OK;
    const int weights[] = {
        [CN_REPLY_CSV] = csv.q, [CN_REPLY_TSV] = tabs ? tsv.q : 0, [CN_REPLY_JSON] = json.q};
    for (enum cn_reply_kind other = CN_REPLY_CSV; other <= CN_REPLY_JSON; other++) {
        if (weights[other] > weights[*kind])
            *kind = other;
    }
    if (weights[*kind] > 0)
        return CN_OK;
    cn_error_set_value(error, cn_str_c(accept));
    return cn_error_set(error, CN_NOT_ACCEPTABLE,
                        "the reply can be text/csv%s or application/json, and the Accept header "
                        "'%.*s' wants none of these",
                        tabs ? ", text/tab-separated-values" : "", CN_SHOWN(cn_str_c(accept)));
}

/* ---- Accept-Encoding ---------------------------------------------------------------------- */

/* One item "gzip;q=0.5" up to its ',' or end. False: it cannot be read. */
static bool read_coding(struct cn_media *media, struct cn_str *coding, int *q) {
    struct cn_str name, value;
    bool quoted;
    *q = 1000;
    if (!cn_media_token(media, coding))
        return false;
    enum cn_media_parameter next;
    while ((next = cn_media_parameter(media, &name, &value, &quoted)) == CN_MEDIA_PARAMETER)
        if (cn_media_is(name, "q") && (*q = weight(value)) < 0)
            return false;
    cn_media_blanks(media);
    return next == CN_MEDIA_END && (media->rest.len == 0 || media->rest.data[0] == ',');
}

/* What one item says of the codings: index CN_CODING_NONE is the plain form. */
static void wish_coding(struct wish wishes[3], struct cn_str coding, int q) {
    if (cn_str_is(coding, "*")) {
        for (size_t i = 0; i < 3; i++)
            wish(&wishes[i], 1, q);
    } else if (cn_media_is(coding, "gzip") || cn_media_is(coding, "x-gzip")) {
        wish(&wishes[CN_CODING_GZIP], 2, q);
    } else if (cn_media_is(coding, "zstd")) {
        wish(&wishes[CN_CODING_ZSTD], 2, q);
    } else if (cn_media_is(coding, "identity")) {
        wish(&wishes[CN_CODING_NONE], 2, q);
    }
}

enum cn_code cn_negotiate_coding(const char *accept_encoding, unsigned offered,
                                 enum cn_coding *coding, bool *plain, struct cn_error *error) {
    /* The plain form may always be sent, unless it is ruled out. */
    struct wish wishes[3] = {[CN_CODING_NONE] = {0, 1}};
    struct cn_media media = cn_media(cn_str_c(accept_encoding));
    while (media.rest.len > 0) {
        struct cn_str item_coding;
        int q = 0;
        cn_media_blanks(&media);
        struct cn_media item = media;
        cn_media_skip_item(&media);
        if (read_coding(&item, &item_coding, &q))
            wish_coding(wishes, item_coding, q);
    }
    *coding = CN_CODING_NONE;
    for (enum cn_coding other = CN_CODING_GZIP; other <= CN_CODING_ZSTD; other++)
        if ((offered & 1u << other) != 0 && wishes[other].q > 0 &&
            wishes[other].q >= wishes[*coding].q)
            *coding = other;
    if (plain)
        *plain = wishes[CN_CODING_NONE].q > 0;
    if (wishes[*coding].q > 0)
        return CN_OK;
    cn_error_set_value(error, cn_str_c(accept_encoding));
    return cn_error_set(error, CN_NOT_ACCEPTABLE,
                        "the reply can be sent %s, and the Accept-Encoding header '%.*s' rules "
                        "that out",
                        (offered & CN_OFFER_ZSTD) != 0   ? "as it is or packed with gzip or zstd"
                        : (offered & CN_OFFER_GZIP) != 0 ? "as it is or gzipped"
                                                         : "as it is only",
                        CN_SHOWN(cn_str_c(accept_encoding)));
}

/* ---- Content-Type ------------------------------------------------------------------------- */

static enum cn_code unsupported(const char *content_type, struct cn_error *error) {
    struct cn_str text = cn_str_c(content_type);
    cn_error_set_value(error, text);
    return cn_error_set(error, CN_UNSUPPORTED_MEDIA_TYPE,
                        "the Content-Type '%.*s' is not one that can be computed with; it must be "
                        "text/csv, text/tab-separated-values, application/json or "
                        "multipart/form-data",
                        CN_SHOWN(text));
}

static bool kind_of(struct cn_str type, struct cn_str subtype, enum cn_body_kind *kind) {
    static const struct {
        const char *type;
        const char *subtype;
        enum cn_body_kind kind;
    } kinds[] = {
        {"text", "csv", CN_BODY_CSV},
        {"text", "tab-separated-values", CN_BODY_TSV},
        {"application", "json", CN_BODY_JSON},
        {"multipart", "form-data", CN_BODY_MULTIPART},
        {"application", "octet-stream", CN_BODY_UNSTATED},
        {"text", "plain", CN_BODY_UNSTATED},
        {"application", "vnd.ms-excel", CN_BODY_UNSTATED},
        {"application", "gzip", CN_BODY_UNSTATED},
        {"application", "x-gzip", CN_BODY_UNSTATED},
        {"application", "zstd", CN_BODY_UNSTATED},
        {"application", "x-www-form-urlencoded", CN_BODY_UNSTATED},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (cn_media_is(type, kinds[i].type) && cn_media_is(subtype, kinds[i].subtype)) {
            *kind = kinds[i].kind;
            return true;
        }
    }
    return false;
}

static enum cn_code set_boundary(struct cn_body_type *type, struct cn_str value, bool quoted,
                                 struct cn_error *error) {
    char text[2 * CN_BOUNDARY_MAX + 2];
    size_t len = 0;
    if (type->boundary_len > 0)
        return cn_error_set(error, CN_INVALID_MULTIPART,
                            "the form's Content-Type has two boundaries");
    if (value.len < sizeof text && quoted) {
        len = cn_media_unescape(value, text);
    } else if (value.len < sizeof text) {
        len = value.len;
        memcpy(text, value.data, len);
    }
    bool good = len >= 1 && len <= CN_BOUNDARY_MAX && text[len - 1] != ' ';
    for (size_t i = 0; good && i < len; i++)
        good = text[i] >= ' ' && text[i] <= '~';
    if (!good)
        return cn_error_set(
            error, CN_INVALID_MULTIPART,
            "the boundary in the form's Content-Type is not usable; it must be 1 to "
            "%d printable ASCII characters, the last of them no blank",
            CN_BOUNDARY_MAX);
    memcpy(type->boundary, text, len);
    type->boundary[len] = '\0';
    type->boundary_len = len;
    return CN_OK;
}

static enum cn_code set_charset(struct cn_str value, struct cn_error *error) {
    if (cn_media_is(value, "utf-8") || cn_media_is(value, "utf8") ||
        cn_media_is(value, "us-ascii") || cn_media_is(value, "ascii"))
        return CN_OK;
    cn_error_set_value(error, value);
    return cn_error_set(error, CN_UNSUPPORTED_MEDIA_TYPE,
                        "the Content-Type says charset '%.*s', but only utf-8 is read; convert the "
                        "text first, for example with iconv -f %.*s -t utf-8",
                        CN_SHOWN(value), CN_SHOWN(value));
}

static enum cn_code set_parameter(const char *content_type, struct cn_str name, struct cn_str value,
                                  bool quoted, struct cn_body_type *type, struct cn_error *error) {
    if (type->kind == CN_BODY_MULTIPART)
        return cn_media_is(name, "boundary") ? set_boundary(type, value, quoted, error) : CN_OK;
    if (cn_media_is(name, "charset"))
        return set_charset(value, error);
    if (cn_media_is(name, "header") && type->kind != CN_BODY_JSON) {
        if (cn_media_is(value, "absent"))
            type->header = CN_HEADER_ABSENT;
        else if (cn_media_is(value, "present"))
            type->header = CN_HEADER_PRESENT;
        else
            return unsupported(content_type, error);
    }
    return CN_OK;
}

static bool ends_in(struct cn_str name, const char *ending) {
    size_t len = strlen(ending);
    return name.len >= len && cn_media_is(cn_str(name.data + name.len - len, len), ending);
}

static bool ends_in_tsv(const char *filename) {
    struct cn_str name = cn_str_c(filename);
    return ends_in(name, ".tsv") || ends_in(name, ".tsv.gz") || ends_in(name, ".tsv.zst");
}

enum cn_code cn_negotiate_body(const char *content_type, const char *filename, bool part,
                               struct cn_body_type *type, struct cn_error *error) {
    *type = (struct cn_body_type){.kind = CN_BODY_UNSTATED, .tsv_name = ends_in_tsv(filename)};
    struct cn_media media = cn_media(cn_str_c(content_type));
    cn_media_blanks(&media);
    if (media.rest.len == 0)
        return CN_OK;
    struct cn_str main_type, subtype;
    if (!cn_media_type(&media, &main_type, &subtype) || !kind_of(main_type, subtype, &type->kind) ||
        (part && type->kind == CN_BODY_MULTIPART))
        return unsupported(content_type, error);
    for (;;) {
        struct cn_str name, value;
        bool quoted;
        enum cn_media_parameter next = cn_media_parameter(&media, &name, &value, &quoted);
        if (next == CN_MEDIA_FAULT)
            return type->kind == CN_BODY_MULTIPART
                       ? cn_error_set(error, CN_INVALID_MULTIPART,
                                      "the form's Content-Type cannot be read; it must be "
                                      "multipart/form-data; boundary=TEXT")
                       : unsupported(content_type, error);
        if (next == CN_MEDIA_END)
            break;
        CN_TRY(set_parameter(content_type, name, value, quoted, type, error));
    }
    cn_media_blanks(&media);
    if (media.rest.len > 0)
        return unsupported(content_type, error);
    if (type->kind == CN_BODY_MULTIPART && type->boundary_len == 0)
        return cn_error_set(error, CN_INVALID_MULTIPART,
                            "the form's Content-Type has no boundary; let the HTTP client write "
                            "that header (curl does with -F)");
    return CN_OK;
}

enum cn_body_kind cn_body_sniff(const struct cn_body_type *type, struct cn_str text,
                                bool complete) {
    if (type->kind != CN_BODY_UNSTATED)
        return type->kind;
    size_t i = 0;
    while (i < text.len && (text.data[i] == ' ' || text.data[i] == '\t' || text.data[i] == '\r' ||
                            text.data[i] == '\n'))
        i++;
    if (i == text.len && !complete)
        return CN_BODY_UNSTATED;
    if (i < text.len && text.data[i] == '{')
        return CN_BODY_JSON;
    return type->tsv_name ? CN_BODY_TSV : CN_BODY_CSV;
}

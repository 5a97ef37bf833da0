#include "handlers/options_parse.h"
#include "handlers/shown.h"

#include <stdio.h>

#define PLUS_HINT                                                                                  \
    "in a query string a '+' means a space: write %2B for a plus and %20 for a space, or let "     \
    "curl "                                                                                        \
    "do it with --url-query (or --form-string for a form)"

/* Where a scanner of expression text stands: outside, or inside a string or backticks. */
struct quotes {
    char open; /* 0, '\'', '"' or '`' */
    bool escaped;
};

static void quotes_step(struct quotes *quotes, char c) {
    if (quotes->open == 0) {
        if (c == '\'' || c == '"' || c == '`')
            quotes->open = c;
    } else if (quotes->escaped) {
        quotes->escaped = false;
    } else if (c == '\\' && quotes->open != '`') {
        quotes->escaped = true;
    } else if (c == quotes->open) {
        quotes->open = 0; /* a doubled backtick closes and opens again */
    }
}

/* Offset of the quote or backtick that is never closed, or SIZE_MAX. */
static size_t open_quote(struct cn_str text) {
    struct quotes quotes = {0, false};
    size_t opened = 0;
    for (size_t i = 0; i < text.len; i++) {
        char before = quotes.open;
        quotes_step(&quotes, text.data[i]);
        if (before == 0 && quotes.open != 0)
            opened = i;
    }
    return quotes.open != 0 ? opened : SIZE_MAX;
}

static int nibble(char c) {
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* Offset into the decoded text of a raw '+' inside a string literal or backticks, or SIZE_MAX. The
 * escapes of `raw` are known to be good. */
static size_t quoted_plus(struct cn_str raw) {
    struct quotes quotes = {0, false};
    size_t at = 0;
    for (size_t i = 0; i < raw.len; i++, at++) {
        char c = raw.data[i];
        if (c == '+') {
            if (quotes.open != 0)
                return at;
            c = ' ';
        } else if (c == '%' && raw.len - i > 2) {
            c = (char)(nibble(raw.data[i + 1]) * 16 + nibble(raw.data[i + 2]));
            i += 2;
        }
        quotes_step(&quotes, c);
    }
    return SIZE_MAX;
}

static bool is_identifier(struct cn_str name) {
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return name.len > 0;
}

/* Offset of the '=' behind NAME, or SIZE_MAX; *open: a backtick is not closed. */
static size_t find_equals(struct cn_str value, bool *open) {
    *open = false;
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] == '`')
            *open = !*open;
        else if (value.data[i] == '=' && !*open)
            return i;
    }
    return SIZE_MAX;
}

static enum cn_code read_name(struct cn_options *options, const struct cn_given *given,
                              struct cn_str name, struct cn_str *out, struct cn_error *error) {
    if (name.len == 0 || cn_str_is(name, "``"))
        return cn_given_error(given, CN_INVALID_PARAMETER, error,
                              "let is '%.*s', which has no name before the '='; it must be "
                              "NAME=EXPRESSION",
                              CN_SHOWN(given->value));
    if (name.data[0] == '`') {
        if (!cn_backticks_read(name, options->arena, out))
            return cn_given_error(given, CN_INVALID_PARAMETER, error,
                                  "the name '%.*s' before the '=' of let is not one text between "
                                  "backticks; a backtick in a name is doubled",
                                  CN_SHOWN(name));
    } else if (is_identifier(name)) {
        *out = cn_arena_str(options->arena, name);
    } else {
        return cn_given_error(given, CN_INVALID_PARAMETER, error,
                              "let must be NAME=EXPRESSION, and the name '%.*s' is not made of "
                              "letters, digits and '_' alone: put it between backticks",
                              CN_SHOWN(name));
    }
    if (out->data == NULL)
        return cn_error_memory(error);
    return cn_name_check(given, *out, error);
}

static enum cn_code push(struct cn_options *options, struct cn_str name, struct cn_str text,
                         struct cn_let_origin origin, const struct cn_given *given,
                         struct cn_error *error) {
    if (options->n_lets >= options->limits->max_columns) {
        cn_error_set_limit(error, "--max-columns");
        return cn_given_error(given, CN_LIMIT_EXCEEDED, error,
                              "there are more than %llu computed columns (--max-columns)",
                              (unsigned long long)options->limits->max_columns);
    }
    if (options->n_lets == options->cap_lets) {
        size_t cap = options->cap_lets ? options->cap_lets * 2 : 8;
        struct cn_let *lets = cn_arena_array(options->arena, cap, sizeof *lets);
        struct cn_let_origin *origins = cn_arena_array(options->arena, cap, sizeof *origins);
        if (lets == NULL || origins == NULL)
            return cn_error_memory(error);
        if (options->n_lets > 0) {
            memcpy(lets, options->lets, options->n_lets * sizeof *lets);
            memcpy(origins, options->origins, options->n_lets * sizeof *origins);
        }
        options->lets = lets;
        options->origins = origins;
        options->cap_lets = cap;
    }
    options->lets[options->n_lets] = (struct cn_let){.name = name, .text = text};
    options->origins[options->n_lets] = origin;
    options->n_lets++;
    return CN_OK;
}

/* Whether the expression, which begins at `start` of the decoded value, begins with a raw '+'
 * although no blank stands before the '='. Who wrote `let=r=+a` meant a sign; who wrote
 * `let=r+=+a` meant blanks. */
static bool plus_at(const struct cn_given *given, size_t start) {
    size_t at = 0;
    if (start < 2 || given->value.data[start - 2] == ' ')
        return false;
    for (size_t i = 0; i < given->raw.len; i++, at++) {
        if (at == start)
            return given->raw.data[i] == '+';
        if (given->raw.data[i] == '%')
            i += 2;
    }
    return false;
}

/* The faults of the text that only a query or a form can have: CN_SYNTAX_ERROR. `start` is where
 * the expression begins in the value. */
static enum cn_code check_sent(const struct cn_given *given, size_t start, int32_t let,
                               struct cn_error *error) {
    struct cn_str value = given->value;
    struct cn_str trimmed = cn_blanks_trim(value);
    size_t at = SIZE_MAX;
    const char *fault = NULL;
    if (given->source == CN_OPTION_QUERY && (at = quoted_plus(given->raw)) != SIZE_MAX) {
        fault = "has a '+' inside a string or backticks, where it would become a space";
    } else if (given->source == CN_OPTION_QUERY && plus_at(given, start)) {
        fault = "has a '+' right behind the '=', where it would become a space";
        at = start;
    } else if (trimmed.len < value.len) {
        fault = trimmed.data == value.data ? "ends with a blank" : "begins with a blank";
        at = trimmed.data == value.data ? trimmed.len : 0;
    }
    if (fault == NULL)
        return CN_OK;
    if (error != NULL) {
        error->let = let;
        if (at >= start)
            error->position = (int64_t)(at - start);
    }
    return cn_given_error(given, CN_SYNTAX_ERROR, error, "the let '%.*s' %s; %s",
                          CN_SHOWN(given->value), fault, PLUS_HINT);
}

static enum cn_code no_equals(const struct cn_given *given, bool open, struct cn_error *error) {
    if (open && given->source == CN_OPTION_FORM)
        return cn_given_error(
            given, CN_INVALID_PARAMETER, error,
            "the let '%.*s' has a backtick that is not closed, and no '='; curl's "
            "-F cuts a value at a ';': send it with --form-string",
            CN_SHOWN(given->value));
    if (open)
        return cn_given_error(given, CN_INVALID_PARAMETER, error,
                              "the let '%.*s' has a backtick that is not closed; it must be "
                              "NAME=EXPRESSION",
                              CN_SHOWN(given->value));
    return cn_given_error(given, CN_INVALID_PARAMETER, error,
                          "the let '%.*s' has no '='; it must be NAME=EXPRESSION",
                          CN_SHOWN(given->value));
}

enum cn_code cn_let_set(struct cn_options *options, const struct cn_given *given,
                        struct cn_error *error) {
    struct cn_str value = given->value;
    if (value.len == 0)
        return cn_given_invalid(given, error);
    bool open = false;
    size_t equals = find_equals(value, &open);
    if (equals == SIZE_MAX)
        return no_equals(given, open, error);
    struct cn_str name = {NULL, 0};
    CN_TRY(read_name(options, given, cn_blanks_trim(cn_str(value.data, equals)), &name, error));
    struct cn_str text = cn_str(value.data + equals + 1, value.len - equals - 1);
    text = cn_arena_str(options->arena, text);
    if (text.data == NULL)
        return cn_error_memory(error);

    struct cn_let_origin origin = {.source = given->source, .raw_plus = false};
    if (given->source == CN_OPTION_QUERY)
        origin.raw_plus = memchr(given->raw.data, '+', given->raw.len) != NULL;
    int32_t let = (int32_t)options->n_lets;
    /* kept even if it is at fault, so that the reply can show the expression */
    CN_TRY(push(options, name, text, origin, given, error));
    if (given->source == CN_OPTION_JSON)
        return CN_OK;
    return check_sent(given, equals + 1, let, error);
}

static enum cn_code set_member(struct cn_options *options, const struct cn_given *given,
                               const struct cn_json *json, struct cn_error *error) {
    struct cn_str name = json->key;
    if (name.len == 0)
        return cn_given_error(given, CN_INVALID_PARAMETER, error,
                              "let has a member without a name; it must be an object of names and "
                              "expressions");
    if (json->type != CN_JSON_STRING) {
        cn_error_set_column(error, name);
        return cn_given_mistyped(given, json, "an object whose values are all strings", error);
    }
    return push(options, name, json->text, (struct cn_let_origin){.source = CN_OPTION_JSON}, given,
                error);
}

enum cn_code cn_let_set_json(struct cn_options *options, const struct cn_given *given,
                             const struct cn_json *json, struct cn_error *error) {
    if (json->type == CN_JSON_ARRAY) {
        for (const struct cn_json *item = json->first; item; item = item->next) {
            if (item->type != CN_JSON_STRING)
                return cn_given_mistyped(given, item, "an array of strings", error);
            struct cn_given one = *given;
            one.value = item->text;
            CN_TRY(cn_let_set(options, &one, error));
        }
        return CN_OK;
    }
    if (json->type != CN_JSON_OBJECT)
        return cn_given_mistyped(given, json, "an object, or an array of NAME=EXPRESSION", error);
    for (const struct cn_json *at = json->first; at; at = at->next)
        CN_TRY(set_member(options, given, at, error));
    return CN_OK;
}

/* ---- hints -------------------------------------------------------------------------------- */

static void explain_cut(struct cn_str text, size_t opened, struct cn_error *error) {
    bool name = text.data[opened] == '`';
    error->code = CN_SYNTAX_ERROR;
    error->position = (int64_t)opened;
    snprintf(
        error->detail, sizeof error->detail,
        "the %s that opens at position %zu is not closed; curl's -F cuts a value at a ';': send "
        "it with --form-string instead",
        name ? "name in backticks" : "string", opened);
}

static void explain_plus(bool raw_plus, struct cn_error *error) {
    char detail[sizeof error->detail];
    struct cn_str old = cn_shown(cn_str_c(error->detail), sizeof detail - 240);
    snprintf(detail, sizeof detail, "%.*s (%s%s)", (int)old.len, old.data,
             raw_plus ? "this let was sent with a '+': " : "", PLUS_HINT);
    memcpy(error->detail, detail, sizeof detail);
}

void cn_options_explain(const struct cn_options *options, struct cn_error *error) {
    if (error == NULL || error->let < 0 || (size_t)error->let >= options->n_lets)
        return;
    if (strstr(error->detail, "--form-string") != NULL)
        return; /* it says so already */
    struct cn_str text = options->lets[error->let].text;
    const struct cn_let_origin *origin = &options->origins[error->let];
    if (origin->source == CN_OPTION_FORM) {
        size_t opened = open_quote(text);
        if (opened != SIZE_MAX)
            explain_cut(text, opened, error);
    } else if (origin->source == CN_OPTION_QUERY && error->code == CN_SYNTAX_ERROR) {
        explain_plus(origin->raw_plus, error);
    }
}

/*
 * openapi_options.c: the options of /v1/compute, off the table that reads them.
 */
#include "handlers/api.h"
#include "handlers/options_parse.h"

static void write_choices(struct cn_json_out *out, enum cn_option_id id) {
    const char *choice;
    cn_json_out_open(out, "enum", '[');
    for (size_t i = 0; (choice = cn_option_choice(id, i)) != NULL; i++)
        cn_json_out_c(out, NULL, choice);
    cn_json_out_close(out, ']');
}

static void write_number(struct cn_json_out *out, enum cn_option_id id,
                         const struct cn_option_look *look, const struct cn_service *service) {
    uint64_t most = id == CN_OPTION_WORKERS ? cn_service_limits(service)->max_workers : look->max;
    cn_json_out_c(out, "type", "integer");
    cn_json_out_int(out, "minimum", (int64_t)look->min);
    cn_json_out_int(out, "maximum", (int64_t)most);
    if (id == CN_OPTION_REPEAT)
        cn_json_out_int(out, "default", 1);
}

/* One of the words, or one character. */
static void write_delimiter(struct cn_json_out *out, enum cn_option_id id) {
    cn_json_out_open(out, "anyOf", '[');
    cn_json_out_open(out, NULL, '{');
    cn_json_out_c(out, "type", "string");
    write_choices(out, id);
    cn_json_out_close(out, '}');
    cn_json_out_open(out, NULL, '{');
    cn_json_out_c(out, "type", "string");
    cn_json_out_int(out, "minLength", 1);
    cn_json_out_int(out, "maxLength", 1);
    cn_json_out_close(out, '}');
    cn_json_out_close(out, ']');
}

/* What is the same in a text and in JSON; false: it is not. */
static bool write_plain(struct cn_json_out *out, enum cn_option_id id,
                        const struct cn_option_look *look, const struct cn_service *service) {
    switch (look->form) {
    case CN_OPTION_FORM_CHOICE:
        cn_json_out_c(out, "type", "string");
        write_choices(out, id);
        cn_json_out_c(out, "default", look->standard);
        return true;
    case CN_OPTION_FORM_NUMBER:
        write_number(out, id, look, service);
        return true;
    case CN_OPTION_FORM_DELIMITER:
        write_delimiter(out, id);
        return true;
    default:
        return false;
    }
}

static void write_text_option(struct cn_json_out *out, const char *key, enum cn_option_id id,
                              const struct cn_option_look *look, const struct cn_service *service) {
    bool let = look->form == CN_OPTION_FORM_LET;
    cn_json_out_open(out, key, '{');
    if (let) {
        cn_json_out_c(out, "type", "array");
        cn_api_write_type(out, "items", "string", NULL, service);
    } else if (!write_plain(out, id, look, service)) {
        cn_json_out_c(out, "type", "string");
    }
    cn_json_out_c(out, "description", look->expected);
    cn_json_out_close(out, '}');
}

static bool in_json_only(const struct cn_option_look *look) {
    return look->form == CN_OPTION_FORM_GENERATE;
}

void cn_api_write_options_query(struct cn_json_out *out, const struct cn_service *service) {
    for (enum cn_option_id id = 0; id < CN_OPTION_COUNT; id++) {
        struct cn_option_look look;
        cn_option_look(id, &look);
        if (in_json_only(&look))
            continue;
        cn_json_out_open(out, NULL, '{');
        cn_json_out_c(out, "name", look.name);
        cn_json_out_c(out, "in", "query");
        write_text_option(out, "schema", id, &look, service);
        if (look.form == CN_OPTION_FORM_LET) {
            cn_json_out_c(out, "style", "form");
            cn_json_out_bool(out, "explode", true);
        }
        cn_json_out_close(out, '}');
    }
}

void cn_api_write_options_form(struct cn_json_out *out, const struct cn_service *service) {
    for (enum cn_option_id id = 0; id < CN_OPTION_COUNT; id++) {
        struct cn_option_look look;
        cn_option_look(id, &look);
        if (!in_json_only(&look))
            write_text_option(out, look.name, id, &look, service);
    }
}

/* What a list is in JSON. */
static const char *list_type(enum cn_option_id id) {
    switch (id) {
    case CN_OPTION_RENAME:
        return "{string}";
    case CN_OPTION_TYPES:
        return "{@type}";
    default:
        return "[string]";
    }
}

static void write_select(struct cn_json_out *out, const char *name,
                         const struct cn_service *service) {
    cn_json_out_open(out, name, '{');
    cn_json_out_open(out, "anyOf", '[');
    cn_api_write_type(out, NULL, "=all|computed", NULL, service);
    cn_api_write_type(out, NULL, "[string]", NULL, service);
    cn_json_out_close(out, ']');
    cn_json_out_close(out, '}');
}

void cn_api_write_options_json(struct cn_json_out *out, const struct cn_service *service) {
    for (enum cn_option_id id = 0; id < CN_OPTION_COUNT; id++) {
        struct cn_option_look look;
        cn_option_look(id, &look);
        if (id == CN_OPTION_SELECT)
            write_select(out, look.name, service);
        else if (look.form == CN_OPTION_FORM_LET)
            cn_api_write_type(out, look.name, "#Let", NULL, service);
        else if (look.form == CN_OPTION_FORM_GENERATE)
            cn_api_write_type(out, look.name, "#Generate", look.expected, service);
        else if (look.form == CN_OPTION_FORM_LIST)
            cn_api_write_type(out, look.name, list_type(id), look.expected, service);
        else
            write_text_option(out, look.name, id, &look, service);
    }
}

/*
 * The file of settings: a JSON object whose members are named as the flags are, without the dashes
 * in front. Numbers, true and false stand for themselves; a size may be a text such as "64MiB".
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "server/settings_inside.h"

enum { MAX_FILE = 1 << 20 };

static const char *kind_of(enum setting_type type) {
    static const char *const kinds[] = {"a text", "true or false", "a whole number",
                                        "a whole number of bytes, or a text such as \"64MiB\"",
                                        "a whole number of milliseconds"};
    return kinds[type];
}

/* The value as it would stand behind the flag; NULL: it is of another type. A text is that of the
 * document. */
static const char *text_of(const struct setting *setting, const json_t *value, char *room,
                           size_t size) {
    if (setting->type == SETTING_SWITCH)
        return json_is_boolean(value) ? (json_is_true(value) ? "true" : "false") : NULL;
    if (setting->type == SETTING_TEXT)
        return json_string_value(value);
    if (setting->type == SETTING_SIZE && json_is_string(value))
        return json_string_value(value);
    if (!json_is_integer(value))
        return NULL;
    snprintf(room, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return room;
}

static bool set_member(struct cn_settings *settings, const char *name, const json_t *value,
                       const char *path, FILE *err) {
    char source[512], room[32];
    const struct setting *setting = cn_setting_find(name, strlen(name));
    if (!setting || strcmp(name, "settings") == 0) {
        fprintf(err, "colonnade: %s: there is no setting '%.100s'; --help lists them\n", path,
                name);
        return false;
    }
    snprintf(source, sizeof source, "%s in %s", setting->flag, path);
    const char *text = text_of(setting, value, room, sizeof room);
    if (text)
        return cn_setting_set(settings, setting, source, text, err);
    fprintf(err, "colonnade: %s must be %s\n", source, kind_of(setting->type));
    return false;
}

static bool read_text(const char *path, char **text, size_t *len, FILE *err) {
    FILE *file = fopen(path, "re");
    if (!file) {
        fprintf(err, "colonnade: cannot read %s: %s\n", path, strerror(errno));
        return false;
    }
    *text = malloc(MAX_FILE + 1);
    *len = *text ? fread(*text, 1, MAX_FILE + 1, file) : 0;
    const char *reason = !*text                 ? "there is no memory"
                         : ferror(file)         ? strerror(errno)
                         : *len == MAX_FILE + 1 ? "it is longer than 1 MiB"
                                                : NULL;
    fclose(file);
    if (!reason)
        return true;
    fprintf(err, "colonnade: cannot read %s: %s\n", path, reason);
    free(*text);
    return false;
}

bool cn_settings_read_file(struct cn_settings *settings, const char *path, FILE *err) {
    char *text;
    size_t len;
    json_error_t error;
    if (!read_text(path, &text, &len, err))
        return false;
    json_t *document = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    free(text);
    if (!document) {
        fprintf(err, "colonnade: %s, line %d: %s\n", path, error.line, error.text);
        return false;
    }
    settings->document = document;
    if (!json_is_object(document)) {
        fprintf(err, "colonnade: %s holds no object, such as {\"max-rows\": 1000000}\n", path);
        return false;
    }
    const char *name;
    json_t *value;
    json_object_foreach(document, name,
                        value) if (!set_member(settings, name, value, path, err)) return false;
    return true;
}

void cn_settings_release(struct cn_settings *settings) {
    json_decref(settings->document);
    settings->document = NULL;
}

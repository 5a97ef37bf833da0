/*
 * settings_inside.h: the table of settings, for the files settings*.c alone.
 */
#ifndef CN_SERVER_SETTINGS_INSIDE_H
#define CN_SERVER_SETTINGS_INSIDE_H

#include <stddef.h>

#include "server/settings.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)

enum setting_type {
    SETTING_TEXT,
    SETTING_SWITCH,
    SETTING_COUNT,
    SETTING_SIZE, /* bytes; takes KiB, MiB and GiB */
    SETTING_TIME, /* milliseconds */
};

struct setting {
    const char *flag;
    enum setting_type type;
    size_t offset;
    const char *text;  /* default of a text */
    uint64_t standard; /* default of a number */
    uint64_t min;
    uint64_t max;
    const char *help;
};

extern const struct setting *const cn_settings_table;
extern const size_t cn_n_settings;

/* NULL: there is none of that name. */
const struct setting *cn_setting_find(const char *flag, size_t len);

/* The name of the variable, cut to `size`: "max-rows" -> "COLONNADE_MAX_ROWS". */
void cn_setting_variable(const char *flag, char *out, size_t size);

void cn_settings_print_help(FILE *out);

/* Reads a value from its text. `source` names where it stood, for the message to `err`:
 * "--max-rows", "COLONNADE_MAX_ROWS", "max-rows in /etc/colonnade.json". */
bool cn_setting_set(struct cn_settings *settings, const struct setting *setting, const char *source,
                    const char *text, FILE *err);

/* Reads the file settings->settings_file, and keeps it in settings->document. False: a message was
 * written to `err`. */
bool cn_settings_read_file(struct cn_settings *settings, const char *path, FILE *err);

#endif

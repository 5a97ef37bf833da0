/*
 * settings_help.c: what --help prints, made from the table of settings.
 */
#include <stdio.h>

#include "pool/pipe_worker.h"
#include "server/settings_inside.h"

/* The default as it is shown. */
static void format_default(const struct setting *setting, char *out, size_t size) {
    static const struct {
        uint64_t unit;
        const char *suffix;
    } units[] = {{GIB, "GiB"}, {MIB, "MiB"}, {KIB, "KiB"}};
    if (setting->type == SETTING_TEXT) {
        snprintf(out, size, "%s", setting->text ? setting->text : "none");
        return;
    }
    if (setting->type == SETTING_SWITCH) {
        snprintf(out, size, "off");
        return;
    }
    if (setting->type == SETTING_SIZE && setting->standard > 0)
        for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
            if (setting->standard % units[i].unit == 0) {
                snprintf(out, size, "%llu%s",
                         (unsigned long long)(setting->standard / units[i].unit), units[i].suffix);
                return;
            }
    snprintf(out, size, "%llu", (unsigned long long)setting->standard);
}

void cn_setting_variable(const char *flag, char *out, size_t size) {
    size_t n = (size_t)snprintf(out, size, "COLONNADE_%s", flag);
    for (size_t i = 0; i < n && i < size; i++) {
        if (out[i] == '-')
            out[i] = '_';
        else if (out[i] >= 'a' && out[i] <= 'z')
            out[i] = (char)(out[i] - 'a' + 'A');
    }
}

static const char *argument_name(enum setting_type type) {
    static const char *const names[] = {"TEXT", "", "N", "BYTES", "MS"};
    return names[type];
}

void cn_settings_print_help(FILE *out) {
    fprintf(out, "Usage: colonnade [--FLAG VALUE | --FLAG=VALUE]...\n"
                 "\n"
                 "Computes columns and row hashes over HTTP, and says where the time went.\n"
                 "Each setting is a flag, an environment variable, or a member of the file of\n"
                 "settings; the flag wins, then the variable.\n"
                 "BYTES may end in KiB, MiB or GiB.\n\n");
    for (size_t i = 0; i < cn_n_settings; i++) {
        const struct setting *setting = &cn_settings_table[i];
        char head[64], name[64], standard[64];
        snprintf(head, sizeof head, "--%s %s", setting->flag, argument_name(setting->type));
        cn_setting_variable(setting->flag, name, sizeof name);
        format_default(setting, standard, sizeof standard);
        fprintf(out, "  %-30s %s\n  %-30s (default: %s; %s)\n", head, setting->help, "", standard,
                name);
    }
    fprintf(out, "  %-30s %s\n  %-30s %s\n", "--help", "print this and exit", "--version",
            "print the version and exit");
    fprintf(out, "  %-30s %s\n  %-30s %s\n", "--health [--FLAG VALUE]...",
            "ask the server of these settings whether it lives: exit status 0,", "",
            "or 1 and the reason");
    fprintf(out, "\nOther ways to start it:\n  %-30s %s\n  %-30s %s\n", CN_PIPE_WORKER_ARGUMENT,
            "be a worker on a machine of a Dask cluster, driven over standard", "",
            "input and output; Dask's workers start it");
}

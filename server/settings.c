#include "server/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "server/settings_inside.h"
#include "server/version.h"

#define AT(field) offsetof(struct cn_settings, field)
#define DAY_MS UINT64_C(86400000)

static const struct setting table[] = {
    {"listen", SETTING_TEXT, AT(listen), "127.0.0.1:8080", 0, 0, 0,
     "address and port to listen on; port 0 takes a free one, [::1]:8080 is IPv6"},
    {"settings", SETTING_TEXT, AT(settings_file), NULL, 0, 0, 0,
     "file of settings: a JSON object whose members are named as the flags; read again on SIGHUP"},
    {"token-file", SETTING_TEXT, AT(token_file), NULL, 0, 0, 0,
     "file whose first line is the bearer token that clients must send"},
    {"allow-anonymous", SETTING_SWITCH, AT(allow_anonymous), NULL, 0, 0, 1,
     "serve an address that is not loopback without a token"},
    {"keys-dir", SETTING_TEXT, AT(keys_dir), NULL, 0, 0, 0,
     "directory of HMAC keys, one file each: the file's name is the key's name"},
    {"tls-cert", SETTING_TEXT, AT(tls_cert), NULL, 0, 0, 0,
     "file of the certificate, and of those that lead to its root, in PEM; with it HTTPS is "
     "spoken"},
    {"tls-key", SETTING_TEXT, AT(tls_key), NULL, 0, 0, 0, "file of the certificate's private key"},
    {"threads", SETTING_COUNT, AT(threads), NULL, 0, 0, 1024,
     "workers that the thread pool starts with; 0: one for each usable CPU"},
    {"processes", SETTING_COUNT, AT(processes), NULL, 0, 0, 1024,
     "workers that the process pool starts with; 0: one for each usable CPU"},
    {"isolation", SETTING_TEXT, AT(isolation), "available", 0, 0, 0,
     "worker processes are confined by what the system has (available), by all of it or there is "
     "no start (required), or not at all, for debuggers (off)"},
    {"worker-memory-bytes", SETTING_SIZE, AT(worker_memory_bytes), NULL, 0, 0, INT64_MAX,
     "memory of a worker process, and of one output that it makes; 0: as --memory-bytes"},
    {"dask-scheduler", SETTING_TEXT, AT(dask_scheduler), NULL, 0, 0, 0,
     "address of a Dask scheduler, as tcp://HOST:8786; with it there is the executor dask"},
    {"dask-python", SETTING_TEXT, AT(dask_python), "python3", 0, 0, 0,
     "Python that has the package distributed, for the bridge to Dask"},
    {"dask-retries", SETTING_COUNT, AT(dask_retries), NULL, 3, 0, 100,
     "how often a task is sent anew when a Dask worker, the scheduler or the bridge is lost"},
    {"dask-tls-ca", SETTING_TEXT, AT(dask_tls_ca), NULL, 0, 0, 0,
     "file of the authority's certificate, in PEM, for a scheduler at tls://HOST:8786"},
    {"dask-tls-cert", SETTING_TEXT, AT(dask_tls_cert), NULL, 0, 0, 0,
     "file of the certificate that is shown to the Dask cluster"},
    {"dask-tls-key", SETTING_TEXT, AT(dask_tls_key), NULL, 0, 0, 0,
     "file of that certificate's private key"},
    {"http-threads", SETTING_COUNT, AT(http_threads), NULL, 0, 0, 256,
     "threads that speak HTTP; 0: one for each usable CPU, at most 8"},
    {"max-workers", SETTING_COUNT, AT(max_workers), NULL, 64, 1, 1024,
     "workers that a request may ask for, and that a pool may grow to"},
    {"max-body-bytes", SETTING_SIZE, AT(max_body_bytes), NULL, GIB, 1, INT64_MAX,
     "size of a request body, packed and inflated"},
    {"max-inflate-ratio", SETTING_COUNT, AT(max_inflate_ratio), NULL, 200, 1, UINT32_MAX,
     "times its size that a packed body may inflate to; the first 16 MiB are free"},
    {"max-window-log", SETTING_COUNT, AT(max_window_log), NULL, 23, 10, 30,
     "window that a zstd body may ask for: 2 to the power of N bytes"},
    {"max-rows", SETTING_COUNT, AT(max_rows), NULL, 100000000, 1, UINT32_MAX,
     "data rows of a request"},
    {"max-columns", SETTING_COUNT, AT(max_columns), NULL, 10000, 1, 1000000,
     "columns of a request"},
    {"max-expression-bytes", SETTING_SIZE, AT(max_expression_bytes), NULL, 64 * KIB, 1, 16 * MIB,
     "length of one expression"},
    {"max-expression-nodes", SETTING_COUNT, AT(max_expression_nodes), NULL, 10000, 1, 1000000,
     "nodes of all expressions of a request together"},
    {"max-expression-depth", SETTING_COUNT, AT(max_expression_depth), NULL, 200, 1, 1000,
     "how deeply an expression may be nested"},
    {"max-json-depth", SETTING_COUNT, AT(max_json_depth), NULL, 64, 2, 1024,
     "how deeply a JSON body may be nested"},
    {"max-header-bytes", SETTING_SIZE, AT(max_header_bytes), NULL, 64 * KIB, KIB, MIB,
     "size of a request's head: request line and headers"},
    {"max-connections", SETTING_COUNT, AT(max_connections), NULL, 1000, 1, 100000,
     "connections at a time; further ones are answered 503"},
    {"max-streams", SETTING_COUNT, AT(max_streams), NULL, 64, 1, 100000,
     "streams of events at a time; further ones are answered 503"},
    {"max-queued", SETTING_COUNT, AT(max_queued), NULL, 256, 1, 100000,
     "requests with work in flight; further ones are answered 503"},
    {"max-per-client", SETTING_COUNT, AT(max_per_client), NULL, 0, 0, 100000,
     "of them, requests of one client address; further ones are answered 429; 0: all of them"},
    {"max-calls", SETTING_COUNT, AT(max_calls), NULL, 100000, 1, 10000000,
     "calls of a map request"},
    {"max-cases", SETTING_COUNT, AT(max_cases), NULL, 1000, 1, 100000, "cases of an experiment"},
    {"max-jobs", SETTING_COUNT, AT(max_jobs), NULL, 1000, 1, 100000,
     "jobs that are kept; the oldest that has ended makes room, and without one a new job is "
     "answered 503"},
    {"job-bytes", SETTING_SIZE, AT(job_bytes), NULL, 512 * MIB, 1, INT64_MAX,
     "size of all results of jobs that are kept, the oldest dropped first, and of any one of them"},
    {"job-keep-ms", SETTING_TIME, AT(job_keep_ms), NULL, 600000, 1, DAY_MS,
     "time that a job is kept after its end"},
    {"access-log", SETTING_TEXT, AT(access_log), NULL, 0, 0, 0,
     "file to which each request is written as a line of JSON; - is standard error"},
    {"data-dir", SETTING_TEXT, AT(data_dir), NULL, 0, 0, 0,
     "directory where the record of runs is kept, and what of large bodies does not stay in "
     "memory; without it runs are forgotten at the end"},
    {"history-bytes", SETTING_SIZE, AT(history_bytes), NULL, 256 * MIB, MIB, INT64_MAX,
     "bytes of these runs in its file; the oldest are dropped to keep it"},
    {"history-days", SETTING_COUNT, AT(history_days), NULL, 30, 0, 36500,
     "days that a run is kept there; 0: however old"},
    {"max-import-bytes", SETTING_SIZE, AT(max_import_bytes), NULL, 32 * MIB, 1, INT64_MAX,
     "size of a run's file that is imported"},
    {"buffer-bytes", SETTING_SIZE, AT(buffer_bytes), NULL, 512 * MIB, 1, INT64_MAX,
     "size up to which a reply is completed before it is sent; a larger one streams; of a larger "
     "body of CSV the rest is kept in --data-dir"},
    {"spool-bytes", SETTING_SIZE, AT(spool_bytes), NULL, 0, 0, INT64_MAX,
     "what such bodies may take of its disk together; 0: half of what is free at the start"},
    {"memory-bytes", SETTING_SIZE, AT(memory_bytes), NULL, 0, 0, INT64_MAX,
     "memory for bodies and replies; new work beyond it is answered 503; 0: 3/4 of what there is"},
    {"header-timeout-ms", SETTING_TIME, AT(header_timeout_ms), NULL, 10000, 1, DAY_MS,
     "time in which a request's head must arrive"},
    {"body-timeout-ms", SETTING_TIME, AT(body_timeout_ms), NULL, 30000, 1, DAY_MS,
     "time in which a body must pass, in either direction; grows by 1 s for each MiB"},
    {"request-timeout-ms", SETTING_TIME, AT(request_timeout_ms), NULL, 120000, 1, DAY_MS,
     "time in which a request must be answered; the cap of timeout_ms"},
    {"grace-ms", SETTING_TIME, AT(grace_ms), NULL, 30000, 0, DAY_MS,
     "time that running requests have to end after SIGTERM"},
};

enum { N_SETTINGS = sizeof table / sizeof table[0] };
const struct setting *const cn_settings_table = table;
const size_t cn_n_settings = N_SETTINGS;

/* What may change while the service runs (SIGHUP). All others need a restart: memory, threads and
 * sockets are made by them. Those of files are named here because what is in them may change. */
static const char *const changeable[] = {
    "token-file",
    "tls-cert",
    "tls-key",
    "max-body-bytes",
    "max-inflate-ratio",
    "max-window-log",
    "max-rows",
    "max-columns",
    "max-expression-bytes",
    "max-expression-nodes",
    "max-expression-depth",
    "max-json-depth",
    "max-streams",
    "max-calls",
    "max-cases",
    "max-import-bytes",
    "buffer-bytes",
    "header-timeout-ms",
    "body-timeout-ms",
    "request-timeout-ms",
    "grace-ms",
};

/* ---- values -------------------------------------------------------------------------------- */

static bool parse_number(const char *text, bool suffixes, uint64_t *value) {
    static const struct {
        const char *suffix;
        uint64_t unit;
    } units[] = {{"", 1}, {"KiB", KIB}, {"MiB", MIB}, {"GiB", GIB}};
    if (text[0] < '0' || text[0] > '9')
        return false;
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(end, units[i].suffix) == 0 && (i == 0 || suffixes))
            return !__builtin_mul_overflow((uint64_t)number, units[i].unit, value);
    return false;
}

static bool parse_switch(const char *text, bool *value) {
    static const char *const on[] = {"1", "true", "yes", "on"};
    static const char *const off[] = {"0", "false", "no", "off"};
    for (size_t i = 0; i < sizeof on / sizeof on[0]; i++) {
        if (strcmp(text, on[i]) == 0)
            return *value = true;
        if (strcmp(text, off[i]) == 0) {
            *value = false;
            return true;
        }
    }
    return false;
}

bool cn_setting_set(struct cn_settings *settings, const struct setting *setting, const char *source,
                    const char *text, FILE *err) {
    char *field = (char *)settings + setting->offset;
    if (setting->type == SETTING_TEXT) {
        if (text[0] == '\0') {
            fprintf(err, "colonnade: %s needs a value\n", source);
            return false;
        }
        *(const char **)(void *)field = text;
        return true;
    }
    if (setting->type == SETTING_SWITCH) {
        if (parse_switch(text, (bool *)field))
            return true;
        fprintf(err, "colonnade: %s is '%s'; expected true or false\n", source, text);
        return false;
    }
    uint64_t value;
    bool size = setting->type == SETTING_SIZE;
    if (!parse_number(text, size, &value)) {
        fprintf(err, "colonnade: %s is '%s'; expected a whole number%s\n", source, text,
                size ? " of bytes, such as 65536, 64KiB, 10MiB or 1GiB"
                     : (setting->type == SETTING_TIME ? " of milliseconds" : ""));
        return false;
    }
    if (value < setting->min || value > setting->max) {
        fprintf(err, "colonnade: %s is %s; it must be between %llu and %llu\n", source, text,
                (unsigned long long)setting->min, (unsigned long long)setting->max);
        return false;
    }
    *(uint64_t *)(void *)field = value;
    return true;
}

static void set_defaults(struct cn_settings *settings) {
    *settings = (struct cn_settings){0};
    for (size_t i = 0; i < N_SETTINGS; i++) {
        char *field = (char *)settings + table[i].offset;
        if (table[i].type == SETTING_TEXT)
            *(const char **)(void *)field = table[i].text;
        else if (table[i].type != SETTING_SWITCH)
            *(uint64_t *)(void *)field = table[i].standard;
    }
}

static bool read_environment(struct cn_settings *settings, char *(*env)(const char *name),
                             FILE *err) {
    for (size_t i = 0; i < N_SETTINGS; i++) {
        char name[64];
        cn_setting_variable(table[i].flag, name, sizeof name);
        const char *text = env(name);
        if (text && text[0] && !cn_setting_set(settings, &table[i], name, text, err))
            return false;
    }
    return true;
}

const struct setting *cn_setting_find(const char *flag, size_t len) {
    for (size_t i = 0; i < N_SETTINGS; i++)
        if (strlen(table[i].flag) == len && memcmp(table[i].flag, flag, len) == 0)
            return &table[i];
    return NULL;
}

/* Reads argv[*at] (and its value behind it) and moves *at on. */
static bool read_flag(struct cn_settings *settings, int argc, char **argv, int *at, FILE *err) {
    const char *argument = argv[(*at)++];
    const char *equals = strchr(argument, '=');
    size_t len = equals ? (size_t)(equals - argument) : strlen(argument);
    const struct setting *setting = len > 2 && argument[0] == '-' && argument[1] == '-'
                                        ? cn_setting_find(argument + 2, len - 2)
                                        : NULL;
    if (!setting) {
        fprintf(err, "colonnade: unknown argument '%s'; --help lists the settings\n", argument);
        return false;
    }
    char source[64];
    snprintf(source, sizeof source, "--%s", setting->flag);
    if (equals)
        return cn_setting_set(settings, setting, source, equals + 1, err);
    if (setting->type == SETTING_SWITCH)
        return cn_setting_set(settings, setting, source, "true", err);
    if (*at >= argc) {
        fprintf(err, "colonnade: %s needs a value\n", source);
        return false;
    }
    return cn_setting_set(settings, setting, source, argv[(*at)++], err);
}

static bool read_all(struct cn_settings *settings, int argc, char **argv, int first,
                     char *(*env)(const char *name), FILE *err) {
    if (!read_environment(settings, env, err))
        return false;
    for (int at = first; at < argc;)
        if (!read_flag(settings, argc, argv, &at, err))
            return false;
    return true;
}

enum cn_settings_outcome cn_settings_read(struct cn_settings *settings, int argc, char **argv,
                                          char *(*env)(const char *name), FILE *out, FILE *err) {
    set_defaults(settings);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            cn_settings_print_help(out);
            return CN_SETTINGS_DONE;
        }
        if (strcmp(argv[i], "--version") == 0) {
            fprintf(out, "colonnade %s\n", CN_VERSION);
            return CN_SETTINGS_DONE;
        }
    }
    bool health = argc > 1 && strcmp(argv[1], "--health") == 0;
    int first = health ? 2 : 1;
    if (!read_all(settings, argc, argv, first, env, err))
        return CN_SETTINGS_WRONG;
    const char *path = settings->settings_file;
    if (path) { /* it counts less than both, so they are read once more above it */
        set_defaults(settings);
        if (!cn_settings_read_file(settings, path, err) ||
            !read_all(settings, argc, argv, first, env, err)) {
            cn_settings_release(settings);
            return CN_SETTINGS_WRONG;
        }
    }
    return health ? CN_SETTINGS_HEALTH : CN_SETTINGS_RUN;
}

/* ---- changes ------------------------------------------------------------------------------- */

static size_t field_size(const struct setting *setting) {
    return setting->type == SETTING_TEXT     ? sizeof(const char *)
           : setting->type == SETTING_SWITCH ? sizeof(bool)
                                             : sizeof(uint64_t);
}

static bool is_equal(const struct setting *setting, const void *one, const void *other) {
    if (setting->type != SETTING_TEXT)
        return memcmp(one, other, field_size(setting)) == 0;
    const char *a = *(const char *const *)one, *b = *(const char *const *)other;
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_changeable(const struct setting *setting) {
    for (size_t i = 0; i < sizeof changeable / sizeof changeable[0]; i++)
        if (strcmp(changeable[i], setting->flag) == 0)
            return true;
    return false;
}

void cn_settings_adopt(struct cn_settings *settings, const struct cn_settings *wanted,
                       const struct cn_settings *before, FILE *err) {
    for (size_t i = 0; i < N_SETTINGS; i++) {
        char *field = (char *)settings + table[i].offset;
        const char *other = (const char *)wanted + table[i].offset;
        if (is_changeable(&table[i]))
            memcpy(field, other, field_size(&table[i]));
        else if (!is_equal(&table[i], other, (const char *)before + table[i].offset))
            fprintf(err, "colonnade: --%s has changed, which needs a restart\n", table[i].flag);
    }
}

/* ---- memory -------------------------------------------------------------------------------- */

uint64_t cn_settings_memory(const char *root) {
    long pages = sysconf(_SC_PHYS_PAGES);
    long size = sysconf(_SC_PAGESIZE);
    uint64_t memory = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : GIB;
    uint64_t limit = cn_cgroup_memory(root);
    if (limit < memory)
        memory = limit;
    return memory / 4 * 3;
}

/* Settings, addresses and secrets: what the server reads before it starts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/listen.h"
#include "server/keys.h"
#include "server/settings.h"
#include "server/token.h"

struct result {
    enum cn_settings_outcome outcome;
    struct cn_settings settings;
    char out[16384];
    char err[1024];
};

static char *no_env(const char *name) {
    (void)name;
    return NULL;
}

static char *some_env(const char *name) {
    static char rows[] = "123", listen[] = "127.0.0.1:1", empty[] = "", yes[] = "yes";
    if (strcmp(name, "COLONNADE_MAX_ROWS") == 0)
        return rows;
    if (strcmp(name, "COLONNADE_LISTEN") == 0)
        return listen;
    if (strcmp(name, "COLONNADE_MAX_COLUMNS") == 0)
        return empty;
    return strcmp(name, "COLONNADE_ALLOW_ANONYMOUS") == 0 ? yes : NULL;
}

static char *bad_env(const char *name) {
    static char bad[] = "many";
    return strcmp(name, "COLONNADE_MAX_ROWS") == 0 ? bad : NULL;
}

/* `arguments` end with NULL. */
static struct result run(char *(*env)(const char *), const char **arguments) {
    struct result result = {0};
    char *argv[16] = {0};
    int argc = 0;
    static char name[] = "colonnade";
    argv[argc++] = name;
    while (arguments[argc - 1] && argc < 15) {
        argv[argc] = strdup(arguments[argc - 1]);
        argc++;
    }
    FILE *out = fmemopen(result.out, sizeof result.out, "w");
    FILE *err = fmemopen(result.err, sizeof result.err, "w");
    result.outcome = cn_settings_read(&result.settings, argc, argv, env, out, err);
    fclose(out);
    fclose(err);
    for (int i = 1; i < argc; i++) /* texts of the settings may point there: not used afterwards */
        free(argv[i]);
    return result;
}

#define RUN(env, ...) run(env, (const char *[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void defaults(void **state) {
    (void)state;
    struct result r = RUN(no_env);
    assert_int_equal(r.outcome, CN_SETTINGS_RUN);
    assert_string_equal(r.settings.listen, "127.0.0.1:8080");
    assert_int_equal(r.settings.max_body_bytes, 1 << 30);
    assert_int_equal(r.settings.max_workers, 64);
    assert_null(r.settings.data_dir);
    assert_int_equal(r.settings.history_bytes, 256 << 20);
    assert_int_equal(r.settings.history_days, 30);
    assert_int_equal(r.settings.max_import_bytes, 32 << 20);
    assert_int_equal(r.settings.grace_ms, 30000);
    assert_false(r.settings.allow_anonymous);
    assert_null(r.settings.token_file);
}

static void both_forms_and_suffixes(void **state) {
    (void)state;
    struct result r = RUN(no_env, "--max-rows", "7", "--max-body-bytes=3MiB", "--buffer-bytes",
                          "2GiB", "--allow-anonymous", "--max-rows=8");
    assert_int_equal(r.outcome, CN_SETTINGS_RUN);
    assert_int_equal(r.settings.max_rows, 8); /* the last wins */
    assert_int_equal(r.settings.max_body_bytes, 3 << 20);
    assert_true(r.settings.buffer_bytes == UINT64_C(2) << 30);
    assert_true(r.settings.allow_anonymous);
    r = RUN(no_env, "--allow-anonymous=false");
    assert_false(r.settings.allow_anonymous);
}

static void environment_is_weaker(void **state) {
    (void)state;
    struct result r = RUN(some_env, "--listen", "127.0.0.1:2");
    assert_int_equal(r.outcome, CN_SETTINGS_RUN);
    assert_int_equal(r.settings.max_rows, 123);
    assert_int_equal(r.settings.max_columns, 10000); /* empty: as if absent */
    assert_true(r.settings.allow_anonymous);
    r = RUN(bad_env);
    assert_int_equal(r.outcome, CN_SETTINGS_WRONG);
    assert_non_null(strstr(r.err, "COLONNADE_MAX_ROWS"));
}

static void wrong_ones_are_named(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "--max-rows=",
        "--max-rows=0",
        "--max-rows=1.5",
        "--max-rows=-1",
        "--max-rows=5KiB",
        "--max-rows=9999999999999999999999",
        "--grace-ms=1GiB",
        "--no-such=1",
        "--allow-anonymous=perhaps",
        "positional",
        "--",
        "--listen=",
        "--max-body-bytes=99999999999GiB",
        "--max-header-bytes=1",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct result r = RUN(no_env, wrong[i]);
        assert_int_equal(r.outcome, CN_SETTINGS_WRONG);
        size_t len = strcspn(wrong[i], "=");
        char flag[64];
        snprintf(flag, sizeof flag, "%.*s", (int)len, wrong[i]);
        assert_non_null(strstr(r.err, flag));
    }
    assert_int_equal(RUN(no_env, "--max-rows").outcome, CN_SETTINGS_WRONG);
}

static void help_lists_everything(void **state) {
    (void)state;
    struct result r = RUN(no_env, "--max-rows", "1", "--help");
    assert_int_equal(r.outcome, CN_SETTINGS_DONE);
    assert_non_null(strstr(r.out, "--max-header-bytes"));
    assert_non_null(strstr(r.out, "COLONNADE_REQUEST_TIMEOUT_MS"));
    assert_non_null(strstr(r.out, "64KiB"));
    r = RUN(no_env, "--version");
    assert_int_equal(r.outcome, CN_SETTINGS_DONE);
    assert_memory_equal(r.out, "colonnade ", 10);
}

static void memory_is_something(void **state) {
    (void)state;
    assert_true(cn_settings_memory("") > 1 << 20);
}

/* ---- addresses ----------------------------------------------------------------------------- */

static void addresses(void **state) {
    (void)state;
    static const struct {
        const char *text, *shown;
        bool loopback;
    } good[] = {
        {"127.0.0.1:8080", "127.0.0.1:8080", true},
        {"localhost:1", "127.0.0.1:1", true},
        {"127.9.9.9:0", "127.9.9.9:0", true},
        {"[::1]:80", "[::1]:80", true},
        {"0.0.0.0:80", "0.0.0.0:80", false},
        {":80", "0.0.0.0:80", false},
        {"[::]:80", "[::]:80", false},
        {"192.168.1.2:65535", "192.168.1.2:65535", false},
    };
    struct cn_listener listener;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(cn_listener_parse(&listener, good[i].text, NULL), CN_OK);
        assert_string_equal(listener.shown, good[i].shown);
        assert_int_equal(listener.loopback, good[i].loopback);
    }
    static const char *const bad[] = {
        "",      "8080",           "127.0.0.1", "127.0.0.1:",    "1.2.3:80",   "::1:80",
        "[::1]", "[127.0.0.1]:80", "host.x:80", "1.1.1.1:65536", "1.1.1.1:-1", "[]:80"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(cn_listener_parse(&listener, bad[i], NULL), CN_INVALID_PARAMETER);
}

static void a_free_port_is_taken(void **state) {
    (void)state;
    struct cn_listener listener, second;
    assert_int_equal(cn_listener_parse(&listener, "127.0.0.1:0", NULL), CN_OK);
    assert_int_equal(cn_listener_open(&listener, NULL), CN_OK);
    assert_string_not_equal(listener.shown, "127.0.0.1:0");
    struct cn_error error;
    cn_error_init(&error);
    assert_int_equal(cn_listener_parse(&second, listener.shown, &error), CN_OK);
    assert_int_equal(cn_listener_open(&second, &error), CN_INTERNAL);
    assert_non_null(strstr(error.detail, second.shown));
    close(listener.fd);
}

/* ---- secrets ------------------------------------------------------------------------------- */

static void write_file(const char *dir, const char *name, const char *bytes, size_t len) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

static void remove_file(const char *dir, const char *name) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    unlink(path);
}

/* The key of that name is what HMAC makes of these bytes. */
static void assert_key(const struct cn_keys *keys, const char *name, struct cn_str bytes) {
    struct cn_keyring ring = cn_keys_ring(keys);
    const struct cn_key *key = cn_keyring_find(&ring, cn_str_c(name));
    struct cn_hmac_key hmac;
    assert_non_null(key);
    assert_true(cn_hmac_key_make(&hmac, bytes));
    assert_memory_equal(&key->hmac, &hmac, sizeof hmac);
}

static void keys_and_token(void **state) {
    (void)state;
    char dir[] = "/tmp/colonnade-secrets-XXXXXX";
    assert_non_null(mkdtemp(dir));
    write_file(dir, "plain", "abc", 3);
    write_file(dir, "line", "abc\n", 4);
    write_file(dir, "binary", "\0\xff\n\n", 4);
    write_file(dir, ".hidden", "x", 1);
    struct cn_keys keys;
    assert_int_equal(cn_keys_read(&keys, dir, NULL), CN_OK);
    assert_int_equal(keys.n_keys, 3);
    assert_key(&keys, "plain", CN_STR("abc"));
    assert_key(&keys, "line", CN_STR("abc"));
    assert_key(&keys, "binary", CN_STR("\0\xff\n"));
    struct cn_keyring ring = cn_keys_ring(&keys);
    assert_null(cn_keyring_find(&ring, CN_STR(".hidden")));
    cn_keys_release(&keys);

    char path[256];
    write_file(dir, "empty", "\n", 1);
    assert_int_equal(cn_keys_read(&keys, dir, NULL), CN_INVALID_PARAMETER);
    struct cn_session_key key, right;
    snprintf(path, sizeof path, "%s/empty", dir);
    assert_int_equal(cn_token_read(&key, path, NULL), CN_INVALID_PARAMETER);
    write_file(dir, "token", "s3cret\r\nrest\n", 13);
    snprintf(path, sizeof path, "%s/token", dir);
    assert_int_equal(cn_token_read(&key, path, NULL), CN_OK);
    assert_true(cn_session_key_derive(&right, CN_STR("s3cret")));
    assert_memory_equal(&key, &right, sizeof key);
    snprintf(path, sizeof path, "%s/none", dir);
    assert_int_equal(cn_token_read(&key, path, NULL), CN_INVALID_PARAMETER);
    assert_int_equal(cn_keys_read(&keys, path, NULL), CN_INVALID_PARAMETER);

    static const char *const names[] = {"plain", "line", "binary", ".hidden", "empty", "token"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        remove_file(dir, names[i]);
    rmdir(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(both_forms_and_suffixes),
        cmocka_unit_test(environment_is_weaker),
        cmocka_unit_test(wrong_ones_are_named),
        cmocka_unit_test(help_lists_everything),
        cmocka_unit_test(memory_is_something),
        cmocka_unit_test(addresses),
        cmocka_unit_test(a_free_port_is_taken),
        cmocka_unit_test(keys_and_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

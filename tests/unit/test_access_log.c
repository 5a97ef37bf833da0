/* The access log: what a line looks like, that nothing in it can break it, and the thread behind
 * it: order, a pipe that nobody reads, a device that is full, a file that was renamed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/access_log.h"

static void assert_text(const char *data, size_t len, const char *expected) {
    struct cn_buf buf = CN_BUF_INIT;
    assert_true(cn_access_add_text(&buf, cn_str(data, len)));
    assert_true(cn_buf_add_char(&buf, '\0'));
    assert_string_equal(buf.data, expected);
    cn_buf_release(&buf);
}

static void texts_are_printable_ascii(void **state) {
    (void)state;
    assert_text("", 0, "\"\"");
    assert_text("plain /~{}", 10, "\"plain /~{}\"");
    assert_text("\"\\/", 3, "\"\\\"\\\\/\"");
    assert_text("\r\n\t\0\x1b\x7f", 6, "\"\\u000d\\u000a\\u0009\\u0000\\u001b\\u007f\"");
    assert_text("\xc3\xa9", 2, "\"\\u00e9\"");
    assert_text("\xe2\x82\xac", 3, "\"\\u20ac\"");
    assert_text("\xf0\x9f\x98\x80", 4, "\"\\ud83d\\ude00\"");
    assert_text("\xc2\x9b", 2, "\"\\u009b\"");                     /* a C1 control */
    assert_text("\xff\xc3", 2, "\"\\ufffd\\ufffd\"");              /* no UTF-8, and cut */
    assert_text("\xed\xa0\x80", 3, "\"\\ufffd\\ufffd\\ufffd\"");   /* a surrogate */
    assert_text("\xc0\xaf", 2, "\"\\ufffd\\ufffd\"");              /* longer than it need be */
    assert_text("a\xf0\x9f\x98", 4, "\"a\\ufffd\\ufffd\\ufffd\""); /* cut in the middle */
}

/* Every byte, and pairs of them, read back by jansson as one line. */
static void any_bytes_are_one_string(void **state) {
    (void)state;
    for (unsigned first = 0; first < 256; first++)
        for (unsigned second = 0; second < 256; second += 3) {
            char data[] = {(char)first, (char)second, 'x'};
            struct cn_buf buf = CN_BUF_INIT;
            assert_true(cn_access_add_text(&buf, cn_str(data, sizeof data)));
            for (size_t i = 0; i < buf.len; i++)
                assert_in_range(buf.data[i], 0x20, 0x7e);
            json_t *json = json_loadb(buf.data, buf.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
            assert_true(json_is_string(json));
            json_decref(json);
            cn_buf_release(&buf);
        }
}

static struct cn_access example(void) {
    struct cn_access access = {.at = INT64_C(1795896350123456789),
                               .duration_ns = 1234567,
                               .bytes_in = 10,
                               .bytes_out = 20,
                               .rows = 3,
                               .route = "/v1/runs/{id}",
                               .operation = "run",
                               .executor = "threads",
                               .status = 200,
                               .http_minor = 1,
                               .complete = true,
                               .run = "00112233445566778899aabbccddeeff"};
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    inet_pton(AF_INET, "192.0.2.7", &v4.sin_addr);
    memcpy(&access.client, &v4, sizeof v4);
    cn_access_set(&access.method_text, access.method, sizeof access.method, "GET");
    cn_access_set(&access.path_text, access.path, sizeof access.path, "/v1/runs/x");
    cn_access_set(&access.agent_text, access.agent, sizeof access.agent, NULL);
    return access;
}

static void assert_line(const struct cn_access *access, const char *expected) {
    struct cn_buf buf = CN_BUF_INIT;
    assert_true(cn_access_line(&buf, access) && cn_buf_add_char(&buf, '\0'));
    assert_string_equal(buf.data, expected);
    cn_buf_release(&buf);
}

static void a_line(void **state) {
    (void)state;
    struct cn_access access = example();
    assert_line(
        &access,
        "{\"time\":\"2026-11-28T20:05:50.123456Z\","
        "\"request\":\"00112233445566778899aabbccddeeff\",\"trace\":null,"
        "\"client\":\"192.0.2.7\",\"method\":\"GET\",\"path\":\"/v1/runs/x\","
        "\"route\":\"/v1/runs/{id}\",\"operation\":\"run\",\"protocol\":\"HTTP/1.1\",\"tls\":false,"
        "\"status\":200,\"error\":null,\"complete\":true,\"bytes_in\":10,\"bytes_out\":20,"
        "\"duration_ms\":1.234,\"executor\":\"threads\",\"rows\":3,\"agent\":null}\n");
    struct cn_access bare = {.at = INT64_C(1795896350000000000),
                             .operation = "none",
                             .error = "request_timeout",
                             .status = 408,
                             .http_minor = -1};
    assert_line(&bare, "{\"time\":\"2026-11-28T20:05:50.000000Z\",\"request\":null,\"trace\":null,"
                       "\"client\":null,\"method\":null,\"path\":null,\"route\":null,"
                       "\"operation\":\"none\",\"protocol\":null,\"tls\":false,\"status\":408,"
                       "\"error\":\"request_timeout\",\"complete\":false,\"bytes_in\":0,"
                       "\"bytes_out\":0,\"duration_ms\":0.000,\"executor\":null,\"rows\":0,"
                       "\"agent\":null}\n");
}

static void clients_of_both_families(void **state) {
    (void)state;
    static const char *const cases[][2] = {{"2001:db8::1", "\"client\":\"2001:db8::1\""},
                                           {"::ffff:192.0.2.9", "\"client\":\"192.0.2.9\""}};
    for (size_t i = 0; i < 2; i++) {
        struct cn_access access = example();
        struct cn_buf buf = CN_BUF_INIT;
        access.client = (struct sockaddr_in6){.sin6_family = AF_INET6};
        inet_pton(AF_INET6, cases[i][0], &access.client.sin6_addr);
        assert_true(cn_access_line(&buf, &access) && cn_buf_add_char(&buf, '\0'));
        assert_non_null(strstr(buf.data, cases[i][1]));
        cn_buf_release(&buf);
    }
}

/* Texts are cut at their limit, and one byte past it; the longest line fits. */
static void texts_have_limits(void **state) {
    (void)state;
    struct cn_access access = example();
    char text[2 * CN_ACCESS_PATH_BYTES];
    memset(text, '\x01', sizeof text);
    for (size_t len = CN_ACCESS_AGENT_BYTES - 1; len <= CN_ACCESS_AGENT_BYTES + 1; len++) {
        text[len] = '\0';
        cn_access_set(&access.agent_text, access.agent, sizeof access.agent, text);
        assert_int_equal(access.agent_text.len,
                         len < CN_ACCESS_AGENT_BYTES ? len : CN_ACCESS_AGENT_BYTES);
        text[len] = '\x01';
    }
    text[sizeof text - 1] = '\0';
    cn_access_set(&access.method_text, access.method, sizeof access.method, text);
    cn_access_set(&access.path_text, access.path, sizeof access.path, text);
    access.error = "unsupported_media_type";
    access.operation = "runs_import";
    memset(access.trace, 'f', 32);
    access.bytes_in = access.bytes_out = access.duration_ns = INT64_MAX;
    access.rows = UINT64_MAX;
    access.client = (struct sockaddr_in6){.sin6_family = AF_INET6};
    memset(&access.client.sin6_addr, 0xab, sizeof access.client.sin6_addr);
    struct cn_buf buf = CN_BUF_INIT;
    assert_true(cn_access_line(&buf, &access));
    assert_in_range(buf.len, 3 * CN_ACCESS_PATH_BYTES, CN_ACCESS_LINE_BYTES);
    cn_buf_release(&buf);
}

/* ---- the thread ---------------------------------------------------------------------------- */

static char folder[64];
static char path[96];
static char renamed[96];

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/colonnade-access-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/log", folder);
    snprintf(renamed, sizeof renamed, "%s/log.1", folder);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    unlink(path);
    unlink(renamed);
    return rmdir(folder);
}

static struct cn_access_log *open_log(const char *name) {
    struct cn_access_log *log = NULL;
    struct cn_error error;
    cn_error_init(&error);
    assert_int_equal(cn_access_log_open(&log, name, &error), CN_OK);
    return log;
}

static void add(struct cn_access_log *log, uint64_t rows) {
    struct cn_access access = example();
    access.rows = rows;
    cn_access_log_add(log, &access);
}

static struct cn_access_log_stats look(struct cn_access_log *log) {
    struct cn_access_log_stats stats;
    cn_access_log_look(log, &stats);
    return stats;
}

static void wait_for_lines(struct cn_access_log *log, uint64_t n) {
    for (int i = 0; i < 2000 && look(log).lines < n; i++)
        usleep(5000);
    assert_int_equal(look(log).lines, n);
}

/* The numbers in `rows`, in the order of the lines; a line that tells of dropped ones counts in
 * *dropped. Every line must be JSON. */
static size_t read_rows(FILE *file, uint64_t *rows, size_t max, uint64_t *dropped) {
    char line[CN_ACCESS_LINE_BYTES + 1];
    size_t n = 0;
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        json_t *json = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(json);
        const json_t *event = json_object_get(json, "event");
        if (event)
            *dropped += (uint64_t)json_integer_value(json_object_get(json, "requests"));
        else if (n < max)
            rows[n++] = (uint64_t)json_integer_value(json_object_get(json, "rows"));
        json_decref(json);
    }
    return n;
}

static void lines_are_in_order_and_complete(void **state) {
    (void)state;
    enum { MANY = 3000 };
    static uint64_t rows[MANY + 1];
    uint64_t dropped = 0;
    struct stat info;
    struct cn_access_log *log = open_log(path);
    for (uint64_t i = 0; i < MANY; i++)
        add(log, i);
    cn_access_log_close(log); /* writes what is left */
    FILE *file = fopen(path, "r");
    assert_int_equal(read_rows(file, rows, MANY + 1, &dropped), MANY);
    fclose(file);
    for (uint64_t i = 0; i < MANY; i++)
        assert_int_equal(rows[i], i);
    assert_int_equal(dropped, 0);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0137, 0);
    /* Another one goes on behind it. */
    log = open_log(path);
    add(log, 7);
    cn_access_log_close(log);
    file = fopen(path, "r");
    assert_int_equal(read_rows(file, rows, MANY + 1, &dropped), MANY + 1);
    fclose(file);
    assert_int_equal(rows[MANY], 7);
}

static void a_renamed_file_is_left(void **state) {
    (void)state;
    uint64_t rows[4], dropped = 0;
    struct cn_access_log *log = open_log(path);
    add(log, 1);
    wait_for_lines(log, 1);
    assert_int_equal(rename(path, renamed), 0);
    add(log, 2); /* still into the old one */
    wait_for_lines(log, 2);
    cn_access_log_reopen(log);
    add(log, 3);
    cn_access_log_close(log);
    FILE *file = fopen(renamed, "r");
    assert_int_equal(read_rows(file, rows, 4, &dropped), 2);
    fclose(file);
    file = fopen(path, "r");
    assert_int_equal(read_rows(file, rows, 4, &dropped), 1);
    fclose(file);
    assert_int_equal(rows[0], 3);
}

/* The new file cannot be opened: the old one goes on. */
static void a_folder_that_is_gone(void **state) {
    (void)state;
    char moved[96];
    uint64_t rows[4], dropped = 0;
    struct cn_access_log *log = open_log(path);
    snprintf(moved, sizeof moved, "%s-moved", folder);
    assert_int_equal(rename(folder, moved), 0);
    cn_access_log_reopen(log);
    add(log, 1);
    wait_for_lines(log, 1);
    assert_int_equal(look(log).failures, 1);
    assert_int_equal(rename(moved, folder), 0);
    cn_access_log_close(log);
    FILE *file = fopen(path, "r");
    assert_int_equal(read_rows(file, rows, 4, &dropped), 1);
    fclose(file);
}

static void *close_log(void *log) {
    cn_access_log_close(log);
    return NULL;
}

/* A pipe that is full: nobody waits; what did not fit is counted, and the log tells it. */
static void a_pipe_that_nobody_reads(void **state) {
    (void)state;
    enum { MANY = 20000 };
    static uint64_t rows[MANY];
    uint64_t dropped = 0;
    assert_int_equal(mkfifo(path, 0600), 0);
    struct cn_error error;
    struct cn_access_log *log = NULL;
    cn_error_init(&error);
    /* Without a reader it is not opened, and nothing hangs. */
    assert_int_equal(cn_access_log_open(&log, path, &error), CN_INVALID_PARAMETER);
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    assert_true(fd >= 0);
    log = open_log(path);
    for (uint64_t i = 0; i < MANY; i++)
        add(log, i);
    uint64_t lost = look(log).dropped;
    assert_in_range(lost, 1, MANY - 4096);
    /* Now it is read to its end. */
    assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
    FILE *file = fdopen(fd, "r");
    pthread_t closer;
    assert_int_equal(pthread_create(&closer, NULL, close_log, log), 0);
    size_t n = read_rows(file, rows, MANY, &dropped);
    pthread_join(closer, NULL);
    fclose(file);
    assert_int_equal(n + lost, MANY);
    assert_int_equal(dropped, lost);
    for (size_t i = 1; i < n; i++)
        assert_true(rows[i - 1] < rows[i]);
}

/* Closing does not wait for ever either. */
static void closing_has_an_end(void **state) {
    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    struct cn_access_log *log = open_log(path);
    for (uint64_t i = 0; i < 6000; i++)
        add(log, i);
    cn_access_log_close(log); /* returns */
    close(fd);
}

static void a_full_device(void **state) {
    (void)state;
    struct cn_access_log *log = open_log("/dev/full");
    for (uint64_t i = 0; i < 10; i++)
        add(log, i);
    for (int i = 0; i < 2000 && look(log).dropped < 10; i++)
        usleep(5000);
    struct cn_access_log_stats stats = look(log);
    assert_int_equal(stats.dropped, 10);
    assert_int_equal(stats.lines, 0);
    assert_in_range(stats.failures, 1, 10);
    cn_access_log_close(log);
}

static void nothing_is_asked_of_none(void **state) {
    (void)state;
    struct cn_access_log_stats stats;
    cn_access_log_look(NULL, &stats);
    assert_int_equal(stats.lines + stats.dropped + stats.failures, 0);
    cn_access_log_reopen(NULL);
    cn_access_log_close(NULL);
}

enum { THREADS = 4, EACH = 500 };

static void *add_many(void *log) {
    for (uint64_t i = 0; i < EACH; i++)
        add(log, i);
    return NULL;
}

static void threads_lose_nothing(void **state) {
    (void)state;
    static uint64_t rows[THREADS * EACH + 1];
    uint64_t dropped = 0, sum = 0;
    pthread_t threads[THREADS];
    struct cn_access_log *log = open_log(path);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, log), 0);
    for (int i = 0; i < 20; i++)
        cn_access_log_reopen(log); /* in the midst of it */
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    cn_access_log_close(log);
    FILE *file = fopen(path, "r");
    size_t n = read_rows(file, rows, THREADS * EACH + 1, &dropped);
    fclose(file);
    assert_int_equal(n, THREADS * EACH);
    for (size_t i = 0; i < n; i++)
        sum += rows[i];
    assert_int_equal(sum, (uint64_t)THREADS * (EACH * (EACH - 1) / 2));
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_printable_ascii),
        cmocka_unit_test(any_bytes_are_one_string),
        cmocka_unit_test(a_line),
        cmocka_unit_test(clients_of_both_families),
        cmocka_unit_test(texts_have_limits),
        cmocka_unit_test_setup_teardown(lines_are_in_order_and_complete, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_renamed_file_is_left, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_folder_that_is_gone, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_pipe_that_nobody_reads, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(closing_has_an_end, make_folder, remove_folder),
        cmocka_unit_test(a_full_device),
        cmocka_unit_test(nothing_is_asked_of_none),
        cmocka_unit_test_setup_teardown(threads_lose_nothing, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

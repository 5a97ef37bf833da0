/* A computation whose exchange has no connection: a whole reply or none, progress, cancelling. */
#include "tests/unit/service_helpers.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "handlers/endpoints.h"

#define ROWS 5000

static struct test_service test;

/* One request and its end. */
struct call {
    struct cn_inner inner; /* first */
    struct cn_inner_header headers[2];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool replied;
};

static int set_up_group(void **state) {
    (void)state;
    test_service_start(&test);
    return 0;
}

static int tear_down_group(void **state) {
    (void)state;
    test_service_stop(&test);
    return 0;
}

static void note_reply(struct cn_inner *inner) {
    struct call *call = inner->owner;
    pthread_mutex_lock(&call->lock);
    call->replied = true;
    pthread_cond_signal(&call->changed);
    pthread_mutex_unlock(&call->lock);
}

static void start(struct call *call, const char *type, const char *query, struct cn_str body,
                  uint64_t whole_bytes) {
    struct cn_exchange *exchange = &call->inner.exchange;
    struct cn_error error;
    cn_error_init(&error);
    assert_int_equal(cn_inner_init(&call->inner, &test.service, &cn_endpoint_compute, whole_bytes,
                                   "--job-bytes", &error),
                     CN_OK);
    call->headers[0] = (struct cn_inner_header){"content-type", type};
    call->inner.headers = call->headers;
    call->inner.n_headers = 1;
    call->inner.replied = note_reply;
    call->inner.owner = call;
    call->replied = false;
    pthread_mutex_init(&call->lock, NULL);
    pthread_cond_init(&call->changed, NULL);
    exchange->query = query;
    assert_int_equal(exchange->endpoint->open(exchange, &error), CN_OK);
    assert_int_equal(exchange->endpoint->body(exchange, body.data, body.len), CN_BODY_MORE);
    exchange->endpoint->finish(exchange);
}

static void wait_for_reply(struct call *call) {
    pthread_mutex_lock(&call->lock);
    while (!call->replied)
        pthread_cond_wait(&call->changed, &call->lock);
    pthread_mutex_unlock(&call->lock);
    assert_null(call->inner.exchange.reply.stream);
}

static void end(struct call *call) {
    call->inner.exchange.endpoint->close(&call->inner.exchange);
    cn_inner_release(&call->inner);
    pthread_cond_destroy(&call->changed);
    pthread_mutex_destroy(&call->lock);
}

static uint64_t reply_bytes(const struct call *call) {
    const struct cn_reply *reply = &call->inner.exchange.reply;
    uint64_t bytes = 0;
    for (size_t i = 0; i < reply->n_parts; i++)
        bytes += reply->parts[i].len;
    return bytes;
}

static struct cn_str make_csv(struct cn_buf *buf) {
    cn_buf_init(buf);
    assert_true(cn_buf_add_c(buf, "a,b\n"));
    for (int i = 0; i < ROWS; i++)
        assert_true(cn_buf_printf(buf, "%d,%d.5\n", i, i % 10));
    return cn_buf_str(buf);
}

static const char json[] = "{\"generate\":{\"rows\":5000,\"columns\":[\"a\",\"b\"]},"
                           "\"let\":{\"k\":\"md5(a,b)\",\"r\":\"a/b\"},\"chunk_rows\":300,"
                           "\"executor\":\"threads\"%s}";

/* At the limit it is a reply, one byte past it an error. */
static void check_whole(const char *type, const char *query, struct cn_str body) {
    struct call call;
    start(&call, type, query, body, 1 << 30);
    wait_for_reply(&call);
    assert_int_equal(call.inner.exchange.reply.status, 200);
    uint64_t bytes = reply_bytes(&call);
    /* The text around JSON's columns has times in it, whose lengths vary. */
    uint64_t slack = strcmp(type, "text/csv") == 0 ? 0 : 400;
    end(&call);
    const uint64_t small[] = {bytes - slack - 1, bytes / 2, bytes / 20, 1};
    for (size_t i = 0; i < 4; i++) {
        start(&call, type, query, body, small[i]);
        wait_for_reply(&call);
        assert_int_equal(call.inner.exchange.reply.status, 422);
        assert_int_equal(call.inner.exchange.error.code, CN_LIMIT_EXCEEDED);
        assert_string_equal(call.inner.exchange.error.limit, "--job-bytes");
        end(&call);
    }
    start(&call, type, query, body, bytes + slack);
    wait_for_reply(&call);
    assert_int_equal(call.inner.exchange.reply.status, 200);
    end(&call);
}

static void a_whole_reply_or_none(void **state) {
    struct cn_buf buf;
    struct cn_str csv = make_csv(&buf);
    char text[400];
    (void)state;
    check_whole("text/csv", "let=k=md5(a,b)&executor=threads&chunk_rows=300", csv);
    check_whole("text/csv", "let=k=md5(a,b)&executor=serial", csv);
    check_whole("text/csv", "let=k=md5(a,b)&repeat=2&executor=processes&chunk_rows=300", csv);
    snprintf(text, sizeof text, json, "");
    check_whole("application/json", NULL, cn_str_c(text));
    snprintf(text, sizeof text, json, ",\"repeat\":3");
    check_whole("application/json", NULL, cn_str_c(text));
    cn_buf_release(&buf);
}

static void check_progress(const char *type, const char *query, struct cn_str body,
                           uint64_t passes) {
    struct call call;
    start(&call, type, query, body, 1 << 30);
    wait_for_reply(&call);
    assert_int_equal(call.inner.exchange.reply.status, 200);
    assert_true(call.inner.exchange.running);
    assert_int_equal(call.inner.exchange.total_rows, passes * ROWS);
    assert_int_equal(call.inner.exchange.done_rows, passes * ROWS);
    end(&call);
}

/* Each pass over all rows counts them once. */
static void counts_rows(void **state) {
    struct cn_buf buf;
    struct cn_str csv = make_csv(&buf);
    char text[400];
    (void)state;
    check_progress("text/csv", "let=r=a*b", csv, 1);
    check_progress("text/csv", "let=r=a*b&executor=serial&limit=3", csv, 1);
    check_progress("text/csv", "let=r=a*b&repeat=4&chunk_rows=100", csv, 5);
    check_progress("text/csv", "let=r=md5(a,over='table')", csv, 3);
    check_progress("text/csv", "let=r=md5(a,over='table')&repeat=2", csv, 7);
    snprintf(text, sizeof text, json, "");
    check_progress("application/json", NULL, cn_str_c(text), 1);
    snprintf(text, sizeof text, json, ",\"repeat\":2");
    check_progress("application/json", NULL, cn_str_c(text), 3);
    cn_buf_release(&buf);
}

/* In the middle of many runs: the count grows, and an end comes at once. */
static void ends_when_it_is_given_up(void **state) {
    static const char *const executors[] = {"serial", "threads", "gil", "processes"};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct call call;
        char text[400];
        uint64_t seen = 0, total = 0;
        snprintf(text, sizeof text,
                 "{\"generate\":{\"rows\":20000,\"columns\":[\"a\"]},\"let\":{\"k\":\"sha512(a)\"},"
                 "\"repeat\":1000,\"executor\":\"%s\",\"chunk_rows\":1000}",
                 executors[i]);
        start(&call, "application/json", NULL, cn_str_c(text), 1 << 30);
        struct cn_exchange *exchange = &call.inner.exchange;
        while (seen < 100000) {
            uint64_t done = exchange->done_rows;
            assert_true(done >= seen);
            seen = done;
            usleep(1000);
        }
        total = exchange->total_rows;
        assert_int_equal(total, 20000 * 1001);
        int64_t told = cn_clock_now();
        exchange->endpoint->gone(exchange);
        wait_for_reply(&call);
        assert_true(cn_clock_now() - told < INT64_C(2000000000));
        assert_int_equal(exchange->reply.status, 410);
        assert_int_equal(exchange->error.code, CN_CANCELLED);
        assert_true(exchange->done_rows < total);
        end(&call);
    }
}

int main(int argc, char **argv) {
    test_service_enter(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_reply_or_none),
        cmocka_unit_test(counts_rows),
        cmocka_unit_test(ends_when_it_is_given_up),
    };
    return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}

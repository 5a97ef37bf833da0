/* The hub and the streams of /v1/events, driven as the server drives them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "handlers/endpoints.h"
#include "handlers/hub.h"
#include "handlers/load.h"
#include "handlers/runs.h"
#include "handlers/service.h"

/* ---- a service whose only worker does as it is told ---------------------------------------- */

static atomic_int worker_busy;
static atomic_int looks; /* how often somebody asked the executor */

static size_t fake_stats(struct cn_executor *executor, struct cn_worker_stats *stats, size_t max,
                         size_t *queued) {
    (void)executor;
    assert_true(max > 0);
    atomic_fetch_add(&looks, 1);
    stats[0] = (struct cn_worker_stats){
        .pid = 1, .state = atomic_load(&worker_busy) ? CN_WORKER_BUSY : CN_WORKER_IDLE};
    *queued = 0;
    return 1;
}

static const struct cn_executor_ops fake_ops = {.stats = fake_stats};

struct room {
    struct cn_service service;
    struct cn_executor executor;
};

static struct room *room_new(size_t max_runs) {
    struct room *room = calloc(1, sizeof *room);
    assert_non_null(room);
    room->executor = (struct cn_executor){.ops = &fake_ops, .name = "threads", .in_process = true};
    room->service.executors[CN_EXECUTOR_THREADS] = &room->executor;
    room->service.limits.max_streams = 3;
    room->service.version = "test";
    room->service.runs = cn_runs_new(max_runs, (size_t)256 << 20);
    room->service.load = cn_load_new();
    assert_true(room->service.runs && room->service.load);
    room->service.hub = cn_hub_new(&room->service);
    assert_non_null(room->service.hub);
    atomic_store(&worker_busy, 0);
    return room;
}

static void room_free(struct room *room) {
    cn_hub_free(room->service.hub);
    cn_load_free(room->service.load);
    cn_runs_free(room->service.runs);
    free(room);
}

static void add_run(struct room *room, int number) {
    struct cn_run_record record = {.operation = "compute", .executor = "threads", .status = 200};
    record.rows = (uint64_t)number;
    snprintf(record.id, sizeof record.id, "%032d", number);
    assert_true(cn_runs_add(room->service.runs, &record));
}

/* ---- clients ------------------------------------------------------------------------------- */

struct client {
    struct cn_exchange exchange; /* first */
    const char *last_id;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool news;
    atomic_int wakes;
    int replies;
    struct cn_buf text; /* all that was read */
};

static const char *op_header(struct cn_exchange *exchange, const char *name) {
    const struct client *client = (const struct client *)exchange;
    return strcasecmp(name, "Last-Event-ID") == 0 ? client->last_id : NULL;
}

static void op_reply(struct cn_exchange *exchange) {
    ((struct client *)exchange)->replies++;
}

static void op_wake(struct cn_exchange *exchange) {
    struct client *client = (struct client *)exchange;
    pthread_mutex_lock(&client->lock);
    client->news = true;
    atomic_fetch_add(&client->wakes, 1);
    pthread_cond_signal(&client->woken);
    pthread_mutex_unlock(&client->lock);
}

static const struct cn_exchange_ops ops = {.header = op_header, .reply = op_reply, .wake = op_wake};

static enum cn_code try_open(struct client *client, struct room *room, const char *query,
                             struct cn_error *error) {
    *client = (struct client){.last_id = client->last_id,
                              .exchange = {.ops = &ops,
                                           .service = &room->service,
                                           .endpoint = &cn_endpoint_events,
                                           .query = query,
                                           .http_minor = client->exchange.http_minor}};
    pthread_mutex_init(&client->lock, NULL);
    pthread_cond_init(&client->woken, NULL);
    cn_arena_init(&client->exchange.arena, 4096);
    cn_error_init(error);
    return cn_endpoint_events.open(&client->exchange, error);
}

static void client_release(struct client *client) {
    cn_arena_release(&client->exchange.arena);
    cn_buf_release(&client->text);
    pthread_cond_destroy(&client->woken);
    pthread_mutex_destroy(&client->lock);
}

static void client_open(struct client *client, struct room *room, const char *last_id) {
    struct cn_error error;
    client->last_id = last_id;
    client->exchange.http_minor = 1;
    assert_int_equal(try_open(client, room, NULL, &error), CN_OK);
    cn_endpoint_events.finish(&client->exchange);
    assert_int_equal(client->replies, 1);
    assert_int_equal(client->exchange.reply.status, 200);
    assert_true(client->exchange.reply.stream != NULL);
}

static void client_close(struct client *client) {
    cn_endpoint_events.close(&client->exchange);
    client_release(client);
}

static void refused(struct room *room, const char *query, enum cn_code code, const char *limit) {
    struct client client = {.exchange = {.http_minor = 1}};
    struct cn_error error;
    assert_int_equal(try_open(&client, room, query, &error), code);
    assert_int_equal(error.code, code);
    assert_string_equal(error.limit, limit);
    client_release(&client);
}

/* One call of the stream; waits for the wake when there is nothing. */
static ssize_t read_some(struct client *client) {
    char piece[700]; /* smaller than most events */
    for (;;) {
        ssize_t n = client->exchange.reply.stream(&client->exchange, piece, sizeof piece);
        if (n > 0)
            assert_true(cn_buf_add(&client->text, piece, (size_t)n));
        if (n != CN_STREAM_WAIT)
            return n;
        pthread_mutex_lock(&client->lock);
        while (!client->news)
            pthread_cond_wait(&client->woken, &client->lock);
        client->news = false;
        pthread_mutex_unlock(&client->lock);
    }
}

static size_t count_text(const struct client *client, const char *text) {
    size_t n = 0;
    const char *at = client->text.data;
    const char *end = at + client->text.len;
    while (at && (at = memmem(at, (size_t)(end - at), text, strlen(text)))) {
        at += strlen(text);
        n++;
    }
    return n;
}

static void read_until(struct client *client, const char *text, size_t times) {
    while (count_text(client, text) < times)
        assert_true(read_some(client) > 0);
}

/* ---- what all are told --------------------------------------------------------------------- */

static void hello_and_pools_come_first(void **state) {
    (void)state;
    struct room *room = room_new(10);
    struct client client = {.replies = 0};
    char hello[200];
    client_open(&client, room, NULL);
    snprintf(hello, sizeof hello,
             "retry: 1000\nid: %1$s-0\nevent: hello\ndata: "
             "{\"version\":\"test\",\"instance\":\"%1$s\"}\n\nevent: pools\ndata: {\"cpus\"",
             cn_hub_instance(room->service.hub));
    read_until(&client, "\"state\":\"idle\"", 1);
    assert_true(client.text.len > strlen(hello));
    assert_memory_equal(client.text.data, hello, strlen(hello));
    client_close(&client);
    room_free(room);
}

static void pools_are_told_when_they_change(void **state) {
    (void)state;
    struct room *room = room_new(10);
    struct client a = {.replies = 0}, b = {.replies = 0};
    client_open(&a, room, NULL);
    client_open(&b, room, NULL);
    read_until(&a, "event: pools", 1);
    read_until(&b, "event: pools", 1);
    while (a.exchange.reply.stream(&a.exchange, (char[8]){0}, 8) > 0) {
    }
    int seen = atomic_load(&looks), wakes = atomic_load(&a.wakes);
    while (atomic_load(&looks) < seen + 3) /* nothing changes meanwhile */
        usleep(5000);
    assert_int_equal(atomic_load(&a.wakes), wakes);
    atomic_store(&worker_busy, 1);
    read_until(&a, "\"state\":\"busy\"", 1);
    read_until(&b, "\"state\":\"busy\"", 1);
    client_close(&a);
    client_close(&b);

    seen = atomic_load(&looks); /* nobody listens: nothing is looked at */
    usleep(600000);
    assert_true(atomic_load(&looks) <= seen + 1);
    client_open(&a, room, NULL); /* and what comes then is not what was */
    atomic_store(&worker_busy, 0);
    read_until(&a, "\"state\":\"idle\"", 1);
    client_close(&a);
    room_free(room);
}

static void a_second_of_load_is_told_when_it_is_over(void **state) {
    (void)state;
    struct room *room = room_new(10);
    struct client client = {.replies = 0};
    client_open(&client, room, NULL);
    read_until(&client, "event: pools", 1);
    cn_load_count(room->service.load, cn_clock_now(), 1000, 200);
    read_until(&client, "event: load\ndata: {\"at\":\"", 1);
    read_until(&client, "\"requests\":1,", 1);
    client_close(&client);
    room_free(room);
}

/* Two who take the same text get the same memory, and it outlives the next text. */
static void texts_are_shared(void **state) {
    (void)state;
    struct room *room = room_new(10);
    struct client clients[2] = {{.replies = 0}};
    struct cn_subscriber subscribers[2];
    struct cn_hub_text *texts[2] = {NULL}, *other = NULL;
    for (int i = 0; i < 2; i++) {
        clients[i].exchange.ops = &ops;
        clients[i].exchange.service = &room->service;
        pthread_mutex_init(&clients[i].lock, NULL);
        pthread_cond_init(&clients[i].woken, NULL);
        assert_int_equal(cn_subscriber_join(&subscribers[i], &clients[i].exchange, NULL), CN_OK);
        cn_subscriber_begin(&subscribers[i]);
    }
    for (int i = 0; i < 2; i++)
        while (cn_subscriber_take(&subscribers[i], &texts[i]) != CN_HUB_TEXT)
            usleep(1000);
    assert_ptr_equal(texts[0], texts[1]);
    atomic_store(&worker_busy, 1);
    while (cn_subscriber_take(&subscribers[0], &other) != CN_HUB_TEXT)
        usleep(1000);
    assert_true(other != texts[0]);
    cn_hub_text_unref(texts[0]);
    assert_memory_equal(cn_hub_text_str(texts[1]).data, "event: pools\n", 13);
    cn_hub_text_unref(texts[1]);
    cn_hub_text_unref(other);
    for (int i = 0; i < 2; i++) {
        cn_subscriber_leave(&subscribers[i]);
        client_release(&clients[i]);
    }
    room_free(room);
}

/* One that has been told nothing for long is woken to give a sign of life. */
static void a_sign_of_life(void **state) {
    (void)state;
    struct room *room = room_new(10);
    struct client client = {.replies = 0};
    struct cn_subscriber silent, other;
    struct cn_hub_text *text;
    client.exchange.ops = &ops;
    client.exchange.service = &room->service;
    pthread_mutex_init(&client.lock, NULL);
    pthread_cond_init(&client.woken, NULL);
    assert_int_equal(cn_subscriber_join(&silent, &client.exchange, NULL), CN_OK);
    assert_int_equal(cn_subscriber_join(&other, &client.exchange, NULL), CN_OK);
    cn_subscriber_begin(&other);
    while (cn_subscriber_take(&other, &text) != CN_HUB_TEXT)
        usleep(1000);
    cn_hub_text_unref(text);
    silent.told_pools = other.told_pools;
    silent.told_ns -= 16 * CN_NS_PER_SECOND;
    int wakes = atomic_load(&client.wakes);
    cn_subscriber_begin(&silent);
    while (atomic_load(&client.wakes) == wakes)
        usleep(1000);
    assert_int_equal(cn_subscriber_take(&other, &text), CN_HUB_NOTHING);
    assert_int_equal(cn_subscriber_take(&silent, &text), CN_HUB_SIGN);
    assert_int_equal(cn_subscriber_take(&silent, &text), CN_HUB_NOTHING);
    cn_subscriber_leave(&silent);
    cn_subscriber_leave(&other);
    client_release(&client);
    room_free(room);
}

/* A client that may be gone is sent a comment, once. */
static void a_doubted_client(void **state) {
    (void)state;
    struct room *room = room_new(10);
    struct client client = {.replies = 0};
    client_open(&client, room, NULL);
    read_until(&client, "event: pools", 1);
    atomic_store(&client.exchange.doubted, true);
    read_until(&client, "\n\n:\n\n", 1);
    assert_false(atomic_load(&client.exchange.doubted));
    add_run(room, 1);
    read_until(&client, "event: run", 1);
    assert_int_equal(count_text(&client, "\n\n:\n\n"), 1);
    client_close(&client);
    room_free(room);
}

/* ---- runs ---------------------------------------------------------------------------------- */

static void a_client_that_fell_behind_is_told_so(void **state) {
    (void)state;
    struct room *room = room_new(10);
    struct client client = {.replies = 0};
    client_open(&client, room, NULL);
    for (int i = 1; i <= 100; i++)
        add_run(room, i);
    read_until(&client, "\"rows\":100,", 1);
    assert_int_equal(count_text(&client, "event: run\n"), 10);
    assert_int_equal(count_text(&client, "event: missed\ndata: {\"runs\":90}\n\n"), 1);
    assert_int_equal(count_text(&client, "event: missed"), 1);
    assert_int_equal(count_text(&client, "\"rows\":91,"), 1);
    client_close(&client);
    room_free(room);
}

/* More than one buffer's worth: all of them, by and by. */
static void many_runs_at_once(void **state) {
    (void)state;
    struct room *room = room_new(2000);
    struct client client = {.replies = 0};
    client_open(&client, room, NULL);
    for (int i = 1; i <= 1500; i++)
        add_run(room, i);
    read_until(&client, "event: run\n", 1500);
    assert_int_equal(count_text(&client, "event: missed"), 0);
    client_close(&client);
    room_free(room);
}

/* How many runs a stream is told of, up to one that is added after it began. */
static size_t runs_after(struct room *room, const char *last_id, int number) {
    struct client client = {.replies = 0};
    char last[32];
    client_open(&client, room, last_id);
    read_until(&client, "event: pools", 1);
    add_run(room, number);
    snprintf(last, sizeof last, "\"rows\":%d,", number);
    read_until(&client, last, 1);
    size_t n = count_text(&client, "event: run\n");
    client_close(&client);
    return n;
}

static void streams_resume(void **state) {
    (void)state;
    struct room *room = room_new(100);
    char id[80];
    const char *instance = cn_hub_instance(room->service.hub);
    for (int i = 1; i <= 5; i++)
        add_run(room, i);
    assert_int_equal(runs_after(room, NULL, 6), 1);
    add_run(room, 7);
    snprintf(id, sizeof id, "%s-3", instance);
    assert_int_equal(runs_after(room, id, 8), 5);

    /* What is not of this instance, or is no id, counts as none. */
    static const char *const strange[] = {"", "3", "0000000000000000-3", "-", "x-y"};
    static const char *const endings[] = {"", "-", "-x", "-3x", "-99999999999999999999", "-99999"};
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++)
        assert_int_equal(runs_after(room, strange[i], 10 + (int)i), 1);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        snprintf(id, sizeof id, "%s%s", instance, endings[i]);
        assert_int_equal(runs_after(room, id, 20 + (int)i), 1);
    }
    room_free(room);
}

/* ---- ends and bounds ----------------------------------------------------------------------- */

static void as_many_streams_as_are_allowed(void **state) {
    (void)state;
    struct room *room = room_new(10);
    struct client clients[3] = {{.replies = 0}};
    for (int i = 0; i < 3; i++)
        client_open(&clients[i], room, NULL);
    refused(room, NULL, CN_OVERLOADED, "--max-streams");
    refused(room, "limit=3", CN_UNKNOWN_PARAMETER, "");
    client_close(&clients[1]);
    client_open(&clients[1], room, NULL);
    refused(room, NULL, CN_OVERLOADED, "--max-streams");
    for (int i = 0; i < 3; i++)
        client_close(&clients[i]);
    /* One that is closed before it began, as when its client left. */
    struct client client = {.exchange = {.http_minor = 1}};
    struct cn_error error;
    assert_int_equal(try_open(&client, room, NULL, &error), CN_OK);
    client_close(&client);
    room_free(room);
}

static void streams_end_when_the_service_drains(void **state) {
    (void)state;
    struct room *room = room_new(10);
    struct client client = {.replies = 0};
    client_open(&client, room, NULL);
    read_until(&client, "event: pools", 1);
    atomic_store(&room->service.draining, 1);
    read_until(&client, "event: end\ndata: {\"reason\":\"draining\"}\n\n", 1);
    assert_int_equal(read_some(&client), CN_STREAM_END);
    client_close(&client);
    refused(room, NULL, CN_DRAINING, "");
    room_free(room);
}

static void a_stream_is_cut(void **state) {
    (void)state;
    struct room *room = room_new(10);
    struct client client = {.replies = 0};
    client_open(&client, room, NULL);
    cn_endpoint_events.gone(&client.exchange);
    assert_true(atomic_load(&client.wakes) > 0);
    assert_int_equal(read_some(&client), CN_STREAM_BREAK);
    client_close(&client);
    room_free(room);
}

static void http_1_0_gets_what_is_the_case(void **state) {
    (void)state;
    struct room *room = room_new(10);
    struct client client = {.exchange = {.http_minor = 0}};
    struct cn_error error;
    assert_int_equal(try_open(&client, room, NULL, &error), CN_OK);
    cn_endpoint_events.finish(&client.exchange);
    while (read_some(&client) > 0) {
    }
    assert_int_equal(read_some(&client), CN_STREAM_END);
    assert_int_equal(count_text(&client, "event: "), 2);
    assert_int_equal(count_text(&client, "event: pools"), 1);
    client_close(&client);
    room_free(room);
}

/* ---- threads ------------------------------------------------------------------------------- */

enum { ADDERS = 3, RUNS_EACH = 400, READERS = 3 };

struct crowd {
    struct room *room;
    int number;
};

static void *add_many(void *context) {
    const struct crowd *crowd = context;
    for (int i = 0; i < RUNS_EACH; i++) {
        add_run(crowd->room, crowd->number * RUNS_EACH + i + 1);
        cn_load_count(crowd->room->service.load, cn_clock_now(), 1000, 200);
        atomic_fetch_xor(&worker_busy, 1);
        if (i % 16 == 0)
            usleep(1000);
    }
    return NULL;
}

/* Reads every run, with a new stream now and then. */
static void *read_all(void *context) {
    const struct crowd *crowd = context;
    struct client client = {.replies = 0};
    unsigned long long next = 1;
    char id[64], last[64];
    const char *instance = cn_hub_instance(crowd->room->service.hub);
    snprintf(last, sizeof last, "%s-0", instance);
    client_open(&client, crowd->room, last);
    while (next <= ADDERS * RUNS_EACH) {
        snprintf(id, sizeof id, "id: %s-%llu\nevent: run\n", instance, next);
        read_until(&client, id, 1);
        next++;
        if (next % 150 == 0) {
            client_close(&client);
            snprintf(last, sizeof last, "%s-%llu", instance, next - 1);
            client_open(&client, crowd->room, last);
        }
    }
    assert_int_equal(count_text(&client, "event: missed"), 0);
    client_close(&client);
    return NULL;
}

static void no_run_is_left_out(void **state) {
    (void)state;
    struct room *room = room_new(ADDERS * RUNS_EACH);
    struct crowd crowds[ADDERS > READERS ? ADDERS : READERS];
    pthread_t adders[ADDERS], readers[READERS];
    for (int i = 0; i < READERS; i++) {
        crowds[i] = (struct crowd){room, i};
        assert_int_equal(pthread_create(&readers[i], NULL, read_all, &crowds[i]), 0);
    }
    for (int i = 0; i < ADDERS; i++)
        assert_int_equal(pthread_create(&adders[i], NULL, add_many, &crowds[i]), 0);
    for (int i = 0; i < ADDERS; i++)
        pthread_join(adders[i], NULL);
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    room_free(room);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_and_pools_come_first),
        cmocka_unit_test(pools_are_told_when_they_change),
        cmocka_unit_test(a_second_of_load_is_told_when_it_is_over),
        cmocka_unit_test(texts_are_shared),
        cmocka_unit_test(a_sign_of_life),
        cmocka_unit_test(a_doubted_client),
        cmocka_unit_test(a_client_that_fell_behind_is_told_so),
        cmocka_unit_test(many_runs_at_once),
        cmocka_unit_test(streams_resume),
        cmocka_unit_test(as_many_streams_as_are_allowed),
        cmocka_unit_test(streams_end_when_the_service_drains),
        cmocka_unit_test(a_stream_is_cut),
        cmocka_unit_test(http_1_0_gets_what_is_the_case),
        cmocka_unit_test(no_run_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

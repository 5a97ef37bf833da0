/* The store of jobs, driven as the server drives it, with an endpoint whose work ends on command.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "handlers/endpoints.h"
#include "handlers/jobs.h"
#include "handlers/service.h"
#include "tests/faults/faults.h"

/* ---- the work ------------------------------------------------------------------------------ */

/* What a job's endpoint was asked to do: its query. "now": it replies within finish; "refuse": its
 * open does; "stubborn": it does not hear that it is cancelled. */
static atomic_int opens, closes, gones;
static _Atomic(struct cn_exchange *) at_work;

static enum cn_code work_open(struct cn_exchange *exchange, struct cn_error *error) {
    if (exchange->query && strcmp(exchange->query, "refuse") == 0) {
        exchange->expression = cn_arena_strndup(&exchange->arena, "a+", 2);
        return cn_error_set(error, CN_SYNTAX_ERROR, "It is refused.");
    }
    atomic_fetch_add(&opens, 1);
    return CN_OK;
}

static enum cn_body_verdict work_body(struct cn_exchange *exchange, const char *data, size_t len) {
    exchange->state = cn_arena_strndup(&exchange->arena, data, len);
    if (strncmp(data, "bad", 3) != 0)
        return CN_BODY_MORE;
    cn_error_set(&exchange->error, CN_INVALID_CSV, "It is bad.");
    return CN_BODY_REFUSE;
}

/* The reply is the body that came, under the content type that was asked for. */
static void work_reply(struct cn_exchange *exchange) {
    struct cn_str *parts = cn_arena_array(&exchange->arena, 2, sizeof *parts);
    const char *body = exchange->state;
    assert_non_null(parts);
    parts[0] = CN_STR("> ");
    parts[1] = cn_str_c(body);
    exchange->reply.status = 200;
    exchange->reply.content_type = exchange->ops->header(exchange, "accept");
    exchange->reply.parts = parts;
    exchange->reply.n_parts = 2;
    exchange->recorded = true;
    cn_reply_add_header(exchange, "Colonnade-Rows", "7");
    cn_exchange_reply(exchange);
}

static void work_finish(struct cn_exchange *exchange) {
    if (exchange->query && strcmp(exchange->query, "now") == 0)
        work_reply(exchange);
    else
        atomic_store(&at_work, exchange);
}

static void work_gone(struct cn_exchange *exchange) {
    struct cn_error error;
    atomic_fetch_add(&gones, 1);
    if (exchange->query && strcmp(exchange->query, "stubborn") == 0)
        return;
    cn_error_init(&error);
    cn_error_set(&error, CN_DEADLINE_EXCEEDED, "It was stopped.");
    cn_exchange_fail(exchange, &error, NULL);
}

static void work_close(struct cn_exchange *exchange) {
    (void)exchange;
    atomic_fetch_add(&closes, 1);
}

static const struct cn_endpoint work = {.methods = "POST",
                                        .path = "/v1/work",
                                        .takes_body = true,
                                        .works = true,
                                        .deferrable = true,
                                        .open = work_open,
                                        .body = work_body,
                                        .finish = work_finish,
                                        .gone = work_gone,
                                        .close = work_close};

/* ---- clients ------------------------------------------------------------------------------- */

struct client {
    struct cn_exchange exchange; /* first */
    const char *prefer;
    atomic_int replies;
    atomic_int wakes;
    enum cn_code refused;
};

static const char *op_header(struct cn_exchange *exchange, const char *name) {
    const struct client *client = (const struct client *)exchange;
    if (strcasecmp(name, "Prefer") == 0)
        return client->prefer;
    return strcasecmp(name, "Accept") == 0 ? "text/plain" : NULL;
}

static void op_reply(struct cn_exchange *exchange) {
    atomic_fetch_add(&((struct client *)exchange)->replies, 1);
}

static void op_wake(struct cn_exchange *exchange) {
    atomic_fetch_add(&((struct client *)exchange)->wakes, 1);
}

static const struct cn_exchange_ops ops = {op_header, op_reply, op_wake};

static void client_init(struct client *client, struct cn_service *service, const char *prefer) {
    memset(client, 0, sizeof *client);
    client->prefer = prefer;
    client->exchange.ops = &ops;
    client->exchange.service = service;
    client->exchange.method = "GET";
    client->exchange.started_ns = cn_clock_now();
    cn_error_init(&client->exchange.error);
    cn_arena_init(&client->exchange.arena, 4096);
    assert_true(cn_exchange_new_run(&client->exchange));
}

static void client_end(struct client *client) {
    if (client->refused == CN_OK)
        client->exchange.endpoint->close(&client->exchange);
    cn_arena_release(&client->exchange.arena);
}

/* Sends the work; the client still waits for its reply, or was refused. */
static void submit(struct client *client, struct cn_service *service, const char *prefer,
                   const char *query, const char *body) {
    struct cn_exchange *exchange = &client->exchange;
    struct cn_error error;
    client_init(client, service, prefer);
    cn_error_init(&error);
    exchange->method = "POST";
    exchange->query = query;
    exchange->deferred = &work;
    exchange->endpoint = &cn_endpoint_deferred;
    client->refused = exchange->endpoint->open(exchange, &error);
    exchange->error = error;
    if (client->refused == CN_OK &&
        exchange->endpoint->body(exchange, body, strlen(body)) == CN_BODY_MORE)
        exchange->endpoint->finish(exchange);
}

/* Asks one of the jobs' endpoints. */
static void ask(struct client *client, struct cn_service *service,
                const struct cn_endpoint *endpoint, const char *method, const char *id,
                const char *prefer) {
    struct cn_exchange *exchange = &client->exchange;
    client_init(client, service, prefer);
    exchange->endpoint = endpoint;
    exchange->method = method;
    exchange->segment = id;
    client->refused = endpoint->open(exchange, &exchange->error);
    if (client->refused == CN_OK)
        endpoint->finish(exchange);
}

static void wait_for(const atomic_int *counter, int value) {
    for (int i = 0; i < 5000 && atomic_load(counter) < value; i++)
        usleep(1000);
    assert_int_equal(atomic_load(counter), value);
}

static json_t *document(const struct client *client) {
    const struct cn_reply *reply = &client->exchange.reply;
    assert_int_equal(atomic_load(&client->replies), 1);
    assert_int_equal(reply->n_parts, 1);
    json_t *json = json_loadb(reply->parts[0].data, reply->parts[0].len, 0, NULL);
    assert_non_null(json);
    return json;
}

static const char *header(const struct client *client, const char *name) {
    const struct cn_reply *reply = &client->exchange.reply;
    for (size_t i = 0; i < reply->n_headers; i++)
        if (strcmp(reply->headers[i].name, name) == 0)
            return reply->headers[i].value;
    return NULL;
}

/* A member of a job's document, as text; "" for null. */
static const char *look(struct cn_service *service, const char *id, const char *prefer,
                        const char *member, char text[64]) {
    struct client client;
    ask(&client, service, &cn_endpoint_job, "GET", id, prefer);
    text[0] = '\0';
    if (client.refused != CN_OK) {
        snprintf(text, 64, "%s", cn_code_name(client.refused));
    } else {
        wait_for(&client.replies, 1);
        json_t *json = document(&client);
        const char *value = json_string_value(json_object_get(json, member));
        snprintf(text, 64, "%s", value ? value : "");
        json_decref(json);
    }
    client_end(&client);
    return text;
}

struct scene {
    struct cn_service service;
    char text[64];
};

static void scene_init(struct scene *scene, size_t max_jobs, uint64_t job_bytes, int64_t keep_ms) {
    memset(scene, 0, sizeof *scene);
    scene->service.limits.request_timeout_ms = 60000;
    scene->service.jobs = cn_jobs_new(&scene->service, max_jobs, job_bytes, keep_ms);
    assert_non_null(scene->service.jobs);
    atomic_store(&opens, 0);
    atomic_store(&closes, 0);
    atomic_store(&gones, 0);
    atomic_store(&at_work, NULL);
}

static void scene_end(struct scene *scene) {
    cn_jobs_free(scene->service.jobs);
    assert_int_equal(atomic_load(&opens), atomic_load(&closes));
    assert_int_equal(atomic_load(&scene->service.work_running), 0);
}

/* ---- tests --------------------------------------------------------------------------------- */

static void accepted_then_finished(void **state) {
    (void)state;
    struct scene scene;
    struct client first, waiting, result, early;
    scene_init(&scene, 10, 1000, 60000);
    submit(&first, &scene.service, "respond-async", NULL, "abc");
    assert_int_equal(first.exchange.reply.status, 202);
    assert_true(first.exchange.recorded);
    assert_string_equal(header(&first, "Preference-Applied"), "respond-async");
    const char *id = first.exchange.run;
    assert_string_equal(header(&first, "Location") + strlen("/v1/jobs/"), id);
    json_t *json = document(&first);
    assert_string_equal(json_string_value(json_object_get(json, "state")), "pending");
    assert_string_equal(json_string_value(json_object_get(json, "operation")), "work");
    assert_true(json_is_null(json_object_get(json, "started_at")));
    assert_true(json_is_null(json_object_get(json_object_get(json, "progress"), "total_rows")));
    json_decref(json);
    assert_int_equal(atomic_load(&scene.service.work_running), 1);
    assert_int_equal(atomic_load(&scene.service.work_begun), 1);

    struct cn_exchange *inner = atomic_load(&at_work);
    assert_string_equal(inner->run, id);
    atomic_store(&inner->running, true);
    assert_string_equal(look(&scene.service, id, NULL, "state", scene.text), "running");
    ask(&early, &scene.service, &cn_endpoint_job_result, "GET", id, NULL);
    assert_int_equal(early.exchange.reply.status, 409);
    client_end(&early);
    ask(&waiting, &scene.service, &cn_endpoint_job, "GET", id, "wait=50");
    assert_int_equal(atomic_load(&waiting.replies), 0);
    work_reply(inner);
    wait_for(&waiting.replies, 1);
    json = document(&waiting);
    assert_string_equal(json_string_value(json_object_get(json, "state")), "finished");
    json_decref(json);
    client_end(&waiting);
    wait_for(&closes, 1); /* only its result is kept */

    ask(&result, &scene.service, &cn_endpoint_job_result, "GET", id, NULL);
    assert_int_equal(result.exchange.reply.status, 200);
    assert_string_equal(result.exchange.reply.content_type, "text/plain");
    assert_true(cn_str_is(result.exchange.reply.parts[0], "> abc"));
    assert_string_equal(header(&result, "Colonnade-Rows"), "7");
    assert_string_equal(header(&result, "Colonnade-Run"), id);
    assert_non_null(header(&result, "Server-Timing"));
    struct client forget;
    ask(&forget, &scene.service, &cn_endpoint_job, "DELETE", id, NULL);
    assert_int_equal(forget.exchange.reply.status, 204);
    client_end(&forget);
    assert_string_equal(look(&scene.service, id, NULL, "state", scene.text), "not_found");
    assert_true(cn_str_is(result.exchange.reply.parts[0], "> abc")); /* it is being sent */
    client_end(&result);
    client_end(&first);
    scene_end(&scene);
}

/* With `wait` a client gets what the plain call replies, if it comes in time. */
static void waits_for_the_plain_reply(void **state) {
    (void)state;
    struct scene scene;
    struct client client;
    scene_init(&scene, 10, 1000, 60000);
    submit(&client, &scene.service, "respond-async, wait=50", "now", "abc");
    wait_for(&client.replies, 1);
    assert_int_equal(client.exchange.reply.status, 200);
    assert_true(cn_str_is(client.exchange.reply.parts[0], "> abc"));
    assert_string_equal(header(&client, "Preference-Applied"), "respond-async, wait=50");
    assert_string_equal(header(&client, "Colonnade-Run"), client.exchange.run);
    assert_false(client.exchange.recorded); /* or the server would add it again */
    client_end(&client);

    submit(&client, &scene.service, "respond-async, wait=50", NULL, "abc");
    assert_int_equal(atomic_load(&client.replies), 0);
    work_reply(atomic_load(&at_work));
    wait_for(&client.replies, 1);
    assert_int_equal(client.exchange.reply.status, 200);
    client_end(&client);

    submit(&client, &scene.service, "wait=1, respond-async", NULL, "abc");
    wait_for(&client.replies, 1);
    assert_int_equal(client.exchange.reply.status, 202);
    work_reply(atomic_load(&at_work));
    assert_string_equal(look(&scene.service, client.exchange.run, "wait=50", "state", scene.text),
                        "finished");
    client_end(&client);

    /* The client leaves, and the job goes on. */
    submit(&client, &scene.service, "respond-async, wait=50", NULL, "abc");
    client.exchange.endpoint->gone(&client.exchange);
    assert_int_equal(client.exchange.reply.status, 202);
    char id[33];
    memcpy(id, client.exchange.run, sizeof id);
    client_end(&client);
    assert_string_equal(look(&scene.service, id, NULL, "state", scene.text), "pending");
    work_reply(atomic_load(&at_work));
    assert_string_equal(look(&scene.service, id, "wait=50", "state", scene.text), "finished");
    scene_end(&scene);
}

static void refusals_leave_no_job(void **state) {
    (void)state;
    struct scene scene;
    struct client client;
    scene_init(&scene, 1, 1000, 60000);
    for (int i = 0; i < 3; i++) { /* there is room for one */
        submit(&client, &scene.service, "respond-async", "refuse", "abc");
        assert_int_equal(client.refused, CN_SYNTAX_ERROR);
        assert_string_equal(client.exchange.expression, "a+");
        client_end(&client);
        submit(&client, &scene.service, "respond-async", NULL, "bad");
        assert_int_equal(client.exchange.error.code, CN_INVALID_CSV);
        assert_int_equal(atomic_load(&client.replies), 0);
        client_end(&client);
    }
    struct client list;
    ask(&list, &scene.service, &cn_endpoint_jobs, "GET", NULL, NULL);
    json_t *json = document(&list);
    assert_int_equal(json_array_size(json_object_get(json, "jobs")), 0);
    json_decref(json);
    cn_arena_release(&list.exchange.arena);
    atomic_store(&scene.service.draining, 1);
    submit(&client, &scene.service, "respond-async", "now", "abc");
    assert_int_equal(client.exchange.reply.status, 503);
    client_end(&client);
    scene_end(&scene);
}

static void bounded_by_count(void **state) {
    (void)state;
    struct scene scene;
    struct client first, second, third;
    scene_init(&scene, 2, 1000, 60000);
    submit(&first, &scene.service, "respond-async", NULL, "1");
    struct cn_exchange *inner = atomic_load(&at_work);
    submit(&second, &scene.service, "respond-async", NULL, "2");
    submit(&third, &scene.service, "respond-async", NULL, "3");
    assert_int_equal(third.refused, CN_OVERLOADED);
    assert_string_equal(third.exchange.error.limit, "--max-jobs");
    client_end(&third);
    work_reply(inner);
    look(&scene.service, first.exchange.run, "wait=50", "state", scene.text);
    assert_string_equal(scene.text, "finished");
    submit(&third, &scene.service, "respond-async", NULL, "3");
    assert_int_equal(third.refused, CN_OK);
    assert_string_equal(look(&scene.service, first.exchange.run, NULL, "state", scene.text),
                        "not_found");
    assert_string_equal(look(&scene.service, second.exchange.run, NULL, "state", scene.text),
                        "pending");
    client_end(&first);
    client_end(&second);
    client_end(&third);
    scene_end(&scene); /* two jobs are cancelled */
    assert_int_equal(atomic_load(&gones), 2);
}

static void bounded_by_bytes(void **state) {
    (void)state;
    struct scene scene;
    struct client clients[3], large, result;
    scene_init(&scene, 10, 20, 60000);
    for (size_t i = 0; i < 3; i++) { /* 10 bytes each */
        submit(&clients[i], &scene.service, "respond-async, wait=50", "now", "12345678");
        wait_for(&clients[i].replies, 1);
    }
    assert_string_equal(look(&scene.service, clients[0].exchange.run, NULL, "state", scene.text),
                        "not_found");
    assert_string_equal(look(&scene.service, clients[1].exchange.run, NULL, "state", scene.text),
                        "finished");
    submit(&large, &scene.service, "respond-async, wait=50", "now", "1234567890123456789");
    wait_for(&large.replies, 1);
    assert_int_equal(large.exchange.reply.status, 422);
    json_t *json = document(&large);
    assert_string_equal(json_string_value(json_object_get(json, "limit")), "--job-bytes");
    json_decref(json);
    assert_string_equal(look(&scene.service, large.exchange.run, NULL, "state", scene.text),
                        "failed");
    ask(&result, &scene.service, &cn_endpoint_job_result, "GET", large.exchange.run, NULL);
    assert_int_equal(result.exchange.reply.status, 422);
    client_end(&result);
    client_end(&large);
    for (size_t i = 0; i < 3; i++)
        client_end(&clients[i]);
    scene_end(&scene);
}

static void bounded_by_time(void **state) {
    (void)state;
    struct scene scene;
    struct client client, pending;
    scene_init(&scene, 10, 1000, 50);
    submit(&pending, &scene.service, "respond-async", NULL, "1");
    submit(&client, &scene.service, "respond-async", "now", "2");
    for (int i = 0; i < 500; i++) {
        look(&scene.service, client.exchange.run, NULL, "state", scene.text);
        if (strcmp(scene.text, "not_found") == 0)
            break;
        usleep(10000);
    }
    assert_string_equal(scene.text, "not_found");
    assert_string_equal(look(&scene.service, pending.exchange.run, NULL, "state", scene.text),
                        "pending"); /* time counts from the end on */
    client_end(&client);
    client_end(&pending);
    scene_end(&scene);
}

static void cancelling(void **state) {
    (void)state;
    struct scene scene;
    struct client client, stubborn, cancel, result;
    scene_init(&scene, 10, 1000, 60000);
    submit(&client, &scene.service, "respond-async", NULL, "1");
    ask(&cancel, &scene.service, &cn_endpoint_job, "DELETE", client.exchange.run, NULL);
    assert_int_equal(cancel.exchange.reply.status, 202);
    client_end(&cancel);
    assert_int_equal(atomic_load(&gones), 1);
    wait_for(&closes, 1);
    assert_string_equal(look(&scene.service, client.exchange.run, NULL, "state", scene.text),
                        "cancelled");
    ask(&result, &scene.service, &cn_endpoint_job_result, "GET", client.exchange.run, NULL);
    assert_int_equal(result.exchange.reply.status, 410);
    client_end(&result);
    client_end(&client);

    /* Work that has not answered yet when its job is forgotten. */
    submit(&stubborn, &scene.service, "respond-async", "stubborn", "2");
    ask(&cancel, &scene.service, &cn_endpoint_job, "DELETE", stubborn.exchange.run, NULL);
    assert_int_equal(cancel.exchange.reply.status, 202);
    client_end(&cancel);
    assert_string_equal(look(&scene.service, stubborn.exchange.run, NULL, "state", scene.text),
                        "cancelled");
    ask(&cancel, &scene.service, &cn_endpoint_job, "DELETE", stubborn.exchange.run, NULL);
    assert_int_equal(cancel.exchange.reply.status, 204);
    client_end(&cancel);
    assert_int_equal(atomic_load(&scene.service.work_running), 1);
    client_end(&stubborn);
    work_reply(atomic_load(&at_work));
    wait_for(&closes, 2);
    scene_end(&scene);
}

/* Its client is told that there was no memory, so nobody would know what to ask for. */
static void a_job_without_a_reply_ends(void **state) {
    (void)state;
    struct scene scene;
    struct client client;
    struct fault_control *control = fault_control();
    assert_non_null(control);
    scene_init(&scene, 10, 1000, 60000);
    atomic_store(&control->kinds, UINT64_C(1) << FAULT_REALLOC);
    atomic_store(&control->mode, FAULT_KINDS);
    submit(&client, &scene.service, "respond-async", NULL, "1");
    atomic_store(&control->mode, FAULT_OFF);
    assert_int_equal(client.exchange.reply.status, 503);
    assert_int_equal(atomic_load(&gones), 0);
    client_end(&client);
    assert_int_equal(atomic_load(&gones), 1);
    wait_for(&closes, 1);
    assert_string_equal(look(&scene.service, client.exchange.run, NULL, "state", scene.text),
                        "cancelled");
    scene_end(&scene);
}

static void deadlines(void **state) {
    (void)state;
    struct scene scene;
    struct client client;
    scene_init(&scene, 10, 1000, 60000);
    submit(&client, &scene.service, "respond-async, wait=50", NULL, "1");
    atomic_store(&atomic_load(&at_work)->deadline_ns, cn_clock_now());
    wait_for(&client.replies, 1);
    assert_int_equal(client.exchange.reply.status, 504);
    assert_string_equal(look(&scene.service, client.exchange.run, NULL, "state", scene.text),
                        "failed");
    client_end(&client);
    scene_end(&scene);
}

/* What a stream says until it has nothing to say. */
static ssize_t read_events(struct client *client, char *text, size_t size) {
    size_t len = 0;
    ssize_t n;
    while ((n = client->exchange.reply.stream(&client->exchange, text + len, 7)) > 0) {
        len += (size_t)n;
        assert_true(len + 8 < size);
    }
    text[len] = '\0';
    return n;
}

static void events(void **state) {
    (void)state;
    struct scene scene;
    struct client client, stream, other;
    char text[2000];
    scene_init(&scene, 10, 1000, 60000);
    submit(&client, &scene.service, "respond-async", NULL, "1");
    struct cn_exchange *inner = atomic_load(&at_work);
    ask(&stream, &scene.service, &cn_endpoint_job_events, "GET", client.exchange.run, NULL);
    assert_int_equal(atomic_load(&stream.replies), 1);
    assert_int_equal(read_events(&stream, text, sizeof text), CN_STREAM_WAIT);
    assert_string_equal(text, "event: progress\ndata: {\"done_rows\":0,\"total_rows\":null,"
                              "\"state\":\"pending\"}\n\n");
    assert_int_equal(atomic_load(&stream.wakes), 0);
    atomic_store(&inner->total_rows, 9);
    atomic_store(&inner->done_rows, 3);
    atomic_store(&inner->running, true);
    for (int i = 0; i < 5000 && atomic_load(&stream.wakes) == 0; i++)
        usleep(1000);
    assert_int_equal(read_events(&stream, text, sizeof text), CN_STREAM_WAIT);
    assert_string_equal(text, "event: progress\ndata: {\"done_rows\":3,\"total_rows\":9,"
                              "\"state\":\"running\"}\n\n");
    /* One that is cut while the other goes on. */
    ask(&other, &scene.service, &cn_endpoint_job_events, "GET", client.exchange.run, NULL);
    other.exchange.endpoint->gone(&other.exchange);
    assert_int_equal(read_events(&other, text, sizeof text), CN_STREAM_BREAK);
    client_end(&other);

    work_reply(inner);
    look(&scene.service, client.exchange.run, "wait=50", "state", scene.text);
    assert_int_equal(read_events(&stream, text, sizeof text), CN_STREAM_END);
    assert_int_equal(strncmp(text, "event: end\ndata: {\"id\":\"", 24), 0);
    client_end(&stream);
    /* Progress is told of one that had ended before anybody asked, too. */
    ask(&stream, &scene.service, &cn_endpoint_job_events, "GET", client.exchange.run, NULL);
    assert_int_equal(read_events(&stream, text, sizeof text), CN_STREAM_END);
    assert_int_equal(strncmp(text, "event: progress\ndata: {\"done_rows\":3,", 37), 0);
    assert_non_null(strstr(text, "\n\nevent: end\ndata: {\"id\":\""));
    client_end(&stream);
    client_end(&client);
    scene_end(&scene);
}

/* ---- many at once -------------------------------------------------------------------------- */

static void *busy_client(void *context) {
    struct scene *scene = context;
    for (int i = 0; i < 60; i++) {
        struct client client, other;
        char text[64];
        submit(&client, &scene->service, i % 3 == 0 ? "respond-async, wait=50" : "respond-async",
               "now", "abcdefgh");
        if (client.refused == CN_OK) {
            look(&scene->service, client.exchange.run, i % 2 ? "wait=50" : NULL, "state", text);
            ask(&other, &scene->service, &cn_endpoint_job, i % 5 ? "GET" : "DELETE",
                client.exchange.run, NULL);
            client_end(&other);
            for (int k = 0; k < 5000 && atomic_load(&client.replies) == 0; k++)
                usleep(1000);
        }
        client_end(&client);
    }
    return NULL;
}

static void many_at_once(void **state) {
    (void)state;
    struct scene scene;
    pthread_t threads[4];
    scene_init(&scene, 8, 60, 1);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, busy_client, &scene), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    scene_end(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted_then_finished),
        cmocka_unit_test(waits_for_the_plain_reply),
        cmocka_unit_test(refusals_leave_no_job),
        cmocka_unit_test(bounded_by_count),
        cmocka_unit_test(bounded_by_bytes),
        cmocka_unit_test(bounded_by_time),
        cmocka_unit_test(cancelling),
        cmocka_unit_test(a_job_without_a_reply_ends),
        cmocka_unit_test(deadlines),
        cmocka_unit_test(events),
        cmocka_unit_test(many_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

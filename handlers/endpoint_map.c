/*
 * endpoint_map.c: POST /v1/map: a function over arguments, one future for each.
 */
#include <stdlib.h>

#include "handlers/endpoint_reply.h"
#include "handlers/endpoints.h"
#include "handlers/kinds.h"
#include "handlers/map.h"
#include "handlers/negotiate.h"
#include "handlers/origin.h"
#include "handlers/query.h"
#include "handlers/service.h"

enum stage { MAP_READING, MAP_RUNNING, MAP_ENDED };

struct map {
    struct cn_exchange *exchange;
    struct cn_options options;
    struct cn_buf body;
    struct cn_map_request request;
    struct cn_map_run run;
    struct cn_buf reply;
    pthread_mutex_t lock; /* of `stage` and `gone` */
    enum stage stage;
    enum cn_code gone; /* why nobody waits for the reply any more */
    bool has_run;
};

/* ---- head ---------------------------------------------------------------------------------- */

/* Options are members of the body. */
static enum cn_code refuse_query(struct cn_exchange *exchange, struct cn_error *error) {
    struct cn_query query;
    struct cn_query_pair pair;

    cn_query_init(&query, exchange->query, &exchange->arena);
    CN_TRY(cn_query_next(&query, &pair, error));
    if (!pair.found)
        return CN_OK;
    if (!cn_map_is_member(pair.name))
        return cn_query_unknown(&pair, NULL, error);
    cn_error_set_parameter(error, pair.name);
    return cn_error_set(error, CN_INVALID_PARAMETER,
                        "with this kind of body, options do not stand in the query string but as "
                        "members of the JSON body");
}

static enum cn_code read_head(struct cn_exchange *exchange, struct cn_error *error) {
    const char *content_type = exchange->ops->header(exchange, "Content-Type");
    struct cn_body_type type;

    CN_TRY(cn_exchange_expect_coded(exchange, true, error));
    CN_TRY(cn_negotiate_body(content_type, NULL, false, &type, error));
    if (type.kind != CN_BODY_JSON && type.kind != CN_BODY_UNSTATED) {
        cn_error_set_value(error, cn_str_c(content_type));
        return cn_error_set(error, CN_UNSUPPORTED_MEDIA_TYPE,
                            "the body must be a JSON object (Content-Type: application/json)");
    }
    return refuse_query(exchange, error);
}

static void release(struct map *map) {
    cn_origin_release(map->exchange->origin);
    if (map->has_run)
        cn_map_run_release(&map->run);
    cn_buf_release(&map->body);
    cn_buf_release(&map->reply);
    pthread_mutex_destroy(&map->lock);
}

static enum cn_code map_open(struct cn_exchange *exchange, struct cn_error *error) {
    cn_ledger_enter(&exchange->ledger, CN_STAGE_PLAN, cn_clock_now());
    enum cn_code code = read_head(exchange, error);
    if (code != CN_OK) {
        cn_map_record_failure(exchange, NULL, NULL, error);
        return code;
    }
    struct map *map = cn_arena_zalloc(&exchange->arena, sizeof *map);
    if (!map)
        return cn_error_memory(error);
    CN_TRY(cn_origin_new(exchange, "/v1/map", false, error));
    map->exchange = exchange;
    pthread_mutex_init(&map->lock, NULL);
    cn_options_init(&map->options, &exchange->arena, cn_exchange_limits(exchange));
    cn_buf_init_blocks(&map->body, exchange->service->blocks);
    cn_buf_init_blocks(&map->reply, exchange->service->blocks);
    exchange->state = map;
    cn_ledger_enter(&exchange->ledger, CN_STAGE_RECEIVE, cn_clock_now());
    return CN_OK;
}

static enum cn_body_verdict map_body(struct cn_exchange *exchange, const char *data, size_t len) {
    struct map *map = exchange->state;

    if (cn_buf_add(&map->body, data, len))
        return CN_BODY_MORE;
    cn_error_memory(&exchange->error);
    cn_map_record_failure(exchange, NULL, NULL, &exchange->error);
    return CN_BODY_REFUSE;
}

static void map_broken(struct cn_exchange *exchange, const struct cn_error *error) {
    cn_map_record_failure(exchange, NULL, NULL, error);
}

/* ---- the reply ----------------------------------------------------------------------------- */

/* The last that is done with the request: the exchange may be closed at once. */
static void reply_failure(struct map *map, const struct cn_error *error) {
    const struct cn_map_request *request = map->request.recipe ? &map->request : NULL;
    cn_map_record_failure(map->exchange, request, map->has_run ? &map->run : NULL, error);
    cn_exchange_fail(map->exchange, error, NULL);
}

static void run_ended(struct cn_map_run *run) {
    struct map *map = run->owner;
    struct cn_exchange *exchange = map->exchange;
    struct cn_reply *reply = &exchange->reply;
    struct cn_error error = run->error;
    enum cn_code code = run->code;

    pthread_mutex_lock(&map->lock);
    map->stage = MAP_ENDED;
    pthread_mutex_unlock(&map->lock);
    if (code == CN_OK)
        code = cn_map_reply(exchange, run, &map->reply, &error);
    struct cn_str *part = cn_arena_alloc(&exchange->arena, sizeof *part);
    if (code == CN_OK && !part)
        code = cn_error_memory(&error);
    if (code != CN_OK) {
        reply_failure(map, &error);
        return;
    }
    *part = cn_buf_str(&map->reply);
    reply->status = 200;
    reply->content_type = CN_JSON_TYPE;
    reply->parts = part;
    reply->n_parts = 1;
    cn_exchange_reply(exchange);
}

/* ---- the body has ended -------------------------------------------------------------------- */

static enum cn_code prepare(struct map *map, struct cn_error *error) {
    struct cn_exchange *exchange = map->exchange;
    struct cn_str text = cn_buf_str(&map->body);
    struct cn_map_place place;

    cn_ledger_enter(&exchange->ledger, CN_STAGE_DECODE, cn_clock_now());
    enum cn_code code = cn_map_read(&map->request, &map->options, text, false, error);
    if (map->request.plain)
        cn_origin_json(exchange->origin, text);
    CN_TRY(code);
    CN_TRY(cn_executor_available(exchange->service, map->options.executor, "executor", error));
    cn_ledger_enter(&exchange->ledger, CN_STAGE_PLAN, cn_clock_now());
    cn_exchange_shorten_deadline(exchange, map->options.timeout_ms);
    cn_map_choose(&place, exchange->service, &map->request, map->options.executor,
                  map->options.workers);
    place.retries = map->options.retries;
    CN_TRY(cn_map_run_init(&map->run, exchange->service, &map->request, &place,
                           map->options.repeat ? map->options.repeat : 1, exchange->deadline_ns,
                           error));
    map->has_run = true;
    map->run.progress = exchange;
    map->run.ended = run_ended;
    map->run.owner = map;
    return CN_OK;
}

static void end_body(struct map *map) {
    struct cn_error error;

    cn_error_init(&error);
    enum cn_code code = prepare(map, &error);
    pthread_mutex_lock(&map->lock);
    if (code == CN_OK && map->gone != CN_OK)
        code = cn_error_set(&error, map->gone, "%s", cn_code_title(map->gone));
    map->stage = code == CN_OK ? MAP_RUNNING : MAP_ENDED;
    pthread_mutex_unlock(&map->lock);
    if (code != CN_OK) {
        reply_failure(map, &error);
        return;
    }
    cn_ledger_enter(&map->exchange->ledger, CN_STAGE_QUEUE, cn_clock_now());
    cn_map_run_start(&map->run);
}

/* The crossing of a request whose body is large. */
struct ending {
    struct cn_task task; /* first */
    struct cn_group group;
    struct cn_plan_ref plan;
    struct map *map;
    bool ran;
};

enum cn_code cn_map_run_ending(struct cn_run *run, struct cn_error *error) {
    /* `local` is const for plans, which are shared; this one is the task's own. */
    struct ending *ending = (struct ending *)(uintptr_t)run->plan->local;

    (void)error;
    ending->ran = true;
    end_body(ending->map);
    return CN_OK;
}

static void ending_done(struct cn_task *task) {
    struct ending *ending = task->owner;

    if (!ending->ran)
        reply_failure(ending->map, &task->error);
    free(ending);
}

/* False: it stays on this thread. */
static bool cross_over(struct map *map) {
    struct cn_executor *threads = map->exchange->service->executors[CN_EXECUTOR_THREADS];
    struct ending *ending = calloc(1, sizeof *ending);

    if (!ending)
        return false;
    cn_group_init(&ending->group, 1, map->exchange->deadline_ns);
    ending->map = map;
    ending->plan.local = ending;
    ending->task.kind = CN_KIND_MAP_INTAKE;
    ending->task.group = &ending->group;
    ending->task.plan = &ending->plan;
    ending->task.done = ending_done;
    ending->task.owner = ending;
    if (threads->ops->submit(threads, &ending->task, NULL) == CN_OK)
        return true;
    free(ending);
    return false;
}

static void map_finish(struct cn_exchange *exchange) {
    struct map *map = exchange->state;

    cn_ledger_enter(&exchange->ledger, CN_STAGE_PLAN, cn_clock_now());
    if (map->body.len < CN_READ_AT_ONCE_BYTES || !cross_over(map))
        end_body(map);
}

/* ---- the end ------------------------------------------------------------------------------- */

static void map_gone(struct cn_exchange *exchange) {
    struct map *map = exchange->state;
    enum cn_code why = cn_exchange_why_gone(exchange);

    pthread_mutex_lock(&map->lock);
    map->gone = why; /* who reads the body looks when that is done */
    bool running = map->stage == MAP_RUNNING;
    pthread_mutex_unlock(&map->lock);
    if (running)
        cn_map_run_stop(&map->run, why);
}

static void map_close(struct cn_exchange *exchange) {
    struct map *map = exchange->state;

    if (!map)
        return;
    if (exchange->send_ns > 0)
        cn_runs_sent(exchange->service->runs, exchange->run, exchange->send_ns);
    release(map);
    exchange->state = NULL;
}

const struct cn_endpoint cn_endpoint_map = {
    .methods = "POST",
    .path = "/v1/map",
    .operation = CN_OPERATION_MAP,
    .takes_body = true,
    .works = true,
    .deferrable = true,
    .open = map_open,
    .body = map_body,
    .broken = map_broken,
    .finish = map_finish,
    .gone = map_gone,
    .close = map_close,
};

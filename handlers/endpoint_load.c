/*
 * endpoint_load.c: GET /v1/load: requests and their durations, second by second.
 */
#include "handlers/endpoint_reply.h"
#include "handlers/endpoints.h"
#include "handlers/load.h"
#include "handlers/query.h"
#include "handlers/service.h"

#define PERIOD_NS INT64_C(1000000000)

static enum cn_code read_seconds(struct cn_exchange *exchange, uint64_t *seconds,
                                 struct cn_error *error) {
    struct cn_query query;
    struct cn_query_pair pair;
    bool seen = false;
    cn_query_init(&query, exchange->query, &exchange->arena);
    for (;;) {
        CN_TRY(cn_query_next(&query, &pair, error));
        if (!pair.found)
            return CN_OK;
        if (!cn_str_is(pair.name, "seconds"))
            return cn_query_unknown(&pair, "seconds", error);
        if (seen) {
            cn_error_set_parameter(error, pair.name);
            return cn_error_set(error, CN_INVALID_PARAMETER,
                                "The parameter seconds is given twice.");
        }
        seen = true;
        CN_TRY(cn_query_number(&pair, 1, CN_LOAD_SECONDS, seconds, error));
    }
}

static enum cn_code load_open(struct cn_exchange *exchange, struct cn_error *error) {
    uint64_t *seconds = cn_arena_alloc(&exchange->arena, sizeof *seconds);
    if (!seconds)
        return cn_error_memory(error);
    *seconds = CN_LOAD_SECONDS;
    exchange->state = seconds;
    return read_seconds(exchange, seconds, error);
}

static void load_finish(struct cn_exchange *exchange) {
    struct cn_load *load = exchange->service->load;
    int64_t seconds = (int64_t) * (const uint64_t *)exchange->state;
    struct cn_load_point point;
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_json_out out;
    char now[32];
    cn_clock_format(cn_clock_wall(), now);
    cn_json_out_init(&out, &buf);
    cn_json_out_open(&out, NULL, '{');
    cn_json_out_int(&out, "period_ns", PERIOD_NS);
    cn_json_out_c(&out, "now", now);
    cn_json_out_open(&out, "points", '[');
    int64_t last = cn_load_second(load, cn_clock_now());
    for (int64_t second = last - seconds + 1; second <= last; second++)
        if (cn_load_look(load, second, &point))
            cn_load_point_write(&out, load, &point);
    cn_json_out_close(&out, ']');
    cn_json_out_close(&out, '}');
    cn_endpoint_reply_json(exchange, 200, &out);
}

const struct cn_endpoint cn_endpoint_load = {
    .methods = "GET", .path = "/v1/load", .open = load_open, .finish = load_finish};

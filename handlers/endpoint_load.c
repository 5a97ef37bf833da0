/*
 * endpoint_load.c: GET /v1/load: requests and their durations, second by second.
 */
#include "handlers/endpoint_reply.h"
#include "handlers/endpoints.h"
#include "handlers/load.h"
#include "handlers/service.h"

#define PERIOD_NS INT64_C(1000000000)

static enum cn_code load_open(struct cn_exchange *exchange, struct cn_error *error) {
    uint64_t *seconds = cn_arena_alloc(&exchange->arena, sizeof *seconds);
    if (!seconds)
        return cn_error_memory(error);
    *seconds = CN_LOAD_SECONDS;
    exchange->state = seconds;
    return cn_endpoint_read_number(exchange, "seconds", 1, CN_LOAD_SECONDS, seconds, error);
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

const struct cn_endpoint cn_endpoint_load = {.methods = "GET",
                                             .path = "/v1/load",
                                             .operation = CN_OPERATION_LOAD,
                                             .open = load_open,
                                             .finish = load_finish};

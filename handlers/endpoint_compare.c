/*
 * endpoint_compare.c: POST /v1/compare: the same work under one placement after another.
 *
 * The body is kept until it is complete; what it asks for is read at once if it is small, and on
 * the experiments' thread if it is not. The rest happens there.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "handlers/compare.h"
#include "handlers/endpoints.h"
#include "handlers/negotiate.h"
#include "handlers/origin.h"
#include "handlers/query.h"
#include "handlers/runs.h"
#include "handlers/shown.h"

static const char MEMBERS[] =
    "workload, executors, workers, modes, chunk_rows, rows, repeat and timeout_ms";

/* ---- the head --------------------------------------------------------------------------- */

static enum cn_code refuse_query(struct cn_exchange *exchange, struct cn_error *error) {
    static const char *const members[] = {"workload",   "executors", "workers", "modes",
                                          "chunk_rows", "rows",      "repeat",  "timeout_ms"};
    struct cn_query query;
    struct cn_query_pair pair;

    cn_query_init(&query, exchange->query, &exchange->arena);
    CN_TRY(cn_query_next(&query, &pair, error));
    if (!pair.found)
        return CN_OK;
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (!cn_str_is(pair.name, members[i]))
            continue;
        cn_error_set_parameter(error, pair.name);
        return cn_error_set(error, CN_INVALID_PARAMETER,
                            "%s does not stand in the query string but as a member of the JSON "
                            "body",
                            members[i]);
    }
    return cn_query_unknown(&pair, NULL, error);
}

static enum cn_code read_head(struct cn_exchange *exchange, struct cn_error *error) {
    struct cn_body_type type;
    const char *content_type = exchange->ops->header(exchange, "Content-Type");

    CN_TRY(cn_negotiate_body(content_type, NULL, false, &type, error));
    if (type.kind != CN_BODY_JSON && type.kind != CN_BODY_UNSTATED) {
        cn_error_set_value(error, cn_str_c(content_type));
        return cn_error_set(error, CN_UNSUPPORTED_MEDIA_TYPE,
                            "the body must be a JSON object (Content-Type: application/json) with "
                            "the members %s",
                            MEMBERS);
    }
    CN_TRY(cn_exchange_expect_coded(exchange, true, error));
    return refuse_query(exchange, error);
}

static enum cn_code compare_open(struct cn_exchange *exchange, struct cn_error *error) {
    struct cn_compare *compare = cn_arena_zalloc(&exchange->arena, sizeof *compare);

    if (!compare)
        return cn_error_memory(error);
    compare->exchange = exchange;
    cn_buf_init_blocks(&compare->body, exchange->service->blocks);
    cn_ledger_enter(&exchange->ledger, CN_STAGE_PLAN, cn_clock_now());
    if (read_head(exchange, error) != CN_OK) {
        cn_compare_record(compare, error);
        return error->code;
    }
    CN_TRY(cn_origin_new(exchange, "/v1/compare", true, error));
    exchange->state = compare;
    cn_ledger_enter(&exchange->ledger, CN_STAGE_RECEIVE, cn_clock_now());
    return CN_OK;
}

/* ---- the body --------------------------------------------------------------------------- */

static enum cn_body_verdict compare_body(struct cn_exchange *exchange, const char *data,
                                         size_t len) {
    struct cn_compare *compare = exchange->state;

    cn_origin_data(exchange->origin, cn_str(data, len));
    if (cn_buf_add(&compare->body, data, len))
        return CN_BODY_MORE;
    cn_error_memory(&exchange->error);
    cn_compare_record(compare, &exchange->error);
    return CN_BODY_REFUSE;
}

static void compare_broken(struct cn_exchange *exchange, const struct cn_error *error) {
    cn_compare_record(exchange->state, error);
}

/* ---- the experiment --------------------------------------------------------------------- */

static struct cn_compare *compare_of(struct cn_experiment *experiment) {
    return (struct cn_compare *)(void *)experiment;
}

static void run(struct cn_experiment *experiment) {
    struct cn_compare *compare = compare_of(experiment);
    cn_compare_run(compare, &compare->error);
}

static void end(struct cn_experiment *experiment, enum cn_code code) {
    struct cn_compare *compare = compare_of(experiment);

    if (code != CN_OK)
        cn_compare_stopped(code, &compare->error);
    if (compare->error.code == CN_OK)
        cn_compare_reply(compare);
    else
        cn_compare_fail(compare, &compare->error);
}

static void compare_finish(struct cn_exchange *exchange) {
    struct cn_compare *compare = exchange->state;
    struct cn_experiments *experiments = exchange->service->experiments;
    struct cn_error *error = &compare->error;
    enum cn_code code = CN_OK;

    cn_error_init(error);
    cn_origin_end(exchange->origin);
    cn_ledger_enter(&exchange->ledger, CN_STAGE_DECODE, cn_clock_now());
    if (compare->body.len < CN_READ_AT_ONCE_BYTES)
        code = cn_compare_settle(compare, error);
    if (code == CN_OK) {
        cn_ledger_enter(&exchange->ledger, CN_STAGE_QUEUE, cn_clock_now());
        compare->experiment.run = run;
        compare->experiment.end = end;
        compare->experiment.deadline_ns = exchange->deadline_ns;
        code = cn_experiments_submit(experiments, &compare->experiment, error);
    }
    if (code != CN_OK)
        cn_compare_fail(compare, error);
}

static void compare_gone(struct cn_exchange *exchange) {
    struct cn_compare *compare = exchange->state;
    cn_experiments_stop(exchange->service->experiments, &compare->experiment,
                        cn_exchange_why_gone(exchange));
}

static void compare_close(struct cn_exchange *exchange) {
    struct cn_compare *compare = exchange->state;

    if (exchange->send_ns > 0)
        cn_runs_sent(exchange->service->runs, exchange->run, exchange->send_ns);
    cn_compare_release(compare);
    cn_origin_release(exchange->origin);
    exchange->state = NULL;
}

const struct cn_endpoint cn_endpoint_compare = {
    .methods = "POST",
    .path = "/v1/compare",
    .operation = CN_OPERATION_COMPARE,
    .takes_body = true,
    .works = true,
    .deferrable = true,
    .open = compare_open,
    .body = compare_body,
    .broken = compare_broken,
    .finish = compare_finish,
    .gone = compare_gone,
    .close = compare_close,
};

/*
 * endpoint_runs.c: GET /v1/runs, newest first, from memory and then from the history; and
 * GET /v1/runs/{id}.
 */
#include <string.h>

#include "handlers/api.h"
#include "handlers/endpoint_reply.h"
#include "handlers/endpoints.h"
#include "handlers/history.h"
#include "handlers/query.h"
#include "handlers/run_document.h"
#include "handlers/run_lookup.h"
#include "handlers/run_search.h"
#include "handlers/service.h"

/* ---- what is asked for -------------------------------------------------------------------- */

struct listing {
    uint64_t limit;
    struct cn_str before; /* a run's id; "": none */
    const char *operation;
    struct cn_search search;
    /* while it is written */
    struct cn_json_out out;
    struct cn_buf text; /* of a run, to search in */
    uint64_t before_seq;
    uint64_t oldest_seq; /* in memory */
    uint64_t n;
    char last[33]; /* the last id that was written */
    bool more;     /* there is a run behind it */
};

enum parameter { LIMIT, BEFORE, QUERY, OPERATION, N_PARAMETERS };
static const char *const names[N_PARAMETERS] = {"limit", "before", "q", "operation"};

static enum cn_code read_operation(struct listing *listing, const struct cn_query_pair *pair,
                                   struct cn_error *error) {
    static const char *const known[] = {"compute", "map", "compare"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (cn_str_is(pair->value, known[i]))
            listing->operation = known[i];
    if (listing->operation)
        return CN_OK;
    cn_error_set_parameter(error, pair->name);
    cn_error_set_value(error, pair->value);
    return cn_error_set(error, CN_INVALID_PARAMETER, "operation must be compute, map or compare");
}

static enum cn_code read_search(struct cn_exchange *exchange, struct listing *listing,
                                const struct cn_query_pair *pair, struct cn_error *error) {
    enum cn_code code = cn_search_init(&listing->search, pair->value, &exchange->arena, error);
    if (code == CN_INVALID_PARAMETER)
        cn_error_set_parameter(error, pair->name);
    return code;
}

static enum cn_code read_parameter(struct cn_exchange *exchange, struct listing *listing,
                                   const struct cn_query_pair *pair, unsigned *seen,
                                   struct cn_error *error) {
    enum parameter which = LIMIT;
    while (which < N_PARAMETERS && !cn_str_is(pair->name, names[which]))
        which++;
    if (which == N_PARAMETERS)
        return cn_query_unknown(pair, "limit, before, q and operation", error);
    if (*seen >> which & 1) {
        cn_error_set_parameter(error, pair->name);
        return cn_error_set(error, CN_INVALID_PARAMETER, "The parameter %s is given twice.",
                            names[which]);
    }
    *seen |= 1u << which;
    switch (which) {
    case LIMIT:
        return cn_query_number(pair, 0, CN_RUNS_LIMIT_MOST, &listing->limit, error);
    case BEFORE:
        listing->before = pair->value;
        return CN_OK;
    case QUERY:
        return read_search(exchange, listing, pair, error);
    default:
        return read_operation(listing, pair, error);
    }
}

static enum cn_code runs_open(struct cn_exchange *exchange, struct cn_error *error) {
    struct listing *listing = cn_arena_zalloc(&exchange->arena, sizeof *listing);
    struct cn_query query;
    struct cn_query_pair pair;
    unsigned seen = 0;
    if (!listing)
        return cn_error_memory(error);
    listing->limit = CN_RUNS_LIMIT_DEFAULT;
    exchange->state = listing;
    cn_query_init(&query, exchange->query, &exchange->arena);
    for (;;) {
        CN_TRY(cn_query_next(&query, &pair, error));
        if (!pair.found)
            return CN_OK;
        CN_TRY(read_parameter(exchange, listing, &pair, &seen, error));
    }
}

/* ---- the list ----------------------------------------------------------------------------- */

static void note_seq(const struct cn_run_record *record, void *context) {
    *(uint64_t *)context = record->seq;
}

/* The number that all listed runs must be below. */
static enum cn_code find_before(struct cn_exchange *exchange, struct listing *listing,
                                struct cn_error *error) {
    struct cn_runs *runs = exchange->service->runs;
    struct cn_history *history = cn_runs_history(runs);
    enum cn_code code = CN_OK;
    listing->before_seq = UINT64_MAX;
    if (!listing->before.data ||
        cn_runs_find(runs, listing->before.data, note_seq, &listing->before_seq))
        return CN_OK;
    code = history ? cn_history_seq(history, listing->before.data, &listing->before_seq, error)
                   : CN_NOT_FOUND;
    if (code != CN_NOT_FOUND)
        return code;
    cn_error_set_parameter(error, CN_STR("before"));
    cn_error_set_value(error, listing->before);
    return cn_error_set(error, CN_INVALID_PARAMETER,
                        "before must be the id of a run; there is none with this one, or it was "
                        "forgotten");
}

/* Whether there is room for one more in the list. */
static bool take_place(struct listing *listing, const char *id) {
    if (listing->n == listing->limit) {
        listing->more = true;
        return false;
    }
    memcpy(listing->last, id, sizeof listing->last - 1);
    listing->n++;
    return true;
}

static bool fits(struct listing *listing, const struct cn_run_record *record) {
    if (record->seq >= listing->before_seq ||
        (listing->operation && strcmp(listing->operation, record->operation) != 0))
        return false;
    if (listing->search.n_words == 0)
        return true;
    if (cn_search_text(&listing->text, record))
        return cn_search_match(&listing->search, cn_buf_str(&listing->text));
    listing->out.ok = false;
    return false;
}

static void write_kept(const struct cn_run_record *record, void *context) {
    struct listing *listing = context;
    listing->oldest_seq = record->seq;
    if (!listing->more && fits(listing, record) && take_place(listing, record->id))
        cn_run_summary_write(&listing->out, record);
}

static void write_saved(const char *id, struct cn_str summary, void *context) {
    struct listing *listing = context;
    if (!take_place(listing, id))
        return;
    cn_json_out_key(&listing->out, NULL);
    listing->out.ok = cn_buf_add_str(listing->out.buf, summary) && listing->out.ok;
}

/* Runs that were dropped from memory after it was looked at were saved before, and are found. */
static enum cn_code list_history(struct cn_exchange *exchange, struct listing *listing,
                                 struct cn_error *error) {
    struct cn_history *history = cn_runs_history(exchange->service->runs);
    struct cn_history_query query = {.before_seq = listing->before_seq,
                                     .operation = listing->operation,
                                     .search = &listing->search,
                                     .limit = (size_t)(listing->limit - listing->n) + 1};
    if (listing->oldest_seq < query.before_seq)
        query.before_seq = listing->oldest_seq;
    if (!history || listing->more)
        return CN_OK;
    return cn_history_list(history, &query, write_saved, listing, error);
}

static void runs_finish(struct cn_exchange *exchange) {
    struct listing *listing = exchange->state;
    struct cn_history *history = cn_runs_history(exchange->service->runs);
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_error error;
    cn_error_init(&error);
    cn_json_out_init(&listing->out, &buf);
    if (find_before(exchange, listing, &error) != CN_OK) {
        cn_exchange_fail(exchange, &error, NULL);
        return;
    }
    cn_json_out_open(&listing->out, NULL, '{');
    cn_json_out_open(&listing->out, "runs", '[');
    listing->oldest_seq = UINT64_MAX;
    cn_runs_each(exchange->service->runs, SIZE_MAX, write_kept, listing);
    /* Without the file, what is in memory is shown, and why there is no more. */
    enum cn_code code = list_history(exchange, listing, &error);
    cn_json_out_close(&listing->out, ']');
    cn_json_out_c(&listing->out, "next", listing->more && listing->n ? listing->last : NULL);
    cn_json_out_open(&listing->out, "history", '{');
    cn_json_out_bool(&listing->out, "durable", history != NULL);
    if (code != CN_OK)
        cn_json_out_c(&listing->out, "error", error.detail);
    else if (history && cn_history_failing(history))
        cn_json_out_c(&listing->out, "error",
                      "The history cannot be written at the moment; new runs are in memory only.");
    cn_json_out_close(&listing->out, '}');
    cn_json_out_close(&listing->out, '}');
    cn_endpoint_reply_json(exchange, 200, &listing->out);
    cn_buf_release(&listing->text);
}

const struct cn_endpoint cn_endpoint_runs = {.methods = "GET",
                                             .path = "/v1/runs",
                                             .operation = CN_OPERATION_RUNS,
                                             .open = runs_open,
                                             .finish = runs_finish};

/* ---- GET /v1/runs/{id} --------------------------------------------------------------------- */

static void run_finish(struct cn_exchange *exchange) {
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_json_out out;
    struct cn_error error;
    cn_error_init(&error);
    cn_json_out_init(&out, &buf);
    if (cn_run_lookup_document(exchange, &buf, &error) == CN_OK) {
        cn_endpoint_reply_json(exchange, 200, &out);
        return;
    }
    cn_buf_release(&buf);
    cn_exchange_fail(exchange, &error, NULL);
}

const struct cn_endpoint cn_endpoint_run = {.methods = "GET",
                                            .path = "/v1/runs/{id}",
                                            .operation = CN_OPERATION_RUN,
                                            .open = cn_endpoint_open_plain,
                                            .finish = run_finish};

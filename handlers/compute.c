/*
 * compute.c: POST /v1/compute: columns in, computed columns and hashes out.
 */
#include "handlers/compute.h"

#include <stdlib.h>

#include "handlers/endpoints.h"
#include "handlers/query.h"

enum cn_code cn_compute_parse_lets(struct cn_compute *compute, struct cn_error *error) {
    const struct cn_options *options = &compute->options;
    enum cn_code code;

    cn_recipe_free(compute->recipe); /* a body that turned out to be JSON: the query had no lets */
    compute->recipe = NULL;
    code = cn_recipe_parse(&compute->recipe, options->lets, options->n_lets,
                           &options->limits->expression, error);
    if (code == CN_OK)
        return CN_OK;
    cn_options_explain(options, error);
    if (error->let >= 0 && (size_t)error->let < options->n_lets) {
        struct cn_str text = options->lets[error->let].text;
        compute->exchange->expression =
            cn_arena_strndup(&compute->exchange->arena, text.data, text.len);
    }
    return error->code;
}

/* An error that names a let gets the text of it. */
static void attach_expression(struct cn_compute *compute, const struct cn_error *error) {
    if (error->let >= 0 && (size_t)error->let < compute->options.n_lets) {
        struct cn_str text = compute->options.lets[error->let].text;
        compute->exchange->expression =
            cn_arena_strndup(&compute->exchange->arena, text.data, text.len);
    }
}

/* `timeout_ms` counts from the request line on. */
static void set_deadline(struct cn_compute *compute) {
    struct cn_exchange *exchange = compute->exchange;
    uint64_t ms = compute->options.timeout_ms;
    int64_t at;

    if (ms == 0 || ms > INT64_MAX / 1000000 / 2)
        return;
    at = exchange->started_ns + (int64_t)ms * 1000000;
    if (exchange->deadline_ns == 0 || at < exchange->deadline_ns)
        exchange->deadline_ns = at;
}

static enum cn_code choose_sink(const struct cn_compute *compute, enum cn_source source,
                                enum cn_sink *sink, struct cn_error *error) {
    enum cn_reply_kind kind = source == CN_SOURCE_CSV ? CN_REPLY_CSV : CN_REPLY_JSON;

    CN_TRY(cn_negotiate_reply(compute->accept, &kind, error));
    *sink = kind == CN_REPLY_JSON ? CN_SINK_JSON : CN_SINK_CSV;
    return CN_OK;
}

enum cn_code cn_compute_begin(struct cn_compute *compute, enum cn_source source,
                              const struct cn_str *names, size_t n_names, struct cn_error *error) {
    struct cn_recipe *recipe = compute->recipe;
    struct cn_spec *spec = NULL;
    struct cn_schema_column *columns;
    struct cn_schema schema;
    enum cn_sink sink;

    set_deadline(compute);
    CN_TRY(choose_sink(compute, source, &sink, error));
    if (compute->options.delimiter == 0)
        compute->options.delimiter = ',';
    compute->recipe = NULL;
    CN_TRY(cn_spec_new(&spec, &compute->options, source, sink, recipe, names, n_names, error));
    CN_TRY(cn_job_new(&compute->job, compute->exchange, spec, error));
    pthread_mutex_lock(&compute->job->lock);
    compute->job->renamed = compute->options.n_rename > 0;
    compute->job->tsv = compute->tsv;
    compute->job->has_limit = compute->options.has_limit;
    compute->job->limit = compute->options.limit;
    columns = cn_arena_array(&compute->exchange->arena, n_names, sizeof *columns);
    if (!columns)
        return cn_error_memory(error);
    for (size_t i = 0; i < n_names; i++)
        columns[i] = (struct cn_schema_column){.name = spec->columns[i].name};
    schema = (struct cn_schema){columns, n_names};
    CN_TRY(cn_recipe_resolve(spec->recipe, &schema, error));
    return cn_recipe_uses(spec->recipe, &schema, compute->job->used, error);
}

/* Options that are wrong, or stand where none may. */
static enum cn_code read_query(struct cn_compute *compute, struct cn_error *error) {
    struct cn_exchange *exchange = compute->exchange;
    struct cn_query query;
    struct cn_query_pair pair;

    CN_TRY(cn_options_set_query(&compute->options, exchange->query, error));
    cn_query_init(&query, exchange->query, &exchange->arena);
    CN_TRY(cn_query_next(&query, &pair, error));
    compute->has_query = pair.found;
    return CN_OK;
}

static enum cn_code refuse_query(const struct cn_compute *compute, const char *instead,
                                 struct cn_error *error) {
    struct cn_query query;
    struct cn_query_pair pair;

    if (!compute->has_query)
        return CN_OK;
    cn_query_init(&query, compute->exchange->query, &compute->exchange->arena);
    CN_TRY(cn_query_next(&query, &pair, error));
    cn_error_set_parameter(error, pair.name);
    return cn_error_set(error, CN_INVALID_PARAMETER,
                        "with this kind of body, options do not stand in the query string but %s",
                        instead);
}

/* What is known of the body's kind has consequences for its options. */
enum cn_code cn_compute_settle_kind(struct cn_compute *compute, enum cn_body_kind kind,
                                    struct cn_error *error) {
    struct cn_options *options = &compute->options;

    compute->kind = kind;
    if (kind == CN_BODY_JSON)
        return compute->form ? CN_OK : refuse_query(compute, "as members of the JSON body", error);
    compute->tsv = kind == CN_BODY_TSV;
    if (options->delimiter == 0)
        options->delimiter = compute->tsv ? '\t' : ',';
    if (compute->type.header == CN_HEADER_ABSENT)
        options->header = false;
    return CN_OK;
}

static enum cn_code open_body(struct cn_compute *compute, struct cn_error *error) {
    struct cn_exchange *exchange = compute->exchange;
    enum cn_reply_kind any = CN_REPLY_CSV;

    CN_TRY(cn_negotiate_encoding(exchange->ops->header(exchange, "Content-Encoding"), error));
    CN_TRY(cn_negotiate_body(exchange->ops->header(exchange, "Content-Type"), NULL, false,
                             &compute->type, error));
    compute->accept = exchange->ops->header(exchange, "Accept");
    CN_TRY(cn_negotiate_reply(compute->accept, &any, error));
    CN_TRY(read_query(compute, error));
    if (compute->type.kind == CN_BODY_MULTIPART) {
        compute->form = true;
        CN_TRY(refuse_query(compute, "in parts of the form", error));
        return cn_form_new(compute, error);
    }
    if (compute->type.kind != CN_BODY_UNSTATED)
        CN_TRY(cn_compute_settle_kind(compute, compute->type.kind, error));
    set_deadline(compute);
    if (compute->kind == CN_BODY_JSON)
        return CN_OK;
    return cn_compute_parse_lets(compute, error);
}

static void compute_release(struct cn_compute *compute) {
    cn_form_free(compute);
    cn_recipe_free(compute->recipe);
    cn_buf_release(&compute->text);
    if (compute->job) {
        struct cn_job *job = compute->job;
        pthread_mutex_lock(&job->lock);
        if (job->phase != CN_JOB_ENDED)
            cn_job_fail(job, CN_CANCELLED, NULL);
        job->exchange = NULL;
        if (!compute->intake.in_job)
            cn_intake_release(compute);
        pthread_mutex_unlock(&job->lock);
        cn_job_unref(job);
    } else {
        cn_intake_release(compute);
    }
}

static enum cn_code compute_open(struct cn_exchange *exchange, struct cn_error *error) {
    struct cn_compute *compute = cn_arena_zalloc(&exchange->arena, sizeof *compute);
    enum cn_code code;

    if (!compute)
        return cn_error_memory(error);
    cn_ledger_enter(&exchange->ledger, CN_STAGE_PLAN, cn_clock_now());
    compute->exchange = exchange;
    exchange->state = compute;
    cn_buf_init_blocks(&compute->text, exchange->service->blocks);
    cn_options_init(&compute->options, &exchange->arena, &exchange->service->limits);
    code = open_body(compute, error);
    if (code != CN_OK) {
        compute_release(compute);
        exchange->state = NULL;
        return code;
    }
    cn_ledger_enter(&exchange->ledger, CN_STAGE_RECEIVE, cn_clock_now());
    return CN_OK;
}

/* JSON is kept until it is complete; so is the start of a body whose kind is not known yet. */
static enum cn_code take(struct cn_compute *compute, struct cn_str text, struct cn_error *error) {
    if (compute->form)
        return cn_form_feed(compute, text, error);
    if (compute->kind == CN_BODY_CSV || compute->kind == CN_BODY_TSV)
        return cn_intake_text(compute, text, error);
    if (!cn_buf_add_str(&compute->text, text))
        return cn_error_memory(error);
    if (compute->kind == CN_BODY_UNSTATED) {
        struct cn_str so_far = cn_buf_str(&compute->text);
        enum cn_body_kind kind = cn_body_sniff(&compute->type, so_far, false);
        if (kind == CN_BODY_UNSTATED)
            return CN_OK;
        CN_TRY(cn_compute_settle_kind(compute, kind, error));
        if (kind != CN_BODY_JSON) {
            CN_TRY(cn_intake_text(compute, so_far, error));
            cn_buf_release(&compute->text);
        }
    }
    return CN_OK;
}

/* After every step: pump the job, and notice when it has failed. Gives up the job's lock. */
static enum cn_code pump(struct cn_compute *compute, enum cn_code code, struct cn_error *error) {
    struct cn_job *job = compute->job;

    if (!job)
        return code;
    if (code == CN_OK && job->slots) {
        cn_job_pump(job);
        if (job->code == CN_OK && job->failed_body)
            cn_job_body_fault(job);
        if (job->code != CN_OK) {
            *error = job->error;
            code = job->code;
        }
    }
    pthread_mutex_unlock(&job->lock);
    return code;
}

/* A request that ends before its job could reply: the run is recorded all the same. */
static void note_refusal(struct cn_compute *compute, const struct cn_error *error) {
    struct cn_job *job = compute->job;
    struct cn_ledger ledger;

    attach_expression(compute, error);
    if (!job)
        return;
    pthread_mutex_lock(&job->lock);
    job->delivered = true;
    ledger = cn_job_ledger(job, cn_clock_now());
    cn_job_record(job, cn_code_status(error->code), &ledger, error);
    pthread_mutex_unlock(&job->lock);
}

static enum cn_body_verdict compute_body(struct cn_exchange *exchange, const char *data,
                                         size_t len) {
    struct cn_compute *compute = exchange->state;
    struct cn_error error;
    enum cn_code code;

    cn_error_init(&error);
    if (compute->job)
        pthread_mutex_lock(&compute->job->lock);
    code = take(compute, cn_str(data, len), &error);
    code = pump(compute, code, &error);
    if (code == CN_OK)
        return CN_BODY_MORE;
    note_refusal(compute, &error);
    exchange->error = error;
    return CN_BODY_REFUSE;
}

static enum cn_code end_body(struct cn_compute *compute, struct cn_error *error) {
    if (compute->form) {
        CN_TRY(cn_form_end(compute, error));
    } else if (compute->kind == CN_BODY_UNSTATED) {
        CN_TRY(cn_compute_settle_kind(
            compute, cn_body_sniff(&compute->type, cn_buf_str(&compute->text), true), error));
        if (compute->kind != CN_BODY_JSON)
            CN_TRY(cn_intake_text(compute, cn_buf_str(&compute->text), error));
    }
    if (compute->kind == CN_BODY_JSON)
        return cn_intake_json(compute, error);
    return cn_intake_end(compute, error);
}

static void compute_finish(struct cn_exchange *exchange) {
    struct cn_compute *compute = exchange->state;
    struct cn_job *job;
    struct cn_error error;
    enum cn_code code;
    bool deliver = false;

    cn_error_init(&error);
    if (compute->job)
        pthread_mutex_lock(&compute->job->lock);
    /* What is left to do with the text, up to the first chunk, counts as planning. */
    cn_ledger_enter(&exchange->ledger, CN_STAGE_PLAN, cn_clock_now());
    code = end_body(compute, &error);
    job = compute->job;
    if (job && code == CN_OK) {
        cn_ledger_enter(&exchange->ledger, CN_STAGE_QUEUE, cn_clock_now());
        job->body_complete = true;
        job->wants_reply = true;
        deliver = cn_job_pump(job);
        job->refs++; /* the reply may close the exchange at once */
    }
    if (job)
        pthread_mutex_unlock(&job->lock);
    if (deliver)
        cn_job_deliver(job);
    if (job && code == CN_OK)
        cn_job_unref(job);
    if (code != CN_OK) {
        note_refusal(compute, &error);
        cn_exchange_fail(exchange, &error, NULL);
    }
}

/* The client left, or its time is over. */
static void compute_gone(struct cn_exchange *exchange) {
    struct cn_compute *compute = exchange->state;
    struct cn_job *job = compute->job;
    enum cn_code code = CN_CANCELLED;

    if (!job || !job->slots)
        return;
    if (exchange->deadline_ns > 0 && cn_clock_now() >= exchange->deadline_ns)
        code = CN_DEADLINE_EXCEEDED;
    else if (atomic_load(&exchange->service->draining))
        code = CN_DRAINING; /* the grace time is over */
    pthread_mutex_lock(&job->lock);
    cn_job_fail(job, code, NULL);
    if (cn_job_pump(job)) {
        job->refs++;
        pthread_mutex_unlock(&job->lock);
        cn_job_deliver(job);
        cn_job_unref(job);
        return;
    }
    pthread_mutex_unlock(&job->lock);
}

static void compute_close(struct cn_exchange *exchange) {
    struct cn_compute *compute = exchange->state;

    if (!compute)
        return;
    if (exchange->send_ns > 0)
        cn_runs_sent(exchange->service->runs, exchange->run, exchange->send_ns);
    compute_release(compute);
    exchange->state = NULL;
}

const struct cn_endpoint cn_endpoint_compute = {
    .methods = "POST,PUT,QUERY",
    .path = "/v1/compute",
    .takes_body = true,
    .works = true,
    .open = compute_open,
    .body = compute_body,
    .finish = compute_finish,
    .gone = compute_gone,
    .close = compute_close,
};

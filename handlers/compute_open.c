/*
 * compute_open.c: what a request for a computation asks for: head, query, and, when the names of
 * the columns are known, the job.
 */
#include "handlers/compute.h"
#include "handlers/origin.h"
#include "handlers/query.h"

enum cn_code cn_compute_parse_lets(struct cn_compute *compute, struct cn_error *error) {
    const struct cn_options *options = &compute->options;
    enum cn_code code;

    CN_TRY(cn_executor_available(compute->exchange->service, options->executor, "executor", error));
    cn_recipe_free(compute->recipe); /* a body that turned out to be JSON: the query had no lets */
    compute->recipe = NULL;
    code = cn_recipe_parse(&compute->recipe, options->lets, options->n_lets,
                           &options->limits->expression, error);
    if (code == CN_OK)
        return cn_recipe_uses_keys(compute->recipe)
                   ? cn_executor_may_have_keys(options->executor, "executor", error)
                   : CN_OK;
    cn_options_explain(options, error);
    return error->code;
}

void cn_compute_set_deadline(struct cn_compute *compute) {
    cn_exchange_shorten_deadline(compute->exchange, compute->options.timeout_ms);
}

static enum cn_code choose_sink(struct cn_compute *compute, enum cn_source source,
                                enum cn_sink *sink, struct cn_error *error) {
    enum cn_reply_kind kind = CN_REPLY_JSON;

    if (source == CN_SOURCE_CSV)
        kind = compute->tsv ? CN_REPLY_TSV : CN_REPLY_CSV;
    CN_TRY(cn_negotiate_reply(compute->accept, compute->options.delimiter == '\t', &kind, error));
    *sink = kind == CN_REPLY_JSON ? CN_SINK_JSON : CN_SINK_CSV;
    compute->tsv = kind == CN_REPLY_TSV;
    return CN_OK;
}

enum cn_code cn_compute_begin(struct cn_compute *compute, enum cn_source source,
                              const struct cn_str *names, size_t n_names, struct cn_error *error) {
    struct cn_recipe *recipe = compute->recipe;
    struct cn_spec *spec = NULL;
    struct cn_schema_column *columns;
    struct cn_schema schema;
    enum cn_sink sink;

    cn_compute_set_deadline(compute);
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
    if (compute->options.repeat > 1)
        CN_TRY(cn_job_measure(compute->job, compute->options.repeat, false, error));
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

    cn_origin_query(exchange->origin, exchange->query);
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

/* What the data call themselves; a type that says so has no header line. */
static const char *name_data(const struct cn_compute *compute, enum cn_body_kind kind) {
    bool bare = compute->type.header == CN_HEADER_ABSENT;
    if (kind == CN_BODY_JSON)
        return CN_ORIGIN_JSON;
    if (kind == CN_BODY_TSV)
        return "text/tab-separated-values";
    return bare ? "text/csv; header=absent" : "text/csv";
}

/* What is known of the body's kind has consequences for its options. */
enum cn_code cn_compute_settle_kind(struct cn_compute *compute, enum cn_body_kind kind,
                                    struct cn_error *error) {
    struct cn_options *options = &compute->options;

    compute->kind = kind;
    cn_origin_upload(compute->exchange->origin, name_data(compute, kind));
    if (kind == CN_BODY_JSON)
        return compute->form ? CN_OK : refuse_query(compute, "as members of the JSON body", error);
    compute->tsv = kind == CN_BODY_TSV;
    if (options->delimiter == 0)
        options->delimiter = compute->tsv ? '\t' : ',';
    if (compute->type.header == CN_HEADER_ABSENT)
        options->header = false;
    return CN_OK;
}

enum cn_code cn_compute_read_head(struct cn_compute *compute, struct cn_error *error) {
    struct cn_exchange *exchange = compute->exchange;
    enum cn_reply_kind any = CN_REPLY_CSV;

    CN_TRY(cn_exchange_expect_coded(exchange, true, error));
    CN_TRY(cn_negotiate_body(exchange->ops->header(exchange, "Content-Type"), NULL, false,
                             &compute->type, error));
    compute->accept = exchange->ops->header(exchange, "Accept");
    CN_TRY(cn_negotiate_reply(compute->accept, true, &any, error));
    CN_TRY(read_query(compute, error));
    if (compute->type.kind == CN_BODY_MULTIPART) {
        compute->form = true;
        CN_TRY(refuse_query(compute, "in parts of the form", error));
        return cn_form_new(compute, error);
    }
    if (compute->type.kind != CN_BODY_UNSTATED)
        CN_TRY(cn_compute_settle_kind(compute, compute->type.kind, error));
    cn_compute_set_deadline(compute);
    if (compute->kind == CN_BODY_JSON)
        return CN_OK;
    CN_TRY(cn_compute_parse_lets(compute, error));
    return cn_recipe_check_early(compute->recipe, exchange->service->keys, error);
}

/*
 * reply.c: a job that has ended into a reply. The chunks' data leaves as it is; only the text
 * around it is made here.
 */
#include "handlers/job.h"
#include "handlers/reserve.h"

#include <stdlib.h>

#define TYPES_HEADER_BYTES 4096

static bool add_name(struct cn_buf *out, struct cn_str name) {
    return cn_json_write_string(out, name);
}

bool cn_reply_json_column(const struct cn_job *job, size_t output, struct cn_buf *out) {
    return cn_buf_add_c(out, output == 0 ? "" : "],") &&
           add_name(out, job->spec->outputs[output].name) && cn_buf_add_c(out, ":[");
}

bool cn_reply_json_head(struct cn_job *job, struct cn_buf *out) {
    return cn_buf_printf(out, "{\"run\":\"%s\",\"rows\":%zu,\"columns\":{", job->exchange->run,
                         cn_job_total_rows(job));
}

static bool json_types(struct cn_job *job, struct cn_buf *out) {
    const struct cn_spec *spec = job->spec;
    bool ok = cn_buf_add_c(out, "},\"types\":{");

    for (size_t o = 0; o < spec->n_outputs && ok; o++)
        ok = (o == 0 || cn_buf_add_char(out, ',')) && add_name(out, spec->outputs[o].name) &&
             cn_buf_printf(out, ":\"%s\"", cn_type_name(cn_plan_output_type(job->output_plan, o)));
    ok = ok && cn_buf_add_c(out, "},\"input_types\":{");
    for (size_t c = 0, n = 0; c < spec->n_columns && ok; c++) {
        ok = (n++ == 0 || cn_buf_add_char(out, ',')) && add_name(out, spec->columns[c].name) &&
             cn_buf_printf(out, ":\"%s\"", cn_type_name(job->types[c]));
    }
    return ok;
}

static bool json_recipe(struct cn_job *job, struct cn_buf *out) {
    struct cn_recipe *recipe = job->spec->recipe;
    bool ok = cn_buf_add_c(out, "},\"recipe\":[");
    struct cn_buf line;

    cn_buf_init(&line);
    for (size_t i = 0; i < cn_recipe_lets(recipe) && ok; i++) {
        line.len = 0;
        ok = (i == 0 || cn_buf_add_char(out, ',')) && cn_recipe_print(recipe, i, &line) &&
             cn_json_write_string(out, cn_buf_str(&line));
    }
    cn_buf_release(&line);
    ok = ok && cn_buf_add_c(out, "],\"errors\":{");
    for (size_t i = 0; i < cn_recipe_lets(recipe) && ok; i++)
        ok = (i == 0 || cn_buf_add_char(out, ',')) && add_name(out, cn_recipe_name(recipe, i)) &&
             cn_buf_printf(out, ":%llu", (unsigned long long)job->let_errors[i]);
    return ok;
}

bool cn_reply_json_tail(struct cn_job *job, struct cn_buf *out) {
    struct cn_run_worker *workers;
    struct cn_ledger ledger;
    size_t n_workers;
    bool ok = cn_buf_add_c(out, job->spec->n_outputs > 0 ? "]" : "") && json_types(job, out) &&
              json_recipe(job, out);

    ok = ok &&
         cn_buf_printf(out,
                       "},\"execution\":{\"executor\":\"%s\",\"workers\":%zu,\"chunks\":%zu,"
                       "\"chunk_rows\":%llu,\"mode\":\"%s\",%s\"reason\":",
                       cn_executor_kind_name(job->executor_kind), job->width, job->n_chunks,
                       (unsigned long long)cn_job_chunk_rows(job), cn_mode_name(job->spec->mode),
                       job->executor_kind == CN_EXECUTOR_GIL ? "\"emulation\":true," : "");
    ok = ok && cn_json_write_string(out, cn_str_c(cn_job_reason(job)));
    job->ledger = ledger = cn_job_ledger(job, cn_clock_now());
    job->closed = true;
    workers = cn_job_workers(job, &n_workers);
    return ok && cn_buf_add_c(out, "},\"timing\":") &&
           cn_timing_write(out, &(struct cn_timing){&ledger, workers, n_workers, job->samples,
                                                    job->n_samples}) &&
           cn_buf_add_c(out, "}\n");
}

/* The header line: as it came in where it can be, with the names of added columns. */
bool cn_reply_csv_head(const struct cn_job *job, struct cn_buf *out) {
    const struct cn_spec *spec = job->spec;
    bool ok = true;
    bool as_is = spec->verbatim && !job->renamed && job->header.data;

    if (!spec->dialect.header || spec->n_outputs == 0)
        return true;
    if (as_is)
        ok = cn_buf_add_str(out, job->header);
    for (size_t o = as_is ? spec->n_columns : 0; o < spec->n_outputs && ok; o++)
        ok = (o == 0 || cn_buf_add_char(out, spec->delimiter)) &&
             cn_csv_write_string(out, spec->outputs[o].name, spec->delimiter);
    if (spec->source != CN_SOURCE_CSV)
        return ok && cn_buf_add_char(out, '\n');
    if (job->header_end == 2)
        return ok && cn_buf_add_c(out, "\r\n");
    return ok && (job->header_end == 0 || cn_buf_add_char(out, '\n'));
}

/* Colonnade-Types, whole entries up to 4 KiB. Control characters cannot stand in a header. */
static void add_types_header(struct cn_job *job) {
    char text[TYPES_HEADER_BYTES + 1];
    size_t len = 0;

    for (size_t c = 0; c < job->spec->n_columns; c++) {
        struct cn_str name = job->spec->columns[c].name;
        const char *type = cn_type_name(job->types[c]);
        if (3 * name.len + strlen(type) + 2 > TYPES_HEADER_BYTES - len)
            break;
        if (c > 0)
            text[len++] = ',';
        for (size_t i = 0; i < name.len; i++) {
            unsigned char byte = (unsigned char)name.data[i];
            if (byte >= 0x20 && byte != 0x7f)
                text[len++] = (char)byte;
            else
                len += (size_t)snprintf(text + len, 4, "%%%02X", byte);
        }
        len += (size_t)snprintf(text + len, sizeof text - len, ":%s", type);
    }
    text[len] = '\0';
    if (len > 0) /* a field cannot be empty */
        cn_reply_add_header(job->exchange, "Colonnade-Types", text);
}

static void add_errors_header(struct cn_job *job) {
    struct cn_buf text;
    bool ok = true;

    cn_buf_init(&text);
    for (size_t i = 0; i < cn_recipe_lets(job->spec->recipe) && ok; i++) {
        uint64_t errors = job->let_errors[i];
        struct cn_str name = cn_recipe_name(job->spec->recipe, i);
        if (errors == 0)
            continue;
        ok = text.len == 0 || cn_buf_add_char(&text, ',');
        for (size_t k = 0; k < name.len && ok; k++) {
            unsigned char byte = (unsigned char)name.data[k];
            ok = byte >= 0x20 && byte != 0x7f ? cn_buf_add_char(&text, (char)byte)
                                              : cn_buf_printf(&text, "%%%02X", byte);
        }
        ok = ok && cn_buf_printf(&text, "=%llu", (unsigned long long)errors);
    }
    if (ok && text.len > 0 && text.len <= TYPES_HEADER_BYTES && cn_buf_add_char(&text, '\0'))
        cn_reply_add_header(job->exchange, "Colonnade-Errors", text.data);
    cn_buf_release(&text);
}

static void add_headers(struct cn_job *job, const struct cn_ledger *ledger, bool streamed) {
    struct cn_exchange *exchange = job->exchange;

    cn_reply_add_timing(exchange, ledger);
    if (job->spec->sink == CN_SINK_CSV) {
        char rows[24];
        snprintf(rows, sizeof rows, "%zu", cn_job_total_rows(job));
        cn_reply_add_header(exchange, "Colonnade-Rows", rows);
        add_types_header(job);
        if (job->spec->null_on_error && !streamed)
            add_errors_header(job);
    }
    exchange->reply.status = 200;
    exchange->reply.content_type = job->spec->sink == CN_SINK_JSON
                                       ? "application/json; charset=utf-8"
                                   : job->tsv ? "text/tab-separated-values; charset=utf-8"
                                              : "text/csv; charset=utf-8";
}

static bool csv_parts(struct cn_job *job) {
    size_t n = 0;

    job->parts = reallocarray(NULL, job->n_chunks + 1, sizeof *job->parts);
    if (!job->parts || !cn_reply_csv_head(job, &job->head))
        return false;
    job->parts[n++] = cn_buf_str(&job->head);
    for (size_t i = 0; i < job->n_chunks; i++) {
        struct cn_str data = cn_chunk_data(&job->chunks[i]);
        if (data.len > 0)
            job->parts[n++] = data;
    }
    job->exchange->reply.parts = job->parts;
    job->exchange->reply.n_parts = n;
    return true;
}

/* How far a chunk's pieces, one for each column, were taken. */
struct taken {
    const char *pieces; /* their lengths; NULL: it has none */
    size_t at;
};

/* Once for each chunk: looking at a trailer goes over all of its pieces. */
static void find_pieces(const struct cn_job *job, struct taken *taken) {
    for (size_t i = 0; i < job->n_chunks; i++) {
        const struct cn_chunk *chunk = &job->chunks[i];
        struct cn_morsel_trailer trailer;
        if (chunk->has_output &&
            cn_morsel_trailer(chunk->plan, &chunk->result, &chunk->out, &trailer))
            taken[i].pieces = trailer.pieces;
    }
}

/* The text around the columns is written into one buffer; `cuts` says where the pieces go. */
static bool json_parts(struct cn_job *job) {
    size_t n_outputs = job->spec->n_outputs;
    size_t n = 0, from = 0;
    size_t *cuts = reallocarray(NULL, n_outputs + 1, sizeof *cuts);
    struct taken *taken = calloc(job->n_chunks + 1, sizeof *taken);
    size_t most;
    bool ok = cuts && taken && !__builtin_mul_overflow(n_outputs, job->n_chunks + 1, &most) &&
              cn_reply_json_head(job, &job->head);

    for (size_t o = 0; o < n_outputs && ok; o++) {
        ok = cn_reply_json_column(job, o, &job->head);
        cuts[o] = job->head.len;
    }
    ok = ok && cn_reply_json_tail(job, &job->head);
    if (ok)
        job->parts = reallocarray(NULL, most + 2, sizeof *job->parts);
    ok = ok && job->parts;
    if (ok)
        find_pieces(job, taken);
    for (size_t o = 0; o < n_outputs && ok; o++) {
        bool first = true;
        job->parts[n++] = cn_str(job->head.data + from, cuts[o] - from);
        from = cuts[o];
        for (size_t i = 0; i < job->n_chunks; i++) {
            size_t len = taken[i].pieces ? (size_t)cn_morsel_u64(taken[i].pieces, o) : 0;
            if (len > 0) /* the very first value has no comma before it */
                job->parts[n++] =
                    cn_str(job->chunks[i].out.data + taken[i].at + first, len - first);
            first = first && len == 0;
            taken[i].at += len;
        }
    }
    if (ok) {
        job->parts[n++] = cn_str(job->head.data + from, job->head.len - from);
        job->exchange->reply.parts = job->parts;
        job->exchange->reply.n_parts = n;
    }
    free(cuts);
    free(taken);
    return ok;
}

/* Makes the reply of a job that failed; it is sent by the caller. */
static const char *prepare_failure(struct cn_job *job, enum cn_code code) {
    struct cn_exchange *exchange = job->exchange;
    const char *expression = NULL;
    struct cn_ledger ledger;

    if (job->error.code == CN_OK)
        cn_error_set(&job->error, code, "%s", cn_code_title(code));
    if (job->error.let >= 0 && (size_t)job->error.let < cn_recipe_lets(job->spec->recipe)) {
        struct cn_str text = cn_recipe_text(job->spec->recipe, (size_t)job->error.let);
        expression = cn_arena_strndup(&exchange->arena, text.data, text.len);
    }
    cn_reserve_judge(exchange, &job->error);
    exchange->error = job->error;
    if (job->bare)
        return expression;
    ledger = cn_job_ledger(job, cn_clock_now());
    cn_job_record(job, cn_code_status(code), &ledger, &job->error);
    return expression;
}

/* An exchange without a stream bounds the whole reply. False: it is larger. */
static bool fits(struct cn_job *job) {
    const struct cn_reply *reply = &job->exchange->reply;
    uint64_t bytes = 0;

    for (size_t i = 0; i < reply->n_parts; i++)
        bytes += reply->parts[i].len;
    if (job->exchange->whole_bytes == 0 || bytes <= job->exchange->whole_bytes)
        return true;
    cn_job_fail_whole(job);
    return false;
}

/* False: memory ran out, or the reply is too large. */
static bool prepare_success(struct cn_job *job) {
    struct cn_ledger ledger;
    bool streamed = job->phase == CN_JOB_STREAM;
    bool ok = true;

    if (job->bare) {
        job->exchange->reply.status = 200;
        return true;
    }
    if (streamed) {
        job->exchange->reply.stream = cn_job_stream;
    } else {
        job->encode_ns = cn_clock_now();
        for (size_t i = 0; i < job->n_chunks; i++)
            cn_job_count_errors(job, &job->chunks[i], -1);
        ok = job->spec->sink == CN_SINK_JSON ? json_parts(job) : csv_parts(job);
    }
    if (!ok) {
        cn_error_memory(&job->error);
        return false;
    }
    if (!fits(job))
        return false;
    ledger = cn_job_ledger(job, cn_clock_now());
    add_headers(job, &ledger, streamed);
    cn_job_record(job, 200, &ledger, NULL);
    return true;
}

void cn_job_deliver(struct cn_job *job) {
    struct cn_exchange *exchange;
    const char *expression = NULL;
    bool ok;

    /* A job that begins to stream may have tasks under way. */
    pthread_mutex_lock(&job->lock);
    exchange = job->exchange;
    if (!exchange) {
        pthread_mutex_unlock(&job->lock);
        return;
    }
    ok = job->code == CN_OK && prepare_success(job);
    if (!ok)
        expression = prepare_failure(job, job->code != CN_OK ? job->code : job->error.code);
    pthread_mutex_unlock(&job->lock);
    if (ok)
        cn_exchange_reply(exchange);
    else
        cn_exchange_fail(exchange, &exchange->error, expression);
}

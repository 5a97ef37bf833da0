/*
 * compare_reply.c: what an experiment found, as JSON, and its record.
 */
#include <inttypes.h>
#include <stdio.h>

#include "handlers/amdahl.h"
#include "handlers/compare.h"
#include "handlers/endpoint_reply.h"
#include "handlers/metrics.h"
#include "handlers/origin.h"
#include "handlers/runs.h"
#include "handlers/verdict.h"

/* A reply that is longer is not kept with its run: it would drive out too many others. */
#define KEPT_BYTES ((size_t)4 << 20)

static void write_ratio(struct cn_json_out *out, const char *key, bool known, double value) {
    if (known)
        cn_json_out_double(out, key, value);
    else
        cn_json_out_null(out, key);
}

static void write_mode(struct cn_json_out *out, const struct cn_case *a) {
    cn_json_out_c(out, "mode", a->has_mode ? cn_mode_name(a->mode) : NULL);
}

/* ---- cases ------------------------------------------------------------------------------ */

static void write_case(struct cn_json_out *out, const struct cn_case *a, size_t number) {
    char digest[33];

    cn_json_out_open(out, NULL, '{');
    cn_json_out_int(out, "case", (int64_t)number);
    cn_json_out_c(out, "executor", cn_executor_kind_name(a->executor));
    if (a->executor == CN_EXECUTOR_AUTO)
        cn_json_out_c(out, "placed", cn_executor_kind_name(a->placed));
    cn_json_out_int(out, "workers", (int64_t)a->workers);
    write_mode(out, a);
    cn_json_out_int(out, "chunk_rows", (int64_t)a->chunk_rows);
    cn_json_out_int(out, "rows", (int64_t)a->rows);
    cn_samples_write(out, "repeat", a->samples, a->n_samples);
    write_ratio(out, "speedup", a->speedup > 0, a->speedup);
    write_ratio(out, "efficiency", a->speedup > 0, a->speedup / (double)a->workers);
    snprintf(digest, sizeof digest, "%016" PRIx64 "%016" PRIx64, a->digest[0], a->digest[1]);
    cn_json_out_c(out, "digest", digest);
    cn_json_out_bool(out, "disturbed", a->disturbed);
    if (a->executor == CN_EXECUTOR_GIL)
        cn_json_out_bool(out, "emulation", true);
    cn_json_out_close(out, '}');
}

static void write_cases(struct cn_json_out *out, const struct cn_compare *compare) {
    cn_json_out_bool(out, "identical", compare->n_differing == 0);
    cn_json_out_open(out, "differing", '[');
    for (size_t i = 0; i < compare->n_differing; i++)
        cn_json_out_int(out, NULL, (int64_t)compare->differing[i]);
    cn_json_out_close(out, ']');
    cn_json_out_open(out, "cases", '[');
    for (size_t i = 0; i < compare->n_cases; i++)
        write_case(out, &compare->cases[i], i);
    cn_json_out_close(out, ']');
}

/* ---- Amdahl ----------------------------------------------------------------------------- */

static void write_fit(struct cn_json_out *out, const struct cn_compare *compare,
                      const struct cn_case *a, const struct cn_amdahl *fit) {
    cn_json_out_open(out, NULL, '{');
    cn_json_out_c(out, "executor", cn_executor_kind_name(a->executor));
    write_mode(out, a);
    if (compare->settings.rows.n > 1)
        cn_json_out_int(out, "rows", (int64_t)a->rows);
    if (compare->settings.chunk_rows.n > 1)
        cn_json_out_int(out, "chunk_rows", (int64_t)a->chunk_setting);
    write_ratio(out, "serial_fraction", fit->known, fit->serial_fraction);
    cn_json_out_c(out, "reason", fit->known ? NULL : fit->reason);
    if (a->executor == CN_EXECUTOR_GIL)
        cn_json_out_bool(out, "emulation", true);
    cn_json_out_close(out, '}');
}

static void write_amdahl(struct cn_json_out *out, const struct cn_compare *compare) {
    uint64_t usable = (uint64_t)compare->exchange->service->cpus.usable;
    size_t next;

    cn_json_out_open(out, "amdahl", '[');
    for (size_t i = 0; i < compare->n_cases; i = next) {
        struct cn_amdahl fit;
        next = cn_amdahl_fit_cases(compare->cases, compare->n_cases, i, usable, &fit);
        if (compare->cases[i].executor != CN_EXECUTOR_SERIAL)
            write_fit(out, compare, &compare->cases[i], &fit);
    }
    cn_json_out_close(out, ']');
}

/* ---- factors ---------------------------------------------------------------------------- */

static void write_factor(struct cn_json_out *out, const struct cn_factor *factor) {
    struct cn_buf name = CN_BUF_INIT;

    cn_json_out_open(out, NULL, '{');
    out->ok = cn_factor_name(&name, factor) && out->ok;
    cn_json_out_text(out, "step", cn_buf_str(&name));
    cn_buf_release(&name);
    cn_json_out_int(out, "from", (int64_t)factor->from);
    cn_json_out_int(out, "to", (int64_t)factor->to);
    cn_json_out_double(out, "factor", factor->factor);
    cn_json_out_bool(out, "measured", factor->n_changes == 1);
    if (factor->n_changes > 1)
        cn_json_out_c(out, "reason", factor->reason);
    cn_json_out_close(out, '}');
}

static void write_path(struct cn_json_out *out, const struct cn_path *path) {
    cn_json_out_int(out, "from", (int64_t)path->from);
    cn_json_out_int(out, "to", (int64_t)path->to);
    cn_json_out_double(out, "ratio", path->ratio);
    cn_json_out_open(out, "factors", '[');
    for (size_t i = 0; i < path->n_factors; i++)
        write_factor(out, &path->factors[i]);
    cn_json_out_close(out, ']');
}

static void write_explanation(struct cn_json_out *out, const struct cn_compare *compare) {
    struct cn_path path, row_path;
    const struct cn_case *cases = compare->cases;
    size_t n = compare->n_cases;

    cn_decompose(cases, n, &path);
    bool has_row_path = cn_decompose_row_to_processes(
        cases, n, (uint64_t)compare->exchange->service->cpus.usable, &row_path);
    cn_json_out_open(out, "decomposition", '{');
    write_path(out, &path);
    cn_json_out_close(out, '}');
    cn_json_out_open(out, "paths", '[');
    if (has_row_path) {
        cn_json_out_open(out, NULL, '{');
        cn_json_out_c(out, "name", "row to processes");
        write_path(out, &row_path);
        cn_json_out_close(out, '}');
    }
    cn_json_out_close(out, ']');
    const struct cn_verdict_facts facts = {
        .cases = cases,
        .n = n,
        .what = compare->workload->what,
        .differing = compare->differing,
        .n_differing = compare->n_differing,
        .path = &path,
        .row_path = has_row_path ? &row_path : NULL,
        .usable = (uint64_t)compare->exchange->service->cpus.usable,
    };
    size_t choice = cn_verdict_write(out, "verdict", &facts);
    if (choice == SIZE_MAX)
        cn_json_out_null(out, "choice");
    else
        cn_json_out_int(out, "choice", (int64_t)choice);
}

/* ---- the document ----------------------------------------------------------------------- */

static void write_document(struct cn_json_out *out, struct cn_compare *compare) {
    struct cn_exchange *exchange = compare->exchange;

    cn_json_out_open(out, NULL, '{');
    cn_json_out_c(out, "run", exchange->run);
    cn_json_out_open(out, "workload", '{');
    cn_json_out_c(out, "what", compare->workload->what);
    cn_json_out_int(out, "rows", (int64_t)cn_cases_most_rows(compare->cases, compare->n_cases));
    cn_json_out_close(out, '}');
    write_cases(out, compare);
    write_amdahl(out, compare);
    write_explanation(out, compare);
    cn_json_out_open(out, "cpus", '{');
    cn_json_out_int(out, "usable", exchange->service->cpus.usable);
    cn_json_out_close(out, '}');
    cn_ledger_end(&exchange->ledger, cn_clock_now());
    cn_json_out_key(out, "timing");
    const struct cn_timing timing = {.ledger = &exchange->ledger};
    out->ok = cn_timing_write(out->buf, &timing) && out->ok;
    out->first = false;
    cn_json_out_close(out, '}');
}

/* ---- the record ------------------------------------------------------------------------- */

void cn_compare_record(struct cn_compare *compare, const struct cn_error *error) {
    struct cn_exchange *exchange = compare->exchange;
    struct cn_str recipe = cn_str_c(compare->workload ? compare->workload->what : "");
    struct cn_run_record record = {.operation = "compare",
                                   .status = error ? cn_code_status(error->code) : 200,
                                   .reason = "",
                                   .input_types = CN_STR(""),
                                   .failed = error != NULL};

    if (exchange->ledger.ended_ns == 0)
        cn_ledger_end(&exchange->ledger, cn_clock_now());
    memcpy(record.id, exchange->run, sizeof record.id);
    record.started_at = cn_clock_wall() - (cn_clock_now() - exchange->started_ns);
    record.ledger = exchange->ledger;
    if (compare->workload) {
        record.recipe = &recipe;
        record.n_recipe = 1;
        record.rows = cn_cases_most_rows(compare->cases, compare->n_cases);
        record.workers = compare->most_workers;
    }
    if (error)
        record.error = *error;
    cn_origin_fill(exchange, &record);
    if (!error && compare->document.len <= KEPT_BYTES)
        record.document = compare->document;
    cn_metrics_run(exchange, CN_EXECUTOR_AUTO, &record);
    exchange->recorded = cn_runs_add(exchange->service->runs, &record);
    if (!exchange->recorded && record.document.len > 0) {
        record.document = CN_STR(""); /* the run without it, rather than no run */
        exchange->recorded = cn_runs_add(exchange->service->runs, &record);
    }
}

/* ---- ends ------------------------------------------------------------------------------- */

void cn_compare_fail(struct cn_compare *compare, const struct cn_error *error) {
    struct cn_exchange *exchange = compare->exchange;
    cn_compare_record(compare, error);
    cn_compare_release(compare);
    cn_reply_add_timing(exchange, &exchange->ledger);
    cn_exchange_fail(exchange, error, NULL);
}

/* A reply that must be kept whole and is too large for that. */
static enum cn_code check_size(const struct cn_exchange *exchange, size_t len,
                               struct cn_error *error) {
    if (exchange->whole_bytes == 0 || len < exchange->whole_bytes)
        return CN_OK;
    cn_error_set_limit(error, exchange->whole_limit);
    return cn_error_set(error, CN_LIMIT_EXCEEDED,
                        "the reply has %zu bytes; the limit is %" PRIu64 " (%s)", len + 1,
                        exchange->whole_bytes, exchange->whole_limit);
}

void cn_compare_reply(struct cn_compare *compare) {
    struct cn_exchange *exchange = compare->exchange;
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_json_out out;
    struct cn_error error;
    enum cn_code code;

    cn_error_init(&error);
    cn_ledger_enter(&exchange->ledger, CN_STAGE_ENCODE, cn_clock_now());
    cn_json_out_init(&out, &buf);
    write_document(&out, compare);
    code = out.ok ? check_size(exchange, buf.len, &error) : cn_error_memory(&error);
    if (code != CN_OK) {
        cn_buf_release(&buf);
        cn_compare_fail(compare, &error);
        return;
    }
    compare->document = cn_buf_str(&buf);
    cn_compare_record(compare, NULL);
    cn_compare_release(compare); /* a reply may be kept for long; the frame need not be */
    cn_reply_add_timing(exchange, &exchange->ledger);
    cn_endpoint_reply_json(exchange, 200, &out);
}

#include <inttypes.h>

#include "handlers/json_out.h"
#include "handlers/runs.h"
#include "handlers/samples.h"
#include "handlers/timing.h"

void cn_timing_stages(struct cn_json_out *out, const char *key, const struct cn_spans *spans) {
    cn_json_out_open(out, key, '{');
    for (enum cn_span span = 0; span < CN_SPAN_COUNT; span++)
        if (spans->ns[span] != 0)
            cn_json_out_int(out, cn_span_name(span), spans->ns[span]);
    cn_json_out_close(out, '}');
}

static void write_worker(struct cn_json_out *out, const struct cn_run_worker *worker) {
    cn_json_out_open(out, NULL, '{');
    cn_json_out_int(out, "worker", worker->worker);
    cn_json_out_int(out, "pid", worker->pid);
    if (worker->host[0] != '\0')
        cn_json_out_c(out, "host", worker->host);
    cn_json_out_int(out, "chunks", (int64_t)worker->chunks);
    cn_json_out_int(out, "wall_ns", worker->wall_ns);
    cn_json_out_int(out, "cpu_ns", worker->cpu_ns);
    cn_timing_stages(out, "stages", &worker->spans);
    cn_json_out_close(out, '}');
}

bool cn_timing_write(struct cn_buf *buf, const struct cn_timing *timing) {
    const struct cn_ledger *ledger = timing->ledger;
    struct cn_json_out out;
    cn_json_out_init(&out, buf);
    cn_json_out_open(&out, NULL, '{');
    cn_json_out_int(&out, "wall_ns", ledger->ended_ns - ledger->started_ns);
    cn_json_out_open(&out, "ledger", '[');
    for (enum cn_stage stage = 0; stage < CN_STAGE_UNACCOUNTED; stage++) {
        if (ledger->ns[stage] == 0)
            continue;
        cn_json_out_open(&out, NULL, '{');
        cn_json_out_c(&out, "stage", cn_stage_name(stage));
        cn_json_out_int(&out, "ns", ledger->ns[stage]);
        cn_json_out_close(&out, '}');
    }
    cn_json_out_close(&out, ']');
    cn_json_out_int(&out, "unaccounted_ns", ledger->ns[CN_STAGE_UNACCOUNTED]);
    cn_json_out_open(&out, "workers", '[');
    for (size_t i = 0; i < timing->n_workers; i++)
        write_worker(&out, &timing->workers[i]);
    cn_json_out_close(&out, ']');
    if (timing->n_samples > 0)
        cn_samples_write(&out, "repeat", timing->samples, timing->n_samples);
    cn_json_out_close(&out, '}');
    return out.ok;
}

/* Milliseconds with three decimals, without floating point. */
static bool write_duration(struct cn_buf *out, const char *name, int64_t ns) {
    int64_t us = (ns < 0 ? 0 : ns) / 1000;
    return cn_buf_printf(out, "%s;dur=%" PRId64 ".%03d", name, us / 1000, (int)(us % 1000));
}

bool cn_server_timing(struct cn_buf *out, const struct cn_ledger *ledger, int64_t total_ns) {
    bool ok = true;
    for (enum cn_stage stage = 0; ok && stage < CN_STAGE_UNACCOUNTED; stage++)
        if (ledger->ns[stage] != 0)
            ok = write_duration(out, cn_stage_name(stage), ledger->ns[stage]) &&
                 cn_buf_add_c(out, ", ");
    return ok && write_duration(out, "total", total_ns);
}

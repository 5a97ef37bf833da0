#include "handlers/run_document.h"

#include <unistd.h>

#include <stdio.h>

#include "handlers/problem.h"
#include "handlers/service.h"
#include "handlers/timing.h"

/* Said wherever the executor is named. */
static void write_emulation(struct cn_json_out *out, const struct cn_run_record *record) {
    if (record->emulated)
        cn_json_out_bool(out, "emulation", true);
}

/* The members that document and summary begin with. */
static void write_head(struct cn_json_out *out, const struct cn_run_record *record) {
    char started_at[32];
    cn_clock_format(record->started_at, started_at);
    cn_json_out_c(out, "id", record->id);
    cn_json_out_c(out, "started_at", started_at);
    cn_json_out_c(out, "operation", record->operation);
    cn_json_out_c(out, "executor", record->executor);
    write_emulation(out, record);
    cn_json_out_int(out, "workers", (int64_t)record->workers);
    cn_json_out_c(out, "mode", record->mode);
    cn_json_out_int(out, "rows", (int64_t)record->rows);
    cn_json_out_int(out, "status", record->status);
    cn_json_out_int(out, "wall_ns", record->ledger.ended_ns - record->ledger.started_ns);
    if (record->imported)
        cn_json_out_bool(out, "imported", true);
}

static void write_recipe(struct cn_json_out *out, const struct cn_run_record *record) {
    cn_json_out_open(out, "recipe", '[');
    for (size_t i = 0; i < record->n_recipe; i++)
        cn_json_out_text(out, NULL, record->recipe[i]);
    cn_json_out_close(out, ']');
}

static void write_execution(struct cn_json_out *out, const struct cn_run_record *record) {
    cn_json_out_open(out, "execution", '{');
    cn_json_out_c(out, "executor", record->executor);
    cn_json_out_int(out, "workers", (int64_t)record->workers);
    cn_json_out_int(out, "chunks", (int64_t)record->n_chunks);
    cn_json_out_int(out, "chunk_rows", (int64_t)record->chunk_rows);
    cn_json_out_c(out, "mode", record->mode);
    write_emulation(out, record);
    cn_json_out_c(out, "reason", record->reason);
    cn_json_out_close(out, '}');
}

static void write_chunks(struct cn_json_out *out, const struct cn_run_record *record) {
    cn_json_out_open(out, "chunks", '[');
    for (size_t i = 0; i < record->listed_chunks; i++) {
        const struct cn_run_chunk *chunk = &record->chunks[i];
        cn_json_out_open(out, NULL, '{');
        cn_json_out_int(out, "chunk", chunk->chunk);
        cn_json_out_int(out, "worker", chunk->worker);
        cn_json_out_int(out, "pid", chunk->pid);
        cn_json_out_int(out, "first_row", (int64_t)chunk->first_row);
        cn_json_out_int(out, "rows", (int64_t)chunk->rows);
        cn_json_out_int(out, "start_ns", chunk->start_ns);
        cn_timing_stages(out, "stages", &chunk->spans);
        cn_json_out_close(out, '}');
    }
    cn_json_out_close(out, ']');
}

/* JSON that was written before; "": null. */
static void write_kept(struct cn_json_out *out, const char *key, struct cn_str text) {
    if (text.len == 0) {
        cn_json_out_null(out, key);
        return;
    }
    cn_json_out_key(out, key);
    out->ok = cn_buf_add_str(out->buf, text) && out->ok;
}

static const char *name_input(const struct cn_run_record *record) {
    switch (record->input.kind) {
    case CN_INPUT_UPLOAD:
        return "upload";
    case CN_INPUT_GENERATED:
        return "generated";
    case CN_INPUT_NONE:
        break;
    }
    return NULL;
}

static void write_input(struct cn_json_out *out, const struct cn_run_record *record) {
    const struct cn_run_input *input = &record->input;
    char digest[64];

    if (input->kind == CN_INPUT_NONE) {
        cn_json_out_null(out, "input");
        return;
    }
    cn_json_out_open(out, "input", '{');
    cn_json_out_c(out, "kind", name_input(record));
    if (input->kind == CN_INPUT_UPLOAD) {
        snprintf(digest, sizeof digest, "xxh3_128:%s", input->digest);
        cn_json_out_c(out, "media_type", input->media_type);
        cn_json_out_int(out, "bytes", (int64_t)input->bytes);
        cn_json_out_c(out, "digest", input->digest[0] ? digest : NULL);
    } else {
        write_kept(out, "generate", input->generate);
    }
    cn_json_out_close(out, '}');
}

/* A run that says nothing of its machine ran here, unless it came from elsewhere. */
static struct cn_run_machine find_machine(const struct cn_run_record *record,
                                          const struct cn_service *service) {
    if (record->machine.version || record->imported || !service)
        return record->machine;
    return (struct cn_run_machine){.version = service->version,
                                   .cpu = service->cpus.model,
                                   .usable_cpus = (uint64_t)service->cpus.usable,
                                   .pid = getpid()};
}

static void write_machine(struct cn_json_out *out, const struct cn_run_machine *machine) {
    cn_json_out_open(out, "machine", '{');
    cn_json_out_c(out, "version", machine->version);
    cn_json_out_c(out, "cpu", machine->cpu);
    cn_json_out_int(out, "usable_cpus", (int64_t)machine->usable_cpus);
    if (machine->pid > 0)
        cn_json_out_int(out, "pid", machine->pid);
    else
        cn_json_out_null(out, "pid");
    cn_json_out_close(out, '}');
}

void cn_run_document_write(struct cn_json_out *out, const struct cn_run_record *record,
                           const struct cn_service *service) {
    const struct cn_run_machine machine = find_machine(record, service);

    cn_json_out_open(out, NULL, '{');
    write_head(out, record);
    cn_json_out_open(out, "errors", '{');
    for (size_t i = 0; i < record->n_lets; i++)
        cn_json_out_member_int(out, record->lets[i], (int64_t)record->errors[i]);
    cn_json_out_close(out, '}');
    write_recipe(out, record);
    cn_json_out_text(out, "input_types", record->input_types);
    write_input(out, record);
    write_kept(out, "request", record->request);
    write_execution(out, record);
    write_machine(out, &machine);
    cn_json_out_key(out, "timing");
    struct cn_timing timing = {&record->ledger, record->worker, record->n_worker, record->samples,
                               record->n_samples};
    out->ok = cn_timing_write(out->buf, &timing) && out->ok;
    cn_json_out_int(out, "send_ns", record->send_ns);
    if (record->failed)
        cn_problem_member(out, "error", &record->error, NULL);
    else
        cn_json_out_null(out, "error");
    write_kept(out, "comparison", record->document);
    write_chunks(out, record);
    cn_json_out_close(out, '}');
}

/* ---- the summary --------------------------------------------------------------------------- */

void cn_run_summary_write(struct cn_json_out *out, const struct cn_run_record *record) {
    cn_json_out_open(out, NULL, '{');
    write_head(out, record);
    /* What the page of runs draws. */
    cn_json_out_open(out, "ledger", '{');
    for (enum cn_stage stage = 0; stage < CN_STAGE_COUNT; stage++)
        if (record->ledger.ns[stage] != 0)
            cn_json_out_int(out, cn_stage_name(stage), record->ledger.ns[stage]);
    cn_json_out_close(out, '}');
    write_recipe(out, record);
    cn_json_out_c(out, "input_kind", name_input(record));
    cn_json_out_c(out, "error_code", record->failed ? cn_code_name(record->error.code) : NULL);
    cn_json_out_close(out, '}');
}

/*
 * run_read_timing.c: ledger, workers, samples and chunks of a run's document.
 */
#include <string.h>

#include "handlers/run_read_inside.h"

#define NS(name_, type, member)                                                                    \
    {                                                                                              \
        .name = (name_), .kind = CN_IN_INT, .size = 8, .most = CN_RUN_MOST_NS,                     \
        .offset = offsetof(type, member)                                                           \
    }
#define NUMBER(name_, type, member, least_)                                                        \
    {                                                                                              \
        .name = (name_), .kind = CN_IN_INT, .size = sizeof(((type *)0)->member),                   \
        .least = (least_), .most = sizeof(((type *)0)->member) == 4 ? INT32_MAX : INT64_MAX,       \
        .offset = offsetof(type, member)                                                           \
    }

/* ---- stages of a worker or a chunk --------------------------------------------------------- */

static enum cn_code read_stages(struct cn_json_in *in, struct cn_spans *spans, int64_t least,
                                struct cn_error *error) {
    struct cn_json_field fields[CN_SPAN_COUNT];
    const struct cn_json_shape shape = {fields, CN_SPAN_COUNT, false};
    for (enum cn_span span = 0; span < CN_SPAN_COUNT; span++)
        fields[span] = (struct cn_json_field){.name = cn_span_name(span),
                                              .kind = CN_IN_INT,
                                              .size = 8,
                                              .least = least,
                                              .most = CN_RUN_MOST_NS,
                                              .optional = true,
                                              .offset = (size_t)span * sizeof(int64_t)};
    return cn_json_in_object(in, &shape, spans->ns, error);
}

/* What a worker waited is a difference of clock readings, which may come out below zero. */
static enum cn_code read_worker_stages(struct cn_json_in *in, void *spans, struct cn_error *error) {
    return read_stages(in, spans, -CN_RUN_MOST_NS, error);
}

static enum cn_code read_chunk_stages(struct cn_json_in *in, void *spans, struct cn_error *error) {
    return read_stages(in, spans, 0, error);
}

static enum cn_code read_host(struct cn_json_in *in, void *target, struct cn_error *error) {
    static const struct cn_json_field field = {.kind = CN_IN_NAME};
    const char *host = NULL;
    CN_TRY(cn_json_in_value(in, &field, &host, error));
    if (host[0] == '\0' || strlen(host) >= CN_RUN_HOST)
        return cn_json_in_wrong(in, cn_str_c(host), "a name of 1 to 63 bytes", error);
    memcpy(target, host, strlen(host) + 1);
    return CN_OK;
}

static enum cn_code read_worker(struct cn_json_in *in, void *item, struct cn_error *error) {
    static const struct cn_json_field fields[] = {
        NUMBER("worker", struct cn_run_worker, worker, -1),
        NUMBER("pid", struct cn_run_worker, pid, 0),
        {.name = "host",
         .kind = CN_IN_CALL,
         .read = read_host,
         .optional = true,
         .offset = offsetof(struct cn_run_worker, host)},
        NUMBER("chunks", struct cn_run_worker, chunks, 0),
        NS("wall_ns", struct cn_run_worker, wall_ns),
        NS("cpu_ns", struct cn_run_worker, cpu_ns),
        {.name = "stages",
         .kind = CN_IN_CALL,
         .read = read_worker_stages,
         .offset = offsetof(struct cn_run_worker, spans)},
    };
    static const struct cn_json_shape shape = CN_SHAPE(fields);
    return cn_json_in_object(in, &shape, item, error);
}

static enum cn_code read_chunk(struct cn_json_in *in, void *item, struct cn_error *error) {
    static const struct cn_json_field fields[] = {
        NUMBER("chunk", struct cn_run_chunk, chunk, 0),
        NUMBER("worker", struct cn_run_chunk, worker, -1),
        NUMBER("pid", struct cn_run_chunk, pid, 0),
        NUMBER("first_row", struct cn_run_chunk, first_row, 0),
        NUMBER("rows", struct cn_run_chunk, rows, 0),
        NS("start_ns", struct cn_run_chunk, start_ns),
        {.name = "stages",
         .kind = CN_IN_CALL,
         .read = read_chunk_stages,
         .offset = offsetof(struct cn_run_chunk, spans)},
    };
    static const struct cn_json_shape shape = CN_SHAPE(fields);
    return cn_json_in_object(in, &shape, item, error);
}

enum cn_code cn_run_read_chunks(struct cn_json_in *in, void *target, struct cn_error *error) {
    struct run_reading *reading = target;
    struct cn_json_items chunks = {
        .size = sizeof(struct cn_run_chunk), .read = read_chunk, .most = CN_RUN_MOST_CHUNKS};
    CN_TRY(cn_json_in_array(in, &chunks, error));
    reading->record.chunks = chunks.items;
    reading->record.listed_chunks = chunks.n;
    return CN_OK;
}

/* ---- ledger ------------------------------------------------------------------------------- */

struct read_timing {
    int64_t wall_ns;
    struct cn_ledger ledger;
    struct cn_json_items workers;
    struct cn_json_items samples;
};

struct read_stage {
    const char *name;
    int64_t ns;
};

static enum cn_code read_stage(struct cn_json_in *in, void *item, struct cn_error *error) {
    static const struct cn_json_field fields[] = {
        {.name = "stage", .kind = CN_IN_NAME, .offset = offsetof(struct read_stage, name)},
        NS("ns", struct read_stage, ns),
    };
    static const struct cn_json_shape shape = CN_SHAPE(fields);
    struct read_stage *stage = item;
    CN_TRY(cn_json_in_object(in, &shape, stage, error));
    for (enum cn_stage s = 0; s < CN_STAGE_UNACCOUNTED; s++)
        if (strcmp(cn_stage_name(s), stage->name) == 0)
            return CN_OK;
    return cn_json_in_wrong_member(
        in, "stage",
        "receive, decode, plan, queue, ship, schedule, execute, fetch, gather or encode", error);
}

static enum cn_code read_ledger(struct cn_json_in *in, void *target, struct cn_error *error) {
    struct cn_ledger *ledger = target;
    struct cn_json_items items = {
        .size = sizeof(struct read_stage), .read = read_stage, .most = CN_STAGE_COUNT};
    CN_TRY(cn_json_in_array(in, &items, error));
    const struct read_stage *stages = items.items;
    for (size_t i = 0; i < items.n; i++)
        for (enum cn_stage s = 0; s < CN_STAGE_UNACCOUNTED; s++) {
            if (strcmp(cn_stage_name(s), stages[i].name) != 0)
                continue;
            if (ledger->ns[s] != 0)
                return cn_json_in_wrong(in, CN_STR(""), "a list of different stages", error);
            ledger->ns[s] = stages[i].ns;
        }
    return CN_OK;
}

static enum cn_code read_worker_list(struct cn_json_in *in, void *target, struct cn_error *error) {
    struct cn_json_items *workers = target;
    *workers = (struct cn_json_items){
        .size = sizeof(struct cn_run_worker), .read = read_worker, .most = CN_RUN_MOST_LINES};
    return cn_json_in_array(in, workers, error);
}

static enum cn_code read_sample(struct cn_json_in *in, void *item, struct cn_error *error) {
    static const struct cn_json_field field = {
        .kind = CN_IN_INT, .size = 8, .most = CN_RUN_MOST_NS};
    return cn_json_in_value(in, &field, item, error);
}

static enum cn_code read_sample_list(struct cn_json_in *in, void *target, struct cn_error *error) {
    struct cn_json_items *samples = target;
    *samples = (struct cn_json_items){
        .size = sizeof(int64_t), .read = read_sample, .most = CN_RUN_MOST_LINES};
    return cn_json_in_array(in, samples, error);
}

/* What the samples come to is worked out anew. */
static enum cn_code read_repeat(struct cn_json_in *in, void *target, struct cn_error *error) {
    static const struct cn_json_field fields[] = {
        {.name = "runs", .kind = CN_IN_NUMBER},
        {.name = "mean_ns", .kind = CN_IN_NUMBER},
        {.name = "stddev_ns", .kind = CN_IN_NUMBER},
        {.name = "min_ns", .kind = CN_IN_NUMBER},
        {.name = "median_ns", .kind = CN_IN_NUMBER},
        {.name = "samples_ns", .kind = CN_IN_CALL, .read = read_sample_list},
    };
    static const struct cn_json_shape shape = CN_SHAPE(fields);
    return cn_json_in_object(in, &shape, target, error);
}

enum cn_code cn_run_read_timing(struct cn_json_in *in, void *target, struct cn_error *error) {
    static const struct cn_json_field fields[] = {
        NS("wall_ns", struct read_timing, wall_ns),
        {.name = "ledger",
         .kind = CN_IN_CALL,
         .read = read_ledger,
         .offset = offsetof(struct read_timing, ledger)},
        NS("unaccounted_ns", struct read_timing, ledger.ns[CN_STAGE_UNACCOUNTED]),
        {.name = "workers",
         .kind = CN_IN_CALL,
         .read = read_worker_list,
         .offset = offsetof(struct read_timing, workers)},
        {.name = "repeat",
         .kind = CN_IN_CALL,
         .read = read_repeat,
         .optional = true,
         .offset = offsetof(struct read_timing, samples)},
    };
    static const struct cn_json_shape shape = CN_SHAPE(fields);
    struct run_reading *reading = target;
    struct read_timing timing = {0};
    int64_t sum = 0;
    CN_TRY(cn_json_in_object(in, &shape, &timing, error));
    for (enum cn_stage stage = 0; stage < CN_STAGE_COUNT; stage++)
        sum += timing.ledger.ns[stage];
    if (sum != timing.wall_ns)
        return cn_json_in_wrong_member(in, "wall_ns", "the sum of the ledger and unaccounted_ns",
                                       error);
    timing.ledger.ended_ns = timing.wall_ns;
    reading->record.ledger = timing.ledger;
    reading->record.worker = timing.workers.items;
    reading->record.n_worker = timing.workers.n;
    reading->record.samples = timing.samples.items;
    reading->record.n_samples = timing.samples.n;
    return CN_OK;
}

/*
 * map.h: inside of POST /v1/map: a function over arguments.
 *
 *   map_read.c   the members of the body: what is asked for
 *   map_place.c  where it runs, and why
 *   map_run.c    one run: its tasks in flight, and what came back of them
 *   map_reply.c  the reply, the ledger and the record of a run
 *   endpoint_map.c, map_workload.c: who uses them: a request, an experiment
 */
#ifndef CN_HANDLERS_MAP_H
#define CN_HANDLERS_MAP_H

#include <pthread.h>

#include "handlers/call.h"
#include "handlers/cluster_choice.h"
#include "handlers/exchange.h"
#include "handlers/execution_ledger.h"
#include "handlers/options.h"
#include "handlers/runs.h"
#include "handlers/worker_accounts.h"

/* ---- what is asked for --------------------------------------------------------------------- */

/* The text of the arguments of one task. */
struct cn_map_cut {
    const char *start;
    const char *end;
};

/* Lives in an arena; the texts are those of the body. */
struct cn_map_request {
    struct cn_call_plan plan;
    size_t n_calls;
    uint64_t chunksize;
    size_t n_tasks;
    struct cn_map_cut *cuts; /* one for each task */
    const char *parameters;  /* 8 bytes for each call; NULL: the plan's hold for all */
    double estimate_ns;      /* what all calls together may cost a CPU */
    const char *recipe;      /* "long_comp(i, iterations=5000000)" */
    bool plain;              /* the text is a JSON object, and has no columns */
};

/* Reads the text of a JSON object. Its options go to `options`, or are refused for an experiment,
 * which sets them itself. */
enum cn_code cn_map_read(struct cn_map_request *request, struct cn_options *options,
                         struct cn_str text, bool experiment, struct cn_error *error);

/* Whether a member of the body has that name. */
bool cn_map_is_member(struct cn_str name);

/* ---- where it runs ------------------------------------------------------------------------- */

struct cn_map_place {
    enum cn_executor_kind kind; /* never AUTO */
    size_t width;
    int retries; /* of struct cn_group */
    char reason[160 + CN_CLUSTER_WORDS];
};

/* `workers` 0: the usable CPUs; of the Dask cluster, twice its threads. */
void cn_map_choose(struct cn_map_place *place, const struct cn_service *service,
                   const struct cn_map_request *request, enum cn_executor_kind asked,
                   uint64_t workers);

/* ---- one run ------------------------------------------------------------------------------- */

/* One call. Times of the clock. */
struct cn_map_future {
    int64_t started_ns;
    int64_t finished_ns;
    int64_t cpu_ns;
    int64_t lock_ns;
    size_t text; /* in the run's texts: the result as JSON, or the detail of the failure */
    uint32_t len;
    uint32_t code;
};

struct cn_map_task {
    int64_t submitted_ns;
    int64_t started_ns;
    int32_t worker; /* of the executor */
    int32_t pid;
};

struct cn_map_slot; /* a task in flight; map_run.c */

/*
 * The calls, run once, or `passes` times one after the other, of which the last stays. Fields are
 * guarded by `lock` until `ended` was called; from then on nobody else uses them.
 */
struct cn_map_run {
    struct cn_service *service;
    const struct cn_map_request *request;
    struct cn_map_place place;
    struct cn_exchange *progress; /* whose counts are kept; NULL: nobody's */
    /* Called once, within start or stop or on a thread of the executor, when no task is in flight
     * any more. */
    void (*ended)(struct cn_map_run *run);
    void *owner;

    pthread_mutex_t lock;
    struct cn_group group;
    struct cn_plan_ref plan;
    struct cn_shared_map *shared;
    struct cn_map_slot *slots;
    struct cn_map_slot *free_slots;
    size_t n_slots;
    struct cn_map_future *futures;
    struct cn_map_task *tasks;
    struct cn_spans *spans; /* of the first tasks: as many as a record lists */
    size_t n_spans;
    struct cn_buf texts;
    struct cn_worker_accounts workers; /* of all passes; in order when a pass has ended */
    struct cn_remote_times remote;     /* executor dask: of the tasks of all passes */
    size_t next;                       /* task to be submitted */
    size_t done;                       /* tasks of this pass */
    size_t in_flight;                  /* tasks */
    uint64_t passes;
    uint64_t pass;
    int64_t *samples; /* of all passes but the first, if there are several */
    size_t n_samples;
    int64_t begun_ns;    /* the very first task's start; 0: none yet */
    int64_t pass_ns;     /* the first start of this pass; 0: none yet */
    int64_t pass_end_ns; /* all its results were there */
    int64_t last_end_ns;
    bool started;
    bool over;
    enum cn_code code; /* why the run failed */
    struct cn_error error;
};

#define CN_MAP_LISTED 16384 /* tasks that a record lists */

/* `request` and what it points to must outlive the run. Released also when it fails. */
enum cn_code cn_map_run_init(struct cn_map_run *run, struct cn_service *service,
                             const struct cn_map_request *request, const struct cn_map_place *place,
                             uint64_t passes, int64_t deadline_ns, struct cn_error *error);
void cn_map_run_start(struct cn_map_run *run);
/* Gives the run up, unless it has ended. From any thread; before start, that start ends at once. */
void cn_map_run_stop(struct cn_map_run *run, enum cn_code why);
/* After `ended`, or instead of start. */
void cn_map_run_release(struct cn_map_run *run);

static inline struct cn_str cn_map_text(const struct cn_map_run *run,
                                        const struct cn_map_future *future) {
    return cn_str(cn_buf_str(&run->texts).data + future->text, future->len);
}

/* ---- the reply ----------------------------------------------------------------------------- */

/* Of a run that has ended well: writes the document to `out` and the record of the run. */
enum cn_code cn_map_reply(struct cn_exchange *exchange, struct cn_map_run *run, struct cn_buf *out,
                          struct cn_error *error);

/* Records a request that failed; `run` and `request` are NULL before they are known. */
void cn_map_record_failure(struct cn_exchange *exchange, const struct cn_map_request *request,
                           const struct cn_map_run *run, const struct cn_error *error);

/* ---- for kinds.c --------------------------------------------------------------------------- */

/* The task that reads a large body. */
enum cn_code cn_map_run_ending(struct cn_run *run, struct cn_error *error);

#endif

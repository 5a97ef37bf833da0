/*
 * runs.h: the record of what ran, for /v1/runs. Kept in memory, bounded by count and bytes, the
 * oldest dropped first. Each run has a number, one higher than that of the run before it. With a
 * history (history.h) what is dropped here was saved there before. Thread-safe.
 */
#ifndef CN_HANDLERS_RUNS_H
#define CN_HANDLERS_RUNS_H

#include <sys/types.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"

/* Of a run with `repeat`: the chunks are those of the last pass over the work, whose results the
 * reply has; the workers did all passes, that to warm up included. */
struct cn_run_chunk {
    uint32_t chunk;
    int32_t worker;
    int32_t pid;
    uint64_t first_row;
    uint64_t rows;
    int64_t start_ns; /* since the request began; negative never */
    struct cn_spans spans;
};

#define CN_RUN_HOST 64 /* bytes of a host's name, with its NUL; a longer one is cut */

struct cn_run_worker {
    int32_t worker;
    int32_t pid;            /* 0: of another machine */
    char host[CN_RUN_HOST]; /* that machine; "": this one */
    uint64_t chunks;
    int64_t wall_ns; /* from its first task to the end of its last one */
    int64_t cpu_ns;
    struct cn_spans spans; /* sum to wall_ns exactly; CN_SPAN_WAIT has what lies between tasks */
};

/* What a run was computed from. An upload itself is not kept. */
enum cn_run_input_kind { CN_INPUT_NONE, CN_INPUT_UPLOAD, CN_INPUT_GENERATED };
struct cn_run_input {
    enum cn_run_input_kind kind;
    const char *media_type; /* of an upload, static: "text/csv" */
    uint64_t bytes;         /* of an upload: the data as they came */
    char digest[33];        /* of these bytes: XXH3-128 in lower-case hex; "": none */
    struct cn_str generate; /* of a generated frame: {"rows", "columns", ...}; "": not kept */
};

/* Where a run ran. */
struct cn_run_machine {
    const char *version; /* of Colonnade; NULL: not known */
    const char *cpu;     /* the model's name; NULL: not known */
    uint64_t usable_cpus;
    int64_t pid; /* of the server; 0: not known */
};

/* One run. A run that is added is copied; texts and arrays belong to the caller before, to the
 * store after. */
struct cn_run_record {
    uint64_t seq; /* given by the store, from 1 */
    char id[33];
    int64_t started_at;    /* wall clock, ns since 1970 */
    const char *operation; /* "compute", static */
    const char *executor;  /* static names; NULL: several, or none */
    bool emulated;         /* the executor imitates another system */
    const char *mode;      /* NULL: does not apply */
    uint64_t workers;      /* how many took part */
    uint64_t rows;
    int status;              /* HTTP status */
    struct cn_ledger ledger; /* ended; wall_ns = ended_ns - started_ns */
    int64_t send_ns;
    uint64_t n_chunks; /* of the whole run; fewer may be listed */
    uint64_t chunk_rows;
    const char *reason;    /* of the choice of the executor */
    struct cn_str *recipe; /* canonical lines */
    size_t n_recipe;
    struct cn_str *lets; /* names, and with them rows that could not be computed (on_error=null) */
    uint64_t *errors;
    size_t n_lets;
    struct cn_str input_types; /* "a:float64,..." in full */
    bool failed;
    struct cn_error error; /* if failed */
    struct cn_run_chunk *chunks;
    size_t listed_chunks;
    struct cn_run_worker *worker;
    size_t n_worker;
    int64_t *samples; /* of `repeat`, in the order in which they were taken */
    size_t n_samples;
    struct cn_run_input input;
    /* What to send to run it again, as JSON {"path", "json" or "options"}, without the data of an
     * upload; "": not kept. */
    struct cn_str request;
    struct cn_str document;        /* an experiment's reply, JSON; "": none */
    bool imported;                 /* came from a file, perhaps of another server */
    struct cn_run_machine machine; /* of an imported run; any other ran here */
};

struct cn_runs;
struct cn_runs *cn_runs_new(size_t max_runs, size_t max_bytes);
void cn_runs_free(struct cn_runs *runs);
/* `added` is called after each run that was added, from the thread that added it, without the
 * store's lock. There is one listener; to be called before there are other threads. */
void cn_runs_listen(struct cn_runs *runs, void (*added)(void *context), void *context);
/* Copies `record` into the store. False: no memory (the run is lost, nothing else). */
bool cn_runs_add(struct cn_runs *runs, const struct cn_run_record *record);
/* The same unless a run with that id is there already: then *there is set. CN_LIMIT_EXCEEDED: it is
 * larger than the whole store. */
enum cn_code cn_runs_add_new(struct cn_runs *runs, const struct cn_run_record *record, bool *there,
                             struct cn_error *error);
size_t cn_runs_max_bytes(const struct cn_runs *runs); /* of all runs together */
/* Sets what is known only after the reply has left. */
void cn_runs_sent(struct cn_runs *runs, const char *id, int64_t send_ns);
/* Counts of a streamed reply, known when it has ended; n as in the record. */
void cn_runs_count(struct cn_runs *runs, const char *id, const uint64_t *errors, size_t n);
/* A streamed reply that was broken off. `status`: what was sent instead; 0: the head had left. */
void cn_runs_fail(struct cn_runs *runs, const char *id, int status, const struct cn_error *error);
/* Calls `visit` for at most `limit` runs, newest first, under the store's lock. */
void cn_runs_each(struct cn_runs *runs, size_t limit,
                  void (*visit)(const struct cn_run_record *record, void *context), void *context);
/* Calls `visit` for one run (a copy, without the lock); false: there is none. */
bool cn_runs_find(struct cn_runs *runs, const char *id,
                  void (*visit)(const struct cn_run_record *record, void *context), void *context);
/* Calls `visit` for at most `limit` runs whose numbers are above `seq`, oldest first, under the
 * store's lock. Returns the number of the last one visited; if there was none, the newest number
 * (or `seq` itself). Numbers leave no gap: a first one above seq + 1 tells that runs were dropped
 * meanwhile. */
uint64_t cn_runs_since(struct cn_runs *runs, uint64_t seq, size_t limit,
                       void (*visit)(const struct cn_run_record *record, void *context),
                       void *context);

/* ---- for the history, which saves runs ---- */

struct cn_history;
/* So many wait to be saved: the saver should not wait any longer. */
enum { CN_RUNS_UNSAVED_MANY = 256 };
/* `wake` is called without the lock for the first run that is to be saved, and when there are many;
 * numbers go on after `last_seq`. From now on a run is not dropped before it was saved, unless the
 * store has grown to four times its bounds. To be called before there are other threads. */
struct cn_runs_saver {
    struct cn_history *history;
    void (*wake)(struct cn_history *history);
    uint64_t last_seq;
};
void cn_runs_attach(struct cn_runs *runs, const struct cn_runs_saver *saver);
void cn_runs_detach(struct cn_runs *runs); /* the store is as if there were no history */
struct cn_history *cn_runs_history(struct cn_runs *runs); /* NULL: there is none */

/* A run's copy, and all that it points to, in one piece of memory: free(). */
struct cn_run_copy {
    struct cn_run_copy *next;
    uint32_t version; /* of the run: its changes are counted */
    struct cn_run_record record;
};
/* Runs that are to be saved, oldest first, of about `max_bytes` at most: those that are settled
 * (their reply has left, or they are a second old), with `all` all of them. *due_ns: when the next
 * one will be settled, on cn_clock_now(); 0: nothing waits. */
struct cn_run_copy *cn_runs_unsaved(struct cn_runs *runs, bool all, size_t max_runs,
                                    size_t max_bytes, int64_t *due_ns);
/* These were saved, as they were when they were copied. Returns how many are still to be saved. */
size_t cn_runs_saved(struct cn_runs *runs, const struct cn_run_copy *copies);
size_t cn_runs_count_unsaved(struct cn_runs *runs);
uint64_t cn_runs_lost(struct cn_runs *runs); /* dropped before they were saved */

/* The parts of the "timing" object that compute replies and run records share, appended as JSON. */
struct cn_buf;
struct cn_timing {
    const struct cn_ledger *ledger;
    const struct cn_run_worker *workers;
    size_t n_workers;
    const int64_t *samples; /* `repeat` is written if there are any */
    size_t n_samples;
};
bool cn_timing_write(struct cn_buf *out, const struct cn_timing *timing);
/* The Server-Timing value: "receive;dur=1.2, ..., total;dur=5.2". `total_ns` as given. */
bool cn_server_timing(struct cn_buf *out, const struct cn_ledger *ledger, int64_t total_ns);

#endif

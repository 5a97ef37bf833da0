/*
 * job.h: one computation from its first byte to its reply.
 *
 *   BODY    chunks are cut while the body arrives and run at once, under the types that are assumed
 *           from what was seen so far; results and errors are provisional
 *   TABLE   (only with over='table') the rows' texts are made again in order and digested
 *   OUTPUT  chunks whose assumed types turned out too narrow are run again, all others stand
 *   STREAM  (only when the reply outgrows buffer_bytes) chunks are run as the client reads
 *   ENDED   a reply or a failure is there
 *
 * A job that is measured (`repeat` > 1, or a trial of an experiment) starts no task before the body
 * is complete; its first pass, up to the end of OUTPUT, is the warm-up (a trial has none), and then
 * TABLE and OUTPUT are gone through once for each run, over all chunks (job_repeat.c).
 *
 * A chunk is the job's record of one task (a morsel). At most `window` tasks are in flight.
 *
 * All fields are guarded by `lock`, except where said. A job is counted by references: one of its
 * exchange, one of each task in flight. When the exchange closes first, the job is detached from
 * it, stops, and goes with its last task.
 */
#ifndef CN_HANDLERS_JOB_H
#define CN_HANDLERS_JOB_H

#include <pthread.h>

#include "columns/frame.h"
#include "handlers/cluster_choice.h"
#include "handlers/compute_kind.h"
#include "handlers/exchange.h"
#include "handlers/execution_ledger.h"
#include "handlers/runs.h"
#include "handlers/spool.h"
#include "handlers/worker_accounts.h"

/* A stretch of the body's text; chunks point into it (job_text.c). */
struct cn_segment {
    char *data; /* NULL: given back */
    size_t len;
    size_t cap;         /* of a block of the service's pool */
    uint64_t at;        /* its place in the body */
    size_t first_chunk; /* that lies in it */
    size_t readers;     /* tasks in flight */
    bool leaving; /* chunks find their text in the spool; its memory goes with the last reader */
};

enum cn_chunk_state { CN_CHUNK_NEW, CN_CHUNK_RUNNING, CN_CHUNK_DONE };

struct cn_chunk {
    struct cn_str text; /* CSV: inside a segment; without data it is in the spool */
    uint64_t at;        /* its place in the body */
    size_t segment;
    uint64_t first_row; /* CSV: known once all chunks before it were read */
    int64_t first_line;
    uint64_t rows;
    uint64_t lines;
    enum cn_chunk_state state;
    bool read;       /* rows, lines and kinds of text are known */
    bool silent;     /* all its rows are behind `limit`: nothing of it comes back */
    bool body_fault; /* `error` is of the body */
    bool has_output;
    struct cn_plan *plan; /* the one it was run with last; of job->plans */
    uint64_t output_rows; /* the bound that it was run with */
    enum cn_code code;
    struct cn_error *error; /* heap, when code is not CN_OK */
    struct cn_buf out;      /* data and trailer */
    uint64_t kept;          /* bytes of data in it, while has_output */
    struct cn_morsel_result result;
    int32_t worker;
    int32_t pid;
    int64_t started_ns; /* of the clock */
    struct cn_spans spans;
};

enum cn_job_phase { CN_JOB_BODY, CN_JOB_TABLE, CN_JOB_OUTPUT, CN_JOB_STREAM, CN_JOB_ENDED };

/* Why `auto` put a job where it is (place.c). */
enum cn_placing {
    CN_PLACING_ALONE,    /* there is nobody to share with */
    CN_PLACING_SMALL,    /* a crossing would cost more than it saves: on this thread */
    CN_PLACING_WHOLE,    /* it has no parts to share: on this thread */
    CN_PLACING_CROWDED,  /* whoever would take parts has something else to do: on this thread */
    CN_PLACING_LEFT,     /* to an idle worker, so that this thread can serve others */
    CN_PLACING_SHARED,   /* to the workers */
    CN_PLACING_ELSEWHERE /* to the Dask cluster */
};

struct cn_job_slot; /* a task and what it needs; job_run.h */

struct cn_job {
    pthread_mutex_t lock;
    unsigned refs;
    struct cn_service *service;
    const struct cn_service_limits *limits; /* of the exchange */
    struct cn_exchange *exchange;           /* NULL: detached */
    struct cn_spec *spec;
    enum cn_executor_kind executor_kind;
    struct cn_executor *executor; /* NULL: run on the calling thread */
    void *inline_state;           /* then: the compute kind's state */
    struct cn_group group;
    size_t width;
    size_t window;
    double row_ns;           /* what a row costs, as estimated */
    double row_bytes;        /* of its input or its output, whichever is more; likewise */
    bool chosen;             /* executor=auto */
    enum cn_placing placing; /* then: why there, and what the choice was made on */
    double dispatch_ns;
    double break_even;                   /* rows */
    char elsewhere[CN_CLUSTER_WORDS];    /* why there, or not, where there is a Dask cluster */
    char reason[192 + CN_CLUSTER_WORDS]; /* when it was written, and of how many rows */
    unsigned long long reason_rows;

    struct cn_frame frame;
    const struct cn_frame *view; /* the frame that is computed on: its own, or somebody else's */
    struct cn_segment *segments;
    size_t n_segments, cap_segments;
    size_t first_kept;      /* the first segment that is not leaving */
    uint64_t segment_bytes; /* of those from there on, as blocks */
    struct cn_spool *spool; /* NULL: all of the text is in memory */
    struct cn_chunk *chunks;
    size_t n_chunks, cap_chunks;
    bool body_complete;
    int64_t first_line; /* of the data, behind the header */

    bool renamed;         /* the option `rename` was given */
    bool tsv;             /* the reply calls itself tab-separated */
    size_t header_end;    /* line end of the CSV header: 0, 1, 2 bytes */
    struct cn_str header; /* CSV: the header record without its line end, as it came in */

    uint8_t *seen; /* by column: kinds of text so far */
    bool *used;    /* by column: its type matters to the result */
    enum cn_type *types;
    struct cn_plan **plans; /* all that were made; the last OUTPUT one is current */
    size_t n_plans, cap_plans;
    struct cn_plan *check_plan;
    struct cn_plan *output_plan;  /* for the assumed types; NULL: these do not compile */
    struct cn_plan *pass_plan;    /* of the TABLE pass or the single-column STREAM pass */
    struct cn_plan **table_plans; /* by digest; what was made for the first run */
    bool tables_compiled;         /* output_plan knows the digests */
    bool types_final;
    unsigned n_assumed; /* times that types were assumed */
    struct cn_table_value *tables;
    struct cn_table_digest *digest;
    size_t table;
    bool table_null;
    int32_t table_let; /* the let that the digest belongs to */

    enum cn_job_phase phase;
    struct cn_job_slot *slots; /* `window` of them */
    struct cn_job_slot *free_slots;
    size_t in_flight;
    size_t next;         /* the first chunk that may have to be run */
    size_t consumed;     /* TABLE, STREAM: chunks handed on */
    double written;      /* bytes that a chunk wrote for each byte of its text, or row; the most */
    uint64_t kept_bytes; /* of data, in all chunks */
    uint64_t keep_bytes; /* what outputs may have together: buffer_bytes, or the exchange's */
    bool over;           /* outputs have outgrown keep_bytes */
    bool running;        /* a pump is at work further up this stack */
    bool failed_body, failed_compute;
    bool doomed; /* a row is known to fail: no output is kept any more */
    /* Why nobody waits for the reply any more, an enum cn_code; without the lock. */
    atomic_int gone;
    bool wants_reply; /* the exchange waits for one */
    bool delivered;   /* it has it, or somebody is about to make it */
    bool has_limit;
    uint64_t limit;

    /* measured runs (job_repeat.c) */
    bool measured;
    bool cold;            /* no warm-up */
    uint64_t repeat;      /* runs that are measured */
    uint64_t run;         /* 0: the warm-up, or not measured; else the run under way, from 1 */
    int64_t run_start_ns; /* of the run's first task; 0: none yet */
    int64_t *samples;
    size_t n_samples;
    uint64_t pass_rows; /* of the chunks that this pass is done with; for the progress */
    uint64_t all_rows;
    bool rows_known; /* all_rows is final */
    bool bare;       /* a trial: its owner reads the chunks, no reply and no record are made */

    enum cn_code code; /* the job's failure */
    struct cn_error error;
    struct cn_worker_accounts workers;
    struct cn_remote_times remote; /* executor dask: of the tasks of all passes */
    int64_t first_start_ns;        /* of any task; 0: none */
    int64_t last_end_ns;
    int64_t encode_ns; /* when the reply's own text was begun; 0: not yet */

    /* streaming (stream.c) */
    bool stream_waiting;
    int32_t stream_output; /* JSON: the column being sent; -1: before the first */
    size_t stream_offset;  /* in the chunk or the literal */
    struct cn_buf stream_text;
    bool stream_in_text;
    bool stream_first; /* JSON: no value of this column was sent yet */
    bool stream_done;

    uint64_t *let_errors; /* rows that could not be computed, of chunks whose output is gone */
    bool closed;          /* `ledger` is final: what the body of the reply says */
    struct cn_ledger ledger;
    struct cn_buf head; /* text of the reply around the chunks' data */
    struct cn_str *parts;
};

/* Takes over a reference to the spec and, for a frame, the frame's contents. */
enum cn_code cn_job_new(struct cn_job **job, struct cn_exchange *exchange, struct cn_spec *spec,
                        struct cn_error *error);
void cn_job_unref(struct cn_job *job); /* takes the lock */

/* Sets where the job runs; before the first chunk. kind is not AUTO. on_caller: without a crossing.
 */
enum cn_code cn_job_place(struct cn_job *job, enum cn_executor_kind kind, size_t width,
                          bool on_caller, int64_t deadline_ns, struct cn_error *error);

/* All below: the caller holds the lock. */

/* The job's tasks are to be timed, `repeat` runs of them; before it is placed. */
enum cn_code cn_job_measure(struct cn_job *job, uint64_t repeat, bool cold, struct cn_error *error);
/* A plan that was made before, for the same spec and types, serves as the output plan. */
enum cn_code cn_job_use_plan(struct cn_job *job, struct cn_plan *plan, struct cn_error *error);

/* A segment that is handed over, of which chunks are cut then: the last one so far may still grow,
 * and its length counts when it is shed. */
enum cn_code cn_job_add_segment(struct cn_job *job, const struct cn_segment *segment,
                                struct cn_error *error);
/* The last segment has its length, and all its chunks. What is in memory beyond buffer_bytes, the
 * oldest first, goes to the spool if the service has any; the lock is given up meanwhile. */
enum cn_code cn_job_shed(struct cn_job *job, size_t len, struct cn_error *error);
/* A chunk's text. If it is not in memory, it is read into *block, which becomes the caller's. */
enum cn_code cn_job_read_text(struct cn_job *job, const struct cn_chunk *chunk,
                              struct cn_segment *block, struct cn_str *text,
                              struct cn_error *error);
void cn_job_free_text(struct cn_job *job);

/* Adds a chunk of CSV text, of the last segment, or of rows. */
enum cn_code cn_job_add_text(struct cn_job *job, struct cn_str text, struct cn_error *error);
enum cn_code cn_job_add_rows(struct cn_job *job, uint64_t first_row, uint64_t rows,
                             struct cn_error *error);
/* Assumes types from the first rows of a text. */
enum cn_code cn_job_sample(struct cn_job *job, struct cn_str text, struct cn_error *error);

/* Starts whatever can start; moves on to the next phase when one is done. True, once: the job has
 * ended or begins to stream, and the caller must call cn_job_deliver() after it gave up the lock.
 */
bool cn_job_pump(struct cn_job *job);

/* Ends the job with a failure; what runs is stopped and waited for. */
void cn_job_fail(struct cn_job *job, enum cn_code code, const struct cn_error *error);
/* CN_LIMIT_EXCEEDED: the reply outgrew what an exchange without a stream may have. */
void cn_job_fail_whole(struct cn_job *job);

/* The phases' transitions (job_phase.c), called when there is nothing to submit. True: something
 * changed, so look again. */
bool cn_job_advance(struct cn_job *job);
/* A fault of the body that no chunk still under way can go before: fails the job with it. */
bool cn_job_body_fault(struct cn_job *job);
/* Starts the pass for the next table digest, or for one column of a streamed JSON reply: all
 * chunks are to be run again with `plan`. */
void cn_job_begin_pass(struct cn_job *job, struct cn_plan *plan);
/* OUTPUT, from its start: all chunks are run. */
void cn_job_begin_outputs(struct cn_job *job);
/* The first digest's TABLE pass, or OUTPUT without one: a run's beginning. */
void cn_job_begin_run(struct cn_job *job);
/* All chunks of the OUTPUT pass are done. True: another run has begun. */
bool cn_job_end_run(struct cn_job *job);
/* Outputs are wanted; false: they are dropped as they come (a run before the last one). */
bool cn_job_keeps_outputs(const struct cn_job *job);
/* All chunks are there and their rows are known. */
void cn_job_count_rows(struct cn_job *job);
/* How far the job is, told to its exchange: rows are counted once for each pass that is sure to be
 * made over them, so the count never falls. After each chunk, and at the end. */
void cn_job_progress(struct cn_job *job);
/* TABLE, for the digest number `table`. */
void cn_job_begin_table(struct cn_job *job);
/* An error of a chunk, with row and line counted from the start of the body. */
struct cn_error cn_job_chunk_error(const struct cn_chunk *chunk);

/* Plans (job_plan.c). */
enum cn_code cn_job_settle_types(struct cn_job *job, struct cn_error *error);
enum cn_code cn_job_compile(struct cn_job *job, enum cn_pass pass, int32_t which,
                            struct cn_plan **plan, struct cn_error *error);
/* Whether a chunk's plan took the types that hold now. */
bool cn_job_plan_holds(const struct cn_job *job, const struct cn_plan *plan);
/* Merges what a chunk saw; true: a type that matters changed. */
bool cn_job_merge_seen(struct cn_job *job, const uint8_t *seen);

/* Without the lock; the caller holds a reference. */
void cn_job_deliver(struct cn_job *job);
/* Nobody waits for the reply any more: stops what runs, and makes the reply all the same. */
void cn_job_give_up(struct cn_job *job, enum cn_code why);
/* Adds the run to the service's record of runs. */
void cn_job_record(struct cn_job *job, int status, const struct cn_ledger *ledger,
                   const struct cn_error *error);
/* The same for a request that had no job, into `runs`; `error` may be NULL. */
void cn_record_plain(struct cn_exchange *exchange, struct cn_runs *runs, const char *operation,
                     int status, const struct cn_error *error);
/* The workers' accounts: their stages sum to their wall time exactly. They are numbered in the
 * order in which they came to this job. In the exchange's arena. */
struct cn_run_worker *cn_job_workers(struct cn_job *job, size_t *n);
/* Why the job ran where it did. */
const char *cn_job_reason(struct cn_job *job);
size_t cn_job_total_rows(const struct cn_job *job);
uint64_t cn_job_chunk_rows(const struct cn_job *job); /* of the largest chunk */
/* The request's ledger as it would be if it ended now. */
struct cn_ledger cn_job_ledger(const struct cn_job *job, int64_t now);
/* Rows of a chunk that could not be computed, added to let_errors; let -1: of all lets. */
void cn_job_count_errors(struct cn_job *job, const struct cn_chunk *chunk, int32_t let);

/* Replies (reply.c, stream.c). Texts of a JSON reply around its columns. False: no memory. */
bool cn_reply_json_head(struct cn_job *job, struct cn_buf *out);
bool cn_reply_json_tail(struct cn_job *job, struct cn_buf *out);
bool cn_reply_csv_head(const struct cn_job *job, struct cn_buf *out);
bool cn_reply_json_column(const struct cn_job *job, size_t output, struct cn_buf *out);
ssize_t cn_job_stream(struct cn_exchange *exchange, char *out, size_t max);

/* A chunk's data without its trailer. */
struct cn_str cn_chunk_data(const struct cn_chunk *chunk);
void cn_chunk_drop_output(struct cn_job *job, struct cn_chunk *chunk);

#endif

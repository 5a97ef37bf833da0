/*
 * compute.h: inside of the compute endpoint: one request's body on its way into a job.
 * Private to compute*.c, intake*.c, frame_generate.c, place*.c and the stream.
 */
#ifndef CN_HANDLERS_COMPUTE_H
#define CN_HANDLERS_COMPUTE_H

#include "handlers/job.h"
#include "handlers/multipart.h"
#include "handlers/negotiate.h"

#define CN_SEGMENT_BYTES (2u << 20) /* a huge page */

/* CSV text that is being received: the segment that fills up, and where it may be cut. */
struct cn_intake {
    struct cn_segment segment;
    bool in_job;  /* chunks point into the segment: it belongs to the job when it is full */
    size_t start; /* the first byte that is in no chunk yet; the start of a record */
    size_t scanned;
    size_t last_end; /* behind the last record end that was scanned; 0: none since `start` */
    struct cn_csv_cutter cutter;
    size_t cut_bytes; /* cut when so much has gathered */
    bool fitted;      /* to what chunks were seen to write */
    /* of unknown length: when to look again how much that is, and what a row was reckoned by */
    uint64_t look_at;
    uint64_t placed_rows, placed_bytes;
    bool bom_done;
    size_t header_try; /* look for the header's end again when there is so much text */
    uint64_t received;
};

struct cn_compute {
    struct cn_exchange *exchange;
    struct cn_options options;
    struct cn_body_type type;
    /* What the body (or the form's data part) is; UNSTATED: not known yet. */
    enum cn_body_kind kind;
    bool form;
    bool has_query;  /* options stood in the query string */
    bool experiment; /* of an experiment, which sets where and how often it runs */
    bool tsv;        /* the body is, and then the reply calls itself, tab-separated */
    const char *accept;
    struct cn_recipe *recipe; /* parsed, until the spec takes it */
    struct cn_intake intake;
    struct cn_buf text;                /* JSON, or what is not known yet */
    struct cn_json_document *document; /* JSON: when it was read; its texts lie in `text` */
    struct cn_frame columns;           /* JSON: those read with the document, until they are used */
    struct cn_job *job;                /* NULL: not before the names of the columns are known */
    atomic_bool ending;                /* a worker is reading what waited for the end of the body */
    atomic_int gone;                   /* nobody waits for the reply any more */
    struct cn_form *parts;             /* a form's parser and what it gathered; NULL */
};

/* Head and query: what kind of body comes, and the options that are known before it. */
enum cn_code cn_compute_read_head(struct cn_compute *compute, struct cn_error *error);

/* The option `timeout_ms`, as far as it is known: it counts from the request line on. */
void cn_compute_set_deadline(struct cn_compute *compute);

/* The options are complete: parse the lets, with the helpful texts of options.h. */
enum cn_code cn_compute_parse_lets(struct cn_compute *compute, struct cn_error *error);

/* What the body's kind means for its options. */
enum cn_code cn_compute_settle_kind(struct cn_compute *compute, enum cn_body_kind kind,
                                    struct cn_error *error);

/* Makes the job when the names of the input columns are known. The job is locked
 * from then on; whoever drives the request (compute.c) unlocks it. */
enum cn_code cn_compute_begin(struct cn_compute *compute, enum cn_source source,
                              const struct cn_str *names, size_t n_names, struct cn_error *error);

/* Chooses the executor (place.c). `rows` and `bytes` are what is known or expected; `more`: they
 * are a lower bound. */
enum cn_code cn_compute_place(struct cn_compute *compute, uint64_t rows, uint64_t bytes, bool more,
                              struct cn_error *error);

/* Rows of a task of a frame that has `rows`, when the job's place is known; for so many workers (0:
 * the job's). */
uint64_t cn_compute_task_rows(const struct cn_compute *compute, uint64_t rows, uint64_t workers);

/* CSV text, in pieces (intake_csv.c). After the last piece: cn_intake_end(). */
enum cn_code cn_intake_text(struct cn_compute *compute, struct cn_str text, struct cn_error *error);
enum cn_code cn_intake_end(struct cn_compute *compute, struct cn_error *error);
void cn_intake_release(struct cn_compute *compute);

/* A JSON body that is complete (intake_json.c): options, columns or generate; makes the job. With
 * `may_cross`, *cross says that what is left is too much for a thread that serves connections: to
 * be called again on another one. */
enum cn_code cn_intake_json(struct cn_compute *compute, bool may_cross, bool *cross,
                            struct cn_error *error);
/* Its parts, for an experiment: options and lets (once, into compute->document); the values of
 * `columns`; the rows of a frame as chunks, whose size, if nobody asked for one, is chosen for so
 * many workers (0: the job's). */
enum cn_code cn_intake_document(struct cn_compute *compute, struct cn_str text,
                                struct cn_error *error);
enum cn_code cn_intake_columns(struct cn_compute *compute, struct cn_str text,
                               struct cn_frame *frame, struct cn_error *error);
enum cn_code cn_intake_add_rows(struct cn_compute *compute, uint64_t rows, uint64_t workers,
                                struct cn_error *error);

/* Fills an empty frame with `rows` rows of what `generate` describes (frame_generate.c): the values
 * that the workers would make. CN_LIMIT_EXCEEDED: beyond --memory-bytes. Stops when the exchange's
 * deadline passes, or when *gone (may be NULL). */
enum cn_code cn_frame_generate(struct cn_frame *frame, const struct cn_generate *generate,
                               uint64_t rows, const struct cn_exchange *exchange,
                               const atomic_int *gone, struct cn_error *error);

/* A form (intake_form.c). */
enum cn_code cn_form_new(struct cn_compute *compute, struct cn_error *error);
enum cn_code cn_form_feed(struct cn_compute *compute, struct cn_str text, struct cn_error *error);
enum cn_code cn_form_end(struct cn_compute *compute, struct cn_error *error);
size_t cn_form_waiting(const struct cn_compute *compute); /* bytes of data; 0 without a form */
/* The file in which the data lies, or its beginning; it becomes the caller's. NULL: there is none.
 */
struct cn_spool *cn_form_take_spool(struct cn_compute *compute);
void cn_form_free(struct cn_compute *compute);

/* While a long text is read at one go (compute.c): the job, if there is one, is unlocked and locked
 * again, so that its workers get in; and is pumped, after which *error says why to stop. */
void cn_compute_let_in(struct cn_compute *compute, bool end);
enum cn_code cn_compute_look(struct cn_compute *compute, struct cn_error *error);

#endif

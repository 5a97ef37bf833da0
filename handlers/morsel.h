/*
 * morsel.h: inside of the compute kind: one worker's state, and the parts that turn rows into the
 * reply's bytes. Private to the compute kind (compute_kind.c, morsel_*.c).
 */
#ifndef CN_HANDLERS_MORSEL_H
#define CN_HANDLERS_MORSEL_H

#include "handlers/compute_kind.h"

#define CN_PLAN_CACHE 4

/* What one morsel may write. Aliases and joined texts can multiply a small body, so there must be
 * a bound; a morsel of ordinary rows writes a few MiB. */
#define CN_MORSEL_MAX_OUTPUT ((size_t)256 << 20)
/* A row that is alone in its chunk cannot be cut any smaller. */
#define CN_MORSEL_MAX_ROW ((size_t)512 << 20)
#define CN_MORSEL_KEEP ((size_t)16 << 20) /* scratch that outlives a morsel */

struct cn_cached_plan {
    uint64_t id;
    uint64_t used; /* age */
    struct cn_plan *plan;
    struct cn_eval *eval;
};

/* One worker's state: plans that it has compiled, and scratch memory that every morsel reuses. */
struct cn_compute_state {
    const struct cn_keyring *keys;
    uint64_t seed; /* of the hashes of names in rows' records */
    struct cn_cached_plan cache[CN_PLAN_CACHE];
    uint64_t clock;
    struct cn_arena morsel; /* reset for each morsel */
    struct cn_arena block;  /* reset for each block of rows */
    struct cn_buf *pieces;  /* JSON: the text of each output column */
    size_t n_pieces;
};

/* One morsel under way. */
struct cn_morsel {
    struct cn_run *run;
    struct cn_compute_state *state;
    const struct cn_plan *plan;
    struct cn_eval *eval; /* NULL in a CHECK pass */
    struct cn_morsel_args args;
    struct cn_morsel_result *result;
    uint8_t *seen;              /* per column */
    uint64_t *failed;           /* per let */
    struct cn_vector *values;   /* per column: of this block, if loaded */
    bool *hashed;               /* per column: row hashes take its values' texts */
    struct cn_texts *texts;     /* per column: of CSV, those that numbers were read from */
    struct cn_vector *raws;     /* per program input: the fields' texts, if raw */
    struct cn_vector *inputs;   /* per program input */
    struct cn_vector *computed; /* per let (TABLE: one) */
    uint64_t null_rows;
    int64_t clock_ns;  /* cn_run_clock() when time was last booked */
    enum cn_code code; /* a fault of computing: the rest is only checked */
};

enum cn_code cn_morsel_run_csv(struct cn_morsel *morsel, struct cn_error *error);
enum cn_code cn_morsel_run_columns(struct cn_morsel *morsel, struct cn_error *error);

/* The modes tuple and row: cn_eval_block() by one call a row (morsel_calls.c). */
enum cn_code cn_morsel_call_rows(struct cn_morsel *morsel, size_t rows, int64_t *hash_ns,
                                 struct cn_error *error);

/* Evaluates a block whose values (and raws) are set. A fault is noted in morsel->code with the row
 * made absolute within the morsel; the result is CN_OK unless the worker must stop. */
void cn_morsel_evaluate(struct cn_morsel *morsel, size_t rows, uint64_t first,
                        struct cn_error *error);
/* Appends a block of rows in the sink's form. `text` is the block of CSV text, or NULL. */
void cn_morsel_encode(struct cn_morsel *morsel, const struct cn_csv_block *text, size_t rows,
                      uint64_t first, struct cn_error *error);
/* After cn_morsel_evaluate() failed in a row: an earlier fault of writing goes before it. */
void cn_morsel_encode_failed(struct cn_morsel *morsel, const struct cn_csv_block *text,
                             uint64_t first, struct cn_error *error);
/* Joins the pieces and writes the trailer, with `error` in it if a row failed. */
enum cn_code cn_morsel_finish(struct cn_morsel *morsel, struct cn_error *error);

/* Books the time since the last call: one look at the clock ends a step and begins the next. */
static inline void cn_morsel_book(struct cn_morsel *morsel, enum cn_span span) {
    int64_t now = cn_run_clock(morsel->run);

    morsel->run->spans->ns[span] += now - morsel->clock_ns;
    morsel->clock_ns = now;
}

static inline bool cn_morsel_computes(const struct cn_morsel *morsel) {
    return morsel->eval != NULL && morsel->code == CN_OK;
}

#endif

/*
 * eval.h: one worker's state for one program. Private to the evaluator.
 *
 * What a row's value is, in this order: failed (its failure mark is set; value and null mark do not
 * count), null (its null mark is set; the value does not count), or the value. Failures under a
 * null of the same step do not arise: null in, null out.
 *
 * An array of failure marks never changes once it is made, so registers may share it.
 */
#ifndef CN_EXPR_EVAL_H
#define CN_EXPR_EVAL_H

#include "expr/program.h"

/* All texts that one block makes. Expressions can multiply texts, so there must be a bound. */
#define CN_EVAL_MAX_TEXT ((size_t)256 << 20)

/* Why a row of a step failed. Lives in the block's arena. */
struct cn_failure {
    const struct cn_step *step;
    uint8_t reason; /* as the kernel gave it: 1 or 2 */
    double real;    /* the operand's value, if the step shows it */
    struct cn_str text;
};

typedef const struct cn_failure *const *cn_failures;

/* A register while it runs. */
struct cn_slot {
    const void *values;
    const uint8_t *nulls;         /* NULL: none */
    cn_failures why;              /* by row; NULL: none */
    const struct cn_texts *texts; /* inputs: what was shown; may be NULL */
    void *own_values;             /* temporaries: where results go */
    uint8_t *own_nulls;
};

struct cn_eval {
    const struct cn_program *program;
    size_t capacity;            /* rows of a block at most */
    struct cn_arena memory;     /* as long as the state */
    struct cn_arena scratch;    /* as long as the block */
    struct cn_slot *slots;      /* by register */
    struct cn_digest **digests; /* by hash; NULL where only texts are made */
    struct cn_buf text;         /* texts to digest */
    size_t *offsets;            /* of rows in it */
    uint8_t *digest_bytes;
    uint8_t *fail;                /* zeros between steps */
    const uint8_t *ones;          /* the null marks of all-null registers */
    const void *zeros;            /* their values */
    cn_lanes_fn join;             /* two null masks into one */
    const struct cn_str *empties; /* likewise, of strings */
    uint32_t *input_registers;    /* ascending */
    size_t n_input_registers;
    const struct cn_texts *texts; /* by input, of the next block; NULL: none */
    const atomic_int *stop;
    int64_t deadline_ns;
    struct cn_eval_lock lock; /* functions are NULL: there is none */
    bool gave_lock;
    size_t rows;
    bool timed; /* hash_ns is wanted */
    int64_t hash_ns;
    /* on_error=fail: the failure of the lowest row so far */
    const struct cn_failure *worst;
    size_t worst_row;
    uint64_t *failed; /* the caller's counters; may be NULL */
};

/* CN_CANCELLED if somebody wants an end of it. */
enum cn_code cn_eval_look(const struct cn_eval *eval, struct cn_error *error);
/* Steps; they return an error only when memory ran out or a limit was reached. */
enum cn_code cn_eval_step(struct cn_eval *eval, const struct cn_step *step, struct cn_error *error);
/* The steps from `first` on that can be run strip by strip; *end is the step behind them, which may
 * be `first`. */
enum cn_code cn_eval_strips(struct cn_eval *eval, size_t first, size_t *end,
                            struct cn_error *error);
enum cn_code cn_eval_hash(struct cn_eval *eval, const struct cn_step *step, struct cn_error *error);
/* The marks of `n` operands together (the first operand's failure wins), into out->nulls and
 * out->why. */
enum cn_code cn_eval_marks(struct cn_eval *eval, const uint32_t *in, uint32_t n,
                           struct cn_slot *out, struct cn_error *error);

#endif

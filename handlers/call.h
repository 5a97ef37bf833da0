/*
 * call.h: calls of a function as a task: the same code in a thread, under the interpreter lock and
 * in a worker process.
 *
 * A task is `chunksize` calls. Its plan says which function, with the parameters that all calls
 * share; `local` is the dictionary that the caller hands to every call, which a worker process does
 * not have (it makes an empty one of its own, as a child process does with what it was sent).
 * Inputs: the text of the arguments, commas between them; and, when each call has a parameter of
 * its own, those as 8 bytes each. The output is one cn_call_record and its text for each call.
 */
#ifndef CN_HANDLERS_CALL_H
#define CN_HANDLERS_CALL_H

#include "handlers/call_value.h"
#include "handlers/shared_map.h"
#include "kernels/digest.h"
#include "pool/executor.h"

enum cn_call_function { CN_CALL_LONG_IO, CN_CALL_LONG_COMP, CN_CALL_HASH, CN_CALL_FUNCTIONS };

const char *cn_call_function_name(enum cn_call_function function);

extern const struct cn_kind cn_kind_call;

#define CN_CALL_MAX_ITERATIONS (UINT64_C(1) << 53) /* float64 counts that far */
#define CN_CALL_MAX_DIGITS 20000                   /* of an int that long_comp squares exactly */

/* The plan's bytes. */
struct cn_call_plan {
    uint32_t function;
    uint32_t each; /* the second input has seconds or iterations of each call */
    double seconds;
    uint64_t iterations;
};

struct cn_call_args {
    uint64_t calls;
};

/* One call, in the task's output; `len` bytes of text follow: the result as JSON, or the detail of
 * its failure. */
struct cn_call_record {
    int64_t started_ns; /* of the clock; the first call's is when the worker took the task */
    int64_t finished_ns;
    int64_t cpu_ns;
    int64_t lock_ns; /* waited for the interpreter lock */
    uint32_t code;   /* CN_OK, or why this call failed */
    uint32_t len;
};

/* Takes the next record off *out, which a worker process may have written: false if it is none. */
bool cn_call_next(struct cn_str *out, struct cn_call_record *record, struct cn_str *text);

/* ---- inside of the kind -------------------------------------------------------------------- */

struct cn_call {
    struct cn_run *run;
    struct cn_call_value value;
    double seconds;
    uint64_t iterations;
    struct cn_buf *result; /* the result as JSON is appended */
    enum cn_code failed;   /* CN_OK, or the call's own failure; the task goes on */
    char detail[192];
};

/* Fails the call, not the task. */
void cn_call_fail(struct cn_call *call, enum cn_code code, const char *format, ...) CN_PRINTF(3, 4);

/* The functions. They return the code of the task: CN_CANCELLED, CN_OVERLOADED. */
enum cn_code cn_call_long_io(struct cn_call *call, struct cn_error *error);
enum cn_code cn_call_long_comp(struct cn_call *call, struct cn_error *error); /* call_comp.c */
enum cn_code cn_call_hash(struct cn_call *call, struct cn_digest *digest, struct cn_arena *arena,
                          struct cn_buf *scratch, struct cn_error *error);

#endif

/*
 * expr.h: computed columns, from text to values.
 *
 *   lets --parse--> recipe --check, compile against a schema--> program --evaluate--> vectors
 *
 * A recipe is the parsed `let`s: it does not depend on the columns' types and never changes. A
 * program is a flat array of typed steps for one schema; it never changes either and may be shared
 * by threads. Evaluation works on blocks of at most CN_BLOCK_ROWS rows in a per-worker state.
 *
 * Complexity belongs in compiling, not in running.
 */
#ifndef CN_EXPR_EXPR_H
#define CN_EXPR_EXPR_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/clock.h"
#include "columns/column.h"
#include "expr/keyring.h"

/* ---- recipe ------------------------------------------------------------------------------- */

struct cn_let {
    struct cn_str name;
    struct cn_str text; /* the expression */
};

struct cn_expr_limits {
    size_t max_bytes; /* --max-expression-bytes, of one expression */
    size_t max_nodes; /* --max-expression-nodes, of all lets together */
    size_t max_depth; /* --max-expression-depth */
};

struct cn_recipe;

/*
 * Parses all lets. Texts are copied. The first error wins: CN_SYNTAX_ERROR, CN_UNKNOWN_FUNCTION,
 * CN_TYPE_ERROR for a wrong number of arguments or bad keyword arguments, CN_UNKNOWN_KEY,
 * CN_DUPLICATE_NAME (two lets alike), CN_LIMIT_EXCEEDED, each with `let` and `position`.
 */
enum cn_code cn_recipe_parse(struct cn_recipe **recipe, const struct cn_let *lets, size_t n_lets,
                             const struct cn_expr_limits *limits, struct cn_error *error);
void cn_recipe_free(struct cn_recipe *recipe);

size_t cn_recipe_lets(const struct cn_recipe *recipe);
struct cn_str cn_recipe_name(const struct cn_recipe *recipe, size_t let);
struct cn_str cn_recipe_text(const struct cn_recipe *recipe, size_t let); /* as it was given */

/* Appends the canonical form, "res1 = (a - b) / (c + d) ** 2". Parsing it gives the same tree. */
CN_NODISCARD bool cn_recipe_print(const struct cn_recipe *recipe, size_t let, struct cn_buf *out);

/* ---- schema ------------------------------------------------------------------------------- */

struct cn_schema_column {
    struct cn_str name;
    enum cn_type type;
    bool csv;      /* its fields have texts of their own (text='raw') */
    bool inferred; /* its type came from its values, not from the option `types` */
};

struct cn_schema {
    const struct cn_schema_column *columns;
    size_t n_columns;
};

/* Marks the columns that the recipe uses by name (or all, by '*'): used[i] is set to true for each,
 * others are left alone. Only names matter, not types. */
enum cn_code cn_recipe_uses(const struct cn_recipe *recipe, const struct cn_schema *schema,
                            bool *used, struct cn_error *error);

/* ---- program ------------------------------------------------------------------------------ */

/* The value of a finished over='table' digest. */
struct cn_table_value {
    bool known; /* false: not computed yet */
    bool null;
    int64_t i64;    /* as='int64' */
    char text[136]; /* hex or base64, NUL-terminated */
};

struct cn_compile_options {
    bool wrap_overflow; /* overflow=wrap */
    bool null_on_error; /* on_error=null */
    const struct cn_keyring *keys;
    /* values of the table digests by number; NULL: none is known */
    const struct cn_table_value *tables;
    /* which lets are wanted as outputs, by index (NULL: all); others are computed only as far as
     * wanted ones use them */
    const bool *wanted;
    /* >= 0: compile the pre-image of this table digest instead: the program has a single output, a
     * string per row (the row's text without the line feed; null where the digest becomes null) */
    int32_t table_preimage; /* -1: no */
};

struct cn_program;

/*
 * Checks types and compiles. Names resolve to earlier lets first, then to columns. A let that has
 * the name of a column hides the column for the lets behind it.
 * Errors: CN_UNKNOWN_COLUMN (with near names in the detail), CN_DUPLICATE_NAME (use of a name that
 * several columns have), CN_TYPE_ERROR, CN_UNKNOWN_KEY, CN_INTEGER_OUT_OF_RANGE (a literal), with
 * `let`, `position`, and `column` = the let's name, except that a CN_TYPE_ERROR caused by an input
 * column with `inferred` set also has `value` empty and `column` = that input column's name: the
 * caller looks up what decided its type.
 */
enum cn_code cn_program_compile(struct cn_program **program, const struct cn_recipe *recipe,
                                const struct cn_schema *schema,
                                const struct cn_compile_options *options, struct cn_error *error);
void cn_program_free(struct cn_program *program);

/* Whether a row hash in it, of rows or of a table, is made with a key. */
bool cn_recipe_uses_keys(const struct cn_recipe *recipe);

/* Checks names only, which needs no types: every name must be a column or an earlier let. The first
 * error in the order of the lets. */
enum cn_code cn_recipe_resolve(const struct cn_recipe *recipe, const struct cn_schema *schema,
                               struct cn_error *error);

/* Errors that do not depend on the columns (a key that the ring does not hold, 1 + 'x'), as
 * cn_program_compile() gives them. */
enum cn_code cn_recipe_check_early(const struct cn_recipe *recipe, const struct cn_keyring *keys,
                                   struct cn_error *error);

/* For /v1/check: parses and checks each let on its own as far as possible, and collects all errors
 * (of a text that cannot be parsed the first one; a let that failed has an unknown type that fits
 * anywhere). types[i] is the type of let i; failed[i] says that it has none. canonical texts are
 * appended to `print` one a line when it could be parsed. Returns the number of errors written, at
 * most max_errors. */
size_t cn_expr_check(const struct cn_let *lets, size_t n_lets, const struct cn_schema *schema,
                     const struct cn_compile_options *options, const struct cn_expr_limits *limits,
                     enum cn_type *types, bool *failed, struct cn_buf *prints /* n_lets of them */,
                     struct cn_error *errors, size_t max_errors);

/* An input of a program: a column's values, or (raw) its fields' own texts. */
struct cn_program_input {
    uint32_t column; /* index into the schema */
    bool raw;
    bool hashed; /* row hashes take its values, as they are written */
};
const struct cn_program_input *cn_program_inputs(const struct cn_program *program, size_t *n);

/* Whether output `let` is computed (cn_compile_options.wanted). */
bool cn_program_wants(const struct cn_program *program, size_t let);

/* Type of output `let` (of a pre-image program: output 0 is a string). */
enum cn_type cn_program_output_type(const struct cn_program *program, size_t let);

/* Whether every text of output `let` is a digest in hex: letters and digits, and never empty. */
bool cn_program_output_is_hex(const struct cn_program *program, size_t let);

/* Estimated cost of one row in ns, from a static table; for choosing an executor. */
double cn_program_row_cost(const struct cn_program *program);
/* The part of it that row hashes are. */
double cn_program_digest_cost(const struct cn_program *program);

/* ---- over='table' ------------------------------------------------------------------------- */

/* How many table digests the recipe has; they are numbered so that one's arguments use only
 * digests with lower numbers. */
size_t cn_recipe_tables(const struct cn_recipe *recipe);
/* Whether table digest `table` is used, directly or through other lets and digests, by a let. */
bool cn_recipe_uses_table(const struct cn_recipe *recipe, size_t let, size_t table);

struct cn_table_digest;
enum cn_code cn_table_digest_new(struct cn_table_digest **digest, const struct cn_recipe *recipe,
                                 size_t table, const struct cn_keyring *keys,
                                 struct cn_error *error);
/* The rows' texts in order, each followed by '\n'. */
enum cn_code cn_table_digest_update(struct cn_table_digest *digest, struct cn_str text,
                                    struct cn_error *error);
/* `null`: some row made it null. */
enum cn_code cn_table_digest_end(struct cn_table_digest *digest, bool null,
                                 struct cn_table_value *value, struct cn_error *error);
void cn_table_digest_free(struct cn_table_digest *digest);

/* ---- evaluation --------------------------------------------------------------------------- */

/* One worker's state for one program: registers, scratch, digest contexts. Not thread-safe. The
 * program must outlive it. */
struct cn_eval;
enum cn_code cn_eval_new(struct cn_eval **eval, const struct cn_program *program,
                         struct cn_error *error);
void cn_eval_free(struct cn_eval *eval);

/* Evaluation stops between two steps with CN_CANCELLED when *stop is not 0, or (deadline_ns > 0)
 * when the clock has passed it. `stop` must live as long as it is set; NULL: never. */
void cn_eval_watch(struct cn_eval *eval, const atomic_int *stop, int64_t deadline_ns);

/* A lock that cn_eval_block() is called with, and gives up around arithmetic; texts and row hashes
 * are made under it, and it is held again when the call returns. Time spent in `take` is booked by
 * whoever waits there, to the spans' LOCK. */
struct cn_eval_lock {
    void (*give)(void *context);
    void (*take)(void *context);
    void *context;
};
void cn_eval_share(struct cn_eval *eval, const struct cn_eval_lock *lock); /* NULL: there is none */

/* Shows, for the next call of cn_eval_block() alone, the texts that its inputs were read from, by
 * input; row hashes copy those that are canonical. */
void cn_eval_show_texts(struct cn_eval *eval, const struct cn_texts *texts);

/* Lets go of large scratch memory; what the last block's outputs point to is gone. */
void cn_eval_rest(struct cn_eval *eval);

/* Rows of a block at most: CN_BLOCK_ROWS, fewer for programs with very many registers. */
size_t cn_eval_capacity(const struct cn_eval *eval);

/*
 * Evaluates one block of rows <= cn_eval_capacity(). inputs[i] belongs to cn_program_inputs()[i].
 * outputs[let] is set for every wanted let (others are left alone); they are valid until the next
 * call and may point into the inputs. `now` is the time, if the caller has looked at the clock,
 * else 0; what row hashes took is added to *hash_ns (may be NULL).
 *
 * A row that cannot be computed: with on_error=fail the call returns its code; `error` names row
 * (relative to the block), let, position and column (the let's name); the lowest row wins, then the
 * first let; the outputs hold for the rows before it, and in it for the lets before that one. A
 * failing operand that a conditional (if, where, and, or, coalesce) does not choose is
 * no failure. With on_error=null the value is null and failed[let] (may be NULL) grows by one for
 * each row; what a later let makes of that null is no failure of its own.
 */
enum cn_code cn_eval_block(struct cn_eval *eval, const struct cn_vector *inputs, size_t rows,
                           struct cn_vector *outputs, uint64_t *failed, int64_t now,
                           int64_t *hash_ns, struct cn_error *error);

/*
 * Evaluates a single row, as cn_eval_block() does with one; for callers that take row after row.
 * What that does once a block is the caller's: nobody is asked whether to stop, no lock is given
 * up, and no time is booked, because a look at the clock can take as long as the row. hash_ns, if
 * not NULL, grows by the time of the row hashes.
 */
enum cn_code cn_eval_row(struct cn_eval *eval, const struct cn_vector *inputs,
                         struct cn_vector *outputs, uint64_t *failed, int64_t *hash_ns,
                         struct cn_error *error);

/* ---- functions ---------------------------------------------------------------------------- */

/* The table of functions, for GET /v1/functions and for error texts. */
struct cn_function_doc {
    const char *name;
    const char *signature; /* "substr(s, start[, count]) -> string" */
    const char *summary;   /* one line */
    const char *group;     /* "math", "rounding", "logic", "conversion", "text", "hash" */
};
const struct cn_function_doc *cn_function_docs(size_t *n);

#endif

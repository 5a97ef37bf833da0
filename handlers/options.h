/*
 * options.h: the options of a computation, from a query string, form parts or JSON members.
 *
 * All three ways end in cn_options_set() or cn_options_set_json(), so that an option means the same
 * wherever it stands. All texts are kept in the arena that was given at the start.
 */
#ifndef CN_HANDLERS_OPTIONS_H
#define CN_HANDLERS_OPTIONS_H

#include "columns/csv.h"
#include "columns/json.h"
#include "expr/expr.h"
#include "handlers/service.h"

/* An option's JSON text may be this long. */
#define CN_OPTION_JSON_BYTES (4u << 20)

enum cn_select_kind { CN_SELECT_DEFAULT, CN_SELECT_ALL, CN_SELECT_COMPUTED, CN_SELECT_NAMES };

struct cn_name_pair {
    struct cn_str from;
    struct cn_str to;
};

struct cn_declared_type {
    struct cn_str name;
    bool any; /* '*': every column not named */
    enum cn_type type;
};

struct cn_generate {
    uint64_t rows;
    struct cn_str *columns;
    size_t n_columns;
    bool normal; /* else uniform */
    uint64_t seed;
};

/* Which source an option came from, for error texts and for the rules of `let`. */
enum cn_option_source { CN_OPTION_QUERY, CN_OPTION_FORM, CN_OPTION_JSON };

/* Where a let came from, beside its text: for hints when it cannot be parsed. */
struct cn_let_origin {
    enum cn_option_source source;
    bool raw_plus; /* the undecoded query text had a '+' in it */
};

struct cn_options {
    struct cn_arena *arena;
    const struct cn_service_limits *limits;
    struct cn_let *lets;
    struct cn_let_origin *origins; /* one for each let */
    size_t n_lets, cap_lets;
    enum cn_select_kind select;
    struct cn_str *select_names;
    size_t n_select;
    struct cn_str *drop;
    size_t n_drop;
    struct cn_name_pair *rename;
    size_t n_rename;
    bool has_limit;
    uint64_t limit;
    enum cn_executor_kind executor;
    uint64_t workers;    /* 0: default, the usable CPUs */
    uint64_t chunk_rows; /* 0: chosen */
    enum cn_mode mode;
    uint64_t repeat; /* 1 or more */
    int retries;     /* of tasks whose worker was lost; -1: as the executor does */
    bool wrap_overflow;
    bool null_on_error;
    enum cn_json_nan nan;
    struct cn_declared_type *types;
    size_t n_types;
    struct cn_str *nulls;
    size_t n_nulls;
    char delimiter;               /* 0: by the kind of body */
    bool header;                  /* false: absent */
    uint64_t timeout_ms;          /* 0: the service's cap */
    struct cn_generate *generate; /* JSON only; NULL */
    uint64_t seen;                /* options that were set, one bit each, to refuse repeats */
};

void cn_options_init(struct cn_options *options, struct cn_arena *arena,
                     const struct cn_service_limits *limits);

/* Sets one option from its decoded text (query string, form part). CN_UNKNOWN_PARAMETER,
 * CN_INVALID_PARAMETER (with `parameter`), CN_SYNTAX_ERROR, ... `raw` is the undecoded text (query
 * only, else the same as value). */
enum cn_code cn_options_set(struct cn_options *options, enum cn_option_source source,
                            struct cn_str name, struct cn_str value, struct cn_str raw,
                            struct cn_error *error);

/* Sets one option from a member of the JSON body (its text is read anew). */
enum cn_code cn_options_set_json(struct cn_options *options, struct cn_str name,
                                 struct cn_str value, struct cn_error *error);

/* Sets options from a raw query string (percent-decoding, '+' means a space). Bad escapes, control
 * characters and invalid UTF-8 are CN_INVALID_PARAMETER. */
enum cn_code cn_options_set_query(struct cn_options *options, const char *query,
                                  struct cn_error *error);

/* Turns a parse error of a let into the helpful one: a raw '+' or a cut form part. Called with the
 * error of cn_recipe_parse(); changes its detail (and code) where a hint applies. */
void cn_options_explain(const struct cn_options *options, struct cn_error *error);

#endif

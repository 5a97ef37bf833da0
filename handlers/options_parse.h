/*
 * options_parse.h: what the files that read options share. Only they and check.c include it.
 *
 * An option has one row in the table of options.c. Its text form and its JSON form are read by two
 * functions that end in the same setter, so that it means the same wherever it stands.
 */
#ifndef CN_HANDLERS_OPTIONS_PARSE_H
#define CN_HANDLERS_OPTIONS_PARSE_H

#include "handlers/json_tree.h"
#include "handlers/options.h"

enum cn_option_id {
    CN_OPTION_LET,
    CN_OPTION_SELECT,
    CN_OPTION_DROP,
    CN_OPTION_RENAME,
    CN_OPTION_LIMIT,
    CN_OPTION_EXECUTOR,
    CN_OPTION_WORKERS,
    CN_OPTION_CHUNK_ROWS,
    CN_OPTION_MODE,
    CN_OPTION_REPEAT,
    CN_OPTION_OVERFLOW,
    CN_OPTION_ON_ERROR,
    CN_OPTION_NAN,
    CN_OPTION_TYPES,
    CN_OPTION_NULLS,
    CN_OPTION_DELIMITER,
    CN_OPTION_HEADER,
    CN_OPTION_TIMEOUT_MS,
    CN_OPTION_RETRIES,
    CN_OPTION_GENERATE,
    CN_OPTION_COUNT
};

/* An option as it was given; `value` is its decoded text, or the text of its JSON value. */
struct cn_given {
    enum cn_option_id id;
    const char *name;
    const char *expected; /* "a whole number, 1 or more" */
    enum cn_option_source source;
    struct cn_str value;
    struct cn_str raw;
};

/* What is to be said of an option: the same row of the table that reads it. */
enum cn_option_form {
    CN_OPTION_FORM_LET,
    CN_OPTION_FORM_LIST,
    CN_OPTION_FORM_CHOICE,
    CN_OPTION_FORM_NUMBER,
    CN_OPTION_FORM_DELIMITER,
    CN_OPTION_FORM_GENERATE
};
struct cn_option_look {
    enum cn_option_form form;
    const char *name;
    const char *expected; /* "a whole number, 1 or more" */
    uint64_t min, max;    /* NUMBER */
    const char *standard; /* CHOICE: the default */
};
void cn_option_look(enum cn_option_id id, struct cn_option_look *look);
/* The i-th text that a CHOICE or DELIMITER may be; NULL: there are no more. */
const char *cn_option_choice(enum cn_option_id id, size_t i);

const char *cn_option_name(enum cn_option_id id);

/* options_unknown.c: CN_UNKNOWN_PARAMETER, with the option that was probably meant. */
enum cn_code cn_option_unknown(struct cn_str name, enum cn_option_source source,
                               struct cn_error *error);

/* Sets parameter and value of the error, then code and detail. */
enum cn_code cn_given_error(const struct cn_given *given, enum cn_code code, struct cn_error *error,
                            const char *format, ...) CN_PRINTF(4, 5);
/* CN_INVALID_PARAMETER: "limit is 'x', but must be a whole number". */
enum cn_code cn_given_invalid(const struct cn_given *given, struct cn_error *error);
/* The same for a JSON value of another type than `wanted` ("an array of strings"). */
enum cn_code cn_given_mistyped(const struct cn_given *given, const struct cn_json *json,
                               const char *wanted, struct cn_error *error);

/* Text between backticks, doubled ones halved; `quoted` includes the outer backticks. False: it is
 * not one such text. data is NULL when memory ran out. */
bool cn_backticks_read(struct cn_str quoted, struct cn_arena *arena, struct cn_str *text);
struct cn_str cn_blanks_trim(struct cn_str text); /* spaces and tabs at both ends */
/* CN_INVALID_VALUE (422) for a name that holds a NUL character. */
enum cn_code cn_name_check(const struct cn_given *given, struct cn_str name,
                           struct cn_error *error);
/* CN_DUPLICATE_NAME if two of the names are alike; names[i] is `stride` bytes behind the last. */
enum cn_code cn_names_distinct(struct cn_options *options, const struct cn_given *given,
                               const struct cn_str *names, size_t n_names, size_t stride,
                               struct cn_error *error);

/* options_let.c */
enum cn_code cn_let_set(struct cn_options *options, const struct cn_given *given,
                        struct cn_error *error);
enum cn_code cn_let_set_json(struct cn_options *options, const struct cn_given *given,
                             const struct cn_json *json, struct cn_error *error);

/* options_lists.c: select, drop, rename, types, nulls */
enum cn_code cn_list_set(struct cn_options *options, const struct cn_given *given,
                         struct cn_error *error);
enum cn_code cn_list_set_json(struct cn_options *options, const struct cn_given *given,
                              const struct cn_json *json, struct cn_error *error);

/* options_json.c */
enum cn_code cn_generate_set_json(struct cn_options *options, const struct cn_given *given,
                                  const struct cn_json *json, struct cn_error *error);
/* Reads the text of a JSON value into the arena. */
enum cn_code cn_given_load(const struct cn_given *given, struct cn_arena *arena,
                           const struct cn_json **json, struct cn_error *error);

#endif

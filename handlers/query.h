/*
 * query.h: the parameters of a raw query string, decoded one by one.
 *
 *   struct cn_query query;
 *   struct cn_query_pair pair;
 *   cn_query_init(&query, exchange->query, &exchange->arena);
 *   while ((code = cn_query_next(&query, &pair, error)) == CN_OK && pair.found)
 *       ...
 *
 * Pairs are split at '&' alone, names from values at the first '='; '+' means a space and %XX a
 * byte, in names too. Empty pairs ("a=1&&b=2", a trailing '&') are skipped; a name without '=' has
 * an empty value. Names and values are kept in the arena, NUL-terminated; `raw` points into the
 * query itself.
 */
#ifndef CN_HANDLERS_QUERY_H
#define CN_HANDLERS_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

struct cn_query {
    const char *at;
    const char *end;
    struct cn_arena *arena;
};

struct cn_query_pair {
    bool found; /* false: the query has ended, and nothing else is set */
    struct cn_str name;
    struct cn_str value;
    struct cn_str raw; /* the value as it stands in the query */
};

/* `text` is what stands behind the '?'; NULL: there is no query. It must outlive the pairs. */
void cn_query_init(struct cn_query *query, const char *text, struct cn_arena *arena);

/* The next pair. CN_INVALID_PARAMETER with `parameter` = the name, for a bad escape, for a control
 * character (a byte below 0x20, or 0x7f; tab and line feed too) and for what is not UTF-8. */
enum cn_code cn_query_next(struct cn_query *query, struct cn_query_pair *pair,
                           struct cn_error *error);

/* For endpoints that take no parameters: the first one is CN_UNKNOWN_PARAMETER (or what
 * cn_query_next() says of it). `text` may be NULL. */
enum cn_code cn_query_none(const char *text, struct cn_arena *arena, struct cn_error *error);

/* The error for a parameter that the endpoint does not have: CN_UNKNOWN_PARAMETER. `known` lists
 * those that it has, for the detail ("limit"); NULL: it has none. */
enum cn_code cn_query_unknown(const struct cn_query_pair *pair, const char *known,
                              struct cn_error *error);

/* A value of plain decimal digits within [min, max]; anything else is CN_INVALID_PARAMETER, with
 * parameter, value and what was expected. */
enum cn_code cn_query_number(const struct cn_query_pair *pair, uint64_t min, uint64_t max,
                             uint64_t *number, struct cn_error *error);

#endif

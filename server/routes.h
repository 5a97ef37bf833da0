/*
 * routes.h: which endpoint answers which path.
 */
#ifndef CN_SERVER_ROUTES_H
#define CN_SERVER_ROUTES_H

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "handlers/exchange.h"

/*
 * Finds the endpoint for a path as it stands in the request line (without the query). Segments are
 * percent-decoded before they are compared; *segment is what {id} matched, decoded, in `arena`.
 * CN_NOT_FOUND; CN_METHOD_NOT_ALLOWED: *endpoint is set, its methods are the ones allowed.
 */
enum cn_code cn_routes_find(const char *method, const char *path, struct cn_arena *arena,
                            const struct cn_endpoint **endpoint, const char **segment,
                            struct cn_error *error);

/* All of them. */
const struct cn_endpoint *const *cn_routes_table(size_t *n);

/* The Allow header of an endpoint: "GET, HEAD". */
void cn_routes_allow(const struct cn_endpoint *endpoint, char *out, size_t size);

#endif

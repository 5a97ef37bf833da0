#include "handlers/decomposition.h"

#include <string.h>

const char *cn_step_name(enum cn_step step) {
    static const char *const names[] = {"row object",       "vectorisation", "shipping",
                                        "shipping",         "lock",          "crossing",
                                        "parallel workers", "chunk size"};
    return names[step];
}

bool cn_factor_name(struct cn_buf *out, const struct cn_factor *factor) {
    bool ok = true;
    for (size_t i = 0; ok && i < factor->n_changes; i++) {
        if (i > 0)
            ok = cn_buf_add_c(out, i + 1 < factor->n_changes ? ", " : " and ");
        ok = ok && cn_buf_add_c(out, cn_step_name(factor->changes[i].step));
    }
    return ok;
}

/* ---- the canonical path, whether it was measured or not --------------------------------- */

struct route {
    struct cn_case nodes[CN_PATH_STEPS + 1]; /* only what was asked for is set */
    struct cn_change changes[CN_PATH_STEPS]; /* [i] leads from node i to node i + 1 */
    size_t n_changes;
};

static struct cn_case *add_node(struct route *route, struct cn_change change) {
    size_t at = route->n_changes++;
    route->changes[at] = change;
    route->nodes[at + 1] = route->nodes[at];
    return &route->nodes[at + 1];
}

static struct cn_case *last_node(struct route *route) {
    return &route->nodes[route->n_changes];
}

static enum cn_step executor_step(enum cn_executor_kind executor) {
    switch (executor) {
    case CN_EXECUTOR_PROCESSES:
        return CN_STEP_SHIPPING;
    case CN_EXECUTOR_DASK:
        return CN_STEP_SENDING;
    case CN_EXECUTOR_GIL:
        return CN_STEP_LOCK;
    default:
        return CN_STEP_CROSSING;
    }
}

static void go_workers(struct route *route, uint64_t workers) {
    uint64_t before = last_node(route)->workers;
    if (before == workers)
        return;
    struct cn_change change = {CN_STEP_PARALLEL_WORKERS, workers < before, before, workers};
    add_node(route, change)->workers = workers;
}

/* From an executor to serial, or from serial to one. */
static void go_executor(struct route *route, enum cn_executor_kind executor) {
    enum cn_executor_kind before = last_node(route)->executor;
    if (before == executor)
        return;
    bool back = executor == CN_EXECUTOR_SERIAL;
    struct cn_change change = {.step = executor_step(back ? before : executor), .back = back};
    struct cn_case *node = add_node(route, change);
    node->executor = executor;
    node->workers = 1;
}

/* The modes in the order in which a row becomes less of a thing. */
static int rank(enum cn_mode mode) {
    return mode == CN_MODE_ROW ? 0 : mode == CN_MODE_TUPLE ? 1 : 2;
}

static void go_mode(struct route *route, enum cn_mode mode) {
    static const enum cn_mode by_rank[] = {CN_MODE_ROW, CN_MODE_TUPLE, CN_MODE_VECTOR};
    int at = rank(last_node(route)->mode), end = rank(mode);
    while (at != end) {
        bool back = end < at;
        int lower = back ? at - 1 : at;
        at += back ? -1 : 1;
        struct cn_change change = {.step = lower == 0 ? CN_STEP_ROW_OBJECT : CN_STEP_VECTORISATION,
                                   .back = back};
        add_node(route, change)->mode = by_rank[at];
    }
}

static void go_chunks(struct route *route, uint64_t setting) {
    uint64_t before = last_node(route)->chunk_setting;
    if (before == setting)
        return;
    struct cn_change change = {CN_STEP_CHUNK_SIZE, false, before, setting};
    add_node(route, change)->chunk_setting = setting;
}

static void find_route(const struct cn_case *from, const struct cn_case *to, struct route *route) {
    route->n_changes = 0;
    route->nodes[0] = *from;
    if (from->executor != to->executor) {
        if (from->executor != CN_EXECUTOR_SERIAL)
            go_workers(route, 1);
        go_executor(route, CN_EXECUTOR_SERIAL);
    }
    if (from->has_mode)
        go_mode(route, to->mode);
    go_executor(route, to->executor);
    go_workers(route, to->workers);
    go_chunks(route, to->chunk_setting);
}

/* ---- the path through the cases --------------------------------------------------------- */

/* The case of a node; n: there is none. */
static size_t find_case(const struct cn_case *cases, size_t n, const struct cn_case *node) {
    for (size_t i = 0; i < n; i++)
        if (cases[i].executor == node->executor && cases[i].workers == node->workers &&
            cn_case_alike(&cases[i], node))
            return i;
    return n;
}

/* Without memory the list is shorter: it is a note for people. */
static void name_missing(struct cn_buf *missing, size_t before, const struct cn_case *node,
                         bool chunks) {
    size_t len = missing->len;
    if ((before > 0 && !cn_buf_add_c(missing, ", ")) || !cn_case_name(missing, node, chunks))
        missing->len = len;
}

static void note(struct cn_factor *factor, struct cn_buf *missing, size_t n_missing) {
    if (!cn_buf_add_c(missing, n_missing == 1 ? " was no case" : " were no cases"))
        return;
    size_t len = missing->len < sizeof factor->reason ? missing->len : sizeof factor->reason - 1;
    memcpy(factor->reason, missing->data, len);
    factor->reason[len] = '\0';
}

void cn_decompose_between(const struct cn_case *cases, size_t n, size_t from, size_t to,
                          struct cn_path *path) {
    struct route route;
    struct cn_buf missing = CN_BUF_INIT;
    bool chunks = cn_cases_sweep_chunks(cases, n);
    size_t at = from, n_missing = 0;
    struct cn_factor *factor = &path->factors[0];

    find_route(&cases[from], &cases[to], &route);
    *path = (struct cn_path){.from = from, .to = to};
    path->ratio = cn_case_time(&cases[from]) / cn_case_time(&cases[to]);
    for (size_t i = 0; i < route.n_changes; i++) {
        bool last = i + 1 == route.n_changes;
        size_t next = last ? to : find_case(cases, n, &route.nodes[i + 1]);
        factor->changes[factor->n_changes++] = route.changes[i];
        if (next == n) {
            name_missing(&missing, n_missing++, &route.nodes[i + 1], chunks);
            continue;
        }
        factor->from = at;
        factor->to = next;
        factor->factor = cn_case_time(&cases[at]) / cn_case_time(&cases[next]);
        if (n_missing > 0)
            note(factor, &missing, n_missing);
        missing.len = n_missing = 0;
        at = next;
        factor = &path->factors[++path->n_factors];
    }
    cn_buf_release(&missing);
}

/* ---- which two -------------------------------------------------------------------------- */

void cn_decompose(const struct cn_case *cases, size_t n, struct cn_path *path) {
    uint64_t rows = cn_cases_most_rows(cases, n);
    bool others = false;
    size_t slowest = n, fastest = n;

    for (size_t i = 0; i < n; i++)
        others = others || cases[i].executor != CN_EXECUTOR_AUTO;
    for (size_t i = 0; i < n; i++) {
        if (cases[i].rows != rows || (others && cases[i].executor == CN_EXECUTOR_AUTO))
            continue;
        if (slowest == n || cn_case_time(&cases[i]) > cn_case_time(&cases[slowest]))
            slowest = i;
        if (fastest == n || cn_case_time(&cases[i]) < cn_case_time(&cases[fastest]))
            fastest = i;
    }
    cn_decompose_between(cases, n, slowest, fastest, path);
}

/* Whether a pool of `a` is more like what somebody with so many CPUs would start than that of `b`:
 * workers for all of them rather than few or too many; then the faster one. */
static bool fits_better(const struct cn_case *a, const struct cn_case *b, uint64_t cpus) {
    bool a_within = a->workers <= cpus;
    bool b_within = b->workers <= cpus;
    if (a_within != b_within)
        return a_within;
    if (a->workers != b->workers)
        return (a->workers > b->workers) == a_within;
    return cn_case_time(a) < cn_case_time(b);
}

/* The pool of processes for that many rows; in mode tuple, or in any. */
static size_t find_pool(const struct cn_case *cases, size_t n, uint64_t cpus, bool any) {
    uint64_t rows = cn_cases_most_rows(cases, n);
    size_t best = n;
    for (size_t i = 0; i < n; i++) {
        if (cases[i].executor != CN_EXECUTOR_PROCESSES || cases[i].rows != rows ||
            (!any && cases[i].mode != CN_MODE_TUPLE))
            continue;
        if (best == n || fits_better(&cases[i], &cases[best], cpus))
            best = i;
    }
    return best;
}

bool cn_decompose_row_to_processes(const struct cn_case *cases, size_t n, uint64_t cpus,
                                   struct cn_path *path) {
    size_t to = find_pool(cases, n, cpus, false);

    if (!cases[0].has_mode)
        return false;
    if (to == n)
        to = find_pool(cases, n, cpus, true);
    if (to == n)
        return false;
    struct cn_case start = cases[to];
    start.executor = CN_EXECUTOR_SERIAL;
    start.workers = 1;
    start.mode = CN_MODE_ROW;
    size_t from = find_case(cases, n, &start);
    if (from == n)
        return false;
    cn_decompose_between(cases, n, from, to, path);
    return true;
}

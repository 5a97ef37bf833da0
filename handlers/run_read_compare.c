/*
 * run_read_compare.c: a comparison is kept as it came; what its page draws must be there, and of
 * the right kind. Members that nobody here knows stay.
 */
#include <string.h>

#include "handlers/run_read_inside.h"

#define NUMBER(name_)                                                                              \
    { .name = (name_), .kind = CN_IN_NUMBER }
#define NUMBER_OR_NULL(name_)                                                                      \
    { .name = (name_), .kind = CN_IN_NUMBER, .nullable = true }
#define STRING(name_)                                                                              \
    { .name = (name_), .kind = CN_IN_STRING }
#define STRING_OR_NULL(name_)                                                                      \
    { .name = (name_), .kind = CN_IN_STRING, .nullable = true }
#define CALL(name_, read_)                                                                         \
    { .name = (name_), .kind = CN_IN_CALL, .read = (read_) }
/* The number of a case. */
#define INDEX(name_, type, member)                                                                 \
    {                                                                                              \
        .name = (name_), .kind = CN_IN_INT, .size = 8, .most = INT32_MAX,                          \
        .offset = offsetof(type, member)                                                           \
    }

struct read_comparison {
    int64_t n_cases;
    int64_t highest; /* case that something names; -1: none */
};

/* ---- cases -------------------------------------------------------------------------------- */

static enum cn_code read_number(struct cn_json_in *in, void *item, struct cn_error *error) {
    static const struct cn_json_field field = {.kind = CN_IN_NUMBER};
    return cn_json_in_value(in, &field, item, error);
}

static enum cn_code read_samples(struct cn_json_in *in, void *target, struct cn_error *error) {
    struct cn_json_items samples = {.size = 1, .read = read_number};
    (void)target;
    return cn_json_in_array(in, &samples, error);
}

static enum cn_code read_repeat(struct cn_json_in *in, void *target, struct cn_error *error) {
    static const struct cn_json_field fields[] = {
        NUMBER("mean_ns"),   NUMBER("stddev_ns"), NUMBER("min_ns"),
        NUMBER("median_ns"), NUMBER("runs"),      CALL("samples_ns", read_samples),
    };
    static const struct cn_json_shape shape = CN_SHAPE_OPEN(fields);
    return cn_json_in_object(in, &shape, target, error);
}

static enum cn_code read_case(struct cn_json_in *in, void *item, struct cn_error *error) {
    static const struct cn_json_field fields[] = {
        NUMBER("case"),
        STRING("executor"),
        NUMBER("workers"),
        NUMBER("chunk_rows"),
        STRING_OR_NULL("mode"),
        NUMBER("rows"),
        STRING("digest"),
        NUMBER_OR_NULL("speedup"),
        NUMBER_OR_NULL("efficiency"),
        CALL("repeat", read_repeat),
    };
    static const struct cn_json_shape shape = CN_SHAPE_OPEN(fields);
    return cn_json_in_object(in, &shape, item, error);
}

static enum cn_code read_cases(struct cn_json_in *in, void *target, struct cn_error *error) {
    struct read_comparison *comparison = target;
    struct cn_json_items cases = {.size = 1, .read = read_case};
    CN_TRY(cn_json_in_array(in, &cases, error));
    comparison->n_cases = (int64_t)cases.n;
    return cases.n > 0 ? CN_OK
                       : cn_json_in_wrong(in, CN_STR(""), "an array of one case or more", error);
}

static void note_case(struct read_comparison *comparison, int64_t number) {
    if (number > comparison->highest)
        comparison->highest = number;
}

static enum cn_code read_index(struct cn_json_in *in, void *item, struct cn_error *error) {
    static const struct cn_json_field field = {.kind = CN_IN_INT, .size = 8, .most = INT32_MAX};
    return cn_json_in_value(in, &field, item, error);
}

static enum cn_code read_differing(struct cn_json_in *in, void *target, struct cn_error *error) {
    struct cn_json_items items = {.size = sizeof(int64_t), .read = read_index};
    CN_TRY(cn_json_in_array(in, &items, error));
    const int64_t *numbers = items.items;
    for (size_t i = 0; i < items.n; i++)
        note_case(target, numbers[i]);
    return CN_OK;
}

/* ---- what follows from them --------------------------------------------------------------- */

static enum cn_code read_fit(struct cn_json_in *in, void *item, struct cn_error *error) {
    static const struct cn_json_field fields[] = {STRING("executor"), STRING_OR_NULL("mode"),
                                                  NUMBER_OR_NULL("serial_fraction"),
                                                  STRING_OR_NULL("reason")};
    static const struct cn_json_shape shape = CN_SHAPE_OPEN(fields);
    return cn_json_in_object(in, &shape, item, error);
}

static enum cn_code read_fits(struct cn_json_in *in, void *target, struct cn_error *error) {
    struct cn_json_items fits = {.size = 1, .read = read_fit};
    (void)target;
    return cn_json_in_array(in, &fits, error);
}

struct read_step {
    int64_t from;
    int64_t to;
};

static enum cn_code read_factor(struct cn_json_in *in, void *item, struct cn_error *error) {
    static const struct cn_json_field fields[] = {STRING("step"), NUMBER("factor"),
                                                  INDEX("from", struct read_step, from),
                                                  INDEX("to", struct read_step, to)};
    static const struct cn_json_shape shape = CN_SHAPE_OPEN(fields);
    return cn_json_in_object(in, &shape, item, error);
}

struct read_path {
    struct read_step ends;
    struct cn_json_items factors;
};

static enum cn_code read_factors(struct cn_json_in *in, void *target, struct cn_error *error) {
    struct cn_json_items *factors = target;
    *factors = (struct cn_json_items){.size = sizeof(struct read_step), .read = read_factor};
    return cn_json_in_array(in, factors, error);
}

static enum cn_code read_path(struct cn_json_in *in, void *item, struct cn_error *error) {
    static const struct cn_json_field fields[] = {
        INDEX("from", struct read_path, ends.from),
        INDEX("to", struct read_path, ends.to),
        NUMBER("ratio"),
        {.name = "factors",
         .kind = CN_IN_CALL,
         .read = read_factors,
         .offset = offsetof(struct read_path, factors)},
    };
    static const struct cn_json_shape shape = CN_SHAPE_OPEN(fields);
    return cn_json_in_object(in, &shape, item, error);
}

static void note_path(struct read_comparison *comparison, const struct read_path *path) {
    const struct read_step *steps = path->factors.items;
    note_case(comparison, path->ends.from);
    note_case(comparison, path->ends.to);
    for (size_t i = 0; i < path->factors.n; i++) {
        note_case(comparison, steps[i].from);
        note_case(comparison, steps[i].to);
    }
}

static enum cn_code read_decomposition(struct cn_json_in *in, void *target,
                                       struct cn_error *error) {
    struct read_path path = {0};
    CN_TRY(read_path(in, &path, error));
    note_path(target, &path);
    return CN_OK;
}

static enum cn_code read_paths(struct cn_json_in *in, void *target, struct cn_error *error) {
    struct cn_json_items items = {.size = sizeof(struct read_path), .read = read_path};
    CN_TRY(cn_json_in_array(in, &items, error));
    const struct read_path *paths = items.items;
    for (size_t i = 0; i < items.n; i++)
        note_path(target, &paths[i]);
    return CN_OK;
}

static enum cn_code read_sentence(struct cn_json_in *in, void *item, struct cn_error *error) {
    static const struct cn_json_field field = {.kind = CN_IN_STRING};
    return cn_json_in_value(in, &field, item, error);
}

static enum cn_code read_verdict(struct cn_json_in *in, void *target, struct cn_error *error) {
    struct cn_json_items sentences = {.size = 1, .read = read_sentence};
    (void)target;
    CN_TRY(cn_json_in_array(in, &sentences, error));
    return sentences.n > 0 ? CN_OK : cn_json_in_wrong(in, CN_STR("[]"), "some sentences", error);
}

/* ---- the document ------------------------------------------------------------------------- */

static enum cn_code read_workload(struct cn_json_in *in, void *target, struct cn_error *error) {
    static const struct cn_json_field fields[] = {STRING("what"), NUMBER("rows")};
    static const struct cn_json_shape shape = CN_SHAPE_OPEN(fields);
    return cn_json_in_object(in, &shape, target, error);
}

static enum cn_code read_cpus(struct cn_json_in *in, void *target, struct cn_error *error) {
    static const struct cn_json_field fields[] = {NUMBER("usable")};
    static const struct cn_json_shape shape = CN_SHAPE_OPEN(fields);
    return cn_json_in_object(in, &shape, target, error);
}

static enum cn_code read_identical(struct cn_json_in *in, void *target, struct cn_error *error) {
    static const struct cn_json_field field = {.kind = CN_IN_BOOL};
    bool dropped;
    (void)target;
    return cn_json_in_value(in, &field, &dropped, error);
}

enum cn_code cn_run_read_comparison(struct cn_json_in *in, void *target, struct cn_error *error) {
    static const struct cn_json_field fields[] = {
        CALL("workload", read_workload),   CALL("identical", read_identical),
        CALL("differing", read_differing), CALL("cases", read_cases),
        CALL("amdahl", read_fits),         CALL("decomposition", read_decomposition),
        CALL("paths", read_paths),         CALL("verdict", read_verdict),
        CALL("cpus", read_cpus),
    };
    static const struct cn_json_shape shape = CN_SHAPE_OPEN(fields);
    struct run_reading *reading = target;
    struct read_comparison comparison = {.highest = -1};
    cn_json_peek(&in->scan);
    const char *start = in->scan.at;
    CN_TRY(cn_json_in_object(in, &shape, &comparison, error));
    if (comparison.highest >= comparison.n_cases)
        return cn_json_in_wrong(in, CN_STR(""), "an experiment that names only cases that it has",
                                error);
    reading->record.document = cn_str(start, (size_t)(in->scan.at - start));
    return CN_OK;
}

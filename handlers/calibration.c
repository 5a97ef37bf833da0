/*
 * calibration.c: small workloads, run as a worker runs them. The costs that place.c reckons with
 * are differences between them, so they hold for this machine's kernels and need no table.
 */
#include "handlers/calibration.h"

#include "handlers/reference.h"
#include "kernels/number.h"
#include "kernels/random.h"

/* Four float columns with all their digits. */
enum { COLUMNS = 4, ROWS = 1024, SAMPLES = 7 };

/* What a crossing costs the thread that serves connections: submitting, and the connection that is
 * set aside and taken up again. As measured, in round figures. */
#define ASIDE_NS 2e4
#define DEFAULT_DISPATCH_NS 5e4 /* where nothing was measured */
/* Where a crossing took less, the CPUs were still awake when it was measured; where it took longer,
 * the machine was busy. */
#define LEAST_DISPATCH_NS 4e4
#define MOST_DISPATCH_NS 8e4

struct reference {
    const char *let;
    enum cn_source source;
    bool written; /* the column is written; else only computed */
};

enum {
    TEXT,    /* CSV in and out, all columns read, one computed */
    WRITTEN, /* random numbers in, one column out */
    PLAIN,   /* the same, computed only */
    SINGLE,  /* hardly more than random numbers: one column of them */
    STEPS,   /* functions that take their time */
    DIGEST,  /* a row hash */
    REFERENCES
};

static const struct reference references[REFERENCES] = {
    [TEXT] = {"(a-b)/(c+d)**2", CN_SOURCE_CSV, true},
    [WRITTEN] = {"(a-b)/(c+d)**2", CN_SOURCE_GENERATE, true},
    [PLAIN] = {"(a-b)/(c+d)**2", CN_SOURCE_GENERATE, false},
    [SINGLE] = {"a+1", CN_SOURCE_GENERATE, false},
    [STEPS] = {"sin(a)+exp(a)+log(abs(a)+1)+arctan(a)", CN_SOURCE_GENERATE, false},
    [DIGEST] = {"md5(a,b)", CN_SOURCE_GENERATE, false},
};

/* What one of them took. */
struct measured {
    double row_ns;
    double steps;   /* estimated */
    double digests; /* estimated */
};

static const struct cn_str names[COLUMNS] = {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}};

static bool make_text(struct cn_buf *text) {
    double values[COLUMNS];
    for (size_t row = 0; row < ROWS; row++) {
        cn_random_normal(1, 0, row * COLUMNS, COLUMNS, values);
        for (size_t column = 0; column < COLUMNS; column++) {
            char digits[CN_DOUBLE_TEXT];
            size_t len = cn_double_format(values[column], digits);
            if (!cn_buf_add(text, digits, len) ||
                !cn_buf_add_char(text, column + 1 < COLUMNS ? ',' : '\n'))
                return false;
        }
    }
    return true;
}

static enum cn_code make_plan(struct cn_service *service, const struct reference *reference,
                              struct cn_plan **plan, struct cn_error *error) {
    static const enum cn_type types[COLUMNS] = {CN_TYPE_FLOAT64, CN_TYPE_FLOAT64, CN_TYPE_FLOAT64,
                                                CN_TYPE_FLOAT64};
    struct cn_let let = {CN_STR("r"), cn_str_c(reference->let)};
    struct cn_reference workload = {.lets = &let,
                                    .n_lets = 1,
                                    .source = reference->source,
                                    .sink = CN_SINK_CSV,
                                    .names = names,
                                    .types = types,
                                    .n_columns = COLUMNS,
                                    .computed = reference->source == CN_SOURCE_GENERATE,
                                    .normal = true};
    uint64_t id = atomic_fetch_add(&service->next_plan, 1) + 1;

    return cn_reference_plan(plan, id, &workload, &service->limits, service->keys, error);
}

enum cn_code cn_calibration_plan(struct cn_service *service, struct cn_plan **plan,
                                 struct cn_error *error) {
    return make_plan(service, &references[STEPS], plan, error);
}

/* The least of some runs, the first of which also compiles. */
static enum cn_code time_runs(const struct cn_plan *plan, bool written, struct cn_str text,
                              void *state, struct cn_buf *out, double *row_ns,
                              struct cn_error *error) {
    struct cn_morsel_args args = {0, ROWS, written ? ROWS : 0};
    struct cn_morsel_result result;
    int64_t best = INT64_MAX;

    for (int i = 0; i < SAMPLES; i++) {
        int64_t started = cn_clock_now();
        out->len = 0;
        CN_TRY(cn_reference_run(plan, text, &args, state, out, &result, error));
        int64_t ns = cn_clock_now() - started;
        if (ns < best)
            best = ns;
    }
    *row_ns = (double)best / ROWS;
    return CN_OK;
}

static enum cn_code measure(struct cn_service *service, const struct reference *reference,
                            struct cn_str text, void *state, struct cn_buf *out,
                            struct measured *measured, struct cn_error *error) {
    struct cn_plan *plan = NULL;

    CN_TRY(make_plan(service, reference, &plan, error));
    measured->digests = cn_program_digest_cost(plan->program);
    measured->steps = cn_program_row_cost(plan->program) - measured->digests;
    enum cn_code code =
        time_runs(plan, reference->written, text, state, out, &measured->row_ns, error);
    cn_plan_unref(plan);
    return code;
}

static double at_least(double value, double least) {
    return value > least ? value : least;
}

/* The differences. Noise may turn them round: nothing is free. */
static void conclude(struct cn_calibration *calibration, const struct measured *measured,
                     double bytes) {
    double number = at_least(measured[SINGLE].row_ns, 1);
    double steps = measured[STEPS].row_ns - number;
    double digest = measured[DIGEST].row_ns - 2 * number;
    double format = at_least(measured[WRITTEN].row_ns - measured[PLAIN].row_ns, 1);
    double plain = at_least(measured[PLAIN].row_ns - COLUMNS * number, 1);

    calibration->generate_ns = number;
    calibration->format_ns = format;
    calibration->step_factor = at_least(steps / measured[STEPS].steps, 0.05);
    calibration->digest_factor = at_least(digest / measured[DIGEST].digests, 0.02);
    calibration->csv_ns_per_byte =
        at_least(measured[TEXT].row_ns - format - plain, measured[TEXT].row_ns / 4) / bytes;
}

double cn_calibration_crossing(const struct cn_calibration *calibration) {
    double dispatch =
        calibration->dispatch_ns > 0 ? (double)calibration->dispatch_ns : DEFAULT_DISPATCH_NS;

    if (dispatch > MOST_DISPATCH_NS)
        dispatch = MOST_DISPATCH_NS;
    return ASIDE_NS + at_least(dispatch, LEAST_DISPATCH_NS);
}

/* A crossing must be won back by what the other workers take over. */
static int64_t break_even(const struct cn_service *service, double row_ns) {
    double parts = service->cpus.usable;

    if (parts < 2)
        return 0;
    return (int64_t)(cn_calibration_crossing(&service->calibration) / (row_ns * (1 - 1 / parts))) +
           1;
}

enum cn_code cn_calibrate_reference(struct cn_service *service, struct cn_error *error) {
    struct measured measured[REFERENCES];
    struct cn_buf text = CN_BUF_INIT, out = CN_BUF_INIT;
    void *state = NULL;
    enum cn_code code = make_text(&text) ? cn_kind_compute.state_new(&state, service->keys, error)
                                         : cn_error_memory(error);

    for (size_t i = 0; code == CN_OK && i < REFERENCES; i++)
        code =
            measure(service, &references[i], cn_buf_str(&text), state, &out, &measured[i], error);
    if (code == CN_OK) {
        conclude(&service->calibration, measured, (double)text.len / ROWS);
        service->calibration.break_even_rows = break_even(service, measured[TEXT].row_ns);
    }
    cn_kind_compute.state_free(state);
    cn_buf_release(&text);
    cn_buf_release(&out);
    return code;
}

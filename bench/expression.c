/*
 * expression.c: what evaluating an expression costs, without a service around it.
 *
 *   make build/bench/expression
 *   build/bench/expression [EXPRESSION [SIZE...]]
 *
 * Columns a, b, c, d of random normals (float64) are kept in memory. For each size, by default 10
 * to 10 million rows in powers of ten, the least time of many runs is printed in ns a row: on one
 * thread and on two, each with the values left in registers and with them stored in a column.
 * The kernels are those of COLONNADE_CPU.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "expr/expr.h"
#include "kernels/cpu.h"
#include "kernels/random.h"

#define COLUMNS 4
#define MORSEL ((size_t)32 * 1024) /* rows that a thread takes at once */
#define RUN_NS INT64_C(400000000)  /* for each figure */
#define MOST_RUNS 20000

/* A run: whoever works on it takes morsels until none is left. */
struct work {
    const struct cn_program *program;
    const double *columns[COLUMNS];
    double *out; /* NULL: results are left where they are */
    size_t rows;
    _Atomic size_t next;
    _Atomic size_t generation; /* grows when a run begins; 0 ends the second thread */
    _Atomic size_t helped;     /* the last generation that the second thread is done with */
};

static void fail(const struct cn_error *error) {
    fprintf(stderr, "%s\n", error->detail);
    exit(1);
}

static void evaluate_morsel(struct work *work, struct cn_eval *eval, size_t first, size_t end) {
    size_t n_inputs, block = cn_eval_capacity(eval);
    const struct cn_program_input *inputs = cn_program_inputs(work->program, &n_inputs);
    struct cn_vector vectors[COLUMNS], output = {0};
    struct cn_error error;

    cn_error_init(&error);
    for (size_t at = first; at < end; at += block) {
        size_t rows = end - at < block ? end - at : block;
        for (size_t i = 0; i < n_inputs; i++)
            vectors[i] =
                (struct cn_vector){CN_TYPE_FLOAT64, work->columns[inputs[i].column] + at, NULL};
        if (cn_eval_block(eval, vectors, rows, &output, NULL, 0, NULL, &error) != CN_OK)
            fail(&error);
        if (work->out)
            memcpy(work->out + at, output.values, rows * sizeof *work->out);
    }
}

static void take_morsels(struct work *work, struct cn_eval *eval) {
    size_t first;

    while ((first = atomic_fetch_add(&work->next, MORSEL)) < work->rows)
        evaluate_morsel(work, eval, first,
                        work->rows - first < MORSEL ? work->rows : first + MORSEL);
}

static struct cn_eval *new_eval(const struct work *work) {
    struct cn_eval *eval;
    struct cn_error error;

    cn_error_init(&error);
    if (cn_eval_new(&eval, work->program, &error) != CN_OK)
        fail(&error);
    return eval;
}

static void *help(void *context) {
    struct work *work = context;
    struct cn_eval *eval = new_eval(work);
    size_t seen = 1, generation;

    while ((generation = atomic_load(&work->generation)) != 0) {
        if (generation == seen) {
            sched_yield();
            continue;
        }
        seen = generation;
        take_morsels(work, eval);
        atomic_store(&work->helped, seen);
    }
    cn_eval_free(eval);
    return NULL;
}

/* ns a row of the fastest of many runs. */
static double measure(struct work *work, struct cn_eval *eval, bool both) {
    int64_t least = INT64_MAX, begun = cn_clock_now();

    for (size_t run = 0; run < MOST_RUNS && cn_clock_now() - begun < RUN_NS; run++) {
        int64_t start = cn_clock_now(), took;
        atomic_store(&work->next, 0);
        size_t generation = both ? atomic_fetch_add(&work->generation, 1) + 1 : 0;
        take_morsels(work, eval);
        while (both && atomic_load(&work->helped) != generation)
            sched_yield();
        took = cn_clock_now() - start;
        if (took < least)
            least = took;
    }
    return (double)least / (double)work->rows;
}

static void print_size(struct work *work, struct cn_eval *eval, size_t rows, double *out) {
    double figures[4];
    pthread_t thread;

    work->rows = rows;
    atomic_store(&work->generation, 1);
    for (int store = 0; store < 2; store++) {
        work->out = store ? out : NULL;
        figures[store] = measure(work, eval, false);
    }
    if (pthread_create(&thread, NULL, help, work) != 0)
        exit(1);
    for (int store = 0; store < 2; store++) {
        work->out = store ? out : NULL;
        figures[2 + store] = measure(work, eval, true);
    }
    atomic_store(&work->generation, 0);
    pthread_join(thread, NULL);
    printf("%10zu %10.3f %10.3f %10.3f %10.3f\n", rows, figures[0], figures[1], figures[2],
           figures[3]);
    fflush(stdout);
}

static struct cn_program *compile(const char *text, const struct cn_schema *schema) {
    struct cn_let let = {.name = CN_STR("e"), .text = cn_str(text, strlen(text))};
    struct cn_compile_options options = {.table_preimage = -1};
    struct cn_expr_limits limits = {.max_bytes = 1 << 16, .max_nodes = 10000, .max_depth = 100};
    struct cn_recipe *recipe;
    struct cn_program *program;
    struct cn_error error;

    cn_error_init(&error);
    if (cn_recipe_parse(&recipe, &let, 1, &limits, &error) != CN_OK ||
        cn_program_compile(&program, recipe, schema, &options, &error) != CN_OK)
        fail(&error);
    cn_recipe_free(recipe);
    if (cn_program_output_type(program, 0) != CN_TYPE_FLOAT64) {
        fprintf(stderr, "the expression must be a float64\n");
        exit(1);
    }
    return program;
}

int main(int argc, char **argv) {
    static const struct cn_schema_column names[COLUMNS] = {
        {.name = CN_STR("a"), .type = CN_TYPE_FLOAT64},
        {.name = CN_STR("b"), .type = CN_TYPE_FLOAT64},
        {.name = CN_STR("c"), .type = CN_TYPE_FLOAT64},
        {.name = CN_STR("d"), .type = CN_TYPE_FLOAT64}};
    static const char *const powers[] = {"10",     "100",     "1000",    "10000",
                                         "100000", "1000000", "10000000"};
    struct cn_schema schema = {.columns = names, .n_columns = COLUMNS};
    const char *const *sizes = argc > 2 ? (const char *const *)argv + 2 : powers;
    size_t n_sizes = argc > 2 ? (size_t)argc - 2 : sizeof powers / sizeof powers[0];
    struct work work = {0};
    struct cn_error error;
    size_t most = 0;

    cn_error_init(&error);
    if (cn_cpu_choose(getenv("COLONNADE_CPU"), &error) != CN_OK)
        fail(&error);
    work.program = compile(argc > 1 ? argv[1] : "(a - b) / (c + d) ** 2", &schema);
    for (size_t i = 0; i < n_sizes; i++) {
        size_t rows = strtoull(sizes[i], NULL, 10);
        most = rows > most ? rows : most;
    }
    for (size_t c = 0; c < COLUMNS; c++) {
        double *column = malloc(most * sizeof *column);
        if (!column)
            return 1;
        cn_random_normal(1, c, 0, most, column);
        work.columns[c] = column;
    }
    double *out = calloc(most, sizeof *out);
    struct cn_eval *eval = new_eval(&work);
    if (!out)
        return 1;
    memset(out, 1, most * sizeof *out);
    printf("ns a row at level %s\n%10s %10s %10s %10s %10s\n", cn_cpu_level_name(cn_cpu_level()),
           "rows", "1", "1, stored", "2", "2, stored");
    for (size_t i = 0; i < n_sizes; i++)
        print_size(&work, eval, strtoull(sizes[i], NULL, 10), out);
    cn_eval_free(eval);
    for (size_t c = 0; c < COLUMNS; c++)
        free((void *)(uintptr_t)work.columns[c]);
    free(out);
    return 0;
}

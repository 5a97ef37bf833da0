/*
 * evaluator.c: an expression over columns in memory, by some threads, without HTTP, texts or a
 * pool around it: what the evaluator alone can do. Its peers are NumPy and numexpr.
 *
 *   evaluator EXPRESSION ROWS THREADS [FILE]
 *
 * makes ROWS rows of the columns a, b, c, d (the generator's normals of seed 1), writes them to
 * FILE, column after column, and prints a line. Then each line "ROWS RUNS" on standard input is
 * answered by one of JSON: the seconds of a run over the first ROWS rows, and two checksums of the
 * results. It ends with its standard input.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bench/evaluate.h"
#include "kernels/random.h"

#define MOST_THREADS 64
#define LEAST_SHARE 4096 /* rows that are worth another thread */
#define SEED 1

struct bench {
    struct evaluate evaluate;
    double *columns[EVALUATE_COLUMNS];
    double *results;  /* of a float64 expression */
    char (*keys)[32]; /* of md5 */
    size_t rows;      /* of this run */
    size_t shares;    /* threads that take part in it */
    size_t threads;
    pthread_barrier_t begin, end;
    bool over;
};

struct worker {
    struct bench *bench;
    size_t number;
    struct cn_eval *state;
    pthread_t thread;
};

/* Results are written to memory of the caller's, as NumPy's are. */
static void keep(void *context, const struct cn_vector *vector, size_t first, size_t rows) {
    struct bench *bench = context;
    const struct cn_str *texts = vector->values;

    if (bench->results) {
        memcpy(bench->results + first, vector->values, rows * sizeof *bench->results);
        return;
    }
    for (size_t i = 0; i < rows; i++)
        memcpy(bench->keys[first + i], texts[i].data, sizeof bench->keys[0]);
}

static void take_share(struct worker *worker) {
    struct bench *bench = worker->bench;
    size_t first = bench->rows * worker->number / bench->shares;
    size_t end = bench->rows * (worker->number + 1) / bench->shares;

    evaluate_rows(&bench->evaluate, worker->state, bench->columns, first, end, keep, bench);
}

static void *work(void *context) {
    struct worker *worker = context;
    struct bench *bench = worker->bench;

    for (;;) {
        pthread_barrier_wait(&bench->begin);
        if (bench->over)
            return NULL;
        take_share(worker);
        pthread_barrier_wait(&bench->end);
    }
}

/* A few rows are computed by the caller alone, as the service does it and numexpr too. */
static void run(struct bench *bench, struct worker *workers, size_t rows) {
    bool shared = bench->threads > 1 && rows >= LEAST_SHARE * bench->threads;

    bench->rows = rows;
    bench->shares = shared ? bench->threads : 1;
    if (shared)
        pthread_barrier_wait(&bench->begin);
    take_share(&workers[0]);
    if (shared)
        pthread_barrier_wait(&bench->end);
}

static void print_run(const struct bench *bench, double seconds) {
    uint64_t sum = 0, mixed = 0, bits;

    for (size_t i = 0; i < bench->rows; i++) {
        const void *at =
            bench->results ? (const void *)&bench->results[i] : (const void *)bench->keys[i];
        memcpy(&bits, at, sizeof bits);
        sum += bits;
        mixed ^= bits;
    }
    printf("{\"seconds\": %.9f, \"sum\": %" PRIu64 ", \"xor\": %" PRIu64 "}\n", seconds, sum,
           mixed);
    fflush(stdout);
}

static void *must(void *memory) {
    if (!memory) {
        fprintf(stderr, "evaluator: out of memory\n");
        exit(1);
    }
    return memory;
}

static void make_columns(struct bench *bench, size_t rows, const char *name) {
    FILE *file = name ? fopen(name, "wb") : NULL;

    if (name && !file) {
        fprintf(stderr, "evaluator: %s: %s\n", name, strerror(errno));
        exit(1);
    }
    for (size_t c = 0; c < EVALUATE_COLUMNS; c++) {
        bench->columns[c] = must(aligned_alloc(64, (rows * sizeof(double) + 63) & ~(size_t)63));
        cn_random_normal(SEED, c, 0, rows, bench->columns[c]);
        if (file && fwrite(bench->columns[c], sizeof(double), rows, file) != rows) {
            fprintf(stderr, "evaluator: %s cannot be written\n", name);
            exit(1);
        }
    }
    if (file && fclose(file) != 0)
        exit(1);
    if (evaluate_type(&bench->evaluate) == CN_TYPE_FLOAT64)
        bench->results = must(calloc(rows, sizeof *bench->results));
    else
        bench->keys = must(calloc(rows, sizeof *bench->keys));
}

static void serve(struct bench *bench, struct worker *workers, size_t most) {
    size_t rows, runs;

    printf("{\"rows\": %zu}\n", most);
    fflush(stdout);
    while (scanf("%zu %zu", &rows, &runs) == 2 && rows > 0 && rows <= most && runs > 0) {
        run(bench, workers, rows); /* memory that is touched for the first time is not the matter */
        int64_t start = cn_clock_now();
        for (size_t i = 0; i < runs; i++)
            run(bench, workers, rows);
        print_run(bench, (double)(cn_clock_now() - start) / 1e9 / (double)runs);
    }
}

int main(int argc, char **argv) {
    static struct bench bench;
    static struct worker workers[MOST_THREADS];
    size_t rows = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;

    bench.threads = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
    if (argc > 5 || rows == 0 || bench.threads == 0 || bench.threads > MOST_THREADS) {
        fprintf(stderr, "usage: evaluator EXPRESSION ROWS THREADS [FILE]\n");
        return 2;
    }
    evaluate_init(&bench.evaluate, argv[1]);
    make_columns(&bench, rows, argv[4]);
    pthread_barrier_init(&bench.begin, NULL, (unsigned)bench.threads);
    pthread_barrier_init(&bench.end, NULL, (unsigned)bench.threads);
    for (size_t i = 0; i < bench.threads; i++) {
        workers[i] = (struct worker){&bench, i, evaluate_new_state(&bench.evaluate), 0};
        if (i > 0 && pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            return 1;
    }
    serve(&bench, workers, rows);
    bench.over = true;
    if (bench.threads > 1)
        pthread_barrier_wait(&bench.begin);
    for (size_t i = 0; i < bench.threads; i++) {
        if (i > 0)
            pthread_join(workers[i].thread, NULL);
        cn_eval_free(workers[i].state);
    }
    for (size_t c = 0; c < EVALUATE_COLUMNS; c++)
        free(bench.columns[c]);
    free(bench.results);
    free(bench.keys);
    evaluate_release(&bench.evaluate);
    return 0;
}

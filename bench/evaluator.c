/*
 * evaluator.c: an expression over columns in memory, by some threads, without HTTP, texts or a
 * pool around it: what the evaluator alone can do. Its peers are NumPy and numexpr.
 *
 *   evaluator EXPRESSION ROWS THREADS [FILE]
 *
 * makes ROWS rows of the columns a, b, c, d (the generator's normals of seed 1), writes them to
 * FILE, column after column, and prints a line. Then each line "ROWS RUNS WHERE" on standard input
 * is answered by one of JSON: the seconds of a run over the first ROWS rows, and two checksums of
 * the results that were stored last. WHERE is `array`: results are stored there, as NumPy does it;
 * `block`: they are left in the block of memory that all blocks of rows use, where the service
 * writes the reply from; `read`: nothing is computed, the columns are only read, which says what
 * memory itself allows. It ends with its standard input.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "bench/evaluate.h"
#include "kernels/random.h"

#define MOST_THREADS 64
#define LEAST_SHARE 8192 /* rows that are worth another thread */
#define MOST_SPINS 20000 /* some 100 us */
#define SEED 1
#define HUGE_PAGE ((size_t)2 << 20)

struct bench {
    struct evaluate evaluate;
    double *columns[EVALUATE_COLUMNS];
    double *results;  /* of a float64 expression */
    char (*keys)[32]; /* of md5 */
    size_t rows;      /* of this run */
    size_t shares;    /* threads that take part in it */
    size_t threads;
    size_t runs;             /* of this sample */
    pthread_barrier_t begin; /* of a sample */
    atomic_size_t arrived;   /* at the end of a run */
    atomic_size_t round;     /* runs that all have ended */
    bool stores;             /* to results or keys */
    bool reads;              /* and no more */
    bool over;
};

struct worker {
    struct bench *bench;
    size_t number;
    struct cn_eval *state;
    pthread_t thread;
    uint64_t seen; /* keeps the reading from being left out */
};

/* Results are written to memory of the caller's, as NumPy's are. */
static void keep(void *context, const struct cn_vector *vector, size_t first, size_t rows) {
    struct bench *bench = context;
    const struct cn_str *texts = vector->values;

    if (!bench->stores)
        return;
    if (bench->results) {
        memcpy(bench->results + first, vector->values, rows * sizeof *bench->results);
        return;
    }
    for (size_t i = 0; i < rows; i++)
        memcpy(bench->keys[first + i], texts[i].data, sizeof bench->keys[0]);
}

/* All columns side by side, as an expression of them reads them. */
__attribute__((optimize("O3"))) static uint64_t read_rows(double *const columns[EVALUATE_COLUMNS],
                                                          size_t first, size_t end) {
    const uint64_t *a = (const uint64_t *)columns[0], *b = (const uint64_t *)columns[1];
    const uint64_t *c = (const uint64_t *)columns[2], *d = (const uint64_t *)columns[3];
    uint64_t sum = 0;

    for (size_t i = first; i < end; i++)
        sum += a[i] + b[i] + c[i] + d[i];
    return sum;
}

static void take_share(struct worker *worker) {
    struct bench *bench = worker->bench;
    size_t first = bench->rows * worker->number / bench->shares;
    size_t end = bench->rows * (worker->number + 1) / bench->shares;

    if (bench->reads) {
        worker->seen += read_rows(bench->columns, first, end);
        return;
    }
    evaluate_rows(&bench->evaluate, worker->state, bench->columns, first, end, keep, bench);
}

/* The end of a run: no thread begins the next one before all have ended this one. It is a matter of
 * microseconds, so they look rather than sleep. */
static void meet(struct bench *bench) {
    size_t round = atomic_load(&bench->round);

    if (atomic_fetch_add(&bench->arrived, 1) + 1 == bench->shares) {
        atomic_store(&bench->arrived, 0);
        atomic_fetch_add(&bench->round, 1);
        return;
    }
    for (size_t spins = 0; atomic_load(&bench->round) == round; spins++)
        if (spins > MOST_SPINS)
            sched_yield();
}

static void take_part(struct worker *worker) {
    struct bench *bench = worker->bench;

    for (size_t i = 0; i < bench->runs && worker->number < bench->shares; i++) {
        take_share(worker);
        meet(bench);
    }
}

static void *work(void *context) {
    struct worker *worker = context;

    for (;;) {
        pthread_barrier_wait(&worker->bench->begin);
        if (worker->bench->over)
            return NULL;
        take_part(worker);
    }
}

/* On huge pages, as the service's columns are, and NumPy's. */
static void *take_memory(size_t bytes) {
    size_t size = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    void *memory = aligned_alloc(HUGE_PAGE, size);

    if (!memory) {
        fprintf(stderr, "evaluator: out of memory\n");
        exit(1);
    }
    madvise(memory, size, MADV_HUGEPAGE);
    memset(memory, 0, size);
    return memory;
}

/* Seconds of a run. A few rows are computed by one thread alone, as the service does it. */
static double run(struct bench *bench, struct worker *workers, size_t rows, size_t runs) {
    bool shared = bench->threads > 1 && rows >= LEAST_SHARE * bench->threads;
    int64_t start;

    bench->rows = rows;
    bench->runs = runs;
    bench->shares = shared ? bench->threads : 1;
    if (shared)
        pthread_barrier_wait(&bench->begin);
    start = cn_clock_now();
    take_part(&workers[0]);
    return (double)(cn_clock_now() - start) / 1e9 / (double)runs;
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

static void make_columns(struct bench *bench, size_t rows, const char *name) {
    FILE *file = name ? fopen(name, "wb") : NULL;

    if (name && !file) {
        fprintf(stderr, "evaluator: %s: %s\n", name, strerror(errno));
        exit(1);
    }
    for (size_t c = 0; c < EVALUATE_COLUMNS; c++) {
        bench->columns[c] = take_memory(rows * sizeof(double));
        cn_random_normal(SEED, c, 0, rows, bench->columns[c]);
        if (file && fwrite(bench->columns[c], sizeof(double), rows, file) != rows) {
            fprintf(stderr, "evaluator: %s cannot be written\n", name);
            exit(1);
        }
    }
    if (file && fclose(file) != 0)
        exit(1);
    if (evaluate_type(&bench->evaluate) == CN_TYPE_FLOAT64)
        bench->results = take_memory(rows * sizeof *bench->results);
    else
        bench->keys = take_memory(rows * sizeof *bench->keys);
}

static void serve(struct bench *bench, struct worker *workers, size_t most) {
    size_t rows, runs;
    char where[8];

    printf("{\"rows\": %zu}\n", most);
    fflush(stdout);
    while (scanf("%zu %zu %7s", &rows, &runs, where) == 3 && rows > 0 && rows <= most && runs > 0) {
        bench->stores = strcmp(where, "array") == 0;
        bench->reads = strcmp(where, "read") == 0;
        print_run(bench, run(bench, workers, rows, runs));
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
    for (size_t i = 0; i < bench.threads; i++) {
        workers[i] = (struct worker){&bench, i, evaluate_new_state(&bench.evaluate), 0, 0};
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

/*
 * instructions.c: fixed work of every kind, for callgrind to count. Run by instructions.py, which
 * has valgrind dump what was counted between the two ends of each piece; by itself it only shows
 * that everything works. Input, order and memory are the same on every run, and each piece is run
 * once before it is counted, so that counts repeat.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <valgrind/callgrind.h>

#include "bench/evaluate.h"
#include "columns/csv.h"
#include "columns/json.h"
#include "handlers/endpoints.h"
#include "handlers/inline_states.h"
#include "handlers/inner.h"
#include "handlers/kinds.h"
#include "handlers/runs.h"
#include "handlers/service.h"
#include "kernels/digest.h"
#include "kernels/number.h"
#include "kernels/random.h"
#include "kernels/utf8.h"

#define ROWS 10240
#define REQUEST_ROWS 100000
#define DIGEST_BYTES 37 /* of a row's text: two short numbers */

/* What the pieces work on. */
static struct {
    double *columns[EVALUATE_COLUMNS];
    struct cn_buf csv;  /* the four columns, with a header */
    struct cn_buf json; /* likewise: {"a":[...],...} */
    struct cn_buf out;
    struct cn_str *texts; /* of column a, in order */
    size_t header;        /* bytes of the CSV text's header */
    size_t *offsets;      /* of texts to digest */
    uint8_t *digests;
    char *hex;
} work;

static void must(bool held, const char *what) {
    if (held)
        return;
    fprintf(stderr, "instructions: %s failed\n", what);
    exit(1);
}

static void check(enum cn_code code, const struct cn_error *error) {
    if (code != CN_OK)
        evaluate_die(error);
}

/* ---- input ----------------------------------------------------------------------------------- */

static void add_csv(struct cn_buf *out, size_t rows) {
    char text[CN_DOUBLE_TEXT];

    must(cn_buf_add_c(out, "a,b,c,d\n"), "memory");
    for (size_t row = 0; row < rows; row++)
        for (size_t c = 0; c < EVALUATE_COLUMNS; c++) {
            size_t len = cn_double_format(work.columns[c][row], text);
            text[len] = c + 1 < EVALUATE_COLUMNS ? ',' : '\n';
            must(cn_buf_add(out, text, len + 1), "memory");
        }
}

static void add_json(struct cn_buf *out, size_t rows) {
    struct cn_error error;

    cn_error_init(&error);
    for (size_t c = 0; c < EVALUATE_COLUMNS; c++) {
        struct cn_vector vector = {CN_TYPE_FLOAT64, work.columns[c], NULL};
        size_t start;
        must(cn_buf_printf(out, "%s\"%c\":", c == 0 ? "{" : ",", "abcd"[c]), "memory");
        start = out->len;
        check(cn_json_write_vector(out, &vector, rows, CN_JSON_NAN_NULL, &error), &error);
        out->data[start] = '[';
        must(cn_buf_add_char(out, ']'), "memory");
    }
    must(cn_buf_add_char(out, '}'), "memory");
}

/* The first fields of the CSV text's rows. */
static void find_texts(void) {
    const char *at = work.csv.data + work.header;

    for (size_t row = 0; row < ROWS; row++) {
        work.texts[row] = cn_str(at, strcspn(at, ","));
        at = strchr(at, '\n') + 1;
    }
}

static void make_input(void) {
    for (size_t c = 0; c < EVALUATE_COLUMNS; c++) {
        work.columns[c] = malloc(REQUEST_ROWS * sizeof(double));
        must(work.columns[c] != NULL, "memory");
        cn_random_normal(1, c, 0, REQUEST_ROWS, work.columns[c]);
    }
    add_csv(&work.csv, ROWS);
    must(cn_buf_add_char(&work.csv, '\0'), "memory");
    work.csv.len--;
    work.header = (size_t)(strchr(work.csv.data, '\n') + 1 - work.csv.data);
    add_json(&work.json, ROWS);
    work.texts = calloc(ROWS, sizeof *work.texts);
    work.offsets = calloc(ROWS + 1, sizeof *work.offsets);
    work.digests = calloc(ROWS, CN_DIGEST_MAX_SIZE);
    work.hex = calloc(ROWS, 2 * CN_DIGEST_MAX_SIZE);
    must(work.texts && work.offsets && work.digests && work.hex, "memory");
    must(cn_buf_reserve(&work.out, 4 << 20), "memory");
    for (size_t row = 0; row <= ROWS; row++)
        work.offsets[row] = row * DIGEST_BYTES;
    find_texts();
}

/* ---- kernels --------------------------------------------------------------------------------- */

static void format_doubles(void) {
    char text[CN_DOUBLE_TEXT];

    for (size_t row = 0; row < ROWS; row++)
        cn_double_format(work.columns[0][row], text);
}

static void format_integers(void) {
    char text[CN_INT64_TEXT];

    for (size_t row = 0; row < ROWS; row++)
        cn_int64_format((int64_t)row * 7919 * 7919, text);
}

static void parse_doubles(void) {
    double value;

    for (size_t row = 0; row < ROWS; row++)
        must(cn_double_parse(work.texts[row].data, work.texts[row].len, &value), "parsing");
}

static void scan_texts(void) {
    double real;
    int64_t integer;

    for (size_t row = 0; row < ROWS; row++)
        cn_text_scan(work.texts[row].data, work.texts[row].len, &integer, &real);
}

static void check_utf8(void) {
    must(cn_utf8_check(work.csv.data, work.csv.len) == work.csv.len, "UTF-8");
}

static void encode_hex(void) {
    cn_hex_encode((const uint8_t *)work.csv.data, ROWS * CN_DIGEST_MAX_SIZE / 2, work.hex);
}

static void draw_normals(void) {
    cn_random_normal(1, 0, 0, ROWS, work.columns[0]);
}

static void digest_rows(enum cn_digest_kind kind) {
    struct cn_digest *digest;
    struct cn_error error;

    cn_error_init(&error);
    check(cn_digest_new(&digest, kind, NULL, &error), &error);
    check(cn_digest_rows(digest, work.csv.data, work.offsets, ROWS, work.digests, &error), &error);
    cn_digest_free(digest);
}

static void digest_md5(void) {
    digest_rows(CN_DIGEST_MD5);
}

static void digest_sha1(void) {
    digest_rows(CN_DIGEST_SHA1);
}

static void digest_sha256(void) {
    digest_rows(CN_DIGEST_SHA256);
}

static void digest_xxh3(void) {
    digest_rows(CN_DIGEST_XXH3_64);
}

/* ---- columns --------------------------------------------------------------------------------- */

static void cut_csv(void) {
    struct cn_csv_cutter cutter;
    size_t scanned;

    cn_csv_cutter_init(&cutter, 0, false);
    must(cn_csv_cutter_scan(&cutter, work.csv.data, 0, work.csv.len, &scanned) == work.csv.len,
         "cutting");
}

static void read_csv(void) {
    const struct cn_csv_dialect dialect = {',', true};
    const struct cn_csv_nulls nulls = {NULL, 0};
    struct cn_csv_reader reader;
    struct cn_csv_block block;
    struct cn_arena arena, scratch;
    struct cn_vector vector;
    struct cn_error error;

    cn_error_init(&error);
    cn_arena_init(&arena, 1 << 20);
    cn_arena_init(&scratch, 1 << 16);
    check(cn_csv_block_init(&block, EVALUATE_COLUMNS, &arena, &error), &error);
    cn_csv_reader_init(&reader, cn_str(work.csv.data + work.header, work.csv.len - work.header),
                       dialect, EVALUATE_COLUMNS);
    do {
        check(cn_csv_reader_next(&reader, &block, &error), &error);
        for (size_t c = 0; c < EVALUATE_COLUMNS; c++) {
            cn_csv_seen_column(&block, c, &nulls);
            check(
                cn_csv_decode(&block, c, CN_TYPE_FLOAT64, false, &nulls, &scratch, &vector, &error),
                &error);
        }
        cn_arena_reset(&scratch, 1 << 20);
    } while (block.rows > 0);
    must(reader.rows == ROWS, "reading CSV");
    cn_arena_release(&arena);
    cn_arena_release(&scratch);
}

static void write_csv(void) {
    struct cn_arena scratch;
    size_t written;

    cn_arena_init(&scratch, 1 << 20);
    work.out.len = 0;
    for (size_t first = 0; first < ROWS; first += CN_BLOCK_ROWS) {
        const struct cn_vector vectors[2] = {{CN_TYPE_FLOAT64, work.columns[0] + first, NULL},
                                             {CN_TYPE_FLOAT64, work.columns[1] + first, NULL}};
        const struct cn_csv_cells cells[2] = {{.vector = &vectors[0]}, {.vector = &vectors[1]}};
        const struct cn_csv_rows rows = {
            .cells = cells, .n_cells = 2, .count = CN_BLOCK_ROWS, .delimiter = ','};
        must(cn_csv_write_rows(&work.out, &rows, SIZE_MAX, &written, &scratch) &&
                 written == CN_BLOCK_ROWS,
             "writing CSV");
        cn_arena_reset(&scratch, 1 << 20);
    }
    cn_arena_release(&scratch);
}

static void read_json(void) {
    const struct cn_json_limits limits = {32, 100, 1 << 30};
    struct cn_frame frame;
    struct cn_error error;

    cn_error_init(&error);
    cn_frame_init(&frame, NULL);
    check(cn_json_read_columns(cn_buf_str(&work.json), &limits, NULL, &frame, &error), &error);
    must(frame.rows == ROWS, "reading JSON");
    cn_frame_release(&frame);
}

static void write_json(void) {
    work.out.len = 0;
    add_json(&work.out, ROWS);
}

/* ---- expressions ----------------------------------------------------------------------------- */

static void drop(void *context, const struct cn_vector *vector, size_t first, size_t rows) {
    (void)context;
    (void)vector;
    (void)first;
    (void)rows;
}

static void evaluate(const char *expression) {
    struct evaluate program;
    struct cn_eval *state;

    evaluate_init(&program, expression);
    state = evaluate_new_state(&program);
    evaluate_rows(&program, state, work.columns, 0, ROWS, drop, NULL);
    cn_eval_free(state);
    evaluate_release(&program);
}

static void evaluate_arithmetic(void) {
    evaluate("(a-b)/(c+d)**2");
}

static void evaluate_transcendental(void) {
    evaluate("exp(a)*sin(b)+log(abs(c)+1)**d");
}

static void evaluate_md5(void) {
    evaluate("md5(a,b)");
}

static void evaluate_conditional(void) {
    evaluate("where(a > b and c < 1, floor(c), round(d, 2))");
}

static void evaluate_text(void) {
    evaluate("upper(concat(str(a), '-', str(b)))");
}

/* ---- whole requests -------------------------------------------------------------------------- */

static struct {
    struct cn_service service;
    struct cn_registry registry;
    struct cn_keyring keys;
    struct cn_buf csv, json;
} server;

/* One request: an exchange without a connection. */
struct call {
    struct cn_inner inner; /* first */
    struct cn_inner_header header;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool replied;
};

/* A service with one worker for the work, and one thread to read large JSON bodies, which are not
 * read where they arrive. */
static void start_server(void) {
    struct cn_service *service = &server.service;
    struct cn_error error;
    struct cn_executor_settings pool = {
        .registry = &server.registry, .workers = 1, .max_workers = 1, .max_queued = 10000};

    cn_error_init(&error);
    cn_registry_init(&server.registry, &server.keys);
    service->limits = (struct cn_service_limits){
        .max_body_bytes = 1 << 30,
        .max_rows = 1 << 24,
        .max_columns = 100,
        .expression = {.max_bytes = 10000, .max_nodes = 1000, .max_depth = 100},
        .max_json_depth = 32,
        .max_workers = 1,
        .buffer_bytes = 1 << 30,
        .memory_bytes = 1 << 30,
        .request_timeout_ms = 600000,
    };
    service->keys = &server.keys;
    service->version = "bench";
    service->cpus.usable = 1;
    service->blocks = cn_blocks_new(256 << 20);
    service->runs = cn_runs_new(100, 1 << 20);
    service->inline_states = cn_inline_states_new(&server.keys);
    must(service->blocks && service->runs && service->inline_states, "memory");
    check(cn_serial_new(&service->executors[CN_EXECUTOR_SERIAL], &pool, &error), &error);
    check(cn_threads_new(&service->executors[CN_EXECUTOR_THREADS], &pool, &error), &error);
}

static void make_bodies(void) {
    add_csv(&server.csv, REQUEST_ROWS);
    must(cn_buf_add_c(&server.json, "{\"columns\":"), "memory");
    add_json(&server.json, REQUEST_ROWS);
    must(cn_buf_add_c(&server.json, ",\"let\":{\"r\":\"(a-b)/(c+d)**2\",\"k\":\"md5(a,b)\"},"
                                    "\"executor\":\"serial\"}"),
         "memory");
}

static void stop_server(void) {
    struct cn_executor **executors = server.service.executors;

    executors[CN_EXECUTOR_SERIAL]->ops->destroy(executors[CN_EXECUTOR_SERIAL]);
    executors[CN_EXECUTOR_THREADS]->ops->destroy(executors[CN_EXECUTOR_THREADS]);
    cn_inline_states_free(server.service.inline_states);
    cn_runs_free(server.service.runs);
    cn_blocks_free(server.service.blocks);
    cn_buf_release(&server.csv);
    cn_buf_release(&server.json);
}

static void note_reply(struct cn_inner *inner) {
    struct call *call = inner->owner;

    pthread_mutex_lock(&call->lock);
    call->replied = true;
    pthread_cond_signal(&call->changed);
    pthread_mutex_unlock(&call->lock);
}

static void send_body(struct cn_exchange *exchange, const struct cn_buf *body) {
    const size_t piece = 64 << 10; /* as a connection brings it */

    for (size_t at = 0; at < body->len; at += piece) {
        size_t some = body->len - at < piece ? body->len - at : piece;
        must(exchange->endpoint->body(exchange, body->data + at, some) == CN_BODY_MORE, "a body");
    }
    exchange->endpoint->finish(exchange);
}

static void request(const char *type, const char *query, const struct cn_buf *body) {
    struct call call = {.header = {"content-type", type},
                        .lock = PTHREAD_MUTEX_INITIALIZER,
                        .changed = PTHREAD_COND_INITIALIZER};
    struct cn_exchange *exchange = &call.inner.exchange;
    struct cn_error error;

    cn_error_init(&error);
    check(cn_inner_init(&call.inner, &server.service, &cn_endpoint_compute, 1 << 30, "--job-bytes",
                        &error),
          &error);
    call.inner.headers = &call.header;
    call.inner.n_headers = 1;
    call.inner.replied = note_reply;
    call.inner.owner = &call;
    exchange->query = query;
    exchange->content_length = (int64_t)body->len;
    check(exchange->endpoint->open(exchange, &error), &error);
    send_body(exchange, body);
    pthread_mutex_lock(&call.lock);
    while (!call.replied)
        pthread_cond_wait(&call.changed, &call.lock);
    pthread_mutex_unlock(&call.lock);
    must(exchange->reply.status == 200, "a request");
    exchange->endpoint->close(exchange);
    cn_inner_release(&call.inner);
}

static void request_csv(void) {
    request("text/csv", "let=r=(a-b)/(c%2Bd)**2&let=k=md5(a,b)&executor=serial", &server.csv);
}

static void request_json(void) {
    request("application/json", NULL, &server.json);
}

/* ---- all of it ------------------------------------------------------------------------------- */

struct piece {
    const char *name;
    void (*run)(void);
};

static const struct piece pieces[] = {
    {"format.float64", format_doubles},
    {"format.int64", format_integers},
    {"parse.float64", parse_doubles},
    {"parse.any", scan_texts},
    {"utf8.check", check_utf8},
    {"hex", encode_hex},
    {"random.normal", draw_normals},
    {"digest.md5", digest_md5},
    {"digest.sha1", digest_sha1},
    {"digest.sha256", digest_sha256},
    {"digest.xxh3_64", digest_xxh3},
    {"csv.cut", cut_csv},
    {"csv.read", read_csv},
    {"csv.write", write_csv},
    {"json.read", read_json},
    {"json.write", write_json},
    {"expression.arithmetic", evaluate_arithmetic},
    {"expression.transcendental", evaluate_transcendental},
    {"expression.conditional", evaluate_conditional},
    {"expression.text", evaluate_text},
    {"expression.md5", evaluate_md5},
};

/* Last: from here on there are threads, whose waiting makes the counts differ in the fifth digit.
 */
static const struct piece requests[] = {
    {"request.csv", request_csv},
    {"request.json", request_json},
};

static void count(const struct piece *some, size_t n) {
    for (size_t i = 0; i < n; i++) {
        some[i].run();
        CALLGRIND_ZERO_STATS;
        some[i].run();
        CALLGRIND_DUMP_STATS_AT(some[i].name);
        printf("%s\n", some[i].name);
    }
}

static void free_input(void) {
    for (size_t c = 0; c < EVALUATE_COLUMNS; c++)
        free(work.columns[c]);
    cn_buf_release(&work.csv);
    cn_buf_release(&work.json);
    cn_buf_release(&work.out);
    free(work.texts);
    free(work.offsets);
    free(work.digests);
    free(work.hex);
}

int main(void) {
    make_input();
    count(pieces, sizeof pieces / sizeof pieces[0]);
    start_server();
    make_bodies();
    count(requests, sizeof requests / sizeof requests[0]);
    stop_server();
    free_input();
    return 0;
}

/* What `auto` sends to a Dask cluster, in what pieces, and what it says of that. Another pool of
 * threads stands for the cluster; what it costs is made up. */
#include "tests/unit/service_helpers.h"

#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "handlers/cluster_choice.h"
#include "handlers/endpoints.h"

#define MIB 1048576.0
#define PIECE ((size_t)64 << 10) /* of a body, as it arrives */

/* ---- the reckoning ------------------------------------------------------------------------- */

/* Two workers of a thread each, as fast as this machine's two CPUs together. */
static const struct cn_cluster two = {
    .connected = true,
    .workers = 2,
    .threads = 2,
    .measured = true,
    .costs = {.latency_ns = 10000000, .task_ns = 1000000, .ship_ns_per_mib = 12000000, .speed = 1}};

/* 10 s of work for one thread, 5 s for the two here. */
static const struct cn_cluster_work large = {
    .ns = 10e9, .here_ns = 5e9, .bytes = 100 * MIB, .tasks = 100, .width = 4, .cpus = 2};

static const char *explain(const struct cn_cluster *cluster, const struct cn_cluster_work *work) {
    static char words[CN_CLUSTER_WORDS];
    struct cn_cluster_estimate estimate = cn_cluster_estimate(cluster, work);
    cn_cluster_explain(cluster, work, &estimate, words);
    return words;
}

static void shipping_and_computing_overlap(void **state) {
    (void)state;
    struct cn_cluster_estimate estimate = cn_cluster_estimate(&two, &large);
    assert_true(fabs(estimate.ship_ns - (50 * 12e6 + 100 * 1e6)) < 1);
    assert_true(fabs(estimate.compute_ns - 5e9) < 1);
    assert_true(fabs(estimate.there_ns - 5.01e9) < 1);
    /* on the same CPUs there is nothing to win */
    assert_int_equal(estimate.verdict, CN_CLUSTER_SLOWER);
    assert_string_equal(explain(&two, &large), "the 2 Dask workers would take 5.01 s with 100 MiB "
                                               "shipped, computing here takes 5 s");
}

static void it_must_win_clearly(void **state) {
    struct cn_cluster cluster = two;
    (void)state;
    cluster.costs.speed = 1.2;
    assert_int_equal(cn_cluster_estimate(&cluster, &large).verdict, CN_CLUSTER_SLOWER);
    cluster.costs.speed = 1.3;
    assert_int_equal(cn_cluster_estimate(&cluster, &large).verdict, CN_CLUSTER_WINS);
    cluster.costs.speed = 2;
    assert_string_equal(explain(&cluster, &large), "the 2 Dask workers take about 2.51 s with 100 "
                                                   "MiB shipped, computing here would take 5 s");
    cluster.workers = 1;
    assert_string_equal(explain(&cluster, &large), "the Dask worker takes about 2.51 s with 100 "
                                                   "MiB shipped, computing here would take 5 s");
}

static void shipping_may_cost_more_than_computing(void **state) {
    struct cn_cluster cluster = two;
    struct cn_cluster_work work = large;
    (void)state;
    cluster.costs.speed = 8;
    work.ns = 0.4e9;
    work.here_ns = 0.2e9;
    work.bytes = 76 * MIB;
    work.tasks = 40;
    assert_string_equal(explain(&cluster, &work), "shipping 76 MiB to the 2 Dask workers would "
                                                  "take 496 ms, computing here takes 200 ms");
    work.bytes = 2048;
    work.tasks = 8;
    assert_int_equal(cn_cluster_estimate(&cluster, &work).verdict, CN_CLUSTER_WINS);
    assert_non_null(strstr(explain(&cluster, &work), "with 2 KiB shipped"));
    /* tasks cost too, however little is in them */
    work.tasks = 400;
    assert_int_equal(cn_cluster_estimate(&cluster, &work).verdict, CN_CLUSTER_SLOWER);
}

/* Threads that get no task do not help. */
static void only_busy_threads_count(void **state) {
    struct cn_cluster cluster = two;
    struct cn_cluster_work work = large;
    (void)state;
    cluster.threads = 16;
    cluster.costs.speed = 8;
    work.width = 4;
    assert_true(fabs(cn_cluster_estimate(&cluster, &work).compute_ns - 2.5e9) < 1);
    work.width = 32;
    assert_true(fabs(cn_cluster_estimate(&cluster, &work).compute_ns - 0.625e9) < 1);
    work.tasks = 2;
    assert_true(fabs(cn_cluster_estimate(&cluster, &work).compute_ns - 5e9) < 1);
}

static void why_not(void **state) {
    (void)state;
    struct cn_cluster away = {0}, empty = {.connected = true}, fast = two, unmeasured = two;
    struct cn_cluster_work keyed = large, unbounded = large, asleep = large, small = large,
                           tiny = large;
    fast.costs.speed = 10;
    unmeasured.measured = false;
    keyed.keyed = unbounded.unbounded = asleep.asleep = true;
    small.here_ns = 9e7;
    small.ns = 18e7;
    small.bytes = 1000;
    small.tasks = 4;
    tiny.here_ns = 9e6;
    const struct {
        const struct cn_cluster *cluster;
        const struct cn_cluster_work *work;
        enum cn_cluster_verdict verdict;
        const char *words;
    } rows[] = {
        {&fast, &keyed, CN_CLUSTER_KEYED, "keys do not leave the server for Dask"},
        {&away, &large, CN_CLUSTER_AWAY, "the Dask cluster is not connected"},
        {&empty, &large, CN_CLUSTER_EMPTY, "the Dask cluster has no worker that can be used"},
        {&unmeasured, &large, CN_CLUSTER_UNMEASURED,
         "what the Dask workers are worth is not measured yet"},
        {&fast, &unbounded, CN_CLUSTER_UNBOUNDED,
         "how much there is to send to Dask is not known before its end"},
        {&fast, &asleep, CN_CLUSTER_ASLEEP, "Dask has no more threads to sleep in than to compute"},
        {&fast, &small, CN_CLUSTER_SMALL, "too little to send to Dask"},
        {&fast, &tiny, CN_CLUSTER_SMALL, "too little to send to Dask"},
        {&two, &small, CN_CLUSTER_SLOWER,
         "the 2 Dask workers would take 100 ms with 1000 bytes shipped, computing here takes 90 "
         "ms"},
    };
    assert_int_equal(cn_cluster_estimate(&fast, &large).verdict, CN_CLUSTER_WINS);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(cn_cluster_estimate(rows[i].cluster, rows[i].work).verdict,
                         rows[i].verdict);
        assert_string_equal(explain(rows[i].cluster, rows[i].work), rows[i].words);
    }
}

/* ---- requests ------------------------------------------------------------------------------ */

static struct test_service test;
static json_t *execution; /* of the last reply */

static int set_up_group(void **state) {
    (void)state;
    test_service_start(&test);
    test_service_add_key(&test);
    test_service_add_cluster(&test, 16);
    test.service.limits.max_workers = 16;
    test.service.limits.max_calls = 1000;
    test.service.cpus.usable = 2;
    return 0;
}

static int tear_down_group(void **state) {
    (void)state;
    test_service_stop(&test);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    json_decref(execution);
    execution = NULL;
    return 0;
}

struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool replied;
};

static void note_reply(struct cn_inner *inner) {
    struct waiting *waiting = inner->owner;
    pthread_mutex_lock(&waiting->lock);
    waiting->replied = true;
    pthread_cond_signal(&waiting->changed);
    pthread_mutex_unlock(&waiting->lock);
}

static void keep_execution(const struct cn_exchange *exchange) {
    struct cn_buf text = CN_BUF_INIT;
    for (size_t i = 0; i < exchange->reply.n_parts; i++)
        assert_true(cn_buf_add_str(&text, exchange->reply.parts[i]));
    json_t *document = json_loadb(text.data, text.len, 0, NULL);
    assert_non_null(document);
    tear_down(NULL);
    execution = json_incref(json_object_get(document, "execution"));
    json_decref(document);
    cn_buf_release(&text);
}

/* Sends a request and waits for its reply, which is JSON. */
static void run(const struct cn_endpoint *endpoint, const char *type, const char *query,
                struct cn_str body) {
    struct waiting waiting = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    struct cn_inner inner;
    struct cn_inner_header headers[] = {{"content-type", type}, {"accept", "application/json"}};
    struct cn_exchange *exchange = &inner.exchange;
    struct cn_error error;

    cn_error_init(&error);
    assert_int_equal(cn_inner_init(&inner, &test.service, endpoint, 1 << 30, "--job-bytes", &error),
                     CN_OK);
    inner.replied = note_reply;
    inner.owner = &waiting;
    inner.headers = headers;
    inner.n_headers = 2;
    exchange->query = query;
    exchange->content_length = (int64_t)body.len;
    assert_int_equal(endpoint->open(exchange, &error), CN_OK);
    for (size_t done = 0; done < body.len; done += PIECE) {
        size_t len = body.len - done < PIECE ? body.len - done : PIECE;
        assert_int_equal(endpoint->body(exchange, body.data + done, len), CN_BODY_MORE);
    }
    endpoint->finish(exchange);
    pthread_mutex_lock(&waiting.lock);
    while (!waiting.replied)
        pthread_cond_wait(&waiting.changed, &waiting.lock);
    pthread_mutex_unlock(&waiting.lock);
    if (exchange->reply.status != 200)
        fail_msg("%s", exchange->error.detail);
    keep_execution(exchange);
    endpoint->close(exchange);
    cn_inner_release(&inner);
}

static const char *text_of(const char *member) {
    const char *text = json_string_value(json_object_get(execution, member));
    assert_non_null(text);
    return text;
}

static int number_of(const char *member) {
    return (int)json_integer_value(json_object_get(execution, member));
}

static void compute(const char *body) {
    run(&cn_endpoint_compute, "application/json", NULL, cn_str_c(body));
}

#define ROWS(rows, more)                                                                           \
    "{\"generate\": {\"rows\": " rows ", \"columns\": [\"a\", \"b\"]}, \"let\": {\"r\": "          \
    "\"md5(a, b)\"}" more "}"

/* Next to nothing is paid for being elsewhere. */
static struct cn_cluster make_fast(void) {
    struct cn_cluster fast = two;
    fast.costs = (struct cn_cluster_costs){
        .latency_ns = 1000, .task_ns = 1000, .ship_ns_per_mib = 1000, .speed = 50};
    return fast;
}

static void auto_sends_what_is_worth_it(void **state) {
    struct cn_cluster fast = make_fast();
    (void)state;
    test_service_use_cluster(&test, &fast);
    compute(ROWS("1600000", ", \"limit\": 1"));
    assert_string_equal(text_of("executor"), "dask");
    assert_int_equal(number_of("workers"), 4);
    assert_non_null(strstr(text_of("reason"), "auto: 1600000 rows of "));
    assert_non_null(strstr(text_of("reason"), "; the 2 Dask workers take about "));
    compute(ROWS("1600000", ", \"limit\": 1, \"workers\": 3"));
    assert_string_equal(text_of("executor"), "dask");
    assert_int_equal(number_of("workers"), 3);
    compute(ROWS("1000", ""));
    assert_string_not_equal(text_of("executor"), "dask");
    assert_non_null(strstr(text_of("reason"), "; too little to send to Dask"));
    fast.costs.ship_ns_per_mib = INT64_C(60000000000);
    test_service_use_cluster(&test, &fast);
    compute(ROWS("1600000", ""));
    assert_string_equal(text_of("executor"), "threads");
    assert_non_null(strstr(text_of("reason"), "; shipping 50.4 MiB to the 2 Dask workers would "));
}

static void keys_stay_here(void **state) {
    struct cn_cluster fast = make_fast();
    (void)state;
    fast.costs.speed = 1e9;
    test_service_use_cluster(&test, &fast);
    compute(
        "{\"generate\": {\"rows\": 400000, \"columns\": [\"a\"]}, \"limit\": 1, \"let\": {\"r\": "
        "\"hmac_sha256(a, key='site')\"}}");
    assert_string_equal(text_of("executor"), "threads");
    assert_non_null(strstr(text_of("reason"), "; keys do not leave the server for Dask"));
}

static void without_a_cluster_nothing_is_said_of_it(void **state) {
    (void)state;
    test_service_use_cluster(&test, NULL);
    compute(ROWS("1600000", ", \"limit\": 1"));
    assert_string_equal(text_of("executor"), "threads");
    assert_null(strstr(text_of("reason"), "Dask"));
    assert_null(strchr(text_of("reason"), ';'));
    compute(ROWS("10", ""));
    assert_null(strstr(text_of("reason"), "Dask"));
}

/* Of the same work, few large pieces go there. */
static void pieces_are_large(void **state) {
    struct cn_cluster cluster = make_fast();
    (void)state;
    test_service_use_cluster(&test, &cluster);
    compute(ROWS("1600000", ", \"executor\": \"threads\", \"limit\": 1"));
    int here = number_of("chunks");
    compute(ROWS("1600000", ", \"executor\": \"dask\", \"limit\": 1"));
    assert_string_equal(text_of("reason"), "asked for");
    assert_int_equal(number_of("workers"), 4);
    assert_true(number_of("chunks") >= 4 && number_of("chunks") < here / 3);
    /* what a task brings back is bounded too: 8 MiB of 33 bytes each */
    compute(ROWS("1900000", ", \"executor\": \"dask\", \"workers\": 1"));
    assert_int_equal(number_of("workers"), 1);
    assert_in_range(number_of("chunk_rows"), 100000, 8 * 1048576 / 33);
    /* little work is not cut for its own sake */
    compute(ROWS("2000", ", \"executor\": \"dask\""));
    assert_int_equal(number_of("chunks"), 1);
    compute(ROWS("2000", ", \"executor\": \"dask\", \"chunk_rows\": 500"));
    assert_int_equal(number_of("chunks"), 4);
}

static void text_is_cut_at_its_segments(void **state) {
    struct cn_cluster cluster = make_fast();
    struct cn_buf text = CN_BUF_INIT;
    (void)state;
    assert_true(cn_buf_add_c(&text, "a,b\n"));
    for (int i = 0; i < 800000; i++)
        assert_true(cn_buf_printf(&text, "%d.5,0.123456789\n", i));
    test_service_use_cluster(&test, &cluster);
    run(&cn_endpoint_compute, "text/csv", "let=r=a%2Bb&executor=threads", cn_buf_str(&text));
    size_t least = text.len / (2u << 20);
    assert_true((size_t)number_of("chunks") > 3 * least / 2);
    run(&cn_endpoint_compute, "text/csv", "let=r=a%2Bb&executor=dask", cn_buf_str(&text));
    /* the first piece is cut before anything is known of it, and that may end its segment early */
    assert_in_range(number_of("chunks"), least, least + 4);
    cluster.costs.speed = 1e6;
    test_service_use_cluster(&test, &cluster);
    run(&cn_endpoint_compute, "text/csv", "let=r=sha512(a,b)", cn_buf_str(&text));
    assert_string_equal(text_of("executor"), "dask");
    cn_buf_release(&text);
}

static void calls(void **state) {
    struct cn_cluster fast = make_fast();
    (void)state;
    test_service_use_cluster(&test, &fast);
    static const char comp[] = "{\"function\": \"long_comp\", \"args\": [0, 1, 2, 3, 4, 5, 6, 7], "
                               "\"iterations\": 10000000}";
    run(&cn_endpoint_map, "application/json", NULL, CN_STR(comp));
    assert_string_equal(text_of("executor"), "dask");
    assert_int_equal(number_of("workers"), 4);
    assert_non_null(strstr(text_of("reason"), "auto: about 400 ms of work; the 2 Dask workers take "
                                              "about "));
    fast.costs.speed = 1;
    test_service_use_cluster(&test, &fast);
    run(&cn_endpoint_map, "application/json", NULL, CN_STR(comp));
    assert_string_equal(text_of("executor"), "threads");
    assert_non_null(strstr(text_of("reason"), "; the 2 Dask workers would take 200 ms with "));
    run(&cn_endpoint_map, "application/json", NULL,
        CN_STR("{\"function\": \"long_io\", \"args\": [1, 2], \"seconds\": 0}"));
    assert_string_equal(text_of("executor"), "threads");
    assert_non_null(strstr(text_of("reason"), "; Dask has no more threads to sleep in than to "
                                              "compute"));
    run(&cn_endpoint_map, "application/json", NULL,
        CN_STR("{\"function\": \"calc_hash\", \"args\": [[1], [2]], \"executor\": \"dask\"}"));
    assert_int_equal(number_of("workers"), 4);
    test_service_use_cluster(&test, NULL);
    run(&cn_endpoint_map, "application/json", NULL, CN_STR(comp));
    assert_null(strstr(text_of("reason"), "Dask"));
}

int main(int argc, char **argv) {
    test_service_enter(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipping_and_computing_overlap),
        cmocka_unit_test(it_must_win_clearly),
        cmocka_unit_test(shipping_may_cost_more_than_computing),
        cmocka_unit_test(only_busy_threads_count),
        cmocka_unit_test(why_not),
        cmocka_unit_test_teardown(auto_sends_what_is_worth_it, tear_down),
        cmocka_unit_test_teardown(keys_stay_here, tear_down),
        cmocka_unit_test_teardown(without_a_cluster_nothing_is_said_of_it, tear_down),
        cmocka_unit_test_teardown(pieces_are_large, tear_down),
        cmocka_unit_test_teardown(text_is_cut_at_its_segments, tear_down),
        cmocka_unit_test_teardown(calls, tear_down),
    };
    return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}

/* Who is let in: the queue, its share for newcomers, clients by their address, when to come back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <string.h>

#include "handlers/admission.h"

#define SECOND INT64_C(1000000000)

static struct cn_admission *admission;
static struct cn_place places[64];
static size_t n_places;

static void start(uint64_t max_queued, uint64_t max_per_client) {
    struct cn_admission_limits limits = {max_queued, max_per_client};
    admission = cn_admission_new(&limits);
    assert_non_null(admission);
    n_places = 0;
}

static uint64_t client(const char *address) {
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)(n_places + 1))};
    if (inet_pton(AF_INET, address, &v4.sin_addr) == 1)
        return cn_admission_client(admission, (const struct sockaddr *)&v4);
    assert_int_equal(inet_pton(AF_INET6, address, &v6.sin6_addr), 1);
    return cn_admission_client(admission, (const struct sockaddr *)&v6);
}

static struct cn_error error;

static enum cn_code enter(const char *address) {
    cn_error_init(&error);
    assert_true(n_places < 64);
    places[n_places] = (struct cn_place){0};
    enum cn_code code = cn_admission_enter(admission, client(address), &places[n_places], &error);
    assert_int_equal(places[n_places].taken, code == CN_OK);
    n_places += code == CN_OK;
    return code;
}

/* How many requests of this client are taken until one is not. */
static size_t fill(const char *address) {
    size_t n = 0;
    while (enter(address) == CN_OK)
        n++;
    return n;
}

static void leave_all(int64_t now) {
    while (n_places > 0)
        cn_admission_leave(admission, &places[--n_places], now);
}

static void one_client_may_fill_the_queue_and_no_more(void **unused) {
    (void)unused;
    for (uint64_t most = 1; most <= 40; most++) {
        start(most, 0);
        assert_int_equal(fill("10.0.0.1"), most);
        assert_int_equal(error.code, CN_OVERLOADED);
        assert_string_equal(error.limit, "--max-queued");
        assert_int_equal(cn_admission_working(admission), most);
        leave_all(SECOND);
        assert_int_equal(cn_admission_working(admission), 0);
        assert_int_equal(fill("10.0.0.1"), most); /* refusals left nothing behind */
        leave_all(SECOND);
        cn_admission_free(admission);
    }
}

static void others_get_in_beside_it(void **unused) {
    (void)unused;
    start(16, 0);
    assert_int_equal(fill("10.0.0.1"), 16);
    assert_int_equal(enter("10.0.0.2"), CN_OK);
    assert_int_equal(enter("10.0.0.1"), CN_OVERLOADED);
    /* four more places: 0 < 4, 1 < 3, and then there are 2, as many as it has */
    assert_int_equal(fill("10.0.0.2"), 1);
    assert_int_equal(enter("10.0.0.3"), CN_OK);
    assert_int_equal(enter("10.0.0.4"), CN_OK);
    assert_int_equal(enter("10.0.0.5"), CN_OVERLOADED); /* all 20 are taken */
    leave_all(SECOND);
    cn_admission_free(admission);
}

static void a_bound_for_each_client(void **unused) {
    (void)unused;
    start(16, 3);
    assert_int_equal(fill("10.0.0.1"), 3);
    assert_int_equal(error.code, CN_TOO_MANY_REQUESTS);
    assert_string_equal(error.limit, "--max-per-client");
    assert_int_equal(fill("10.0.0.2"), 3);
    cn_admission_leave(admission, &places[0], SECOND);
    cn_admission_leave(admission, &places[0], SECOND); /* nothing */
    assert_int_equal(cn_admission_working(admission), 5);
    assert_int_equal(fill("10.0.0.1"), 1);
    struct cn_admission_stats stats;
    cn_admission_stats(admission, &stats);
    assert_int_equal(stats.refused[CN_REFUSAL_CLIENT], 3);
    assert_int_equal(stats.refused[CN_REFUSAL_QUEUE], 0);
    assert_int_equal(stats.served, 1);
    assert_int_equal(stats.working, 6);
    assert_int_equal(stats.most, 16);
    leave_all(SECOND);
    cn_admission_free(admission);
}

static void what_a_client_is(void **unused) {
    (void)unused;
    start(1, 0);
    assert_true(client("10.0.0.1") == client("::ffff:10.0.0.1"));
    assert_true(client("10.0.0.1") != client("10.0.0.2"));
    assert_true(client("2001:db8:0:1::1") == client("2001:db8:0:1:ffff::2"));
    assert_true(client("2001:db8:0:1::1") != client("2001:db8:0:2::1"));
    struct sockaddr local = {.sa_family = AF_UNIX};
    assert_true(cn_admission_client(admission, &local) == cn_admission_client(admission, NULL));
    uint64_t here = client("10.0.0.1");
    cn_admission_free(admission);
    start(1, 0); /* another key: which cells clients share cannot be known */
    assert_true(client("10.0.0.1") != here);
    cn_admission_free(admission);
}

/* However many addresses there are: they are counted apart, or nearly so. */
static void many_clients(void **unused) {
    (void)unused;
    start(100000, 2);
    static struct cn_place many[1000];
    size_t taken = 0;
    for (unsigned i = 0; i < 1000; i++) {
        char address[32];
        cn_error_init(&error);
        snprintf(address, sizeof address, "10.1.%u.%u", i / 256, i % 256);
        many[i] = (struct cn_place){0};
        taken += cn_admission_enter(admission, client(address), &many[i], &error) == CN_OK;
    }
    assert_true(taken >= 990);
    for (unsigned i = 0; i < 1000; i++)
        cn_admission_leave(admission, &many[i], SECOND);
    assert_int_equal(cn_admission_working(admission), 0);
    assert_int_equal(fill("10.0.0.1"), 2);
    leave_all(SECOND);
    cn_admission_free(admission);
}

static void when_to_come_back(void **unused) {
    (void)unused;
    assert_int_equal(cn_admission_retry_after(NULL, SECOND), 1);
    start(60, 0);
    int64_t now = 1000 * SECOND;
    assert_int_equal(cn_admission_retry_after(admission, now), 1); /* nothing is at work */
    fill("10.0.0.1");
    assert_int_equal(cn_admission_retry_after(admission, now), 4); /* nothing has ended yet */
    for (size_t i = 0; i < 4; i++)                                 /* 4 in 4 s */
        cn_admission_leave(admission, &places[--n_places], now);
    assert_int_equal(cn_admission_retry_after(admission, now), 14); /* 56 / 4 at 1/s */
    assert_int_equal(cn_admission_retry_after(admission, now + 4 * SECOND), 14);
    assert_int_equal(cn_admission_retry_after(admission, now + 8 * SECOND), 4); /* it stands */
    cn_admission_leave(admission, &places[--n_places], now + 8 * SECOND);
    assert_int_equal(cn_admission_retry_after(admission, now + 8 * SECOND), 30); /* the most */
    for (size_t i = 0; i < 50; i++)
        cn_admission_leave(admission, &places[--n_places], now + 8 * SECOND);
    assert_int_equal(cn_admission_retry_after(admission, now + 8 * SECOND), 1);
    leave_all(now);
    cn_admission_free(admission);
}

static void *come_and_go(void *address) {
    for (int i = 0; i < 20000; i++) {
        struct cn_place place = {0};
        struct cn_error mine;
        cn_error_init(&mine);
        enum cn_code code = cn_admission_enter(admission, client(address), &place, &mine);
        if (code == CN_OK)
            cn_admission_leave(admission, &place, i * SECOND / 1000);
        else
            cn_admission_retry_after(admission, i * SECOND / 1000);
    }
    return NULL;
}

static void threads(void **unused) {
    (void)unused;
    static char addresses[][16] = {"10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.3"};
    pthread_t made[4];
    struct cn_admission_stats stats;
    uint64_t refused = 0;
    start(2, 1);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&made[i], NULL, come_and_go, addresses[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(made[i], NULL);
    cn_admission_stats(admission, &stats);
    for (int i = 0; i < CN_REFUSAL_COUNT; i++)
        refused += stats.refused[i];
    assert_int_equal(stats.working, 0);
    assert_int_equal(stats.served + refused, 80000);
    assert_int_equal(fill("10.0.0.1"), 1);
    leave_all(SECOND);
    cn_admission_free(admission);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_client_may_fill_the_queue_and_no_more),
        cmocka_unit_test(others_get_in_beside_it),
        cmocka_unit_test(a_bound_for_each_client),
        cmocka_unit_test(what_a_client_is),
        cmocka_unit_test(many_clients),
        cmocka_unit_test(when_to_come_back),
        cmocka_unit_test(threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

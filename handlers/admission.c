#include "handlers/admission.h"

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <xxhash.h>

enum { ROWS = 2, CELLS = 4096, MOST_RETRY_S = 30 };
/* The pace of the queue is counted in windows of this length. */
#define WINDOW_NS INT64_C(4000000000)
#define WINDOW_S 4u

struct cn_admission {
    struct cn_admission_limits limits;
    uint64_t reserve; /* places beyond max_queued */
    uint64_t seed;
    atomic_uint_fast64_t working;
    atomic_uint_fast64_t served;
    atomic_uint_fast64_t refused[CN_REFUSAL_COUNT];
    /* Which window it is; how many left in it, and in the one before. */
    _Atomic int64_t window;
    atomic_uint_fast64_t left_now;
    atomic_uint_fast64_t left_before;
    atomic_uint_least32_t cells[ROWS][CELLS];
};

const char *cn_refusal_name(enum cn_refusal refusal) {
    static const char *const names[CN_REFUSAL_COUNT] = {"connections", "queue", "client",
                                                        "memory",      "size",  "draining"};
    return names[refusal];
}

struct cn_admission *cn_admission_new(const struct cn_admission_limits *limits) {
    struct cn_admission *admission = calloc(1, sizeof *admission);
    if (!admission)
        return NULL;
    admission->limits = *limits;
    admission->reserve = limits->max_queued < 4 ? 1 : limits->max_queued / 4;
    if (getrandom(&admission->seed, sizeof admission->seed, 0) != sizeof admission->seed) {
        free(admission);
        return NULL;
    }
    return admission;
}

void cn_admission_free(struct cn_admission *admission) {
    free(admission);
}

/* ---- clients ------------------------------------------------------------------------------- */

uint64_t cn_admission_client(const struct cn_admission *admission, const struct sockaddr *address) {
    uint64_t key = 0;
    if (address && address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)address;
        memcpy(&key, &v4->sin_addr, sizeof v4->sin_addr);
    } else if (address && address->sa_family == AF_INET6) {
        const struct in6_addr *v6 =
            &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        if (IN6_IS_ADDR_V4MAPPED(v6))
            memcpy(&key, v6->s6_addr + 12, 4);
        else
            memcpy(&key, v6->s6_addr, sizeof key);
    }
    return XXH3_64bits_withSeed(&key, sizeof key, admission->seed);
}

static atomic_uint_least32_t *cell(struct cn_admission *admission, int row, uint64_t client) {
    return &admission->cells[row][(client >> (row * 32)) % CELLS];
}

/* Counts one more, and returns how many there were. */
static uint64_t client_add(struct cn_admission *admission, uint64_t client) {
    uint64_t least = UINT64_MAX;
    for (int row = 0; row < ROWS; row++) {
        uint64_t count = atomic_fetch_add(cell(admission, row, client), 1);
        least = count < least ? count : least;
    }
    return least;
}

static void client_remove(struct cn_admission *admission, uint64_t client) {
    for (int row = 0; row < ROWS; row++)
        atomic_fetch_sub(cell(admission, row, client), 1);
}

/* ---- the queue ----------------------------------------------------------------------------- */

void cn_admission_refused(struct cn_admission *admission, enum cn_refusal refusal) {
    if (admission)
        atomic_fetch_add_explicit(&admission->refused[refusal], 1, memory_order_relaxed);
}

static enum cn_code turn_away(struct cn_admission *admission, uint64_t client, bool full,
                              struct cn_error *error) {
    atomic_fetch_sub(&admission->working, 1);
    client_remove(admission, client);
    cn_admission_refused(admission, full ? CN_REFUSAL_QUEUE : CN_REFUSAL_CLIENT);
    cn_error_set_limit(error, full ? "--max-queued" : "--max-per-client");
    if (full)
        return cn_error_set(error, CN_OVERLOADED,
                            "There is too much work in flight; try again in a moment.");
    return cn_error_set(error, CN_TOO_MANY_REQUESTS,
                        "%llu requests of this client are in flight already.",
                        (unsigned long long)admission->limits.max_per_client);
}

enum cn_code cn_admission_enter(struct cn_admission *admission, uint64_t client,
                                struct cn_place *place, struct cn_error *error) {
    const struct cn_admission_limits *limits = &admission->limits;
    uint64_t there = atomic_fetch_add(&admission->working, 1);
    uint64_t own = client_add(admission, client);
    uint64_t places = limits->max_queued + admission->reserve;
    if (limits->max_per_client > 0 && own >= limits->max_per_client)
        return turn_away(admission, client, false, error);
    if (there >= limits->max_queued && (there >= places || own >= places - there))
        return turn_away(admission, client, true, error);
    *place = (struct cn_place){true, client};
    return CN_OK;
}

/* Goes on to the window of this time; one who comes with an older time changes nothing. */
static void turn_window(struct cn_admission *admission, int64_t now_ns) {
    int64_t window = now_ns / WINDOW_NS;
    int64_t seen = atomic_load_explicit(&admission->window, memory_order_relaxed);
    if (window <= seen || !atomic_compare_exchange_strong(&admission->window, &seen, window))
        return;
    uint64_t left = atomic_exchange(&admission->left_now, 0);
    atomic_store(&admission->left_before, window == seen + 1 ? left : 0);
}

void cn_admission_leave(struct cn_admission *admission, struct cn_place *place, int64_t now_ns) {
    if (!place->taken)
        return;
    place->taken = false;
    client_remove(admission, place->client);
    turn_window(admission, now_ns);
    atomic_fetch_add_explicit(&admission->left_now, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&admission->served, 1, memory_order_relaxed);
    atomic_fetch_sub(&admission->working, 1);
}

uint64_t cn_admission_working(const struct cn_admission *admission) {
    return atomic_load(&admission->working);
}

unsigned cn_admission_retry_after(struct cn_admission *admission, int64_t now_ns) {
    if (!admission)
        return 1;
    turn_window(admission, now_ns);
    uint64_t now = atomic_load(&admission->left_now);
    uint64_t before = atomic_load(&admission->left_before);
    uint64_t left = now > before ? now : before; /* of at most a window */
    uint64_t working = atomic_load(&admission->working);
    /* A quarter of those at work, at `left` in each window. */
    uint64_t seconds = left > 0 ? (working * WINDOW_S / 4 + left - 1) / left : WINDOW_S;
    if (working == 0 || seconds < 1)
        return 1;
    return seconds < MOST_RETRY_S ? (unsigned)seconds : MOST_RETRY_S;
}

void cn_admission_stats(struct cn_admission *admission, struct cn_admission_stats *stats) {
    stats->working = atomic_load(&admission->working);
    stats->most = admission->limits.max_queued;
    stats->served = atomic_load(&admission->served);
    for (int i = 0; i < CN_REFUSAL_COUNT; i++)
        stats->refused[i] = atomic_load(&admission->refused[i]);
}

#include "handlers/hub.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/rand.h>

#include "base/cond.h"
#include "handlers/json_out.h"
#include "handlers/load.h"
#include "handlers/pools_document.h"
#include "handlers/runs.h"
#include "handlers/service.h"
#include "kernels/digest.h"

/* How often it is looked whether the pools have changed, a second of load is over, or the service
 * goes down. */
#define TICK_NS (250 * CN_NS_PER_MS)
/* Subscribers are woken for runs at most so often: many short requests cost one wake. */
#define RUNS_NS (20 * CN_NS_PER_MS)
/* A stream says something at least so often: only then can it be seen that its client is gone. */
#define SIGN_NS (15 * CN_NS_PER_SECOND)
/* A second of load is told so long after its end, because requests are counted a moment late. */
#define LATE_NS (20 * CN_NS_PER_MS)

struct cn_hub_text {
    atomic_uint refs;
    size_t len;
    char data[];
};

/* What was told last of one kind. */
struct topic {
    struct cn_hub_text *text; /* NULL: nothing yet */
    uint64_t version;         /* one higher for each text */
};

struct cn_hub {
    struct cn_service *service;
    char instance[17];
    pthread_mutex_t lock;
    pthread_cond_t changed; /* CLOCK_MONOTONIC; the thread waits on it */
    struct cn_subscriber *first;
    size_t n_joined; /* those included that are not linked yet */
    struct topic pools;
    struct topic load;
    int64_t told_second;      /* of load */
    atomic_size_t n_linked;   /* so that a run costs nothing while nobody listens */
    atomic_bool runs_are_new; /* since subscribers were last woken for them */
    int64_t tick_due_ns;
    int64_t runs_due_ns;
    bool stopping;
    pthread_t thread;
};

/* ---- texts --------------------------------------------------------------------------------- */

struct cn_str cn_hub_text_str(const struct cn_hub_text *text) {
    return cn_str(text->data, text->len);
}

void cn_hub_text_unref(struct cn_hub_text *text) {
    if (text && atomic_fetch_sub(&text->refs, 1) == 1)
        free(text);
}

/* An event whose data are what `buf` holds; the buffer is released. NULL: no memory. */
static struct cn_hub_text *make_text(const char *head, struct cn_buf *buf, bool ok) {
    struct cn_hub_text *text = NULL;
    size_t head_len = strlen(head);
    if (ok && cn_buf_add_c(buf, "\n\n"))
        text = malloc(sizeof *text + head_len + buf->len);
    if (text) {
        atomic_init(&text->refs, 1);
        text->len = head_len + buf->len;
        memcpy(text->data, head, head_len);
        memcpy(text->data + head_len, buf->data, buf->len);
    }
    cn_buf_release(buf);
    return text;
}

static struct cn_hub_text *make_pools(struct cn_hub *hub) {
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_json_out out;
    cn_json_out_init(&out, &buf);
    cn_pools_write(&out, hub->service);
    return make_text("event: pools\ndata: ", &buf, out.ok);
}

/* NULL: there were no requests in that second. */
static struct cn_hub_text *make_load(struct cn_hub *hub, int64_t second) {
    struct cn_load *load = hub->service->load;
    struct cn_load_point point;
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_json_out out;
    if (!load || !cn_load_look(load, second, &point))
        return NULL;
    cn_json_out_init(&out, &buf);
    cn_load_point_write(&out, load, &point);
    return make_text("event: load\ndata: ", &buf, out.ok);
}

/* The topic takes the text over, unless it says what was told last. */
static void tell(struct topic *topic, struct cn_hub_text *text) {
    bool same = text && topic->text && topic->text->len == text->len &&
                memcmp(topic->text->data, text->data, text->len) == 0;
    if (!text || same) {
        cn_hub_text_unref(text);
        return;
    }
    cn_hub_text_unref(topic->text);
    topic->text = text;
    topic->version++;
}

static void forget(struct topic *topic) {
    cn_hub_text_unref(topic->text);
    topic->text = NULL;
}

/* ---- the thread ---------------------------------------------------------------------------- */

/* Gives up the lock meanwhile: executors have locks of their own. */
static void look(struct cn_hub *hub, int64_t now) {
    const struct cn_load *load = hub->service->load;
    int64_t second = load ? cn_load_second(load, now - LATE_NS) - 1 : 0;
    bool over = second > hub->told_second;
    hub->told_second = second;
    pthread_mutex_unlock(&hub->lock);
    struct cn_hub_text *pools = make_pools(hub);
    struct cn_hub_text *point = over ? make_load(hub, second) : NULL;
    pthread_mutex_lock(&hub->lock);
    tell(&hub->pools, pools);
    tell(&hub->load, point);
}

static void wake_all(struct cn_hub *hub, int64_t now, bool runs) {
    bool draining = atomic_load(&hub->service->draining) != 0;
    for (struct cn_subscriber *one = hub->first; one; one = one->next)
        if (runs || draining || one->told_pools != hub->pools.version ||
            one->told_load != hub->load.version || now - one->told_ns >= SIGN_NS)
            one->exchange->ops->wake(one->exchange);
}

static void wait_until(struct cn_hub *hub, int64_t until) {
    cn_cond_wait_until(&hub->changed, &hub->lock, until);
}

static void *run(void *context) {
    struct cn_hub *hub = context;
    pthread_mutex_lock(&hub->lock);
    while (!hub->stopping) {
        if (!hub->first) {
            pthread_cond_wait(&hub->changed, &hub->lock);
            continue;
        }
        int64_t now = cn_clock_now();
        bool tick = now >= hub->tick_due_ns;
        bool runs = now >= hub->runs_due_ns && atomic_exchange(&hub->runs_are_new, false);
        if (tick) {
            hub->tick_due_ns = now + TICK_NS;
            look(hub, now);
        }
        if (runs)
            hub->runs_due_ns = now + RUNS_NS;
        if (tick || runs) {
            wake_all(hub, now, runs);
            continue;
        }
        bool waiting = atomic_load(&hub->runs_are_new) && hub->runs_due_ns < hub->tick_due_ns;
        wait_until(hub, waiting ? hub->runs_due_ns : hub->tick_due_ns);
    }
    pthread_mutex_unlock(&hub->lock);
    return NULL;
}

/* The record of runs has one more. */
static void note_run(void *context) {
    struct cn_hub *hub = context;
    if (atomic_load(&hub->n_linked) == 0 || atomic_exchange(&hub->runs_are_new, true))
        return;
    pthread_mutex_lock(&hub->lock);
    pthread_cond_signal(&hub->changed);
    pthread_mutex_unlock(&hub->lock);
}

size_t cn_hub_listeners(struct cn_hub *hub) {
    pthread_mutex_lock(&hub->lock);
    size_t n = hub->n_joined;
    pthread_mutex_unlock(&hub->lock);
    return n;
}

/* ---- life ---------------------------------------------------------------------------------- */

static bool draw_instance(struct cn_hub *hub) {
    unsigned char bytes[8];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    cn_hex_encode(bytes, sizeof bytes, hub->instance);
    return true;
}

struct cn_hub *cn_hub_new(struct cn_service *service) {
    struct cn_hub *hub = calloc(1, sizeof *hub);
    if (!hub)
        return NULL;
    hub->service = service;
    hub->told_second = -1;
    pthread_mutex_init(&hub->lock, NULL);
    cn_cond_init(&hub->changed);
    if (!draw_instance(hub) || pthread_create(&hub->thread, NULL, run, hub) != 0) {
        pthread_cond_destroy(&hub->changed);
        pthread_mutex_destroy(&hub->lock);
        free(hub);
        return NULL;
    }
    cn_runs_listen(service->runs, note_run, hub);
    return hub;
}

void cn_hub_free(struct cn_hub *hub) {
    if (!hub)
        return;
    cn_runs_listen(hub->service->runs, NULL, NULL);
    pthread_mutex_lock(&hub->lock);
    hub->stopping = true;
    pthread_cond_signal(&hub->changed);
    pthread_mutex_unlock(&hub->lock);
    pthread_join(hub->thread, NULL);
    forget(&hub->pools);
    forget(&hub->load);
    pthread_cond_destroy(&hub->changed);
    pthread_mutex_destroy(&hub->lock);
    free(hub);
}

const char *cn_hub_instance(const struct cn_hub *hub) {
    return hub->instance;
}

/* ---- subscribers --------------------------------------------------------------------------- */

enum cn_code cn_subscriber_join(struct cn_subscriber *subscriber, struct cn_exchange *exchange,
                                struct cn_error *error) {
    struct cn_service *service = exchange->service;
    struct cn_hub *hub = service->hub;
    uint64_t most = cn_exchange_limits(exchange)->max_streams;
    if (atomic_load(&service->draining))
        return cn_error_set(error, CN_DRAINING, "The service is going down.");
    pthread_mutex_lock(&hub->lock);
    bool full = hub->n_joined >= most;
    hub->n_joined += !full;
    *subscriber = (struct cn_subscriber){.hub = hub,
                                         .exchange = exchange,
                                         .told_load = hub->load.version,
                                         .told_ns = cn_clock_now()};
    pthread_mutex_unlock(&hub->lock);
    if (!full)
        return CN_OK;
    cn_error_set_limit(error, "--max-streams");
    return cn_error_set(error, CN_OVERLOADED,
                        "There are %llu streams of events already; try again in a moment.",
                        (unsigned long long)most);
}

void cn_subscriber_begin(struct cn_subscriber *subscriber) {
    struct cn_hub *hub = subscriber->hub;
    pthread_mutex_lock(&hub->lock);
    if (!hub->first) { /* the thread sleeps */
        hub->tick_due_ns = 0;
        pthread_cond_signal(&hub->changed);
    }
    subscriber->linked = true;
    subscriber->next = hub->first;
    if (hub->first)
        hub->first->previous = subscriber;
    hub->first = subscriber;
    atomic_fetch_add(&hub->n_linked, 1);
    pthread_mutex_unlock(&hub->lock);
}

static void unlink_subscriber(struct cn_hub *hub, struct cn_subscriber *subscriber) {
    if (subscriber->next)
        subscriber->next->previous = subscriber->previous;
    if (subscriber->previous)
        subscriber->previous->next = subscriber->next;
    else
        hub->first = subscriber->next;
    subscriber->linked = false;
    atomic_fetch_sub(&hub->n_linked, 1);
    if (!hub->first) { /* what is known grows old from now on */
        forget(&hub->pools);
        forget(&hub->load);
    }
}

void cn_subscriber_leave(struct cn_subscriber *subscriber) {
    struct cn_hub *hub = subscriber->hub;
    pthread_mutex_lock(&hub->lock);
    if (subscriber->linked)
        unlink_subscriber(hub, subscriber);
    hub->n_joined--;
    pthread_mutex_unlock(&hub->lock);
}

/* False: the subscriber has told it already. */
static bool take(struct topic *topic, uint64_t *told, struct cn_hub_text **text) {
    if (!topic->text || *told == topic->version)
        return false;
    *told = topic->version;
    *text = topic->text;
    atomic_fetch_add(&topic->text->refs, 1);
    return true;
}

enum cn_hub_news cn_subscriber_take(struct cn_subscriber *subscriber, struct cn_hub_text **text) {
    struct cn_hub *hub = subscriber->hub;
    enum cn_hub_news news = CN_HUB_NOTHING;
    int64_t now = cn_clock_now();
    pthread_mutex_lock(&hub->lock);
    if (atomic_load(&hub->service->draining))
        news = CN_HUB_END;
    else if (take(&hub->pools, &subscriber->told_pools, text) ||
             take(&hub->load, &subscriber->told_load, text))
        news = CN_HUB_TEXT;
    else if (now - subscriber->told_ns >= SIGN_NS)
        news = CN_HUB_SIGN;
    if (news != CN_HUB_NOTHING)
        subscriber->told_ns = now;
    pthread_mutex_unlock(&hub->lock);
    return news;
}

void cn_subscriber_told(struct cn_subscriber *subscriber) {
    struct cn_hub *hub = subscriber->hub;
    pthread_mutex_lock(&hub->lock);
    subscriber->told_ns = cn_clock_now();
    pthread_mutex_unlock(&hub->lock);
}

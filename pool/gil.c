#include "pool/gil.h"

#include <assert.h>
#include <stdlib.h>

#include "base/cond.h"
#include "pool/queue.h"

#define SWITCH_NS INT64_C(5000000)

struct cn_gil_lock {
    atomic_bool asked; /* somebody has waited for a switch interval */
    int64_t switch_ns;
    pthread_mutex_t mutex; /* guards all that follows, and is held for moments only */
    pthread_cond_t freed;
    pthread_cond_t switched;
    bool held;
    const struct cn_gil *holder; /* the one that has it, or had it last; never looked into */
    uint64_t switches;           /* how often it went to another worker */
    size_t waiting;              /* for it to be freed */
};

enum cn_code cn_gil_lock_new(struct cn_gil_lock **out, int64_t switch_ns, struct cn_error *error) {
    struct cn_gil_lock *lock = calloc(1, sizeof(*lock));
    *out = lock;
    if (!lock)
        return cn_error_memory(error);
    lock->switch_ns = switch_ns > 0 ? switch_ns : SWITCH_NS;
    atomic_init(&lock->asked, false);
    pthread_mutex_init(&lock->mutex, NULL);
    cn_cond_init(&lock->freed);
    cn_cond_init(&lock->switched);
    return CN_OK;
}

void cn_gil_lock_free(struct cn_gil_lock *lock) {
    if (!lock)
        return;
    pthread_cond_destroy(&lock->freed);
    pthread_cond_destroy(&lock->switched);
    pthread_mutex_destroy(&lock->mutex);
    free(lock);
}

/* ---- with the mutex held -------------------------------------------------------------------- */

/* Whether this worker was asked for the lock, and nobody has taken it since. */
static bool owes_a_switch(const struct cn_gil_lock *lock, const struct cn_gil *gil) {
    return lock->holder == gil && lock->waiting > 0 &&
           atomic_load_explicit(&lock->asked, memory_order_relaxed);
}

static void wait_until_free(struct cn_gil_lock *lock) {
    uint64_t switches = lock->switches;
    int64_t patient_until = cn_clock_now() + lock->switch_ns;
    lock->waiting++;
    while (lock->held) {
        cn_queue_sleep(&lock->freed, &lock->mutex, patient_until);
        int64_t now = cn_clock_now();
        if (lock->switches == switches && now < patient_until)
            continue;
        if (lock->held && lock->switches == switches)
            atomic_store_explicit(&lock->asked, true, memory_order_relaxed);
        switches = lock->switches;
        patient_until = now + lock->switch_ns;
    }
    lock->waiting--;
}

static void hold(struct cn_gil_lock *lock, const struct cn_gil *gil) {
    lock->held = true;
    if (lock->holder != gil) {
        lock->holder = gil;
        lock->switches++;
        pthread_cond_signal(&lock->switched); /* none but the former holder waits for it */
    }
    atomic_store_explicit(&lock->asked, false, memory_order_relaxed);
}

/* ---- for the kinds -------------------------------------------------------------------------- */

/* `began_ns`: since when this worker has been without the lock against its will; 0: from now on, if
 * it has to wait. */
static void take(const struct cn_gil *gil, struct cn_spans *spans, int64_t began_ns) {
    struct cn_gil_lock *lock = gil->lock;
    pthread_mutex_lock(&lock->mutex);
    if (lock->held || owes_a_switch(lock, gil)) {
        if (began_ns == 0)
            began_ns = cn_clock_now();
        while (owes_a_switch(lock, gil))
            cn_queue_sleep(&lock->switched, &lock->mutex, INT64_MAX);
        wait_until_free(lock);
    }
    hold(lock, gil);
    if (began_ns > 0)
        spans->ns[CN_SPAN_LOCK] += cn_clock_now() - began_ns;
    pthread_mutex_unlock(&lock->mutex);
}

static void give(const struct cn_gil *gil) {
    struct cn_gil_lock *lock = gil->lock;
    pthread_mutex_lock(&lock->mutex);
    assert(lock->held && lock->holder == gil);
    lock->held = false;
    pthread_cond_signal(&lock->freed);
    pthread_mutex_unlock(&lock->mutex);
}

void cn_run_unlock(struct cn_run *run) {
    if (run->gil)
        give(run->gil);
}

void cn_run_lock(struct cn_run *run) {
    if (run->gil)
        take(run->gil, run->spans, 0);
}

void cn_run_yield(struct cn_run *run) {
    if (!run->gil || !atomic_load_explicit(&run->gil->lock->asked, memory_order_relaxed))
        return;
    /* From here on: whoever gets the lock may get this CPU as well. */
    int64_t began_ns = cn_clock_now();
    give(run->gil);
    take(run->gil, run->spans, began_ns);
}

int64_t cn_run_clock(const struct cn_run *run) {
    return cn_clock_now() - run->spans->ns[CN_SPAN_LOCK];
}

#include "base/cond.h"

#include <time.h>

#include "base/clock.h"

void cn_cond_init(pthread_cond_t *cond) {
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

bool cn_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_ns) {
    struct timespec until = cn_clock_timespec(until_ns);
    return pthread_cond_timedwait(cond, lock, &until) == 0;
}

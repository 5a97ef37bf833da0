/*
 * cond.h: condition variables that wait until a time of cn_clock_now().
 */
#ifndef CN_BASE_COND_H
#define CN_BASE_COND_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* To be destroyed with pthread_cond_destroy(). */
void cn_cond_init(pthread_cond_t *cond);

/* Waits with the lock held, as pthread_cond_wait() does. False: the time has come. */
bool cn_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_ns);

#endif

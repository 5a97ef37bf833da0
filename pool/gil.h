/*
 * gil.h: the interpreter lock of the executor `gil` (private to this room; the kinds' side of it is
 * cn_run_lock(), cn_run_unlock() and cn_run_yield() in executor.h).
 *
 * One thread computes at a time. The way the lock changes hands is that of CPython since version
 * 3.2 (Antoine Pitrou, 2009; Python/ceval_gil.h in its source, ceval_gil.c since 3.12): a holder
 * does not give the lock up every so many instructions, it is asked to after so much time.
 *
 * 1. Who finds the lock held waits for it to be freed, for a switch interval (5 ms) at most.
 * 2. If the interval ends and the lock has not changed hands in it, the waiter asks: it sets a
 *    flag. If it has changed hands, the new holder gets an interval of its own.
 * 3. The holder looks at the flag between two steps of its work, which costs it one load of memory
 *    while nobody asks. When it sees it, it frees the lock.
 * 4. Who freed the lock when it was asked to may not take it again before another has had it
 *    ("forced switching"). Otherwise it would be back before the waiter has woken up, because it
 *    is on a CPU and the waiter is not.
 * 5. Who takes the lock takes the flag back.
 *
 * A holder that sleeps or does arithmetic without the interpreter frees the lock without being
 * asked, and takes it again by the same rules. A waiter never gives up; it waits for a bounded
 * time, because holders yield.
 *
 * Two things differ from CPython: rule 4 is applied where the lock is taken again, not where it is
 * freed, so that no thread waits before it sleeps; and an interval of rule 2 is not begun anew by
 * a holder that frees the lock and has it back before the waiter woke up.
 */
#ifndef CN_POOL_GIL_H
#define CN_POOL_GIL_H

#include "pool/executor.h"

/* One for each executor. */
struct cn_gil_lock;

/* A worker's hold on it, by which the lock knows one worker from another. */
struct cn_gil {
    struct cn_gil_lock *lock;
};

enum cn_code cn_gil_lock_new(struct cn_gil_lock **lock, int64_t switch_ns, struct cn_error *error);
void cn_gil_lock_free(struct cn_gil_lock *lock);

#endif

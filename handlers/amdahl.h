/*
 * amdahl.h: how much of a work does not become faster with more workers (Amdahl, "Validity of the
 * single processor approach to achieving large scale computing capabilities", AFIPS 1967).
 */
#ifndef CN_HANDLERS_AMDAHL_H
#define CN_HANDLERS_AMDAHL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "handlers/compare_case.h"

struct cn_amdahl_point {
    uint64_t workers;
    double time_ns; /* above 0 */
};

struct cn_amdahl {
    bool known;
    double serial_fraction; /* from 0 to 1 */
    char reason[128];       /* why it is not known */
};

/*
 * Fits 1/S(n) = f + (1-f)/n to one executor's times by least squares, S(n) being its own time with
 * one worker by that with n. More workers than `usable` CPUs tell nothing of the work, so those
 * points are left out. Not known below three worker counts, or without one of 1.
 */
void cn_amdahl_fit(const struct cn_amdahl_point *points, size_t n, uint64_t usable,
                   struct cn_amdahl *result);

/* The same for the case at `first` and those behind it that differ in their workers alone (at most
 * CN_GROUP_MEMBERS of them). Returns the number of the first case that does not belong to them. */
size_t cn_amdahl_fit_cases(const struct cn_case *cases, size_t n, size_t first, uint64_t usable,
                           struct cn_amdahl *result);

#endif

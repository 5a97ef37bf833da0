/*
 * calibration.h: what a row costs on this machine, measured by the code that serves requests.
 */
#ifndef CN_HANDLERS_CALIBRATION_H
#define CN_HANDLERS_CALIBRATION_H

#include "base/error.h"
#include "handlers/service.h"

struct cn_plan;

/* Measures what reading CSV, random numbers, expressions, row hashes and writing numbers take on
 * this thread, and sets break_even_rows from that and from dispatch_ns, which must be known. Takes
 * a few milliseconds; what could not be measured stays 0. */
enum cn_code cn_calibrate_reference(struct cn_service *service, struct cn_error *error);

/* A plan of known work, for comparing machines: functions over random numbers that are made where
 * they are computed, and nothing written. Only the plan has to get there. */
enum cn_code cn_calibration_plan(struct cn_service *service, struct cn_plan **plan,
                                 struct cn_error *error);

/* Nanoseconds of a crossing, as `auto` reckons with it: dispatch_ns within bounds, and what the
 * thread that gives the work away spends on that. */
double cn_calibration_crossing(const struct cn_calibration *calibration);

#endif

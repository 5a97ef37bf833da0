/*
 * calibration.h: what a row of the reference workload costs on this machine.
 */
#ifndef CN_HANDLERS_CALIBRATION_H
#define CN_HANDLERS_CALIBRATION_H

#include "base/error.h"
#include "handlers/service.h"

/* Measures csv_ns_per_byte (reading, typing, decoding and copying CSV text on this thread), and
 * sets break_even_rows from it and from dispatch_ns, which must be known. Takes a few
 * milliseconds. */
enum cn_code cn_calibrate_reference(struct cn_service *service, struct cn_error *error);

#endif

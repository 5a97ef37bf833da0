/*
 * calibrate.h: what a crossing into a pool costs here, measured at start.
 */
#ifndef CN_SERVER_CALIBRATE_H
#define CN_SERVER_CALIBRATE_H

#include "handlers/service.h"

/* Fills service->calibration; the executors must be there. Takes at most about 150 ms; what cannot
 * be measured in that time keeps the best value so far, or 0. */
void cn_calibrate(struct cn_service *service);

#endif

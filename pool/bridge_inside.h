/*
 * bridge_inside.h: between the files of the bridge (private to this room).
 */
#ifndef CN_POOL_BRIDGE_INSIDE_H
#define CN_POOL_BRIDGE_INSIDE_H

#include "pool/bridge.h"

/* Reads frames until the socket ends, the bridge talks nonsense or is silent for too long, or is to
 * stop. True: it was connected to the cluster at some time. */
bool cn_bridge_read(struct cn_bridge *bridge);

void cn_bridge_frames_free(struct cn_bridge_frame *frames);

/* All with the lock held. */

/* The call of a number; NULL: nobody waits for it any more. */
struct cn_bridge_call *cn_bridge_find(struct cn_bridge *bridge, uint64_t number);
/* The call has its outcome, and whoever waits for it is told. */
void cn_bridge_conclude(struct cn_bridge *bridge, struct cn_bridge_call *call,
                        enum cn_bridge_outcome outcome);

#endif

/*
 * dask_program.h: the text of the bridge to Dask, embedded into the program (made from
 * pool/dask/remote.py and pool/dask/bridge.py).
 */
#ifndef CN_POOL_DASK_PROGRAM_H
#define CN_POOL_DASK_PROGRAM_H

#include "base/str.h"

struct cn_str cn_dask_program(void);

#endif

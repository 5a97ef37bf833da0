/*
 * dask_program.h: the text of the bridge to Dask, embedded into the program (made from the files
 * in pool/dask).
 */
#ifndef CN_POOL_DASK_PROGRAM_H
#define CN_POOL_DASK_PROGRAM_H

#include "base/str.h"

struct cn_str cn_dask_program(void);

#endif

/*
 * digest_sha512_rounds.h: SHA-512 (FIPS 180-4, 6.4) over lanes, for digest_lanes.h. The file of a
 * level defines VECTOR, KERNEL, SWAP and MAJORITY. One group: its chains hide each other's latency.
 */
#define GROUPS 1
#define WORD uint64_t
#define STATE 8
#define LENGTH_WORD 15

#include "kernels/digest_lanes.h"
#include "kernels/digest_sha512_table.h"

#define ROTATE(x, by) ((x) >> (by) | (x) << (64 - (by)))
#define SUM0(x) (ROTATE(x, 28) ^ ROTATE(x, 34) ^ ROTATE(x, 39))
#define SUM1(x) (ROTATE(x, 14) ^ ROTATE(x, 18) ^ ROTATE(x, 41))
#define SMALL0(x) (ROTATE(x, 1) ^ ROTATE(x, 8) ^ (x) >> 7)
#define SMALL1(x) (ROTATE(x, 19) ^ ROTATE(x, 61) ^ (x) >> 6)
#define ROUNDS 80
#define CONSTANTS cn_sha512_constants

#include "kernels/digest_sha2_rounds.h"

/*
 * digest_sha256_rounds.h: SHA-256 (FIPS 180-4, 6.2) over lanes, for digest_lanes.h. The file of a
 * level defines VECTOR, KERNEL, SWAP and MAJORITY. One group: its chains hide each other's latency.
 */
#define GROUPS 1
#define WORD uint32_t
#define STATE 8
#define LENGTH_WORD 15

#include "kernels/digest_lanes.h"
#include "kernels/digest_sha256_table.h"

#define ROTATE(x, by) ((x) >> (by) | (x) << (32 - (by)))
#define SUM0(x) (ROTATE(x, 2) ^ ROTATE(x, 13) ^ ROTATE(x, 22))
#define SUM1(x) (ROTATE(x, 6) ^ ROTATE(x, 11) ^ ROTATE(x, 25))
#define SMALL0(x) (ROTATE(x, 7) ^ ROTATE(x, 18) ^ (x) >> 3)
#define SMALL1(x) (ROTATE(x, 17) ^ ROTATE(x, 19) ^ (x) >> 10)
#define ROUNDS 64
#define CONSTANTS cn_sha256_constants

#include "kernels/digest_sha2_rounds.h"

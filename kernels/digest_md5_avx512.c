/* digest_md5_avx512.c: MD5 of 32 rows at once, in two vectors. */
#include "kernels/table.h"

#define VECTOR 64
#define GROUPS 2
#define KERNEL cn_md5_rows_avx512
#include "kernels/digest_md5_rounds.h"

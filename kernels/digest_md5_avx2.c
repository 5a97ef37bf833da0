/* digest_md5_avx2.c: MD5 of 16 rows at once, in two vectors. */
#include "kernels/table.h"

#define VECTOR 32
#define GROUPS 2
#define KERNEL cn_md5_rows_avx2
#include "kernels/digest_md5_rounds.h"

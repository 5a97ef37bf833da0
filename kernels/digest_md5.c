/* digest_md5.c: MD5 of 8 rows at once, in two of the vectors that any machine has. */
#include "kernels/table.h"

#define VECTOR 16
#define GROUPS 2
#define KERNEL cn_md5_rows_scalar
#include "kernels/digest_md5_rounds.h"

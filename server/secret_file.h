/*
 * secret_file.h: files that hold a secret, read into memory that does not go to disk (where the
 * system allows that) and that is overwritten before it is given back.
 */
#ifndef CN_SERVER_SECRET_FILE_H
#define CN_SERVER_SECRET_FILE_H

#include "base/error.h"
#include "base/str.h"

/* A whole file of at most 64 KiB; `path` is taken from the folder `dir` (AT_FDCWD: the current
 * one). CN_INVALID_PARAMETER, with the path and the reason. The caller owns it: cn_secret_drop().
 */
enum cn_code cn_secret_read(int dir, const char *path, struct cn_str *secret,
                            struct cn_error *error);

/* Overwrites and frees; then it is empty. */
void cn_secret_drop(struct cn_str *secret);

#endif

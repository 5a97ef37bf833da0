/*
 * spool.h: texts that are kept on disk instead of in memory: of a body larger than --buffer-bytes
 * what came first (job_text.c, intake_form.c), in a file of --data-dir that has no name, so that it
 * goes with the server, however that ends.
 *
 * A file is read and written at places, never mapped: a disk that fails is an error, and no signal.
 * All files together have at most `limit` bytes (--spool-bytes).
 *
 *   CN_BODY_TOO_LARGE  the one file alone is more than that
 *   CN_OVERLOADED      the files of others are in the way, or the disk is full
 *   CN_INTERNAL        the disk failed
 */
#ifndef CN_HANDLERS_SPOOL_H
#define CN_HANDLERS_SPOOL_H

#include <stdint.h>

#include "base/error.h"

struct cn_spools; /* all files of a service */
struct cn_spool;  /* one of them */

/* Tries whether a file can be made in `dir`: CN_INVALID_PARAMETER, naming --data-dir, if not.
 * limit 0: half of what the disk has free now. */
enum cn_code cn_spools_new(struct cn_spools **spools, const char *dir, uint64_t limit,
                           struct cn_error *error);
/* When all files were given back; may be NULL. */
void cn_spools_free(struct cn_spools *spools);

struct cn_spools_stats {
    uint64_t files;
    uint64_t bytes; /* that they have together */
    uint64_t limit;
};
void cn_spools_look(struct cn_spools *spools, struct cn_spools_stats *stats);

enum cn_code cn_spool_new(struct cn_spool **spool, struct cn_spools *spools,
                          struct cn_error *error);
/* Returns at once: to close a large file takes long, so a thread of the service does it. NULL: does
 * nothing. */
void cn_spool_free(struct cn_spool *spool);

/* What was written ends here: behind it nothing can be read. */
uint64_t cn_spool_end(const struct cn_spool *spool);
/* Writes a text at a place that is not before the end; what is left out in between cannot be read.
 * By one thread at a time. It may wait for the disk. */
enum cn_code cn_spool_write(struct cn_spool *spool, uint64_t at, struct cn_str text,
                            struct cn_error *error);
/* Reads what was written. Thread-safe, also while more is written. It may wait for the disk. */
enum cn_code cn_spool_read(struct cn_spool *spool, uint64_t at, char *out, size_t len,
                           struct cn_error *error);

#endif

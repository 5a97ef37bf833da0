/*
 * window.h: a growing run of memory shared by the server and one worker (private to this room).
 *
 * A window is a memfd, sealed against shrinking, so that neither side can take pages away from
 * under the other. One side writes it and lets it grow; the other maps it read-only and follows.
 * Its place in memory may change whenever it is mapped further.
 */
#ifndef CN_POOL_WINDOW_H
#define CN_POOL_WINDOW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define CN_WINDOW_STEP ((size_t)256 << 10) /* sizes are multiples of it */

struct cn_window {
    int fd; /* -1: none */
    bool writes;
    char *base;
    size_t mapped; /* bytes of it that are mapped here */
    size_t most;   /* bytes that it may be used for; 0: no limit */
};

#define CN_WINDOW_NONE ((struct cn_window){.fd = -1})

/* Makes the memory itself; `writes` says which side this is. */
enum cn_code cn_window_init(struct cn_window *window, bool writes, struct cn_error *error);
/* The other side of a window, by its descriptor, which is taken over. */
void cn_window_adopt(struct cn_window *window, int fd, bool writes);
void cn_window_release(struct cn_window *window);

/* How many bytes may be used now. */
size_t cn_window_room(const struct cn_window *window);

/* Maps at least `size` bytes; false if that is more than `most`. The writer lets the memory grow as
 * needed; for the reader a size beyond the memory is an error (false). What was mapped before keeps
 * its contents, not its place.
 */
CN_NODISCARD bool cn_window_map(struct cn_window *window, size_t size);

/* If it holds more than `keep` bytes of memory, gives what is beyond the first `keep` back to the
 * system; it reads as zeros then. */
void cn_window_trim(struct cn_window *window, size_t keep);
/* The same for a writer that may call little: it looks at what is mapped only. */
void cn_window_forget(struct cn_window *window, size_t keep);

#endif

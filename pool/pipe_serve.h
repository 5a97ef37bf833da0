/*
 * pipe_serve.h: requests and answers on streams of bytes (private to this room).
 */
#ifndef CN_POOL_PIPE_SERVE_H
#define CN_POOL_PIPE_SERVE_H

#include "pool/worker_core.h"

enum cn_pipe_got { CN_PIPE_ALL, CN_PIPE_ENDED, CN_PIPE_CUT };

/* Reads `size` bytes. CN_PIPE_ENDED: the stream ended before the first of them; CN_PIPE_CUT: it
 * ended, or failed, between them. */
enum cn_pipe_got cn_pipe_read(int fd, void *bytes, size_t size);
CN_NODISCARD bool cn_pipe_write(int fd, const void *bytes, size_t size);

/* Serves requests from `in` until it ends between two of them (NULL). Any other end is one that
 * the process cannot go on after; the text says which, for people. Both windows of the core are
 * this process's own. */
const char *cn_pipe_serve(struct cn_worker_core *core, int in, int out);

#endif

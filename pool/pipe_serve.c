#include "pool/pipe_serve.h"

#include <errno.h>
#include <unistd.h>

#define KEEP ((size_t)16 << 20)  /* memory that a window keeps between tasks */
#define SPILL ((size_t)64 << 10) /* what nobody can use is read in pieces of it */

static const char cut[] = "a request was cut off";

enum cn_pipe_got cn_pipe_read(int fd, void *bytes, size_t size) {
    char *at = bytes;
    size_t have = 0;
    while (have < size) {
        ssize_t got = read(fd, at + have, size - have);
        if (got > 0)
            have += (size_t)got;
        else if (got == 0)
            return have == 0 ? CN_PIPE_ENDED : CN_PIPE_CUT;
        else if (errno != EINTR)
            return CN_PIPE_CUT;
    }
    return CN_PIPE_ALL;
}

bool cn_pipe_write(int fd, const void *bytes, size_t size) {
    const char *at = bytes;
    while (size > 0) {
        ssize_t wrote = write(fd, at, size);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return false;
        at += wrote;
        size -= (size_t)wrote;
    }
    return true;
}

/* Reads the bytes of an image that has no room. */
static bool spill(int fd, uint64_t size) {
    char piece[SPILL];
    while (size > 0) {
        size_t some = size < sizeof(piece) ? (size_t)size : sizeof(piece);
        if (cn_pipe_read(fd, piece, some) != CN_PIPE_ALL)
            return false;
        size -= some;
    }
    return true;
}

/* Reads the image of a request that was checked, and runs it. False: it was cut off. */
static bool run_one(struct cn_worker_core *core, int in, const struct cn_worker_request *request,
                    struct cn_worker_answer *answer) {
    int64_t received_ns = cn_clock_now();
    if (request->size > PTRDIFF_MAX || !cn_window_map(&core->in, (size_t)request->size)) {
        if (!spill(in, request->size))
            return false;
        cn_worker_core_refuse(core, request, answer);
        return true;
    }
    if (cn_pipe_read(in, core->in.base, (size_t)request->size) != CN_PIPE_ALL)
        return false;
    struct cn_window_head *head = (void *)core->in.base;
    atomic_store(&head->stop, 0); /* nobody can set it here */
    cn_worker_core_run(core, request, received_ns, answer);
    return true;
}

const char *cn_pipe_serve(struct cn_worker_core *core, int in, int out) {
    for (;;) {
        struct cn_worker_request request;
        struct cn_worker_answer answer;
        enum cn_pipe_got got = cn_pipe_read(in, &request, sizeof(request));
        if (got == CN_PIPE_ENDED)
            return NULL;
        if (got == CN_PIPE_CUT)
            return cut;
        /* What follows such a one cannot be told from its image. */
        if (!cn_request_check(&request, request.size))
            return "a request makes no sense";
        if (!run_one(core, in, &request, &answer))
            return cut;
        if (!cn_pipe_write(out, &answer, sizeof(answer)) ||
            !cn_pipe_write(out, core->out.base, (size_t)answer.out_len))
            return "an answer could not be written";
        cn_window_forget(&core->in, KEEP);
        cn_window_forget(&core->out, KEEP);
    }
}

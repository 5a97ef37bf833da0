#include "pool/window.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum cn_code cn_window_init(struct cn_window *window, bool writes, struct cn_error *error) {
    *window = CN_WINDOW_NONE;
    window->writes = writes;
    window->fd = memfd_create("colonnade-window", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (window->fd >= 0 && ftruncate(window->fd, (off_t)CN_WINDOW_STEP) == 0 &&
        fcntl(window->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL) == 0 &&
        cn_window_map(window, CN_WINDOW_STEP))
        return CN_OK;
    int failed = errno;
    cn_window_release(window);
    return cn_error_set(error, CN_OVERLOADED, "No memory to share with a worker: %s",
                        strerrordesc_np(failed));
}

void cn_window_adopt(struct cn_window *window, int fd, bool writes) {
    *window = CN_WINDOW_NONE;
    window->fd = fd;
    window->writes = writes;
}

void cn_window_release(struct cn_window *window) {
    if (window->base)
        munmap(window->base, window->mapped);
    if (window->fd >= 0)
        close(window->fd);
    *window = CN_WINDOW_NONE;
}

/* The size to map for `size` bytes: doubling, so that a growing output is not mapped again and
 * again. */
static size_t round_size(const struct cn_window *window, size_t size) {
    size_t wanted = window->mapped * 2;
    if (window->most != 0 && wanted > window->most)
        wanted = window->most;
    if (wanted < size)
        wanted = size;
    return (wanted + CN_WINDOW_STEP - 1) / CN_WINDOW_STEP * CN_WINDOW_STEP;
}

size_t cn_window_room(const struct cn_window *window) {
    return window->most != 0 && window->most < window->mapped ? window->most : window->mapped;
}

bool cn_window_map(struct cn_window *window, size_t size) {
    if (window->most != 0 && size > window->most)
        return false;
    if (window->base && size <= window->mapped)
        return true;
    /* not fstat(), which a worker may not call: the C library makes it a look-up by name */
    off_t end = window->fd < 0 || size > SIZE_MAX / 4 ? -1 : lseek(window->fd, 0, SEEK_END);
    if (end < 0)
        return false;
    size_t have = (size_t)end;
    if (window->writes) {
        size_t wanted = round_size(window, size);
        if (wanted > have && ftruncate(window->fd, (off_t)wanted) != 0)
            return false;
        have = wanted > have ? wanted : have;
    }
    size_t target = round_size(window, size);
    if (target > have)
        target = have / CN_WINDOW_STEP * CN_WINDOW_STEP; /* beyond the end a touch is fatal */
    if (target < size || target == 0)
        return false;
    void *base;
    if (window->base)
        base = mremap(window->base, window->mapped, target, MREMAP_MAYMOVE);
    else
        base = mmap(NULL, target, window->writes ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED,
                    window->fd, 0);
    if (base == MAP_FAILED)
        return false;
    window->base = base;
    window->mapped = target;
    return true;
}

void cn_window_trim(struct cn_window *window, size_t keep) {
    struct stat status;
    if (window->fd < 0 || fstat(window->fd, &status) != 0)
        return;
    if (status.st_size <= (off_t)keep || status.st_blocks * 512 <= (off_t)keep)
        return;
    (void)fallocate(window->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)keep,
                    status.st_size - (off_t)keep);
}

void cn_window_forget(struct cn_window *window, size_t keep) {
    if (window->mapped > keep)
        (void)madvise(window->base + keep, window->mapped - keep, MADV_REMOVE);
}

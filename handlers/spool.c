#include "handlers/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FLAG "--spool-bytes"
#define MOST_AT_ONCE ((size_t)1 << 30) /* of one call: less than what the kernel takes */

struct cn_spools {
    char *dir;
    uint64_t limit;
    atomic_uint_fast64_t bytes; /* of all files; counted before they are written */
    atomic_uint_fast64_t files;
    /* what its thread is to close */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t closer;
    struct cn_spool *leaving;
    bool ending;
};

struct cn_spool {
    struct cn_spools *spools;
    struct cn_spool *next;
    int fd;
    uint64_t bytes; /* of spools->bytes */
    uint64_t end;
    pthread_mutex_t lock; /* of the next */
    int lost;             /* why some of it is not on the disk; 0: nothing is known to be lost */
};

/* ---- the files ----------------------------------------------------------------------------- */

/* Not every file system makes files without a name: there it has one for a moment. */
static int make_file(const struct cn_spools *spools) {
    char path[4096];
    int fd = open(spools->dir, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL && errno != ENOENT))
        return fd;
    int len = snprintf(path, sizeof path, "%s/spool-XXXXXX", spools->dir);
    if (len < 0 || (size_t)len >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

static void *close_files(void *argument) {
    struct cn_spools *spools = argument;
    pthread_setname_np(pthread_self(), "spool");
    pthread_mutex_lock(&spools->lock);
    while (!spools->ending || spools->leaving) {
        struct cn_spool *spool = spools->leaving;
        if (!spool) {
            pthread_cond_wait(&spools->wake, &spools->lock);
            continue;
        }
        spools->leaving = spool->next;
        pthread_mutex_unlock(&spools->lock);
        close(spool->fd);
        atomic_fetch_sub(&spools->bytes, spool->bytes);
        atomic_fetch_sub(&spools->files, 1);
        pthread_mutex_destroy(&spool->lock);
        free(spool);
        pthread_mutex_lock(&spools->lock);
    }
    pthread_mutex_unlock(&spools->lock);
    return NULL;
}

static void release(struct cn_spools *spools) {
    pthread_cond_destroy(&spools->wake);
    pthread_mutex_destroy(&spools->lock);
    free(spools->dir);
    free(spools);
}

static uint64_t half_of(uint64_t blocks, uint64_t size) {
    uint64_t bytes;
    return (__builtin_mul_overflow(blocks, size, &bytes) ? UINT64_MAX : bytes) / 2;
}

/* Whether files can be made there, and how much they may come to. */
static enum cn_code try_dir(struct cn_spools *spools, struct cn_error *error) {
    struct statvfs status;
    int fd = make_file(spools);
    bool ok = fd >= 0 && fstatvfs(fd, &status) == 0;
    int why = errno;
    if (fd >= 0)
        close(fd);
    if (!ok)
        return cn_error_set(error, CN_INVALID_PARAMETER,
                            "--data-dir %s: no file can be made there: %s", spools->dir,
                            strerror(why));
    if (spools->limit == 0)
        spools->limit = half_of(status.f_bavail, status.f_frsize);
    return CN_OK;
}

enum cn_code cn_spools_new(struct cn_spools **result, const char *dir, uint64_t limit,
                           struct cn_error *error) {
    struct cn_spools *spools = calloc(1, sizeof *spools);
    char *copy = strdup(dir);

    *result = NULL;
    if (!spools || !copy) {
        free(spools);
        free(copy);
        return cn_error_memory(error);
    }
    spools->dir = copy;
    spools->limit = limit;
    pthread_mutex_init(&spools->lock, NULL);
    pthread_cond_init(&spools->wake, NULL);
    enum cn_code code = try_dir(spools, error);
    if (code == CN_OK && pthread_create(&spools->closer, NULL, close_files, spools) != 0)
        code = cn_error_set(error, CN_INTERNAL, "no thread can be started for --data-dir");
    if (code == CN_OK)
        *result = spools;
    else
        release(spools);
    return code;
}

void cn_spools_free(struct cn_spools *spools) {
    if (!spools)
        return;
    pthread_mutex_lock(&spools->lock);
    spools->ending = true;
    pthread_cond_signal(&spools->wake);
    pthread_mutex_unlock(&spools->lock);
    pthread_join(spools->closer, NULL);
    release(spools);
}

void cn_spools_look(struct cn_spools *spools, struct cn_spools_stats *stats) {
    *stats = (struct cn_spools_stats){.files = atomic_load(&spools->files),
                                      .bytes = atomic_load(&spools->bytes),
                                      .limit = spools->limit};
}

/* ---- what went wrong ----------------------------------------------------------------------- */

static bool is_full(int why) {
    return why == ENOSPC || why == EDQUOT || why == EFBIG;
}

static enum cn_code fail_disk(const char *verb, int why, struct cn_error *error) {
    if (is_full(why)) {
        cn_error_set_limit(error, "--data-dir");
        return cn_error_set(error, CN_OVERLOADED,
                            "The body does not fit into the disk of --data-dir (%s): try again "
                            "later, with less, or free some space there.",
                            strerror(why));
    }
    return cn_error_set(
        error, why == EMFILE || why == ENFILE || why == ENOMEM ? CN_OVERLOADED : CN_INTERNAL,
        "The body, which is larger than --buffer-bytes, cannot be %s in "
        "--data-dir: %s.",
        verb, strerror(why));
}

static enum cn_code fail_limit(const struct cn_spools *spools, bool never, struct cn_error *error) {
    cn_error_set_limit(error, FLAG);
    if (never)
        return cn_error_set(error, CN_BODY_TOO_LARGE,
                            "Of the body more than %llu bytes would have to be kept on disk.",
                            (unsigned long long)spools->limit);
    return cn_error_set(error, CN_OVERLOADED,
                        "The room on disk for large bodies, %llu bytes, is in use; try again "
                        "later.",
                        (unsigned long long)spools->limit);
}

/* ---- one file ------------------------------------------------------------------------------ */

enum cn_code cn_spool_new(struct cn_spool **result, struct cn_spools *spools,
                          struct cn_error *error) {
    struct cn_spool *spool = calloc(1, sizeof *spool);

    *result = NULL;
    if (!spool)
        return cn_error_memory(error);
    spool->spools = spools;
    pthread_mutex_init(&spool->lock, NULL);
    spool->fd = make_file(spools);
    if (spool->fd < 0) {
        enum cn_code code = fail_disk("kept", errno, error);
        pthread_mutex_destroy(&spool->lock);
        free(spool);
        return code;
    }
    atomic_fetch_add(&spools->files, 1);
    *result = spool;
    return CN_OK;
}

void cn_spool_free(struct cn_spool *spool) {
    struct cn_spools *spools = spool ? spool->spools : NULL;

    if (!spool)
        return;
    pthread_mutex_lock(&spools->lock);
    spool->next = spools->leaving;
    spools->leaving = spool;
    pthread_cond_signal(&spools->wake);
    pthread_mutex_unlock(&spools->lock);
}

uint64_t cn_spool_end(const struct cn_spool *spool) {
    return spool->end;
}

static enum cn_code count(struct cn_spool *spool, uint64_t bytes, struct cn_error *error) {
    struct cn_spools *spools = spool->spools;
    uint64_t all = atomic_load(&spools->bytes);

    if (bytes > spools->limit || spool->bytes > spools->limit - bytes)
        return fail_limit(spools, true, error);
    do {
        if (all > spools->limit - bytes)
            return fail_limit(spools, false, error);
    } while (!atomic_compare_exchange_weak(&spools->bytes, &all, all + bytes));
    spool->bytes += bytes;
    return CN_OK;
}

enum cn_code cn_spool_write(struct cn_spool *spool, uint64_t at, struct cn_str text,
                            struct cn_error *error) {
    size_t done = 0;

    if (at < spool->end || at > INT64_MAX || text.len > INT64_MAX - at)
        return cn_error_set(error, CN_INTERNAL, "a text has no place in its file");
    CN_TRY(count(spool, text.len, error));
    while (done < text.len) {
        size_t some = text.len - done < MOST_AT_ONCE ? text.len - done : MOST_AT_ONCE;
        ssize_t n = pwrite(spool->fd, text.data + done, some, (off_t)(at + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail_disk("kept", n < 0 ? errno : EIO, error);
        done += (size_t)n;
    }
    spool->end = at + text.len;
    /* The disk begins at once, so that what is not on it yet does not come to fill the memory; a
     * file system that cannot do so does it in its own time. */
    (void)sync_file_range(spool->fd, (off_t)at, (off_t)text.len, SYNC_FILE_RANGE_WRITE);
    return CN_OK;
}

/* A page that could not be brought to the disk may be forgotten, and what is read again is not what
 * was written. The system tells so once; whoever asks later, or at the same time, must know too. */
static bool reached_disk(struct cn_spool *spool, uint64_t at, int *why) {
    pthread_mutex_lock(&spool->lock);
    if (sync_file_range(spool->fd, (off_t)at, 1, SYNC_FILE_RANGE_WAIT_BEFORE) != 0 &&
        (errno == EIO || is_full(errno))) /* else it is not known on this file system */
        spool->lost = errno;
    *why = spool->lost;
    pthread_mutex_unlock(&spool->lock);
    return *why == 0;
}

enum cn_code cn_spool_read(struct cn_spool *spool, uint64_t at, char *out, size_t len,
                           struct cn_error *error) {
    size_t done = 0;
    int why = 0;

    while (done < len) {
        size_t some = len - done < MOST_AT_ONCE ? len - done : MOST_AT_ONCE;
        ssize_t n = pread(spool->fd, out + done, some, (off_t)(at + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) /* it cannot end before what was written, unless the disk lost it */
            return fail_disk("read again", n < 0 ? errno : EIO, error);
        done += (size_t)n;
    }
    if (!reached_disk(spool, at, &why))
        return fail_disk("kept", why, error);
    return CN_OK;
}

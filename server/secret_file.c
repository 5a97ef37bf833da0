#include "server/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_SECRET = 64 << 10 };

void cn_secret_drop(struct cn_str *secret) {
    char *bytes = (char *)(uintptr_t)secret->data;
    if (bytes) {
        OPENSSL_cleanse(bytes, secret->len);
        munlock(bytes, secret->len);
        free(bytes);
    }
    *secret = (struct cn_str){0};
}

static enum cn_code file_error(struct cn_error *error, const char *path) {
    return cn_error_set(error, CN_INVALID_PARAMETER, "cannot read %s: %s", path, strerror(errno));
}

static ssize_t read_all(int fd, char *out, size_t size) {
    size_t len = 0;
    while (len < size) {
        ssize_t n = read(fd, out + len, size - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

enum cn_code cn_secret_read(int dir, const char *path, struct cn_str *secret,
                            struct cn_error *error) {
    *secret = (struct cn_str){0};
    int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;
    if (fd < 0)
        return file_error(error, path);
    enum cn_code code = CN_OK;
    size_t size = MAX_SECRET + 1;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size < MAX_SECRET)
        size = (size_t)info.st_size + 1;
    char *bytes = malloc(size);
    if (!bytes) {
        close(fd);
        return cn_error_memory(error);
    }
    mlock(bytes, size); /* best effort */
    ssize_t len = read_all(fd, bytes, size);
    if (len < 0)
        code = file_error(error, path);
    else if (len > MAX_SECRET)
        code = cn_error_set(error, CN_INVALID_PARAMETER, "%s is longer than 64 KiB", path);
    *secret = cn_str(bytes, len < 0 ? 0 : (size_t)len);
    if (code != CN_OK)
        cn_secret_drop(secret);
    close(fd);
    return code;
}

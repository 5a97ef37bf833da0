#include "server/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_SECRET = 64 << 10 };

static void drop_secret(struct cn_str *secret) {
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

/* A whole file, in memory of its own. */
static enum cn_code read_secret(int dir, const char *path, struct cn_str *secret,
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
        drop_secret(secret);
    close(fd);
    return code;
}

/* Shortens a secret; what is cut off is overwritten. */
static void cut_secret(struct cn_str *secret, size_t len) {
    OPENSSL_cleanse((char *)(uintptr_t)secret->data + len, secret->len - len);
    secret->len = len;
}

static enum cn_code read_token(struct cn_secrets *secrets, const char *path,
                               struct cn_error *error) {
    CN_TRY(read_secret(AT_FDCWD, path, &secrets->token, error));
    const char *end = memchr(secrets->token.data, '\n', secrets->token.len);
    if (end)
        cut_secret(&secrets->token, (size_t)(end - secrets->token.data));
    size_t len = secrets->token.len;
    if (len > 0 && secrets->token.data[len - 1] == '\r')
        cut_secret(&secrets->token, len - 1);
    if (secrets->token.len == 0)
        return cn_error_set(error, CN_INVALID_PARAMETER, "%s holds no token in its first line",
                            path);
    mlock(&secrets->session_key, sizeof secrets->session_key); /* best effort */
    if (!cn_session_key_derive(&secrets->session_key, secrets->token))
        return cn_error_memory(error);
    return CN_OK;
}

enum cn_code cn_secrets_read(struct cn_secrets *secrets, const char *token_file,
                             const char *keys_dir, struct cn_error *error) {
    *secrets = (struct cn_secrets){0};
    enum cn_code code = CN_OK;
    if (token_file)
        code = read_token(secrets, token_file, error);
    if (code == CN_OK && keys_dir)
        code = cn_keys_read(&secrets->keys, keys_dir, error);
    if (code == CN_OK && keys_dir)
        secrets->keyring = cn_keys_ring(&secrets->keys);
    if (code != CN_OK)
        cn_secrets_release(secrets);
    return code;
}

void cn_secrets_release(struct cn_secrets *secrets) {
    cn_keys_release(&secrets->keys);
    drop_secret(&secrets->token);
    cn_session_key_cleanse(&secrets->session_key);
    *secrets = (struct cn_secrets){0};
}

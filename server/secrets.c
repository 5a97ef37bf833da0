#include "server/secrets.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "server/secret_file.h"

enum { MAX_KEYS = 10000 };

static enum cn_code file_error(struct cn_error *error, const char *path) {
    return cn_error_set(error, CN_INVALID_PARAMETER, "cannot read %s: %s", path, strerror(errno));
}

static enum cn_code add_key(struct cn_secrets *secrets, int dir, const char *name,
                            struct cn_error *error) {
    struct stat info;
    if (fstatat(dir, name, &info, 0) != 0)
        return file_error(error, name);
    if (!S_ISREG(info.st_mode))
        return CN_OK;
    size_t n = secrets->keyring.n_keys;
    if (n == MAX_KEYS)
        return cn_error_set(error, CN_INVALID_PARAMETER, "there are more than %d keys", MAX_KEYS);
    struct cn_key *keys = realloc(secrets->keys, (n + 1) * sizeof *keys);
    if (!keys)
        return cn_error_memory(error);
    secrets->keys = keys;
    secrets->keyring.keys = keys;
    struct cn_key key;
    CN_TRY(cn_secret_read(dir, name, &key.bytes, error));
    if (key.bytes.len > 0 && key.bytes.data[key.bytes.len - 1] == '\n')
        cn_secret_cut(&key.bytes, key.bytes.len - 1);
    if (key.bytes.len == 0) {
        cn_secret_drop(&key.bytes);
        return cn_error_set(error, CN_INVALID_PARAMETER, "the key %s is empty", name);
    }
    char *copy = strdup(name);
    if (!copy) {
        cn_secret_drop(&key.bytes);
        return cn_error_memory(error);
    }
    key.name = cn_str_c(copy);
    keys[secrets->keyring.n_keys++] = key;
    return CN_OK;
}

static enum cn_code read_keys(struct cn_secrets *secrets, const char *path,
                              struct cn_error *error) {
    DIR *dir = opendir(path);
    if (!dir)
        return file_error(error, path);
    enum cn_code code = CN_OK;
    struct dirent *entry;
    while (code == CN_OK && (entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            code = add_key(secrets, dirfd(dir), entry->d_name, error);
    closedir(dir);
    return code;
}

enum cn_code cn_secrets_read(struct cn_secrets *secrets, const char *keys_dir,
                             struct cn_error *error) {
    *secrets = (struct cn_secrets){0};
    enum cn_code code = CN_OK;
    if (keys_dir)
        code = read_keys(secrets, keys_dir, error);
    if (code != CN_OK)
        cn_secrets_release(secrets);
    return code;
}

void cn_secrets_release(struct cn_secrets *secrets) {
    for (size_t i = 0; i < secrets->keyring.n_keys; i++) {
        cn_secret_drop(&secrets->keys[i].bytes);
        free((char *)(uintptr_t)secrets->keys[i].name.data);
    }
    free(secrets->keys);
    *secrets = (struct cn_secrets){0};
}

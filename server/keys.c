#include "server/keys.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "server/secret_file.h"

enum { MAX_KEYS = 10000 };

/* ---- memory for secrets -------------------------------------------------------------------- */

/* Whole pages, so that nothing else is in them; what the system cannot do is not missed. */
static void *take_pages(size_t size) {
    void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return NULL;
    (void)mlock(pages, size);
    (void)madvise(pages, size, MADV_DONTDUMP);
    (void)madvise(pages, size, MADV_WIPEONFORK);
    return pages;
}

static void give_pages(void *pages, size_t size) {
    if (!pages)
        return;
    OPENSSL_cleanse(pages, size);
    munmap(pages, size);
}

/* ---- one key ------------------------------------------------------------------------------- */

static enum cn_code file_error(struct cn_error *error, const char *path) {
    return cn_error_set(error, CN_INVALID_PARAMETER, "cannot read %s: %s", path,
                        strerrordesc_np(errno));
}

static enum cn_code make_key(struct cn_key *key, int dir, const char *name,
                             struct cn_error *error) {
    struct cn_str bytes;
    CN_TRY(cn_secret_read(dir, name, &bytes, error));
    struct cn_str text = bytes;
    enum cn_code code = CN_OK;
    if (text.len > 0 && text.data[text.len - 1] == '\n')
        text.len--;
    if (text.len == 0)
        code = cn_error_set(error, CN_INVALID_PARAMETER, "the key %s is empty", name);
    else if (!cn_key_make(key, cn_str_c(name), text))
        code = cn_error_set(error, CN_INTERNAL, "the key %s cannot be used", name);
    cn_secret_drop(&bytes);
    return code;
}

/* ---- all of them --------------------------------------------------------------------------- */

/* Whether this entry is a key; an error if it cannot be known. */
static enum cn_code is_key(int dir, const char *name, bool *is, struct cn_error *error) {
    struct stat info;
    *is = false;
    if (name[0] == '.')
        return CN_OK;
    if (fstatat(dir, name, &info, 0) != 0)
        return file_error(error, name);
    *is = S_ISREG(info.st_mode);
    return CN_OK;
}

/* Counts the keys, or reads so many as were counted. */
static enum cn_code walk(struct cn_keys *keys, DIR *dir, bool read, struct cn_error *error) {
    struct dirent *entry;
    rewinddir(dir);
    while ((entry = readdir(dir))) {
        bool is;
        CN_TRY(is_key(dirfd(dir), entry->d_name, &is, error));
        if (!is)
            continue;
        if (read && keys->n_keys == keys->capacity)
            return CN_OK; /* it came after the others were counted */
        if (read)
            CN_TRY(make_key(&keys->keys[keys->n_keys++], dirfd(dir), entry->d_name, error));
        else if (keys->capacity++ == MAX_KEYS)
            return cn_error_set(error, CN_INVALID_PARAMETER, "there are more than %d keys",
                                MAX_KEYS);
    }
    return CN_OK;
}

static enum cn_code read_keys(struct cn_keys *keys, DIR *dir, struct cn_error *error) {
    CN_TRY(walk(keys, dir, false, error));
    if (keys->capacity == 0)
        return CN_OK;
    keys->keys = take_pages(keys->capacity * sizeof *keys->keys);
    return keys->keys ? walk(keys, dir, true, error) : cn_error_memory(error);
}

enum cn_code cn_keys_read(struct cn_keys *keys, const char *path, struct cn_error *error) {
    *keys = (struct cn_keys){0};
    DIR *dir = opendir(path);
    if (!dir)
        return file_error(error, path);
    enum cn_code code = read_keys(keys, dir, error);
    closedir(dir);
    if (code != CN_OK)
        cn_keys_release(keys);
    return code;
}

void cn_keys_release(struct cn_keys *keys) {
    give_pages(keys->keys, keys->capacity * sizeof *keys->keys);
    *keys = (struct cn_keys){0};
}

struct cn_keyring cn_keys_ring(const struct cn_keys *keys) {
    return (struct cn_keyring){keys->keys, keys->n_keys};
}

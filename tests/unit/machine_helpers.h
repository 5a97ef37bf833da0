/* machine_helpers.h: a small machine in a folder: files below /proc and /sys, as tests want them.
 */
#ifndef CN_TESTS_MACHINE_HELPERS_H
#define CN_TESTS_MACHINE_HELPERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char machine_root[64];
static char machine_made[64][512]; /* what to remove again, last first */
static size_t machine_n_made;

static inline const char *machine_remember(const char *path) {
    assert_true(machine_n_made < 64);
    snprintf(machine_made[machine_n_made], sizeof(machine_made[machine_n_made]), "%s%s",
             machine_root, path);
    return machine_made[machine_n_made++];
}

/* Writes a file below the root, making the folders that it needs. */
static inline void machine_put(const char *path, const char *text) {
    char folder[256];
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
        if (mkdir(machine_remember(folder), 0700) != 0)
            machine_n_made--;
    }
    FILE *file = fopen(machine_remember(path), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static inline int machine_new(void **unused) {
    (void)unused;
    snprintf(machine_root, sizeof(machine_root), "/tmp/test_machine.XXXXXX");
    return mkdtemp(machine_root) ? 0 : 1;
}

static inline int machine_free(void **unused) {
    (void)unused;
    while (machine_n_made > 0)
        remove(machine_made[--machine_n_made]);
    return rmdir(machine_root);
}

#endif

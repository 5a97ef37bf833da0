/*
 * replay.c: runs inputs through a fuzz target where no fuzzer is at hand: every file that the
 * command line names, and every file in the folders that it names. Prints how many there were.
 */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fuzz/check.h"

/* One file, in memory of exactly its size, so that the sanitizers see a read past its end. */
static int run_file(const char *path, size_t size) {
    uint8_t *data = malloc(size ? size : 1);
    FILE *file = fopen(path, "rb");

    if (!data || !file || fread(data, 1, size, file) != size) {
        perror(path);
        if (file)
            fclose(file);
        free(data);
        return 1;
    }
    fclose(file);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 0;
}

static int run_path(const char *path, size_t *count, int folders) {
    struct stat status;

    if (stat(path, &status) != 0) {
        perror(path);
        return 1;
    }
    if (S_ISREG(status.st_mode)) {
        ++*count;
        return run_file(path, (size_t)status.st_size);
    }
    if (!S_ISDIR(status.st_mode) || folders == 0)
        return 0;
    DIR *dir = opendir(path);
    int bad = dir == NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
        char inner[4096];
        if (entry->d_name[0] == '.')
            continue;
        int len = snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        if (len < 0 || (size_t)len >= sizeof inner)
            bad = 1;
        else
            bad |= run_path(inner, count, folders - 1);
    }
    if (dir)
        closedir(dir);
    return bad;
}

int main(int argc, char **argv) {
    size_t count = 0;
    int bad = 0;

    for (int i = 1; i < argc; i++)
        bad |= run_path(argv[i], &count, 3);
    printf("%s: %zu inputs\n", argv[0], count);
    return bad || count == 0;
}

/*
 * cpu_level.c: linked into every test program, so that COLONNADE_CPU chooses the kernels there as
 * it does in the server.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kernels/cpu.h"

__attribute__((constructor)) static void choose(void) {
    struct cn_error error;

    cn_error_init(&error);
    if (cn_cpu_choose(getenv("COLONNADE_CPU"), &error) == CN_OK)
        return;
    fprintf(stderr, "%s\n", error.detail);
    exit(2);
}

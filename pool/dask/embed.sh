#!/bin/sh
# embed.sh PROGRAM: writes a C source to standard output that includes the bridge's program, for
# pool/dask_program.h.
set -eu
cat <<END
/* Made by pool/dask/embed.sh. */
#include "pool/dask_program.h"

__asm__(".pushsection .rodata\\n.hidden cn_dask_text\\n.globl cn_dask_text\\ncn_dask_text:\\n"
        ".incbin \\"$1\\"\\n.popsection");
extern const char cn_dask_text[] __attribute__((visibility("hidden")));

struct cn_str cn_dask_program(void) {
    return cn_str(cn_dask_text, $(($(wc -c <"$1"))));
}
END

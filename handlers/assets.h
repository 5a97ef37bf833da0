/*
 * assets.h: the files of static/, as the build embeds them (static/embed.sh writes assets.c).
 */
#ifndef CN_HANDLERS_ASSETS_H
#define CN_HANDLERS_ASSETS_H

#include <stddef.h>

struct cn_asset {
    const char *name; /* "index.html" */
    const unsigned char *data;
    size_t len;
};

extern const struct cn_asset cn_assets[];
extern const size_t cn_n_assets;

#endif

/*
 * assets.h: the files of the page, as the build embeds them (static/embed.sh writes assets.c).
 */
#ifndef CN_HANDLERS_ASSETS_H
#define CN_HANDLERS_ASSETS_H

#include "base/str.h"

struct cn_asset {
    const char *name; /* "index.html" */
    const char *tag;  /* 32 hex digits of the SHA-256 of `plain` */
    struct cn_str plain;
    struct cn_str gzip; /* data is NULL: gzip does not make it smaller */
};

extern const struct cn_asset cn_assets[]; /* one more than there are, its name NULL */
extern const size_t cn_n_assets;

#endif

/*
 * coding.h: the content codings that bodies and replies may have (RFC 9110, section 8.4).
 */
#ifndef CN_HANDLERS_CODING_H
#define CN_HANDLERS_CODING_H

/* In the order of preference, the last one first: zstd packs five times as fast as gzip. */
enum cn_coding { CN_CODING_NONE, CN_CODING_GZIP, CN_CODING_ZSTD };

static inline const char *cn_coding_name(enum cn_coding coding) {
    static const char *const names[] = {"identity", "gzip", "zstd"};
    return names[coding];
}

#endif

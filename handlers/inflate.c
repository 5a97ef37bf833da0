#include "handlers/inflate.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

/* What windowBits of zlib means beside the size of the window: gzip, and nothing else. */
#define GZIP_ONLY 16

struct cn_inflate {
    enum cn_coding coding;
    struct cn_inflate_limits limits;
    struct cn_blocks *blocks;
    z_stream gzip;
    ZSTD_DStream *zstd;
    bool between; /* nothing came yet, or a member has just ended */
    uint64_t in;  /* bytes that were used */
    uint64_t out; /* bytes that came out, those in the block included */
    /* zstd says how much it wants for its next step. It gets exactly that much, so that its errors
     * are found at the same byte however the data were cut. */
    uint64_t step_at; /* where that step began */
    size_t step_left;
    size_t fill; /* of the block */
    size_t cap;
    char *block;
};

enum cn_coding cn_coding_sniff(struct cn_str text, bool *undecided) {
    static const struct {
        enum cn_coding coding;
        size_t len;
        const char *magic;
    } files[] = {{CN_CODING_GZIP, 2, "\x1f\x8b"}, {CN_CODING_ZSTD, 4, "\x28\xb5\x2f\xfd"}};
    *undecided = false;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        size_t len = text.len < files[i].len ? text.len : files[i].len;
        if (len > 0 && memcmp(text.data, files[i].magic, len) != 0)
            continue;
        if (len == files[i].len)
            return files[i].coding;
        *undecided = true;
    }
    return CN_CODING_NONE;
}

/* ---- errors -------------------------------------------------------------------------------- */

static enum cn_code broken(const struct cn_inflate *inflater, uint64_t at, const char *why,
                           struct cn_error *error) {
    return cn_error_set(error, CN_INVALID_ENCODING,
                        "The %s data are broken at byte %" PRIu64 ": %s.",
                        cn_coding_name(inflater->coding), at, why);
}

static enum cn_code check_limits(const struct cn_inflate *inflater, struct cn_error *error) {
    const struct cn_inflate_limits *limits = &inflater->limits;
    if (inflater->out > limits->max_bytes) {
        cn_error_set_limit(error, "--max-body-bytes");
        return cn_error_set(error, CN_BODY_TOO_LARGE,
                            "The body inflates to more than %" PRIu64 " bytes.", limits->max_bytes);
    }
    uint64_t most;
    if (inflater->out > CN_INFLATE_FREE_BYTES &&
        !__builtin_mul_overflow(limits->max_ratio, inflater->in, &most) && inflater->out > most) {
        cn_error_set_limit(error, "--max-inflate-ratio");
        return cn_error_set(error, CN_BODY_TOO_LARGE,
                            "The body inflates to more than %" PRIu64
                            " times its size, and to more than %" PRIu64 " bytes.",
                            limits->max_ratio, CN_INFLATE_FREE_BYTES);
    }
    return CN_OK;
}

/* ---- gzip ---------------------------------------------------------------------------------- */

static enum cn_code step_gzip(struct cn_inflate *inflater, const char *data, size_t len,
                              struct cn_error *error) {
    z_stream *stream = &inflater->gzip;
    size_t room = inflater->cap - inflater->fill;
    uInt some = len < INT_MAX ? (uInt)len : INT_MAX;
    if (inflater->between && some > 0)
        inflateReset(stream);
    stream->next_in = (z_const Bytef *)(uintptr_t)data;
    stream->avail_in = some;
    stream->next_out = (Bytef *)inflater->block + inflater->fill;
    stream->avail_out = (uInt)room;
    int status = inflate(stream, Z_NO_FLUSH);
    inflater->in += some - stream->avail_in;
    inflater->out += room - stream->avail_out;
    inflater->fill = inflater->cap - stream->avail_out;
    inflater->between = status == Z_STREAM_END;
    if (status == Z_MEM_ERROR)
        return cn_error_memory(error);
    if (status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR)
        return CN_OK;
    return broken(inflater, inflater->in, stream->msg ? stream->msg : "they cannot be read", error);
}

/* ---- zstd ---------------------------------------------------------------------------------- */

static enum cn_code fail_zstd(const struct cn_inflate *inflater, size_t result,
                              struct cn_error *error) {
    ZSTD_ErrorCode code = ZSTD_getErrorCode(result);
    if (code == ZSTD_error_memory_allocation)
        return cn_error_memory(error);
    if (code != ZSTD_error_frameParameter_windowTooLarge)
        return broken(inflater, inflater->step_at, ZSTD_getErrorName(result), error);
    cn_error_set_limit(error, "--max-window-log");
    return cn_error_set(error, CN_LIMIT_EXCEEDED,
                        "The zstd data want a window of more than %" PRIu64
                        " bytes; pack them without --long and --ultra.",
                        UINT64_C(1) << inflater->limits.window_log);
}

static enum cn_code step_zstd(struct cn_inflate *inflater, const char *data, size_t len,
                              struct cn_error *error) {
    size_t before = inflater->fill;
    ZSTD_outBuffer out = {inflater->block, inflater->cap, inflater->fill};
    ZSTD_inBuffer in = {data, len < inflater->step_left ? len : inflater->step_left, 0};
    size_t wanted = ZSTD_decompressStream(inflater->zstd, &out, &in);
    if (ZSTD_isError(wanted))
        return fail_zstd(inflater, wanted, error);
    inflater->in += in.pos;
    inflater->out += out.pos - before;
    inflater->fill = out.pos;
    inflater->between = wanted == 0;
    inflater->step_left -= in.pos;
    if (inflater->step_left == 0) {
        inflater->step_at = inflater->in;
        inflater->step_left = wanted;
    }
    if (inflater->between)
        inflater->step_left = ZSTD_initDStream(inflater->zstd);
    return CN_OK;
}

/* ---- both ---------------------------------------------------------------------------------- */

enum cn_code cn_inflate_new(struct cn_inflate **result, enum cn_coding coding,
                            const struct cn_inflate_limits *limits, struct cn_blocks *blocks,
                            struct cn_error *error) {
    struct cn_inflate *inflater = calloc(1, sizeof *inflater);
    bool ok = inflater != NULL;
    *result = NULL;
    if (!ok)
        return cn_error_memory(error);
    *inflater = (struct cn_inflate){.coding = coding,
                                    .limits = *limits,
                                    .blocks = blocks,
                                    .between = true,
                                    .cap = CN_INFLATE_BLOCK};
    if (coding == CN_CODING_GZIP) {
        ok = inflateInit2(&inflater->gzip, MAX_WBITS + GZIP_ONLY) == Z_OK;
    } else {
        inflater->zstd = ZSTD_createDStream();
        ok = inflater->zstd && !ZSTD_isError(ZSTD_DCtx_setParameter(
                                   inflater->zstd, ZSTD_d_windowLogMax, (int)limits->window_log));
        inflater->step_left = ok ? ZSTD_initDStream(inflater->zstd) : 0;
    }
    inflater->block = ok ? cn_blocks_take(blocks, &inflater->cap) : NULL;
    if (!inflater->block) {
        cn_inflate_free(inflater);
        return cn_error_memory(error);
    }
    *result = inflater;
    return CN_OK;
}

void cn_inflate_free(struct cn_inflate *inflater) {
    if (!inflater)
        return;
    if (inflater->coding == CN_CODING_GZIP)
        inflateEnd(&inflater->gzip); /* of one that was never begun: does nothing */
    ZSTD_freeDStream(inflater->zstd);
    if (inflater->block)
        cn_blocks_give(inflater->blocks, inflater->block, inflater->cap);
    free(inflater);
}

/* What follows a member must be another. zstd's library would also take frames of versions before
 * the format was settled; those that are to be skipped begin with 0x50 to 0x5f. */
static enum cn_code check_member(const struct cn_inflate *inflater, unsigned char first,
                                 struct cn_error *error) {
    bool good = inflater->coding == CN_CODING_GZIP ? first == 0x1f
                                                   : first == 0x28 || (first & 0xf0) == 0x50;
    if (good)
        return CN_OK;
    return broken(inflater, inflater->in,
                  inflater->in > 0 ? "something else follows the packed data"
                                   : "they do not begin as such a file does",
                  error);
}

static enum cn_code hand_on(struct cn_inflate *inflater, const struct cn_inflate_sink *sink,
                            struct cn_error *error) {
    size_t len = inflater->fill;
    CN_TRY(check_limits(inflater, error));
    inflater->fill = 0;
    return len > 0 ? sink->take(sink->context, inflater->block, len, error) : CN_OK;
}

enum cn_code cn_inflate_feed(struct cn_inflate *inflater, const char *data, size_t len,
                             const struct cn_inflate_sink *sink, struct cn_error *error) {
    bool more = false; /* the block was filled, and there may be more to come */
    while (len > 0 || more) {
        uint64_t before = inflater->in;
        size_t had = inflater->fill;
        if (inflater->between && len > 0)
            CN_TRY(check_member(inflater, (unsigned char)data[0], error));
        CN_TRY(inflater->coding == CN_CODING_GZIP ? step_gzip(inflater, data, len, error)
                                                  : step_zstd(inflater, data, len, error));
        size_t used = (size_t)(inflater->in - before);
        if (used == 0 && inflater->fill == had && !inflater->between) {
            if (len == 0)
                break;
            return broken(inflater, inflater->in, "they lead nowhere", error);
        }
        data += used;
        len -= used;
        more = inflater->fill == inflater->cap && !inflater->between;
        if (inflater->fill == inflater->cap)
            CN_TRY(hand_on(inflater, sink, error));
    }
    return CN_OK;
}

enum cn_code cn_inflate_end(struct cn_inflate *inflater, const struct cn_inflate_sink *sink,
                            struct cn_error *error) {
    if (!inflater->between || inflater->in == 0)
        return broken(inflater, inflater->in, "they end too early", error);
    return hand_on(inflater, sink, error);
}

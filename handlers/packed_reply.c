#include "handlers/packed_reply.h"

#include <limits.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "handlers/negotiate.h"
#include "handlers/service.h"

/* The lowest levels: of numbers, which most replies are, the next ones make hardly less. */
enum { GZIP_LEVEL = 1, ZSTD_LEVEL = 1 };
/* What windowBits of zlib means beside the size of the window: a gzip file. */
enum { GZIP_FILE = 16, MEM_LEVEL = 8 };
enum {
    /* So much is packed for one block at most, then what there is leaves: about half a millisecond
     * of either, in which the other connections of the thread wait. */
    STEP_GZIP = 64 << 10,
    STEP_ZSTD = 256 << 10,
    /* Room for Vary and Content-Encoding, and for what the server adds. */
    HEADERS_TO_COME = 8
};

enum step { STEP_GO_ON, STEP_FLUSH, STEP_END };

struct cn_packed_reply {
    enum cn_coding coding;
    z_stream gzip;
    bool gzip_begun;
    ZSTD_CCtx *zstd;
    /* where the text comes from: a stream, or the parts of the reply */
    ssize_t (*source)(struct cn_exchange *exchange, char *out, size_t max);
    struct cn_blocks *blocks;
    char *block; /* of a stream */
    size_t cap;
    size_t part;
    struct cn_str text; /* that is being packed */
    bool held;          /* some was taken in that did not come out yet */
    bool ended;         /* there is no more text */
    bool done;          /* all of it is out */
};

/* ---- packing ------------------------------------------------------------------------------- */

static bool begin_packing(struct cn_packed_reply *packed, uint64_t size) {
    if (packed->coding == CN_CODING_GZIP) {
        packed->gzip_begun =
            deflateInit2(&packed->gzip, GZIP_LEVEL, Z_DEFLATED, MAX_WBITS + GZIP_FILE, MEM_LEVEL,
                         Z_DEFAULT_STRATEGY) == Z_OK;
        return packed->gzip_begun;
    }
    packed->zstd = ZSTD_createCCtx();
    return packed->zstd &&
           !ZSTD_isError(
               ZSTD_CCtx_setParameter(packed->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL)) &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(packed->zstd, ZSTD_c_checksumFlag, 1)) &&
           !ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(packed->zstd, size));
}

/* Takes from packed->text, and writes at most `max` bytes, which it returns; < 0: no memory. */
static ssize_t pack_gzip(struct cn_packed_reply *packed, enum step step, char *out, size_t max) {
    static const int flushes[] = {Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH};
    z_stream *stream = &packed->gzip;
    uInt some = packed->text.len < INT_MAX ? (uInt)packed->text.len : INT_MAX;
    uInt room = max < INT_MAX ? (uInt)max : INT_MAX;
    stream->next_in = (z_const Bytef *)(uintptr_t)packed->text.data;
    stream->avail_in = some;
    stream->next_out = (Bytef *)out;
    stream->avail_out = room;
    int status = deflate(stream, flushes[step]);
    size_t used = some - stream->avail_in;
    packed->text = cn_str(packed->text.data + used, packed->text.len - used);
    packed->done = status == Z_STREAM_END;
    if (step == STEP_FLUSH)
        packed->held = stream->avail_out == 0;
    return status == Z_STREAM_ERROR ? -1 : (ssize_t)(room - stream->avail_out);
}

static ssize_t pack_zstd(struct cn_packed_reply *packed, enum step step, char *out, size_t max) {
    static const ZSTD_EndDirective directives[] = {ZSTD_e_continue, ZSTD_e_flush, ZSTD_e_end};
    ZSTD_inBuffer in = {packed->text.data, packed->text.len, 0};
    ZSTD_outBuffer to = {out, max, 0};
    size_t left = ZSTD_compressStream2(packed->zstd, &to, &in, directives[step]);
    if (ZSTD_isError(left))
        return -1;
    packed->text = cn_str(packed->text.data + in.pos, packed->text.len - in.pos);
    packed->done = step == STEP_END && left == 0;
    if (step == STEP_FLUSH)
        packed->held = left > 0;
    return (ssize_t)to.pos;
}

static ssize_t pack(struct cn_packed_reply *packed, enum step step, char *out, size_t max) {
    if (packed->text.len > 0)
        packed->held = true;
    return packed->coding == CN_CODING_GZIP ? pack_gzip(packed, step, out, max)
                                            : pack_zstd(packed, step, out, max);
}

/* ---- while it is sent ---------------------------------------------------------------------- */

/* More text: the next stretch of the parts, or what the stream has. Returns as a stream does. */
static ssize_t next_text(struct cn_exchange *exchange, struct cn_packed_reply *packed) {
    const struct cn_reply *reply = &exchange->reply;
    ssize_t n = CN_STREAM_END;
    if (packed->source) {
        n = packed->source(exchange, packed->block, packed->cap);
        if (n > 0)
            packed->text = cn_str(packed->block, (size_t)n);
    } else if (packed->part < reply->n_parts) {
        packed->text = reply->parts[packed->part++];
        n = 1;
    }
    packed->ended = n == CN_STREAM_END;
    return n;
}

/* Packs some of the text that is at hand, at most `most` bytes. */
static ssize_t pack_some(struct cn_packed_reply *packed, enum step step, size_t *most, char *out,
                         size_t max) {
    struct cn_str rest = packed->text;
    size_t some = rest.len < *most ? rest.len : *most;
    packed->text.len = some;
    ssize_t made = pack(packed, step, out, max);
    size_t used = some - packed->text.len;
    packed->text = cn_str(rest.data + used, rest.len - used);
    *most -= used;
    return made;
}

static ssize_t read_packed(struct cn_exchange *exchange, char *out, size_t max) {
    struct cn_packed_reply *packed = exchange->packed;
    size_t most = packed->coding == CN_CODING_GZIP ? STEP_GZIP : STEP_ZSTD;
    size_t left = most;
    size_t n = 0;
    while (n < max && !packed->done) {
        enum step step = STEP_GO_ON;
        if (left == 0 && n > 0)
            break;
        if (left == 0) { /* all of it was swallowed: what there is must do */
            step = STEP_FLUSH;
        } else if (packed->text.len == 0 && !packed->ended) {
            ssize_t got = next_text(exchange, packed);
            if (got == CN_STREAM_BREAK)
                return CN_STREAM_BREAK;
            if (got == CN_STREAM_WAIT && !packed->held)
                return n > 0 ? (ssize_t)n : CN_STREAM_WAIT;
            if (got == CN_STREAM_WAIT)
                step = STEP_FLUSH;
        }
        if (packed->ended && packed->text.len == 0)
            step = STEP_END;
        ssize_t made = pack_some(packed, step, &left, out + n, max - n);
        if (made < 0)
            return CN_STREAM_BREAK;
        n += (size_t)made;
        if (left == 0 && step == STEP_FLUSH)
            left = most;
        if (step == STEP_FLUSH && n > 0)
            break;
    }
    return n > 0 ? (ssize_t)n : CN_STREAM_END;
}

/* ---- the reply ----------------------------------------------------------------------------- */

enum cn_code cn_packed_reply_accept(struct cn_exchange *exchange, const char *accept_encoding,
                                    struct cn_error *error) {
    bool plain = true;
    enum cn_code code = cn_negotiate_coding(accept_encoding, CN_OFFER_GZIP | CN_OFFER_ZSTD,
                                            &exchange->accepts, &plain, error);
    exchange->plain_refused = code == CN_OK && !plain;
    if (code != CN_OK)
        cn_reply_add_header(exchange, "Vary", "Accept-Encoding");
    return code;
}

static bool is_text(const char *content_type) {
    return strncmp(content_type, "text/", 5) == 0
               ? strncmp(content_type, "text/event-stream", 17) != 0
               : strncmp(content_type, "application/", 12) == 0 &&
                     strstr(content_type, "json") != NULL;
}

static bool add_header(struct cn_exchange *exchange, const char *name, const char *value) {
    size_t before = exchange->reply.n_headers;
    cn_reply_add_header(exchange, name, value);
    return exchange->reply.n_headers > before;
}

/* Vary says that there was something to choose; so a reply that has it was chosen before. */
static bool has_vary(const struct cn_reply *reply) {
    for (size_t i = 0; i < reply->n_headers; i++)
        if (strcmp(reply->headers[i].name, "Vary") == 0)
            return true;
    return false;
}

/* Packs all of it now. False: it stays as it is, since it would be no smaller. */
static bool pack_whole(struct cn_exchange *exchange, struct cn_packed_reply *packed, size_t size) {
    /* what either format may add to data that cannot be packed */
    size_t cap = size + size / 128 + 512;
    char *out = cn_arena_alloc(&exchange->arena, cap);
    struct cn_str *part = cn_arena_alloc(&exchange->arena, sizeof *part);
    size_t n = 0;
    if (!out || !part)
        return false;
    while (!packed->done && n < cap) {
        if (packed->text.len == 0 && !packed->ended)
            next_text(exchange, packed);
        bool last = packed->ended && packed->text.len == 0;
        ssize_t made = pack(packed, last ? STEP_END : STEP_GO_ON, out + n, cap - n);
        if (made < 0)
            return false;
        n += (size_t)made;
    }
    if (!packed->done || (n >= size && !exchange->plain_refused))
        return false;
    *part = cn_str(out, n);
    if (!add_header(exchange, "Content-Encoding", cn_coding_name(packed->coding)))
        return false;
    exchange->reply.parts = part;
    exchange->reply.n_parts = 1;
    return true;
}

static bool pack_on_the_way(struct cn_exchange *exchange, struct cn_packed_reply *packed) {
    packed->source = exchange->reply.stream;
    packed->blocks = exchange->service->blocks;
    packed->cap = CN_PACK_WHOLE_BYTES;
    packed->block = packed->source ? cn_blocks_take(packed->blocks, &packed->cap) : NULL;
    if (packed->source && !packed->block)
        return false;
    if (!add_header(exchange, "Content-Encoding", cn_coding_name(packed->coding)))
        return false;
    exchange->reply.stream = read_packed;
    return true;
}

static size_t parts_size(const struct cn_reply *reply) {
    size_t size = 0;
    for (size_t i = 0; i < reply->n_parts; i++)
        size += reply->parts[i].len;
    return size;
}

void cn_packed_reply_begin(struct cn_exchange *exchange) {
    struct cn_reply *reply = &exchange->reply;
    size_t least = exchange->plain_refused ? 1 : CN_PACK_LEAST_BYTES;
    size_t size = reply->stream ? SIZE_MAX : parts_size(reply);
    if (exchange->accepts == CN_CODING_NONE || exchange->packed || size < least || reply->lasts ||
        !reply->content_type || !is_text(reply->content_type) || has_vary(reply) ||
        reply->n_headers + HEADERS_TO_COME > CN_REPLY_HEADERS)
        return;
    if (!add_header(exchange, "Vary", "Accept-Encoding"))
        return;
    bool whole = size <= CN_PACK_WHOLE_BYTES;
    if (!whole && exchange->http_minor == 0)
        return;
    struct cn_packed_reply *packed = cn_arena_zalloc(&exchange->arena, sizeof *packed);
    if (!packed)
        return;
    packed->coding = exchange->accepts;
    exchange->packed = packed;
    uint64_t pledged = reply->stream ? UINT64_MAX /* ZSTD_CONTENTSIZE_UNKNOWN */ : size;
    bool begun = begin_packing(packed, pledged) &&
                 (whole ? pack_whole(exchange, packed, size) : pack_on_the_way(exchange, packed));
    if (!begun || whole)
        cn_packed_reply_release(exchange);
}

void cn_packed_reply_release(struct cn_exchange *exchange) {
    struct cn_packed_reply *packed = exchange->packed;
    if (!packed)
        return;
    if (packed->gzip_begun)
        deflateEnd(&packed->gzip);
    ZSTD_freeCCtx(packed->zstd);
    if (packed->block)
        cn_blocks_give(packed->blocks, packed->block, packed->cap);
    exchange->packed = NULL;
}

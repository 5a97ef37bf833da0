/*
 * intake_csv.c: CSV text as it arrives: into segments, cut at record ends, and off to the job.
 *
 * The piece that follows the last cut is carried to the front of the next segment, so a chunk
 * always lies in one segment. A segment is kept by the job until it ends, in memory or on disk
 * (job_text.c): types may widen.
 */
#include "handlers/compute.h"
#include "handlers/place.h"

/* The first one of a body of unknown length: below a huge page, because the whole of such a page is
 * taken by the first byte, and clients that send little may be many. */
#define FIRST_BYTES (256u * 1024)
#define MOST_CUT ((1u << 20) - LEAST_CUT)
#define OUTPUT_BYTES (2u << 20) /* what a chunk's output should come to at most */
#define LEAST_CUT (32u * 1024)
#define PIECE_BYTES (80u * 1024) /* what arrives at once, by which a chunk may be longer */
/* Without a Content-Length: look at so much before choosing where to run. */
#define UNKNOWN_BYTES (64u * 1024)
#define MOST_CHUNKS (1u << 20)

static struct cn_blocks *blocks_of(const struct cn_compute *compute) {
    return compute->exchange->service->blocks;
}

void cn_intake_release(struct cn_compute *compute) {
    struct cn_intake *intake = &compute->intake;

    if (intake->segment.data && !intake->in_job)
        cn_blocks_give(blocks_of(compute), intake->segment.data, intake->segment.cap);
    intake->segment.data = NULL;
}

/* Hands the segment to the job, which gives it back. */
static enum cn_code keep_segment(struct cn_compute *compute, struct cn_error *error) {
    if (compute->intake.in_job)
        return CN_OK;
    CN_TRY(cn_job_add_segment(compute->job, &compute->intake.segment, error));
    compute->intake.in_job = true;
    return CN_OK;
}

/* A new segment that begins with what is not in a chunk yet, with room for at least one byte. */
static enum cn_code roll(struct cn_compute *compute, size_t more, struct cn_error *error) {
    struct cn_intake *intake = &compute->intake;
    size_t len = intake->start; /* of the segment that is left */
    size_t tail = intake->segment.len - len;
    struct cn_segment next = {
        .len = tail, .cap = CN_SEGMENT_BYTES, .at = intake->segment.at + (uint64_t)len};
    bool in_job = intake->in_job;
    int64_t expected = cn_exchange_body_length(compute->exchange);

    if (!intake->segment.data && expected >= 0 && (uint64_t)expected < CN_SEGMENT_BYTES)
        next.cap = (size_t)expected + 1;
    else if (!intake->segment.data && expected < 0)
        next.cap = FIRST_BYTES;
    if (tail + (more < CN_SEGMENT_BYTES ? more : CN_SEGMENT_BYTES) > next.cap)
        next.cap = tail + (tail > CN_SEGMENT_BYTES / 2 ? tail : CN_SEGMENT_BYTES / 2);
    next.data = cn_blocks_take(blocks_of(compute), &next.cap);
    if (!next.data)
        return cn_error_memory(error);
    if (tail > 0)
        memcpy(next.data, intake->segment.data + intake->start, tail);
    cn_intake_release(compute);
    intake->segment = next;
    intake->in_job = false;
    intake->scanned -= len;
    intake->last_end = intake->last_end > len ? intake->last_end - len : 0;
    intake->start = 0;
    return in_job ? cn_job_shed(compute->job, len, error) : CN_OK;
}

/* How much text makes a chunk: enough chunks for every worker, but none so small that the crossing
 * shows. */
static size_t choose_cut(const struct cn_compute *compute) {
    int64_t length = cn_exchange_body_length(compute->exchange);
    size_t workers = compute->options.workers ? (size_t)compute->options.workers
                                              : (size_t)compute->exchange->service->cpus.usable;
    uint64_t known = length > 0 ? (uint64_t)length : compute->intake.received;
    uint64_t cut = known / (4 * workers) + 1;

    if (compute->options.executor == CN_EXECUTOR_SERIAL)
        cut = MOST_CUT;
    if (cut < LEAST_CUT)
        cut = LEAST_CUT;
    return cut > MOST_CUT ? MOST_CUT : (size_t)cut;
}

/* Outputs lie in blocks of memory whose sizes are powers of two: once it is known how much a text
 * writes, large chunks are cut so that what they write fills such a block. */
static void fit_cut(struct cn_compute *compute) {
    struct cn_intake *intake = &compute->intake;
    double bytes;

    if (intake->fitted || intake->cut_bytes < MOST_CUT || compute->job->written <= 0)
        return;
    bytes = 0.97 * OUTPUT_BYTES / compute->job->written - PIECE_BYTES;
    intake->cut_bytes = bytes > 1.5 * MOST_CUT   ? MOST_CUT + MOST_CUT / 2
                        : bytes < 0.5 * MOST_CUT ? MOST_CUT / 2
                                                 : (size_t)bytes;
    intake->fitted = true;
}

/* Of a body of unknown length a chunk may be the longer the more has come: each is remembered. */
static void grow_cut(struct cn_compute *compute) {
    struct cn_intake *intake = &compute->intake;

    if (intake->received < intake->look_at || intake->fitted || !compute->job->slots ||
        cn_exchange_body_length(compute->exchange) >= 0)
        return;
    intake->look_at = 2 * intake->received;
    if (intake->cut_bytes >= MOST_CUT)
        return;
    intake->cut_bytes = choose_cut(compute);
    cn_place_bound_cut(compute, intake->placed_rows, intake->placed_bytes);
}

/* The header record: the job begins with it. */
static enum cn_code read_header(struct cn_compute *compute, bool complete, struct cn_error *error) {
    struct cn_intake *intake = &compute->intake;
    struct cn_str text;
    struct cn_str *names = NULL;
    size_t n_names = 0, length = 0, line_end = 0;
    struct cn_csv_dialect dialect = {compute->options.delimiter, compute->options.header};

    if (!intake->bom_done) {
        static const char bom[] = "\xef\xbb\xbf";
        size_t n = intake->segment.len < 3 ? intake->segment.len : 3;
        if (n < 3 && !complete && memcmp(intake->segment.data, bom, n) == 0)
            return CN_OK;
        if (n == 3 && memcmp(intake->segment.data, bom, 3) == 0)
            intake->start = intake->scanned = 3;
        intake->bom_done = true;
    }
    text = cn_str(intake->segment.data + intake->start, intake->segment.len - intake->start);
    if (!complete && text.len < intake->header_try)
        return CN_OK;
    CN_TRY(cn_csv_read_header(text, complete, dialect, (size_t)compute->options.limits->max_columns,
                              &compute->exchange->arena, &names, &n_names, &length, &line_end,
                              error));
    if (n_names == 0) {
        /* It begins anew each time, so a header that never ends must not be read for every piece.
         */
        intake->header_try = 2 * text.len;
        return CN_OK;
    }
    CN_TRY(cn_compute_begin(compute, CN_SOURCE_CSV, names, n_names, error));
    compute->job->spool = cn_form_take_spool(compute);
    compute->job->header_end = line_end;
    compute->job->first_line = 1;
    for (size_t i = 0; i < length; i++)
        compute->job->first_line += text.data[i] == '\n';
    if (length > 0) {
        struct cn_str header = cn_str(text.data, length - line_end);
        while (header.len > 0 && (header.data[0] == '\n' || header.data[0] == '\r'))
            header = cn_str(header.data + 1, header.len - 1); /* empty lines before it */
        compute->job->header = cn_arena_str(&compute->exchange->arena, header);
        if (!compute->job->header.data)
            return cn_error_memory(error);
    }
    intake->start += length;
    intake->scanned = intake->start;
    intake->last_end = 0;
    intake->cut_bytes = choose_cut(compute);
    cn_csv_cutter_init(&intake->cutter, (size_t)compute->options.chunk_rows, n_names == 1);
    return CN_OK;
}

/* Before the first chunk: look at a few rows, assume types, choose the executor. */
static enum cn_code place(struct cn_compute *compute, struct cn_str first, bool complete,
                          struct cn_error *error) {
    int64_t length = cn_exchange_body_length(compute->exchange);
    uint64_t bytes = compute->intake.received;
    size_t rows = 0, seen = 0;

    if (!complete && length > 0 && (uint64_t)length > bytes)
        bytes = (uint64_t)length;
    CN_TRY(cn_job_sample(compute->job, first, error));
    for (; seen < first.len && seen < 4096; seen++)
        rows += first.data[seen] == '\n';
    if (seen == first.len && rows == 0)
        rows = 1;
    rows = (size_t)((double)(rows ? rows : 1) * (double)bytes / (double)(seen ? seen : 1));
    compute->intake.placed_rows = rows;
    compute->intake.placed_bytes = bytes;
    return cn_compute_place(compute, rows, bytes, !complete && length < 0, error);
}

static enum cn_code add_chunk(struct cn_compute *compute, size_t end, bool complete,
                              struct cn_error *error) {
    struct cn_intake *intake = &compute->intake;
    struct cn_str text = cn_str(intake->segment.data + intake->start, end - intake->start);

    if (!compute->job->slots)
        CN_TRY(place(compute, text, complete, error));
    if (compute->job->n_chunks >= MOST_CHUNKS) {
        cn_error_set_parameter(error, CN_STR("chunk_rows"));
        return cn_error_set(error, CN_LIMIT_EXCEEDED,
                            "the body makes more than %u chunks; ask for more rows in each",
                            MOST_CHUNKS);
    }
    CN_TRY(keep_segment(compute, error));
    CN_TRY(cn_job_add_text(compute->job, text, error));
    intake->start = end;
    intake->last_end = 0;
    return CN_OK;
}

static enum cn_code cut_rows(struct cn_compute *compute, bool complete, struct cn_error *error) {
    struct cn_intake *intake = &compute->intake;

    while (intake->scanned < intake->segment.len) {
        size_t end = cn_csv_cutter_scan(&intake->cutter, intake->segment.data, intake->scanned,
                                        intake->segment.len, &intake->scanned);
        if (end == 0)
            break;
        CN_TRY(add_chunk(compute, end, complete, error));
    }
    return CN_OK;
}

static enum cn_code cut_text(struct cn_compute *compute, bool complete, struct cn_error *error) {
    struct cn_intake *intake = &compute->intake;

    if (compute->options.chunk_rows > 0)
        return cut_rows(compute, complete, error);
    if (intake->scanned < intake->segment.len) {
        size_t end = cn_csv_cutter_scan(&intake->cutter, intake->segment.data, intake->scanned,
                                        intake->segment.len, &intake->scanned);
        if (end > 0)
            intake->last_end = end;
    }
    if (intake->last_end <= intake->start)
        return CN_OK;
    grow_cut(compute);
    fit_cut(compute);
    /* At a segment's end a smaller chunk is better than to carry all of it to the next one. */
    size_t len = intake->last_end - intake->start;
    bool full =
        intake->segment.len == intake->segment.cap && intake->segment.cap >= CN_SEGMENT_BYTES;
    if (len >= intake->cut_bytes || (full && len >= intake->cut_bytes / 4))
        CN_TRY(add_chunk(compute, intake->last_end, complete, error));
    return CN_OK;
}

static bool may_cut(const struct cn_compute *compute) {
    return compute->job->slots || cn_exchange_body_length(compute->exchange) >= 0 ||
           compute->form || compute->intake.received >= UNKNOWN_BYTES;
}

/* One piece that fits into the segment. */
static enum cn_code take(struct cn_compute *compute, struct cn_str piece, struct cn_error *error) {
    struct cn_intake *intake = &compute->intake;

    memcpy(intake->segment.data + intake->segment.len, piece.data, piece.len);
    intake->segment.len += piece.len;
    intake->received += piece.len;
    if (!compute->job)
        CN_TRY(read_header(compute, false, error));
    if (compute->job && may_cut(compute))
        CN_TRY(cut_text(compute, false, error));
    return CN_OK;
}

enum cn_code cn_intake_text(struct cn_compute *compute, struct cn_str text,
                            struct cn_error *error) {
    struct cn_intake *intake = &compute->intake;

    while (text.len > 0) {
        size_t room = intake->segment.cap - intake->segment.len;
        size_t len;
        if (!intake->segment.data || room == 0) {
            CN_TRY(roll(compute, text.len, error));
            room = intake->segment.cap - intake->segment.len;
        }
        len = text.len < room ? text.len : room;
        CN_TRY(take(compute, cn_str(text.data, len), error));
        text = cn_str(text.data + len, text.len - len);
    }
    return CN_OK;
}

enum cn_code cn_intake_end(struct cn_compute *compute, struct cn_error *error) {
    struct cn_intake *intake = &compute->intake;

    if (!intake->segment.data)
        CN_TRY(roll(compute, 1, error));
    if (!compute->job)
        CN_TRY(read_header(compute, true, error));
    CN_TRY(cut_text(compute, true, error));
    if (intake->start < intake->segment.len)
        CN_TRY(add_chunk(compute, intake->segment.len, true, error));
    if (!compute->job->slots)
        CN_TRY(place(compute, CN_STR(""), true, error));
    return CN_OK;
}

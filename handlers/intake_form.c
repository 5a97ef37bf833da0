/*
 * intake_form.c: a form: parts that are options, in any order, and one part that is the data.
 *
 * Options may follow the data, so the data waits, unparsed, for the end of the form: in blocks, and
 * if it is CSV and larger than buffer_bytes, what came first in a file (spool.h), which the job
 * goes on to use.
 */
#include <stdlib.h>

#include "handlers/compute.h"
#include "handlers/origin.h"
#include "handlers/reserve.h"

#define WAITING_BYTES (1u << 20)
#define OPTION_BYTES (1u << 20) /* of one part; a let has a limit of its own */

struct waiting {
    struct waiting *next;
    size_t len;
    size_t cap; /* of the block, with this head */
    char data[];
};

struct cn_form {
    struct cn_compute *compute;
    struct cn_multipart parser;
    struct cn_str name; /* of the part being read; in the exchange's arena */
    bool in_data;
    bool has_data;
    struct cn_body_type type; /* of the data part */
    struct cn_coded_body coded;
    struct cn_buf value; /* of an option */
    struct waiting *first, *last;
    uint64_t in_memory;     /* these, as blocks */
    enum cn_body_kind kind; /* of the data, as far as it was looked at */
    struct cn_spool *spool; /* what came before them; NULL: nothing */
};

static enum cn_code begin_data(struct cn_form *form, const struct cn_multipart_part *part,
                               struct cn_error *error) {
    struct cn_arena *arena = &form->compute->exchange->arena;
    char *filename = NULL;

    if (form->has_data) {
        cn_error_set_parameter(error, CN_STR("data"));
        return cn_error_set(error, CN_INVALID_PARAMETER, "the form has two `data` parts");
    }
    form->has_data = form->in_data = true;
    if (part->has_filename) {
        filename = cn_arena_strndup(arena, part->filename.data, part->filename.len);
        if (!filename)
            return cn_error_memory(error);
    }
    /* A file may be packed; not one of a form that is packed itself: nothing is inflated twice. */
    if (form->compute->exchange->coded.state == CN_CODED_PLAIN)
        CN_TRY(cn_coded_body_begin(&form->coded, CN_CODING_NONE, form->compute->exchange->service,
                                   &form->compute->exchange->ledger, error));
    return cn_negotiate_body(part->content_type, filename, true, &form->type, error);
}

static enum cn_code begin_part(void *context, const struct cn_multipart_part *part,
                               struct cn_error *error) {
    struct cn_form *form = context;

    if (cn_str_is(part->name, "data"))
        return begin_data(form, part, error);
    form->in_data = false;
    form->value.len = 0;
    form->name = cn_arena_str(&form->compute->exchange->arena, part->name);
    return form->name.data ? CN_OK : cn_error_memory(error);
}

static void drop_first(struct cn_form *form) {
    struct waiting *block = form->first;

    form->first = block->next;
    if (!form->first)
        form->last = NULL;
    form->in_memory -= block->cap;
    cn_blocks_give(form->compute->exchange->service->blocks, block, block->cap);
}

/* The first bytes tell JSON from CSV, when nothing else does. */
static enum cn_body_kind sniff(const struct cn_form *form, bool complete) {
    enum cn_body_kind kind = form->kind;

    for (const struct waiting *block = form->first; block && kind == CN_BODY_UNSTATED;
         block = block->next)
        kind =
            cn_body_sniff(&form->type, cn_str(block->data, block->len), complete && !block->next);
    return form->first ? kind : cn_body_sniff(&form->type, CN_STR(""), true);
}

/* What is more than may be in memory; JSON is read as a whole, and stays there. */
static enum cn_code shed(struct cn_form *form, uint64_t most, struct cn_error *error) {
    struct cn_exchange *exchange = form->compute->exchange;

    if (!exchange->service->spools)
        return CN_OK;
    while (form->in_memory > most && form->first != form->last) {
        form->kind = sniff(form, false);
        if (form->kind != CN_BODY_CSV && form->kind != CN_BODY_TSV)
            return CN_OK;
        if (!form->spool)
            CN_TRY(cn_spool_new(&form->spool, exchange->service->spools, error));
        CN_TRY(cn_spool_write(form->spool, cn_spool_end(form->spool),
                              cn_str(form->first->data, form->first->len), error));
        drop_first(form);
    }
    return CN_OK;
}

/* Room for more data. */
static enum cn_code add_block(struct cn_form *form, struct cn_error *error) {
    size_t cap = WAITING_BYTES;
    struct waiting *block = cn_blocks_take(form->compute->exchange->service->blocks, &cap);

    if (!block)
        return cn_error_memory(error);
    *block = (struct waiting){NULL, 0, cap};
    if (form->last)
        form->last->next = block;
    else
        form->first = block;
    form->last = block;
    form->in_memory += cap;
    return shed(form, cn_exchange_limits(form->compute->exchange)->buffer_bytes, error);
}

static enum cn_code keep_data(void *context, const char *data, size_t len, struct cn_error *error) {
    struct cn_form *form = context;
    struct cn_exchange *exchange = form->compute->exchange;

    if (form->coded.inflated > 0)
        CN_TRY(cn_reserve_body(exchange, form->coded.inflated, error));
    cn_origin_data(exchange->origin, cn_str(data, len));
    while (len > 0) {
        struct waiting *last = form->last;
        size_t room = last ? last->cap - sizeof *last - last->len : 0;
        size_t n = len < room ? len : room;
        if (room == 0) {
            CN_TRY(add_block(form, error));
            continue;
        }
        memcpy(last->data + last->len, data, n);
        last->len += n;
        data += n;
        len -= n;
    }
    return CN_OK;
}

static enum cn_code part_data(void *context, const char *data, size_t len, struct cn_error *error) {
    struct cn_form *form = context;

    const struct cn_inflate_sink sink = {keep_data, form};

    if (form->in_data)
        return cn_coded_body_feed(&form->coded, form->compute->exchange->service, data, len, &sink,
                                  error);
    if (len > OPTION_BYTES - form->value.len) {
        cn_error_set_parameter(error, form->name);
        return cn_error_set(error, CN_INVALID_PARAMETER, "the part '%.*s' is longer than %u bytes",
                            (int)(form->name.len < 60 ? form->name.len : 60), form->name.data,
                            OPTION_BYTES);
    }
    return cn_buf_add(&form->value, data, len) ? CN_OK : cn_error_memory(error);
}

static enum cn_code end_part(void *context, struct cn_error *error) {
    struct cn_form *form = context;
    const struct cn_inflate_sink sink = {keep_data, form};
    struct cn_str value;

    if (form->in_data) {
        form->in_data = false;
        CN_TRY(cn_coded_body_end(&form->coded, &sink, error));
        cn_coded_body_release(&form->coded);
        return CN_OK;
    }
    value = cn_arena_str(&form->compute->exchange->arena, cn_buf_str(&form->value));
    if (!value.data)
        return cn_error_memory(error);
    cn_origin_option(form->compute->exchange->origin, form->name, value);
    return cn_options_set(&form->compute->options, CN_OPTION_FORM, form->name, value, value, error);
}

enum cn_code cn_form_new(struct cn_compute *compute, struct cn_error *error) {
    struct cn_form *form = calloc(1, sizeof *form);
    struct cn_multipart_handler handler = {begin_part, part_data, end_part, form};

    if (!form)
        return cn_error_memory(error);
    form->compute = compute;
    cn_buf_init(&form->value);
    cn_multipart_init(&form->parser, cn_str(compute->type.boundary, compute->type.boundary_len),
                      &handler);
    compute->parts = form;
    return CN_OK;
}

void cn_form_free(struct cn_compute *compute) {
    struct cn_form *form = compute->parts;

    if (!form)
        return;
    while (form->first)
        drop_first(form);
    cn_spool_free(form->spool);
    cn_coded_body_release(&form->coded);
    cn_buf_release(&form->value);
    free(form);
    compute->parts = NULL;
}

enum cn_code cn_form_feed(struct cn_compute *compute, struct cn_str text, struct cn_error *error) {
    return cn_multipart_feed(&compute->parts->parser, text.data, text.len, error);
}

size_t cn_form_waiting(const struct cn_compute *compute) {
    const struct cn_form *form = compute->parts;
    size_t bytes = form && form->spool ? (size_t)cn_spool_end(form->spool) : 0;

    for (const struct waiting *block = form ? form->first : NULL; block; block = block->next)
        bytes += block->len;
    return bytes;
}

struct cn_spool *cn_form_take_spool(struct cn_compute *compute) {
    struct cn_spool *spool = compute->parts ? compute->parts->spool : NULL;

    if (spool)
        compute->parts->spool = NULL;
    return spool;
}

/* What went to disk is read through once, by and by, while the job, which has taken the file over,
 * runs already. */
static enum cn_code read_spool(struct cn_compute *compute, struct cn_error *error) {
    struct cn_blocks *blocks = compute->exchange->service->blocks;
    struct cn_spool *spool = compute->parts->spool;
    uint64_t end = cn_spool_end(spool);
    size_t cap = WAITING_BYTES;
    char *block = cn_blocks_take(blocks, &cap);
    enum cn_code code = block ? CN_OK : cn_error_memory(error);

    for (uint64_t at = 0; at < end && code == CN_OK;) {
        size_t len = end - at < cap ? (size_t)(end - at) : cap;
        cn_compute_let_in(compute, false);
        code = cn_spool_read(spool, at, block, len, error);
        cn_compute_let_in(compute, true);
        if (code == CN_OK)
            code = cn_intake_text(compute, cn_str(block, len), error);
        if (code == CN_OK)
            code = cn_compute_look(compute, error);
        at += len;
    }
    cn_blocks_give(blocks, block, cap);
    return code;
}

enum cn_code cn_form_end(struct cn_compute *compute, struct cn_error *error) {
    struct cn_form *form = compute->parts;

    CN_TRY(cn_multipart_finish(&form->parser, error));
    if (!form->has_data) {
        cn_error_set_parameter(error, CN_STR("data"));
        return cn_error_set(error, CN_INVALID_PARAMETER,
                            "the form has no part named `data`; with curl: -F data=@frame.csv");
    }
    cn_origin_end(compute->exchange->origin);
    compute->type = form->type;
    CN_TRY(cn_compute_settle_kind(compute, sniff(form, true), error));
    if (compute->kind == CN_BODY_JSON)
        CN_TRY(cn_reserve_whole(compute->exchange, error));
    else
        CN_TRY(cn_compute_parse_lets(compute, error));
    if (form->spool) { /* then all of it, or it would be in memory twice */
        CN_TRY(shed(form, 0, error));
        CN_TRY(read_spool(compute, error));
    }
    while (form->first) {
        struct cn_str text = cn_str(form->first->data, form->first->len);
        if (compute->kind == CN_BODY_JSON) {
            if (!cn_buf_add_str(&compute->text, text))
                return cn_error_memory(error);
        } else {
            CN_TRY(cn_intake_text(compute, text, error));
        }
        drop_first(form);
    }
    return CN_OK;
}

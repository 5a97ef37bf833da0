/*
 * origin.h: what a run came from, for its record: the data, by their kind and digest, and the
 * request, so that it can be sent again. Gathered from the head on, so that a run that failed has
 * as much of it as was known by then.
 *
 * Texts live in the exchange's arena. All functions may be called with an origin of NULL: nothing
 * is known then.
 */
#ifndef CN_HANDLERS_ORIGIN_H
#define CN_HANDLERS_ORIGIN_H

#include "handlers/exchange.h"
#include "handlers/options.h"
#include "handlers/runs.h"

/* A longer request is not kept. */
#define CN_ORIGIN_REQUEST_BYTES (64u * 1024)

/* The media type of JSON data, as cn_origin_upload() wants it. */
#define CN_ORIGIN_JSON "application/json"

struct cn_fingerprint;

struct cn_origin {
    struct cn_arena *arena;
    const char *path; /* that the request went to, static */
    struct cn_run_input input;
    struct cn_fingerprint *fingerprint; /* of the data; NULL: none expected, or it is written */
    uint64_t bytes;                     /* of data that came */
    bool whole;                         /* all of it came */
    struct cn_str json;                 /* the body that is all of the request; data NULL: none */
    struct cn_buf options;              /* pairs: ["let","x=a"],["mode","row"] */
    bool unkept;                        /* the options are too long, or not all there is to send */
};

/* Makes exchange->origin. `data`: the body may be data, so it gets a digest. */
enum cn_code cn_origin_new(struct cn_exchange *exchange, const char *path, bool data,
                           struct cn_error *error);
void cn_origin_release(struct cn_origin *origin); /* all but what lies in the arena */

/* Data as they came: a body, or the data part of a form. Then the end of all of them. */
void cn_origin_data(struct cn_origin *origin, struct cn_str piece);
void cn_origin_end(struct cn_origin *origin);

/* One option of a query string or form, decoded; the options of a raw query string. */
void cn_origin_option(struct cn_origin *origin, struct cn_str name, struct cn_str value);
void cn_origin_query(struct cn_origin *origin, const char *query);

/* What the data are; `media_type` is static. */
void cn_origin_upload(struct cn_origin *origin, const char *media_type);
/* The body turned out to hold none: it is the request, or, as part of a form, cannot be sent again
 * as options alone. */
void cn_origin_no_upload(struct cn_origin *origin);
void cn_origin_generated(struct cn_origin *origin, const struct cn_generate *generate);
/* The body is the whole request: `text` is a JSON object, checked, that holds no data. */
void cn_origin_json(struct cn_origin *origin, struct cn_str text);

/* Sets `input` and `request` of the record from exchange->origin. */
void cn_origin_fill(const struct cn_exchange *exchange, struct cn_run_record *record);

#endif

/*
 * negotiate.h: what kind of reply is wanted, and what kind of body came (RFC 9110 section 12.5.1,
 * 12.5.3 and 8.3, RFC 4180, RFC 7578).
 */
#ifndef CN_HANDLERS_NEGOTIATE_H
#define CN_HANDLERS_NEGOTIATE_H

#include <stdbool.h>

#include "base/error.h"
#include "handlers/coding.h"

enum cn_reply_kind { CN_REPLY_CSV, CN_REPLY_TSV, CN_REPLY_JSON };

/*
 * Chooses by the Accept header; without one (NULL, empty, or nothing in it that can be read)
 * it is `kind` as it comes in, which also wins ties. For each kind the most specific range counts
 * (a type, then a whole class of types, then any); q=0 excludes. CN_REPLY_TSV (CSV in tabs that
 * says so) is only offered when `tabs`. Items that cannot be read are passed over.
 * CN_NOT_ACCEPTABLE: no kind is wanted.
 */
enum cn_code cn_negotiate_reply(const char *accept, bool tabs, enum cn_reply_kind *kind,
                                struct cn_error *error);

/* Which codings beside the plain form a reply can have. */
enum {
    CN_OFFER_PLAIN = 0,
    CN_OFFER_GZIP = 1 << CN_CODING_GZIP,
    CN_OFFER_ZSTD = 1 << CN_CODING_ZSTD
};

/*
 * Chooses the coding of a reply by the Accept-Encoding header (NULL: absent, so nothing but the
 * plain form is sure to be understood) among those on offer. Of several wanted alike it is zstd,
 * then gzip; items that cannot be read are passed over. CN_NOT_ACCEPTABLE: none of them is wanted,
 * nor the plain form ("identity;q=0"). *plain (may be NULL): the plain form would do too.
 */
enum cn_code cn_negotiate_coding(const char *accept_encoding, unsigned offered,
                                 enum cn_coding *coding, bool *plain, struct cn_error *error);

enum cn_body_kind {
    CN_BODY_UNSTATED, /* see cn_body_sniff() */
    CN_BODY_CSV,
    CN_BODY_TSV,
    CN_BODY_JSON,
    CN_BODY_MULTIPART
};

enum cn_stated_header { CN_HEADER_UNSTATED, CN_HEADER_PRESENT, CN_HEADER_ABSENT };

#define CN_BOUNDARY_MAX 70 /* RFC 2046, section 5.1.1 */

struct cn_body_type {
    enum cn_body_kind kind;
    bool tsv_name;                      /* unstated, and the file name ends in ".tsv" */
    enum cn_stated_header header;       /* text/csv; header=absent */
    char boundary[CN_BOUNDARY_MAX + 1]; /* multipart only, NUL-terminated */
    size_t boundary_len;
};

/*
 * Reads a Content-Type (NULL or empty: none stated) of a body or of the data part of a form;
 * `filename` is that part's (NULL: none), `part` says that it is one: it cannot be a form itself.
 * Unstated are also the types that curl and browsers say when they do not know.
 * CN_UNSUPPORTED_MEDIA_TYPE: another type, a charset that is neither utf-8 nor us-ascii, or a type
 * that cannot be read. CN_INVALID_MULTIPART: a form without a usable boundary.
 */
enum cn_code cn_negotiate_body(const char *content_type, const char *filename, bool part,
                               struct cn_body_type *type, struct cn_error *error);

/*
 * What an unstated body is: JSON if its first non-blank byte is '{', else CSV, or TSV by its file
 * name. CN_BODY_UNSTATED: only blanks so far, and more may come (`complete` is false). Other kinds
 * are returned as they are.
 */
enum cn_body_kind cn_body_sniff(const struct cn_body_type *type, struct cn_str text, bool complete);

#endif

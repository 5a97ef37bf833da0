/*
 * problem.h: an error as an RFC 9457 problem document.
 */
#ifndef CN_HANDLERS_PROBLEM_H
#define CN_HANDLERS_PROBLEM_H

#include "base/buf.h"
#include "base/error.h"

#define CN_PROBLEM_TYPE "application/problem+json; charset=utf-8"

struct cn_json_out;

/* Appends the document. `expression` (may be NULL) is the text of the let at fault. False: no
 * memory; what was appended is then incomplete. */
CN_NODISCARD bool cn_problem_write(struct cn_buf *out, const struct cn_error *error,
                                   const char *expression);

/* The members that every code has, without the error's own words: for when there is no memory for
 * the document. `text` is ASCII, and ended. */
#define CN_PROBLEM_FIXED 320
struct cn_str cn_problem_fixed(enum cn_code code, char text[CN_PROBLEM_FIXED]);

/* Seconds for Retry-After, or NULL where the code has none. */
const char *cn_problem_retry_after(enum cn_code code);

/* The same members, as a member `key` of another document. */
void cn_problem_member(struct cn_json_out *out, const char *key, const struct cn_error *error,
                       const char *expression);

#endif

/*
 * text_space.h: white space as Python sees it. Private to the text kernels.
 */
#ifndef CN_KERNELS_TEXT_SPACE_H
#define CN_KERNELS_TEXT_SPACE_H

#include "base/str.h"

/* Which of two sets: str.strip() also drops the separators U+001C to U+001F, which int() and
 * float() do not. */
enum cn_space { CN_SPACE_STRIP, CN_SPACE_NUMBER };

/* The text without white space at both ends; a view into it. */
struct cn_str cn_text_strip(struct cn_str text, enum cn_space space);

#endif

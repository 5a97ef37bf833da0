/* number_format_forms.c: where the digits of a double stand in its text, for number_format_place.h.
 */
#include "kernels/number_format_place.h"

/* The digit that stands i bytes behind the sign; negative: a zero before all digits. */
#define DIGIT(e, i) ((e) < 0 ? (i)-1 + (e) : (i) <= (e) ? (i) : (i)-1)
#define POINT(e) ((e) < 0 ? 1 : (e) + 1)
#define IS_DIGIT(e, i) ((i) != POINT(e) && DIGIT(e, i) >= 0 && DIGIT(e, i) <= 16)
/* Byte j of the text with (s = 1) or without (s = 0) a sign. */
#define FROM(s, e, j) ((j) < (s) || !IS_DIGIT(e, (j) - (s)) ? 128 : (15 - DIGIT(e, (j) - (s))) & 15)
#define AROUND(s, e, j) ((j) < (s) ? '-' : (j) - (s) == POINT(e) ? '.' : '0')

#define EIGHT(what, s, e, j)                                                                       \
    what(s, e, j), what(s, e, j + 1), what(s, e, j + 2), what(s, e, j + 3), what(s, e, j + 4),     \
        what(s, e, j + 5), what(s, e, j + 6), what(s, e, j + 7)
#define ALL(what, s, e)                                                                            \
    { EIGHT(what, s, e, 0), EIGHT(what, s, e, 8), EIGHT(what, s, e, 16), EIGHT(what, s, e, 24) }
#define FORM(s, e)                                                                                 \
    { ALL(FROM, s, e), ALL(AROUND, s, e) }
#define FORMS(e)                                                                                   \
    { FORM(0, e), FORM(1, e) }

const struct cn_form cn_forms[20][2] = {FORMS(-4), FORMS(-3), FORMS(-2), FORMS(-1), FORMS(0),
                                        FORMS(1),  FORMS(2),  FORMS(3),  FORMS(4),  FORMS(5),
                                        FORMS(6),  FORMS(7),  FORMS(8),  FORMS(9),  FORMS(10),
                                        FORMS(11), FORMS(12), FORMS(13), FORMS(14), FORMS(15)};

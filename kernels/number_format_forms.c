/* number_format_forms.c: where the digits of a double stand in its text, for number_format_place.h.
 */
#include "kernels/number_format_place.h"

/* The digit that stands i bytes behind the sign; negative: a zero before all digits. */
#define DIGIT(e, i) ((e) < 0 ? (i)-1 + (e) : (i) <= (e) ? (i) : (i)-1)
#define POINT(e) ((e) < 0 ? 1 : (e) + 1)
#define IS_DIGIT(e, i) ((i) != POINT(e) && DIGIT(e, i) >= 0 && DIGIT(e, i) < 16)
/* Byte j of the text with (s = 1) or without (s = 0) a sign. */
#define FROM(s, e, j) (IS_DIGIT(e, (j) - (s)) && (j) >= (s) ? 15 - DIGIT(e, (j) - (s)) : 128)
#define AROUND(s, e, j) ((j) < (s) ? '-' : (j) - (s) == POINT(e) ? '.' : '0')

#define EIGHT(what, s, e, j)                                                                       \
    what(s, e, j), what(s, e, j + 1), what(s, e, j + 2), what(s, e, j + 3), what(s, e, j + 4),     \
        what(s, e, j + 5), what(s, e, j + 6), what(s, e, j + 7)
#define ALL(what, s, e)                                                                            \
    { EIGHT(what, s, e, 0), EIGHT(what, s, e, 8), EIGHT(what, s, e, 16), EIGHT(what, s, e, 24) }
#define FORM(s, e)                                                                                 \
    { ALL(FROM, s, e), ALL(AROUND, s, e) }
#define FORMS(s)                                                                                   \
    {                                                                                              \
        FORM(s, -4), FORM(s, -3), FORM(s, -2), FORM(s, -1), FORM(s, 0), FORM(s, 1), FORM(s, 2),    \
            FORM(s, 3), FORM(s, 4), FORM(s, 5), FORM(s, 6), FORM(s, 7), FORM(s, 8), FORM(s, 9),    \
            FORM(s, 10), FORM(s, 11), FORM(s, 12), FORM(s, 13), FORM(s, 14), FORM(s, 15)           \
    }

const struct cn_form cn_forms[2][20] = {FORMS(0), FORMS(1)};

/* Loops over the functions that take one number, for prove_numbers.py. */
#include <string.h>

#include "kernels/number.h"

void prove_doubles_format(const double *values, size_t n, char *out, uint8_t *lengths);
void prove_int64s_format(const int64_t *values, size_t n, char *out, uint8_t *lengths);
size_t prove_doubles_parse(const char *texts, const int64_t *offsets, size_t n, double *values);
size_t prove_int64s_parse(const char *texts, const int64_t *offsets, size_t n, int64_t *values);

void prove_doubles_format(const double *values, size_t n, char *out, uint8_t *lengths) {
    for (size_t i = 0; i < n; i++)
        lengths[i] = (uint8_t)cn_double_format(values[i], out + i * CN_DOUBLE_TEXT);
}

void prove_int64s_format(const int64_t *values, size_t n, char *out, uint8_t *lengths) {
    for (size_t i = 0; i < n; i++)
        lengths[i] = (uint8_t)cn_int64_format(values[i], out + i * CN_INT64_TEXT);
}

/* Text i is texts[offsets[i] .. offsets[i + 1] - 1), a newline follows. Returns how many were read.
 */
size_t prove_doubles_parse(const char *texts, const int64_t *offsets, size_t n, double *values) {
    size_t read = 0;
    for (size_t i = 0; i < n; i++)
        read += cn_double_parse(texts + offsets[i], (size_t)(offsets[i + 1] - offsets[i] - 1),
                                &values[i]);
    return read;
}

size_t prove_int64s_parse(const char *texts, const int64_t *offsets, size_t n, int64_t *values) {
    size_t read = 0;
    for (size_t i = 0; i < n; i++)
        read += cn_int64_parse(texts + offsets[i], (size_t)(offsets[i + 1] - offsets[i] - 1),
                               &values[i], NULL);
    return read;
}

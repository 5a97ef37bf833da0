/* Names near to one that is unknown, for error texts. */
#include "expr/functions.h"

#include <stdio.h>

#define LONGEST 64

void cn_near_init(struct cn_near *near, struct cn_str name) {
    *near = (struct cn_near){.name = name};
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Levenshtein's distance, letters' case counting nothing beyond a first 1. */
static size_t distance(struct cn_str a, struct cn_str b) {
    size_t row[LONGEST + 1];
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t best = diagonal + (lower(a.data[i - 1]) != lower(b.data[j - 1]));
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[b.len];
}

void cn_near_offer(struct cn_near *near, struct cn_str candidate) {
    struct cn_str name = near->name;
    if (name.len == 0 || candidate.len == 0 || name.len > LONGEST || candidate.len > LONGEST)
        return;
    size_t limit = 1 + name.len / 4;
    size_t gap = name.len > candidate.len ? name.len - candidate.len : candidate.len - name.len;
    if (gap > limit)
        return;
    size_t d = distance(name, candidate);
    if (d > limit || d >= name.len)
        return;
    size_t at = near->n;
    while (at > 0 && near->distance[at - 1] > d)
        at--;
    size_t most = sizeof near->best / sizeof near->best[0];
    if (at == most)
        return;
    if (near->n < most)
        near->n++;
    for (size_t i = near->n - 1; i > at; i--) {
        near->best[i] = near->best[i - 1];
        near->distance[i] = near->distance[i - 1];
    }
    near->best[at] = candidate;
    near->distance[at] = d;
}

void cn_near_text(const struct cn_near *near, char *out, size_t size) {
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < near->n && at < size; i++) {
        const char *joint = i == 0 ? "; did you mean " : i + 1 == near->n ? " or " : ", ";
        int n = snprintf(out + at, size - at, "%s`%.*s`%s", joint, (int)near->best[i].len,
                         near->best[i].data, i + 1 == near->n ? "?" : "");
        if (n < 0)
            break;
        at += (size_t)n;
    }
}

#include "handlers/options_parse.h"
#include "handlers/shown.h"

/* Words that other tools use for the same thing. */
static const struct {
    const char *word;
    enum cn_option_id id;
} synonyms[] = {
    {"chunksize", CN_OPTION_CHUNK_ROWS}, {"chunk_size", CN_OPTION_CHUNK_ROWS},
    {"sep", CN_OPTION_DELIMITER},        {"na_values", CN_OPTION_NULLS},
    {"dtype", CN_OPTION_TYPES},          {"max_workers", CN_OPTION_WORKERS},
    {"timeout", CN_OPTION_TIMEOUT_MS},   {"columns", CN_OPTION_SELECT},
    {"nrows", CN_OPTION_LIMIT},          {"expr", CN_OPTION_LET},
};

#define NEAR_MAX 16

/* Edits (insert, delete, replace, swap of neighbours) that turn one word into the other. */
static size_t edits(struct cn_str a, struct cn_str b) {
    size_t cost[NEAR_MAX + 1][NEAR_MAX + 1];
    for (size_t i = 0; i <= a.len; i++)
        cost[i][0] = i;
    for (size_t j = 0; j <= b.len; j++)
        cost[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        for (size_t j = 1; j <= b.len; j++) {
            char x = a.data[i - 1];
            char y = b.data[j - 1];
            size_t best = cost[i - 1][j - 1] + (x != y);
            if (cost[i - 1][j] + 1 < best)
                best = cost[i - 1][j] + 1;
            if (cost[i][j - 1] + 1 < best)
                best = cost[i][j - 1] + 1;
            if (i > 1 && j > 1 && x == b.data[j - 2] && y == a.data[i - 2] &&
                cost[i - 2][j - 2] + 1 < best)
                best = cost[i - 2][j - 2] + 1;
            cost[i][j] = best;
        }
    }
    return cost[a.len][b.len];
}

/* The option that was probably meant, or NULL. */
static const char *nearest(struct cn_str name, bool json) {
    if (name.len == 0 || name.len > NEAR_MAX)
        return NULL;
    char lower[NEAR_MAX];
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : (c == '-' ? '_' : c);
    }
    struct cn_str given = cn_str(lower, name.len);
    for (size_t i = 0; i < sizeof synonyms / sizeof synonyms[0]; i++) {
        if (cn_str_is(given, synonyms[i].word))
            return cn_option_name(synonyms[i].id);
    }
    const char *best = NULL;
    size_t least = name.len < 4 ? 2 : 3; /* short words are near to everything */
    for (size_t i = 0; i < CN_OPTION_COUNT; i++) {
        const char *option = cn_option_name((enum cn_option_id)i);
        if (i == CN_OPTION_GENERATE && !json)
            continue;
        size_t distance = edits(given, cn_str_c(option));
        if (distance < least) {
            least = distance;
            best = option;
        }
    }
    return best;
}

enum cn_code cn_option_unknown(struct cn_str name, enum cn_option_source source,
                               struct cn_error *error) {
    static const char *const places[] = {[CN_OPTION_QUERY] = "query parameter",
                                         [CN_OPTION_FORM] = "form part",
                                         [CN_OPTION_JSON] = "member of the body"};
    const char *near = nearest(name, source == CN_OPTION_JSON);
    cn_error_set_parameter(error, name);
    if (near != NULL)
        return cn_error_set(error, CN_UNKNOWN_PARAMETER,
                            "there is no option '%.*s' (%s); did you mean '%s'?", CN_SHOWN(name),
                            places[source], near);
    return cn_error_set(
        error, CN_UNKNOWN_PARAMETER,
        "there is no option '%.*s' (%s); the options are let, select, drop, rename, "
        "limit, executor, workers, chunk_rows, mode, repeat, overflow, on_error, "
        "nan, types, nulls, delimiter, header, timeout_ms and retries",
        CN_SHOWN(name), places[source]);
}

#include "handlers/run_search.h"

#include <string.h>

static void lower(char *text, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (text[i] >= 'A' && text[i] <= 'Z')
            text[i] = (char)(text[i] - 'A' + 'a');
}

enum cn_code cn_search_init(struct cn_search *search, struct cn_str query, struct cn_arena *arena,
                            struct cn_error *error) {
    *search = (struct cn_search){.n_words = 0};
    char *text = cn_arena_strndup(arena, query.data, query.len);
    if (!text)
        return cn_error_memory(error);
    lower(text, query.len);
    for (size_t at = 0; at < query.len;) {
        size_t start = at;
        while (at < query.len && text[at] != ' ')
            at++;
        if (at > start) {
            if (search->n_words == CN_SEARCH_WORDS)
                return cn_error_set(error, CN_INVALID_PARAMETER, "a search takes at most %d words",
                                    CN_SEARCH_WORDS);
            search->words[search->n_words++] = cn_str(text + start, at - start);
        }
        at++;
    }
    return CN_OK;
}

static bool add_line(struct cn_buf *text, struct cn_str line) {
    return cn_buf_add_str(text, line) && cn_buf_add_char(text, '\n');
}

bool cn_search_text(struct cn_buf *text, const struct cn_run_record *record) {
    text->len = 0;
    bool ok = add_line(text, cn_str_c(record->operation)) &&
              add_line(text, cn_str_c(record->executor)) &&
              add_line(text, cn_str_c(record->mode)) && add_line(text, cn_str_c(record->id)) &&
              (!record->failed || add_line(text, cn_str_c(cn_code_name(record->error.code))));
    for (size_t i = 0; ok && i < record->n_recipe; i++)
        ok = add_line(text, record->recipe[i]);
    if (ok)
        lower(text->data, text->len);
    return ok;
}

bool cn_search_match(const struct cn_search *search, struct cn_str text) {
    for (size_t i = 0; i < search->n_words; i++)
        if (!memmem(text.data, text.len, search->words[i].data, search->words[i].len))
            return false;
    return true;
}

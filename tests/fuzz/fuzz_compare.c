/*
 * Fuzz target: experiments. The input is a body, and the value of a header Prefer.
 *
 * What must hold: settings that are accepted make at most as many cases as the limit allows, with
 * workers within their limit, all different; what is refused says why. Of Prefer nothing but sane
 * values comes out.
 */
#include "handlers/compare.h"
#include "handlers/prefer.h"
#include "tests/fuzz/check.h"

#define MOST_CASES 200

static void check_cases(const struct cn_compare *compare) {
    CHECK(compare->n_cases > 0 && compare->n_cases <= MOST_CASES);
    for (size_t i = 0; i < compare->n_cases; i++) {
        const struct cn_case *a = &compare->cases[i];
        CHECK(a->workers >= 1 && a->workers <= 64);
        CHECK(a->executor != CN_EXECUTOR_SERIAL || a->workers == 1);
        for (size_t k = 0; k < i; k++) {
            const struct cn_case *b = &compare->cases[k];
            CHECK(a->executor != b->executor || a->workers != b->workers || a->mode != b->mode ||
                  a->chunk_setting != b->chunk_setting || a->row_setting != b->row_setting);
        }
    }
}

static void check_settings(struct cn_str text) {
    struct cn_service service = {.limits = {.max_columns = 100,
                                            .max_rows = 100000,
                                            .max_json_depth = 64,
                                            .max_workers = 64,
                                            .max_cases = MOST_CASES,
                                            .request_timeout_ms = 1000},
                                 .cpus = {.usable = 2}};
    struct cn_exchange exchange = {.service = &service};
    struct cn_compare compare = {.exchange = &exchange};
    struct cn_error error;
    cn_arena_init(&exchange.arena, 4096);
    cn_buf_init(&compare.body);
    cn_error_init(&error);
    CHECK(cn_buf_add_str(&compare.body, text));
    enum cn_code code = cn_compare_settle(&compare, &error);
    CHECK(code == error.code);
    if (code == CN_OK)
        check_cases(&compare);
    else
        CHECK(error.detail[0] != '\0');
    cn_compare_release(&compare);
    cn_arena_release(&exchange.arena);
}

static void check_prefer(struct cn_str text) {
    struct cn_prefer prefer;
    char *header = malloc(text.len + 1);
    CHECK(header);
    if (text.len > 0)
        memcpy(header, text.data, text.len);
    header[text.len] = '\0';
    cn_prefer_read(&prefer, header);
    CHECK(prefer.wait_s <= CN_PREFER_WAIT_MOST && cn_prefer_wait_ns(&prefer) >= 0);
    free(header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct cn_str text = cn_str((const char *)data, size);
    check_settings(text);
    check_prefer(text);
    return 0;
}

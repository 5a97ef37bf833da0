/*
 * verdict_helpers.h: the sentences of a verdict, for its tests. After cmocka.h.
 */
#ifndef CN_TESTS_VERDICT_HELPERS_H
#define CN_TESTS_VERDICT_HELPERS_H

#include <jansson.h>
#include <string.h>

#include "handlers/json_out.h"
#include "handlers/verdict.h"
#include "tests/unit/compare_helpers.h"

static json_t *sentences; /* of the last verdict */

static inline int forget(void **state) {
    (void)state;
    json_decref(sentences);
    sentences = NULL;
    return 0;
}

static inline void write_verdict(const struct cn_verdict_facts *facts) {
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_json_out out;
    forget(NULL);
    cn_json_out_init(&out, &buf);
    cn_json_out_open(&out, NULL, '{');
    cn_verdict_write(&out, "verdict", facts);
    cn_json_out_close(&out, '}');
    assert_true(out.ok);
    json_t *document = json_loadb(buf.data, buf.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(document);
    sentences = json_incref(json_object_get(document, "verdict"));
    json_decref(document);
    cn_buf_release(&buf);
    for (size_t i = 0; i < json_array_size(sentences); i++) {
        const char *text = json_string_value(json_array_get(sentences, i));
        assert_non_null(text);
        size_t len = strlen(text);
        assert_true(len > 10 && text[len - 1] == '.' && !strstr(text, "  "));
        assert_null(strstr(text, "inf"));
        assert_null(strstr(text, "nan"));
    }
}

static inline void verdict_of(const struct cn_case *cases, size_t n, const size_t *differing,
                              size_t n_differing) {
    struct cn_path path, row_path;
    cn_decompose(cases, n, &path);
    bool rows = cn_decompose_row_to_processes(cases, n, 2, &row_path);
    const struct cn_verdict_facts facts = {.cases = cases,
                                           .n = n,
                                           .what = "hash = md5(a, b)",
                                           .differing = differing,
                                           .n_differing = n_differing,
                                           .path = &path,
                                           .row_path = rows ? &row_path : NULL,
                                           .usable = 2};
    write_verdict(&facts);
}

/* The sentence that holds the text; NULL: none does. */
static inline const char *said(const char *text) {
    for (size_t i = 0; i < json_array_size(sentences); i++) {
        const char *sentence = json_string_value(json_array_get(sentences, i));
        if (strstr(sentence, text))
            return sentence;
    }
    return NULL;
}

static inline const char *sentence(size_t i) {
    const char *text = json_string_value(json_array_get(sentences, i));
    assert_non_null(text);
    return text;
}

#define UNIT(test) cmocka_unit_test_teardown(test, forget)

#endif

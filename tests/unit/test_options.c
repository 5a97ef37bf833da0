/* The options of a computation, from query strings, form parts and JSON members. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handlers/options.h"

static struct cn_arena arena;
static struct cn_service_limits limits = {
    .max_rows = 1000, .max_columns = 5, .max_workers = 64, .max_json_depth = 32};
static struct cn_options options;
static struct cn_error error;

static void fresh(void) {
    cn_options_init(&options, &arena, &limits);
    cn_error_init(&error);
}

static int setup(void **state) {
    (void)state;
    cn_arena_init(&arena, 4096);
    limits.max_columns = 5;
    fresh();
    return 0;
}

static int teardown(void **state) {
    (void)state;
    cn_arena_release(&arena);
    return 0;
}

static enum cn_code query(const char *text) {
    fresh();
    return cn_options_set_query(&options, text, &error);
}

static enum cn_code form(const char *name, const char *value) {
    struct cn_str text = cn_str_c(value);
    fresh();
    return cn_options_set(&options, CN_OPTION_FORM, cn_str_c(name), text, text, &error);
}

static enum cn_code json(const char *name, const char *value) {
    fresh();
    return cn_options_set_json(&options, cn_str_c(name), cn_str_c(value), &error);
}

static void expect_error(enum cn_code code, const char *parameter, const char *detail) {
    assert_int_equal(error.code, code);
    assert_string_equal(error.parameter, parameter);
    if (strstr(error.detail, detail) == NULL)
        fail_msg("'%s' is not in '%s'", detail, error.detail);
}

static void bad_query(const char *text, enum cn_code code, const char *parameter,
                      const char *detail) {
    assert_int_equal(query(text), code);
    expect_error(code, parameter, detail);
}

static void bad_json(const char *name, const char *value, enum cn_code code, const char *detail) {
    assert_int_equal(json(name, value), code);
    expect_error(code, name, detail);
}

#define assert_text(str, text)                                                                     \
    do {                                                                                           \
        assert_string_equal((str).data, text);                                                     \
        assert_int_equal((str).len, strlen(text));                                                 \
    } while (0)

/* ---- plain values ------------------------------------------------------------------------- */

static void test_defaults(void **state) {
    (void)state;
    assert_int_equal(query(NULL), CN_OK);
    assert_int_equal(options.select, CN_SELECT_DEFAULT);
    assert_int_equal(options.executor, CN_EXECUTOR_AUTO);
    assert_false(options.has_limit);
    assert_true(options.header);
    assert_int_equal(options.delimiter, 0);
    assert_false(options.wrap_overflow);
    assert_false(options.null_on_error);
    assert_int_equal(options.nan, CN_JSON_NAN_NULL);
    assert_int_equal(options.mode, CN_MODE_VECTOR);
    assert_int_equal(options.repeat, 1);
    assert_int_equal(options.n_lets, 0);
    assert_null(options.generate);
}

static void test_values(void **state) {
    (void)state;
    assert_int_equal(query("executor=processes&workers=64&chunk_rows=7&mode=vector&repeat=1&"
                           "overflow=wrap&on_error=null&nan=error&header=absent&delimiter=tab&"
                           "timeout_ms=1500&limit=0"),
                     CN_OK);
    assert_int_equal(options.executor, CN_EXECUTOR_PROCESSES);
    assert_int_equal(options.workers, 64);
    assert_int_equal(options.chunk_rows, 7);
    assert_true(options.wrap_overflow);
    assert_true(options.null_on_error);
    assert_int_equal(options.nan, CN_JSON_NAN_ERROR);
    assert_false(options.header);
    assert_int_equal(options.delimiter, '\t');
    assert_int_equal(options.timeout_ms, 1500);
    assert_true(options.has_limit);
    assert_int_equal(options.limit, 0);
    assert_int_equal(options.mode, CN_MODE_VECTOR);
    assert_int_equal(query("executor=gil&mode=tuple&repeat=1000"), CN_OK);
    assert_int_equal(options.executor, CN_EXECUTOR_GIL);
    assert_int_equal(options.mode, CN_MODE_TUPLE);
    assert_int_equal(options.repeat, 1000);
    assert_int_equal(form("mode", "row"), CN_OK);
    assert_int_equal(options.mode, CN_MODE_ROW);
    assert_int_equal(form("repeat", "2"), CN_OK);
    assert_int_equal(options.repeat, 2);
    assert_int_equal(query("executor=auto&nan=string&delimiter=pipe&overflow=error"), CN_OK);
    assert_int_equal(options.delimiter, '|');
    assert_int_equal(options.nan, CN_JSON_NAN_STRING);
    assert_int_equal(query("delimiter=comma"), CN_OK);
    assert_int_equal(options.delimiter, ',');
    assert_int_equal(query("delimiter=semicolon"), CN_OK);
    assert_int_equal(options.delimiter, ';');
    assert_int_equal(query("delimiter=%3a"), CN_OK);
    assert_int_equal(options.delimiter, ':');
    assert_int_equal(form("delimiter", "\t"), CN_OK);
    assert_int_equal(options.delimiter, '\t');
    assert_int_equal(options.retries, -1);
    assert_int_equal(query("executor=dask&retries=0"), CN_OK);
    assert_int_equal(options.executor, CN_EXECUTOR_DASK);
    assert_int_equal(options.retries, 0);
    assert_int_equal(form("retries", "10"), CN_OK);
    assert_int_equal(options.retries, 10);
}

static void test_refused(void **state) {
    (void)state;
    const enum cn_code bad = CN_INVALID_PARAMETER;
    bad_query("limit=-1", bad, "limit", "'-1'");
    assert_string_equal(error.value, "-1");
    bad_query("limit=", bad, "limit", "is empty");
    bad_query("limit=1.5", bad, "limit", "whole number");
    bad_query("limit=%2B5", bad, "limit", "whole number");
    bad_query("limit=0x10", bad, "limit", "whole number");
    bad_query("limit=99999999999999999999999", bad, "limit", "whole number");
    bad_query("workers=0", bad, "workers", "1 or more");
    bad_query("workers=65", bad, "workers", "from 1 to 64 (--max-workers)");
    assert_string_equal(error.limit, "--max-workers");
    bad_query("chunk_rows=0", bad, "chunk_rows", "1 or more");
    bad_query("timeout_ms=0", bad, "timeout_ms", "1 or more");
    bad_query("retries=11", bad, "retries", "from 0 to 10");
    bad_query("retries=-1", bad, "retries", "from 0 to 10");
    bad_query("executor=fast", bad, "executor", "auto, serial, threads, processes, gil or dask");
    bad_query("executor=Threads", bad, "executor", "'Threads'");
    bad_query("mode=x", bad, "mode", "'x', but must be vector, tuple or row");
    bad_query("mode=", bad, "mode", "is empty");
    bad_query("repeat=0", bad, "repeat", "from 1 to 1000");
    bad_query("repeat=1001", bad, "repeat", "from 1 to 1000");
    bad_query("overflow=", bad, "overflow", "error or wrap");
    bad_query("header=yes", bad, "header", "present or absent");
    bad_query("delimiter=", bad, "delimiter", "is empty");
    bad_query("delimiter=;;", bad, "delimiter", "one ASCII character");
    bad_query("delimiter=%22", bad, "delimiter", "one ASCII character");
    bad_query("delimiter=%C3%A9", bad, "delimiter", "one ASCII character");
    bad_query("delimiter=%0A", bad, "delimiter", "control character");
    assert_int_equal(form("delimiter", "\r"), bad);
    assert_int_equal(form("delimiter", "\x01"), bad);
    assert_int_equal(form("limit", "\xff"), bad);
    expect_error(bad, "limit", "not UTF-8");
}

static void test_names(void **state) {
    (void)state;
    bad_query("limit=1&limit=1", CN_INVALID_PARAMETER, "limit", "limit is given twice");
    bad_query("lett=r%3Da", CN_UNKNOWN_PARAMETER, "lett", "did you mean 'let'");
    bad_query("Workers=1", CN_UNKNOWN_PARAMETER, "Workers", "did you mean 'workers'");
    bad_query("chunk-rows=1", CN_UNKNOWN_PARAMETER, "chunk-rows", "did you mean 'chunk_rows'");
    bad_query("delimeter=x", CN_UNKNOWN_PARAMETER, "delimeter", "did you mean 'delimiter'");
    bad_query("sleect=x", CN_UNKNOWN_PARAMETER, "sleect", "did you mean 'select'");
    bad_query("chunksize=4", CN_UNKNOWN_PARAMETER, "chunksize", "did you mean 'chunk_rows'");
    bad_query("frobnicate=1", CN_UNKNOWN_PARAMETER, "frobnicate", "the options are");
    bad_query("=1", CN_UNKNOWN_PARAMETER, "", "no option ''");
    bad_query("averyveryverylongnameofanoption=1", CN_UNKNOWN_PARAMETER,
              "averyveryverylongnameofanoption", "the options are");
    bad_query("generate=1", CN_INVALID_PARAMETER, "generate", "JSON body");
    bad_query("limit=%zz", CN_INVALID_PARAMETER, "limit", "bad escape");
    /* a repeat is a fault in JSON too, also of let */
    fresh();
    assert_int_equal(cn_options_set_json(&options, CN_STR("let"), CN_STR("{}"), &error), CN_OK);
    assert_int_equal(cn_options_set_json(&options, CN_STR("let"), CN_STR("{}"), &error),
                     CN_INVALID_PARAMETER);
    expect_error(CN_INVALID_PARAMETER, "let", "given twice");
}

/* ---- let ---------------------------------------------------------------------------------- */

static void test_let(void **state) {
    (void)state;
    assert_int_equal(query("let=res1=(a-b)/(c%2Bd)**2&let=+key+=+md5(a,b)&let=`a%3Db```=x==y"),
                     CN_SYNTAX_ERROR); /* the second begins with a blank */
    assert_int_equal(
        query("let=res1=(a-b)/(c%2Bd)**2&let=key+=+md5(a,b)&let=`a%3Db```=x==y&let=e="), CN_OK);
    assert_int_equal(options.n_lets, 4);
    assert_text(options.lets[0].name, "res1");
    assert_text(options.lets[0].text, "(a-b)/(c+d)**2");
    assert_text(options.lets[1].name, "key");
    assert_text(options.lets[1].text, " md5(a,b)");
    assert_text(options.lets[2].name, "a=b`");
    assert_text(options.lets[2].text, "x==y");
    assert_text(options.lets[3].text, "");
    assert_int_equal(form("let", "a b=c"), CN_INVALID_PARAMETER);
    assert_int_equal(form("let", "k=concat(a, 'x;y+z')"), CN_OK);
    assert_text(options.lets[0].text, "concat(a, 'x;y+z')");
    /* many of them, past the first array, and one too many */
    fresh();
    limits.max_columns = 100;
    for (int i = 0; i < 100; i++) {
        char text[32];
        int len = snprintf(text, sizeof text, "n%d=%d", i, i);
        struct cn_str value = cn_str(text, (size_t)len);
        assert_int_equal(
            cn_options_set(&options, CN_OPTION_FORM, CN_STR("let"), value, value, &error), CN_OK);
    }
    assert_int_equal(options.n_lets, 100);
    assert_text(options.lets[0].name, "n0");
    assert_text(options.lets[99].name, "n99");
    assert_text(options.lets[99].text, "99");
    assert_int_equal(cn_options_set(&options, CN_OPTION_FORM, CN_STR("let"), CN_STR("x=1"),
                                    CN_STR("x=1"), &error),
                     CN_LIMIT_EXCEEDED);
    assert_string_equal(error.limit, "--max-columns");
}

static void test_let_faults(void **state) {
    (void)state;
    const enum cn_code bad = CN_INVALID_PARAMETER;
    bad_query("let=", bad, "let", "NAME=EXPRESSION");
    bad_query("let=a", bad, "let", "no '='");
    bad_query("let==a", bad, "let", "no name");
    bad_query("let=``=a", bad, "let", "no name");
    bad_query("let=a<=b", bad, "let", "backticks");
    bad_query("let=md5(a,sep='x')", bad, "let", "backticks");
    bad_query("let=1a=b", bad, "let", "backticks");
    bad_query("let=`a=b", bad, "let", "backtick");
    bad_query("let=`a`b`=c", bad, "let", "backtick");
    bad_query("let=`a`x=c", bad, "let", "between backticks");
    bad_query("let=r=+a", CN_SYNTAX_ERROR, "let", "right behind the '='");
    bad_query("let=`%C3%A9`%3D+a", CN_SYNTAX_ERROR, "let", "right behind the '='");
    assert_int_equal(query("let=r%20=+a&let=s=%20a"), CN_OK);
    bad_query("let=r=a+", CN_SYNTAX_ERROR, "let", "%2B");
    assert_int_equal(error.let, 0);
    assert_int_equal(error.position, 1);
    assert_non_null(strstr(error.detail, "ends with a blank"));
    assert_non_null(strstr(error.detail, "--url-query"));
    assert_non_null(strstr(error.detail, "--form-string"));
    bad_query("let=x=1&let=%20r=a", CN_SYNTAX_ERROR, "let", "begins with a blank");
    assert_int_equal(error.let, 1);
    assert_int_equal(error.position, -1);
    bad_query("let=r=concat(a,'b+c')", CN_SYNTAX_ERROR, "let", "inside a string");
    assert_int_equal(error.position, 11);
    bad_query("let=r=concat(a,%22b%27+c%22)", CN_SYNTAX_ERROR, "let", "inside a string");
    bad_query("let=r=`a+b`", CN_SYNTAX_ERROR, "let", "--url-query");
    bad_query("let=`a+b`=1", CN_SYNTAX_ERROR, "let", "%2B");
    assert_int_equal(error.position, -1);
    bad_query("let=r='it%5C's+'", CN_SYNTAX_ERROR, "let", "%2B");
    assert_int_equal(query("let=r='it%5C's'+%2B+'x'"), CN_OK);
    assert_int_equal(query("let=r=concat('a%2Bb','c%20d')+if+x+else+'y'"), CN_OK);
    assert_int_equal(form("let", "r=a "), CN_SYNTAX_ERROR);
    expect_error(CN_SYNTAX_ERROR, "let", "%2B");
    assert_int_equal(form("let", "r=\xff"), bad);
    assert_int_equal(form("let", "`cut "), bad);
    expect_error(bad, "let", "--form-string");
}

static void test_explain(void **state) {
    (void)state;
    assert_int_equal(query("let=x=1&let=r=a+b"), CN_OK);
    error.let = 1;
    cn_error_set(&error, CN_SYNTAX_ERROR, "an operator was expected");
    cn_options_explain(&options, &error);
    assert_non_null(strstr(error.detail, "an operator was expected"));
    assert_non_null(strstr(error.detail, "with a '+'"));
    assert_non_null(strstr(error.detail, "write %2B"));
    assert_non_null(strstr(error.detail, "--url-query"));
    assert_int_equal(error.code, CN_SYNTAX_ERROR);
    /* other errors, other sources and errors of no let stay as they are */
    assert_int_equal(query("let=r=f(a)"), CN_OK);
    error.let = 0;
    cn_error_set(&error, CN_UNKNOWN_FUNCTION, "no f");
    cn_options_explain(&options, &error);
    assert_string_equal(error.detail, "no f");
    assert_int_equal(query("let=r=a+b"), CN_OK);
    cn_error_set(&error, CN_SYNTAX_ERROR, "x");
    cn_options_explain(&options, &error);
    assert_string_equal(error.detail, "x");
    assert_int_equal(json("let", "{\"r\": \"a b\"}"), CN_OK);
    error.let = 0;
    cn_error_set(&error, CN_SYNTAX_ERROR, "x");
    cn_options_explain(&options, &error);
    assert_string_equal(error.detail, "x");
    /* a long detail leaves room for the hint */
    assert_int_equal(query("let=r=a+b"), CN_OK);
    error.let = 0;
    memset(error.detail, 'z', sizeof error.detail - 1);
    error.detail[sizeof error.detail - 1] = '\0';
    error.code = CN_SYNTAX_ERROR;
    cn_options_explain(&options, &error);
    assert_non_null(strstr(error.detail, "--form-string"));
    memset(error.detail, 0, sizeof error.detail);
    memcpy(error.detail, "see --form-string", 17); /* it was said already */
    cn_options_explain(&options, &error);
    assert_string_equal(error.detail, "see --form-string");
    cn_options_explain(&options, NULL);
}

static void test_explain_cut(void **state) {
    (void)state;
    assert_int_equal(form("let", "r=concat(a, \"x"), CN_OK);
    error.let = 0;
    cn_error_set(&error, CN_SYNTAX_ERROR, "a string is not closed");
    cn_options_explain(&options, &error);
    expect_error(CN_SYNTAX_ERROR, "", "--form-string");
    assert_int_equal(error.position, 10);
    assert_int_equal(form("let", "r=f(`x"), CN_OK);
    error.let = 0;
    cn_error_set(&error, CN_UNKNOWN_FUNCTION, "no f");
    cn_options_explain(&options, &error);
    expect_error(CN_SYNTAX_ERROR, "", "name in backticks");
    assert_int_equal(form("let", "r=concat(a, \"x\\\"\" b)"), CN_OK);
    error.let = 0;
    cn_error_set(&error, CN_SYNTAX_ERROR, "x");
    cn_options_explain(&options, &error);
    assert_string_equal(error.detail, "x");
}

/* ---- lists -------------------------------------------------------------------------------- */

static void test_select(void **state) {
    (void)state;
    assert_int_equal(query("select=all"), CN_OK);
    assert_int_equal(options.select, CN_SELECT_ALL);
    assert_int_equal(query("select=computed"), CN_OK);
    assert_int_equal(options.select, CN_SELECT_COMPUTED);
    assert_int_equal(query("select=`all`"), CN_OK);
    assert_int_equal(options.select, CN_SELECT_NAMES);
    assert_int_equal(options.n_select, 1);
    assert_text(options.select_names[0], "all");
    assert_int_equal(query("select=a,+Miles+per+Gallon,`x,y`,`t````u`,``"), CN_OK);
    assert_int_equal(options.n_select, 5);
    assert_text(options.select_names[1], "Miles per Gallon");
    assert_text(options.select_names[2], "x,y");
    assert_text(options.select_names[3], "t``u");
    assert_text(options.select_names[4], "");
    bad_query("select=", CN_INVALID_PARAMETER, "select", "is empty");
    bad_query("select=+", CN_INVALID_PARAMETER, "select", "is empty");
    bad_query("select=a,,b", CN_INVALID_PARAMETER, "select", "empty entry");
    bad_query("select=a,", CN_INVALID_PARAMETER, "select", "empty entry");
    bad_query("select=`a", CN_INVALID_PARAMETER, "select", "not closed");
    bad_query("select=`a`b", CN_INVALID_PARAMETER, "select", "backticks");
    bad_query("select=a,all", CN_INVALID_PARAMETER, "select", "`all`");
    bad_query("select=a,b,c,d,e,f", CN_LIMIT_EXCEEDED, "select", "--max-columns");
    assert_string_equal(error.limit, "--max-columns");
    assert_int_equal(query("select=a,b,c,d,e"), CN_OK);
}

static void test_lists(void **state) {
    (void)state;
    assert_int_equal(query("drop=a,b&nulls=NA,null,-&types=zip:string,`x:y,z`:int64,*:float64&"
                           "rename=a:b,`c:d`:`e,f`"),
                     CN_OK);
    assert_int_equal(options.n_drop, 2);
    assert_text(options.drop[1], "b");
    assert_int_equal(options.n_nulls, 3);
    assert_text(options.nulls[2], "-");
    assert_int_equal(options.n_types, 3);
    assert_text(options.types[0].name, "zip");
    assert_int_equal(options.types[0].type, CN_TYPE_STRING);
    assert_false(options.types[0].any);
    assert_text(options.types[1].name, "x:y,z");
    assert_int_equal(options.types[1].type, CN_TYPE_INT64);
    assert_true(options.types[2].any);
    assert_int_equal(options.types[2].type, CN_TYPE_FLOAT64);
    assert_int_equal(options.n_rename, 2);
    assert_text(options.rename[1].from, "c:d");
    assert_text(options.rename[1].to, "e,f");
    assert_int_equal(query("types=`*`:bool,*:string"), CN_OK);
    assert_false(options.types[0].any);
    assert_true(options.types[1].any);
    const enum cn_code bad = CN_INVALID_PARAMETER;
    bad_query("nulls=", bad, "nulls", "is empty");
    bad_query("types=", bad, "types", "is empty");
    bad_query("types=a", bad, "types", "without a ':'");
    bad_query("types=a:int", bad, "types", "float64 or string");
    assert_string_equal(error.column, "a");
    bad_query("types=a:null", bad, "types", "float64 or string");
    bad_query("types=:int64", bad, "types", "empty entry");
    bad_query("types=a:b:int64", bad, "types", "more than one ':'");
    bad_query("rename=a:", bad, "rename", "empty entry");
    bad_query("types=a:int64,a:int64", CN_DUPLICATE_NAME, "types", "'a' twice");
    assert_string_equal(error.column, "a");
    bad_query("types=*:int64,*:bool", CN_DUPLICATE_NAME, "types", "twice");
    bad_query("rename=x:y,a:b,x:z", CN_DUPLICATE_NAME, "rename", "'x' twice");
    assert_int_equal(form("drop", "`a"), bad);
    expect_error(bad, "drop", "--form-string");
}

/* ---- JSON --------------------------------------------------------------------------------- */

static void test_json_values(void **state) {
    (void)state;
    const enum cn_code bad = CN_INVALID_PARAMETER;
    assert_int_equal(json("limit", "5"), CN_OK);
    assert_int_equal(options.limit, 5);
    assert_int_equal(json("executor", "\"serial\""), CN_OK);
    assert_int_equal(options.executor, CN_EXECUTOR_SERIAL);
    assert_int_equal(json("mode", "\"row\""), CN_OK);
    assert_int_equal(options.mode, CN_MODE_ROW);
    assert_int_equal(json("repeat", "7"), CN_OK);
    assert_int_equal(options.repeat, 7);
    assert_int_equal(json("delimiter", "\"\\t\""), CN_OK);
    assert_int_equal(options.delimiter, '\t');
    assert_int_equal(json("header", "\"absent\""), CN_OK);
    assert_false(options.header);
    bad_json("limit", "\"5\"", bad, "a string");
    bad_json("limit", "5.0", bad, "fraction");
    bad_json("limit", "true", bad, "a bool");
    bad_json("limit", "null", bad, "null");
    bad_json("limit", "-1", bad, "'-1'");
    bad_json("limit", "99999999999999999999", bad, "too large");
    bad_json("workers", "65", bad, "--max-workers");
    bad_json("executor", "1", bad, "a whole number");
    bad_json("executor", "\"Gil\"", bad, "processes, gil or dask");
    bad_json("executor", "[\"serial\"]", bad, "an array");
    bad_json("header", "false", bad, "a bool");
    bad_json("repeat", "1001", bad, "from 1 to 1000");
    bad_json("repeat", "2.0", bad, "a number with a fraction");
    bad_json("mode", "\"rows\"", bad, "vector, tuple or row");
    bad_json("nosuch", "1", CN_UNKNOWN_PARAMETER, "no option 'nosuch'");
    bad_json("generat", "1", CN_UNKNOWN_PARAMETER, "did you mean 'generate'");
}

static void test_json_let(void **state) {
    (void)state;
    assert_int_equal(json("let", "{\"z\": \"a + b\", \"a b\": \" z \", \"`x`\": \"1\"}"), CN_OK);
    assert_int_equal(options.n_lets, 3);
    assert_text(options.lets[0].name, "z");
    assert_text(options.lets[0].text, "a + b");
    assert_text(options.lets[1].name, "a b");
    assert_text(options.lets[1].text, " z ");
    assert_text(options.lets[2].name, "`x`");
    assert_int_equal(json("let", "[\"r = a\", \"`b c`=d \"]"), CN_OK);
    assert_int_equal(options.n_lets, 2);
    assert_text(options.lets[0].name, "r");
    assert_text(options.lets[0].text, " a");
    assert_text(options.lets[1].name, "b c");
    assert_text(options.lets[1].text, "d ");
    assert_int_equal(json("let", "{}"), CN_OK);
    bad_json("let", "{\"q\\\"\": \"1\", \"b\": \"1\", \"q\\\"\": \"2\"}", CN_DUPLICATE_NAME,
             "two members 'q\"'");
    assert_string_equal(error.column, "q\"");
    bad_json("let", "\"r=a\"", CN_INVALID_PARAMETER, "a string");
    bad_json("let", "{\"a\": 1}", CN_INVALID_PARAMETER, "strings");
    bad_json("let", "{\"\": \"1\"}", CN_INVALID_PARAMETER, "without a name");
    bad_json("let", "[1]", CN_INVALID_PARAMETER, "array of strings");
    bad_json("let", "[\"a\"]", CN_INVALID_PARAMETER, "no '='");
    bad_json("let", "{\"a\\u0000b\": \"1\"}", CN_INVALID_VALUE, "NUL");
    bad_json("let", "[\"`a\\u0000b`=1\"]", CN_INVALID_VALUE, "NUL");
}

static void test_json_lists(void **state) {
    (void)state;
    const enum cn_code bad = CN_INVALID_PARAMETER;
    assert_int_equal(json("select", "[\"a\", \"x,y\", \"all\"]"), CN_OK);
    assert_int_equal(options.select, CN_SELECT_NAMES);
    assert_int_equal(options.n_select, 3);
    assert_text(options.select_names[1], "x,y");
    assert_int_equal(json("select", "\"all\""), CN_OK);
    assert_int_equal(options.select, CN_SELECT_ALL);
    assert_int_equal(json("select", "[\"computed\"]"), CN_OK);
    assert_int_equal(options.select, CN_SELECT_COMPUTED);
    assert_int_equal(json("select", "[\"`all`\"]"), CN_OK);
    assert_int_equal(options.select, CN_SELECT_NAMES);
    assert_text(options.select_names[0], "all");
    assert_int_equal(json("select", "[\"`b`\"]"), CN_OK);
    assert_text(options.select_names[0], "`b`");
    bad_json("select", "[]", bad, "is empty");
    bad_json("select", "\"a\"", bad, "array of names");
    bad_json("select", "[1]", bad, "array of strings");
    bad_json("select", "[\"a\\u0000\"]", CN_INVALID_VALUE, "NUL");
    bad_json("select", "[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\"]", CN_LIMIT_EXCEEDED, "--max-columns");
    assert_int_equal(json("nulls", "[\"\\u0000\", \"NA\"]"), CN_OK);
    assert_int_equal(options.nulls[0].len, 1);
    assert_int_equal(json("drop", "[]"), CN_OK);
    bad_json("drop", "\"a\"", bad, "array of strings");
    assert_int_equal(json("types", "{\"a:b\": \"int64\", \"*\": \"string\"}"), CN_OK);
    assert_int_equal(options.n_types, 2);
    assert_text(options.types[0].name, "a:b");
    assert_true(options.types[1].any);
    bad_json("types", "{\"a\": \"int\"}", bad, "float64 or string");
    bad_json("types", "{\"a\": 1}", bad, "strings");
    bad_json("types", "\"a:int64\"", bad, "an object");
    bad_json("types", "{\"a\": \"bool\", \"a\": \"bool\"}", CN_DUPLICATE_NAME, "two members 'a'");
    assert_int_equal(json("rename", "{\"a\": \"b\"}"), CN_OK);
    assert_text(options.rename[0].from, "a");
    assert_text(options.rename[0].to, "b");
    bad_json("rename", "{\"a\": \"b\\u0000\"}", CN_INVALID_VALUE, "NUL");
}

static void test_generate(void **state) {
    (void)state;
    const enum cn_code bad = CN_INVALID_PARAMETER;
    assert_int_equal(json("generate", "{\"rows\": 1000, \"columns\": [\"a\", \"b\"]}"), CN_OK);
    assert_non_null(options.generate);
    assert_int_equal(options.generate->rows, 1000);
    assert_int_equal(options.generate->n_columns, 2);
    assert_text(options.generate->columns[1], "b");
    assert_true(options.generate->normal);
    assert_int_equal(options.generate->seed, 0);
    assert_int_equal(json("generate", "{\"rows\": 0, \"columns\": [\"a\"], \"seed\": 42, "
                                      "\"distribution\": \"uniform\"}"),
                     CN_OK);
    assert_false(options.generate->normal);
    assert_int_equal(options.generate->seed, 42);
    bad_json("generate", "{\"rows\": 1001, \"columns\": [\"a\"]}", CN_LIMIT_EXCEEDED,
             "the limit is 1000 (--max-rows)");
    assert_string_equal(error.limit, "--max-rows");
    bad_json("generate", "{\"rows\": 1, \"columns\": [\"a\",\"b\",\"c\",\"d\",\"e\",\"f\"]}",
             CN_LIMIT_EXCEEDED, "--max-columns");
    bad_json("generate", "{\"columns\": [\"a\"]}", bad, "needs rows");
    bad_json("generate", "{\"rows\": -1, \"columns\": [\"a\"]}", bad, "needs rows");
    bad_json("generate", "{\"rows\": 1.0, \"columns\": [\"a\"]}", bad, "needs rows");
    bad_json("generate", "{\"rows\": 1}", bad, "needs columns");
    bad_json("generate", "{\"rows\": 1, \"columns\": []}", bad, "needs columns");
    bad_json("generate", "{\"rows\": 1, \"columns\": \"a\"}", bad, "needs columns");
    bad_json("generate", "{\"rows\": 1, \"columns\": [1]}", bad, "a column is a name");
    bad_json("generate", "{\"rows\": 1, \"columns\": [\"a\", \"a\"]}", CN_DUPLICATE_NAME, "twice");
    bad_json("generate", "{\"rows\": 1, \"columns\": [\"a\"], \"seed\": -1}", bad, "seed");
    bad_json("generate", "{\"rows\": 1, \"columns\": [\"a\"], \"distribution\": \"x\"}", bad,
             "distribution");
    bad_json("generate", "{\"rows\": 1, \"rows\": 2, \"columns\": [\"a\"]}", bad,
             "two members 'rows'");
    bad_json("generate", "7", bad, "an object");
    assert_int_equal(json("generate", "{\"row\": 1}"), CN_UNKNOWN_PARAMETER);
    expect_error(CN_UNKNOWN_PARAMETER, "generate.row", "unknown member 'row'");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_defaults),   TEST(test_values),      TEST(test_refused),
        TEST(test_names),      TEST(test_let),         TEST(test_let_faults),
        TEST(test_explain),    TEST(test_explain_cut), TEST(test_select),
        TEST(test_lists),      TEST(test_json_values), TEST(test_json_let),
        TEST(test_json_lists), TEST(test_generate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The modes vector, tuple and row give the same bytes and the same errors: the compute kind, run on
 * random tables with nulls, texts and rows that fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "columns/csv.h"
#include "handlers/compute_kind.h"
#include "handlers/morsel_record.h"

static const struct cn_service_limits limits = {.max_rows = 100000,
                                                .max_columns = 100,
                                                .expression = {16384, 4096, 200},
                                                .max_workers = 4,
                                                .max_json_depth = 32};
static struct cn_key keys[1];
static const struct cn_keyring keyring = {keys, 1};

__attribute__((constructor)) static void make_keys(void) {
    if (!cn_key_make(&keys[0], CN_STR("main"), CN_STR("secret")))
        abort();
}

/* One run of the kind, with all that it needs. */
struct outcome {
    struct cn_buf out;
    struct cn_morsel_result result;
    struct cn_error error; /* of the task or of the row that failed */
    struct cn_spans spans;
    int64_t wall_ns;
};

struct request {
    const char *options; /* a query string, without mode */
    enum cn_source source;
    enum cn_sink sink;
    const struct cn_str *names;
    const enum cn_type *types;
    size_t n_columns;
    struct cn_str text;            /* CSV */
    const struct cn_column *frame; /* of n_columns */
    uint64_t rows;                 /* frame, generate */
    uint64_t output_rows;          /* 0: all */
    bool shipped;                  /* the plan is made from its bytes, as in a worker process */
    enum cn_pass pass;
};

static struct cn_spec *make_spec(const struct request *request, const char *mode,
                                 struct cn_arena *arena) {
    char query[8192];
    struct cn_options options;
    struct cn_recipe *recipe = NULL;
    struct cn_spec *spec = NULL;
    struct cn_error error;
    enum cn_code code;

    cn_error_init(&error);
    snprintf(query, sizeof query, "%s&mode=%s", request->options, mode);
    cn_options_init(&options, arena, &limits);
    code = cn_options_set_query(&options, query, &error);
    options.delimiter = ',';
    if (code == CN_OK)
        code = cn_recipe_parse(&recipe, options.lets, options.n_lets, &limits.expression, &error);
    if (code == CN_OK)
        code = cn_spec_new(&spec, &options, request->source, request->sink, recipe, request->names,
                           request->n_columns, &error);
    if (code != CN_OK)
        fail_msg("%s: %s", query, error.detail);
    return spec;
}

static struct cn_plan *make_plan(const struct request *request, struct cn_spec *spec, uint64_t id) {
    struct cn_plan_options options = {
        .pass = request->pass, .output = -1, .table = 0, .types = request->types};
    struct cn_plan *plan;
    struct cn_error error;

    cn_error_init(&error);
    if (request->pass != CN_PASS_TABLE)
        options.table = -1;
    if (cn_plan_new(&plan, id, spec, &options, &keyring, &error) != CN_OK)
        fail_msg("%s: %s", request->options, error.detail);
    return plan;
}

static void bind_frame(const struct request *request, const struct cn_plan *plan,
                       struct cn_run *run, struct cn_str *inputs) {
    struct cn_frame frame = {.columns = (struct cn_column *)(uintptr_t)request->frame,
                             .n_columns = request->n_columns,
                             .rows = (size_t)request->rows};

    run->inputs = inputs;
    run->n_inputs = 4 * plan->n_loaded;
    cn_frame_slice(&frame, plan->loaded, plan->n_loaded, 0, (size_t)request->rows, inputs);
}

static void run_kind(const struct request *request, const char *mode, struct outcome *outcome) {
    struct cn_arena arena;
    struct cn_str inputs[4 * 100];
    _Alignas(16) unsigned char args[CN_TASK_ARGS] = {0};
    _Alignas(16) unsigned char result[CN_TASK_RESULT] = {0};
    struct cn_morsel_args morsel = {0, request->rows,
                                    request->output_rows ? request->output_rows : UINT64_MAX};
    atomic_int stop = 0;
    void *state = NULL;
    int64_t started;

    cn_arena_init(&arena, 4096);
    struct cn_spec *spec = make_spec(request, mode, &arena);
    struct cn_plan *plan = make_plan(request, spec, 1);
    struct cn_plan_ref handle = cn_plan_handle(plan);
    if (request->shipped)
        handle.local = NULL;
    *outcome = (struct outcome){0};
    cn_buf_init(&outcome->out);
    cn_error_init(&outcome->error);
    memcpy(args, &morsel, sizeof morsel);
    assert_int_equal(cn_kind_compute.state_new(&state, &keyring, NULL), CN_OK);
    struct cn_run run = {.plan = &handle,
                         .args = args,
                         .inputs = &request->text,
                         .n_inputs = request->source == CN_SOURCE_CSV,
                         .out = &outcome->out,
                         .result = result,
                         .spans = &outcome->spans,
                         .stop = &stop,
                         .state = state};
    if (request->source == CN_SOURCE_FRAME)
        bind_frame(request, plan, &run, inputs);
    started = cn_clock_now();
    enum cn_code code = cn_kind_compute.run(&run, &outcome->error);
    outcome->wall_ns = cn_clock_now() - started;
    memcpy(&outcome->result, result, sizeof outcome->result);
    if (code == CN_OK) {
        struct cn_morsel_trailer trailer;
        assert_true(cn_morsel_trailer(plan, &outcome->result, &outcome->out, &trailer));
        if (outcome->result.failed) {
            outcome->error = trailer.error;
            /* The error itself was compared; its bytes hold what its texts had before. */
            outcome->out.len -= sizeof trailer.error;
        }
    }
    cn_kind_compute.state_free(state);
    cn_plan_unref(plan);
    cn_spec_unref(spec);
    cn_arena_release(&arena);
}

static void expect_same(const struct request *request, const struct outcome *want,
                        const struct outcome *got, const char *mode) {
    if (want->error.code != got->error.code || strcmp(want->error.detail, got->error.detail) != 0 ||
        want->error.row != got->error.row || want->error.line != got->error.line ||
        want->error.let != got->error.let || want->error.position != got->error.position ||
        strcmp(want->error.value, got->error.value) != 0 ||
        strcmp(want->error.column, got->error.column) != 0)
        fail_msg("%s, %s: '%s' in row %d, not '%s' in row %d", request->options, mode,
                 got->error.detail, (int)got->error.row, want->error.detail, (int)want->error.row);
    if (want->out.len != got->out.len ||
        (want->out.len > 0 && memcmp(want->out.data, got->out.data, want->out.len) != 0))
        fail_msg("%s, %s: %zu bytes differ from %zu\n%.*s\n---\n%.*s", request->options, mode,
                 got->out.len, want->out.len, (int)(got->out.len < 2000 ? got->out.len : 2000),
                 got->out.data, (int)(want->out.len < 2000 ? want->out.len : 2000), want->out.data);
    assert_int_equal(want->result.rows, got->result.rows);
    assert_int_equal(want->result.lines, got->result.lines);
    assert_int_equal(want->result.data_len, got->result.data_len);
    assert_int_equal(want->result.failed, got->result.failed);
    assert_int_equal(want->result.body_fault, got->result.body_fault);
}

static void expect_spans(const struct outcome *outcome) {
    int64_t sum = 0;

    for (int s = 0; s < CN_SPAN_COUNT; s++) {
        assert_true(outcome->spans.ns[s] >= 0);
        sum += outcome->spans.ns[s];
    }
    assert_true(sum <= outcome->wall_ns);
}

/* Runs a request in all modes. Returns the code that they agree on. */
static enum cn_code agree(struct request *request) {
    struct outcome want, got;
    enum cn_code code;

    request->shipped = false;
    run_kind(request, "vector", &want);
    expect_spans(&want);
    for (int i = 0; i < 4; i++) {
        const char *mode = i < 2 ? "tuple" : "row";
        request->shipped = i % 2 == 1;
        run_kind(request, mode, &got);
        expect_same(request, &want, &got, mode);
        expect_spans(&got);
        cn_buf_release(&got.out);
    }
    code = want.error.code;
    cn_buf_release(&want.out);
    return code;
}

/* ---- random tables -------------------------------------------------------------------------- */

#define N_COLUMNS 8

static const struct cn_str names[N_COLUMNS] = {{"i", 1}, {"j", 1}, {"x", 1}, {"y", 1},
                                               {"s", 1}, {"t", 1}, {"p", 1}, {"", 0}};
static const enum cn_type types[N_COLUMNS] = {CN_TYPE_INT64,   CN_TYPE_INT64,  CN_TYPE_FLOAT64,
                                              CN_TYPE_FLOAT64, CN_TYPE_STRING, CN_TYPE_STRING,
                                              CN_TYPE_BOOL,    CN_TYPE_NULL};
static const char *const cells[N_COLUMNS][8] = {
    {"1", "-7", "0", "9223372036854775807", "42", " 5", "", "3"},
    {"1", "2", "3", "4", "5", "-6", "7", ""},
    {"1.5", "-0.0", "nan", "inf", "1e300", "", "0.1", "2"},
    {"2.50", "3e-5", "1", "-1", "0.5", "", "7", "1e16"},
    {"a", "\"q\"\"q\"", "\"l\nm\"", "", "\"\"", "\xc3\xa9", "12", "2.5"},
    {"x", "yy", "zzz", "", "\"a,b\"", "007", "-", "\xf0\x9f\x98\x80"},
    {"True", "False", "true", "false", "", "True", "False", "False"},
    {"", "", "", "", "", "", "", ""}};

static uint64_t draw(uint64_t *seed) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

static struct cn_buf random_csv(uint64_t seed, size_t rows, bool tame) {
    struct cn_buf text;

    cn_buf_init(&text);
    for (size_t row = 0; row < rows; row++) {
        for (size_t c = 0; c < N_COLUMNS; c++) {
            const char *cell = cells[c][draw(&seed) % (tame && c < 2 ? 2 : 8)];
            assert_true(c == 0 || cn_buf_add_char(&text, ','));
            assert_true(cn_buf_add(&text, cell, strlen(cell)));
        }
        assert_true(cn_buf_add_char(&text, '\n'));
    }
    return text;
}

static const char *const recipes[] = {
    "let=r=(x-y)/(x%2By)**2",
    "let=k=md5(i,j,x,y,s,t,p)&let=u=upper(s)%2Bt",
    "let=k=md5(*)&let=l=sha256(*,frame='length')",
    "let=k=md5(i,x,s,text='raw')&let=h=hmac_sha256(s,t,key='main',null=None)",
    "let=h=xxh64(i,y,as='int64')&let=b=sha512(x,as='base64')",
    "let=n=is_null(s)&let=c=coalesce(s,t,'none')&let=w=where(p,i,j)",
    "let=a=1&let=b='text'&let=c=None&let=d=True",
    "let=i=i*2.5&let=s=str(x)&let=m=s%2B'!'",
    "let=f=float(j)&let=g=int(j)//1&let=q=p and x>0 or y<1",
    "let=z=replace(lower(t),'z','yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy')&select=z,s,i",
    "let=k=md5(s)&let=k2=md5(k,k)&let=l=length(k2)&select=l,k2",
    "let=d=i//(j-3)&let=e=10//i",
    "let=e=i*i*i*i*i&let=d=i//(j-3)",
    "let=v=int(s)&let=w=float(t)",
    "let=ok=md5(x)&let=v=int(x)&let=later=v%2B1",
    "let=r=round(x,2)&let=o=i<<j",
    "select=all",
    "let=u=i&let=v=s&let=w=p&select=w,v,u",
};

static void test_random_tables(void **state) {
    size_t failures = 0, runs = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 5; seed++) {
        struct cn_buf text = random_csv(seed, seed < 3 ? 40 : 1300, seed % 2 == 0);
        for (size_t r = 0; r < sizeof recipes / sizeof recipes[0]; r++) {
            for (int variant = 0; variant < 6; variant++) {
                static const char *const more[] = {"", "&on_error=null",
                                                   "&on_error=null&nan=error"};
                char options[512];
                snprintf(options, sizeof options, "%s%s", recipes[r], more[variant / 2]);
                struct request request = {.options = options,
                                          .source = CN_SOURCE_CSV,
                                          .sink = variant % 2 ? CN_SINK_JSON : CN_SINK_CSV,
                                          .names = names,
                                          .types = types,
                                          .n_columns = N_COLUMNS,
                                          .text = cn_buf_str(&text),
                                          .output_rows = seed == 1 ? 7 : 0,
                                          .pass = CN_PASS_OUTPUT};
                failures += agree(&request) != CN_OK;
                runs++;
            }
        }
        cn_buf_release(&text);
    }
    /* the tables are such that both happens often */
    assert_true(failures > runs / 10 && failures < runs * 9 / 10);
}

static void test_tables_of_one_column(void **state) {
    static const char *const fields[] = {"1", "2", "x", ""};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        char text[64];
        struct cn_str name = {"a b", 3};
        enum cn_type type = CN_TYPE_STRING;
        snprintf(text, sizeof text, "%s\n7\n%s\n", fields[i], fields[3 - i]);
        struct request request = {.options = "let=k=md5(`a b`,text='raw')&let=v=int(`a b`)",
                                  .source = CN_SOURCE_CSV,
                                  .sink = CN_SINK_CSV,
                                  .names = &name,
                                  .types = &type,
                                  .n_columns = 1,
                                  .text = cn_str_c(text),
                                  .pass = CN_PASS_OUTPUT};
        assert_int_equal(agree(&request), i == 0 || i == 3 ? CN_OK : CN_INVALID_VALUE);
    }
}

/* '*' covers columns that no name can tell apart. */
static void test_names_that_are_not_unique(void **state) {
    static const struct cn_str twice[] = {{"a", 1}, {"", 0}, {"a", 1}, {"", 0}, {"b", 1}};
    static const enum cn_type all[] = {CN_TYPE_INT64, CN_TYPE_STRING, CN_TYPE_FLOAT64,
                                       CN_TYPE_STRING, CN_TYPE_INT64};
    struct request request = {.options = "let=k=md5(*)&let=l=md5(*,text='raw')&let=c=b%2B1",
                              .source = CN_SOURCE_CSV,
                              .sink = CN_SINK_CSV,
                              .names = twice,
                              .types = all,
                              .n_columns = 5,
                              .text = CN_STR("1,x,2.50,y,3\n4,,5,z,6\n"),
                              .pass = CN_PASS_OUTPUT};
    struct outcome outcome;

    (void)state;
    assert_int_equal(agree(&request), CN_OK);
    run_kind(&request, "row", &outcome);
    /* md5 of "1_x_2.5_y_3" */
    assert_true(outcome.out.len > 45);
    assert_memory_equal(outcome.out.data, "1,x,2.50,y,3,f0f5eabdeb76ad2518d04603b9ac4da4", 45);
    cn_buf_release(&outcome.out);
}

static void test_texts_for_a_table_digest(void **state) {
    struct cn_buf text = random_csv(9, 2000, false);
    struct request request = {.options = "let=k=md5(i,x,s,over='table',null=None)",
                              .source = CN_SOURCE_CSV,
                              .sink = CN_SINK_JSON,
                              .names = names,
                              .types = types,
                              .n_columns = N_COLUMNS,
                              .text = cn_buf_str(&text),
                              .pass = CN_PASS_TABLE};

    (void)state;
    assert_int_equal(agree(&request), CN_OK);
    cn_buf_release(&text);
}

static void test_generated_numbers(void **state) {
    static const struct cn_str ab[] = {{"a", 1}, {"b", 1}};
    static const enum cn_type floats[] = {CN_TYPE_FLOAT64, CN_TYPE_FLOAT64};
    struct request request = {.options = "let=k=md5(a)&let=r=(a-b)/(a%2Bb)**2&let=s=sin(a)**0.3",
                              .source = CN_SOURCE_GENERATE,
                              .sink = CN_SINK_JSON,
                              .names = ab,
                              .types = floats,
                              .n_columns = 2,
                              .rows = 5000,
                              .pass = CN_PASS_OUTPUT};

    (void)state;
    assert_int_equal(agree(&request), CN_OK);
}

static void test_frames(void **state) {
    static const int64_t integers[] = {1, 0, 3};
    static const uint64_t offsets[] = {0, 2, 2, 5};
    static const uint8_t marks[] = {0, 1, 0};
    static const struct cn_str frame_names[] = {{"n", 1}, {"s", 1}, {"unused", 6}};
    static const enum cn_type frame_types[] = {CN_TYPE_INT64, CN_TYPE_STRING, CN_TYPE_NULL};
    const struct cn_column columns[] = {
        {.name = frame_names[0], .type = CN_TYPE_INT64, .values = integers},
        {.name = frame_names[1],
         .type = CN_TYPE_STRING,
         .offsets = offsets,
         .bytes = "abcde",
         .nulls = marks},
        {.name = frame_names[2], .type = CN_TYPE_NULL}};
    struct request request = {.options = "let=k=md5(*)&let=m=s%2B'-'&let=d=6//n&on_error=null",
                              .source = CN_SOURCE_FRAME,
                              .sink = CN_SINK_JSON,
                              .names = frame_names,
                              .types = frame_types,
                              .n_columns = 3,
                              .frame = columns,
                              .rows = 3,
                              .pass = CN_PASS_OUTPUT};

    (void)state;
    assert_int_equal(agree(&request), CN_OK);
    request.options = "let=m=s%2B'-'&let=d=6//n&let=e=1//0";
    assert_int_equal(agree(&request), CN_DIVISION_BY_ZERO);
}

/* A record holds all columns, and gives them by name. */
static void test_a_record(void **state) {
    struct cn_arena arena;
    struct cn_compute_state worker = {.seed = 7};
    static const int64_t integers[] = {10, 20};
    static const struct cn_str texts[] = {{"first", 5}, {"second", 6}};
    static const uint8_t marks[] = {0, 1};
    static const struct cn_str record_names[] = {{"n", 1}, {"s", 1}, {"n", 1}, {"", 0}};
    static const enum cn_type record_types[] = {CN_TYPE_INT64, CN_TYPE_STRING, CN_TYPE_INT64,
                                                CN_TYPE_NULL};
    struct cn_vector values[] = {{CN_TYPE_INT64, integers, NULL},
                                 {CN_TYPE_STRING, texts, NULL},
                                 {CN_TYPE_INT64, integers, marks},
                                 {CN_TYPE_NULL, NULL, NULL}};
    struct request request = {.options = "let=k=md5(*)",
                              .source = CN_SOURCE_FRAME,
                              .sink = CN_SINK_JSON,
                              .names = record_names,
                              .types = record_types,
                              .n_columns = 4,
                              .pass = CN_PASS_OUTPUT};

    (void)state;
    cn_arena_init(&arena, 4096);
    struct cn_spec *spec = make_spec(&request, "row", &arena);
    struct cn_plan *plan = make_plan(&request, spec, 1);
    struct cn_morsel morsel = {.state = &worker, .plan = plan, .values = values};
    assert_int_equal(plan->n_loaded, 4);
    for (size_t row = 0; row < 2; row++) {
        struct cn_record *record = cn_morsel_record_new(&morsel, row);
        assert_non_null(record);
        for (uint32_t c = 0; c < 4; c++) {
            const struct cn_program_input input = {.column = c};
            const struct cn_box *box = cn_morsel_record_find(record, &input, record_names[c]);
            assert_int_equal(box->type, record_types[c]);
            assert_int_equal(box->null, c == 3 || (c == 2 && row == 1));
            if (c == 0)
                assert_int_equal(box->value.integer, integers[row]);
            if (c != 1)
                continue;
            assert_true(cn_str_equal(box->value.text, texts[row]));
            assert_ptr_not_equal(box->value.text.data, texts[row].data);
        }
        cn_morsel_record_free(record);
    }
    cn_plan_unref(plan);
    cn_spec_unref(spec);
    cn_arena_release(&arena);
}

/* Only the mode `row` needs columns that no expression reads. */
static void test_what_is_loaded(void **state) {
    static const struct {
        const char *mode, *options;
        size_t loaded;
    } cases[] = {{"vector", "let=r=i%2Bj", 2},
                 {"tuple", "let=r=i%2Bj", 2},
                 {"row", "let=r=i%2Bj", N_COLUMNS},
                 {"row", "select=all", 0}};
    struct cn_arena arena;

    (void)state;
    cn_arena_init(&arena, 4096);
    for (size_t i = 0; i < 4; i++) {
        struct request request = {.options = cases[i].options,
                                  .source = CN_SOURCE_CSV,
                                  .sink = CN_SINK_CSV,
                                  .names = names,
                                  .types = types,
                                  .n_columns = N_COLUMNS,
                                  .pass = CN_PASS_OUTPUT};
        struct cn_spec *spec = make_spec(&request, cases[i].mode, &arena);
        struct cn_plan *plan = make_plan(&request, spec, 1);
        assert_int_equal(plan->n_loaded, cases[i].loaded);
        cn_plan_unref(plan);
        cn_spec_unref(spec);
    }
    cn_arena_release(&arena);
}

/* Booked by samples, but booked: hashing takes most of a hash's time, and none of a sum's. */
static void test_where_the_time_goes(void **state) {
    static const struct cn_str ab[] = {{"a", 1}, {"b", 1}};
    static const enum cn_type floats[] = {CN_TYPE_FLOAT64, CN_TYPE_FLOAT64};
    static const char *const modes[] = {"vector", "tuple", "row"};

    (void)state;
    for (int i = 0; i < 6; i++) {
        bool hashes = i >= 3;
        struct request request = {.options = hashes ? "let=k=sha512(a,b)" : "let=r=a%2Bb",
                                  .source = CN_SOURCE_GENERATE,
                                  .sink = CN_SINK_JSON,
                                  .names = ab,
                                  .types = floats,
                                  .n_columns = 2,
                                  .rows = 20000,
                                  .pass = CN_PASS_OUTPUT};
        struct outcome outcome;
        run_kind(&request, modes[i % 3], &outcome);
        expect_spans(&outcome);
        assert_true(outcome.spans.ns[CN_SPAN_EVALUATE] > 0);
        if (hashes)
            assert_true(outcome.spans.ns[CN_SPAN_HASH] > outcome.spans.ns[CN_SPAN_EVALUATE] / 4);
        else
            assert_int_equal(outcome.spans.ns[CN_SPAN_HASH], 0);
        assert_int_equal(outcome.spans.ns[CN_SPAN_LOCK], 0);
        cn_buf_release(&outcome.out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_tables),
        cmocka_unit_test(test_tables_of_one_column),
        cmocka_unit_test(test_names_that_are_not_unique),
        cmocka_unit_test(test_texts_for_a_table_digest),
        cmocka_unit_test(test_generated_numbers),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_a_record),
        cmocka_unit_test(test_what_is_loaded),
        cmocka_unit_test(test_where_the_time_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

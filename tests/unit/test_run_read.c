/* A run's document back into a record: nothing is lost, and what does not fit is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "handlers/run_document.h"
#include "handlers/run_read.h"
#include "handlers/run_trace.h"
#include "tests/unit/run_helpers.h"

#define COMPARISON                                                                                 \
    "{\"run\":\"r\",\"workload\":{\"what\":\"r = a\",\"rows\":3},\"identical\":true,"              \
    "\"differing\":[],\"cases\":[{\"case\":0,\"executor\":\"serial\",\"workers\":1,\"mode\":"      \
    "null,\"chunk_rows\":3,\"rows\":3,\"repeat\":{\"runs\":1,\"mean_ns\":5,\"stddev_ns\":0,"       \
    "\"min_ns\":5,\"median_ns\":5,\"samples_ns\":[5]},\"speedup\":1.0,\"efficiency\":null,"        \
    "\"digest\":\"00\",\"disturbed\":false}],\"amdahl\":[],\"decomposition\":{\"from\":0,"         \
    "\"to\":0,\"ratio\":1.0,\"factors\":[]},\"paths\":[],\"verdict\":[\"So.\"],\"cpus\":"          \
    "{\"usable\":2},\"timing\":{}}"

struct sample {
    struct cn_run_record record;
    struct cn_run_chunk chunks[2];
    struct cn_run_worker workers[1];
    struct cn_str recipe[2];
    struct cn_str lets[2];
    uint64_t errors[2];
    int64_t samples[3];
};

static void fill(struct sample *sample) {
    struct cn_run_record *record = &sample->record;
    *sample = (struct sample){.record = run_make(42),
                              .recipe = {CN_STR("r = a + '\"\x01'"), CN_STR("s = r")},
                              .lets = {CN_STR("r"), CN_STR("s\0t")},
                              .errors = {7, 0},
                              .samples = {30, 10, 20}};
    record->executor = "gil";
    record->emulated = true;
    record->n_chunks = 9;
    record->chunk_rows = 12;
    record->reason = "because";
    record->send_ns = 17;
    cn_ledger_start(&record->ledger, 1000);
    cn_ledger_enter(&record->ledger, CN_STAGE_PLAN, 1010);
    cn_ledger_enter(&record->ledger, CN_STAGE_EXECUTE, 1110);
    cn_ledger_end(&record->ledger, 2501110);
    sample->chunks[1] =
        (struct cn_run_chunk){.chunk = 1, .worker = -1, .rows = 12, .start_ns = 3, .pid = 99};
    sample->chunks[1].spans.ns[CN_SPAN_LOCK] = 77;
    sample->workers[0] = (struct cn_run_worker){.pid = 99, .chunks = 9, .wall_ns = 10, .cpu_ns = 4};
    sample->workers[0].spans.ns[CN_SPAN_WAIT] = -3;
    record->recipe = sample->recipe;
    record->lets = sample->lets;
    record->errors = sample->errors;
    record->n_recipe = record->n_lets = 2;
    record->input_types = CN_STR("a:int64");
    record->chunks = sample->chunks;
    record->listed_chunks = 2;
    record->worker = sample->workers;
    record->n_worker = 1;
    record->samples = sample->samples;
    record->n_samples = 3;
    record->failed = true;
    cn_error_init(&record->error);
    cn_error_set(&record->error, CN_INVALID_VALUE, "The text \"x\" is no number.");
    cn_error_set_column(&record->error, CN_STR("a"));
    cn_error_set_value(&record->error, CN_STR(""));
    record->error.row = 0;
    record->input = (struct cn_run_input){
        .kind = CN_INPUT_UPLOAD, .media_type = "text/csv", .bytes = 1000, .generate = CN_STR("")};
    snprintf(record->input.digest, sizeof record->input.digest, "%032x", 5);
    record->request = CN_STR("{\"path\":\"/v1/compute\",\"options\":[[\"let\",\"r=a\"]]}");
    record->document = CN_STR(COMPARISON);
    record->machine = (struct cn_run_machine){"1.2.3", "A CPU", 2, 99};
}

static struct cn_buf write_run(const struct cn_run_record *record) {
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_json_out out;
    cn_json_out_init(&out, &buf);
    cn_run_document_write(&out, record, NULL);
    assert_true(out.ok);
    return buf;
}

static void assert_reads_back(const struct cn_run_record *record) {
    struct cn_arena arena;
    struct cn_run_record read;
    struct cn_error error;
    struct cn_buf first = write_run(record), trace = CN_BUF_INIT;
    struct cn_json_out out;
    cn_error_init(&error);
    cn_arena_init(&arena, 1024);
    if (cn_run_record_read(cn_buf_str(&first), &arena, &read, &error) != CN_OK)
        fail_msg("%s: %.*s", error.detail, (int)first.len, first.data);
    struct cn_buf second = write_run(&read);
    if (!cn_str_equal(cn_buf_str(&first), cn_buf_str(&second)))
        fail_msg("%.*s\nbecame\n%.*s", (int)first.len, first.data, (int)second.len, second.data);
    cn_json_out_init(&out, &trace);
    cn_run_trace_write(&out, NULL, &read);
    assert_true(out.ok);
    cn_buf_release(&first);
    cn_buf_release(&second);
    cn_buf_release(&trace);
    cn_arena_release(&arena);
}

static void nothing_is_lost(void **state) {
    (void)state;
    static struct sample sample;
    fill(&sample);
    assert_reads_back(&sample.record);
    sample.record.failed = false;
    sample.record.input = (struct cn_run_input){
        .kind = CN_INPUT_GENERATED,
        .generate = CN_STR("{\"rows\": 5, \"columns\": [\"a\"], \"seed\": 18446744073709551615}")};
    sample.record.request = CN_STR("{\"path\":\"/v1/map\",\"json\":{\"x\":[1e400, [[{}]]]}}");
    sample.record.imported = true;
    assert_reads_back(&sample.record);
    struct cn_run_record plain = run_make(1);
    plain.executor = plain.mode = NULL;
    assert_reads_back(&plain);
}

/* ---- workers on other machines ------------------------------------------------------------- */

/* The sample as two workers of a cluster ran it, the second one with both chunks. */
static struct cn_run_record *fill_remote(struct sample *sample) {
    struct cn_run_record *record = &sample->record;
    static struct cn_run_worker workers[2];
    fill(sample);
    record->executor = "dask";
    record->emulated = false;
    record->ledger.ns[CN_STAGE_EXECUTE] -= 30;
    record->ledger.ns[CN_STAGE_SHIP] = 15;
    record->ledger.ns[CN_STAGE_SCHEDULE] = 10;
    record->ledger.ns[CN_STAGE_FETCH] = 5;
    workers[0] = (struct cn_run_worker){.worker = 0, .host = "far \"1\"", .wall_ns = 10};
    workers[1] = (struct cn_run_worker){.worker = 1, .host = "far 2", .chunks = 2, .wall_ns = 100};
    workers[1].spans = (struct cn_spans){.ns = {[CN_SPAN_SHIP] = 50, [CN_SPAN_FETCH] = 50}};
    record->worker = workers;
    record->n_worker = 2;
    sample->chunks[0] = (struct cn_run_chunk){.worker = 1, .start_ns = 1000};
    sample->chunks[0].spans = (struct cn_spans){.ns = {[CN_SPAN_SHIP] = 1000,
                                                       [CN_SPAN_SCHEDULE] = 2000,
                                                       [CN_SPAN_EVALUATE] = 3000,
                                                       [CN_SPAN_FETCH] = 4000}};
    sample->chunks[1] = (struct cn_run_chunk){.chunk = 1, .worker = 1, .start_ns = 11000};
    return record;
}

static void a_host_is_kept(void **state) {
    (void)state;
    static struct sample sample;
    struct cn_buf run = write_run(fill_remote(&sample));
    assert_true(cn_buf_add_char(&run, '\0'));
    assert_non_null(strstr(run.data, "\"worker\":1,\"pid\":0,\"host\":\"far 2\",\"chunks\":2"));
    assert_non_null(strstr(run.data, "{\"stage\":\"schedule\",\"ns\":10}"));
    cn_buf_release(&run);
    assert_reads_back(&sample.record);
    fill(&sample);
    run = write_run(&sample.record);
    assert_true(cn_buf_add_char(&run, '\0'));
    assert_null(strstr(run.data, "host"));
    cn_buf_release(&run);
}

/* Each is a process of its own in a trace, whose stages come in the order in which they happened.
 */
static void remote_workers_are_lanes(void **state) {
    (void)state;
    static struct sample sample;
    struct cn_buf trace = CN_BUF_INIT;
    struct cn_json_out out;
    static const char *const wanted[] = {
        "\"name\":\"process_name\",\"pid\":99,\"tid\":0,\"args\":{\"name\":\"colonnade\"}",
        "\"name\":\"process_name\",\"pid\":4194305,\"tid\":0,\"args\":{\"name\":\"dask worker 0 "
        "on far \\\"1\\\"\"}",
        "\"name\":\"process_name\",\"pid\":4194306,\"tid\":0,\"args\":{\"name\":\"dask worker 1 "
        "on far 2\"}",
        "\"name\":\"chunk 0\",\"cat\":\"chunk\",\"pid\":4194306,\"tid\":2,\"ts\":1.000,\"dur\":10."
        "000",
        "\"name\":\"ship\",\"cat\":\"stage\",\"pid\":4194306,\"tid\":2,\"ts\":1.000,\"dur\":1.000",
        "\"name\":\"schedule\",\"cat\":\"stage\",\"pid\":4194306,\"tid\":2,\"ts\":2.000,",
        "\"name\":\"evaluate\",\"cat\":\"stage\",\"pid\":4194306,\"tid\":2,\"ts\":4.000,",
        "\"name\":\"fetch\",\"cat\":\"stage\",\"pid\":4194306,\"tid\":2,\"ts\":7.000,\"dur\":4.000",
        "\"name\":\"chunk 1\"",
    };
    cn_json_out_init(&out, &trace);
    cn_run_trace_write(&out, NULL, fill_remote(&sample));
    assert_true(out.ok && cn_buf_add_char(&trace, '\0'));
    const char *at = trace.data;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        at = strstr(at, wanted[i]);
        if (!at)
            fail_msg("%s is not there, or too early: %s", wanted[i], trace.data);
    }
    assert_null(strstr(at + 1, "\"name\":\"chunk "));
    cn_buf_release(&trace);

    /* A chunk that was given up before a worker had it is on no lane. */
    trace = CN_BUF_INIT;
    sample.chunks[0].worker = -1;
    cn_json_out_init(&out, &trace);
    cn_run_trace_write(&out, NULL, &sample.record);
    assert_true(out.ok && cn_buf_add_char(&trace, '\0'));
    assert_null(strstr(trace.data, "\"name\":\"chunk 0\""));
    cn_buf_release(&trace);
}

/* ---- files --------------------------------------------------------------------------------- */

/* The sample's file with the first `from` replaced. */
static struct cn_buf make_file(const char *from, const char *to) {
    static struct sample sample;
    struct cn_buf file = CN_BUF_INIT, changed = CN_BUF_INIT;
    fill(&sample);
    struct cn_buf run = write_run(&sample.record);
    assert_true(cn_buf_printf(&file,
                              "{\"colonnade_run\":1,\"exported_at\":\"2026-11-22T18:00:00.000001Z\""
                              ",\"run\":%.*s,\"trace\":{\"any\":[1]}}",
                              (int)run.len, run.data));
    const char *at = memmem(file.data, file.len, from, strlen(from));
    if (!at)
        fail_msg("%s does not occur in %.*s", from, (int)file.len, file.data);
    size_t before = (size_t)(at - file.data), behind = before + strlen(from);
    assert_true(cn_buf_add(&changed, file.data, before) && cn_buf_add_c(&changed, to) &&
                cn_buf_add(&changed, file.data + behind, file.len - behind));
    cn_buf_release(&file);
    cn_buf_release(&run);
    return changed;
}

static enum cn_code read_file(const char *from, const char *to, struct cn_error *error) {
    struct cn_arena arena;
    struct cn_run_record record;
    struct cn_buf file = make_file(from, to);
    cn_error_init(error);
    cn_arena_init(&arena, 1024);
    enum cn_code code = cn_run_file_read(cn_buf_str(&file), 64, &arena, &record, error);
    if (code == CN_OK)
        assert_true(record.imported);
    cn_buf_release(&file);
    cn_arena_release(&arena);
    return code;
}

static const struct fault {
    const char *from;
    const char *to;
    enum cn_code code;
    const char *parameter;
} faults[] = {
    {"\"colonnade_run\":1", "\"colonnade_run\":2,\"x\":0", CN_INVALID_PARAMETER, "colonnade_run"},
    {"\"colonnade_run\":1,", "", CN_INVALID_PARAMETER, "colonnade_run"},
    {"\"colonnade_run\":1,", "\"colonnade_run\":1,\"x\":0,", CN_UNKNOWN_PARAMETER, "x"},
    {"2026-11-22T18", "2026-11-32T18", CN_INVALID_PARAMETER, "exported_at"},
    {"{\"id\":", "{\"ID\":", CN_UNKNOWN_PARAMETER, "run.ID"},
    {"{\"id\":\"0", "{\"id\":\"g", CN_INVALID_PARAMETER, "run.id"},
    {"{\"id\":", "{\"id\":\"\",\"id\":", CN_INVALID_PARAMETER, "run.id"},
    {"[\"let\",\"r=a\"]", "[\"let\",\"r=a\",\"x\"]", CN_INVALID_PARAMETER,
     "run.request.options[0]"},
    {"\"operation\":\"compute\"", "\"operation\":\"<b>\"", CN_INVALID_PARAMETER, "run.operation"},
    {"\"executor\":\"gil\"", "\"executor\":7", CN_INVALID_PARAMETER, "run.executor"},
    {"\"mode\":\"vector\"", "\"mode\":\"fast\"", CN_INVALID_PARAMETER, "run.mode"},
    {"\"rows\":42", "\"rows\":-1", CN_INVALID_PARAMETER, "run.rows"},
    {"\"rows\":42", "\"rows\":4.2", CN_INVALID_PARAMETER, "run.rows"},
    {"\"rows\":42", "\"rows\":9223372036854775808", CN_INVALID_PARAMETER, "run.rows"},
    {"\"status\":200,\"wall_ns\":2500110", "\"status\":200,\"wall_ns\":1", CN_INVALID_PARAMETER,
     "run.wall_ns"},
    {"{\"r\":7", "{\"r\":\"7\"", CN_INVALID_PARAMETER, "run.errors.r"},
    {"\"s = r\"]", "5]", CN_INVALID_PARAMETER, "run.recipe[1]"},
    {"\"reason\":\"because\"", "\"reason\":\"a\\u0000b\"", CN_INVALID_PARAMETER,
     "run.execution.reason"},
    {"\"stage\":\"execute\",\"ns\":2500000", "\"stage\":\"execute\",\"ns\":-1",
     CN_INVALID_PARAMETER, "run.timing.ledger[1].ns"},
    {"\"stage\":\"execute\"", "\"stage\":\"plan\"", CN_INVALID_PARAMETER, "run.timing.ledger"},
    {"\"stage\":\"execute\"", "\"stage\":\"lunch\"", CN_INVALID_PARAMETER,
     "run.timing.ledger[1].stage"},
    {"\"unaccounted_ns\":10", "\"unaccounted_ns\":11", CN_INVALID_PARAMETER, "run.timing.wall_ns"},
    {"\"stages\":{\"wait\":-3}", "\"stages\":{\"idle\":-3}", CN_UNKNOWN_PARAMETER,
     "run.timing.workers[0].stages.idle"},
    {"\"samples_ns\":[30", "\"samples_ns\":[\"30\"", CN_INVALID_PARAMETER,
     "run.timing.repeat.samples_ns[0]"},
    {"\"code\":\"invalid_value\"", "\"code\":\"no_such\"", CN_INVALID_PARAMETER, "run.error.code"},
    {"\"lock\":77", "\"lock\":9007199254740993", CN_INVALID_PARAMETER, "run.chunks[1].stages.lock"},
    {"\"kind\":\"upload\"", "\"kind\":\"stolen\"", CN_INVALID_PARAMETER, "run.input.kind"},
    {"xxh3_128:0", "md5:0", CN_INVALID_PARAMETER, "run.input.digest"},
    {"\"path\":\"/v1/compute\"", "\"path\":\"/v1/session\"", CN_INVALID_PARAMETER,
     "run.request.path"},
    {"[\"let\",\"r=a\"]", "[\"let\"]", CN_INVALID_PARAMETER, "run.request.options[0]"},
    {"\"usable_cpus\":2", "\"usable_cpus\":null", CN_INVALID_PARAMETER, "run.machine.usable_cpus"},
    {"\"verdict\":[\"So.\"]", "\"verdict\":\"So.\"", CN_INVALID_PARAMETER,
     "run.comparison.verdict"},
    {"\"speedup\":1.0", "\"speedup\":\"1\"", CN_INVALID_PARAMETER,
     "run.comparison.cases[0].speedup"},
    {"\"from\":0,\"to\":0", "\"from\":0,\"to\":1", CN_INVALID_PARAMETER, "run.comparison"},
    {"\"trace\":{\"any\":[1]}", "\"trace\":{\"any\":[1}", CN_INVALID_JSON, ""},
    {"\"trace\":{\"any\":[1]}", "\"trace\":{\"any\":[\"\xff\"]}", CN_INVALID_ENCODING, ""},
};

static void faults_are_named(void **state) {
    (void)state;
    struct cn_error error;
    assert_int_equal(read_file("\"trace\":", "\"trace\":", &error), CN_OK);
    assert_int_equal(read_file(",\"trace\":{\"any\":[1]}", "", &error), CN_OK);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        const struct fault *fault = &faults[i];
        enum cn_code code = read_file(fault->from, fault->to, &error);
        if (code != fault->code || error.code != code ||
            strcmp(error.parameter, fault->parameter) != 0 || !error.detail[0])
            fail_msg("%s: %s, parameter '%s': %s", fault->to, cn_code_name(code), error.parameter,
                     error.detail);
    }
}

/* Each list of a file has a bound: small in a text is not small in memory. */
static void lists_are_bounded(void **state) {
    (void)state;
    static const struct {
        const char *from, *head, *item, *tail, *parameter;
    } lists[] = {
        {"\"differing\":[", "\"differing\":[", "0,", "0", "run.comparison.differing"},
        {"\"samples_ns\":[5]", "\"samples_ns\":[", "5,", "5]",
         "run.comparison.cases[0].repeat.samples_ns"},
        {"\"factors\":[]", "\"factors\":[", "{\"step\":\"\",\"factor\":1,\"from\":0,\"to\":0},",
         "{\"step\":\"\",\"factor\":1,\"from\":0,\"to\":0}]",
         "run.comparison.decomposition.factors"},
        {"\"verdict\":[", "\"verdict\":[", "\"\",", "", "run.comparison.verdict"},
        {"\"options\":[", "\"options\":[", "[\"a\",\"b\"],", "", "run.request.options"},
        {"\"recipe\":[", "\"recipe\":[", "\"\",", "", "run.recipe"},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct cn_buf to = CN_BUF_INIT;
        struct cn_error error;
        assert_true(cn_buf_add_c(&to, lists[i].head));
        for (int n = 0; n < 1 << 16; n++)
            assert_true(cn_buf_add_c(&to, lists[i].item));
        assert_true(cn_buf_add_c(&to, lists[i].tail) && cn_buf_add_char(&to, '\0'));
        assert_int_equal(read_file(lists[i].from, to.data, &error), CN_INVALID_PARAMETER);
        if (strcmp(error.parameter, lists[i].parameter) != 0 ||
            !strstr(error.detail, "at most 65536 elements"))
            fail_msg("%s: '%s': %s", lists[i].parameter, error.parameter, error.detail);
        cn_buf_release(&to);
    }
}

static void files_without_a_pid_are_taken(void **state) {
    (void)state;
    struct cn_error error;
    assert_int_equal(read_file("\"usable_cpus\":2,\"pid\":99", "\"usable_cpus\":2", &error), CN_OK);
    assert_int_equal(
        read_file("\"usable_cpus\":2,\"pid\":99", "\"usable_cpus\":2,\"pid\":null", &error), CN_OK);
}

static void a_host_is_a_short_name(void **state) {
    (void)state;
    struct cn_error error;
    char host[128];
    static const char *const wrong[] = {"\"\"", "7", "null", "\"a\\u0000b\""};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(host, sizeof host, "\"pid\":99,\"host\":%s,\"chunks\":9", wrong[i]);
        assert_int_equal(read_file("\"pid\":99,\"chunks\":9", host, &error), CN_INVALID_PARAMETER);
        assert_string_equal(error.parameter, "run.timing.workers[0].host");
    }
    for (int len = 63; len <= 64; len++) {
        snprintf(host, sizeof host, "\"pid\":0,\"host\":\"%0*d\",\"chunks\":9", len, 0);
        assert_int_equal(read_file("\"pid\":99,\"chunks\":9", host, &error),
                         len == 63 ? CN_OK : CN_INVALID_PARAMETER);
    }
}

static void depth_is_bounded(void **state) {
    (void)state;
    static char deep[4096];
    struct cn_error error;
    memset(deep, '[', 200);
    memset(deep + 200, ']', 200);
    assert_int_equal(read_file("[1]", deep, &error), CN_LIMIT_EXCEEDED);
    assert_string_equal(error.limit, "--max-json-depth");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost),          cmocka_unit_test(faults_are_named),
        cmocka_unit_test(lists_are_bounded),        cmocka_unit_test(files_without_a_pid_are_taken),
        cmocka_unit_test(depth_is_bounded),         cmocka_unit_test(a_host_is_kept),
        cmocka_unit_test(remote_workers_are_lanes), cmocka_unit_test(a_host_is_a_short_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

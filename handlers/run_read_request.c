/*
 * run_read_request.c: what a run was computed from and asked for, and where it ran.
 */
#include <string.h>

#include "handlers/run_read_inside.h"

/* An object or array that is kept as it is once it was checked: first mark, then take. */
static const char *mark(struct cn_json_in *in) {
    cn_json_peek(&in->scan);
    return in->scan.at;
}

static struct cn_str take(const struct cn_json_in *in, const char *start) {
    return cn_str(start, (size_t)(in->scan.at - start));
}

/* ---- input -------------------------------------------------------------------------------- */

struct read_input {
    const char *kind;
    const char *media_type;
    uint64_t bytes;
    struct cn_str digest;
    struct cn_str generate;
};

/* "xxh3_128:HEX" */
static enum cn_code take_digest(struct cn_json_in *in, struct cn_str digest,
                                struct cn_run_input *input, struct cn_error *error) {
    static const char prefix[] = "xxh3_128:";
    const size_t skip = sizeof prefix - 1;
    bool good = digest.len == skip + 32 && memcmp(digest.data, prefix, skip) == 0;
    for (size_t i = skip; good && i < digest.len; i++)
        good = cn_hex_digit(digest.data[i]) >= 0 && (digest.data[i] < 'A' || digest.data[i] > 'F');
    if (!good)
        return cn_json_in_wrong_member(in, "digest",
                                       "xxh3_128: and 32 lower-case hexadecimal digits", error);
    memcpy(input->digest, digest.data + skip, 32);
    input->digest[32] = '\0';
    return CN_OK;
}

static enum cn_code read_column(struct cn_json_in *in, void *item, struct cn_error *error) {
    static const struct cn_json_field field = {.kind = CN_IN_STRING};
    return cn_json_in_value(in, &field, item, error);
}

static enum cn_code read_columns(struct cn_json_in *in, void *target, struct cn_error *error) {
    struct cn_json_items columns = {.size = 1, .read = read_column};
    (void)target;
    return cn_json_in_array(in, &columns, error);
}

static enum cn_code read_generate(struct cn_json_in *in, void *target, struct cn_error *error) {
    static const struct cn_json_field fields[] = {
        {.name = "rows", .kind = CN_IN_NUMBER},
        {.name = "columns", .kind = CN_IN_CALL, .read = read_columns, .optional = true},
        {.name = "distribution", .kind = CN_IN_STRING, .optional = true},
        {.name = "seed", .kind = CN_IN_NUMBER, .optional = true},
    };
    static const struct cn_json_shape shape = CN_SHAPE(fields);
    struct cn_str *generate = target;
    const char *start = mark(in);
    CN_TRY(cn_json_in_object(in, &shape, target, error));
    *generate = take(in, start);
    return CN_OK;
}

enum cn_code cn_run_read_input(struct cn_json_in *in, void *target, struct cn_error *error) {
    static const struct cn_json_field fields[] = {
        {.name = "kind", .kind = CN_IN_NAME, .offset = offsetof(struct read_input, kind)},
        {.name = "media_type",
         .kind = CN_IN_NAME,
         .optional = true,
         .nullable = true,
         .offset = offsetof(struct read_input, media_type)},
        {.name = "bytes",
         .kind = CN_IN_INT,
         .size = 8,
         .most = INT64_MAX,
         .optional = true,
         .offset = offsetof(struct read_input, bytes)},
        {.name = "digest",
         .kind = CN_IN_TEXT,
         .optional = true,
         .nullable = true,
         .offset = offsetof(struct read_input, digest)},
        {.name = "generate",
         .kind = CN_IN_CALL,
         .read = read_generate,
         .optional = true,
         .nullable = true,
         .offset = offsetof(struct read_input, generate)},
    };
    static const struct cn_json_shape shape = CN_SHAPE(fields);
    struct run_reading *reading = target;
    struct cn_run_input *input = &reading->record.input;
    struct read_input read = {0};
    CN_TRY(cn_json_in_object(in, &shape, &read, error));
    if (strcmp(read.kind, "upload") == 0)
        input->kind = CN_INPUT_UPLOAD;
    else if (strcmp(read.kind, "generated") == 0)
        input->kind = CN_INPUT_GENERATED;
    else
        return cn_json_in_wrong_member(in, "kind", "upload or generated", error);
    input->media_type = read.media_type;
    input->bytes = read.bytes;
    input->generate = read.generate;
    return read.digest.data ? take_digest(in, read.digest, input, error) : CN_OK;
}

/* ---- request ------------------------------------------------------------------------------ */

struct read_request {
    const char *path;
    struct cn_str json;
    struct cn_json_items options;
};

/* ["executor", "threads"] */
static enum cn_code read_word(struct cn_json_in *in, void *item, struct cn_error *error) {
    static const struct cn_json_field field = {.kind = CN_IN_TEXT};
    return cn_json_in_value(in, &field, item, error);
}

static enum cn_code read_option(struct cn_json_in *in, void *item, struct cn_error *error) {
    struct cn_json_items words = {.size = sizeof(struct cn_str), .read = read_word, .most = 2};
    (void)item;
    CN_TRY(cn_json_in_array(in, &words, error));
    return words.n == 2 ? CN_OK
                        : cn_json_in_wrong(in, CN_STR(""), "an array of a name and a value", error);
}

static enum cn_code read_options(struct cn_json_in *in, void *target, struct cn_error *error) {
    struct cn_json_items *options = target;
    *options = (struct cn_json_items){.size = 1, .read = read_option};
    return cn_json_in_array(in, options, error);
}

/* Somebody will press a button that sends it: it may only go where work is done. */
static enum cn_code check_request(struct cn_json_in *in, const struct read_request *request,
                                  struct cn_error *error) {
    static const char *const known[] = {"/v1/compute", "/v1/map", "/v1/compare"};
    bool good = false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        good = good || strcmp(request->path, known[i]) == 0;
    if (!good)
        return cn_json_in_wrong_member(in, "path", "/v1/compute, /v1/map or /v1/compare", error);
    if (request->json.len > 0 && request->json.data[0] != '{')
        return cn_json_in_wrong_member(in, "json", "an object", error);
    return CN_OK;
}

enum cn_code cn_run_read_request(struct cn_json_in *in, void *target, struct cn_error *error) {
    static const struct cn_json_field fields[] = {
        {.name = "path", .kind = CN_IN_NAME, .offset = offsetof(struct read_request, path)},
        {.name = "json",
         .kind = CN_IN_RAW,
         .optional = true,
         .offset = offsetof(struct read_request, json)},
        {.name = "options",
         .kind = CN_IN_CALL,
         .read = read_options,
         .optional = true,
         .offset = offsetof(struct read_request, options)},
    };
    static const struct cn_json_shape shape = CN_SHAPE(fields);
    struct run_reading *reading = target;
    struct read_request request = {0};
    const char *start = mark(in);
    CN_TRY(cn_json_in_object(in, &shape, &request, error));
    CN_TRY(check_request(in, &request, error));
    reading->record.request = take(in, start);
    return CN_OK;
}

/* ---- machine ------------------------------------------------------------------------------ */

enum cn_code cn_run_read_machine(struct cn_json_in *in, void *target, struct cn_error *error) {
    static const struct cn_json_field fields[] = {
        {.name = "version",
         .kind = CN_IN_NAME,
         .nullable = true,
         .offset = offsetof(struct cn_run_machine, version)},
        {.name = "cpu",
         .kind = CN_IN_NAME,
         .nullable = true,
         .offset = offsetof(struct cn_run_machine, cpu)},
        {.name = "usable_cpus",
         .kind = CN_IN_INT,
         .size = 8,
         .most = INT32_MAX,
         .offset = offsetof(struct cn_run_machine, usable_cpus)},
        {.name = "pid",
         .kind = CN_IN_INT,
         .size = 8,
         .most = INT32_MAX,
         .optional = true, /* files of older versions have none */
         .nullable = true,
         .offset = offsetof(struct cn_run_machine, pid)},
    };
    static const struct cn_json_shape shape = CN_SHAPE(fields);
    struct run_reading *reading = target;
    return cn_json_in_object(in, &shape, &reading->record.machine, error);
}

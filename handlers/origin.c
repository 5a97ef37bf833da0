#include "handlers/origin.h"

#include <string.h>

#include "handlers/json_out.h"
#include "handlers/query.h"
#include "kernels/fingerprint.h"

enum cn_code cn_origin_new(struct cn_exchange *exchange, const char *path, bool data,
                           struct cn_error *error) {
    struct cn_origin *origin = cn_arena_zalloc(&exchange->arena, sizeof *origin);

    if (!origin)
        return cn_error_memory(error);
    origin->arena = &exchange->arena;
    origin->path = path;
    cn_buf_init(&origin->options);
    if (data) {
        origin->fingerprint = cn_fingerprint_new();
        if (!origin->fingerprint)
            return cn_error_memory(error);
    }
    exchange->origin = origin;
    return CN_OK;
}

void cn_origin_release(struct cn_origin *origin) {
    if (!origin)
        return;
    cn_fingerprint_free(origin->fingerprint);
    origin->fingerprint = NULL;
    cn_buf_release(&origin->options);
}

/* ---- data ---------------------------------------------------------------------------------- */

void cn_origin_data(struct cn_origin *origin, struct cn_str piece) {
    if (!origin || !origin->fingerprint)
        return;
    cn_fingerprint_add(origin->fingerprint, piece.data, piece.len);
    origin->bytes += piece.len;
}

void cn_origin_end(struct cn_origin *origin) {
    if (!origin || !origin->fingerprint)
        return;
    cn_fingerprint_write(origin->fingerprint, origin->input.digest);
    cn_fingerprint_free(origin->fingerprint);
    origin->fingerprint = NULL;
    origin->whole = true;
}

void cn_origin_upload(struct cn_origin *origin, const char *media_type) {
    if (!origin)
        return;
    origin->input.kind = CN_INPUT_UPLOAD;
    origin->input.media_type = media_type;
}

void cn_origin_no_upload(struct cn_origin *origin) {
    if (!origin)
        return;
    origin->input.kind = CN_INPUT_NONE;
    origin->unkept = true;
}

static void write_generate(struct cn_json_out *out, const struct cn_generate *generate) {
    cn_json_out_open(out, NULL, '{');
    cn_json_out_int(out, "rows", (int64_t)generate->rows);
    cn_json_out_open(out, "columns", '[');
    for (size_t i = 0; i < generate->n_columns; i++)
        cn_json_out_text(out, NULL, generate->columns[i]);
    cn_json_out_close(out, ']');
    cn_json_out_c(out, "distribution", generate->normal ? "normal" : "uniform");
    cn_json_out_int(out, "seed", (int64_t)generate->seed);
    cn_json_out_close(out, '}');
}

/* A copy in the arena; what is too long, or could not be written, is not kept. */
static struct cn_str keep(const struct cn_origin *origin, const struct cn_json_out *out) {
    struct cn_str text = cn_buf_str(out->buf);
    if (!out->ok || text.len > CN_ORIGIN_REQUEST_BYTES)
        return CN_STR("");
    text = cn_arena_str(origin->arena, text);
    return text.data ? text : CN_STR("");
}

void cn_origin_generated(struct cn_origin *origin, const struct cn_generate *generate) {
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_json_out out;

    if (!origin)
        return;
    cn_json_out_init(&out, &buf);
    write_generate(&out, generate);
    origin->input.kind = CN_INPUT_GENERATED;
    origin->input.generate = keep(origin, &out);
    cn_buf_release(&buf);
}

/* ---- the request --------------------------------------------------------------------------- */

void cn_origin_option(struct cn_origin *origin, struct cn_str name, struct cn_str value) {
    struct cn_json_out out;

    if (!origin || origin->unkept)
        return;
    cn_json_out_init(&out, &origin->options);
    out.first = origin->options.len == 0;
    cn_json_out_open(&out, NULL, '[');
    cn_json_out_text(&out, NULL, name);
    cn_json_out_text(&out, NULL, value);
    cn_json_out_close(&out, ']');
    origin->unkept = !out.ok || origin->options.len > CN_ORIGIN_REQUEST_BYTES;
}

void cn_origin_query(struct cn_origin *origin, const char *query) {
    struct cn_query reader;
    struct cn_query_pair pair;

    if (!origin)
        return;
    cn_query_init(&reader, query, origin->arena);
    while (cn_query_next(&reader, &pair, NULL) == CN_OK && pair.found)
        cn_origin_option(origin, pair.name, pair.value);
}

/* Without the blanks between tokens. Returns the length. */
static size_t squeeze(struct cn_str text, char *out) {
    size_t len = 0;
    bool inside = false;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (!inside && (c == ' ' || c == '\t' || c == '\n' || c == '\r'))
            continue;
        out[len++] = c;
        if (inside && c == '\\' && i + 1 < text.len)
            out[len++] = text.data[++i];
        else if (c == '"')
            inside = !inside;
    }
    return len;
}

void cn_origin_json(struct cn_origin *origin, struct cn_str text) {
    if (!origin || text.len > CN_ORIGIN_REQUEST_BYTES)
        return;
    char *squeezed = cn_arena_alloc(origin->arena, text.len + 1);
    if (squeezed)
        origin->json = cn_str(squeezed, squeeze(text, squeezed));
}

static void write_options(struct cn_json_out *out, const struct cn_origin *origin) {
    cn_json_out_open(out, "options", '[');
    out->ok = cn_buf_add_str(out->buf, cn_buf_str(&origin->options)) && out->ok;
    cn_json_out_close(out, ']');
}

static struct cn_str make_request(const struct cn_origin *origin) {
    bool json = origin->json.data != NULL;
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_json_out out;

    cn_json_out_init(&out, &buf);
    cn_json_out_open(&out, NULL, '{');
    cn_json_out_c(&out, "path", origin->path);
    if (json) {
        cn_json_out_key(&out, "json");
        out.ok = cn_buf_add_str(&buf, origin->json) && out.ok;
    } else {
        write_options(&out, origin);
    }
    cn_json_out_close(&out, '}');
    struct cn_str text = keep(origin, &out);
    cn_buf_release(&buf);
    return text;
}

/* Options beside data. JSON data without any have their options in them, and are not kept. */
static bool has_options(const struct cn_origin *origin) {
    const char *type = origin->input.kind == CN_INPUT_UPLOAD ? origin->input.media_type : NULL;
    if (origin->unkept)
        return false;
    return origin->options.len > 0 || (type && strcmp(type, CN_ORIGIN_JSON) != 0);
}

void cn_origin_fill(const struct cn_exchange *exchange, struct cn_run_record *record) {
    const struct cn_origin *origin = exchange->origin;
    struct cn_run_input *input = &record->input;
    bool options;

    record->request = CN_STR("");
    if (!origin)
        return;
    *input = origin->input;
    input->bytes = origin->bytes;
    options = has_options(origin);
    if (origin->json.data || options)
        record->request = make_request(origin);
    if (options && input->kind == CN_INPUT_NONE)
        input->kind = CN_INPUT_UPLOAD; /* of a type that nobody stated */
    else if (!options && !origin->whole && origin->bytes == 0)
        input->kind = CN_INPUT_NONE; /* refused by its head */
    /* A run may fail when all of its body has come, before its end was told. */
    if (origin->fingerprint && (int64_t)origin->bytes == cn_exchange_body_length(exchange))
        cn_fingerprint_write(origin->fingerprint, input->digest);
}

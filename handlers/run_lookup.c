#include "handlers/run_lookup.h"

#include "handlers/history.h"
#include "handlers/run_document.h"
#include "handlers/run_read.h"
#include "handlers/service.h"

static enum cn_code from_history(struct cn_exchange *exchange, struct cn_buf *document,
                                 struct cn_error *error) {
    struct cn_history *history = cn_runs_history(exchange->service->runs);
    enum cn_code code =
        history ? cn_history_document(history, exchange->segment, document, error) : CN_NOT_FOUND;
    if (code == CN_NOT_FOUND)
        return cn_error_set(error, CN_NOT_FOUND, "There is no such run; old ones are forgotten.");
    return code;
}

/* What was saved is ours: if it cannot be read, it is no fault of the request. */
static enum cn_code read_saved(struct cn_str document, struct cn_arena *arena,
                               struct cn_run_record *record, struct cn_error *error) {
    struct cn_error fault;
    cn_error_init(&fault);
    if (cn_run_record_read(document, arena, record, &fault) == CN_OK)
        return CN_OK;
    return cn_error_set(error, CN_INTERNAL, "The saved run cannot be read: %s", fault.detail);
}

static bool in_memory(struct cn_exchange *exchange,
                      void (*visit)(const struct cn_run_record *record, void *context),
                      void *context) {
    const struct cn_service *service = exchange->service;
    return cn_runs_find(service->runs, exchange->segment, visit, context) ||
           cn_runs_find(service->checks, exchange->segment, visit, context);
}

enum cn_code cn_run_lookup(struct cn_exchange *exchange,
                           void (*visit)(const struct cn_run_record *record, void *context),
                           void *context, struct cn_error *error) {
    struct cn_buf document = CN_BUF_INIT;
    struct cn_run_record record;
    if (in_memory(exchange, visit, context))
        return CN_OK;
    enum cn_code code = from_history(exchange, &document, error);
    if (code == CN_OK)
        code = read_saved(cn_buf_str(&document), &exchange->arena, &record, error);
    if (code == CN_OK)
        visit(&record, context);
    cn_buf_release(&document);
    return code;
}

struct writing {
    struct cn_json_out out;
    const struct cn_service *service;
};

static void write_document(const struct cn_run_record *record, void *context) {
    struct writing *writing = context;
    cn_run_document_write(&writing->out, record, writing->service);
}

enum cn_code cn_run_lookup_document(struct cn_exchange *exchange, struct cn_buf *document,
                                    struct cn_error *error) {
    struct writing writing = {.service = exchange->service};
    cn_json_out_init(&writing.out, document);
    if (!in_memory(exchange, write_document, &writing))
        return from_history(exchange, document, error);
    return writing.out.ok ? CN_OK : cn_error_memory(error);
}

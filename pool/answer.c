/* What the server believes of an answer, and what a worker believes of a request. */
#include "pool/protocol.h"
#include "pool/window.h"

bool cn_answer_check(struct cn_worker_answer *answer, size_t got, uint64_t number) {
    return got == sizeof(*answer) && answer->number == number && answer->code >= 0 &&
           answer->code < CN_CODE_COUNT && cn_error_sane(&answer->error);
}

bool cn_answer_output(const struct cn_worker_answer *answer, struct cn_window *window,
                      struct cn_str *out) {
    *out = cn_str(NULL, 0);
    if (answer->out_len == 0)
        return true;
    if (answer->out_len > PTRDIFF_MAX || !cn_window_map(window, (size_t)answer->out_len))
        return false;
    *out = cn_str(window->base, (size_t)answer->out_len);
    return true;
}

bool cn_answer_read(struct cn_worker_answer *answer, struct cn_str bytes, uint64_t number,
                    struct cn_str *out) {
    if (bytes.len < sizeof(*answer))
        return false;
    memcpy(answer, bytes.data, sizeof(*answer));
    *out = cn_str(bytes.data + sizeof(*answer), bytes.len - sizeof(*answer));
    return cn_answer_check(answer, sizeof(*answer), number) && answer->out_len == out->len;
}

enum cn_code cn_answer_take(const struct cn_worker_answer *answer, struct cn_str out,
                            int64_t elapsed_ns, struct cn_task *task) {
    int64_t cpu_ns = answer->cpu_ns > 0 ? answer->cpu_ns : 0;
    task->cpu_ns = cpu_ns < elapsed_ns ? cpu_ns : elapsed_ns;
    task->spans = answer->spans;
    task->error = answer->error;
    memcpy(task->result, answer->result, sizeof(task->result));
    if (answer->code != CN_OK || out.len == 0 || !task->out)
        return (enum cn_code)answer->code;
    if (!cn_buf_add_str(task->out, out)) {
        cn_error_init(&task->error);
        return cn_error_memory(&task->error);
    }
    return CN_OK;
}

static bool lies_within(const struct cn_window_span *span, uint64_t size) {
    return span->offset <= size && span->len <= size - span->offset;
}

bool cn_request_check(const struct cn_worker_request *request, uint64_t mapped) {
    struct cn_window_span table = {request->table, 0};
    return request->size <= mapped && request->size >= sizeof(struct cn_window_head) &&
           !__builtin_mul_overflow(request->n_inputs, sizeof(struct cn_window_span), &table.len) &&
           lies_within(&table, request->size) && lies_within(&request->plan, request->size);
}

bool cn_request_input(const struct cn_worker_request *request, const char *base, size_t index,
                      struct cn_str *input) {
    struct cn_window_span span;
    memcpy(&span, base + request->table + index * sizeof(span), sizeof(span));
    if (!lies_within(&span, request->size) || span.offset % CN_WINDOW_ALIGN != 0)
        return false;
    *input = cn_str(base + span.offset, (size_t)span.len);
    return true;
}

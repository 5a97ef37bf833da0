/* A task as bytes that another process can read. */
#include "pool/protocol.h"

static bool add_aligned(size_t *size, size_t more, size_t *offset) {
    size_t start;
    if (__builtin_add_overflow(*size, (size_t)(CN_WINDOW_ALIGN - 1), &start))
        return false;
    start &= ~(size_t)(CN_WINDOW_ALIGN - 1);
    *offset = start;
    return !__builtin_add_overflow(start, more, size) && *size <= SIZE_MAX / 8;
}

static struct cn_str plan_bytes(const struct cn_task *task) {
    return task->plan ? task->plan->bytes : cn_str(NULL, 0);
}

bool cn_request_lay_out(struct cn_worker_request *request, const struct cn_task *task,
                        uint64_t number) {
    size_t size = sizeof(struct cn_window_head);
    size_t table_size;
    size_t offset;
    memset(request, 0, sizeof(*request));
    request->number = number;
    request->plan_id = task->plan ? task->plan->id : 0;
    request->kind = task->kind;
    memcpy(request->args, task->args, sizeof(request->args));
    if (__builtin_mul_overflow(task->n_inputs, sizeof(struct cn_window_span), &table_size) ||
        !add_aligned(&size, table_size, &offset))
        return false;
    request->table = offset;
    request->n_inputs = task->n_inputs;
    if (!add_aligned(&size, plan_bytes(task).len, &offset))
        return false;
    request->plan = (struct cn_window_span){offset, plan_bytes(task).len};
    for (size_t i = 0; i < task->n_inputs; i++)
        if (!add_aligned(&size, task->inputs[i].len, &offset))
            return false;
    request->size = size;
    return true;
}

/* Puts bytes at their offset. What lies between things is zeroed, since an image may leave this
 * machine: nothing of the server's memory does. */
static void put(char *base, size_t *end, size_t offset, struct cn_str bytes) {
    memset(base + *end, 0, offset - *end);
    if (bytes.len > 0)
        memcpy(base + offset, bytes.data, bytes.len);
    *end = offset + bytes.len;
}

void cn_request_fill(const struct cn_worker_request *request, const struct cn_task *task,
                     char *base) {
    memset(base, 0, sizeof(struct cn_window_head)); /* nobody looks at the stop flag yet */
    size_t end = (size_t)request->table + task->n_inputs * sizeof(struct cn_window_span);
    put(base, &end, (size_t)request->plan.offset, plan_bytes(task));
    size_t size = end;
    for (size_t i = 0; i < task->n_inputs; i++) {
        size_t offset = 0;
        (void)add_aligned(&size, task->inputs[i].len, &offset);
        put(base, &end, offset, task->inputs[i]);
        struct cn_window_span span = {offset, task->inputs[i].len};
        memcpy(base + request->table + i * sizeof(span), &span, sizeof(span));
    }
}

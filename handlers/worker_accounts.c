#include "handlers/worker_accounts.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "kernels/utf8.h"
#include "pool/executor.h"

const enum cn_span cn_remote_spans[CN_SPAN_COUNT] = {
    CN_SPAN_SHIP,   CN_SPAN_SCHEDULE, CN_SPAN_PARSE, CN_SPAN_EVALUATE, CN_SPAN_HASH,
    CN_SPAN_ENCODE, CN_SPAN_LOCK,     CN_SPAN_WAIT,  CN_SPAN_FETCH,
};

void cn_worker_accounts_release(struct cn_worker_accounts *accounts) {
    free(accounts->list);
    *accounts = (struct cn_worker_accounts){0};
}

static struct cn_worker_account *find(struct cn_worker_accounts *accounts,
                                      const struct cn_task *task) {
    for (size_t i = 0; i < accounts->n; i++)
        if (accounts->list[i].worker == task->worker)
            return &accounts->list[i];
    if (accounts->n == accounts->cap) {
        size_t cap = accounts->cap ? accounts->cap * 2 : 4;
        struct cn_worker_account *list = reallocarray(accounts->list, cap, sizeof *list);
        if (!list)
            return NULL;
        accounts->list = list;
        accounts->cap = cap;
    }
    struct cn_worker_account *account = &accounts->list[accounts->n++];
    *account = (struct cn_worker_account){.worker = task->worker,
                                          .first_ns = task->started_ns,
                                          .last_ns = task->started_ns,
                                          .taken_ns = task->started_ns};
    return account;
}

/* Ends the last task's fetch where the task's computing began within it. */
static void cut_fetch(struct cn_worker_account *account, const struct cn_task *task,
                      struct cn_fetch_cut *cut) {
    int64_t from_ns =
        task->started_ns + task->spans.ns[CN_SPAN_SHIP] + task->spans.ns[CN_SPAN_SCHEDULE];
    int64_t to_ns = task->finished_ns - task->spans.ns[CN_SPAN_FETCH];
    int64_t fetch_from_ns = account->taken_ns - account->fetch_ns;

    if (from_ns < fetch_from_ns)
        from_ns = fetch_from_ns; /* before that, it computed beside the last task */
    if (from_ns >= to_ns || from_ns >= account->taken_ns)
        return;
    *cut = (struct cn_fetch_cut){
        .record = account->record, .end_ns = account->taken_ns, .ns = account->taken_ns - from_ns};
    account->spans.ns[CN_SPAN_FETCH] -= cut->ns;
    account->fetch_ns -= cut->ns;
    account->taken_ns = from_ns;
}

/* The spans sum to the task's time, so there is enough to take from. */
static void take_hidden(struct cn_task *task, int64_t until_ns) {
    int64_t end_ns = until_ns < task->finished_ns ? until_ns : task->finished_ns;
    int64_t hidden_ns = end_ns - task->started_ns;

    if (hidden_ns <= 0)
        return;
    task->started_ns = end_ns;
    for (int i = 0; i < CN_SPAN_COUNT && hidden_ns > 0; i++) {
        int64_t *span_ns = &task->spans.ns[cn_remote_spans[i]];
        int64_t taken_ns = *span_ns < hidden_ns ? *span_ns : hidden_ns;
        if (taken_ns <= 0)
            continue;
        *span_ns -= taken_ns;
        hidden_ns -= taken_ns;
    }
}

static void add_spans(struct cn_spans *sum, const struct cn_spans *spans) {
    for (int s = 0; s < CN_SPAN_COUNT; s++)
        sum->ns[s] += spans->ns[s];
}

/* As much of the name as there is room for and as is text. */
static void name_host(struct cn_worker_account *account, const char *host) {
    size_t len = strnlen(host, sizeof account->host - 1);

    len = cn_utf8_check(host, len);
    memcpy(account->host, host, len);
    account->host[len] = '\0';
}

/* What is left of the task is the last that was booked, if it reaches farther than the others. */
static void take_time(struct cn_worker_account *account, const struct cn_task *task,
                      size_t record) {
    if (task->finished_ns > account->last_ns)
        account->last_ns = task->finished_ns;
    if (task->finished_ns <= account->taken_ns)
        return;
    account->taken_ns = task->finished_ns;
    account->fetch_ns = task->spans.ns[CN_SPAN_FETCH];
    account->record = record;
}

bool cn_worker_accounts_book(struct cn_worker_accounts *accounts, struct cn_task *task,
                             size_t record, struct cn_fetch_cut *cut) {
    *cut = (struct cn_fetch_cut){0};
    if (task->worker < 0)
        return true;
    struct cn_worker_account *account = find(accounts, task);
    if (!account)
        return false;
    cut_fetch(account, task, cut);
    take_hidden(task, account->taken_ns);
    account->pid = (int32_t)task->pid;
    name_host(account, task->host ? task->host : "");
    account->tasks++;
    account->cpu_ns += task->cpu_ns;
    take_time(account, task, record);
    add_spans(&account->spans, &task->spans);
    return true;
}

void cn_fetch_cut_take(const struct cn_fetch_cut *cut, int64_t started_ns, struct cn_spans *spans) {
    int64_t end_ns = started_ns;

    for (int s = 0; s < CN_SPAN_COUNT; s++)
        end_ns += spans->ns[s];
    if (cut->ns > 0 && end_ns == cut->end_ns)
        spans->ns[CN_SPAN_FETCH] -= cut->ns;
}

static int by_first(const void *a, const void *b) {
    const struct cn_worker_account *x = a, *y = b;
    return x->first_ns != y->first_ns ? (x->first_ns > y->first_ns) - (x->first_ns < y->first_ns)
                                      : (x->worker > y->worker) - (x->worker < y->worker);
}

void cn_worker_accounts_sort(struct cn_worker_accounts *accounts) {
    if (accounts->n > 1)
        qsort(accounts->list, accounts->n, sizeof *accounts->list, by_first);
}

int32_t cn_worker_accounts_number(const struct cn_worker_accounts *accounts, int32_t worker) {
    for (size_t i = 0; i < accounts->n; i++)
        if (accounts->list[i].worker == worker)
            return (int32_t)i;
    return -1;
}

struct cn_run_worker *cn_worker_accounts_list(const struct cn_worker_accounts *accounts,
                                              struct cn_arena *arena) {
    struct cn_run_worker *workers = cn_arena_array(arena, accounts->n + 1, sizeof *workers);
    for (size_t i = 0; workers && i < accounts->n; i++) {
        const struct cn_worker_account *from = &accounts->list[i];
        int64_t booked = 0;
        workers[i] = (struct cn_run_worker){.worker = (int32_t)i,
                                            .pid = from->pid,
                                            .chunks = from->tasks,
                                            .wall_ns = from->last_ns - from->first_ns,
                                            .cpu_ns = from->cpu_ns,
                                            .spans = from->spans};
        memcpy(workers[i].host, from->host, sizeof workers[i].host);
        for (int s = 0; s < CN_SPAN_COUNT; s++)
            booked += from->spans.ns[s];
        workers[i].spans.ns[CN_SPAN_WAIT] += workers[i].wall_ns - booked;
    }
    return workers;
}

void cn_worker_accounts_sum(const struct cn_worker_accounts *accounts, int64_t *cpu_ns,
                            struct cn_spans *spans) {
    for (size_t i = 0; i < accounts->n; i++) {
        *cpu_ns += accounts->list[i].cpu_ns;
        add_spans(spans, &accounts->list[i].spans);
    }
}

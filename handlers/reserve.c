#include "handlers/reserve.h"

#include <string.h>
#include <strings.h>

#include "handlers/admission.h"
#include "handlers/service.h"

#define FLAG "--memory-bytes"
/* What grows is reserved in steps of this size. */
#define STEP (UINT64_C(1) << 20)
/* What the tasks of a large request write at a time (job.h: a window of them, a block each). */
#define AT_WORK (UINT64_C(24) << 20)

static uint64_t add_capped(uint64_t a, uint64_t b) {
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t least_of(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* What is read as a whole is JSON. That is found out at the body's end, maybe on a worker's thread,
 * which may not ask for headers. */
static bool is_json(struct cn_exchange *exchange) {
    if (exchange->whole_body)
        return true;
    const char *type = exchange->ops->header(exchange, "Content-Type");
    return type && strncasecmp(type, "application/json", strlen("application/json")) == 0;
}

static uint64_t capped(const struct cn_exchange *exchange, uint64_t body) {
    return atomic_load(&exchange->spools)
               ? least_of(body, cn_exchange_limits(exchange)->buffer_bytes)
               : body;
}

/* What of a body is in memory: of CSV, or what may be CSV, that is computed, the rest is on disk.
 * On the thread that may ask for headers. */
static uint64_t in_memory(struct cn_exchange *exchange, uint64_t body) {
    bool spools = exchange->service->spools && !exchange->whole_body &&
                  cn_exchange_operation(exchange) == CN_OPERATION_COMPUTE && !is_json(exchange);
    atomic_store(&exchange->spools, spools);
    return capped(exchange, body);
}

/* What a body, of which so much is in memory, comes to. */
static uint64_t estimate(struct cn_exchange *exchange, uint64_t body) {
    uint64_t twice = add_capped(body, body);
    uint64_t reply = least_of(add_capped(twice, twice), cn_exchange_limits(exchange)->buffer_bytes);
    uint64_t at_work = least_of(twice, AT_WORK);
    return add_capped(add_capped(CN_RESERVE_LEAST, is_json(exchange) ? twice : body),
                      add_capped(reply, at_work));
}

/* What would help, if it is the body that is large. */
static const char *advise(const struct cn_exchange *exchange) {
    if (cn_exchange_operation(exchange) != CN_OPERATION_COMPUTE || atomic_load(&exchange->spools))
        return "";
    return exchange->service->spools ? " A body of CSV may be larger: it is kept on disk."
                                     : " With --data-dir larger bodies of CSV are kept on disk.";
}

static enum cn_code too_large(struct cn_exchange *exchange, uint64_t body, struct cn_error *error) {
    cn_admission_refused(exchange->service->admission, CN_REFUSAL_SIZE);
    cn_error_set_limit(error, FLAG);
    return cn_error_set(error, CN_BODY_TOO_LARGE,
                        "The body has %llu bytes or more; the service has %llu for all requests "
                        "together.%s",
                        (unsigned long long)body,
                        (unsigned long long)exchange->service->budget->limit, advise(exchange));
}

static enum cn_code overloaded(struct cn_exchange *exchange, struct cn_error *error) {
    cn_admission_refused(exchange->service->admission, CN_REFUSAL_MEMORY);
    cn_error_set_limit(error, FLAG);
    return cn_error_set(error, CN_OVERLOADED,
                        "The memory for requests is in use; try again in a moment.");
}

/* Brings the reservation up to `wanted` bytes, or all there is. Two threads that do so at once may
 * reserve more than either wanted. */
static enum cn_code grow(struct cn_exchange *exchange, uint64_t wanted, struct cn_error *error) {
    struct cn_budget *budget = exchange->service->budget;
    uint64_t has = atomic_load(&exchange->reserved);
    wanted = least_of(wanted, budget->limit);
    if (wanted <= has)
        return CN_OK;
    if (has == 0)
        exchange->denied_before = atomic_load(&budget->denied);
    if (!cn_budget_reserve(budget, wanted - has))
        return overloaded(exchange, error);
    atomic_fetch_add(&exchange->reserved, wanted - has);
    return CN_OK;
}

static uint64_t announced(const struct cn_exchange *exchange) {
    return exchange->content_length > 0 ? (uint64_t)exchange->content_length : 0;
}

enum cn_code cn_reserve_begin(struct cn_exchange *exchange, struct cn_error *error) {
    struct cn_budget *budget = exchange->service->budget;
    uint64_t body = in_memory(exchange, announced(exchange));
    if (!budget)
        return CN_OK;
    if (add_capped(body, CN_RESERVE_LEAST) > budget->limit)
        return too_large(exchange, body, error);
    /* Others may have come to need more than was reserved for them. */
    size_t idle, in_use;
    cn_blocks_stats(exchange->service->blocks, &idle, &in_use);
    if (in_use > budget->limit - body)
        return overloaded(exchange, error);
    return grow(exchange, estimate(exchange, body), error);
}

enum cn_code cn_reserve_body(struct cn_exchange *exchange, uint64_t received,
                             struct cn_error *error) {
    struct cn_budget *budget = exchange->service->budget;
    uint64_t body = in_memory(exchange, received);
    if (!budget || body <= exchange->reserved_body)
        return CN_OK;
    if (add_capped(body, CN_RESERVE_LEAST) > budget->limit)
        return too_large(exchange, body, error);
    exchange->reserved_body = add_capped(body, STEP);
    return grow(exchange, estimate(exchange, exchange->reserved_body), error);
}

enum cn_code cn_reserve_whole(struct cn_exchange *exchange, struct cn_error *error) {
    struct cn_budget *budget = exchange->service->budget;
    uint64_t body = announced(exchange);
    exchange->whole_body = true;
    atomic_store(&exchange->spools, false);
    if (!budget || !exchange->service->spools || body <= cn_exchange_limits(exchange)->buffer_bytes)
        return CN_OK;
    if (add_capped(body, CN_RESERVE_LEAST) > budget->limit)
        return too_large(exchange, body, error);
    return grow(exchange, estimate(exchange, body), error);
}

enum cn_code cn_reserve_reply(struct cn_exchange *exchange, uint64_t reply_bytes,
                              struct cn_error *error) {
    uint64_t body = capped(exchange, announced(exchange));
    uint64_t wanted = add_capped(add_capped(CN_RESERVE_LEAST, body), reply_bytes);
    if (!exchange->service->budget || wanted <= atomic_load(&exchange->reserved))
        return CN_OK;
    return grow(exchange, add_capped(wanted, STEP), error);
}

void cn_reserve_move(struct cn_exchange *to, struct cn_exchange *from) {
    if (atomic_load(&to->reserved) == 0)
        to->denied_before = from->denied_before;
    atomic_store(&to->spools, atomic_load(&from->spools));
    atomic_fetch_add(&to->reserved, atomic_exchange(&from->reserved, 0));
}

bool cn_reserve_leave(struct cn_exchange *exchange, uint64_t bytes) {
    uint64_t has = atomic_load(&exchange->reserved);
    uint64_t taken = bytes < has ? bytes : has;
    if (bytes > taken && !cn_budget_reserve(exchange->service->budget, bytes - taken))
        return false;
    atomic_fetch_sub(&exchange->reserved, taken);
    return true;
}

void cn_reserve_end(struct cn_exchange *exchange) {
    uint64_t reserved = atomic_exchange(&exchange->reserved, 0);
    if (reserved > 0)
        cn_budget_release(exchange->service->budget, reserved);
}

void cn_reserve_judge(const struct cn_exchange *exchange, struct cn_error *error) {
    const struct cn_budget *budget = exchange->service ? exchange->service->budget : NULL;
    if (error->code != CN_OVERLOADED || !budget || strcmp(error->limit, FLAG) != 0)
        return;
    uint64_t reserved = atomic_load(&exchange->reserved);
    if (reserved == 0 || reserved != atomic_load(&budget->reserved) ||
        exchange->denied_before == atomic_load(&budget->denied))
        return;
    error->code = CN_OK;
    cn_error_set(error, CN_LIMIT_EXCEEDED,
                 "The request needs more memory than the %llu bytes that the service has for all "
                 "requests together.%s",
                 (unsigned long long)budget->limit, advise(exchange));
}

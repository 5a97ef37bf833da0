#include "pool/kinds.h"

#include <stdlib.h>

enum cn_code cn_kinds_init(struct cn_kinds *kinds, const struct cn_registry *registry,
                           struct cn_error *error) {
    size_t count = registry->n_kinds ? registry->n_kinds : 1;
    *kinds = (struct cn_kinds){.registry = registry};
    kinds->states = calloc(count, sizeof(*kinds->states));
    kinds->made = calloc(count, sizeof(*kinds->made));
    if (!kinds->states || !kinds->made) {
        cn_kinds_release(kinds);
        return cn_error_memory(error);
    }
    return CN_OK;
}

void cn_kinds_release(struct cn_kinds *kinds) {
    for (size_t i = 0; kinds->states && kinds->made && i < kinds->registry->n_kinds; i++)
        if (kinds->made[i] && kinds->registry->kinds[i].state_free)
            kinds->registry->kinds[i].state_free(kinds->states[i]);
    free(kinds->states);
    free(kinds->made);
    *kinds = (struct cn_kinds){0};
}

enum cn_code cn_kinds_run(struct cn_kinds *kinds, uint32_t kind, struct cn_run *run,
                          struct cn_error *error) {
    const struct cn_registry *registry = kinds->registry;
    if (kind >= registry->n_kinds)
        return cn_error_set(error, CN_INTERNAL, "There is no kind of task with number %u",
                            (unsigned)kind);
    const struct cn_kind *entry = &registry->kinds[kind];
    if (!kinds->made[kind]) {
        if (entry->state_new)
            CN_TRY(entry->state_new(&kinds->states[kind], registry->context, error));
        kinds->made[kind] = true;
    }
    run->state = kinds->states[kind];
    cn_run_lock(run);
    enum cn_code code = entry->run(run, error);
    cn_run_unlock(run);
    return code;
}

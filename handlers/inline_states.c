#include "handlers/inline_states.h"

#include <pthread.h>
#include <stdlib.h>

#include "handlers/compute_kind.h"

#define MOST_IDLE 16

struct cn_inline_states {
    pthread_mutex_t lock;
    const struct cn_keyring *keys;
    void *idle[MOST_IDLE];
    size_t n_idle;
};

struct cn_inline_states *cn_inline_states_new(const struct cn_keyring *keys) {
    struct cn_inline_states *states = calloc(1, sizeof *states);

    if (states) {
        pthread_mutex_init(&states->lock, NULL);
        states->keys = keys;
    }
    return states;
}

void cn_inline_states_free(struct cn_inline_states *states) {
    if (!states)
        return;
    for (size_t i = 0; i < states->n_idle; i++)
        cn_kind_compute.state_free(states->idle[i]);
    pthread_mutex_destroy(&states->lock);
    free(states);
}

enum cn_code cn_inline_take(struct cn_inline_states *states, void **state, struct cn_error *error) {
    *state = NULL;
    pthread_mutex_lock(&states->lock);
    if (states->n_idle > 0)
        *state = states->idle[--states->n_idle];
    pthread_mutex_unlock(&states->lock);
    return *state ? CN_OK : cn_kind_compute.state_new(state, states->keys, error);
}

void cn_inline_give(struct cn_inline_states *states, void *state) {
    pthread_mutex_lock(&states->lock);
    if (states->n_idle < MOST_IDLE) {
        states->idle[states->n_idle++] = state;
        state = NULL;
    }
    pthread_mutex_unlock(&states->lock);
    if (state)
        cn_kind_compute.state_free(state);
}

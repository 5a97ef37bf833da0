#include "server/reload.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "handlers/metrics.h"
#include "server/limits.h"
#include "server/notify.h"
#include "server/tls.h"
#include "server/token.h"

struct cn_settings_used {
    struct cn_settings wanted;   /* as they were read; owns the texts */
    struct cn_settings settings; /* what holds of them */
    struct cn_service_limits limits;
    struct cn_http_rules rules; /* both of them */
    struct cn_settings_used *older;
};

/* What was read and not yet taken over. */
struct news {
    struct cn_settings_used *used;
    struct cn_session_key token;
    bool has_token;
    struct cn_tls *tls;
};

static void release_news(struct news *news) {
    cn_session_key_cleanse(&news->token);
    cn_tls_unref(news->tls);
    if (news->used)
        cn_settings_release(&news->used->wanted);
    free(news->used);
}

/* ---- reading ------------------------------------------------------------------------------- */

/* Whether there is a token, and whether TLS is spoken, is part of what was started. */
static void keep_presence(const char **wanted, const char *now, const char *flag, FILE *err) {
    if (!*wanted == !now)
        return;
    fprintf(err, "colonnade: --%s has changed, which needs a restart\n", flag);
    *wanted = now;
}

static enum cn_code read_news(const struct cn_reload *reload, struct news *news, FILE *err,
                              struct cn_error *error) {
    const struct cn_settings *now = reload->now;
    struct cn_settings *wanted = &news->used->wanted;
    if (!wanted->tls_cert != !wanted->tls_key)
        return cn_error_set(error, CN_INVALID_PARAMETER, "one of --tls-cert and --tls-key is gone");
    keep_presence(&wanted->token_file, now->token_file, "token-file", err);
    keep_presence(&wanted->tls_cert, now->tls_cert, "tls-cert", err);
    keep_presence(&wanted->tls_key, now->tls_key, "tls-key", err);
    if (wanted->token_file) {
        CN_TRY(cn_token_read(&news->token, wanted->token_file, error));
        news->has_token = true;
    }
    if (wanted->tls_cert)
        CN_TRY(cn_tls_read(&news->tls, wanted->tls_cert, wanted->tls_key, error));
    return CN_OK;
}

/* ---- taking over --------------------------------------------------------------------------- */

static void take_over(struct cn_reload *reload, struct news *news, FILE *err) {
    struct cn_settings_used *used = news->used;
    used->settings = *reload->now;
    cn_settings_adopt(&used->settings, &used->wanted, &reload->started, err);
    used->limits = cn_limits_of(&used->settings);
    used->rules = (struct cn_http_rules){&used->settings, &used->limits};
    used->older = reload->used;
    reload->used = used;
    reload->now = &used->settings;
    atomic_store_explicit(&reload->service->newer_limits, &used->limits, memory_order_release);
    cn_http_use_rules(reload->http, &used->rules);
    if (news->has_token)
        cn_sessions_change(reload->service->sessions, &news->token);
    if (news->tls)
        cn_http_use_tls(reload->http, news->tls);
    news->used = NULL;
    news->tls = NULL;
}

/* Workers hold keys of their own, so new ones come with a restart only. */
static void look_at_keys(const struct cn_reload *reload, FILE *err) {
    DIR *dir = reload->keys_dir ? opendir(reload->keys_dir) : NULL;
    if (!dir)
        return;
    size_t known = 0, unknown = 0;
    struct dirent *entry;
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.') {
            bool found = cn_keyring_find(reload->service->keys, cn_str_c(entry->d_name)) != NULL;
            known += found;
            unknown += !found;
        }
    closedir(dir);
    if (unknown > 0 || known != reload->service->keys->n_keys)
        fprintf(err, "colonnade: the keys in %s have changed, which needs a restart\n",
                reload->keys_dir);
}

/* ---- all of it ----------------------------------------------------------------------------- */

static void tell_begin(void) {
    char state[80];
    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, cn_clock_now() / 1000);
    cn_notify(state);
}

static bool try_reload(struct cn_reload *reload, FILE *err) {
    struct news news = {.used = calloc(1, sizeof *news.used)};
    struct cn_error error;
    cn_error_init(&error);
    bool taken = false;
    enum cn_settings_outcome outcome = CN_SETTINGS_WRONG;
    if (news.used)
        outcome =
            cn_settings_read(&news.used->wanted, reload->argc, reload->argv, getenv, err, err);
    else
        fprintf(err, "colonnade: there is no memory\n");
    if (outcome == CN_SETTINGS_RUN && read_news(reload, &news, err, &error) == CN_OK) {
        take_over(reload, &news, err);
        taken = true;
    } else if (error.code != CN_OK) {
        fprintf(err, "colonnade: %s\n", error.detail);
    }
    release_news(&news);
    return taken;
}

void cn_reload(struct cn_reload *reload, FILE *err) {
    tell_begin();
    bool taken = try_reload(reload, err);
    if (taken)
        look_at_keys(reload, err);
    atomic_store(&reload->service->metrics->reload_failed, !taken);
    if (taken)
        atomic_store(&reload->service->metrics->configured_at, cn_clock_wall());
    fprintf(err, taken ? "colonnade: reloaded\n"
                       : "colonnade: not reloaded: everything stays as it was\n");
    fflush(err);
    cn_notify(taken ? "READY=1\nSTATUS=" : "READY=1\nSTATUS=The last reload failed.");
}

void cn_reload_release(struct cn_reload *reload) {
    while (reload->used) {
        struct cn_settings_used *used = reload->used;
        reload->used = used->older;
        cn_settings_release(&used->wanted);
        free(used);
    }
    cn_settings_release(&reload->started);
}

/*
 * jobs_document.c: jobs as JSON.
 */
#include "handlers/jobs_inside.h"
#include "handlers/problem.h"

const char *cn_deferred_state_name(enum cn_deferred_state state) {
    static const char *const names[] = {[CN_DEFERRED_PENDING] = "pending",
                                        [CN_DEFERRED_RUNNING] = "running",
                                        [CN_DEFERRED_FINISHED] = "finished",
                                        [CN_DEFERRED_FAILED] = "failed",
                                        [CN_DEFERRED_CANCELLED] = "cancelled"};
    return names[state];
}

static void write_time(struct cn_json_out *out, const char *key, int64_t wall_ns) {
    char text[32];
    if (wall_ns == 0) {
        cn_json_out_null(out, key);
        return;
    }
    cn_clock_format(wall_ns, text);
    cn_json_out_c(out, key, text);
}

void cn_deferred_progress_write(struct cn_json_out *out,
                                const struct cn_deferred_progress *progress) {
    cn_json_out_int(out, "done_rows", (int64_t)progress->done_rows);
    if (progress->total_rows > 0 || progress->state == CN_DEFERRED_FINISHED)
        cn_json_out_int(out, "total_rows", (int64_t)progress->total_rows);
    else
        cn_json_out_null(out, "total_rows");
}

/* A failed job's problem document stands in the document as it is, without its line end. */
static void write_error(struct cn_json_out *out, const struct cn_deferred *deferred) {
    const struct cn_str *problem = &deferred->kept.body; /* set when it has failed */
    if (deferred->progress.state == CN_DEFERRED_CANCELLED) {
        struct cn_error error;
        cn_deferred_cancelled(&error);
        cn_problem_member(out, "error", &error, NULL);
    } else if (deferred->progress.state == CN_DEFERRED_FAILED && problem->len > 1) {
        cn_json_out_key(out, "error");
        out->ok = cn_buf_add(out->buf, problem->data, problem->len - 1) && out->ok;
    } else {
        cn_json_out_null(out, "error");
    }
}

void cn_deferred_cancelled(struct cn_error *error) {
    cn_error_init(error);
    cn_error_set(error, CN_CANCELLED, "The job was cancelled.");
}

void cn_deferred_write_locked(struct cn_deferred *deferred, struct cn_json_out *out) {
    cn_jobs_observe(deferred);
    cn_json_out_open(out, NULL, '{');
    cn_json_out_c(out, "id", deferred->id);
    cn_json_out_c(out, "operation", deferred->operation);
    cn_json_out_c(out, "state", cn_deferred_state_name(deferred->progress.state));
    cn_json_out_open(out, "progress", '{');
    cn_deferred_progress_write(out, &deferred->progress);
    cn_json_out_close(out, '}');
    write_time(out, "submitted_at", deferred->submitted_at);
    write_time(out, "started_at", deferred->started_at);
    write_time(out, "finished_at", deferred->finished_at);
    cn_json_out_c(out, "run", deferred->id);
    write_error(out, deferred);
    cn_json_out_close(out, '}');
}

void cn_jobs_write(struct cn_jobs *jobs, size_t limit, struct cn_json_out *out) {
    pthread_mutex_lock(&jobs->lock);
    for (struct cn_deferred *deferred = jobs->newest; deferred && limit > 0;
         deferred = deferred->older, limit--)
        cn_deferred_write_locked(deferred, out);
    pthread_mutex_unlock(&jobs->lock);
}

const char *cn_deferred_id(const struct cn_deferred *deferred) {
    return deferred->id;
}

enum cn_deferred_state cn_deferred_state_locked(struct cn_deferred *deferred) {
    cn_jobs_observe(deferred);
    return deferred->progress.state;
}

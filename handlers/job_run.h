/*
 * job_run.h: tasks in flight. Private to the job (job*.c).
 */
#ifndef CN_HANDLERS_JOB_RUN_H
#define CN_HANDLERS_JOB_RUN_H

#include "handlers/job.h"

/* A task and what it needs while it runs; reused for one chunk after another. */
struct cn_job_slot {
    struct cn_task task;
    struct cn_job *job;
    struct cn_job_slot *next;
    size_t chunk;
    struct cn_plan *plan;
    struct cn_plan_ref handle;
    uint64_t output_rows;
    struct cn_str *inputs; /* room for the widest plan's */
    size_t cap_inputs;
    struct cn_buf out;
    /* the chunk's text, while it is not read from its segment */
    struct cn_segment text;
};

enum cn_code cn_job_slots_new(struct cn_job *job, struct cn_error *error);
void cn_job_slots_free(struct cn_job *job);

/* Takes a finished task's results into its chunk. Under the job's lock. */
void cn_job_collect(struct cn_job *job, struct cn_job_slot *slot);

/* The text of the slot's chunk as its task's input (job_text.c): of its segment, which stays until
 * _drop_text(), or to be read by whoever runs the task. Under the job's lock. */
void cn_job_bind_text(struct cn_job_slot *slot, const struct cn_chunk *chunk);
void cn_job_drop_text(struct cn_job_slot *slot);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Creation of a job: its ID, its record, its position in the queue. */

#include "bus-names.h"
#include "core-internal.h"
#include "failpoint.h"
#include "job-error.h"
#include "job-id.h"
#include "service-log.h"
#include "spec-format.h"
#include "text-new.h"
#include "time-util.h"
#include "utf8.h"

#define COMMAND_KEPT_MAX (16 * 1024) /* bytes of directory and arguments, for Retry */

typedef struct Enqueue {
        Core *core;
        Job *job; /* owned */
        EnqueuedCallback done;
        void *userdata;
} Enqueue;

static void enqueue_free(Enqueue *e) {
        if (e->job) {
                conditions_leave(e->job);
                queue_expect_no_more(&e->core->queue, e->job);
                queue_leave(&e->core->queue, e->job);
        }
        (void) job_free(e->job);
        free(e);
}
DEFINE_CLEANUP(Enqueue *, enqueue_free);

/* --- jobs of jobs ------------------------------------------------------------------------------------ */

static unsigned depth_of(const Job *job) {
        unsigned depth = 0;

        for (; job; job = job->parent)
                depth++;
        return depth;
}

/* A worker may be faster than the service manager: the job that submits another one has at least begun. */
static int find_parent(const Job *job, const char *id, Job **ret) {
        Job *parent = core_find_unended(job->core, id);

        if (!parent || parent->record.uid != job->record.uid || parent->phase < JOB_BEGINNING || parent->phase > JOB_ACTIVE)
                return -JOB_ERROR_NO_PARENT;
        if (parent->stop_reason == JOB_REASON_USER)
                return -JOB_ERROR_PARENT_STOPPED;
        if (depth_of(parent) >= JOB_DEPTH_MAX)
                return -JOB_ERROR_NESTED_TOO_DEEP;
        *ret = parent;
        return 0;
}

static int join_parent(Job *job, const Spec *spec) {
        Job *parent;
        int r;

        if (!spec->parent)
                return 0;
        r = find_parent(job, spec->parent, &parent);
        return r < 0 ? r : queue_nest(&job->core->queue, job, parent);
}

/* The parent was cancelled while the job was being recorded; the store knows already. */
static bool is_cancelled_with_parent(const Job *job) {
        return job->parent && job->parent->stop_reason == JOB_REASON_USER && !job->record.detached;
}

/* --- recording ---------------------------------------------------------------------------------------- */

static void on_inserted(int r, const StoreInserted *inserted, void *userdata) {
        _cleanup_(enqueue_freep) Enqueue *e = userdata;
        bool is_new = r >= 0 && !inserted->existing, is_kept;
        _cleanup_close_ int fd = inserted->spec_fd;
        int error = MIN(inserted->spec_fd, 0); /* of its description; it begins later */
        Core *core = e->core;
        Job *job = e->job;

        retention_removed(core, inserted->removed, inserted->n_removed, "the limit of stored jobs");
        is_kept = is_new && conditions_link(job, inserted->failed_dependency) >= 0 && conditions_enter(job) >= 0 &&
                core_add(core, job) >= 0;
        failpoint_die("before-reply");
        e->done(r, inserted->largest ?: inserted->missing ?: inserted->existing ?: job->record.id, e->userdata);
        failpoint_die("after-reply");
        if (is_kept) {
                e->job = NULL;
                if (is_cancelled_with_parent(job)) {
                        job->stop_reason = JOB_REASON_USER;
                        job->record.stopped_by = job->parent->record.stopped_by;
                }
                if (job->has_slot) {
                        job->phase = JOB_BEGINNING;
                        lifecycle_on_begun(error, TAKE_FD(fd), job);
                } else {
                        (void) queue_push(&core->queue, job); /* its user stays known there while the job is expected */
                        queue_expect_no_more(&core->queue, job);
                        shortage_report(job);
                        if (job->stop_reason != JOB_REASON_NONE)
                                conditions_doom(job, NULL);
                }
                core->events->added(job, core->userdata);
        } else if (is_new) {
                log_job(job, LOG_CRIT, "%s", "out of memory, restarting to load it from the database.");
                (void) sd_event_exit(core->event, -ENOMEM);
        }
        core_schedule(core);
}

static bool may_begin(const Job *job) {
        const Core *core = job->core;

        return conditions_permit(job) && !core->stopping && core->instance && !core->shortage.why && !core->shortage.timer &&
                queue_has_free_slot(&core->queue, job->record.uid, job->record.queue);
}

/* A job that does not have to wait is recorded and begun in one commit. */
static int take_slot(Job *job) {
        Queue *queue = &job->core->queue;
        int r;

        if (!may_begin(job))
                return queue_expect(queue, job);
        r = queue_take_slot(queue, job);
        return r < 0 ? r : lifecycle_set_instance(job);
}

static int set_string(char **target, const char *value) {
        if (isempty(value))
                return 0;
        free(*target);
        *target = strdup(value);
        return *target ? 0 : -ENOMEM;
}

static int set_strings(JobRecord *record, const Spec *spec) {
        int r;

        record->label = spec->label ? strdup(spec->label) : spec_make_label(spec);
        if (!record->label)
                return -ENOMEM;
        if (spec->directory) {
                record->directory = utf8_make_valid(spec->directory, strlen(spec->directory));
                if (!record->directory)
                        return -ENOMEM;
        }
        if ((r = set_string(&record->queue, spec->queue)) < 0 ||
            (r = set_string(&record->workspace, spec->workspace)) < 0 ||
            (r = set_string(&record->session, spec->session)) < 0 ||
            (r = set_string(&record->resource_limits, spec->resource_limits)) < 0 ||
            (r = set_string(&record->after, spec->after)) < 0 ||
            (record->retries > 0 && (r = set_string(&record->retry_on, spec->retry_on)) < 0) ||
            (r = set_string(&record->parent, spec->parent)) < 0 ||
            (r = set_string(&record->retry_of, spec->retry_of)) < 0)
                return r;
        return 0;
}

static int describe(Job *job, const Spec *spec) {
        JobRecord *record = &job->record;
        int r;

        record->created_usec = now_realtime();
        record->notify = spec->notify != 0;
        record->priority = spec->priority == JOB_PRIORITY_NONE ? 0 : spec->priority;
        record->retries = spec->retries == JOB_RETRIES_NONE ? 0 : spec->retries;
        if (record->retries > 0)
                record->retry_delay_usec = spec->retry_delay_usec == JOB_RETRY_DELAY_NONE ? JOB_RETRY_DELAY_DEFAULT :
                                                                                            spec->retry_delay_usec;
        record->held = spec->hold;
        record->detached = spec->detach;
        record->not_before_usec = spec->not_before_usec;
        r = set_strings(record, spec);
        job->limits = spec->limits;
        if (r >= 0)
                core_set_default_limits(job->core, record->uid, record->queue, &job->limits);
        return r;
}

/* An ID of a live job would be mistaken for that one; the store rejects IDs of finished jobs. */
static int new_job(Core *core, const Spec *spec, uint32_t uid, Job **ret) {
        char id[JOB_ID_MAX + 1];
        int r;

        do
                r = job_id_generate(spec->kind, id);
        while (r >= 0 && core_find(core, id));
        if (r >= 0)
                r = job_new(ret, id, spec->kind, uid);
        if (r < 0)
                return r;
        (*ret)->core = core;
        return describe(*ret, spec);
}

static int encode(const Spec *spec, const char *id, StoreInsert *insert) {
        uint64_t stdin_size = spec->stdin_fd >= 0 ? spec->stdin_size : SPEC_NO_STDIN;
        _cleanup_free_ char *entry = text_new("CODEX_JOB_ID=%s", id);
        int r;

        if (!entry)
                return -ENOMEM;
        r = spec_encode(spec, (char *[]) { entry, NULL }, stdin_size, &insert->spec, &insert->spec_size,
                        &insert->command_size);
        if (insert->command_size > COMMAND_KEPT_MAX)
                insert->command_size = 0;
        return r;
}

/* Jobs that are being recorded count already: many calls may arrive while the disk is busy. */
static int check_limits(const Job *job, const Caller *caller) {
        const Core *core = job->core;
        QueueStanding standing = queue_get_standing(&core->queue, job->record.uid);
        int r;

        if (core->closed)
                return -JOB_ERROR_REMOVED;
        r = core_admit(core, caller, job->record.uid, job->record.queue);
        if (r >= 0)
                r = core_check_queue_limits(core, job->record.uid, job->record.queue, &job->limits);
        if (r < 0)
                return r;
        if (may_begin(job))
                return 0;
        if ((uint64_t) standing.n_waiting + standing.n_coming >= core->config.max_queued_user)
                return -JOB_ERROR_USER_QUEUE_FULL;
        if ((uint64_t) core->queue.n_waiting + core->queue.n_coming >= core->config.max_queued)
                return -JOB_ERROR_QUEUE_FULL;
        return 0;
}

int enqueue_job(Core *core, const Spec *spec, const Caller *caller, EnqueuedCallback done, void *userdata) {
        _cleanup_(enqueue_freep) Enqueue *e = NULL;
        StoreInsert insert;
        int r, limit;

        if (spec->stdin_fd >= 0 && spec->stdin_size > JOB_STDIN_MAX)
                return -JOB_ERROR_STDIN_TOO_LARGE;
        e = calloc(1, sizeof(*e));
        if (!e)
                return -ENOMEM;
        *e = (Enqueue) { .core = core, .done = done, .userdata = userdata };
        r = new_job(core, spec, caller->uid, &e->job);
        if (r < 0)
                return r;
        limit = join_parent(e->job, spec);
        if (limit == -ENOMEM)
                return limit;
        if (limit >= 0)
                limit = check_limits(e->job, caller);
        if (limit < 0 && !spec->key) /* with a key it may have been accepted long ago */
                return limit;
        r = limit < 0 ? 0 : take_slot(e->job); /* what is refused takes no place from others */
        insert = (StoreInsert) {
                .stdin_fd = spec->stdin_fd,
                .stdin_size = spec->stdin_fd >= 0 ? spec->stdin_size : 0,
                .key = spec->key,
                .digest = spec_digest(spec),
                .instance = e->job->instance,
                .secret = e->job->secret,
                .jobs_max = core->config.max_stored_user,
                .bytes_max = core->config.max_stored_bytes_user,
                .refusal = limit,
        };
        if (r >= 0)
                r = encode(spec, e->job->record.id, &insert);
        if (r >= 0)
                r = store_insert(core->store, &e->job->record, &e->job->limits, &insert, on_inserted, e);
        if (r < 0)
                return r;
        TAKE_PTR(e);
        return 0;
}

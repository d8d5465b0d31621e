/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Changes of a queued job. It is blocked while they are being recorded: it cannot start by halves, and is in no order that
 * depends on what is changed. New dependencies are linked before they are recorded, so that two changes cannot close a
 * circle together, and in addition to the old ones, since the change may still be refused. */

#include "core-internal.h"
#include "service-log.h"

#define WALKED_MAX 50000U /* dependencies, in search of a circle */

typedef struct Edit {
        Core *core;
        char id[JOB_ID_MAX + 1];
        const Spec *changes;
        char *label; /* owned copies, NULL: not changed */
        char *queue;
        char *after;
        QueueLane *lane; /* of that queue */
        EditedCallback done;
        void *userdata;
} Edit;

static void edit_free(Edit *edit) {
        free(edit->label);
        free(edit->queue);
        free(edit->after);
        free(edit);
}
DEFINE_CLEANUP(Edit *, edit_free);

static void replace(char **text, char **replacement) {
        if (!*replacement)
                return;
        free(*text);
        *text = TAKE_PTR(*replacement);
}

static int apply_after(Edit *edit, Job *job, const char *failed) {
        free(job->record.after);
        job->record.after = isempty(edit->after) ? NULL : TAKE_PTR(edit->after);
        return conditions_replace(job, edit, failed);
}

/* What has no meaning any more for a job that was cancelled meanwhile has no effect. */
static int apply(Edit *edit, Job *job, const char *failed) {
        const Spec *changes = edit->changes;
        int r = 0;

        replace(&job->record.label, &edit->label);
        replace(&job->record.queue, &edit->queue);
        job_limits_change(&job->limits, &changes->limits);
        if (changes->priority != JOB_PRIORITY_NONE)
                job->record.priority = changes->priority;
        if (edit->lane)
                queue_move(&edit->core->queue, job, TAKE_PTR(edit->lane));
        if (changes->after)
                r = apply_after(edit, job, failed);
        if (r < 0 || changes->not_before_usec == JOB_MOMENT_NONE)
                return r;
        if (job->phase == JOB_WAITING)
                return conditions_set_time(job, changes->not_before_usec);
        if (job->phase == JOB_RECORDING)
                job->record.not_before_usec = changes->not_before_usec;
        return 0;
}

static void on_recorded(int r, const char *other, void *userdata) {
        _cleanup_(edit_freep) Edit *edit = userdata;
        Core *core = edit->core;
        Job *job = core_find_unended(core, edit->id);
        int error = 0;

        if (job && r >= 0)
                error = apply(edit, job, other);
        else if (job)
                job_drop_dependencies(job, edit);
        if (edit->lane)
                queue_move(&core->queue, NULL, edit->lane);
        if (job) {
                job->n_editing--;
                queue_block(&core->queue, job, JOB_IS_REFUSED, core_refuses(job));
                queue_block(&core->queue, job, JOB_IS_EDITED, job->n_editing > 0);
                core->events->edited(job, core->userdata);
        }
        if (error < 0) {
                log_job(job, LOG_CRIT, "out of memory, restarting to load it from the database: %s", strerror(-error));
                (void) sd_event_exit(core->event, error);
        }
        core_schedule(core);
        edit->done(r, other, edit->userdata);
}

/* Also one that was loaded, and has no place in the queue until the service manager has answered. */
static bool is_editable(const Job *job) {
        if (job->phase == JOB_RECORDING)
                return job->record.state == JOB_QUEUED && !job->instance && !job->record.attempts;
        return job->phase == JOB_WAITING && !(job->blocked & JOB_IS_DOOMED);
}

static int check_queue(const Job *job, const Caller *caller, const Spec *changes) {
        const char *queue = changes->queue ?: job->record.queue;
        JobLimits limits = job->limits;
        int r;

        r = changes->queue ? core_admit(job->core, caller, job->record.uid, queue) : 0;
        job_limits_change(&limits, &changes->limits);
        return r < 0 ? r : core_check_queue_limits(job->core, job->record.uid, queue, &limits);
}

static int check(const Job *job, const Caller *caller, const Spec *changes) {
        if (!is_editable(job))
                return -JOB_ERROR_NOT_EDITABLE;
        if ((changes->not_before_usec != JOB_MOMENT_NONE || changes->after) && job->record.attempt > 0)
                return -JOB_ERROR_ATTEMPTED;
        return check_queue(job, caller, changes);
}

static int edit_new(Edit **ret, const Job *job, const Spec *changes) {
        _cleanup_(edit_freep) Edit *edit = calloc(1, sizeof(*edit));

        if (!edit)
                return -ENOMEM;
        edit->core = job->core;
        edit->changes = changes;
        (void) snprintf(edit->id, sizeof(edit->id), "%s", job->record.id);
        edit->label = changes->label ? strdup(changes->label) : NULL;
        edit->queue = changes->queue ? strdup(changes->queue) : NULL;
        edit->after = changes->after ? strdup(changes->after) : NULL;
        if ((changes->label && !edit->label) || (changes->queue && !edit->queue) || (changes->after && !edit->after))
                return -ENOMEM;
        *ret = TAKE_PTR(edit);
        return 0;
}

/* job is marked, as are all that wait for it. What is not found among the live jobs of its user is left to the store. */
static int link_other(const Edit *edit, Job *job, const char *id, JobCondition condition, const char **ret_other) {
        Job *other = core_find_unended(edit->core, id);

        if (!other || other->record.uid != job->record.uid)
                return 0;
        if (other == job)
                return -JOB_ERROR_OWN_DEPENDENCY;
        if (!other->is_marked)
                return dependency_new(job, other, condition, edit);
        *ret_other = other->record.id;
        return -JOB_ERROR_CIRCLE;
}

static int link_others(const Edit *edit, Job *job, const char **ret_other) {
        const char *p = strempty(edit->after);
        char id[JOB_ID_MAX + 1];
        JobCondition condition;
        JobMarks marks;
        int r;

        if (!*p)
                return 0;
        r = job_mark_dependents(job, WALKED_MAX, &marks);
        if (r < 0)
                return r == -E2BIG ? -JOB_ERROR_TOO_MANY_DEPENDENTS : r;
        while (r >= 0 && (r = job_after_next(&p, id, &condition)) > 0)
                r = link_other(edit, job, id, condition, ret_other);
        job_unmark(&marks);
        return r;
}

int core_edit(Job *job, const Caller *caller, const Spec *changes, const char **ret_other, EditedCallback done, void *userdata) {
        _cleanup_(edit_freep) Edit *edit = NULL;
        Queue *queue = &job->core->queue;
        int r;

        r = check(job, caller, changes);
        if (r >= 0)
                r = edit_new(&edit, job, changes);
        if (r < 0)
                return r;
        edit->done = done;
        edit->userdata = userdata;
        r = link_others(edit, job, ret_other);
        if (r >= 0 && edit->queue)
                r = queue_expect_move(queue, job, edit->queue, &edit->lane);
        if (r >= 0)
                r = store_edit(job->core->store, edit->id, changes, on_recorded, edit);
        if (r < 0) {
                job_drop_dependencies(job, edit);
                if (edit->lane)
                        queue_move(queue, NULL, edit->lane);
                return r;
        }
        TAKE_PTR(edit);
        job->n_editing++;
        queue_block(queue, job, JOB_IS_EDITED, true);
        return 0;
}

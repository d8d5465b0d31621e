/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <signal.h>
#include <sys/wait.h>

#include "job.h"
#include "unit.h"

#define EXIT_CODE_CANCELLED (128 + SIGTERM)

int job_new(Job **ret, const char *id, const char *kind, uint32_t uid) {
        _cleanup_(job_freep) Job *job = NULL;

        job = calloc(1, sizeof(*job));
        if (!job)
                return -ENOMEM;
        job->record = JOB_RECORD_INIT;
        LIST_INIT(&job->waiters);
        job->record.uid = uid;
        job->record.id = strdup(id);
        job->record.kind = strdup(kind);
        job->record.queue = strdup("default");
        if (!job->record.id || !job->record.kind || !job->record.queue)
                return -ENOMEM;
        *ret = TAKE_PTR(job);
        return 0;
}

Job *job_free(Job *job) {
        if (!job)
                return NULL;

        assert(LIST_EMPTY(&job->waiters));
        (void) unit_free(job->unit);
        for (size_t i = 0; i < ELEMENTSOF(job->output_watch); i++)
                (void) sd_event_source_disable_unref(job->output_watch[i]);
        (void) sd_event_source_disable_unref(job->watch_timer);
        (void) sd_event_source_disable_unref(job->retry);
        free(job->instance);
        job_record_clear(&job->record);
        free(job);
        return NULL;
}

int job_set_state(Job *job, JobState state, JobReason reason) {
        JobState from = job->record.state;
        bool legal = (from == JOB_QUEUED && state != JOB_QUEUED) ||
                (from == JOB_RUNNING && job_state_is_terminal(state));

        if (!legal || (state == JOB_COMPLETED) != (reason == JOB_REASON_NONE && state != JOB_RUNNING))
                return -EINVAL;
        job->record.state = state;
        job->record.reason = reason;
        return 0;
}

static JobReason reason_from_end(const JobEnd *end) {
        if (!end->started || end->worker_failed)
                return JOB_REASON_NOT_EXECUTABLE;
        if (streq(end->result, "oom-kill"))
                return JOB_REASON_OOM_KILL;
        if (streq(end->result, "timeout"))
                return JOB_REASON_RUNTIME_LIMIT;
        if (end->code == CLD_DUMPED)
                return JOB_REASON_CORE_DUMP;
        if (end->code == CLD_KILLED)
                return JOB_REASON_SIGNAL;
        return end->code == CLD_EXITED ? JOB_REASON_EXIT_CODE : JOB_REASON_NOT_EXECUTABLE;
}

int job_set_end(Job *job, const JobEnd *end) {
        JobReason reason = reason_from_end(end);

        if (end->code == CLD_EXITED)
                job->record.exit_code = end->status;
        else if (end->code == CLD_KILLED || end->code == CLD_DUMPED) {
                job->record.exit_code = 128 + end->status;
                job->record.signal = end->status;
        }

        if (job->stop_reason == JOB_REASON_USER) {
                job->record.exit_code = EXIT_CODE_CANCELLED;
                return job_set_state(job, JOB_CANCELLED, JOB_REASON_USER);
        }
        if (job->stop_reason != JOB_REASON_NONE)
                return job_set_state(job, JOB_FAILED, job->stop_reason);
        if (reason == JOB_REASON_EXIT_CODE && end->status == 0)
                return job_set_state(job, JOB_COMPLETED, JOB_REASON_NONE);
        return job_set_state(job, JOB_FAILED, reason);
}

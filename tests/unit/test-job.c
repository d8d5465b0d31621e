/* SPDX-License-Identifier: Apache-2.0 */

#include <signal.h>
#include <sys/wait.h>

#include "job.h"
#include "test.h"

static Job *new_job(JobState state) {
        Job *job = NULL;

        check_ok(job_new(&job, "task-7f3k9q2m1x", "task", 1000));
        job->record.state = state;
        return job;
}

static void life(void) {
        _cleanup_(job_freep) Job *job = new_job(JOB_QUEUED);

        check_string(job->record.id, "task-7f3k9q2m1x");
        check_string(job->record.kind, "task");
        check_string(job->record.queue, "default");
        check_int(job->record.uid, 1000);
        check_int(job->record.reason, JOB_REASON_NONE);
        check_int(job->record.exit_code, -1);
        check_int(job->record.stopped_by, UINT32_MAX);
        check_int(job->phase, JOB_RECORDING);
        check(!job_free(NULL));
}

/* Every step from every state: queued to running or to an end, running to an end, no other. */
static void steps(void) {
        for (int from = 0; from < _JOB_STATE_MAX; from++)
                for (int to = 0; to < _JOB_STATE_MAX; to++) {
                        _cleanup_(job_freep) Job *job = new_job((JobState) from);
                        bool bare = to == JOB_RUNNING || to == JOB_COMPLETED;
                        JobReason reason = bare ? JOB_REASON_NONE : JOB_REASON_LOST;
                        bool legal = (from == JOB_QUEUED && to != JOB_QUEUED) ||
                                (from == JOB_RUNNING && job_state_is_terminal((JobState) to));

                        check_error(job_set_state(job, (JobState) to, reason), legal ? 0 : -EINVAL);
                        check_int(job->record.state, legal ? to : from);
                        check_int(job->record.reason, legal ? reason : JOB_REASON_NONE);
                }
}

/* Completed is the only end without a reason, and only an end has one. */
static void reasons(void) {
        for (int reason = JOB_REASON_NONE + 1; reason < _JOB_REASON_MAX; reason++) {
                _cleanup_(job_freep) Job *job = new_job(JOB_RUNNING);

                check_error(job_set_state(job, JOB_COMPLETED, (JobReason) reason), -EINVAL);
                check_int(job->record.state, JOB_RUNNING);
        }
        for (int state = JOB_FAILED; state <= JOB_CANCELLED; state++) {
                _cleanup_(job_freep) Job *job = new_job(JOB_RUNNING);

                check_error(job_set_state(job, (JobState) state, JOB_REASON_NONE), -EINVAL);
        }
}

static void running_without_reason(void) {
        _cleanup_(job_freep) Job *job = new_job(JOB_QUEUED);

        check_error(job_set_state(job, JOB_RUNNING, JOB_REASON_SIGNAL), -EINVAL);
        check_int(job->record.state, JOB_QUEUED);
        check_int(job->record.reason, JOB_REASON_NONE);
}

static const struct {
        const char *what;
        JobEnd end;
        JobReason stop_reason;
        JobState state;
        JobReason reason;
        int exit_code, signal;
} ends[] = {
        /* on its own */
        { "exit 0", { CLD_EXITED, 0, "success", true }, 0, JOB_COMPLETED, 0, 0, 0 },
        { "exit 1", { CLD_EXITED, 1, "exit-code", true }, 0, JOB_FAILED, JOB_REASON_EXIT_CODE, 1, 0 },
        { "exit 124", { CLD_EXITED, 124, "exit-code", true }, 0, JOB_FAILED, JOB_REASON_EXIT_CODE, 124, 0 },
        { "exit 255", { CLD_EXITED, 255, "exit-code", true }, 0, JOB_FAILED, JOB_REASON_EXIT_CODE, 255, 0 },
        { "exit 126 of its own", { CLD_EXITED, 126, "exit-code", true }, 0, JOB_FAILED, JOB_REASON_EXIT_CODE, 126, 0 },
        { "SIGKILL", { CLD_KILLED, SIGKILL, "signal", true }, 0, JOB_FAILED, JOB_REASON_SIGNAL, 137, SIGKILL },
        /* systemd takes these four for success: they are none */
        { "SIGTERM", { CLD_KILLED, SIGTERM, "success", true }, 0, JOB_FAILED, JOB_REASON_SIGNAL, 143, SIGTERM },
        { "SIGHUP", { CLD_KILLED, SIGHUP, "success", true }, 0, JOB_FAILED, JOB_REASON_SIGNAL, 129, SIGHUP },
        { "SIGINT", { CLD_KILLED, SIGINT, "success", true }, 0, JOB_FAILED, JOB_REASON_SIGNAL, 130, SIGINT },
        { "SIGPIPE", { CLD_KILLED, SIGPIPE, "success", true }, 0, JOB_FAILED, JOB_REASON_SIGNAL, 141, SIGPIPE },
        { "core", { CLD_DUMPED, SIGSEGV, "core-dump", true }, 0, JOB_FAILED, JOB_REASON_CORE_DUMP, 139, SIGSEGV },
        { "OOM", { CLD_KILLED, SIGKILL, "oom-kill", true }, 0, JOB_FAILED, JOB_REASON_OOM_KILL, 137, SIGKILL },
        { "OOM of a child", { CLD_EXITED, 0, "oom-kill", true }, 0, JOB_FAILED, JOB_REASON_OOM_KILL, 0, 0 },
        { "time", { CLD_KILLED, SIGTERM, "timeout", true }, 0, JOB_FAILED, JOB_REASON_RUNTIME_LIMIT, 143, SIGTERM },
        { "time, exit 0", { CLD_EXITED, 0, "timeout", true }, 0, JOB_FAILED, JOB_REASON_RUNTIME_LIMIT, 0, 0 },

        /* never became the command */
        { "not found", { CLD_EXITED, 127, "exit-code", true, true }, 0, JOB_FAILED, JOB_REASON_NOT_EXECUTABLE, 127, 0 },
        { "no worker", { CLD_EXITED, 203, "exit-code", false }, 0, JOB_FAILED, JOB_REASON_NOT_EXECUTABLE, 203, 0 },
        { "no process", { 0, 0, "resources", false }, 0, JOB_FAILED, JOB_REASON_NOT_EXECUTABLE, -1, 0 },

        /* ended by us */
        { "cancelled", { CLD_KILLED, SIGTERM, "success", true }, JOB_REASON_USER, JOB_CANCELLED, JOB_REASON_USER, 143, SIGTERM },
        { "cancelled hard", { CLD_KILLED, SIGKILL, "timeout", true }, JOB_REASON_USER, JOB_CANCELLED, JOB_REASON_USER, 143,
          SIGKILL },
        { "cancelled, exit 0", { CLD_EXITED, 0, "success", true }, JOB_REASON_USER, JOB_CANCELLED, JOB_REASON_USER, 143, 0 },
        { "too much output", { CLD_KILLED, SIGTERM, "success", true }, JOB_REASON_OUTPUT_LIMIT, JOB_FAILED,
          JOB_REASON_OUTPUT_LIMIT, 143, SIGTERM },
        { "too much output, exit 0", { CLD_EXITED, 0, "success", true }, JOB_REASON_OUTPUT_LIMIT, JOB_FAILED,
          JOB_REASON_OUTPUT_LIMIT, 0, 0 },
};

static void end_from(JobState state) {
        for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
                _cleanup_(job_freep) Job *job = new_job(state);
                const JobRecord *record = &job->record;

                job->stop_reason = ends[i].stop_reason;
                check_ok(job_set_end(job, &ends[i].end));
                if (record->state != ends[i].state || record->reason != ends[i].reason ||
                    record->exit_code != ends[i].exit_code || record->signal != ends[i].signal)
                        test_fail(TEST_PLACE(ends[i].what), "is %s, %s, %d, %d", job_state_to_string(record->state),
                                  job_reason_to_string(record->reason), record->exit_code, record->signal);
        }
}

static void end_of_running(void) {
        end_from(JOB_RUNNING);
}

/* A short job has ended before the answer to its start is read. */
static void end_of_queued(void) {
        end_from(JOB_QUEUED);
}

/* Terminal states never change, and neither does what belongs to them. */
static void end_twice(void) {
        _cleanup_(job_freep) Job *job = new_job(JOB_RUNNING);

        check_ok(job_set_end(job, &(JobEnd) { CLD_EXITED, 0, "success", true }));
        check_error(job_set_end(job, &(JobEnd) { CLD_KILLED, SIGKILL, "signal", true }), -EINVAL);
        check_int(job->record.state, JOB_COMPLETED);
        check_int(job->record.reason, JOB_REASON_NONE);
        check_int(job->record.exit_code, 0);
        check_int(job->record.signal, 0);
}

TEST_MAIN(TEST(life), TEST(steps), TEST(reasons), TEST(running_without_reason), TEST(end_of_running), TEST(end_of_queued),
          TEST(end_twice))

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

static void running(void) {
        for (int from = 0; from < _JOB_STATE_MAX; from++) {
                _cleanup_(job_freep) Job *job = new_job((JobState) from);

                check_error(job_set_running(job, 5), from == JOB_QUEUED ? 0 : -EINVAL);
                check_int(job->record.state, from == JOB_QUEUED ? JOB_RUNNING : from);
                check_int(job->record.started_usec, from == JOB_QUEUED ? 5 : 0);
                check_int(job->record.reason, JOB_REASON_NONE);
        }
}

/* Every outcome from every state: only an end, only of what has none, and completed without a reason. */
static void outcomes(void) {
        for (int from = 0; from < _JOB_STATE_MAX; from++)
                for (int to = 0; to < _JOB_STATE_MAX; to++)
                        for (int reason = 0; reason < _JOB_REASON_MAX; reason++) {
                                _cleanup_(job_freep) Job *job = new_job((JobState) from);
                                bool legal = !job_state_is_terminal((JobState) from) &&
                                             job_state_is_terminal((JobState) to) &&
                                             (to == JOB_COMPLETED) == (reason == JOB_REASON_NONE);

                                check_error(job_set_outcome(job, (JobState) to, (JobReason) reason, 7),
                                            legal ? 0 : -EINVAL);
                                check_int(job->outcome.finished_usec, legal ? 7 : 0);
                                check_int(job->record.state, from); /* not before it is on disk */
                        }
}

static void apply(void) {
        _cleanup_(job_freep) Job *job = new_job(JOB_QUEUED);

        check_ok(job_set_running(job, 5));
        check_ok(job_set_outcome(job, JOB_FAILED, JOB_REASON_LOST, 7));
        check_int(job->record.state, JOB_RUNNING);
        check_int(job->record.exit_code, -1);
        check_int(job->record.finished_usec, 0);
        job_apply_outcome(job, 9);
        check_int(job->record.state, JOB_FAILED);
        check_int(job->record.reason, JOB_REASON_LOST);
        check_int(job->record.exit_code, -1);
        check_int(job->record.signal, 0);
        check_int(job->record.started_usec, 5);
        check_int(job->record.finished_usec, 7);
        check_int(job->record.sequence, 9);

        check_error(job_set_outcome(job, JOB_COMPLETED, JOB_REASON_NONE, 8), -EINVAL);
        check_error(job_set_end(job, &(JobEnd) { CLD_EXITED, 0, "success", true }, 8), -EINVAL);
        check_error(job_set_running(job, 8), -EINVAL);
        check_int(job->record.state, JOB_FAILED);
}

/* One that never ran: what a caller of Await sees is the exit code of a cancelled job. */
static void cancelled_before_it_ran(void) {
        _cleanup_(job_freep) Job *job = new_job(JOB_QUEUED);

        check_ok(job_set_outcome(job, JOB_CANCELLED, JOB_REASON_USER, 7));
        job_apply_outcome(job, 1);
        check_int(job->record.exit_code, 143);
        check_int(job->record.signal, 0);
        check_int(job->record.started_usec, 0);
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
        { "no worker", { CLD_EXITED, 203, "exit-code", false }, 0, JOB_FAILED, JOB_REASON_NOT_EXECUTABLE, -1, 0 },
        { "no process", { 0, 0, "resources", false }, 0, JOB_FAILED, JOB_REASON_NOT_EXECUTABLE, -1, 0 },

        /* ended by us */
        { "cancelled", { CLD_KILLED, SIGTERM, "success", true }, JOB_REASON_USER, JOB_CANCELLED,
          JOB_REASON_USER, 143, SIGTERM },
        { "cancelled hard", { CLD_KILLED, SIGKILL, "timeout", true }, JOB_REASON_USER, JOB_CANCELLED,
          JOB_REASON_USER, 143, SIGKILL },
        { "cancelled, exit 0", { CLD_EXITED, 0, "success", true }, JOB_REASON_USER, JOB_CANCELLED,
          JOB_REASON_USER, 143, 0 },
        { "too much output", { CLD_KILLED, SIGTERM, "success", true }, JOB_REASON_OUTPUT_LIMIT, JOB_FAILED,
          JOB_REASON_OUTPUT_LIMIT, 143, SIGTERM },
        { "too much output, exit 0", { CLD_EXITED, 0, "success", true }, JOB_REASON_OUTPUT_LIMIT, JOB_FAILED,
          JOB_REASON_OUTPUT_LIMIT, 0, 0 },
};

static void end_from(JobState state) {
        for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
                _cleanup_(job_freep) Job *job = new_job(state);
                const JobOutcome *o = &job->outcome;

                job->stop_reason = ends[i].stop_reason;
                check_ok(job_set_end(job, &ends[i].end, 7));
                if (o->state != ends[i].state || o->reason != ends[i].reason || o->exit_code != ends[i].exit_code ||
                    o->signal != ends[i].signal)
                        test_fail(TEST_PLACE(ends[i].what), "is %s, %s, %d, %d", job_state_to_string(o->state),
                                  job_reason_to_string(o->reason), o->exit_code, o->signal);
                check_int(o->finished_usec, 7);
                check_int(job->record.state, state);
        }
}

static void end_of_running(void) {
        end_from(JOB_RUNNING);
}

/* A short job has ended before the answer to its start is read. */
static void end_of_queued(void) {
        end_from(JOB_QUEUED);
}

TEST_MAIN(TEST(life), TEST(running), TEST(outcomes), TEST(apply), TEST(cancelled_before_it_ran), TEST(end_of_running),
          TEST(end_of_queued))

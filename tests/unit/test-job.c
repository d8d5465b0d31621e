/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

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
        check_error(job_set_end(job, &(JobEnd) { .code = CLD_EXITED }, 8), -EINVAL);
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

#define LIMIT (2 * USEC_PER_SEC) /* of the run time, of all of them */
#define EXIT(cause, status) { JOB_CAUSE_##cause, CLD_EXITED, status }
#define KILL(cause, number) { JOB_CAUSE_##cause, CLD_KILLED, number }

static const struct {
        const char *what;
        JobEnd end;
        JobReason stop_reason;
        JobState state;
        JobReason reason;
        int exit_code, signal;
} ends[] = {
        /* by itself */
        { "exit 0", EXIT(ITSELF, 0), 0, JOB_COMPLETED, 0, 0, 0 },
        { "exit 1", EXIT(ITSELF, 1), 0, JOB_FAILED, JOB_REASON_EXIT_CODE, 1, 0 },
        { "exit 124", EXIT(ITSELF, 124), 0, JOB_FAILED, JOB_REASON_EXIT_CODE, 124, 0 },
        { "exit 255", EXIT(ITSELF, 255), 0, JOB_FAILED, JOB_REASON_EXIT_CODE, 255, 0 },
        { "exit 126 of its own", EXIT(ITSELF, 126), 0, JOB_FAILED, JOB_REASON_EXIT_CODE, 126, 0 },
        { "SIGKILL", KILL(ITSELF, SIGKILL), 0, JOB_FAILED, JOB_REASON_SIGNAL, 137, SIGKILL },
        /* systemd takes these four for success: they are none */
        { "SIGTERM", KILL(ITSELF, SIGTERM), 0, JOB_FAILED, JOB_REASON_SIGNAL, 143, SIGTERM },
        { "SIGHUP", KILL(ITSELF, SIGHUP), 0, JOB_FAILED, JOB_REASON_SIGNAL, 129, SIGHUP },
        { "SIGINT", KILL(ITSELF, SIGINT), 0, JOB_FAILED, JOB_REASON_SIGNAL, 130, SIGINT },
        { "SIGPIPE", KILL(ITSELF, SIGPIPE), 0, JOB_FAILED, JOB_REASON_SIGNAL, 141, SIGPIPE },
        { "core", { JOB_CAUSE_ITSELF, CLD_DUMPED, SIGSEGV }, 0, JOB_FAILED, JOB_REASON_CORE_DUMP, 139, SIGSEGV },

        /* by the kernel, the service manager, somebody else */
        { "OOM", KILL(OOM, SIGKILL), 0, JOB_FAILED, JOB_REASON_OOM_KILL, 137, SIGKILL },
        { "OOM of a child", EXIT(OOM, 0), 0, JOB_FAILED, JOB_REASON_OOM_KILL, 0, 0 },
        { "time", { JOB_CAUSE_TIMEOUT, CLD_KILLED, SIGTERM, LIMIT }, 0, JOB_FAILED, JOB_REASON_RUNTIME_LIMIT, 143, SIGTERM },
        { "time, exit 0", { JOB_CAUSE_TIMEOUT, CLD_EXITED, 0, LIMIT }, 0, JOB_FAILED, JOB_REASON_RUNTIME_LIMIT, 0, 0 },
        { "killed in the end", { JOB_CAUSE_TIMEOUT, CLD_KILLED, SIGKILL, LIMIT - 1 }, 0, JOB_FAILED, JOB_REASON_SIGNAL, 137,
          SIGKILL },
        { "stopped by others", KILL(OTHERS, SIGTERM), 0, JOB_FAILED, JOB_REASON_SIGNAL, 143, SIGTERM },
        { "stopped by others, exit 3", EXIT(OTHERS, 3), 0, JOB_FAILED, JOB_REASON_EXIT_CODE, 3, 0 },

        /* never became the command */
        { "not found", EXIT(WORKER, 127), 0, JOB_FAILED, JOB_REASON_NOT_EXECUTABLE, 127, 0 },
        { "no process", { JOB_CAUSE_ITSELF, 0, 0 }, 0, JOB_FAILED, JOB_REASON_NOT_EXECUTABLE, -1, 0 },

        /* ended by us */
        { "cancelled", KILL(STOP, SIGTERM), JOB_REASON_USER, JOB_CANCELLED, JOB_REASON_USER, 143, SIGTERM },
        { "cancelled hard", KILL(STOP, SIGKILL), JOB_REASON_USER, JOB_CANCELLED, JOB_REASON_USER, 143, SIGKILL },
        { "cancelled, exit 0", EXIT(STOP, 0), JOB_REASON_USER, JOB_CANCELLED, JOB_REASON_USER, 143, 0 },
        { "too much output", KILL(STOP, SIGTERM), JOB_REASON_OUTPUT_LIMIT, JOB_FAILED, JOB_REASON_OUTPUT_LIMIT, 143, SIGTERM },
        { "too much output, exit 0", EXIT(STOP, 0), JOB_REASON_OUTPUT_LIMIT, JOB_FAILED, JOB_REASON_OUTPUT_LIMIT, 0, 0 },

        /* before we came to it */
        { "cancelled too late", EXIT(ITSELF, 0), JOB_REASON_USER, JOB_COMPLETED, 0, 0, 0 },
        { "limited too late", EXIT(ITSELF, 3), JOB_REASON_STALLED, JOB_FAILED, JOB_REASON_EXIT_CODE, 3, 0 },
        { "cancelled behind the OOM", KILL(OOM, SIGKILL), JOB_REASON_USER, JOB_FAILED, JOB_REASON_OOM_KILL, 137, SIGKILL },
};

static void end_from(JobState state) {
        for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
                _cleanup_(job_freep) Job *job = new_job(state);
                const JobOutcome *o = &job->outcome;

                job->limits.runtime_max_usec = LIMIT;
                job->stop_reason = ends[i].stop_reason;
                job->record.stopped_by = 1001;
                check_ok(job_set_end(job, &ends[i].end, 7));
                if (o->state != ends[i].state || o->reason != ends[i].reason || o->exit_code != ends[i].exit_code ||
                    o->signal != ends[i].signal)
                        test_fail(TEST_PLACE(ends[i].what), "is %s, %s, %d, %d", job_state_to_string(o->state),
                                  job_reason_to_string(o->reason), o->exit_code, o->signal);
                check_int(job->record.stopped_by, ends[i].end.cause == JOB_CAUSE_STOP ? 1001 : UINT32_MAX);
                check_int(o->finished_usec, 7);
                check_int(job->record.state, state);
        }
}

/* By the sizes, which were looked at last. What it says of itself goes before. */
static void wrote_too_much(void) {
        static const struct {
                int status;
                uint64_t output_max;
                JobReason reason;
        } cases[] = {
                { 0, 9, JOB_REASON_OUTPUT_LIMIT },
                { 0, 10, JOB_REASON_NONE },
                { 0, 0, JOB_REASON_NONE },
                { 3, 9, JOB_REASON_EXIT_CODE },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(job_freep) Job *job = new_job(JOB_RUNNING);

                job->limits.output_max = cases[i].output_max;
                job->record.stdout_bytes = 6;
                job->record.stderr_bytes = 4;
                check_ok(job_set_end(job, &(JobEnd) EXIT(ITSELF, cases[i].status), 7));
                check_int(job->outcome.reason, cases[i].reason);
                check_int(job->outcome.state, cases[i].reason == JOB_REASON_NONE ? JOB_COMPLETED : JOB_FAILED);
                check_int(job->outcome.exit_code, cases[i].status);
        }
}

static void killed_without_a_limit(void) {
        _cleanup_(job_freep) Job *job = new_job(JOB_RUNNING);

        check_ok(job_set_end(job, &(JobEnd) { JOB_CAUSE_TIMEOUT, CLD_KILLED, SIGKILL, LIMIT }, 7));
        check_int(job->outcome.reason, JOB_REASON_SIGNAL);
}

/* Whoever cancels a job waits for its end, not for an attempt in an hour. */
static void cancelled_too_late_for_the_attempt(void) {
        for (unsigned cancelled = 0; cancelled < 2; cancelled++) {
                _cleanup_(job_freep) Job *job = new_job(JOB_RUNNING);

                job->record.attempt = 1;
                job->record.retries = 3;
                job->stop_reason = cancelled ? JOB_REASON_USER : JOB_REASON_STALLED;
                check_ok(job_set_end(job, &(JobEnd) EXIT(ITSELF, 3), 7));
                check_int(job->outcome.reason, JOB_REASON_EXIT_CODE);
                check_int(job_is_to_retry(job), !cancelled);
        }
}

static void end_of_running(void) {
        end_from(JOB_RUNNING);
}

/* A short job has ended before the answer to its start is read. */
static void end_of_queued(void) {
        end_from(JOB_QUEUED);
}

static bool is_marked(Job *job, const Job *of) {
        JobMarks marks;
        bool found;

        check_ok(job_mark_dependents((Job *) of, 9, &marks));
        found = job->is_marked;
        job_unmark(&marks);
        check(!job->is_marked);
        return found;
}

/* 0 <- 1 <- 2 and 0 <- 3 <- 2: what waits for whom, and on two ways. */
static void dependents(void) {
        Job *jobs[5];
        JobMarks marks;

        for (size_t i = 0; i < ELEMENTSOF(jobs); i++)
                jobs[i] = new_job(JOB_QUEUED);
        check_ok(dependency_new(jobs[1], jobs[0], JOB_AFTER_OK, NULL));
        check_ok(dependency_new(jobs[2], jobs[1], JOB_AFTER_OK, NULL));
        check_ok(dependency_new(jobs[3], jobs[0], JOB_AFTER_OK, NULL));
        check_ok(dependency_new(jobs[2], jobs[3], JOB_AFTER_OK, jobs)); /* of a change that is being recorded */
        for (size_t i = 0; i < ELEMENTSOF(jobs); i++)
                check(is_marked(jobs[i], jobs[0]) == (i < 4));
        check(is_marked(jobs[2], jobs[3]) && !is_marked(jobs[0], jobs[3]) && !is_marked(jobs[1], jobs[3]));
        check_error(job_mark_dependents(jobs[0], 3, &marks), -E2BIG);
        check(!jobs[0]->is_marked && !jobs[3]->is_marked);
        job_drop_dependencies(jobs[2], NULL);
        check(!is_marked(jobs[2], jobs[1]) && is_marked(jobs[2], jobs[3]));
        job_drop_dependencies(jobs[2], jobs);
        check(!is_marked(jobs[2], jobs[0]) && is_marked(jobs[3], jobs[0]));
        for (size_t i = 0; i < ELEMENTSOF(jobs); i++)
                (void) job_free(jobs[i]);
}

TEST_MAIN(TEST(life), TEST(running), TEST(outcomes), TEST(apply), TEST(cancelled_before_it_ran),
          TEST(wrote_too_much), TEST(killed_without_a_limit), TEST(cancelled_too_late_for_the_attempt),
          TEST(end_of_running), TEST(end_of_queued), TEST(dependents))

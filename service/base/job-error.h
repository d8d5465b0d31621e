/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Errors of calls: the name on the bus and the message, which contains up to two texts. Functions return these codes
 * negated, like errnos, which are smaller; an errno only ever has the meaning of errno(3). */

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "bus-names.h"

#define JOB_ERRORS(X)                                                                                                        \
        X(NOT_FOUND, JOBS_ERROR_NO_SUCH_JOB, "Job %s not found.")                                                            \
        X(INVALID_ID, JOBS_ERROR_NO_SUCH_JOB, "Invalid job ID '%s'.")                                                        \
        X(GONE, JOBS_ERROR_NO_SUCH_JOB, "A job no longer exists; nothing was removed.")                                      \
        X(AMBIGUOUS_ID, JOBS_ERROR_AMBIGUOUS_ID, "Job ID %s is ambiguous: %s.")                                              \
        X(NOT_FINISHED, JOBS_ERROR_INVALID_ARGUMENT, "Job %s has not finished.")                                             \
        X(NOT_QUEUED, JOBS_ERROR_INVALID_ARGUMENT, "Job %s is not queued.")                                                  \
        X(NOT_EDITABLE, JOBS_ERROR_INVALID_ARGUMENT, "Job %s is not queued, or is being started.")                           \
        X(ATTEMPTED, JOBS_ERROR_INVALID_ARGUMENT, "Job %s waits for another attempt; its time and what it depends on cannot be changed.") \
        X(NO_DEPENDENCY, JOBS_ERROR_NO_SUCH_JOB, "Job %s of option After not found among the jobs of the caller.")           \
        X(SAME_DEPENDENCY, JOBS_ERROR_INVALID_ARGUMENT, "Option After names job %s more than once.")                         \
        X(OWN_DEPENDENCY, JOBS_ERROR_INVALID_ARGUMENT, "Job %s cannot depend on itself (option After).")                     \
        X(CIRCLE, JOBS_ERROR_INVALID_ARGUMENT,                                                                               \
          "Job %s of option After depends on job %s itself, directly or through other jobs.")                                \
        X(TOO_MANY_DEPENDENTS, JOBS_ERROR_LIMIT_EXCEEDED,                                                                    \
          "Too many jobs depend on job %s to change what it depends on itself.")                                             \
        X(NO_QUEUE, JOBS_ERROR_NO_SUCH_QUEUE, "Queue %s not found among those of the caller and of the administrator.")      \
        X(QUEUE_NOT_ALLOWED, JOBS_ERROR_NOT_PERMITTED,                                                                       \
          "Queue %s is only for members of certain groups (AllowGroups=%s); use another one, or ask the administrator.")     \
        X(QUEUE_NOT_OWN, JOBS_ERROR_NOT_PERMITTED,                                                                           \
          "Queue %s is one of the administrator; it can only be removed from the configuration.")                            \
        X(QUEUE_RUNTIME_MAX, JOBS_ERROR_LIMIT_EXCEEDED,                                                                      \
          "Jobs in queue %s may run for at most %s; give a RuntimeMaxUSec that is not more.")                                \
        X(QUEUE_OUTPUT_MAX, JOBS_ERROR_LIMIT_EXCEEDED,                                                                       \
          "Jobs in queue %s may write at most %s bytes; give an OutputMax that is not more.")                                \
        X(QUEUE_CLOSED, JOBS_ERROR_INVALID_ARGUMENT,                                                                         \
          "Queue %s starts no jobs, since a line of its configuration is invalid: %s; use another one, or ask the administrator.") \
        X(LAUNCHER_MISSING, JOBS_ERROR_INVALID_ARGUMENT,                                                                     \
          "Queue %s cannot run jobs: %s is not installed on this host; install it, or use another queue.")                   \
        X(LAUNCHER_LIMIT, JOBS_ERROR_INVALID_ARGUMENT,                                                                       \
          "Jobs of queue %s run elsewhere, where option %s has no effect; leave it out, or use another queue.")              \
        X(QUEUE_IN_USE, JOBS_ERROR_INVALID_ARGUMENT, "Jobs are queued or running in queue %s.")                              \
        X(TOO_MANY_QUEUES, JOBS_ERROR_LIMIT_EXCEEDED, "Limit of %s queues reached.")                                         \
        X(NO_PARENT, JOBS_ERROR_NO_SUCH_JOB, "Job %s of option Parent not found among the running jobs of the caller.")      \
        X(PARENT_STOPPED, JOBS_ERROR_INVALID_ARGUMENT,                                                                       \
          "Job %s of option Parent is being cancelled; it cannot submit jobs.")                                              \
        X(NESTED_TOO_DEEP, JOBS_ERROR_LIMIT_EXCEEDED, "Limit of %s running jobs nested in each other reached.")              \
        X(NOT_REMOVABLE, JOBS_ERROR_INVALID_ARGUMENT, "Job %s has not finished; nothing was removed.")                       \
        X(COMMAND_NOT_KEPT, JOBS_ERROR_INVALID_ARGUMENT, "The command of job %s was too long to be stored for Retry.")       \
        X(STDIN_NOT_KEPT, JOBS_ERROR_INVALID_ARGUMENT,                                                                       \
          "The standard input of job %s was not kept (KeepInput=); option Stdin is required.")                               \
        X(STDIN_TRUNCATED, JOBS_ERROR_INVALID_ARGUMENT,                                                                      \
          "Option Stdin was truncated while it was read; nothing was recorded.")                                             \
        X(TIMED_OUT, JOBS_ERROR_TIMED_OUT, "Timed out; the job has not finished.")                                           \
        X(STDIN_TOO_LARGE, JOBS_ERROR_LIMIT_EXCEEDED, "Option Stdin exceeds %s bytes.")                                      \
        X(USER_QUEUE_FULL, JOBS_ERROR_LIMIT_EXCEEDED, "Limit of %s queued jobs reached (MaxQueuedPerUser=).")                \
        X(QUEUE_FULL, JOBS_ERROR_LIMIT_EXCEEDED, "Limit of %s queued jobs of all users reached (MaxQueued=).")               \
        X(STORED_TOO_MUCH, JOBS_ERROR_LIMIT_EXCEEDED,                                                                        \
          "Limit of stored jobs or stored output reached (MaxStoredPerUser=, MaxStoredBytesPerUser=). "                      \
          "Largest finished jobs: %s.")                                                                                      \
        X(STORED_UNFINISHED, JOBS_ERROR_LIMIT_EXCEEDED,                                                                      \
          "Limit of stored jobs or stored output reached (MaxStoredPerUser=, MaxStoredBytesPerUser=); "                      \
          "no job has finished.")                                                                                            \
        X(NO_CONSUMER, JOBS_ERROR_NO_SUCH_CONSUMER, "There is no consumer with this name.")                                  \
        X(TOO_MANY_IDS, JOBS_ERROR_LIMIT_EXCEEDED, "More than %s job IDs in one call.")                                      \
        X(TOO_MANY_AWAITS, JOBS_ERROR_LIMIT_EXCEEDED, "Too many pending calls wait for jobs (MaxAwaitsPerUser=).")           \
        X(TOO_MANY_CALLS, JOBS_ERROR_LIMIT_EXCEEDED, "Too many pending calls, or too much data in them.")                    \
        X(TOO_MANY_UNKNOWN, JOBS_ERROR_LIMIT_EXCEEDED, "Too many pending calls wait for the credentials of their caller.")   \
        X(RESULTS_TOO_LARGE, JOBS_ERROR_LIMIT_EXCEEDED, "The results of these jobs exceed %s bytes.")                        \
        X(NOT_AUTHORIZED, JOBS_ERROR_NOT_PERMITTED,                                                                          \
          "Not authorized to run background jobs on this host (polkit action %s).")                                          \
        X(NOT_OWNER, JOBS_ERROR_NOT_PERMITTED, "Job %s belongs to another user; only its owner can retry it.")               \
        X(STORE_FULL, JOBS_ERROR_STORE_FULL, "The disk of the database is full; nothing was recorded.")                      \
        X(KEY_CONFLICT, JOBS_ERROR_KEY_CONFLICT, "This IdempotencyKey was already used for a different request.")            \
        X(PROCESSES_LEFT, JOBS_ERROR_PROCESSES_LEFT, "Processes of %s cannot be terminated by this service: %s.")            \
        X(REMOVED, JOBS_ERROR_UNAVAILABLE, "The service was removed from this host and accepts no more jobs.")               \
        X(STOPPING, JOBS_ERROR_UNAVAILABLE, "The service is stopping.")                                                      \
        X(STOPPING_NOT_JOB, JOBS_ERROR_UNAVAILABLE, "The service is stopping; the job keeps running.")                       \
        X(UNKNOWN_CALLER, JOBS_ERROR_UNAVAILABLE,                                                                            \
          "The service is stopping, or the credentials of the caller are not known.")

typedef enum JobError {
        _JOB_ERROR_FIRST = 10000,
#define JOB_ERROR_CODE(code, name, sentence) JOB_ERROR_##code,
        JOB_ERRORS(JOB_ERROR_CODE)
#undef JOB_ERROR_CODE
        _JOB_ERROR_END,
} JobError;

/* Sets the error for a negative r, either one of these or an errno. first and second are the texts of its message,
 * NULL if unused. Returns a negative errno, for a handler to return. */
int job_error_set(sd_bus_error *error, int r, const char *first, const char *second);

/* The same, as the reply to a call. */
int job_error_reply(sd_bus_message *call, int r, const char *first, const char *second);

/* Whether it is about the queue of a job. */
bool job_error_is_of_queue(int r);

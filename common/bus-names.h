/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Names shared by the service and its clients. dbus/ describes the interface in XML. */

#define JOBS_BUS_NAME "org.codex.Jobs"
#define JOBS_PATH "/org/codex/Jobs"
#define JOBS_INTERFACE "org.codex.Jobs"
#define JOB_PATH_PREFIX "/org/codex/Jobs/job"
#define JOB_INTERFACE "org.codex.Jobs.Job"

#define JOBS_ERROR_NO_SUCH_JOB "org.codex.Jobs.Error.NoSuchJob"
#define JOBS_ERROR_NO_SUCH_CONSUMER "org.codex.Jobs.Error.NoSuchConsumer"
#define JOBS_ERROR_NO_SUCH_QUEUE "org.codex.Jobs.Error.NoSuchQueue"
#define JOBS_ERROR_AMBIGUOUS_ID "org.codex.Jobs.Error.AmbiguousId"
#define JOBS_ERROR_INVALID_ARGUMENT "org.codex.Jobs.Error.InvalidArgument"
#define JOBS_ERROR_TIMED_OUT "org.codex.Jobs.Error.TimedOut"
#define JOBS_ERROR_LIMIT_EXCEEDED "org.codex.Jobs.Error.LimitExceeded"
#define JOBS_ERROR_NOT_PERMITTED "org.codex.Jobs.Error.NotPermitted"
#define JOBS_ERROR_STORE_FULL "org.codex.Jobs.Error.StoreFull"
#define JOBS_ERROR_KEY_CONFLICT "org.codex.Jobs.Error.KeyConflict"
#define JOBS_ERROR_PROCESSES_LEFT "org.codex.Jobs.Error.ProcessesLeft"
#define JOBS_ERROR_UNAVAILABLE "org.codex.Jobs.Error.Unavailable"

/* Limits of arguments; the service rejects more, so clients check them first. */
#define JOB_STDIN_MAX (16U * 1024U * 1024U) /* committed with the job, while others wait */
#define JOB_COMMAND_MAX (8U * 1024U * 1024U) /* bytes of argv and environment together */
#define JOB_STRINGS_MAX (256U * 1024U)       /* strings of argv, and of the environment */
#define JOB_LABEL_MAX 1024U
#define JOB_SESSION_MAX 256U
#define JOB_KEY_MAX 256U
#define JOB_CONSUMER_MAX 64U
#define JOB_CONSUMERS_MAX 1000U /* of one user; beyond it the oldest are forgotten */
#define JOB_QUEUES_MAX 100U /* of one user */
#define JOB_QUEUE_RUNNING_MAX 65535U
#define JOB_DEPTH_MAX 16U /* running jobs that a job is nested in */
#define JOB_PRIORITY_MAX 1000 /* and as much below 0 */
#define JOB_MOMENT_MAX UINT64_C(253402300799999999) /* the end of the year 9999, in microseconds */
#define JOB_RESULT_MAX (64U * 1024U)
#define JOB_IDS_MAX 1024U /* IDs in one call */
#define JOB_LIST_MAX 1000U
#define JOB_REPLY_MAX (16U * 1024U * 1024U) /* bytes of the jobs in one reply: buses accept at least 32 MiB */

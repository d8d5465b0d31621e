/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The limits of a job, and its isolation, each once. A row has
 *   its name on the bus: an option of Enqueue
 *   its member, which is also its column in the store
 *   its kind, which determines its type on the bus and the syntax for people
 *   its minimum and maximum
 *   the property of the unit that it becomes, see job_limit_to_property(); NULL: none, or converted separately
 *   its text in `codex-jobs show`, with % for the value; NULL: not shown
 *   its long option, and the help after it
 *
 * Kinds: a TIME in microseconds, a SIZE in bytes and a NUMBER, of which 0 is none; a SWITCH; a MASK of permissions, of
 * which 0 is the default of a unit. */

#include <stddef.h>
#include <stdint.h>

#define YEARS_10 (UINT64_C(10) * 365 * 24 * 3600 * 1000000)

/* Options of all verbs of the client that create a job. */
#define JOB_LIMITS_ANY(LIMIT)                                                                                         \
        LIMIT("RuntimeMaxUSec", runtime_max_usec, TIME, 1000000, YEARS_10, "RuntimeMaxUSec", "% runtime",             \
              "runtime-max", " TIME   Terminate after this time, for example 1h30min")                                \
        LIMIT("OutputMax", output_max, SIZE, 1, INT64_MAX, NULL, NULL,                                                \
              "output-max", " SIZE    Terminate beyond this much output, for example 500M")                           \
        LIMIT("MemoryMax", memory_max, SIZE, 1 << 20, INT64_MAX, "MemoryMax", "% memory",                             \
              "memory-max", " SIZE    Memory limit")                                                                  \
        LIMIT("TasksMax", tasks_max, NUMBER, 1, INT32_MAX, "TasksMax", "% tasks",                                     \
              "tasks-max", " N        Limit of processes and threads")                                                \
        LIMIT("CPUWeight", cpu_weight, NUMBER, 1, 10000, "CPUWeight", "CPU weight %",                                 \
              "cpu-weight", " N       CPU weight, 1 to 10000 (default: 100)")                                         \
        LIMIT("StallUSec", stall_usec, TIME, 1000000, YEARS_10, NULL, NULL,                                           \
              "stall", " TIME         Terminate after this time without output or progress")

/* The same; some verbs have their own help for it. */
#define JOB_LIMITS_FILES(LIMIT)                                                                                       \
        LIMIT("ReadOnly", read_only, SWITCH, 0, 1, NULL, NULL,                                                        \
              "read-only", "          Make all files read-only, except in a private /tmp")

/* Of verbs for any command. */
#define JOB_LIMITS_COMMAND(LIMIT)                                                                                     \
        LIMIT("MergeOutput", merge_output, SWITCH, 0, 1, NULL, NULL,                                                  \
              "merge-output", "       Redirect stderr to stdout")                                                          \
        LIMIT("UMask", umask, MASK, 0, 0777, NULL, NULL,                                                               \
              "umask", " MODE         File mode creation mask, octal (default: yours)")

#define JOB_LIMITS(LIMIT)                                                                                             \
        JOB_LIMITS_ANY(LIMIT) JOB_LIMITS_FILES(LIMIT) JOB_LIMITS_COMMAND(LIMIT)

typedef struct JobLimits {
#define LIMIT_MEMBER(name, member, ...) uint64_t member;
        JOB_LIMITS(LIMIT_MEMBER)
} JobLimits;

/* Added to a stored MASK, so that it may be 0. */
#define JOB_MASK_GIVEN UINT64_C(01000)

typedef enum JobLimitKind {
        LIMIT_TIME,
        LIMIT_SIZE,
        LIMIT_NUMBER,
        LIMIT_SWITCH,
        LIMIT_MASK,
} JobLimitKind;

typedef struct JobLimit {
        const char *name;
        JobLimitKind kind;
        const char *type; /* on the bus */
        size_t offset;    /* in JobLimits */
        uint64_t min, max;
        const char *property;
        const char *shown;
        const char *option;
} JobLimit;

#define ONE_LIMIT(...) +1
enum {
        JOB_LIMITS_ANY_N = 0 JOB_LIMITS_ANY(ONE_LIMIT), /* the first ones, which Edit changes */
        JOB_LIMITS_N = 0 JOB_LIMITS(ONE_LIMIT)
};
extern const JobLimit job_limits[JOB_LIMITS_N];

uint64_t *job_limit_of(JobLimits *limits, const JobLimit *limit);
uint64_t job_limit_get(const JobLimits *limits, const JobLimit *limit);

/* Takes over those limits that are given in changes. */
void job_limits_change(JobLimits *limits, const JobLimits *changes);

/* The value of its property of the unit, and back. A TIME is measured by the worker, from the start of the command. The
 * service manager counts from the start of the worker, and only stands in for one that is stopped or hangs: it is given
 * a margin, for as long as the start of a command takes on a busy host. */
#define JOB_LIMIT_MARGIN_USEC UINT64_C(5000000)
uint64_t job_limit_to_property(const JobLimit *limit, uint64_t value);
uint64_t job_limit_from_property(const JobLimit *limit, uint64_t value);

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The arguments and options of Enqueue and Retry, each once; limits are in job-limits.h. A row has
 *   its name on the bus
 *   its kind, which determines its types there, and how it is read and written
 *   its member below
 *   its minimum and maximum: bytes of a text; an INTEGER may be as much below 0 as above
 *   RETRY: an option of Retry, too; EDIT: one of Edit; or ENQUEUE
 *   its long option, its letter or 0, and its lines of the help; NULL: none
 *
 * Kinds: a COMMAND; an ENVIRONMENT; a DIRECTORY and a PATH, absolute; a WORD, see job_kind_is_valid(); a TEXT; a
 * MEMFD; a CHOICE, yes or no; a SWITCH; an INTEGER; a COUNT; a SPAN and a MOMENT, CLOCK_REALTIME, in microseconds; REASONS, words of job-attempts.h; RESOURCES, the text of
 * resource-limits.h; DEPENDENCIES, that of job-after.h; a JOB, its full ID. */

#include <limits.h>

#include "bus-names.h"
#include "job-after.h"
#include "job-attempts.h"
#include "job-id.h"
#include "job-limits.h"
#include "macro.h"

/* Options of all verbs of the client that create a new job. */
#define JOB_OPTIONS_ANY(OPTION)                                                                                       \
        OPTION("Directory", DIRECTORY, directory, 1, PATH_MAX - 1, ENQUEUE, "cwd", 'C',                               \
               "  -C, --cwd DIR            Working directory (default: current directory)\n")                         \
        OPTION("Label", TEXT, label, 0, JOB_LABEL_MAX, EDIT, "label", 0,                                           \
               "      --label TEXT         Description shown in lists (default: command line)\n")                         \
        OPTION("ResourceLimits", RESOURCES, resource_limits, 0, 0, ENQUEUE, "limit", 0,                               \
               "      --limit NAME=VALUE   Resource limit of the command, for example NOFILE=4096\n")

/* The same, also for those that retry one. */
#define JOB_OPTIONS_AGAIN(OPTION)                                                                                     \
        OPTION("Environment", ENVIRONMENT, environment, 0, 0, RETRY, "env", 'E',                                      \
               "  -E, --env NAME[=VALUE]   Set a variable in addition to your environment\n"                          \
               "      --clean-env          Do not pass on your environment\n")                                        \
        OPTION("IdempotencyKey", TEXT, key, 1, JOB_KEY_MAX, RETRY, "key", 0,                                          \
               "      --key TEXT           Idempotency key: reuse the job with the same key\n")                       \
        OPTION("Notify", CHOICE, notify, 0, 1, RETRY, "notify", 0,                                                    \
               "      --notify, --no-notify\n"                                                                        \
               "                           Show a desktop notification when the job finishes, or\n"                   \
               "                           do not (default: notify)\n")                                                    \
        OPTION("Queue", TEXT, queue, 1, JOB_QUEUE_MAX, RETRY | EDIT, "queue", 0,                                      \
               "      --queue QUEUE        Queue, see 'codex-jobs queue' (default: default)\n")                       \
        OPTION("Priority", INTEGER, priority, 0, JOB_PRIORITY_MAX, RETRY | EDIT, "priority", 0,                       \
               "      --priority N         Start before your jobs of lower priority, -1000 to 1000\n"                 \
               "                           (default: 0)\n")                                                           \
        OPTION("After", DEPENDENCIES, after, 0, JOB_AFTER_MAX, RETRY | EDIT, "after", 0,                              \
               "      --after ID[:CONDITION]\n"                                                                       \
               "                           Start after that job: ok, if it has completed (default);\n"                \
               "                           any, when it has finished; failed, if it has not\n"                         \
               "                           completed. May be given more than once\n")                                 \
        OPTION("NotBeforeUSec", MOMENT, not_before_usec, 0, 0, RETRY | EDIT, "at", 0,                                 \
               "      --at TIME            Do not start before this time, for example 18:30\n"                        \
               "      --delay TIME         Do not start before this time has passed\n")                               \
        OPTION("Hold", SWITCH, hold, 0, 1, RETRY, "hold", 0,                                                          \
               "      --hold               Do not start before 'codex-jobs release'\n")                                \
        OPTION("Retries", COUNT, retries, 0, JOB_RETRIES_MAX, RETRY, "retries", 0,                                    \
               "      --retries N          Run the command up to N more times if it fails (default: 0)\n")             \
        OPTION("RetryDelayUSec", SPAN, retry_delay_usec, 0, 0, RETRY, "retry-delay", 0,                               \
               "      --retry-delay TIME   Time before the first retry; it doubles with each (default: 10s)\n")        \
        OPTION("RetryOn", REASONS, retry_on, 0, 0, RETRY, "retry-on", 0,                                              \
               "      --retry-on REASON,...\n"                                                                        \
               "                           Only retry if it failed for one of these reasons: exit-code,\n"              \
               "                           signal, core-dump, oom-kill, stalled, runtime-limit, or\n"                  \
               "                           host-restarted (default: all but the last)\n")                              \
        OPTION("Detach", SWITCH, detach, 0, 1, RETRY, "detach", 0,                                                    \
               "      --detach             Within a job: keep running when that job is cancelled\n")

/* Of verbs for any command; and of these and retry. */
#define JOB_OPTIONS_COMMAND(OPTION)                                                                                   \
        OPTION("Kind", WORD, kind, 1, JOB_KIND_MAX, ENQUEUE, "kind", 0,                                               \
               "      --kind WORD          Kind of job, the prefix of its ID (default: job)\n")
#define JOB_OPTIONS_STDIN(OPTION)                                                                                     \
        OPTION("Stdin", MEMFD, stdin_fd, 0, JOB_STDIN_MAX, RETRY, "stdin", 0,                                         \
               "      --stdin FILE|-       Standard input, - for yours (default: /dev/null)\n")

/* Of none. */
#define JOB_OPTIONS_OTHER(OPTION)                                                                                     \
        OPTION("Argv", COMMAND, argv, 0, 0, ENQUEUE, NULL, 0, "")                                                     \
        OPTION("Workspace", PATH, workspace, 1, PATH_MAX - 1, ENQUEUE, NULL, 0, "")                                   \
        OPTION("Session", TEXT, session, 0, JOB_SESSION_MAX, ENQUEUE, NULL, 0, "")                                    \
        OPTION("Parent", JOB, parent, 1, JOB_ID_MAX, RETRY, NULL, 0, "")

#define JOB_OPTIONS(OPTION)                                                                                           \
        JOB_OPTIONS_ANY(OPTION) JOB_OPTIONS_AGAIN(OPTION) JOB_OPTIONS_COMMAND(OPTION) JOB_OPTIONS_STDIN(OPTION)       \
        JOB_OPTIONS_OTHER(OPTION)

typedef struct Spec {
        char **argv;        /* NULL-terminated, as environment */
        char **environment; /* NULL: not given */
        char *directory;    /* NULL: the home of the user */
        char kind[JOB_KIND_MAX + 1];
        char *label;     /* NULL: derived from argv */
        char *workspace; /* NULL: none */
        char *session;
        char *resource_limits; /* NULL: none */
        char *queue;  /* NULL: "default" */
        char *parent; /* full ID of the running job that submits this one; NULL: none */
        char *key;      /* makes it safe to submit again; NULL: none */
        char *retry_of; /* ID of the retried job; NULL: none */
        int notify;     /* -1: not given, which means yes */
        int32_t priority; /* JOB_PRIORITY_NONE: not given, which means 0 */
        int hold;         /* a boolean, as in sd-bus; likewise: */
        int detach;
        uint64_t not_before_usec; /* CLOCK_REALTIME; 0: at once; of Edit, JOB_MOMENT_NONE: not given */
        char *after; /* dependencies, whose IDs may be prefixes until they are looked up; NULL: none; of Edit, NULL: not given, and empty: none */
        uint32_t retries; /* JOB_RETRIES_NONE: not given, which means 0 */
        uint64_t retry_delay_usec; /* JOB_RETRY_DELAY_NONE: not given */
        char *retry_on; /* NULL: not given */
        int stdin_fd;   /* -1: /dev/null; for a memfd that its caller can still write to: */
        uint64_t stdin_size; /* its size when it was charged, of which no more is read */
        JobLimits limits;
        bool umask_inherited; /* of a client: that of limits is its own, nobody asked for it */
        uint64_t seen;  /* options that were given, for spec-read.h; and those that cannot be */
        uint64_t fixed;
} Spec;

#define JOB_PRIORITY_NONE INT32_MIN
#define JOB_RETRIES_NONE UINT32_MAX
#define JOB_RETRY_DELAY_NONE UINT64_MAX
#define JOB_MOMENT_NONE UINT64_MAX
#define SPEC_INIT                                                                                                  \
        (Spec) {                                                                                                   \
                .kind = "job", .notify = -1, .stdin_fd = -1, .priority = JOB_PRIORITY_NONE, .retries = JOB_RETRIES_NONE, \
                .retry_delay_usec = JOB_RETRY_DELAY_NONE,                                                          \
        }

typedef enum JobOptionKind {
        OPTION_COMMAND,
        OPTION_ENVIRONMENT,
        OPTION_DIRECTORY,
        OPTION_PATH,
        OPTION_WORD,
        OPTION_TEXT,
        OPTION_JOB,
        OPTION_MEMFD,
        OPTION_CHOICE,
        OPTION_RESOURCES,
        OPTION_SWITCH,
        OPTION_INTEGER,
        OPTION_COUNT,
        OPTION_SPAN,
        OPTION_REASONS,
        OPTION_MOMENT,
        OPTION_DEPENDENCIES,
} JobOptionKind;

typedef struct JobOption {
        const char *name;
        JobOptionKind kind;
        const char *types[2]; /* on the bus; NULL: there is only one */
        size_t offset;        /* in Spec */
        size_t min, max;
        bool is_for_retry;
        bool is_for_edit;
        const char *option;
        int letter;
} JobOption;

#define ONE_OPTION(...) +1
enum { JOB_OPTIONS_N = 0 JOB_OPTIONS(ONE_OPTION) };
extern const JobOption job_options[JOB_OPTIONS_N];

/* The text of a DIRECTORY, a PATH, a TEXT, RESOURCES, REASONS, DEPENDENCIES or a JOB. */
char **job_option_text(Spec *spec, const JobOption *option);

/* Frees the content, and leaves it as SPEC_INIT. */
void spec_clear(Spec *spec);
#define _cleanup_spec_ _cleanup_(spec_clear)

/* Moves a spec out of a variable that a cleanup would clear. */
static inline Spec spec_take(Spec *spec) {
        Spec taken = *spec;

        *spec = SPEC_INIT;
        return taken;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* One job as text. */

#include "clean.h"
#include "render.h"
#include "say.h"
#include "text-new.h"
#include "time-util.h"

const char *format_duration(uint64_t usec, char ret[static DURATION_MAX]) {
        static const struct {
                const char *name;
                uint64_t seconds;
        } units[] = { { "d", 86400 }, { "h", 3600 }, { "min", 60 }, { "s", 1 } };
        uint64_t seconds = usec / USEC_PER_SEC;
        uint64_t lesser;
        size_t i = 0;

        if (seconds == 0) {
                (void) snprintf(ret, DURATION_MAX, "%ums", (unsigned) (usec / USEC_PER_MSEC));
                return ret;
        }
        while (seconds < units[i].seconds)
                i++;
        lesser = i + 1 < ELEMENTSOF(units) ? seconds % units[i].seconds / units[i + 1].seconds : 0;
        if (lesser > 0)
                (void) snprintf(ret, DURATION_MAX, "%ju%s %ju%s", (uintmax_t) (seconds / units[i].seconds),
                                units[i].name, (uintmax_t) lesser, units[i + 1].name);
        else
                (void) snprintf(ret, DURATION_MAX, "%ju%s", (uintmax_t) (seconds / units[i].seconds), units[i].name);
        return ret;
}

const char *format_size(uint64_t bytes, char ret[static SIZE_TEXT_MAX]) {
        static const char units[] = "BKMGTPE";
        uint64_t unit = 1;
        size_t i = 0;

        while (bytes / unit >= 1024) {
                unit *= 1024;
                i++;
        }
        if (bytes % unit == 0)
                (void) snprintf(ret, SIZE_TEXT_MAX, "%ju%c", (uintmax_t) (bytes / unit), units[i]);
        else
                (void) snprintf(ret, SIZE_TEXT_MAX, "%ju.%ju%c", (uintmax_t) (bytes / unit),
                                (uintmax_t) (bytes % unit * 10 / unit), units[i]);
        return ret;
}

static uint64_t elapsed(uint64_t from, uint64_t to) {
        return to > from ? to - from : 0; /* the clock may have been set back */
}

const char *format_time(uint64_t usec, char ret[static TIME_TEXT_MAX]) {
        time_t t = (time_t) (usec / USEC_PER_SEC);
        struct tm tm;

        return localtime_r(&t, &tm) && strftime(ret, TIME_TEXT_MAX, "%F %T", &tm) > 0 ? ret : NULL;
}

char *render_progress(const JobRecord *record) {
        bool waits = record->state == JOB_QUEUED && !isempty(record->wait_text);
        char time[TIME_TEXT_MAX];

        if (job_state_is_terminal(record->state))
                return NULL;
        if (!isempty(record->progress))
                return strdup(record->progress);
        if (waits && streq(strempty(record->wait_reason), "time") && format_time(record->not_before_usec, time))
                return text_new("not before %s", time);
        return waits ? strdup(record->wait_text) : NULL;
}

char *render_activity(const JobRecord *record) {
        uint64_t since = record->state == JOB_RUNNING ? record->started_usec : record->created_usec;
        _cleanup_free_ char *progress = render_progress(record);
        char duration[DURATION_MAX];

        (void) format_duration(elapsed(since, now_realtime()), duration);
        return text_new("%s%s%s%s%s", job_state_to_string(record->state), since > 0 ? " for " : "",
                        since > 0 ? duration : "", progress ? ": " : "", strempty(progress));
}

static char *render_signal(const JobRecord *record, const char *suffix) {
        const char *name = sigabbrev_np(record->signal);

        return text_new("failed: killed by signal %d%s%s%s%s", record->signal, name ? " (SIG" : "", strempty(name),
                        name ? ")" : "", suffix);
}

static char *render_failure(const JobRecord *record) {
        switch (record->reason) {
        case JOB_REASON_EXIT_CODE:
                return text_new("failed: exit code %d", record->exit_code);
        case JOB_REASON_SIGNAL:
                return render_signal(record, "");
        case JOB_REASON_CORE_DUMP:
                return render_signal(record, ", core dumped");
        case JOB_REASON_OOM_KILL:
                return strdup("failed: killed by the OOM killer (oom-kill); raise --memory-max");
        case JOB_REASON_RUNTIME_LIMIT:
                return strdup("failed: runtime limit exceeded (runtime-limit); raise --runtime-max");
        case JOB_REASON_OUTPUT_LIMIT:
                return strdup("failed: output limit exceeded (output-limit); raise --output-max");
        case JOB_REASON_STALLED:
                return strdup("failed: no output or progress within the --stall timeout (stalled)");
        case JOB_REASON_NOT_EXECUTABLE:
                return text_new("failed: command could not be started%s%s (exit code %d)",
                                isempty(record->progress) ? "" : ": ", strempty(record->progress), record->exit_code);
        case JOB_REASON_DEPENDENCY:
                if (isempty(record->failed_dependency))
                        return strdup("failed: a job that it depends on did not end as required (dependency)");
                return text_new("failed: not started, since %s did not end as required (dependency)",
                                record->failed_dependency);
        case JOB_REASON_HOST_RESTARTED:
                return strdup("failed: host or service manager restarted (host-restarted); start it again");
        case JOB_REASON_NODE_LOST:
                return text_new("failed: node%s%s was lost (node-lost)%s%s; start it again", isempty(record->place) ? "" : " ",
                                strempty(record->place), isempty(record->progress) ? "" : ": ", strempty(record->progress));
        case JOB_REASON_LOST:
                if (record->launcher)
                        return text_new("failed: %s (lost); check the output, then start it again",
                                        isempty(record->progress) ? "its end was not seen" : record->progress);
                return strdup("failed: unit was removed before its exit was seen (lost); check the output, then start "
                              "it again");
        default:
                return strdup("failed");
        }
}

char *render_end(const JobRecord *record) {
        char duration[DURATION_MAX];

        switch (record->state) {
        case JOB_COMPLETED:
                return text_new("completed in %s",
                                format_duration(elapsed(record->started_usec, record->finished_usec), duration));
        case JOB_CANCELLED:
                if (record->stopped_by == UINT32_MAX || record->stopped_by == getuid())
                        return strdup("was cancelled");
                return text_new("was cancelled by user %u", record->stopped_by);
        default:
                return render_failure(record);
        }
}

char *render_age(const JobRecord *record) {
        char duration[DURATION_MAX];

        if (!job_state_is_terminal(record->state))
                return render_activity(record);
        return text_new("%s %s ago", job_state_to_string(record->state),
                        format_duration(elapsed(record->finished_usec, now_realtime()), duration));
}

/* Omits "was" from "was cancelled". */
char *render_state(const JobRecord *record) {
        char *text = job_state_is_terminal(record->state) ? render_end(record) : render_activity(record);
        const char *word = text ? startswith(text, "was ") : NULL;

        if (word)
                (void) memmove(text, word, strlen(word) + 1);
        return text;
}

int render_entry(FILE *f, const char *name, const char *value) {
        _cleanup_free_ char *line = NULL;

        if (isempty(value))
                return 0;
        line = one_line(value);
        if (!line)
                return -ENOMEM;
        (void) fprintf(f, "%10s: %s\n", name, line);
        return 0;
}

static int put_time(FILE *f, const char *name, uint64_t usec) {
        char time[RFC3339_MAX], ago[DURATION_MAX], text[RFC3339_MAX + DURATION_MAX + 8];

        if (usec == 0)
                return 0;
        (void) snprintf(text, sizeof(text), "%s (%s ago)", format_rfc3339(usec, time),
                        format_duration(elapsed(usec, now_realtime()), ago));
        return render_entry(f, name, text);
}

static int put_within(FILE *f, const char *name, const char *before, const char *value, const char *behind) {
        _cleanup_free_ char *text = NULL;

        if (isempty(value))
                return 0;
        text = text_new("%s%s%s", before, value, behind);
        if (!text)
                return -ENOMEM;
        return render_entry(f, name, text);
}

int render_remains(FILE *f, const JobRecord *record) {
        int r;

        r = render_entry(f, "result", record->result);
        if (r >= 0)
                r = put_within(f, "result", "rejected: ", record->result_error, "");
        if (r >= 0)
                r = put_within(f, "leftovers", "", record->left_behind, " (terminated after the command exited)");
        return r;
}

int render_details(FILE *f, const JobRecord *record) {
        _cleanup_free_ char *state = render_state(record), *output = NULL;
        char unit[JOB_UNIT_MAX];
        int r;

        if (!state)
                return -ENOMEM;
        output = text_new("%ju bytes on stdout, %ju on stderr", (uintmax_t) record->stdout_bytes,
                          (uintmax_t) record->stderr_bytes);
        if (!output)
                return -ENOMEM;

        const struct {
                const char *name;
                const char *value;
        } entries[] = {
                { "job", record->id },           { "label", record->label },
                { "state", state },              { "unit", job_unit_name(record->id, unit) },
                { "directory", record->directory }, { "workspace", record->workspace },
                { "session", record->session },  { "output", output },
        };

        for (size_t i = 0; i < ELEMENTSOF(entries); i++) {
                r = render_entry(f, entries[i].name, entries[i].value);
                if (r < 0)
                        return r;
        }
        r = render_remains(f, record);
        if (r >= 0)
                r = put_time(f, "enqueued", record->created_usec);
        if (r >= 0)
                r = put_time(f, "started", record->started_usec);
        if (r >= 0)
                r = put_time(f, "finished", record->finished_usec);
        return r;
}

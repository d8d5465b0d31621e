/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* All details of a job as text. */

#include "render.h"
#include "text-new.h"
#include "time-util.h"

static uint64_t elapsed(uint64_t from, uint64_t to) {
        return to > from ? to - from : 0; /* the clock may have been set back */
}

static int put_user(FILE *f, const char *name, uid_t uid) {
        _cleanup_free_ char *user = render_user(uid), *text = NULL;

        if (!user)
                return -ENOMEM;
        text = text_new("%s (uid %u)", user, (unsigned) uid);
        if (!text)
                return -ENOMEM;
        return render_entry(f, name, text);
}

/* "2026-11-22T14:14:01.123456Z, after 3s in the queue": the text before and after the span. */
typedef struct Step {
        const char *name;
        uint64_t usec; /* 0: not reached */
        const char *before;
        uint64_t span_usec;
        const char *behind;
} Step;

static int put_step(FILE *f, const Step *step) {
        char time[RFC3339_MAX], span[DURATION_MAX];
        _cleanup_free_ char *text = NULL;

        if (step->usec == 0)
                return 0;
        text = text_new("%s, %s%s%s", format_rfc3339(step->usec, time), step->before,
                        format_duration(step->span_usec, span), step->behind);
        if (!text)
                return -ENOMEM;
        return render_entry(f, step->name, text);
}

static int put_times(FILE *f, const JobRecord *record) {
        uint64_t created = record->created_usec, started = record->started_usec, finished = record->finished_usec;
        const Step steps[] = {
                { "enqueued", created, "", elapsed(created, now_realtime()), " ago" },
                { "started", started, "after ", elapsed(created, started), " in the queue" },
                { "finished", finished, started > 0 ? "after running for " : "not started, after waiting for ",
                  elapsed(started > 0 ? started : created, finished), "" },
        };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(steps) && r >= 0; i++)
                r = put_step(f, &steps[i]);
        return r;
}

static int put_output(FILE *f, const JobRecord *record) {
        _cleanup_free_ char *text = text_new("%ju bytes on stdout, %ju on stderr", (uintmax_t) record->stdout_bytes,
                                             (uintmax_t) record->stderr_bytes);

        if (!text)
                return -ENOMEM;
        return render_entry(f, "output", text);
}

static int put_what(FILE *f, const JobRecord *record) {
        _cleanup_free_ char *state = render_state(record);
        const struct {
                const char *name;
                const char *value;
        } entries[] = {
                { "job", record->id },
                { "label", record->label },
                { "kind", record->kind },
                { "state", state },
                { "directory", record->directory },
                { "workspace", record->workspace },
                { "session", record->session },
                { "queue", record->queue },
                { "launcher", record->launcher },
                { "place", record->place },
                { "place id", record->place_id },
                { "parent", record->parent },
                { "detached", record->detached ? "yes" : NULL },
        };
        int r = 0;

        if (!state)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(entries) && r >= 0; i++)
                r = render_entry(f, entries[i].name, entries[i].value);
        return r < 0 ? r : put_user(f, "user", record->uid);
}

static int put_end(FILE *f, const JobRecord *record) {
        const char *reason = job_reason_to_string(record->reason);
        _cleanup_free_ char *text = NULL;
        int r;

        if (!job_state_is_terminal(record->state))
                return 0;
        if (record->stopped_by != UINT32_MAX) {
                r = put_user(f, "stopped by", record->stopped_by);
                if (r < 0)
                        return r;
        }
        text = text_new("%d", record->exit_code);
        if (!text)
                return -ENOMEM;
        r = render_entry(f, "reason", reason);
        return r < 0 || record->exit_code < 0 ? r : render_entry(f, "exit code", text);
}

static int put_resources(FILE *f, const JobRecord *record) {
        char span[DURATION_MAX], bytes[SIZE_TEXT_MAX];
        bool cpu = record->cpu_usage_usec > 0, memory = record->memory_peak > 0;
        _cleanup_free_ char *text = NULL;

        text = text_new("%s%s%s%s%s", cpu ? format_duration(record->cpu_usage_usec, span) : "",
                        cpu ? " CPU time" : "", cpu && memory ? ", " : "",
                        memory ? format_size(record->memory_peak, bytes) : "", memory ? " peak memory" : "");
        if (!text)
                return -ENOMEM;
        return render_entry(f, "resources", text);
}

static void put_limit(FILE *f, const JobLimit *l, uint64_t value) {
        char number[DURATION_MAX + SIZE_TEXT_MAX];
        size_t before = strcspn(l->shown, "%");

        if (l->kind == LIMIT_TIME)
                (void) format_duration(value, number);
        else if (l->kind == LIMIT_SIZE)
                (void) format_size(value, number);
        else
                (void) snprintf(number, sizeof(number), "%ju", (uintmax_t) value);
        (void) fprintf(f, ", %.*s%s%s", (int) before, l->shown, number, l->shown + before + 1);
}

/* When and after which jobs it may start. */
static int put_conditions(FILE *f, const JobRecord *record) {
        char time[RFC3339_MAX], priority[16] = "";
        int r;

        if (record->priority != 0)
                (void) snprintf(priority, sizeof(priority), "%d", record->priority);
        r = render_entry(f, "priority", priority);
        if (r >= 0)
                r = render_entry(f, "after", record->after);
        if (r >= 0 && record->not_before_usec > 0)
                r = render_entry(f, "not before", format_rfc3339(record->not_before_usec, time));
        return r < 0 || !record->held ? r : render_entry(f, "held", "yes");
}

/* "exit-code, exit code 3, after running for 5ms" */
static int put_attempt(FILE *f, unsigned number, const JobAttempt *a) {
        char name[32], span[DURATION_MAX], code[32] = "";
        _cleanup_free_ char *text = NULL;

        (void) snprintf(name, sizeof(name), "attempt %u", number);
        if (a->exit_code >= 0 && a->reason != JOB_REASON_NONE)
                (void) snprintf(code, sizeof(code), ", exit code %d", a->exit_code);
        text = text_new("%s%s, after running for %s", a->reason == JOB_REASON_NONE ? "completed" : job_reason_to_string(a->reason),
                        code, format_duration(elapsed(a->started_usec, a->finished_usec), span));
        if (!text)
                return -ENOMEM;
        return render_entry(f, name, text);
}

static int put_retries(FILE *f, const JobRecord *record) {
        char span[DURATION_MAX], time[RFC3339_MAX];
        const char *p = strempty(record->attempts);
        _cleanup_free_ char *text = NULL;
        JobAttempt attempt;
        int r;

        if (record->retries == 0)
                return 0;
        text = text_new("up to %ju, the first after %s%s%s", (uintmax_t) record->retries,
                        format_duration(record->retry_delay_usec, span), record->retry_on ? ", on: " : "", strempty(record->retry_on));
        if (!text)
                return -ENOMEM;
        r = render_entry(f, "retries", text);
        for (unsigned n = 1; r >= 0 && job_attempts_next(&p, &attempt) > 0; n++)
                r = put_attempt(f, n, &attempt);
        return r < 0 || record->next_attempt_usec == 0 ? r : render_entry(f, "next", format_rfc3339(record->next_attempt_usec, time));
}

static void put_resource_limits(FILE *f, const char *text) {
        for (; text; text = strchr(text, ' ')) {
                text += strspn(text, " ");
                (void) fprintf(f, ", %.*s", (int) strcspn(text, " "), text);
        }
}

static int put_limits(FILE *f, const JobRecord *record, const JobLimits *limits) {
        _cleanup_text_stream_ TextStream s = {};
        FILE *g = text_stream_open(&s);

        if (!g)
                return -ENOMEM;
        for (const JobLimit *l = job_limits; l < job_limits + JOB_LIMITS_N; l++)
                if (l->shown && job_limit_get(limits, l) > 0)
                        put_limit(g, l, job_limit_get(limits, l));
        if (limits->read_only)
                (void) fprintf(g, ", files read-only");
        put_resource_limits(g, record->resource_limits);
        if (text_stream_close(&s) < 0)
                return -ENOMEM;
        return s.size > 0 ? render_entry(f, "limits", s.text + strlen(", ")) : 0;
}

int render_story(FILE *f, const JobRecord *record, const JobLimits *limits) {
        char unit[JOB_UNIT_MAX];
        int r;

        r = put_what(f, record);
        if (r >= 0)
                r = put_conditions(f, record);
        if (r >= 0)
                r = put_retries(f, record);
        if (r >= 0)
                r = put_times(f, record);
        if (r >= 0)
                r = put_end(f, record);
        if (r >= 0)
                r = render_entry(f, "unit", job_unit_name(record->id, unit));
        if (r >= 0)
                r = put_limits(f, record, limits);
        if (r >= 0)
                r = put_output(f, record);
        if (r >= 0)
                r = put_resources(f, record);
        if (r >= 0)
                r = render_entry(f, "retry of", record->retry_of);
        if (r >= 0 && !record->notify)
                r = render_entry(f, "notify", "no");
        return r < 0 ? r : render_remains(f, record);
}

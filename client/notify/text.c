/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "clean.h"
#include "next.h"
#include "render.h"
#include "say.h"
#include "text-new.h"
#include "text.h"
#include "utf8.h"

/* What fits into the bubble of every server. */
#define SUMMARY_MAX 120U
#define LINE_MAX_BYTES 240U

#define ELLIPSIS "…"

/* ---- Strings ---- */

char *cut_text(const char *text, size_t max) {
        size_t n = strlen(text);

        if (n <= max)
                return strdup(text);
        return text_new("%.*s" ELLIPSIS, (int) utf8_truncate(text, n, max - strlen(ELLIPSIS)), text);
}

char *escape_markup(const char *text) {
        _cleanup_text_stream_ TextStream s = {};
        FILE *f = text_stream_open(&s);

        if (!f)
                return NULL;
        for (; *text; text++)
                switch (*text) {
                case '&':
                        (void) fputs("&amp;", f);
                        break;
                case '<':
                        (void) fputs("&lt;", f);
                        break;
                case '>':
                        (void) fputs("&gt;", f);
                        break;
                default:
                        (void) fputc(*text, f);
                }
        return text_stream_take(&s);
}

/* The text on one line, truncated. */
static char *short_line(const char *text, size_t max) {
        _cleanup_free_ char *line = one_line(text);

        return line ? cut_text(line, max) : NULL;
}

char *first_line(const char *data, size_t n) {
        _cleanup_free_ char *valid = utf8_make_valid(data, n), *text = NULL;

        if (!valid)
                return NULL;
        text = clean_string(valid);
        if (!text)
                return NULL;
        for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
                line += strspn(line, " \t");
                if (*line)
                        return short_line(line, LINE_MAX_BYTES);
        }
        return strdup("");
}

/* ---- One job ---- */

char *describe_end(const JobRecord *record) {
        _cleanup_free_ char *end = render_end(record);
        char duration[DURATION_MAX], code[32] = "", after[DURATION_MAX + 16] = "";
        bool has_code = record->reason == JOB_REASON_EXIT_CODE || record->reason == JOB_REASON_NOT_EXECUTABLE;

        if (!end)
                return NULL;
        if (record->exit_code >= 0 && !has_code)
                (void) snprintf(code, sizeof(code), " · exit code %d", record->exit_code);
        if (record->state != JOB_COMPLETED && record->started_usec > 0 &&
            record->finished_usec > record->started_usec)
                (void) snprintf(after, sizeof(after), " · after %s",
                                format_duration(record->finished_usec - record->started_usec, duration));
        return text_new("%s%s%s", end, code, after);
}

static const char *name_of(const JobRecord *record) {
        return isempty(record->label) ? record->id : record->label;
}

typedef struct Outcome {
        const char *word;
        const char *category;
        uint8_t urgency;
} Outcome;

static const Outcome *outcome_of(JobState state) {
        static const Outcome outcomes[] = {
                { "Completed", "x-codex-jobs.completed", URGENCY_NORMAL },
                { "Failed", "x-codex-jobs.failed", URGENCY_CRITICAL },
                { "Cancelled", "x-codex-jobs.cancelled", URGENCY_LOW },
        };

        return &outcomes[state == JOB_COMPLETED ? 0 : state == JOB_FAILED ? 1 : 2];
}

/* A short line about a job, as a summary of one or as a line in that of many. */
static char *headline(const JobRecord *record) {
        _cleanup_free_ char *text = text_new("%s: %s", outcome_of(record->state)->word, name_of(record));

        if (!text)
                return NULL;
        return short_line(text, SUMMARY_MAX);
}

void notice_clear(Notice *notice) {
        free(notice->summary);
        free(notice->body);
        *notice = (Notice) {};
}

static int set_body(Notice *notice, const char *text, bool markup) {
        notice->body = markup ? escape_markup(text) : strdup(text);
        return notice->body ? 0 : -ENOMEM;
}

int notice_for_job(const JobRecord *record, const char *line, bool markup, Notice *ret) {
        const Outcome *outcome = outcome_of(record->state);
        _cleanup_notice_ Notice notice = {
                .category = outcome->category,
                .urgency = outcome->urgency,
                .actions = true,
                .log = has_run(record),
                .retry = record->state == JOB_FAILED && !is_prompted(record),
        };
        _cleanup_free_ char *end = describe_end(record), *shown = NULL, *text = NULL;
        int r;

        notice.summary = headline(record);
        if (!end || !notice.summary)
                return -ENOMEM;
        shown = short_line(end, LINE_MAX_BYTES);
        if (!shown)
                return -ENOMEM;
        text = text_new("%s%s%s\n%s", shown, isempty(line) ? "" : "\n", strempty(line), record->id);
        if (!text)
                return -ENOMEM;
        r = set_body(&notice, text, markup);
        if (r < 0)
                return r;
        *ret = notice;
        notice = (Notice) {};
        return 0;
}

/* ---- Many jobs ---- */

void digest_clear(Digest *digest) {
        for (size_t i = 0; i < DIGEST_LINES; i++)
                free(digest->lines[i]);
        free(digest->other);
        *digest = (Digest) {};
}

int digest_copy(const Digest *digest, Digest *ret) {
        Digest copy = *digest;
        bool failed = false;

        for (size_t i = 0; i < DIGEST_LINES; i++) {
                copy.lines[i] = digest->lines[i] ? strdup(digest->lines[i]) : NULL;
                failed |= digest->lines[i] && !copy.lines[i];
        }
        copy.other = digest->other ? strdup(digest->other) : NULL;
        failed |= digest->other && !copy.other;
        if (failed) {
                digest_clear(&copy);
                return -ENOMEM;
        }
        *ret = copy;
        return 0;
}

int digest_add(Digest *digest, const JobRecord *record) {
        char *line = headline(record);

        if (!line)
                return -ENOMEM;
        if (record->state != JOB_FAILED) {
                free(digest->other);
                digest->other = line;
                *(record->state == JOB_COMPLETED ? &digest->completed : &digest->cancelled) += 1;
                return 0;
        }
        free(digest->lines[DIGEST_LINES - 1]);
        memmove(&digest->lines[1], &digest->lines[0], sizeof(char *) * (DIGEST_LINES - 1));
        digest->lines[0] = line;
        digest->failed++;
        return 0;
}

uint32_t digest_count(const Digest *digest) {
        return digest->completed + digest->failed + digest->cancelled;
}

static void put_count(FILE *f, const char *separator, uint32_t count, const char *word) {
        if (count > 0)
                (void) fprintf(f, "%s%u %s", separator, count, word);
}

/* "40 completed, 7 failed", and the names of some of them, failed ones first. */
static char *digest_body(const Digest *digest) {
        _cleanup_text_stream_ TextStream s = {};
        FILE *f = text_stream_open(&s);
        uint32_t shown = 0;

        if (!f)
                return NULL;
        put_count(f, "", digest->completed, "completed");
        put_count(f, digest->completed > 0 ? ", " : "", digest->failed, "failed");
        put_count(f, digest->completed + digest->failed > 0 ? ", " : "", digest->cancelled, "cancelled");
        for (; shown < DIGEST_LINES && digest->lines[shown]; shown++)
                (void) fprintf(f, "\n%s", digest->lines[shown]);
        if (digest->failed > shown)
                (void) fprintf(f, "\nand %u more failed", digest->failed - shown);
        if (digest->other)
                (void) fprintf(f, "\n%s", digest->other);
        return text_stream_take(&s);
}

int notice_for_digest(const Digest *digest, bool markup, Notice *ret) {
        uint8_t urgency = digest->failed > 0 ? URGENCY_CRITICAL : digest->completed > 0 ? URGENCY_NORMAL : URGENCY_LOW;
        _cleanup_notice_ Notice notice = { .category = "x-codex-jobs.summary", .urgency = urgency, .actions = true };
        _cleanup_free_ char *body = digest_body(digest);
        uint32_t count = digest_count(digest);
        int r;

        if (!body)
                return -ENOMEM;
        notice.summary = text_new("%u job%s finished", count, count == 1 ? "" : "s");
        if (!notice.summary)
                return -ENOMEM;
        r = set_body(&notice, body, markup);
        if (r < 0)
                return r;
        *ret = notice;
        notice = (Notice) {};
        return 0;
}

int notice_for_trouble(const char *summary, const char *text, bool markup, Notice *ret) {
        _cleanup_notice_ Notice notice = { .category = "x-codex-jobs.trouble", .urgency = URGENCY_NORMAL };
        _cleanup_free_ char *line = one_line(text);
        int r;

        notice.summary = short_line(summary, SUMMARY_MAX);
        if (!notice.summary || !line)
                return -ENOMEM;
        r = set_body(&notice, line, markup);
        if (r < 0)
                return r;
        *ret = notice;
        notice = (Notice) {};
        return 0;
}

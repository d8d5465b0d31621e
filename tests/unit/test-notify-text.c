/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "test.h"
#include "text.h"

static JobRecord job(JobState state, JobReason reason, int32_t exit_code) {
        JobRecord record = JOB_RECORD_INIT;

        record.id = (char *) "job-7f3k9q2m1x";
        record.kind = (char *) "job";
        record.label = (char *) "the tests";
        record.state = state;
        record.reason = reason;
        record.exit_code = exit_code;
        record.started_usec = 10 * USEC_PER_SEC;
        record.finished_usec = 210 * USEC_PER_SEC;
        return record;
}

static void check_notice(const JobRecord *record, const char *line, const char *summary, const char *body) {
        _cleanup_notice_ Notice notice = {};

        check_ok(notice_for_job(record, line, true, &notice));
        check_string(notice.summary, summary);
        check_string(notice.body, body);
        check(notice.actions && notice.log == (record->started_usec > 0));
}

static void outcomes(void) {
        JobRecord completed = job(JOB_COMPLETED, JOB_REASON_NONE, 0);
        JobRecord failed = job(JOB_FAILED, JOB_REASON_EXIT_CODE, 3);
        JobRecord killed = job(JOB_FAILED, JOB_REASON_SIGNAL, 137);
        JobRecord lost = job(JOB_FAILED, JOB_REASON_STALLED, -1);
        JobRecord cancelled = job(JOB_CANCELLED, JOB_REASON_USER, 143);

        check_notice(&completed, "ok", "Completed: the tests",
                     "completed in 3min 20s · exit code 0\nok\njob-7f3k9q2m1x");
        check_notice(&failed, NULL, "Failed: the tests", "failed: exit code 3 · after 3min 20s\njob-7f3k9q2m1x");
        killed.signal = 9;
        check_notice(&killed, "", "Failed: the tests",
                     "failed: killed by signal 9 (SIGKILL) · exit code 137 · after 3min 20s\njob-7f3k9q2m1x");
        check_notice(&lost, NULL, "Failed: the tests",
                     "failed: no output or progress within the --stall timeout (stalled) · after 3min 20s\njob-7f3k9q2m1x");
        check_notice(&cancelled, NULL, "Cancelled: the tests",
                     "was cancelled · exit code 143 · after 3min 20s\njob-7f3k9q2m1x");
        cancelled.started_usec = 0; /* it was in the queue */
        check_notice(&cancelled, NULL, "Cancelled: the tests", "was cancelled · exit code 143\njob-7f3k9q2m1x");
        cancelled.label = NULL;
        check_notice(&cancelled, NULL, "Cancelled: job-7f3k9q2m1x", "was cancelled · exit code 143\njob-7f3k9q2m1x");
}

static void check_outcome(JobState state, uint8_t urgency, const char *category, bool retry) {
        JobRecord record = job(state, state == JOB_FAILED ? JOB_REASON_EXIT_CODE : JOB_REASON_NONE, 0);
        _cleanup_notice_ Notice notice = {};

        check_ok(notice_for_job(&record, NULL, false, &notice));
        check_int(notice.urgency, urgency);
        check_string(notice.category, category);
        check_int(notice.retry, retry);
}

static void urgencies(void) {
        check_outcome(JOB_COMPLETED, URGENCY_NORMAL, "x-codex-jobs.completed", false);
        check_outcome(JOB_FAILED, URGENCY_CRITICAL, "x-codex-jobs.failed", true);
        check_outcome(JOB_CANCELLED, URGENCY_LOW, "x-codex-jobs.cancelled", false);
}

static void check_retry(const char *kind, bool retry) {
        JobRecord record = job(JOB_FAILED, JOB_REASON_EXIT_CODE, 1);
        _cleanup_notice_ Notice notice = {};

        record.kind = (char *) kind;
        check_ok(notice_for_job(&record, NULL, false, &notice));
        check_int(notice.retry, retry);
}

/* What these were asked for is erased when they end. */
static void no_retry_without_the_prompt(void) {
        check_retry("job", true);
        check_retry("review", true);
        check_retry("task", false);
        check_retry("adversarial-review", false);
}

static void check_escaped(const char *text, const char *expected) {
        _cleanup_free_ char *escaped = escape_markup(text);

        check_string(escaped, expected);
}

static void markup(void) {
        JobRecord record = job(JOB_COMPLETED, JOB_REASON_NONE, 0);
        _cleanup_notice_ Notice plain = {};

        check_escaped("", "");
        check_escaped("<b>&amp;\"'</b>", "&lt;b&gt;&amp;amp;\"'&lt;/b&gt;");
        record.label = (char *) "<b> & c";
        check_notice(&record, "<i>", "Completed: <b> & c",
                     "completed in 3min 20s · exit code 0\n&lt;i&gt;\njob-7f3k9q2m1x");
        check_ok(notice_for_job(&record, "<i>", false, &plain));
        check_contains(plain.body, "\n<i>\n");
}

static void check_cut(const char *text, size_t max, const char *expected) {
        _cleanup_free_ char *cut = cut_text(text, max);

        check_string(cut, expected);
}

static void cutting(void) {
        check_cut("", 8, "");
        check_cut("12345678", 8, "12345678");
        check_cut("123456789", 8, "12345…");
        check_cut("1234äöü", 10, "1234äöü");
        check_cut("1234äöüx", 10, "1234ä…");
        check_cut("𝄞𝄞𝄞", 6, "…");
}

static void check_line(const char *text, size_t n, const char *expected) {
        _cleanup_free_ char *line = first_line(text, n);

        check_string(line, expected);
}

static void lines(void) {
        _cleanup_free_ char *line = NULL;
        char endless[4000];

        check_line("", 0, "");
        check_line("\n \t\n", 4, "");
        check_line("\n  one \ntwo", 11, "one ");
        check_line("one", 3, "one");
        check_line("\x1b[31mred\x1b[0m\n", 13, "red");
        check_line("a\rb\n", 4, "a");
        check_line("a\0b\n", 4, "a\xef\xbf\xbd" "b");
        check_line("\xff\n", 2, "\xef\xbf\xbd");
        memset(endless, 'x', sizeof(endless));
        line = first_line(endless, sizeof(endless));
        check(line && strlen(line) == 240);
}

static void check_digest(const Digest *digest, const char *summary, const char *body, uint8_t urgency) {
        _cleanup_notice_ Notice notice = {};

        check_ok(notice_for_digest(digest, true, &notice));
        check_string(notice.summary, summary);
        check_string(notice.body, body);
        check_int(notice.urgency, urgency);
        check(notice.actions && !notice.log && !notice.retry);
}

static void digests(void) {
        JobRecord cancelled = job(JOB_CANCELLED, JOB_REASON_USER, 143), completed = job(JOB_COMPLETED, 0, 0);
        JobRecord failed = job(JOB_FAILED, JOB_REASON_EXIT_CODE, 1);
        Digest digest = {}, copy = {};

        check_ok(digest_add(&digest, &cancelled));
        check_digest(&digest, "1 job finished", "1 cancelled\nCancelled: the tests", URGENCY_LOW);
        check_ok(digest_add(&digest, &completed));
        check_digest(&digest, "2 jobs finished", "1 completed, 1 cancelled\nCompleted: the tests", URGENCY_NORMAL);
        check_ok(digest_copy(&digest, &copy));
        for (char name[] = "a"; *name < 'f'; ++*name) {
                failed.label = *name == 'e' ? (char *) "<e>" : name;
                check_ok(digest_add(&digest, &failed));
        }
        check_digest(&digest, "7 jobs finished",
                     "1 completed, 5 failed, 1 cancelled\nFailed: &lt;e&gt;\nFailed: d\nFailed: c\n"
                     "and 2 more failed\nCompleted: the tests",
                     URGENCY_CRITICAL);
        check_int(digest_count(&digest), 7);
        check_int(digest_count(&copy), 2);
        digest_clear(&digest);
        digest_clear(&copy);
}

static void troubles(void) {
        _cleanup_notice_ Notice notice = {};

        check_ok(notice_for_trouble("No\nway", "a < b\nc", true, &notice));
        check_string(notice.summary, "No way");
        check_string(notice.body, "a &lt; b c");
        check(!notice.actions);
}

TEST_MAIN(TEST(outcomes), TEST(urgencies), TEST(no_retry_without_the_prompt), TEST(markup), TEST(cutting), TEST(lines), TEST(digests),
          TEST(troubles))

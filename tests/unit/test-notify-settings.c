/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "settings.h"
#include "test.h"

#define _cleanup_settings_ _cleanup_(settings_clear)

static void load(Settings *settings, const char *text) {
        const char *path = test_path("notify.conf");
        _cleanup_fclose_ FILE *f = fopen(path, "we");

        check(f);
        check(fputs(text, f) >= 0 && fflush(f) == 0);
        check_ok(settings_load(settings, path));
}

static void check_defaults(const Settings *s) {
        check_int(s->minimum_usec, 0);
        check(!s->kinds);
        check_int(s->states, 1U << JOB_COMPLETED | 1U << JOB_FAILED | 1U << JOB_CANCELLED);
        check_int(s->summary_after, 3);
        check_int(s->summary_usec, 10 * USEC_PER_SEC);
        check_int(s->timeout_msec, -1);
        check_string(s->opener[0], "xdg-open");
        check(!s->opener[1]);
}

static void defaults(void) {
        _cleanup_settings_ Settings s = {};

        check_ok(settings_load(&s, NULL));
        check_defaults(&s);
        check_ok(settings_load(&s, test_path("missing")));
        check_defaults(&s);
        check_ok(symlink("loop", test_path("loop")));
        check_error(settings_load(&s, test_path("loop")), -ELOOP);
        check_defaults(&s);
}

static void all(void) {
        _cleanup_settings_ Settings s = {};

        load(&s, "# a comment\n[Notify]\nMinimumSec=1min 30s\nKinds= job  task-x\nStates=failed cancelled\n"
                 "SummaryAfter=0\nSummarySec=1h\nTimeoutSec=2s\nOpener=foot  less -R\n");
        check_int(s.minimum_usec, 90 * USEC_PER_SEC);
        check_string(s.kinds[0], "job");
        check_string(s.kinds[1], "task-x");
        check(!s.kinds[2]);
        check_int(s.states, 1U << JOB_FAILED | 1U << JOB_CANCELLED);
        check_int(s.summary_after, 0);
        check_int(s.summary_usec, 3600 * USEC_PER_SEC);
        check_int(s.timeout_msec, 2000);
        check_string(s.opener[0], "foot");
        check_string(s.opener[2], "-R");
        check(!s.opener[3]);
        load(&s, "[Notify]\nKinds=\nStates=\nTimeoutSec=infinity\n");
        check_int(s.timeout_msec, 0);
        s.timeout_msec = -1;
        check_defaults(&s);
}

static void slips(void) {
        _cleanup_settings_ Settings s = {};

        load(&s, "[Other]\nMinimumSec=1\n[Notify]\nMinimumSec=soon\nMinimumSec=infinity\nKinds=Job\nKinds=a b!\n"
                 "States=running\nStates=failed often\nSummaryAfter=101\nSummaryAfter=-1\nSummarySec=0\n"
                 "SummarySec=2h\nTimeoutSec=10ms\nTimeoutSec=2d\nTimeoutSec=\nOpener=\nOpener= \nUnknown=1\n"
                 "nonsense\n");
        check_defaults(&s);
}

static JobRecord job(JobState state, const char *kind, uint64_t seconds) {
        JobRecord record = JOB_RECORD_INIT;

        record.state = state;
        record.kind = (char *) kind;
        record.started_usec = USEC_PER_SEC;
        record.finished_usec = USEC_PER_SEC * (1 + seconds);
        return record;
}

static void wanted(void) {
        _cleanup_settings_ Settings s = {};
        JobRecord quick = job(JOB_COMPLETED, "job", 0), slow = job(JOB_COMPLETED, "job", 60);
        JobRecord failed = job(JOB_FAILED, "task", 0), cancelled = job(JOB_CANCELLED, "job", 0);

        check_ok(settings_load(&s, NULL));
        check(settings_want(&s, &quick) && settings_want(&s, &failed) && settings_want(&s, &cancelled));
        failed.notify = false;
        check(!settings_want(&s, &failed));
        failed.notify = true;
        load(&s, "[Notify]\nMinimumSec=1min\nStates=completed failed\n");
        check(!settings_want(&s, &quick) && settings_want(&s, &slow));
        check(settings_want(&s, &failed) && !settings_want(&s, &cancelled));
        load(&s, "[Notify]\nKinds=task review\n");
        check(!settings_want(&s, &slow) && settings_want(&s, &failed));
        failed.kind = NULL;
        check(!settings_want(&s, &failed));
}

TEST_MAIN(TEST(defaults), TEST(all), TEST(slips), TEST(wanted))

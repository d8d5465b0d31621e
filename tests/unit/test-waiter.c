/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <systemd/sd-event.h>

#include "macro.h"
#include "test-bus.h"
#include "test.h"
#include "waiter.h"

typedef struct Fixture {
        sd_event *event;
        TargetList jobs[3]; /* each of those who wait for one job */
        JobRecord records[3];
} Fixture;

/* One that waits, and what it was told. */
typedef struct Wait {
        Waiter *waiter;
        unsigned n; /* ends and time-outs */
        unsigned n_stuck;
        bool is_over;
        WaiterEvent event;
        const JobRecord *record;
        bool ends_when_stuck;
} Wait;

static void fixture_open(Fixture *f) {
        static const char *const ids[] = { "a-0000000000", "b-0000000000", "c-0000000000" };

        *f = (Fixture) {};
        check_ok(sd_event_default(&f->event));
        for (size_t i = 0; i < ELEMENTSOF(ids); i++)
                f->records[i].id = (char *) ids[i];
}

/* No waiter may be left. */
static void fixture_close(Fixture *f) {
        for (size_t i = 0; i < ELEMENTSOF(f->jobs); i++)
                check(LIST_EMPTY(&f->jobs[i]));
        f->event = sd_event_unref(f->event);
}
#define _cleanup_fixture_ _cleanup_(fixture_close)

static void on_event(WaiterEvent event, const JobRecord *record, void *userdata) {
        Wait *wait = userdata;

        if (event == WAITER_STUCK) {
                wait->n_stuck++;
                if (!wait->ends_when_stuck)
                        return;
        }
        wait->n++;
        wait->is_over = true;
        wait->event = event;
        wait->record = record;
        wait->waiter = waiter_free(wait->waiter);
}

/* Waits for jobs, which are given as a string of their letters. */
static void wait_for(Fixture *f, Wait *wait, WaiterMode mode, const char *letters, uint64_t timeout) {
        TargetList *jobs[8];
        size_t n = 0;

        for (const char *l = letters; *l; l++)
                jobs[n++] = &f->jobs[*l - 'a'];
        *wait = (Wait) {};
        check_ok(waiter_new(&wait->waiter, f->event, mode, jobs, n, timeout, on_event, wait));
        check(!wait->is_over);
}

static void job_ends(Fixture *f, char letter) {
        while (waiter_job_ended(&f->jobs[letter - 'a'], &f->records[letter - 'a']))
                ;
}

static void check_ended(const Wait *wait, const char *id) {
        check_int(wait->n, 1);
        check_int(wait->event, WAITER_ENDED);
        check_string(wait->record->id, id);
}

static void any(void) {
        _cleanup_fixture_ Fixture f;
        Wait wait;

        fixture_open(&f);
        wait_for(&f, &wait, WAITER_ANY, "abc", USEC_INFINITY);
        job_ends(&f, 'b');
        check_ended(&wait, "b-0000000000");
        job_ends(&f, 'a'); /* nobody waits any more */
        job_ends(&f, 'c');
        check_ended(&wait, "b-0000000000");
}

static void all(void) {
        _cleanup_fixture_ Fixture f;
        Wait wait;

        fixture_open(&f);
        wait_for(&f, &wait, WAITER_ALL, "abc", USEC_INFINITY);
        job_ends(&f, 'c');
        job_ends(&f, 'a');
        check(!wait.is_over);
        job_ends(&f, 'b');
        check_ended(&wait, "b-0000000000"); /* the last */
}

/* Two prefixes may stand for one job. */
static void same_job_twice(void) {
        _cleanup_fixture_ Fixture f;
        Wait first, both;

        fixture_open(&f);
        wait_for(&f, &first, WAITER_ANY, "aa", USEC_INFINITY);
        wait_for(&f, &both, WAITER_ALL, "aba", USEC_INFINITY);
        job_ends(&f, 'a');
        check_ended(&first, "a-0000000000");
        check(!both.is_over);
        job_ends(&f, 'b');
        check_ended(&both, "b-0000000000");
}

/* Many that wait for one job, others for another one. */
static void many(void) {
        _cleanup_fixture_ Fixture f;
        Wait waits[200];

        fixture_open(&f);
        for (size_t i = 0; i < ELEMENTSOF(waits); i++)
                wait_for(&f, &waits[i], WAITER_ANY, i % 2 == 0 ? "a" : "b", USEC_INFINITY);
        job_ends(&f, 'a');
        for (size_t i = 0; i < ELEMENTSOF(waits); i++)
                check_int(waits[i].n, i % 2 == 0);
        job_ends(&f, 'b');
        for (size_t i = 0; i < ELEMENTSOF(waits); i++)
                check_ended(&waits[i], i % 2 == 0 ? "a-0000000000" : "b-0000000000");
}

static void timeout_at_once(void) {
        _cleanup_fixture_ Fixture f;
        Wait wait;

        fixture_open(&f);
        wait_for(&f, &wait, WAITER_ANY, "ab", 0);
        run_until(f.event, &wait.is_over);
        check_int(wait.event, WAITER_TIMED_OUT);
        job_ends(&f, 'a');
        check_int(wait.n, 1);
}

/* One waits for a moment, the other one for ever: only the first gives up. */
static void timeout(void) {
        _cleanup_fixture_ Fixture f;
        Wait brief, patient;

        fixture_open(&f);
        wait_for(&f, &patient, WAITER_ALL, "ab", USEC_INFINITY);
        wait_for(&f, &brief, WAITER_ALL, "ab", 10 * USEC_PER_MSEC);
        job_ends(&f, 'a'); /* half of it is not all of it */
        run_until(f.event, &brief.is_over);
        check_int(brief.event, WAITER_TIMED_OUT);
        check(!patient.is_over);
        job_ends(&f, 'b');
        check_ended(&patient, "b-0000000000");
        check_int(brief.n, 1);
}

/* A time-out that lies beyond the end of the clock. */
static void timeout_huge(void) {
        _cleanup_fixture_ Fixture f;
        Wait wait;

        fixture_open(&f);
        wait_for(&f, &wait, WAITER_ANY, "a", UINT64_MAX - 1);
        run_pending(f.event);
        job_ends(&f, 'a');
        check_ended(&wait, "a-0000000000");
}

/* The job ends first: the time-out must not come as well. */
static void ended_before_timeout(void) {
        _cleanup_fixture_ Fixture f;
        Wait wait, later;

        fixture_open(&f);
        wait_for(&f, &wait, WAITER_ANY, "a", 0);
        job_ends(&f, 'a');
        wait_for(&f, &later, WAITER_ANY, "b", 0);
        run_until(f.event, &later.is_over);
        check_int(later.event, WAITER_TIMED_OUT);
        check_ended(&wait, "a-0000000000");
}

/* As that of a peer that has left. */
static void freed(void) {
        _cleanup_fixture_ Fixture f;
        Wait wait, other;

        fixture_open(&f);
        wait_for(&f, &wait, WAITER_ALL, "abc", 0);
        wait_for(&f, &other, WAITER_ANY, "a", USEC_INFINITY);
        wait.waiter = waiter_free(wait.waiter);
        run_pending(f.event);
        job_ends(&f, 'a');
        check_int(wait.n, 0);
        check_ended(&other, "a-0000000000");
}

/* Who can do without hears of it and waits on. */
static void stuck(void) {
        _cleanup_fixture_ Fixture f;
        Wait impatient, patient;

        fixture_open(&f);
        wait_for(&f, &patient, WAITER_ANY, "a", USEC_INFINITY);
        wait_for(&f, &impatient, WAITER_ANY, "a", USEC_INFINITY);
        impatient.ends_when_stuck = true;
        waiter_job_is_stuck(&f.jobs[0], &f.records[0]);
        check_int(impatient.event, WAITER_STUCK);
        check_string(impatient.record->id, "a-0000000000");
        check_int(patient.n_stuck, 1);
        check(!patient.is_over);
        job_ends(&f, 'a');
        check_ended(&patient, "a-0000000000");
        check_int(impatient.n, 1);
}

TEST_MAIN(TEST(any), TEST(all), TEST(same_job_twice), TEST(many), TEST(timeout_at_once), TEST(timeout),
          TEST(timeout_huge), TEST(ended_before_timeout), TEST(freed), TEST(stuck))

/* SPDX-License-Identifier: Apache-2.0 */

/* Calls go over a real connection: what counts is which answer arrives, and how often. */

#include "bus-names.h"
#include "test-bus.h"
#include "test.h"
#include "waiter.h"

#define UID 1000

/* The client's side of one call. */
typedef struct Call {
        sd_bus_slot *slot;
        unsigned replies;
        bool answered;
        char error[64];   /* name; empty: none */
        char answer[256]; /* text of the reply or the error */
} Call;

typedef struct Fixture {
        BusPair pair;
        sd_bus_slot *filter;
        WaiterList waiters;
        sd_bus_message *received; /* the call that has arrived last */
        bool has_received;
        unsigned freed; /* how often a userdata was */
        TargetList jobs[3]; /* each of those who wait for one job */
        JobRecord records[3];
} Fixture;

static int on_call(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Fixture *f = userdata;

        if (!sd_bus_message_is_method_call(m, JOBS_INTERFACE, NULL))
                return 0;
        f->received = sd_bus_message_ref(m);
        f->has_received = true;
        return 1;
}

/* The job of that letter ends. */
static void job_ends(Fixture *f, char letter) {
        waiter_job_ended(&f->jobs[letter - 'a'], &f->records[letter - 'a']);
}

static void fixture_open(Fixture *f) {
        static const char *const ids[] = { "a-0000000000", "b-0000000000", "c-0000000000" };

        *f = (Fixture) {};
        TAILQ_INIT(&f->waiters);
        bus_pair_open(&f->pair);
        check_ok(sd_bus_add_filter(f->pair.server, &f->filter, on_call, f));
        for (size_t i = 0; i < ELEMENTSOF(ids); i++)
                f->records[i].id = (char *) ids[i];
}

/* No waiter may be left. */
static void fixture_close(Fixture *f) {
        check(TAILQ_EMPTY(&f->waiters));
        for (size_t i = 0; i < ELEMENTSOF(f->jobs); i++)
                check(LIST_EMPTY(&f->jobs[i]));
        f->received = sd_bus_message_unref(f->received);
        f->filter = sd_bus_slot_unref(f->filter);
        bus_pair_close(&f->pair);
}
#define _cleanup_fixture_ _cleanup_(fixture_close)

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        const char *text = "";
        Call *call = userdata;

        call->replies++;
        call->answered = true;
        (void) snprintf(call->error, sizeof(call->error), "%s", error ? error->name : "");
        if (!error)
                check_ok(sd_bus_message_read_basic(reply, 's', &text));
        (void) snprintf(call->answer, sizeof(call->answer), "%s", error ? error->message : text);
        return 0;
}

static void call_clear(Call *call) {
        call->slot = sd_bus_slot_unref(call->slot);
}
#define _cleanup_call_ _cleanup_(call_clear)

/* Sends a call from that peer and runs until it has arrived. The server's message of it is f->received. */
static void call_send(Fixture *f, Call *call, const char *sender) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = message_new(f->pair.client, "Await");

        *call = (Call) {};
        check_ok(sd_bus_message_set_sender(m, sender)); /* as a bus does it */
        check_ok(sd_bus_call_async(f->pair.client, &call->slot, m, on_reply, call, UINT64_MAX));
        f->received = sd_bus_message_unref(f->received);
        f->has_received = false;
        run_until(f->pair.event, &f->has_received);
}

static void answer(sd_bus_message *call, const JobRecord *record, void *userdata) {
        if (record)
                check_ok(sd_bus_reply_method_return(call, "s", record->id));
        else
                check_ok(sd_bus_reply_method_errorf(call, JOBS_ERROR_TIMED_OUT, "not yet"));
}

static void free_userdata(void *userdata) {
        ((Fixture *) userdata)->freed++;
}

/* Parks a new call of a peer for jobs, which are given as a string of their letters. */
static void park(Fixture *f, Call *call, const char *sender, WaiterMode mode, const char *letters, uint64_t timeout) {
        TargetList *jobs[8];
        size_t n = 0;

        for (const char *l = letters; *l; l++)
                jobs[n++] = &f->jobs[*l - 'a'];
        call_send(f, call, sender);
        check_ok(waiter_new(&f->waiters, f->pair.event, f->received, UID, mode, jobs, n, timeout, answer, f,
                            free_userdata));
        f->received = sd_bus_message_unref(f->received); /* the waiter holds it */
        check_int(call->replies, 0);
}

/* Makes a call that is answered at once: whatever was sent before it has arrived then. */
static void synchronize(Fixture *f) {
        _cleanup_call_ Call call;

        call_send(f, &call, ":1.99");
        check_ok(sd_bus_reply_method_return(f->received, "s", ""));
        run_until(f->pair.event, &call.answered);
}

static void check_answer(Fixture *f, Call *call, const char *error, const char *text) {
        run_until(f->pair.event, &call->answered);
        synchronize(f);
        check_int(call->replies, 1);
        check_string(call->error, error);
        check_string(call->answer, text);
}

static void check_no_answer(Fixture *f, Call *call) {
        synchronize(f);
        check_int(call->replies, 0);
}

static void any(void) {
        _cleanup_fixture_ Fixture f;
        _cleanup_call_ Call call;

        fixture_open(&f);
        park(&f, &call, ":1.1", WAITER_ANY, "abc", USEC_INFINITY);
        check_no_answer(&f, &call);
        job_ends(&f, 'b');
        check_int(f.freed, 1);
        job_ends(&f, 'a'); /* nobody waits any more */
        job_ends(&f, 'c');
        check_answer(&f, &call, "", "b-0000000000");
        check_int(f.freed, 1);
}

static void all(void) {
        _cleanup_fixture_ Fixture f;
        _cleanup_call_ Call call;

        fixture_open(&f);
        park(&f, &call, ":1.1", WAITER_ALL, "abc", USEC_INFINITY);
        job_ends(&f, 'c');
        job_ends(&f, 'a');
        check_no_answer(&f, &call);
        job_ends(&f, 'b');
        check_answer(&f, &call, "", "b-0000000000"); /* the last */
        check_int(f.freed, 1);
}

/* Two prefixes may stand for one job. */
static void same_job_twice(void) {
        _cleanup_fixture_ Fixture f;
        _cleanup_call_ Call any_call, all_call;

        fixture_open(&f);
        park(&f, &any_call, ":1.1", WAITER_ANY, "aa", USEC_INFINITY);
        park(&f, &all_call, ":1.1", WAITER_ALL, "aba", USEC_INFINITY);
        job_ends(&f, 'a');
        check_answer(&f, &any_call, "", "a-0000000000");
        check_no_answer(&f, &all_call);
        job_ends(&f, 'b');
        check_answer(&f, &all_call, "", "b-0000000000");
        check_int(f.freed, 2);
}

/* Many that wait for one job, others for another one. */
static void many(void) {
        _cleanup_fixture_ Fixture f;
        Call calls[200];

        fixture_open(&f);
        for (size_t i = 0; i < ELEMENTSOF(calls); i++)
                park(&f, &calls[i], ":1.1", WAITER_ANY, i % 2 == 0 ? "a" : "b", USEC_INFINITY);
        check_int(waiter_count(&f.waiters, UID), ELEMENTSOF(calls));
        job_ends(&f, 'a');
        check_int(waiter_count(&f.waiters, UID), ELEMENTSOF(calls) / 2);
        check_int(f.freed, ELEMENTSOF(calls) / 2);
        synchronize(&f);
        for (size_t i = 0; i < ELEMENTSOF(calls); i++)
                check_int(calls[i].replies, i % 2 == 0);
        job_ends(&f, 'b');
        synchronize(&f);
        for (size_t i = 0; i < ELEMENTSOF(calls); i++) {
                check_int(calls[i].replies, 1);
                check_string(calls[i].answer, i % 2 == 0 ? "a-0000000000" : "b-0000000000");
                call_clear(&calls[i]);
        }
        check_int(f.freed, ELEMENTSOF(calls));
}

static void timeout_at_once(void) {
        _cleanup_fixture_ Fixture f;
        _cleanup_call_ Call call;

        fixture_open(&f);
        park(&f, &call, ":1.1", WAITER_ANY, "ab", 0);
        check_answer(&f, &call, JOBS_ERROR_TIMED_OUT, "not yet");
        check_int(f.freed, 1);
        job_ends(&f, 'a');
        check_int(call.replies, 1);
}

/* One waits for a moment, the other one for ever: only the first gives up. */
static void timeout(void) {
        _cleanup_fixture_ Fixture f;
        _cleanup_call_ Call brief, patient;

        fixture_open(&f);
        park(&f, &patient, ":1.1", WAITER_ALL, "ab", USEC_INFINITY);
        park(&f, &brief, ":1.1", WAITER_ALL, "ab", 10 * USEC_PER_MSEC);
        job_ends(&f, 'a'); /* half of it is not all of it */
        check_answer(&f, &brief, JOBS_ERROR_TIMED_OUT, "not yet");
        check_no_answer(&f, &patient);
        job_ends(&f, 'b');
        check_answer(&f, &patient, "", "b-0000000000");
        check_int(brief.replies, 1);
}

/* A time-out that lies beyond the end of the clock. */
static void timeout_huge(void) {
        _cleanup_fixture_ Fixture f;
        _cleanup_call_ Call call;

        fixture_open(&f);
        park(&f, &call, ":1.1", WAITER_ANY, "a", UINT64_MAX - 1);
        check_no_answer(&f, &call);
        job_ends(&f, 'a');
        check_answer(&f, &call, "", "a-0000000000");
}

/* The job ends first: the time-out must not answer once more. */
static void ended_before_timeout(void) {
        _cleanup_fixture_ Fixture f;
        _cleanup_call_ Call call, later;

        fixture_open(&f);
        park(&f, &call, ":1.1", WAITER_ANY, "a", 0);
        job_ends(&f, 'a');
        park(&f, &later, ":1.1", WAITER_ANY, "b", 0);
        check_answer(&f, &later, JOBS_ERROR_TIMED_OUT, "not yet");
        check_answer(&f, &call, "", "a-0000000000");
        check_int(f.freed, 2);
}

static void peer_gone(void) {
        _cleanup_fixture_ Fixture f;
        _cleanup_call_ Call first, second, other;

        fixture_open(&f);
        park(&f, &first, ":1.1", WAITER_ANY, "a", USEC_INFINITY);
        park(&f, &other, ":1.10", WAITER_ANY, "a", USEC_INFINITY);
        park(&f, &second, ":1.1", WAITER_ALL, "abc", USEC_INFINITY);
        waiter_drop_peer(&f.waiters, ":1.5");
        check_int(f.freed, 0);
        waiter_drop_peer(&f.waiters, ":1.1");
        check_int(f.freed, 2);
        job_ends(&f, 'a');
        check_answer(&f, &other, "", "a-0000000000");
        check_int(first.replies, 0);
        check_int(second.replies, 0);
}

static void stop_all(void) {
        _cleanup_fixture_ Fixture f;
        _cleanup_call_ Call first, second;

        fixture_open(&f);
        waiter_stop_all(&f.waiters);
        park(&f, &first, ":1.1", WAITER_ANY, "a", USEC_INFINITY);
        park(&f, &second, ":1.2", WAITER_ALL, "ab", 3600 * USEC_PER_SEC);
        waiter_stop_all(&f.waiters);
        check_int(f.freed, 2);
        check_answer(&f, &first, JOBS_ERROR_UNAVAILABLE, first.answer);
        check_answer(&f, &second, JOBS_ERROR_UNAVAILABLE, second.answer);
        check_contains(first.answer, "is stopping");
}

/* Without userdata that must be freed. */
static void nothing_to_free(void) {
        _cleanup_fixture_ Fixture f;
        _cleanup_call_ Call call;

        fixture_open(&f);
        call_send(&f, &call, ":1.1");
        check_ok(waiter_new(&f.waiters, f.pair.event, f.received, UID + 1, WAITER_ANY, (TargetList *[]) { &f.jobs[2] }, 1, USEC_INFINITY,
                            answer, NULL, NULL));
        check_int(waiter_count(&f.waiters, UID + 1), 1);
        check_int(waiter_count(&f.waiters, UID), 0);
        job_ends(&f, 'c');
        check_answer(&f, &call, "", "c-0000000000");
}

TEST_MAIN(TEST(any), TEST(all), TEST(same_job_twice), TEST(many), TEST(timeout_at_once), TEST(timeout),
          TEST(timeout_huge), TEST(ended_before_timeout), TEST(peer_gone), TEST(stop_all), TEST(nothing_to_free))

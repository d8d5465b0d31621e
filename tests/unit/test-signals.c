/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "bus-names.h"
#include "macro.h"
#include "signals.h"
#include "test-bus.h"
#include "test.h"

#define MANY 1500U /* more than are sent at once */

typedef struct Fixture {
        BusPair pair;
        Signals *signals;
        sd_bus_slot *filter;
        uint32_t owners[2 * MANY]; /* of what has arrived, in its order */
        uint32_t numbers[2 * MANY];
        unsigned n, expected;
        bool done;
} Fixture;

static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Fixture *f = userdata;

        if (!sd_bus_message_is_signal(m, JOBS_INTERFACE, "Test"))
                return 0;
        check(f->n < ELEMENTSOF(f->owners));
        check_ok(sd_bus_message_read(m, "uu", &f->owners[f->n], &f->numbers[f->n]));
        f->done = ++f->n == f->expected;
        return 1;
}

static void fixture_open(Fixture *f) {
        *f = (Fixture) {};
        bus_pair_open(&f->pair);
        check_ok(sd_bus_add_filter(f->pair.client, &f->filter, on_signal, f));
        check_ok(signals_new(&f->signals, f->pair.server));
}

static void fixture_close(Fixture *f) {
        f->signals = signals_free(f->signals);
        f->filter = sd_bus_slot_unref(f->filter);
        bus_pair_close(&f->pair);
}
#define _cleanup_fixture_ _cleanup_(fixture_close)

static void send(Fixture *f, uint32_t owner, uint32_t number, unsigned n_receivers) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        Receivers receivers = {};

        check_ok(sd_bus_message_new_signal(f->pair.server, &m, JOBS_PATH, JOBS_INTERFACE, "Test"));
        check_ok(sd_bus_message_append(m, "uu", owner, number));
        for (unsigned i = 0; i < n_receivers; i++)
                check_ok(receivers_add(&receivers, ":1.7"));
        signals_send(f->signals, owner, m, &receivers);
        check(!receivers.names);
        f->expected += n_receivers;
}

static unsigned find(const Fixture *f, uint32_t owner, uint32_t number) {
        unsigned i = 0;

        while (i < f->n && (f->owners[i] != owner || f->numbers[i] != number))
                i++;
        check(i < f->n);
        return i;
}

static void one_for_each(void) {
        _cleanup_fixture_ Fixture f;

        fixture_open(&f);
        send(&f, 1, 7, 3);
        run_until(f.pair.event, &f.done);
        for (unsigned i = 0; i < 3; i++)
                check_int(f.numbers[i], 7);
}

/* What is too much waits, in its order; that of others does not. */
static void one_causes_many(void) {
        _cleanup_fixture_ Fixture f;
        uint32_t next = 0;

        fixture_open(&f);
        for (uint32_t i = 0; i < MANY; i++)
                send(&f, 1, i, 1);
        send(&f, 2, 0, 1);
        run_until(f.pair.event, &f.done);
        check(find(&f, 2, 0) < find(&f, 1, MANY - 1));
        for (unsigned i = 0; i < f.n; i++)
                if (f.owners[i] == 1)
                        check_int(f.numbers[i], next++);
        check_int(next, MANY);
}

/* What waits is sent in turns. */
static void two_cause_many(void) {
        _cleanup_fixture_ Fixture f;

        fixture_open(&f);
        for (uint32_t owner = 1; owner <= 2; owner++)
                for (uint32_t i = 0; i < 60; i++)
                        send(&f, owner, i, 24);
        run_until(f.pair.event, &f.done);
        check(find(&f, 2, 50) < find(&f, 1, 59));
}

static void freed_while_some_wait(void) {
        _cleanup_fixture_ Fixture f;

        fixture_open(&f);
        for (uint32_t i = 0; i < MANY; i++)
                send(&f, 1, i, 1);
}

TEST_MAIN(TEST(one_for_each), TEST(one_causes_many), TEST(two_cause_many), TEST(freed_while_some_wait))

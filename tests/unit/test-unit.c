/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The client end of the connection plays the service manager. */

#include <signal.h>

#include "test-bus.h"
#include "test.h"
#include "unit.h"

#define ID "job-aaaaaaaaaa"

typedef struct Fixture {
        BusPair pair;
        sd_bus_slot *filter;
        UnitManager *manager;
        Unit *unit;
        sd_bus_message *get_all; /* that is not answered yet */
        bool is_watched, has_ended;
        JobEnd end;
} Fixture;

/* What else is asked has an answer that says nothing. */
static int on_call(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Fixture *f = userdata;

        if (!sd_bus_message_is_method_call(m, NULL, NULL))
                return 0;
        if (!sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Properties", "GetAll"))
                return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_NOT_SUPPORTED, "not of this test");
        f->get_all = sd_bus_message_unref(f->get_all);
        f->get_all = sd_bus_message_ref(m);
        f->is_watched = true;
        return 1;
}

static void on_ended(const JobEnd *end, uint64_t started_usec, uint64_t ended_usec, void *userdata) {
        Fixture *f = userdata;

        check(!f->has_ended);
        f->end = *end;
        f->has_ended = true;
}

static void ignore_ready(const char *instance, void *userdata) {}
static void ignore_unit(const char *id, const char *sub_state, void *userdata) {}
static void ignore_text(const char *text, void *userdata) {}
static void ignore(void *userdata) {}
static void ignore_started(UnitStarted result, const char *why, void *userdata) {}

static const UnitCallbacks callbacks = {
        .ready = ignore_ready, .unreachable = ignore_text, .listed = ignore_unit, .swept = ignore,
};
static const UnitListener listener = {
        .started = ignore_started, .progress = ignore_text, .ending = ignore, .ended = on_ended,
        .vanished = ignore, .released = ignore,
};

static void fixture_open(Fixture *f) {
        *f = (Fixture) {};
        bus_pair_open(&f->pair);
        check_ok(sd_bus_add_filter(f->pair.client, &f->filter, on_call, f));
        check_ok(unit_manager_new(&f->manager, f->pair.server, true, &callbacks, &listener, NULL));
        check_ok(unit_new(&f->unit, f->manager, ID, false, f));
        check_ok(unit_watch(f->unit));
        run_until(f->pair.event, &f->is_watched);
}

static void fixture_close(Fixture *f) {
        f->unit = unit_free(f->unit);
        f->manager = unit_manager_free(f->manager);
        f->get_all = sd_bus_message_unref(f->get_all);
        f->filter = sd_bus_slot_unref(f->filter);
        bus_pair_close(&f->pair);
}
#define _cleanup_fixture_ _cleanup_(fixture_close)

static sd_bus_message *signal_new(Fixture *f, const char *interface) {
        sd_bus_message *m;

        check_ok(sd_bus_message_new_signal(f->pair.client, &m, sd_bus_message_get_path(f->get_all),
                                           "org.freedesktop.DBus.Properties", "PropertiesChanged"));
        check_ok(sd_bus_message_set_sender(m, "org.freedesktop.systemd1"));
        check_ok(sd_bus_message_append(m, "s", interface));
        return m;
}

/* The second of the two signals of an end, see on_properties_changed(). */
static void send_state(Fixture *f, const char *state) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = signal_new(f, "org.freedesktop.systemd1.Unit");

        check_ok(sd_bus_message_append(m, "a{sv}as", 1, "SubState", "s", state, 0));
        check_ok(sd_bus_send(f->pair.client, m, NULL));
}

static void send_status(Fixture *f, int code, int status) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = signal_new(f, "org.freedesktop.systemd1.Service");

        check_ok(sd_bus_message_append(m, "a{sv}as", 2, "ExecMainCode", "i", code, "ExecMainStatus", "i", status, 0));
        check_ok(sd_bus_send(f->pair.client, m, NULL));
}

static void answer(Fixture *f, const char *state, int code, int status) {
        check_ok(sd_bus_reply_method_return(f->get_all, "a{sv}", 3, "SubState", "s", state, "ExecMainCode", "i", code,
                                            "ExecMainStatus", "i", status));
}

static void end_that_is_seen_whole(void) {
        _cleanup_fixture_ Fixture f;

        fixture_open(&f);
        send_status(&f, CLD_EXITED, 3);
        send_state(&f, "failed");
        run_until(f.pair.event, &f.has_ended);
        check_int(f.end.code, CLD_EXITED);
        check_int(f.end.status, 3);
}

/* The bus has let pass what it had before the match: the first of the two signals was lost. */
static void end_that_is_seen_by_half(void) {
        _cleanup_fixture_ Fixture f;

        fixture_open(&f);
        send_state(&f, "failed");
        run_pending(f.pair.event);
        check(!f.has_ended);
        answer(&f, "failed", CLD_KILLED, SIGKILL);
        run_until(f.pair.event, &f.has_ended);
        check_int(f.end.code, CLD_KILLED);
        check_int(f.end.status, SIGKILL);
}

/* Nothing was executed, and the answer says so. */
static void end_without_a_beginning(void) {
        _cleanup_fixture_ Fixture f;

        fixture_open(&f);
        answer(&f, "running", 0, 0);
        run_pending(f.pair.event);
        check(!f.has_ended);
        send_state(&f, "failed");
        run_until(f.pair.event, &f.has_ended);
        check_int(f.end.code, 0);
}

static void answer_elsewhere(Fixture *f, const char *state, int code, int status, int post_code, int post_status) {
        check_ok(sd_bus_reply_method_return(f->get_all, "a{sv}", 4, "SubState", "s", state, "ExecMainCode", "i", code,
                                            "ExecMainStatus", "i", status, "ExecStopPost", "a(sasbttttuii)", 1, "/program", 1,
                                            "program", false, UINT64_C(1), UINT64_C(2), UINT64_C(3), UINT64_C(4), UINT32_C(5),
                                            post_code, post_status));
}

/* No signal says how ExecStopPost= ended: that is asked for. */
static void end_elsewhere(void) {
        static const struct {
                int code, status, post_code, post_status;
                bool is_left;
        } cases[] = {
                { CLD_KILLED, SIGKILL, CLD_EXITED, 0, false },
                { CLD_KILLED, SIGKILL, CLD_EXITED, 1, true },
                { CLD_KILLED, SIGKILL, CLD_KILLED, SIGTERM, true },
                { CLD_KILLED, SIGKILL, 0, 0, true },
                { CLD_EXITED, 125, CLD_KILLED, SIGTERM, true },
                { CLD_EXITED, 3, 0, 0, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_fixture_ Fixture f;

                fixture_open(&f);
                answer_elsewhere(&f, "running", 0, 0, 0, 0);
                run_pending(f.pair.event);
                f.is_watched = false;
                send_status(&f, cases[i].code, cases[i].status);
                send_state(&f, "failed");
                run_until(f.pair.event, &f.is_watched);
                check(!f.has_ended);
                answer_elsewhere(&f, "failed", cases[i].code, cases[i].status, cases[i].post_code, cases[i].post_status);
                run_until(f.pair.event, &f.has_ended);
                check_int(f.end.status, cases[i].status);
                check_int(f.end.is_left, cases[i].is_left);
        }
}

TEST_MAIN(TEST(end_that_is_seen_whole), TEST(end_elsewhere), TEST(end_that_is_seen_by_half), TEST(end_without_a_beginning))

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <signal.h>

#include "test-bus.h"
#include "test.h"
#include "unit-properties.h"

#define _cleanup_properties_ _cleanup_(unit_properties_clear)

/* Reads the properties that were appended to m, which it frees, and says whether there is new progress. */
static bool read_finished(UnitProperties *p, sd_bus_message *m) {
        bool progress = false;

        message_finish(m);
        check_ok(unit_properties_read(p, m, &progress));
        check(check_ok(sd_bus_message_at_end(m, true)) > 0);
        sd_bus_message_unref(m);
        return progress;
}

static sd_bus_message *properties_new(void) {
        _cleanup_(sd_bus_unrefp) sd_bus *bus = bus_new_silent();

        return message_new(bus, "Properties");
}

static void all(void) {
        _cleanup_properties_ UnitProperties p = {};
        sd_bus_message *m = properties_new();

        check_ok(sd_bus_message_append(m, "a{sv}", 12,
                                       "LoadState", "s", "loaded",
                                       "SubState", "s", "exited",
                                       "Result", "s", "exit-code",
                                       "ExecMainCode", "i", CLD_EXITED,
                                       "ExecMainStatus", "i", 3,
                                       "StatusErrno", "i", ENOENT,
                                       "ExecMainStartTimestamp", "t", UINT64_C(1),
                                       "ExecMainStartTimestampMonotonic", "t", UINT64_C(4),
                                       "ExecMainExitTimestamp", "t", UINT64_C(2),
                                       "ExecMainExitTimestampMonotonic", "t", UINT64_C(5),
                                       "ActiveExitTimestampMonotonic", "t", UINT64_C(6),
                                       "StatusText", "s", "3 of 8"));
        check(read_finished(&p, m));
        check_string(p.load_state, "loaded");
        check_string(p.sub_state, "exited");
        check_string(p.result, "exit-code");
        check_int(p.code, CLD_EXITED);
        check_int(p.status, 3);
        check_int(p.status_errno, ENOENT);
        check_int(p.start_usec, 1);
        check_int(p.start_monotonic_usec, 4);
        check_int(p.exit_usec, 2);
        check_int(p.exit_monotonic_usec, 5);
        check_int(p.active_exit_usec, 6);
        check_string(p.status_text, "3 of 8");

        unit_properties_clear(&p);
        check_bytes(&p, sizeof(p), &(UnitProperties) {}, sizeof(p));
}

/* PropertiesChanged has what changed and nothing else: the rest stays. */
static void some(void) {
        _cleanup_properties_ UnitProperties p = { .load_state = "loaded", .sub_state = "running", .code = 7 };
        sd_bus_message *m = properties_new();

        check_ok(sd_bus_message_append(m, "a{sv}", 1, "SubState", "s", "failed"));
        check(!read_finished(&p, m));
        check_string(p.load_state, "loaded");
        check_string(p.sub_state, "failed");
        check_int(p.code, 7);

        m = properties_new();
        check_ok(sd_bus_message_append(m, "a{sv}", 0));
        check(!read_finished(&p, m));
        check_string(p.sub_state, "failed");
}

static bool read_status_text(UnitProperties *p, const char *text) {
        sd_bus_message *m = properties_new();

        check_ok(sd_bus_message_append(m, "a{sv}", 1, "StatusText", "s", text));
        return read_finished(p, m);
}

/* systemd sends StatusText along with other changes: only another text is progress. */
static void progress(void) {
        _cleanup_properties_ UnitProperties p = {};

        check(!read_status_text(&p, ""));
        check(read_status_text(&p, "one"));
        check_string(p.status_text, "one");
        check(!read_status_text(&p, "one"));
        check(read_status_text(&p, "two"));
        check_string(p.status_text, "two");
        check(read_status_text(&p, ""));
        check_string(p.status_text, "");
}

/* Properties of a newer systemd, and of ours in a type that they do not have. */
static void not_ours(void) {
        _cleanup_properties_ UnitProperties p = { .result = "success", .status = 5 };
        sd_bus_message *m = properties_new();

        check_ok(sd_bus_message_append(m, "a{sv}", 6,
                                       "Result", "as", 1, "oom-kill",
                                       "ExecMainStatus", "s", "one",
                                       "ExecMainCode", "u", 2,
                                       "StatusText", "i", 4,
                                       "ExecStart", "a(sasbttttuii)", 0,
                                       "SubState", "s", "dead"));
        check(!read_finished(&p, m));
        check_string(p.result, "success");
        check_int(p.status, 5);
        check_int(p.code, 0);
        check_string(p.status_text, NULL);
        check_string(p.sub_state, "dead");
}

static void long_words(void) {
        _cleanup_properties_ UnitProperties p = { .start_usec = 9 };
        sd_bus_message *m = properties_new();
        char word[1000];

        memset(word, 'w', sizeof(word) - 1);
        word[sizeof(word) - 1] = 0;
        check_ok(sd_bus_message_append(m, "a{sv}", 4, "LoadState", "s", word, "SubState", "s", word, "Result", "s",
                                       word, "StatusText", "s", word));
        check(read_finished(&p, m));
        check_int(strlen(p.load_state), sizeof(p.load_state) - 1);
        check_int(strlen(p.sub_state), sizeof(p.sub_state) - 1);
        check_int(strlen(p.result), sizeof(p.result) - 1);
        check_string(p.status_text, word);
        check_int(p.code, 0);
        check_int(p.start_usec, 9);
}

static void wrong_signature(void) {
        _cleanup_properties_ UnitProperties p = {};
        sd_bus_message *m = properties_new();
        bool changed = false;

        check_ok(sd_bus_message_append(m, "a{ss}", 1, "SubState", "dead"));
        message_finish(m);
        check(unit_properties_read(&p, m, &changed) < 0);
        check_string(p.sub_state, "");
        sd_bus_message_unref(m);
}

static void end(void) {
        static const struct {
                const char *what, *sub_state;
                uint64_t exit, active_exit, stop;
                bool by_itself;
        } cases[] = {
                { "exited, and is held", "exited", 20, 0, 0, true },
                { "exited while our request was under way", "exited", 20, 0, 10, true },
                { "exited, and was stopped then", "dead", 20, 21, 10, true },
                { "failed", "failed", 20, 20, 0, true },
                { "failed while our request was under way", "failed", 20, 20, 10, true },
                { "stopped by us", "dead", 20, 11, 10, false },
                { "stopped by others", "failed", 20, 11, 0, false },
                { "stopped, and nothing is known of its process", "failed", 0, 11, 0, false },
                { "failed before it was active", "failed", 20, 0, 0, true },
                { "failed before it was active, and before we asked", "failed", 20, 0, 30, true },
                { "stopped by us before it was active", "dead", 20, 0, 10, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                UnitProperties p = { .exit_monotonic_usec = cases[i].exit, .active_exit_usec = cases[i].active_exit };

                (void) snprintf(p.sub_state, sizeof(p.sub_state), "%s", cases[i].sub_state);
                if (unit_properties_ended_by_itself(&p, cases[i].stop) != cases[i].by_itself)
                        test_fail(TEST_PLACE(cases[i].what), "is %d", !cases[i].by_itself);
        }
}

TEST_MAIN(TEST(all), TEST(some), TEST(progress), TEST(not_ours), TEST(long_words), TEST(wrong_signature), TEST(end))

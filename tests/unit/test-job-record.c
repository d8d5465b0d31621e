/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "job-id.h"
#include "job-record.h"
#include "test-bus.h"
#include "record-check.h"
#include "test.h"

/* A record in which every field has a value of its own. The caller clears it. */
static JobRecord full_record(void) {
        return (JobRecord) {
                .id = strdup("task-7f3k9q2m1x"),
                .kind = strdup("task"),
                .label = strdup("a label"),
                .state = JOB_CANCELLED,
                .reason = JOB_REASON_USER,
                .exit_code = 143,
                .signal = 15,
                .uid = 1000,
                .queue = strdup("default"),
                .directory = strdup("/directory"),
                .workspace = strdup("/workspace"),
                .session = strdup("session"),
                .created_usec = 1,
                .started_usec = 2,
                .finished_usec = 3,
                .sequence = 4,
                .progress = strdup("3 of 8"),
                .stdout_bytes = 5,
                .stderr_bytes = 6,
                .result = strdup("{}"),
                .stopped_by = 1001,
                .result_error = strdup("no JSON"),
                .left_behind = strdup("4242 sleep"),
                .end_source = strdup("worker"),
                .resource_limits = strdup("NOFILE=4096"),
        };
}

static void clear(void) {
        JobRecord record = full_record();

        job_record_clear(&record);
        check_record(&record, &JOB_RECORD_INIT);
        job_record_clear(&record);
}

static void copy(void) {
        _cleanup_job_record_ JobRecord record = full_record(), ret = JOB_RECORD_INIT, bare = JOB_RECORD_INIT;

        check_ok(job_record_copy(&record, &ret));
        check_record(&record, &ret);
        check(record.id != ret.id && record.result != ret.result);

        check_ok(job_record_copy(&JOB_RECORD_INIT, &bare));
        check_record(&bare, &JOB_RECORD_INIT);
}

/* The entries of a job as dbus/org.codex.Jobs.xml has them. */
static void fields(void) {
        static const struct {
                const char *name;
                const char *type;
        } contract[] = {
                { "Id", "s" }, { "Kind", "s" }, { "Label", "s" }, { "State", "s" }, { "Reason", "s" },
                { "ExitCode", "i" }, { "Signal", "i" }, { "Uid", "u" }, { "Queue", "s" }, { "Directory", "s" },
                { "Workspace", "s" }, { "Session", "s" }, { "CreatedUSec", "t" }, { "StartedUSec", "t" },
                { "FinishedUSec", "t" }, { "Sequence", "t" }, { "Progress", "s" }, { "StdoutBytes", "t" },
                { "StderrBytes", "t" }, { "Result", "s" }, { "StoppedBy", "u" },
                { "ResultError", "s" }, { "LeftBehind", "s" }, { "EndSource", "s" },
                { "ResourceLimits", "s" },
        };

        for (size_t i = 0; i < ELEMENTSOF(contract); i++) {
                const JobField *f = job_field_find(contract[i].name);

                check(f);
                check_string(f->name, contract[i].name);
                check_string(f->type, contract[i].type);
        }
        check(!job_field_find("Unit"));
        check(!job_field_find("id"));
        check(!job_field_find(""));
}

static void travel(const JobRecord *record) {
        _cleanup_(sd_bus_unrefp) sd_bus *bus = bus_new_silent();
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = message_new(bus, "Get");
        _cleanup_job_record_ JobRecord ret = JOB_RECORD_INIT;

        check_ok(job_record_append(m, record));
        message_finish(m);
        check_string(sd_bus_message_get_signature(m, true), "a{sv}");
        check_ok(job_record_read(m, &ret));
        check(check_ok(sd_bus_message_at_end(m, true)) > 0);
        check_record(record, &ret);
}

static void travel_full(void) {
        _cleanup_job_record_ JobRecord record = full_record();

        travel(&record);
}

static void travel_bare(void) {
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;

        record.id = strdup("a-0000000000");
        travel(&record);
}

static void travel_limits(void) {
        _cleanup_job_record_ JobRecord record = full_record();

        record.exit_code = INT32_MIN;
        record.uid = UINT32_MAX - 1;
        record.stdout_bytes = UINT64_MAX;
        record.stopped_by = 0; /* root, and not nobody */
        free(record.label);
        record.label = strdup(""); /* is not absent */
        travel(&record);
}

/* The names that a job was sent with, each once. */
static void entries(void) {
        _cleanup_(sd_bus_unrefp) sd_bus *bus = bus_new_silent();
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = message_new(bus, "Get");
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        const char *name, *unit = NULL;
        unsigned n = 0;

        record.id = strdup("task-7f3k9q2m1x");
        check_ok(job_record_append(m, &record));
        message_finish(m);

        check_ok(sd_bus_message_enter_container(m, 'a', "{sv}"));
        while (check_ok(sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                check_ok(sd_bus_message_read_basic(m, 's', &name));
                n++;
                /* What has no value is left out. */
                for (const char *const *absent =
                             (const char *const[]) { "Kind", "Workspace", "Session", "Progress", "Result", "Directory",
                                                    "Queue", "StoppedBy", "RetryOf", "CPUUsageUSec", "MemoryPeak",
                                                    "ResultError", "LeftBehind", "EndSource", "ResourceLimits", "NotBeforeUSec", "After",
                                                    "RetryOn", "Attempts", "NextAttemptUSec",
                                                    "FailedDependency", "Parent", "WaitReason", "WaitText", NULL };
                     *absent; absent++)
                        check(!streq(name, *absent));
                if (streq(name, "Unit"))
                        check_ok(sd_bus_message_read(m, "v", "s", &unit));
                else
                        check_ok(sd_bus_message_skip(m, "v"));
                check_ok(sd_bus_message_exit_container(m));
        }
        check_string(unit, "codex-job-task-7f3k9q2m1x.service");
        check_int(n, 44 + 1 - 25);
}

/* One that a newer service sent: what it does not know, or not in this type, is passed over. */
static void read_unknown(void) {
        _cleanup_(sd_bus_unrefp) sd_bus *bus = bus_new_silent();
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = message_new(bus, "Get");
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;

        check_ok(sd_bus_message_append(m, "a{sv}", 6,
                                       "Colour", "(si)", "red", 7,
                                       "Id", "s", "a-0000000000",
                                       "ExitCode", "s", "zero",
                                       "Label", "as", 1, "label",
                                       "Unit", "s", "codex-job-a-0000000000.service",
                                       "Id", "s", "b-0000000000"));
        message_finish(m);
        check_ok(job_record_read(m, &record));
        check_string(record.id, "b-0000000000");
        check_string(record.label, NULL);
        check_int(record.exit_code, -1);
}

static void check_refused(const char *name, const char *value) {
        _cleanup_(sd_bus_unrefp) sd_bus *bus = bus_new_silent();
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = message_new(bus, "Get");
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;

        if (streq(name, "Id"))
                check_ok(sd_bus_message_append(m, "a{sv}", 1, "Kind", "s", value));
        else
                check_ok(sd_bus_message_append(m, "a{sv}", 2, "Id", "s", "a-0000000000", name, "s", value));
        message_finish(m);
        check_error(job_record_read(m, &record), -EBADMSG);
        check_record(&record, &JOB_RECORD_INIT);
}

static void read_refused(void) {
        check_refused("State", "paused");
        check_refused("State", "");
        check_refused("Reason", "weather");
        check_refused("Id", "task"); /* has no id */
}

static void read_wrong_signature(void) {
        _cleanup_(sd_bus_unrefp) sd_bus *bus = bus_new_silent();
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = message_new(bus, "Get");
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;

        check_ok(sd_bus_message_append(m, "a{ss}", 1, "Id", "a-0000000000"));
        message_finish(m);
        check(job_record_read(m, &record) < 0);
        check_record(&record, &JOB_RECORD_INIT);
}

/* Properties have a value even where the entry of a dictionary would be left out. */
static void append_field_absent(void) {
        _cleanup_(sd_bus_unrefp) sd_bus *bus = bus_new_silent();
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = message_new(bus, "Get");
        const char *progress, *reason;
        uint32_t stopped_by;

        check_ok(job_record_append_field(m, &JOB_RECORD_INIT, job_field_find("Progress")));
        check_ok(job_record_append_field(m, &JOB_RECORD_INIT, job_field_find("Reason")));
        check_ok(job_record_append_field(m, &JOB_RECORD_INIT, job_field_find("StoppedBy")));
        message_finish(m);
        check_ok(sd_bus_message_read(m, "ssu", &progress, &reason, &stopped_by));
        check_string(progress, "");
        check_string(reason, "");
        check_int(stopped_by, UINT32_MAX);
}

static void unit_name(void) {
        static const char longest[] = "a2345678901234567890123456789012-0123456789";
        char name[JOB_UNIT_MAX];

        check_int(strlen(longest), JOB_ID_MAX);
        check_string(job_unit_name("a-0000000000", name), "codex-job-a-0000000000.service");
        check_string(job_unit_name(longest, name), "codex-job-a2345678901234567890123456789012-0123456789.service");
}

TEST_MAIN(TEST(clear), TEST(copy), TEST(fields), TEST(travel_full), TEST(travel_bare), TEST(travel_limits),
          TEST(entries), TEST(read_unknown), TEST(read_refused), TEST(read_wrong_signature), TEST(append_field_absent),
          TEST(unit_name))

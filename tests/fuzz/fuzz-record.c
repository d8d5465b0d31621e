/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The dictionaries that the client takes from the service, and the service from systemd. */

#include "fuzz.h"
#include "job-record.h"
#include "message.h"
#include "unit-properties.h"

static void read_record(const uint8_t *data, size_t size) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = fuzz_message(data, size, false);
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT, copy = JOB_RECORD_INIT;
        int r;

        r = job_record_read(m, &record);
        fuzz_check(r >= 0 || r == -EBADMSG);
        fuzz_check((r >= 0) == !!record.id);
        if (r < 0)
                return;
        fuzz_check(record.state >= 0 && record.state < _JOB_STATE_MAX);
        fuzz_check(record.reason >= 0 && record.reason < _JOB_REASON_MAX);
        fuzz_check(sd_bus_message_at_end(m, true) > 0);
        fuzz_check(job_record_copy(&record, &copy) >= 0);
        fuzz_check(streq(copy.id, record.id) && copy.id != record.id);
}

static void read_properties(const uint8_t *data, size_t size) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = fuzz_message(data, size, false);
        _cleanup_(unit_properties_clear) UnitProperties p = {};
        bool progress = false;

        fuzz_check(unit_properties_read(&p, m, &progress) >= 0);
        fuzz_check(sd_bus_message_at_end(m, true) > 0);
        fuzz_check(memchr(p.load_state, 0, sizeof(p.load_state)) && memchr(p.sub_state, 0, sizeof(p.sub_state)) &&
                   memchr(p.result, 0, sizeof(p.result)));
        fuzz_check(progress || isempty(p.status_text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        read_record(data, size);
        read_properties(data, size);
        return 0;
}

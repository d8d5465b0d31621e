/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "job-error.h"
#include "memfd.h"
#include "retry.h"
#include "spec-read.h"

static int use_kept_input(Spec *spec, const SpecInput *input) {
        int r;

        if (spec->stdin_fd >= 0 || !input->has_stdin)
                return 0;
        if (input->erased)
                return -JOB_ERROR_STDIN_NOT_KEPT;
        r = memfd_new("codex-job-stdin", input->stdin_data, input->stdin_size);
        if (r >= 0)
                spec->stdin_fd = r;
        return r < 0 ? r : 0;
}

static int copy_string(const char *from, char **to) {
        if (!from)
                return 0;
        *to = strdup(from);
        return *to ? 0 : -ENOMEM;
}

static int copy_record(Spec *spec, const JobRecord *record) {
        int r;

        (void) snprintf(spec->kind, sizeof(spec->kind), "%s", record->kind);
        if (spec->notify < 0)
                spec->notify = record->notify != 0;
        if (spec->priority == JOB_PRIORITY_NONE)
                spec->priority = record->priority;
        if (spec->retries == JOB_RETRIES_NONE)
                spec->retries = (uint32_t) record->retries;
        if (spec->retry_delay_usec == JOB_RETRY_DELAY_NONE && record->retries > 0)
                spec->retry_delay_usec = record->retry_delay_usec;
        r = spec->retry_on ? 0 : copy_string(record->retry_on, &spec->retry_on);
        if (r >= 0 && !spec->queue)
                r = copy_string(record->queue, &spec->queue);
        if (r >= 0)
                r = copy_string(record->label, &spec->label);
        if (r >= 0)
                r = copy_string(record->workspace, &spec->workspace);
        if (r >= 0)
                r = copy_string(record->session, &spec->session);
        if (r >= 0)
                r = copy_string(record->resource_limits, &spec->resource_limits);
        return r < 0 ? r : copy_string(record->id, &spec->retry_of);
}

int retry_complete_spec(Spec *spec, const StoredJob *stored, const void *encoded, size_t size, sd_bus_error *error) {
        _cleanup_spec_ Spec work = SPEC_INIT;
        SpecInput input;
        int r;

        r = spec_decode(encoded, size, &work, &input);
        if (r < 0)
                return r;
        spec->argv = TAKE_PTR(work.argv);
        spec->directory = TAKE_PTR(work.directory);
        if (!spec->environment)
                spec->environment = TAKE_PTR(work.environment);
        spec->limits = stored->limits;
        r = copy_record(spec, &stored->record);
        if (r >= 0)
                r = spec_check_size(spec, error);
        return r < 0 ? r : use_kept_input(spec, &input);
}

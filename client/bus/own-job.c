/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "job-after.h"
#include "own-job.h"
#include "say.h"

const char *own_job_id(void) {
        const char *id = getenv("CODEX_JOB_ID");

        return id && job_id_is_valid(id) ? id : NULL;
}

static bool is_after_own(const char *after) {
        const char *own = own_job_id(), *p = strempty(after);
        char id[JOB_ID_MAX + 1];
        JobCondition condition;

        while (own && job_after_next(&p, id, &condition) > 0)
                if (streq(id, own))
                        return true;
        return false;
}

bool own_job_blocks(const JobRecord *record) {
        const char *own = own_job_id();

        if (!own || !record->id || job_state_is_terminal(record->state) || record->stopped_by != UINT32_MAX)
                return false;
        return streq(record->id, own) || (record->state == JOB_QUEUED && is_after_own(record->after));
}

int own_job_check(const JobRecord *record, sd_bus_error *error) {
        const char *own = own_job_id();

        if (!own_job_blocks(record))
                return 0;
        if (streq(record->id, own))
                return error_set(error, "Job %s cannot wait for itself. Wait for it outside that job.", own);
        return error_set(error, "Job %s starts after %s, so it cannot be waited for in that job. Wait for it outside that job.",
                         record->id, own);
}

int own_job_check_after(const char *after, sd_bus_error *error) {
        if (!is_after_own(after))
                return 0;
        return error_set(error,
                         "A job that starts after %s cannot be waited for in that job. Submit it with 'codex-jobs enqueue'.",
                         own_job_id());
}

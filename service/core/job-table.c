/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <search.h>

#include "core.h"

static int compare_jobs(const void *a, const void *b) {
        return strcmp(((const Job *) a)->record.id, ((const Job *) b)->record.id);
}

Job *core_find(Core *core, const char *id) {
        Job key = { .record.id = (char *) id }, **found;

        found = tfind(&key, &core->jobs_by_id, compare_jobs);
        return found ? *found : NULL;
}

Job *core_find_unended(Core *core, const char *id) {
        Job *job = core_find(core, id);

        return job && job->phase != JOB_RELEASING ? job : NULL;
}

int core_add(Core *core, Job *job) {
        if (!tsearch(job, &core->jobs_by_id, compare_jobs))
                return -ENOMEM;
        job->core = core;
        TAILQ_INSERT_TAIL(&core->jobs, job, entry);
        return 0;
}

void core_remove(Core *core, Job *job) {
        if (job->phase == JOB_WAITING)
                queue_remove(&core->queue, job);
        queue_leave(&core->queue, job);
        (void) tdelete(job, &core->jobs_by_id, compare_jobs);
        TAILQ_REMOVE(&core->jobs, job, entry);
        if (job->is_accepted)
                TAILQ_REMOVE(&core->accepted, job, accepted_entry);
        if (job->is_telling)
                TAILQ_REMOVE(&core->telling, job, telling_entry);
        (void) job_free(job);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Whether a job may enter a queue: one of its user, or one of the administrator that the caller may use, with limits that are
 * within those of that queue. */

#include "core-internal.h"
#include "job-error.h"
#include "job-spec.h"
#include "launcher.h"

const ConfigQueue *core_find_shared_queue(const Core *core, uint32_t uid, const char *name) {
        return queue_has_own_lane(&core->queue, uid, name) ? NULL : config_find_queue(&core->config, name);
}

bool core_may_use_queue(const Caller *caller, const ConfigQueue *queue) {
        return caller->is_trusted || config_queue_allows(queue, caller->gids, caller->n_gids);
}

int core_admit(const Core *core, const Caller *caller, uint32_t uid, const char *name) {
        const ConfigQueue *queue = core_find_shared_queue(core, uid, name);

        if (!queue)
                return queue_has_lane(&core->queue, uid, name) ? 0 : -JOB_ERROR_NO_QUEUE;
        if (!core_may_use_queue(caller, queue))
                return -JOB_ERROR_QUEUE_NOT_ALLOWED;
        if (queue->is_closed)
                return -JOB_ERROR_QUEUE_CLOSED;
        return access(launcher_program(launcher_find(queue->launcher)), X_OK) < 0 ? -JOB_ERROR_LAUNCHER_MISSING : 0;
}

static bool exceeds(uint64_t limit, uint64_t max) {
        return max > 0 && (limit == 0 || limit > max);
}

int core_check_queue_limits(const Core *core, uint32_t uid, const char *name, const JobLimits *limits) {
        const ConfigQueue *queue = core_find_shared_queue(core, uid, name);

        if (queue && exceeds(limits->runtime_max_usec, queue->runtime_max_usec))
                return -JOB_ERROR_QUEUE_RUNTIME_MAX;
        if (queue && exceeds(limits->output_max, queue->output_max))
                return -JOB_ERROR_QUEUE_OUTPUT_MAX;
        return queue && launcher_refuses(launcher_find(queue->launcher), limits) ? -JOB_ERROR_LAUNCHER_LIMIT : 0;
}

bool core_refuses(const Job *job) {
        const ConfigQueue *queue = core_find_shared_queue(job->core, job->record.uid, job->record.queue);

        return queue && (queue->is_closed || launcher_refuses(launcher_find(queue->launcher), &job->limits));
}

bool core_may_start(const Job *job) {
        const ConfigQueue *queue = core_find_shared_queue(job->core, job->record.uid, job->record.queue);

        return queue_has_lane(&job->core->queue, job->record.uid, job->record.queue) && !core_refuses(job) &&
                streq(strempty(job->record.launcher), strempty(queue ? queue->launcher : NULL));
}

void core_set_default_limits(const Core *core, uint32_t uid, const char *name, JobLimits *limits) {
        const ConfigQueue *queue = core_find_shared_queue(core, uid, name);
        const Config *config = &core->config;

        if (limits->runtime_max_usec == 0)
                limits->runtime_max_usec = queue && queue->runtime_max_usec > 0 ? queue->runtime_max_usec : config->runtime_max_usec;
        if (limits->output_max == 0)
                limits->output_max = queue && queue->output_max > 0 ? queue->output_max : config->output_max;
}

/* Where it runs already: the queue may have been changed meanwhile. */
char **core_launcher_environment(const Job *job) {
        const ConfigQueue *queue = config_find_queue(&job->core->config, job->record.queue);
        bool is_on_host = streq(strempty(job->record.launcher), LAUNCHER_HOST);

        return launcher_environment(&(LauncherSettings) {
                                            .options = queue ? queue->options : NULL,
                                            .slurm_conf = queue ? queue->slurm_conf : NULL,
                                            .host = is_on_host && job->record.place ? job->record.place : queue ? queue->host : NULL,
                                            .attempt = job->record.attempt,
                                    },
                                    &job->limits);
}

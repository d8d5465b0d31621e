/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <limits.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>

#include "build-config.h"
#include "core-internal.h"
#include "failpoint.h"
#include "log-failure.h"
#include "string-list.h"
#include "text-new.h"

/* --- life cycle ------------------------------------------------------------------------------------ */

static int make_directories(const char *path) {
        char part[PATH_MAX];

        for (const char *p = path + 1;; p++) {
                if (*p && *p != '/')
                        continue;
                (void) snprintf(part, sizeof(part), "%.*s", (int) (p - path), path);
                if (mkdir(part, 0700) < 0 && errno != EEXIST)
                        return -errno;
                if (!*p)
                        return 0;
        }
}

/* The directories of the service: those of the system scope are created and named by systemd, see systemd.exec(5);
 * those of a user follow the XDG base directory specification. */
static int find_directories(bool system_scope, char state[static PATH_MAX], char results[static PATH_MAX]) {
        const char *state_home = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
        int n;

        if (system_scope) {
                (void) snprintf(state, PATH_MAX, "%s", getenv("STATE_DIRECTORY") ?: "/var/lib/codex-jobs");
                n = snprintf(results, PATH_MAX, "%s/results", getenv("CACHE_DIRECTORY") ?: "/var/cache/codex-jobs");
                return n < PATH_MAX ? 0 : -ENAMETOOLONG;
        }
        if (!isempty(state_home) && state_home[0] == '/')
                n = snprintf(state, PATH_MAX, "%s/codex-jobs", state_home);
        else if (!isempty(home))
                n = snprintf(state, PATH_MAX, "%s/.local/state/codex-jobs", home);
        else {
                sd_journal_print(LOG_ERR, "Neither XDG_STATE_HOME nor HOME is set.");
                return -ENXIO;
        }
        if (n >= PATH_MAX || snprintf(results, PATH_MAX, "%.*s/results", PATH_MAX - 16, state) >= PATH_MAX)
                return -ENAMETOOLONG;
        return make_directories(state);
}

static int find_config(Core *core) {
        const char *config_home = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

        if (core->system_scope)
                core->config_path = strdup(SYSTEM_CONFIG_FILE);
        else if (!isempty(config_home))
                core->config_path = text_new("%s/codex-jobs.conf", config_home);
        else
                core->config_path = text_new("%s/.config/codex-jobs.conf", strempty(home));
        return core->config_path ? 0 : -ENOMEM;
}

/* Without memory, jobs wait in those that are missing until the configuration is read again. */
static void set_queues(Core *core) {
        int r = 0;

        queue_withdraw_shared(&core->queue);
        for (size_t i = 0; i < core->config.n_queues && r >= 0; i++) {
                const ConfigQueue *queue = &core->config.queues[i];

                r = queue_set_shared(&core->queue, queue->name, queue->max_running, queue->max_running_user);
        }
        if (r < 0)
                sd_journal_print(LOG_ERR, "Failed to set up the queues of the configuration: %s", strerror(-r));
}

static void load_config(Core *core) {
        int r;

        r = config_load(&core->config, core->config_path);
        if (r < 0)
                sd_journal_print(LOG_WARNING, "Failed to read %s, keeping previous settings: %s", core->config_path, strerror(-r));
        core->queue.max_running = core->config.max_running;
        core->queue.max_running_user = config_running_per_user(&core->config, core->system_scope);
        set_queues(core);
}

static int open_store(Core *core) {
        char state[PATH_MAX], results[PATH_MAX];
        int r;

        r = find_directories(core->system_scope, state, results);
        if (r < 0)
                return r;
        failpoint_init(state);
        r = output_new(&core->output, state, results);
        if (r < 0)
                return r;
        r = store_new(&core->store, core->event, state);
        if (r < 0)
                return r;
        r = background_new(&core->collector, core->event, "codex-jobs-out", job_files_run_batch, core->output);
        if (r >= 0)
                r = background_new(&core->bulk, core->event, "codex-jobs-bulk", job_files_run_batch, core->output);
        if (r < 0)
                return r;
        r = recover_load(core);
        if (r < 0)
                sd_journal_print(LOG_ERR, "Failed to load jobs from the database: %s", strerror(-r));
        return r;
}

/* The folders of running jobs: in the system scope on disk, since any user may fill them; the service manager
 * creates one for each user there. */
static int find_folders(Core *core) {
        const char *runtime = getenv("XDG_RUNTIME_DIR");

        if (core->system_scope)
                core->folders = strdup(getenv("CACHE_DIRECTORY") ?: "/var/cache/codex-jobs");
        else
                core->folders = text_new("%s/codex-jobs/jobs", runtime ?: "/run");
        if (!core->folders)
                return -ENOMEM;
        return core->system_scope ? 0 : make_directories(core->folders);
}

/* Without a socket jobs run as well: their exit status is known from the service manager. */
static int open_links(Core *core) {
        int r;

        r = find_folders(core);
        if (r < 0) {
                log_failure("Failed to create %s: %s", strempty(core->folders), strerror(-r));
                return r;
        }
        core->tidy = CORE_TIDY;
        if (sd_listen_fds(true) != 1 || sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_SEQPACKET, 1, NULL, 0) <= 0) {
                sd_journal_print(LOG_WARNING, "No socket passed by codex-jobsd.socket: progress and results of jobs are not "
                                 "recorded.");
                return 0;
        }
        r = worker_links_new(&core->links, core->event, SD_LISTEN_FDS_START, &lifecycle_worker_listener, core);
        if (r < 0)
                sd_journal_print(LOG_ERR, "Failed to listen for workers: %s", strerror(-r));
        return r;
}

int core_new(Core **ret, sd_event *event, bool system_scope) {
        _cleanup_(core_freep) Core *core = NULL;
        int r;

        core = calloc(1, sizeof(*core));
        if (!core)
                return -ENOMEM;
        core->event = sd_event_ref(event);
        core->system_scope = system_scope;
        TAILQ_INIT(&core->jobs);
        TAILQ_INIT(&core->accepted);
        TAILQ_INIT(&core->telling);
        queue_init(&core->queue);
        r = find_config(core);
        if (r < 0)
                return r;
        config_init(&core->config);
        load_config(core);
        r = sd_event_add_defer(event, &core->schedule_source, lifecycle_on_schedule, core);
        if (r >= 0)
                r = sd_event_add_defer(event, &core->doomed_source, lifecycle_on_doomed, core);
        if (r >= 0)
                r = sd_event_source_set_enabled(core->doomed_source, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time(event, &core->telling_source, CLOCK_MONOTONIC, 0, 1, finishing_on_telling, core);
        if (r >= 0)
                r = sd_event_source_set_enabled(core->telling_source, SD_EVENT_OFF);
        if (r >= 0)
                r = conditions_init(core);
        if (r >= 0)
                r = open_store(core);
        if (r >= 0)
                r = open_links(core);
        if (r >= 0)
                *ret = TAKE_PTR(core);
        return r;
}

int core_start(Core *core, sd_bus *bus, const JobEvents *events, void *userdata) {
        core->events = events;
        core->userdata = userdata;
        return unit_manager_new(&core->units, bus, core->system_scope, &recover_unit_callbacks, &lifecycle_unit_listener, core);
}

void core_flush(Core *core) {
        core->stopping = true;
        core->collector = background_free(core->collector);
        core->bulk = background_free(core->bulk);
        core->store = store_free(core->store);
        finishing_tell_all(core);
}

void core_stop(Core *core) {
        Job *job;

        core_flush(core);
        while ((job = TAILQ_FIRST(&core->jobs))) {
                if (job->link)
                        worker_link_away(job->link);
                conditions_leave(job);
                core_remove(core, job);
        }
        core->units = unit_manager_free(core->units);
}

Core *core_free(Core *core) {
        if (!core)
                return NULL;

        core_stop(core);
        shortage_clear(&core->shortage);
        conditions_clear(core);
        (void) sd_event_source_disable_unref(core->doomed_source);
        (void) sd_event_source_disable_unref(core->telling_source);
        (void) sd_event_source_disable_unref(core->schedule_source);
        (void) sd_event_source_disable_unref(core->sweep_timer);
        (void) sd_event_source_disable_unref(core->retention_timer);
        queue_clear(&core->queue);
        config_clear(&core->config);
        (void) output_free(core->output);
        (void) worker_links_free(core->links);
        (void) sd_event_unref(core->event);
        free(core->folders);
        free(core->instance);
        string_list_free(core->strays);
        free(core->config_path);
        free(core);
        return NULL;
}

/* Those in queues of the administrator may wait for something else now. */
static void reconsider_waiting(Core *core) {
        Job *job;

        TAILQ_FOREACH(job, &core->jobs, entry)
                if (job->phase == JOB_WAITING && !queue_has_own_lane(&core->queue, job->record.uid, job->record.queue)) {
                        queue_block(&core->queue, job, JOB_IS_REFUSED, core_refuses(job));
                        core->events->waits(job, core->userdata);
                }
}

void core_resume(Core *core) {
        if (!core->is_held_up)
                return;
        core->is_held_up = false;
        (void) sd_event_source_set_enabled(core->telling_source, SD_EVENT_ONESHOT);
        (void) sd_event_source_set_enabled(core->doomed_source, SD_EVENT_ONESHOT);
}

void core_reload(Core *core) {
        load_config(core);
        if (core->is_ready)
                reconsider_waiting(core);
        core_schedule(core);
        if (core->retention_timer) /* its limits may have changed */
                (void) sd_event_source_set_time_relative(core->retention_timer, 0);
}

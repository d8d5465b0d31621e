/* SPDX-License-Identifier: Apache-2.0 */

#include <limits.h>
#include <search.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>

#include "build-config.h"
#include "bus-names.h"
#include "failpoint.h"
#include "job-id.h"
#include "permission.h"
#include "request.h"
#include "string-list.h"
#include "time-util.h"

#define LEAVE_USEC (5 * USEC_PER_SEC)

/* Requests of a user that the store works on at a time, and that wait after them; see request_take_turn(). */
#define STORE_TURNS 2
#define STORE_TURNS_WAITING_MAX 1024

/* --- the table of jobs ----------------------------------------------------------------------------- */

static int compare_jobs(const void *a, const void *b) {
        return strcmp(((const Job *) a)->record.id, ((const Job *) b)->record.id);
}

Job *manager_find(Manager *manager, const char *id) {
        Job key = { .record.id = (char *) id }, **found;

        found = tfind(&key, &manager->jobs_by_id, compare_jobs);
        return found ? *found : NULL;
}

int manager_add(Manager *manager, Job *job) {
        if (!tsearch(job, &manager->jobs_by_id, compare_jobs))
                return -ENOMEM;
        job->manager = manager;
        TAILQ_INSERT_TAIL(&manager->jobs, job, entry);
        return 0;
}

void manager_remove(Manager *manager, Job *job) {
        if (job->phase == JOB_WAITING)
                queue_remove(&manager->queue, job);
        queue_release_slot(&manager->queue, job);
        (void) tdelete(job, &manager->jobs_by_id, compare_jobs);
        TAILQ_REMOVE(&manager->jobs, job, entry);
        (void) job_free(job);
}

Job *manager_find_unended(Manager *manager, const char *id) {
        Job *job = manager_find(manager, id);

        return job && job->phase != JOB_RELEASING ? job : NULL;
}

/* --- life ------------------------------------------------------------------------------------------ */

static void on_peer_gone(const char *peer, void *userdata) {
        Manager *manager = userdata;

        waiter_drop_peer(&manager->waiters, peer);
        polkit_drop_peer(manager->polkit, peer);
        permission_drop_peer(manager, peer);
        request_drop_peer(manager, peer);
}

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

/* The directories of the service: systemd makes those of the system scope and names them, see
 * systemd.exec(5); a user's are where the XDG base directory specification has them. */
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

static int find_config(Manager *manager) {
        const char *config_home = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
        int n;

        if (manager->system_scope) {
                manager->config_path = strdup(SYSTEM_CONFIG_FILE);
                return manager->config_path ? 0 : -ENOMEM;
        }
        if (!isempty(config_home))
                n = asprintf(&manager->config_path, "%s/codex-jobs.conf", config_home);
        else
                n = asprintf(&manager->config_path, "%s/.config/codex-jobs.conf", strempty(home));
        return n < 0 ? -ENOMEM : 0;
}

static void load_config(Manager *manager) {
        int r;

        r = config_load(&manager->config, manager->config_path);
        if (r < 0)
                sd_journal_print(LOG_WARNING, "Failed to read %s, keeping previous settings: %s", manager->config_path, strerror(-r));
        manager->queue.max_running = manager->config.max_running;
        manager->queue.max_running_user = config_running_per_user(&manager->config, manager->system_scope);
}

static int open_store(Manager *manager) {
        char state[PATH_MAX], results[PATH_MAX];
        int r;

        r = find_directories(manager->system_scope, state, results);
        if (r < 0)
                return r;
        failpoint_init(state);
        r = output_new(&manager->output, state, results);
        if (r < 0)
                return r;
        r = store_new(&manager->store, manager->event, state);
        if (r < 0)
                return r;
        r = background_new(&manager->collector, manager->event, "codex-jobs-out", ending_collect_batch, manager->output);
        if (r >= 0)
                r = background_new(&manager->bulk, manager->event, "codex-jobs-bulk", ending_collect_batch, manager->output);
        if (r < 0)
                return r;
        r = recover_load(manager);
        if (r < 0)
                sd_journal_print(LOG_ERR, "Failed to load jobs from the database: %s", strerror(-r));
        return r;
}

/* The folders of running jobs: on the disk where they are of all users, who may fill them; the service manager makes one for
 * each user there. */
static int find_folders(Manager *manager) {
        const char *runtime = getenv("XDG_RUNTIME_DIR");

        if (manager->system_scope)
                manager->folders = strdup(getenv("CACHE_DIRECTORY") ?: "/var/cache/codex-jobs");
        else if (asprintf(&manager->folders, "%s/codex-jobs/jobs", runtime ?: "/run") < 0)
                manager->folders = NULL;
        if (!manager->folders)
                return -ENOMEM;
        return manager->system_scope ? 0 : make_directories(manager->folders);
}

/* Where the socket is missing, jobs run without: their exit status is known from the service manager. */
static int open_links(Manager *manager) {
        int r;

        r = find_folders(manager);
        if (r < 0) {
                sd_journal_print(LOG_ERR, "Failed to create %s: %s", strempty(manager->folders), strerror(-r));
                return r;
        }
        manager->tidy = MANAGER_TIDY;
        if (sd_listen_fds(true) != 1 || sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_SEQPACKET, 1, NULL, 0) <= 0) {
                sd_journal_print(LOG_WARNING, "No socket passed by codex-jobsd.socket: progress and results of jobs are not "
                                 "recorded.");
                return 0;
        }
        r = worker_links_new(&manager->links, manager->event, SD_LISTEN_FDS_START, &lifecycle_worker_listener, manager);
        if (r < 0)
                sd_journal_print(LOG_ERR, "Failed to listen for workers: %s", strerror(-r));
        return r;
}

static int open_bus(Manager *manager) {
        int r;

        r = manager->system_scope ? sd_bus_open_system(&manager->bus) : sd_bus_open_user(&manager->bus);
        if (r >= 0)
                r = sd_bus_set_exit_on_disconnect(manager->bus, true); /* started again, it finds everything */
        if (r >= 0)
                r = sd_bus_attach_event(manager->bus, manager->event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0)
                sd_journal_print(LOG_ERR, "Failed to connect to the %s bus: %s", manager->system_scope ? "system" : "session",
                                 strerror(-r));
        return r;
}

/* What ended is collected, committed and told; then who still waits is told that we go, as is whoever
 * calls from now on. */
static void manager_stop(Manager *manager) {
        Job *job;

        manager->stopping = true;
        manager->collector = background_free(manager->collector);
        manager->bulk = background_free(manager->bulk);
        manager->store = store_free(manager->store);
        manager->polkit = polkit_free(manager->polkit);
        permission_stop_all(manager);
        request_stop_all(manager);
        waiter_stop_all(&manager->waiters);
        while ((job = TAILQ_FIRST(&manager->jobs)))
                manager_remove(manager, job);
        manager->units = unit_manager_free(manager->units);
        if (manager->authorize)
                authorize_refuse(manager->authorize);
}

/* A bus daemon may drop what it has not read yet from a peer that closes. Once it has answered this, it has read
 * our answers. Calls that came before it are refused rather than left without an answer. It blocks, as
 * nothing else is done any more. */
static void leave_bus(sd_bus *bus) {
        (void) sd_bus_set_method_call_timeout(bus, LEAVE_USEC);
        (void) sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                  "ReleaseName", NULL, NULL, "s", JOBS_BUS_NAME);
        while (sd_bus_process(bus, NULL) > 0)
                ;
}

/* Before the bus closes itself for the end of the loop. */
static int on_exit_loop(sd_event_source *source, void *userdata) {
        Manager *manager = userdata;

        manager_stop(manager);
        leave_bus(manager->bus);
        return sd_bus_flush(manager->bus);
}

int manager_new(Manager **ret, sd_event *event, bool system_scope) {
        _cleanup_(manager_freep) Manager *manager = NULL;
        int r;

        manager = calloc(1, sizeof(*manager));
        if (!manager)
                return -ENOMEM;
        manager->event = sd_event_ref(event);
        manager->system_scope = system_scope;
        TAILQ_INIT(&manager->jobs);
        TAILQ_INIT(&manager->waiters);
        LIST_INIT(&manager->accounts);
        ticket_queue_init(&manager->turns, STORE_TURNS, STORE_TURNS_WAITING_MAX);
        TAILQ_INIT(&manager->permissions);
        LIST_INIT(&manager->followers);
        queue_init(&manager->queue);
        r = find_config(manager);
        if (r < 0)
                return r;
        config_init(&manager->config);
        load_config(manager);

        r = open_store(manager);
        if (r < 0)
                return r;
        r = open_links(manager);
        if (r < 0)
                return r;
        r = open_bus(manager);
        if (r < 0)
                return r;
        r = polkit_new(&manager->polkit, manager->bus);
        if (r < 0)
                return r;
        r = authorize_new(&manager->authorize, manager->bus, on_peer_gone, manager);
        if (r < 0)
                return r;
        r = manager_bus_register(manager);
        if (r < 0)
                return r;
        r = job_bus_register(manager);
        if (r < 0)
                return r;
        r = unit_manager_new(&manager->units, manager->bus, system_scope, &recover_unit_callbacks,
                             &lifecycle_unit_listener, manager);
        if (r >= 0)
                r = sd_event_add_post(event, &manager->idle_source, request_on_idle, manager);
        if (r >= 0)
                r = sd_event_add_exit(event, &manager->exit_source, on_exit_loop, manager);
        if (r >= 0)
                r = sd_event_source_set_priority(manager->exit_source, SD_EVENT_PRIORITY_IMPORTANT);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(manager);
        return 0;
}

Manager *manager_free(Manager *manager) {
        if (!manager)
                return NULL;

        manager_stop(manager);
        (void) sd_event_source_disable_unref(manager->exit_source);
        (void) sd_event_source_disable_unref(manager->idle_source);
        (void) sd_event_source_disable_unref(manager->sweep_timer);
        (void) sd_event_source_disable_unref(manager->retention_timer);
        for (size_t i = 0; i < ELEMENTSOF(manager->vtable_slots); i++)
                (void) sd_bus_slot_unref(manager->vtable_slots[i]);
        (void) sd_bus_slot_unref(manager->name_call);
        follower_list_clear(&manager->followers);
        queue_clear(&manager->queue);
        (void) authorize_free(manager->authorize);
        (void) output_free(manager->output);
        (void) sd_bus_flush_close_unref(manager->bus);
        (void) sd_event_unref(manager->event);
        (void) worker_links_free(manager->links);
        free(manager->folders);
        free(manager->instance);
        string_list_free(manager->strays);
        free(manager->config_path);
        free(manager);
        return NULL;
}

void manager_reload(Manager *manager) {
        load_config(manager);
        manager->polkit_absent = false; /* it may have been installed */
        lifecycle_schedule(manager);
        if (manager->retention_timer) /* its bounds may have changed */
                (void) sd_event_source_set_time_relative(manager->retention_timer, 0);
}

static int on_name(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Manager *manager = userdata;
        uint32_t result = 0;

        manager->name_call = sd_bus_slot_unref(manager->name_call);
        if (sd_bus_message_is_method_error(reply, NULL) || sd_bus_message_read_basic(reply, 'u', &result) < 0 ||
            result != 1 /* primary owner, see the D-Bus specification */) {
                sd_journal_print(LOG_ERR, "Failed to acquire bus name %s: %s", JOBS_BUS_NAME,
                                 result != 0 ? "owned by another process" : "refused by the bus");
                return sd_event_exit(manager->event, -EBUSY);
        }
        (void) sd_notify(false, "READY=1");
        return 0;
}

int manager_serve(Manager *manager) {
        if (manager->serving)
                return 0;
        manager->serving = true;
        return sd_bus_call_method_async(manager->bus, &manager->name_call, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                        "org.freedesktop.DBus", "RequestName", on_name, manager, "su", JOBS_BUS_NAME,
                                        4 /* do not queue */);
}

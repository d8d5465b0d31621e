/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "dict.h"
#include "pending-call.h"

/* --- Pause, Resume --------------------------------------------------------------------------------- */

static void on_pause_recorded(int r, void *userdata) {
        PendingCall *pending = userdata;
        Core *core = pending->service->core;
        const StoreQueue *queue = &pending->queue;

        if (r >= 0 && queue_has_lane(&core->queue, queue->uid, queue->name)) /* it was not removed meanwhile */
                r = queue_set_paused(&core->queue, queue->uid, queue->name, queue->paused);
        if (r >= 0)
                core_schedule(core);
        pending_on_done(r, pending);
}

static int submit_pause(PendingCall *pending) {
        Core *core = pending->service->core;
        const StoreQueue *queue = &pending->queue;

        if (!queue_has_lane(&core->queue, queue->uid, queue->name))
                return pending_refuse(pending, -JOB_ERROR_NO_QUEUE, queue->name, NULL);
        return store_pause_queue(core->store, queue, on_pause_recorded, pending);
}

/* A call about a queue of the caller; m has its name, or is about "default". */
static int pending_new_with_queue(PendingCall **ret, Service *service, sd_bus_message *m, sd_bus_error *error) {
        const char *name = JOB_QUEUE_DEFAULT;
        int r;

        r = pending_new(ret, service, m);
        if (r >= 0 && !sd_bus_message_is_empty(m))
                r = sd_bus_message_read_basic(m, 's', &name);
        if (r < 0)
                return r;
        if (!job_queue_is_valid(name))
                return invalid(error, "The name of a queue is 1 to %d letters, digits, and of -_. those that are not its "
                                      "first character.", JOB_QUEUE_MAX);
        (*ret)->queue = (StoreQueue) { .uid = pending_owner(*ret) };
        (void) strcpy((*ret)->queue.name, name); /* it fits */
        return 0;
}

static int set_paused(Service *service, sd_bus_message *m, bool paused, sd_bus_error *error) {
        static const PendingStep steps[] = { submit_pause };
        _cleanup_(pending_freep) PendingCall *pending = NULL;
        int r;

        r = pending_new_with_queue(&pending, service, m, error);
        if (r < 0)
                return r;
        pending->queue.paused = paused;
        return pending_start(TAKE_PTR(pending), steps);
}

int method_pause(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return set_paused(userdata, m, true, error);
}

int method_resume(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return set_paused(userdata, m, false, error);
}

/* --- SetQueue -------------------------------------------------------------------------------------- */

static void on_made(int r, void *userdata) {
        PendingCall *pending = userdata;
        Core *core = pending->service->core;
        const StoreQueue *queue = &pending->queue;

        if (r >= 0)
                r = queue_set_lane(&core->queue, queue->uid, queue->name, queue->max_running);
        if (r >= 0)
                core_schedule(core);
        pending_on_done(r, pending);
}

static unsigned count_made(const Core *core, uint32_t uid) {
        _cleanup_free_ QueueStanding *lanes = NULL;
        int n = queue_get_lanes(&core->queue, uid, &lanes);
        unsigned made = 0;

        for (int i = 0; lanes && i < n; i++)
                made += lanes[i].is_made && !streq(lanes[i].lane, JOB_QUEUE_DEFAULT);
        return made;
}

static bool has_jobs(const QueueStanding *lane) {
        return lane->n_waiting + lane->n_coming + lane->n_moving + lane->n_running + lane->n_lent > 0;
}

/* Those that are being recorded count already: many calls may arrive while the disk is busy. */
static int submit_make(PendingCall *pending) {
        Core *core = pending->service->core;
        const StoreQueue *queue = &pending->queue;
        QueueStanding lane = queue_get_lane_standing(&core->queue, queue->uid, queue->name);

        if (lane.is_shared && !lane.is_missing && has_jobs(&lane)) /* they would be in another one, without a word */
                return pending_refuse(pending, -JOB_ERROR_QUEUE_IN_USE, queue->name, NULL);
        if (!lane.is_made) {
                if (count_made(core, queue->uid) + pending->user->n_making >= JOB_QUEUES_MAX)
                        return -JOB_ERROR_TOO_MANY_QUEUES;
                pending->is_making = true;
                pending->user->n_making++;
        }
        return store_change_queue(core->store, queue, on_made, pending);
}

typedef struct Reading {
        StoreQueue *queue;
        bool has_limit;
        sd_bus_error *error;
} Reading;

static int read_option(sd_bus_message *m, const char *name, const char *type, void *userdata) {
        Reading *reading = userdata;
        char text[DICT_INTEGER_MAX];
        uint64_t number;
        int r;

        if (!streq(name, "MaxRunning"))
                return invalid(reading->error, "SetQueue has no such option, only MaxRunning.");
        if (reading->has_limit)
                return invalid(reading->error, "Option MaxRunning is given more than once.");
        if (!dict_is_integer(type))
                return invalid(reading->error, "Option MaxRunning has type %s, expected u or another integer type.", type);
        r = dict_read_integer(m, *type, 0, JOB_QUEUE_RUNNING_MAX, &number, text);
        if (r == -ERANGE)
                return invalid(reading->error, "Option MaxRunning is out of range (0 to %u): %s.", JOB_QUEUE_RUNNING_MAX, text);
        reading->has_limit = true;
        reading->queue->max_running = (uint32_t) number;
        return r;
}

int method_set_queue(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const PendingStep steps[] = { submit_make };
        _cleanup_(pending_freep) PendingCall *pending = NULL;
        int r;

        r = pending_new_with_queue(&pending, userdata, m, error);
        if (r >= 0)
                r = dict_read(m, read_option, &(Reading) { .queue = &pending->queue, .error = error });
        if (r < 0)
                return r;
        pending->queue.made = true;
        return pending_start(TAKE_PTR(pending), steps);
}

/* --- RemoveQueue ----------------------------------------------------------------------------------- */

/* It exists again if that could not be recorded. Otherwise a SetQueue that was recorded before may have been carried out
 * since. */
static void on_removed(int r, void *userdata) {
        PendingCall *pending = userdata;
        Core *core = pending->service->core;
        const StoreQueue *queue = &pending->queue;

        if (r < 0 && (queue_set_lane(&core->queue, queue->uid, queue->name, queue->max_running) < 0 ||
                      queue_set_paused(&core->queue, queue->uid, queue->name, queue->paused) < 0))
                r = -ENOMEM; /* it does when the service is started again */
        if (r >= 0)
                queue_remove_lane(&core->queue, queue->uid, queue->name);
        pending_on_done(r, pending);
}

/* Jobs are not accepted for it while that is recorded. */
static int submit_remove(PendingCall *pending) {
        Core *core = pending->service->core;
        StoreQueue *queue = &pending->queue, change = *queue;
        QueueStanding lane = queue_get_lane_standing(&core->queue, queue->uid, queue->name);
        int r;

        if (!lane.is_made)
                return pending_refuse(pending, lane.is_shared ? -JOB_ERROR_QUEUE_NOT_OWN : -JOB_ERROR_NO_QUEUE, queue->name, NULL);
        if (has_jobs(&lane))
                return pending_refuse(pending, -JOB_ERROR_QUEUE_IN_USE, queue->name, NULL);
        queue->max_running = lane.max_running;
        queue->paused = lane.paused;
        r = store_change_queue(core->store, &change, on_removed, pending);
        if (r >= 0)
                queue_remove_lane(&core->queue, queue->uid, queue->name);
        return r;
}

int method_remove_queue(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const PendingStep steps[] = { submit_remove };
        _cleanup_(pending_freep) PendingCall *pending = NULL;
        int r;

        r = pending_new_with_queue(&pending, userdata, m, error);
        if (r < 0)
                return r;
        if (streq(pending->queue.name, JOB_QUEUE_DEFAULT))
                return invalid(error, "Queue " JOB_QUEUE_DEFAULT " cannot be removed.");
        return pending_start(TAKE_PTR(pending), steps);
}

/* --- ListQueues ------------------------------------------------------------------------------------ */

static int append_standing(sd_bus_message *reply, const QueueStanding *lane) {
        const struct {
                const char *name;
                uint32_t value;
        } numbers[] = {
                { "Queued", lane->n_waiting },
                { "Running", lane->n_running + lane->n_lent },
                { "MaxRunning", lane->max_running },
                { "MaxRunningPerUser", lane->max_running_user },
                { "RunningOfAll", lane->n_running_all },
        };
        int r;

        r = sd_bus_message_append(reply, "{sv}", "Name", "s", lane->lane);
        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}", "Paused", "b", lane->paused);
        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}", "Administrator", "b", lane->is_shared);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(numbers); i++)
                r = sd_bus_message_append(reply, "{sv}", numbers[i].name, "u", numbers[i].value);
        return r;
}

/* queue: of the administrator; NULL: it is one of a user. */
static int append_lane(sd_bus_message *reply, const QueueStanding *lane, const ConfigQueue *queue) {
        int r;

        r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r >= 0)
                r = append_standing(reply, lane);
        if (r >= 0 && queue && queue->launcher)
                r = sd_bus_message_append(reply, "{sv}", "Launcher", "s", queue->launcher);
        if (r >= 0 && queue && queue->slurm_conf)
                r = sd_bus_message_append(reply, "{sv}", "SlurmConf", "s", queue->slurm_conf);
        if (r >= 0 && queue && queue->problem)
                r = sd_bus_message_append(reply, "{sv}{sv}", "Problem", "s", queue->problem, "Closed", "b", queue->is_closed);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_lanes(sd_bus_message *reply, const Service *service, const Caller *caller) {
        _cleanup_free_ QueueStanding *lanes = NULL;
        int r, n;

        r = n = queue_get_lanes(&service->core->queue, caller->uid, &lanes);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        for (int i = 0; r >= 0 && lanes && i < n; i++) {
                const ConfigQueue *queue = lanes[i].is_shared ? config_find_queue(&service->core->config, lanes[i].lane) : NULL;

                /* Of those of the administrator, what the caller may use, or has jobs in. */
                if (!queue || has_jobs(&lanes[i]) || core_may_use_queue(caller, queue))
                        r = append_lane(reply, &lanes[i], queue);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

int method_list_queues(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(pending_freep) PendingCall *pending = NULL;
        Service *service = userdata;
        Caller caller;
        int r;

        r = pending_new(&pending, service, m);
        if (r < 0)
                return r;
        caller = pending_caller(pending);
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = append_lanes(reply, service, &caller);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        return r < 0 ? r : 1;
}

/* --- GetQueue -------------------------------------------------------------------------------------- */

static int append_obstacle(sd_bus_message *reply, const char *why) {
        int r;

        if (!why)
                return 0;
        r = dict_open(reply, "Obstacle", "s");
        if (r >= 0)
                r = sd_bus_message_append_basic(reply, 's', why);
        return r < 0 ? r : dict_close(reply);
}

static int append_queue(sd_bus_message *reply, const Core *core, uint32_t uid) {
        QueueStanding standing = queue_get_standing(&core->queue, uid);
        const Config *config = &core->config;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}{sv}{sv}{sv}{sv}",
                                          "Paused", "b", standing.paused,
                                          "Queued", "u", standing.n_waiting,
                                          "Running", "u", standing.n_running + standing.n_lent,
                                          "MaxRunning", "u", config_running_per_user(config, core->system_scope),
                                          "MaxQueued", "u", config->max_queued_user);
        if (r >= 0)
                r = append_obstacle(reply, core_obstacle(core));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

int method_get_queue(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(pending_freep) PendingCall *pending = NULL;
        Service *service = userdata;
        int r;

        r = pending_new(&pending, service, m);
        if (r >= 0)
                r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = append_queue(reply, service->core, pending_owner(pending));
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        return r < 0 ? r : 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "dict.h"
#include "own-queue.h"
#include "say.h"

static int read_text(sd_bus_message *m, char *ret, size_t size) {
        const char *text;
        int r;

        r = sd_bus_message_read_basic(m, 's', &text);
        if (r >= 0)
                (void) snprintf(ret, size, "%s", text);
        return r;
}

static int read_entry(sd_bus_message *m, const char *name, const char *type, void *userdata) {
        OwnQueue *queue = userdata;
        const struct {
                const char *name;
                bool *value;
        } flags[] = {
                { "Paused", &queue->paused },
                { "Administrator", &queue->is_administrators },
                { "Closed", &queue->is_closed },
        };
        const struct {
                const char *name;
                uint32_t *value;
        } numbers[] = {
                { "Queued", &queue->queued },
                { "Running", &queue->running },
                { "MaxRunning", &queue->max_running },
                { "MaxQueued", &queue->max_queued },
                { "MaxRunningPerUser", &queue->max_running_user },
                { "RunningOfAll", &queue->running_of_all },
        };
        int flag, r;

        for (size_t i = 0; i < ELEMENTSOF(numbers); i++)
                if (streq(numbers[i].name, name))
                        return sd_bus_message_read_basic(m, 'u', numbers[i].value);
        if (streq(name, "Obstacle") && streq(type, "s"))
                return read_text(m, queue->obstacle, sizeof(queue->obstacle));
        if (streq(name, "Name"))
                return read_text(m, queue->name, sizeof(queue->name));
        if (streq(name, "Problem"))
                return read_text(m, queue->problem, sizeof(queue->problem));
        if (streq(name, "Launcher"))
                return read_text(m, queue->launcher, sizeof(queue->launcher));
        if (streq(name, "SlurmConf"))
                return read_text(m, queue->slurm_conf, sizeof(queue->slurm_conf));
        for (size_t i = 0; i < ELEMENTSOF(flags); i++) {
                if (!streq(flags[i].name, name))
                        continue;
                r = sd_bus_message_read_basic(m, 'b', &flag);
                if (r >= 0)
                        *flags[i].value = flag;
                return r;
        }
        return DICT_SKIP;
}

int own_queue_read(sd_bus_message *m, OwnQueue *ret) {
        OwnQueue queue = { .name = JOB_QUEUE_DEFAULT };
        int r;

        r = dict_read(m, read_entry, &queue);
        if (r >= 0)
                *ret = queue;
        return r;
}

static int get(Client *c, CallMode mode, OwnQueue *ret, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = call_wait(c, mode, "GetQueue", append_nothing, NULL, &reply, error);
        return r < 0 ? r : own_queue_read(reply, ret);
}

int own_queue_get(Client *c, OwnQueue *ret, sd_bus_error *error) {
        return get(c, CALL_AGAIN, ret, error);
}

int own_queue_get_if_known(Client *c, OwnQueue *ret, sd_bus_error *error) {
        int r;

        r = get(c, CALL_ONCE, ret, error);
        if (r != -EREMOTEIO)
                return r;
        sd_bus_error_free(error);
        return 0;
}

void own_queue_list_clear(OwnQueueList *list) {
        free(list->queues);
        *list = (OwnQueueList) {};
}

static int read_one(sd_bus_message *m, void *userdata) {
        OwnQueueList *list = userdata;
        OwnQueue *bigger = reallocarray(list->queues, list->n + 1, sizeof(OwnQueue));

        if (!bigger)
                return -ENOMEM;
        list->queues = bigger;
        return own_queue_read(m, &bigger[list->n++]);
}

int own_queue_list(Client *c, OwnQueueList *ret, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_own_queue_list_ OwnQueueList list = {};
        int r;

        r = call_wait(c, CALL_AGAIN, "ListQueues", append_nothing, NULL, &reply, error);
        if (r >= 0)
                r = dict_read_list(reply, read_one, &list);
        if (r < 0)
                return r;
        *ret = list;
        list = (OwnQueueList) {};
        return 0;
}

int own_queue_get_named(Client *c, const char *name, OwnQueue *ret, sd_bus_error *error) {
        _cleanup_own_queue_list_ OwnQueueList list = {};
        OwnQueue all = {};
        size_t i;
        int r;

        r = own_queue_get(c, &all, error);
        if (r >= 0)
                r = own_queue_list(c, &list, error);
        if (r < 0)
                return r;
        for (i = 0; i < list.n && !streq(list.queues[i].name, name); i++)
                ;
        if (i == list.n) /* removed meanwhile */
                return error_set(error, "Queue %s not found.", name);
        *ret = list.queues[i];
        ret->max_queued = all.max_queued;
        ret->max_running = ret->max_running > 0 ? MIN(ret->max_running, all.max_running) : all.max_running;
        (void) strcpy(ret->obstacle, all.obstacle); /* of the same size */
        return 0;
}

typedef struct Setting {
        const char *name;
        uint32_t max_running;
} Setting;

static int append_setting(sd_bus_message *m, void *userdata) {
        const Setting *setting = userdata;

        return sd_bus_message_append(m, "sa{sv}", setting->name, 1, "MaxRunning", "u", setting->max_running);
}

int own_queue_set(Client *c, const char *name, uint32_t max_running, sd_bus_error *error) {
        return call_wait(c, CALL_AGAIN, "SetQueue", append_setting, &(Setting) { name, max_running }, NULL, error);
}

int own_queue_remove(Client *c, const char *name, sd_bus_error *error) {
        return call_wait(c, CALL_AGAIN, "RemoveQueue", append_string, (char *) name, NULL, error);
}

void own_queue_say(Client *c, const OwnQueue *queue) {
        if (queue->paused)
                say("Queue is paused (%u job%s waiting). Resume with: codex-jobs resume%s", queue->queued,
                    queue->queued == 1 ? "" : "s", client_scope_option(c));
        else if (*queue->obstacle)
                say("No jobs are started at present: %s. Queued jobs start when that is over.", queue->obstacle);
}

bool own_queue_has(const JobRecord *record) {
        return record->state == JOB_QUEUED && record->uid == getuid() && streq(strempty(record->queue), JOB_QUEUE_DEFAULT);
}

bool own_queue_delays(const JobRecord *record) {
        const char *reason = strempty(record->wait_reason);

        return own_queue_has(record) && !streq(reason, "held") && !streq(reason, "dependency") && !streq(reason, "time");
}

/* ---- Why a queued job does not start ---- */

void own_queue_say_why(Client *c, const OwnQueue *queue) {
        if (queue->paused || *queue->obstacle)
                own_queue_say(c, queue);
        else if (queue->queued > 0 && queue->running >= queue->max_running)
                say("Limit of %u running job%s reached; the job starts when one finishes.", queue->max_running,
                    queue->max_running == 1 ? "" : "s");
}

static void on_answer(sd_bus_message *reply, const sd_bus_error *error, void *userdata) {
        QueueQuestion *q = userdata;
        OwnQueue queue = {};

        q->call = call_free(q->call);
        if (reply && own_queue_read(reply, &queue) >= 0) /* the wait continues without a reply, too */
                own_queue_say_why(q->client, &queue);
}

int queue_question_ask(QueueQuestion *q, Client *c) {
        if (q->call)
                return 0;
        q->client = c;
        return call_new(c, &q->call, CALL_ONCE, "GetQueue", append_nothing, NULL, on_answer, q);
}

void queue_question_clear(QueueQuestion *q) {
        q->call = call_free(q->call);
}

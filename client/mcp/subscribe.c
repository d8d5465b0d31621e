/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "report.h"
#include "resources.h"
#include "subscribe.h"
#include "task-object.h"

#define META_SUBSCRIPTION "io.modelcontextprotocol/subscriptionId"
#define ITEMS_MAX 64 /* of a subscription */

/* What is watched: a resource, or a task. */
typedef struct Item {
        Subscription *subscription; /* not owned */
        Watcher watcher;
        char *name;    /* a URI or an ID */
        bool is_task;
        bool of_end;   /* only the end is a change: output that grows is read again when somebody wants it */
        bool is_known; /* there was a record, with this state and progress */
        bool is_gone;  /* there never was one */
        bool is_due;   /* it changed before the client knew that it is subscribed */
        JobRecord record;
        Report *report;
} Item;

/* Either an exchange of its own, which stays unanswered, or one URI of a client with a handshake. It is acknowledged
 * when all jobs were looked up: nobody shall wait for what is not there. */
struct Subscription {
        Mcp *mcp;
        Subscription *next;
        json_object *id;    /* NULL: of a client with a handshake */
        Exchange *exchange; /* of such a client, until it is acknowledged; not owned */
        bool is_acknowledged;
        bool has_resources, has_tasks; /* the client named some, or none of them */
        Item *items;
        size_t n;
};

/* ---- Notifications ---- */

static json_object *new_params(const Subscription *s) {
        _cleanup_json_ json_object *params = json_object_new_object();
        json_object *meta;

        if (!params)
                return NULL;
        if (!s->id)
                return TAKE_PTR(params);
        meta = json_object_new_object();
        if (json_add(params, "_meta", meta) < 0 || json_add(meta, META_SUBSCRIPTION, json_object_get(s->id)) < 0)
                return NULL;
        return TAKE_PTR(params);
}

static void notify_resource(const Item *item) {
        json_object *params = new_params(item->subscription);

        if (params && json_add_string(params, "uri", item->name) >= 0)
                mcp_notify(item->subscription->mcp, "notifications/resources/updated", params, false);
        else {
                (void) json_object_put(params);
                mcp_fail(item->subscription->mcp, -ENOMEM);
        }
}

/* Takes the result of a task that has one. */
static void notify_task(const Item *item, json_object *result) {
        json_object *params = new_params(item->subscription);
        int r = params ? task_object_fill(params, &item->record, true, false) : -ENOMEM;

        if (r < 0)
                (void) json_object_put(result);
        else if (result)
                r = json_add(params, "result", result);
        if (r >= 0)
                mcp_notify(item->subscription->mcp, "notifications/tasks", params, false);
        else {
                (void) json_object_put(params);
                mcp_fail(item->subscription->mcp, r);
        }
}

static void on_report(json_object *structured, void *userdata) {
        Item *item = userdata;

        notify_task(item, report_result_of_task(structured));
        item->report = report_free(item->report);
}

static void task_changed(Item *item) {
        bool has_result = item->record.state == JOB_COMPLETED || item->record.state == JOB_FAILED;
        int r;

        if (!has_result) {
                notify_task(item, NULL);
                return;
        }
        item->report = report_free(item->report);
        r = report_new(item->subscription->mcp, &(const JobRecord *) { &item->record }, 1,
                       &(const ReportOptions) { .done = true, .bytes = REPORT_BYTES }, on_report, item, &item->report);
        if (r < 0)
                mcp_fail(item->subscription->mcp, r);
}

static void notify(Item *item) {
        item->is_due = false;
        if (item->is_task)
                task_changed(item);
        else
                notify_resource(item);
}

/* ---- The acknowledgement ---- */

static int append_names(const Subscription *s, bool of_tasks, json_object *names) {
        int r = 0;

        for (size_t i = 0; i < s->n && r >= 0; i++)
                if (s->items[i].is_task == of_tasks && !s->items[i].is_gone)
                        r = json_append(names, json_object_new_string(s->items[i].name));
        return r;
}

static int add_names(const Subscription *s, json_object *params) {
        json_object *acknowledged = json_object_new_object(), *names;
        int r;

        r = json_add(params, "notifications", acknowledged);
        if (r >= 0 && s->has_resources) {
                r = json_add(acknowledged, "resourceSubscriptions", names = json_object_new_array());
                if (r >= 0)
                        r = append_names(s, false, names);
        }
        if (r >= 0 && s->has_tasks) {
                r = json_add(acknowledged, "taskIds", names = json_object_new_array());
                if (r >= 0)
                        r = append_names(s, true, names);
        }
        return r;
}

static void acknowledge_listening(const Subscription *s) {
        _cleanup_json_ json_object *params = new_params(s);

        if (params && add_names(s, params) >= 0)
                mcp_notify(s->mcp, "notifications/subscriptions/acknowledged", TAKE_PTR(params), false);
        else
                mcp_fail(s->mcp, -ENOMEM);
}

static bool is_looked_up(const Subscription *s) {
        for (size_t i = 0; i < s->n; i++)
                if (!s->items[i].is_known && !s->items[i].is_gone)
                        return false;
        return true;
}

/* Once all jobs were looked up. Of a client with a handshake, one that is not there ends the subscription. */
static void acknowledge(Subscription *s) {
        if (s->is_acknowledged || !is_looked_up(s))
                return;
        if (s->exchange && s->items[0].is_gone) {
                resource_not_found(s->exchange, s->items[0].name);
                return;
        }
        s->is_acknowledged = true;
        if (s->exchange)
                exchange_answer(s->exchange, json_object_new_object());
        else
                acknowledge_listening(s);
        for (size_t i = 0; i < s->n; i++)
                if (s->items[i].is_due)
                        notify(&s->items[i]);
}

/* ---- Changes ---- */

static bool is_change(const Item *item, const JobRecord *record) {
        if (item->record.state != record->state)
                return !item->of_end || job_state_is_terminal(record->state);
        return !item->of_end && !streq(strempty(item->record.progress), strempty(record->progress));
}

/* The first record is not a change, except of a task, whose state the client does not know yet. */
static void on_changed(Watcher *watcher, const JobRecord *record, const sd_bus_error *error) {
        Item *item = CONTAINER_OF(watcher, Item, watcher);
        bool changed;

        if (error) { /* it was removed, or there never was one */
                item->is_gone = !item->is_known;
                acknowledge(item->subscription);
                return;
        }
        changed = item->is_known ? is_change(item, record) : item->is_task;
        item->is_known = true;
        job_record_clear(&item->record);
        if (job_record_copy(record, &item->record) < 0) {
                mcp_fail(item->subscription->mcp, -ENOMEM);
                return;
        }
        item->is_due |= changed;
        if (!item->subscription->is_acknowledged)
                acknowledge(item->subscription);
        else if (changed)
                notify(item);
}

/* ---- Subscriptions ---- */

static void subscription_free(void *userdata) {
        Subscription *s = userdata;

        for (Subscription **p = &s->mcp->subscriptions; *p; p = &(*p)->next)
                if (*p == s) {
                        *p = s->next;
                        break;
                }
        s->mcp->n_subscriptions--;
        s->mcp->n_listening -= s->id != NULL;
        for (size_t i = 0; i < s->n; i++) {
                watch_remove(&s->items[i].watcher);
                (void) report_free(s->items[i].report);
                job_record_clear(&s->items[i].record);
                free(s->items[i].name);
        }
        free(s->items);
        (void) json_object_put(s->id);
        free(s);
}

void subscriptions_clear(Mcp *mcp) {
        while (mcp->subscriptions)
                subscription_free(mcp->subscriptions);
}

static int subscription_new(Mcp *mcp, json_object *id, size_t n, Subscription **ret) {
        Subscription *s = malloc(sizeof(Subscription));

        if (!s)
                return -ENOMEM;
        *s = (Subscription) { .mcp = mcp, .next = mcp->subscriptions, .id = json_object_get(id) };
        mcp->subscriptions = s;
        mcp->n_subscriptions++;
        mcp->n_listening += id != NULL;
        s->items = calloc(MAX(n, (size_t) 1), sizeof(Item));
        if (!s->items) {
                subscription_free(s);
                return -ENOMEM;
        }
        *ret = s;
        return 0;
}

/* Returns 1 if it was added, 0 if there is no such job or resource. */
static int add_item(Subscription *s, const char *name, bool is_task) {
        ResourceName resource;
        Item *item = &s->items[s->n];
        int r;

        if (is_task ? !job_id_is_valid(name) : !resource_name_read(name, &resource))
                return 0;
        *item = (Item) { .subscription = s, .name = strdup(name), .is_task = is_task, .record = JOB_RECORD_INIT };
        item->of_end = !is_task && resource.kind != RESOURCE_RECORD;
        item->watcher = (Watcher) { .changed = on_changed, .progress = !item->of_end };
        if (!item->name)
                return -ENOMEM;
        s->n++;
        r = watch_add(s->mcp->watch, is_task ? name : resource.id, &item->watcher);
        return r < 0 ? r : 1;
}

static bool is_full(Exchange *x) {
        if (x->mcp->n_subscriptions < SUBSCRIPTIONS_MAX)
                return false;
        exchange_fail(x, CODE_INTERNAL, "There are %u subscriptions: end one of them", SUBSCRIPTIONS_MAX);
        return true;
}

/* ---- With a handshake ---- */

static Subscription *find_subscription(Mcp *mcp, const char *uri) {
        for (Subscription *s = mcp->subscriptions; s; s = s->next)
                if (!s->id && s->n > 0 && streq(s->items[0].name, uri))
                        return s;
        return NULL;
}

/* Without an acknowledgement, there is no subscription. */
static void exchange_ended(void *userdata) {
        Subscription *s = userdata;

        s->exchange = NULL;
        if (!s->is_acknowledged)
                subscription_free(s);
}

int resources_subscribe(Exchange *x, json_object *params) {
        const char *uri = json_text(params, "uri");
        Subscription *s;
        int r;

        if (!uri) {
                exchange_fail(x, CODE_PARAMS, "Missing uri");
                return 0;
        }
        if (find_subscription(x->mcp, uri)) {
                exchange_answer(x, json_object_new_object());
                return 0;
        }
        if (is_full(x))
                return 0;
        r = subscription_new(x->mcp, NULL, 1, &s);
        if (r < 0)
                return r;
        s->exchange = x;
        exchange_set_work(x, s, exchange_ended);
        r = add_item(s, uri, false);
        if (r == 0)
                resource_not_found(x, uri);
        return MIN(r, 0);
}

int resources_unsubscribe(Exchange *x, json_object *params) {
        const char *uri = json_text(params, "uri");
        Subscription *s = uri ? find_subscription(x->mcp, uri) : NULL;

        if (s && s->exchange)
                exchange_answer(s->exchange, json_object_new_object());
        else if (s)
                subscription_free(s);
        exchange_answer(x, json_object_new_object());
        return 0;
}

/* ---- subscriptions/listen ---- */

/* Those of a list that may be there. */
static int add_items(Subscription *s, json_object *names, bool is_task) {
        int r = 0;

        for (size_t i = 0; names && i < json_object_array_length(names) && r >= 0; i++) {
                json_object *name = json_object_array_get_idx(names, i);

                if (json_object_is_type(name, json_type_string))
                        r = add_item(s, json_object_get_string(name), is_task);
        }
        return r;
}

static int listen_begin(Subscription *s, json_object *filter) {
        json_object *resources = json_member(filter, "resourceSubscriptions", json_type_array);
        json_object *tasks = json_member(filter, "taskIds", json_type_array);
        int r;

        s->has_resources = resources;
        s->has_tasks = tasks;
        r = add_items(s, resources, false);
        if (r >= 0)
                r = add_items(s, tasks, true);
        if (r >= 0)
                acknowledge(s);
        return MIN(r, 0);
}

/* It is answered by nothing: it ends when the client cancels it. */
int subscriptions_listen(Exchange *x, json_object *params) {
        json_object *filter = json_member(params, "notifications", json_type_object);
        size_t n_tasks = json_length(filter, "taskIds"), n = n_tasks + json_length(filter, "resourceSubscriptions");
        Subscription *s;
        int r;

        if (!filter) {
                exchange_fail(x, CODE_PARAMS, "Missing notifications");
                return 0;
        }
        if (n_tasks > 0 && !x->tasks)
                return exchange_fail_capability(x);
        if (n > ITEMS_MAX) {
                exchange_fail(x, CODE_PARAMS, "A subscription is limited to %u resources and tasks", ITEMS_MAX);
                return 0;
        }
        if (is_full(x))
                return 0;
        r = subscription_new(x->mcp, x->id, n, &s);
        if (r < 0)
                return r;
        exchange_set_work(x, s, subscription_free);
        return listen_begin(s, filter);
}

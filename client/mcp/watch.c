/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "bus-names.h"
#include "watch.h"

#define SIGNAL_RULE "type='signal',sender='" JOBS_BUS_NAME "',path_namespace='" JOBS_PATH "'"
#define REST_USEC USEC_PER_SEC /* the progress of a job is read at most that often */

/* An entry of the table. Two may turn out to be the same job, if one was given by a prefix. */
struct WatchedJob {
        Watch *watch;
        LIST_ENTRY(WatchedJob) entry;
        char *id; /* as given, until it was read */
        JobRecord record;
        Call *call;
        bool again; /* its reply may be outdated */
        bool busy;  /* watchers are being notified: it is not freed */
        sd_event_source *rest; /* after the progress was read; enabled: it is to be read again then */
        LIST_HEAD(, Watcher) watchers;
};

struct Watch {
        Client *client; /* not owned */
        LIST_HEAD(, WatchedJob) jobs;
        size_t n_watchers;
};

static void job_read(WatchedJob *job);

/* ---- The table ---- */

static WatchedJob *job_free(WatchedJob *job) {
        LIST_REMOVE(job, entry);
        (void) call_free(job->call);
        (void) sd_event_source_disable_unref(job->rest);
        job_record_clear(&job->record);
        free(job->id);
        free(job);
        return NULL;
}

static int job_new(Watch *w, const char *id, WatchedJob **ret) {
        WatchedJob *job = malloc(sizeof(WatchedJob));

        if (!job)
                return -ENOMEM;
        *job = (WatchedJob) { .watch = w, .id = strdup(id), .record = JOB_RECORD_INIT };
        if (!job->id) {
                free(job);
                return -ENOMEM;
        }
        LIST_INSERT_HEAD(&w->jobs, job, entry);
        *ret = job;
        return 0;
}

static WatchedJob *find_job(Watch *w, const char *id) {
        WatchedJob *job;

        LIST_FOREACH(job, &w->jobs, entry)
                if (streq(job->id, id))
                        return job;
        return NULL;
}

void watch_remove(Watcher *watcher) {
        WatchedJob *job = watcher->job;

        if (!job)
                return;
        LIST_REMOVE(watcher, entry);
        watcher->job = NULL;
        job->watch->n_watchers--;
        if (LIST_EMPTY(&job->watchers) && !job->busy)
                (void) job_free(job);
}

int watch_add(Watch *w, const char *id, Watcher *watcher) {
        WatchedJob *job = find_job(w, id);
        int r;

        if (w->n_watchers >= WATCHERS_MAX)
                return -E2BIG;
        if (!job) {
                r = job_new(w, id, &job);
                if (r < 0)
                        return r;
        }
        watcher->job = job;
        LIST_INSERT_HEAD(&job->watchers, watcher, entry);
        w->n_watchers++;
        job_read(job);
        return 0;
}

/* ---- Reading ---- */

/* Watchers may be removed by each other, and the job with them. */
static void notify(WatchedJob *job, const sd_bus_error *error) {
        Watcher *watcher;

        job->busy = true;
        LIST_FOREACH(watcher, &job->watchers, entry)
                watcher->due = true;
        for (;;) {
                LIST_FOREACH(watcher, &job->watchers, entry)
                        if (watcher->due)
                                break;
                if (!watcher)
                        break;
                watcher->due = false;
                if (error)
                        watch_remove(watcher);
                watcher->changed(watcher, error ? NULL : &job->record, error);
        }
        job->busy = false;
        if (LIST_EMPTY(&job->watchers))
                (void) job_free(job);
        else if (job->again)
                job_read(job);
}

static int take_record(WatchedJob *job, sd_bus_message *reply) {
        JobRecord record = JOB_RECORD_INIT;
        char *id;
        int r;

        r = job_record_read(reply, &record);
        if (r < 0) {
                job_record_clear(&record);
                return r;
        }
        if (!streq(job->id, record.id)) {
                id = strdup(record.id);
                if (!id) {
                        job_record_clear(&record);
                        return -ENOMEM;
                }
                free(job->id);
                job->id = id;
                job->again |= !job_state_is_terminal(record.state); /* its signal may have been ignored */
        }
        job_record_clear(&job->record);
        job->record = record;
        return 0;
}

static void on_got(sd_bus_message *reply, const sd_bus_error *error, void *userdata) {
        WatchedJob *job = userdata;
        int r;

        job->call = call_free(job->call);
        r = error ? 0 : take_record(job, reply);
        if (r < 0)
                client_stop(job->watch->client, r, NULL);
        else
                notify(job, error);
}

static void job_read(WatchedJob *job) {
        int r;

        job->again = job->call || job->busy;
        if (job->again)
                return;
        r = call_new(job->watch->client, &job->call, CALL_PATIENT, "Get", append_string, job->id, on_got, job);
        if (r < 0)
                client_stop(job->watch->client, r, NULL);
}

static int on_rested(sd_event_source *s, uint64_t usec, void *userdata) {
        job_read(userdata);
        return 0;
}

/* Something about an unfinished job changed. Of much that does soon, the last is read. */
static void job_touch(WatchedJob *job) {
        bool wanted = job->record.state != JOB_RUNNING;
        const Watcher *watcher;
        int r;

        LIST_FOREACH(watcher, &job->watchers, entry)
                wanted |= watcher->progress;
        if (!wanted)
                return;
        if (job->rest) {
                int enabled;

                if (sd_event_source_get_enabled(job->rest, &enabled) >= 0 && enabled != SD_EVENT_OFF)
                        return;
                r = sd_event_source_set_time_relative(job->rest, REST_USEC);
                if (r >= 0)
                        r = sd_event_source_set_enabled(job->rest, SD_EVENT_ONESHOT);
        } else {
                job_read(job);
                r = sd_event_add_time_relative(client_event(job->watch->client), &job->rest, CLOCK_MONOTONIC, REST_USEC,
                                               0, on_rested, job);
                if (r >= 0)
                        r = sd_event_source_set_enabled(job->rest, SD_EVENT_OFF);
        }
        if (r < 0)
                client_stop(job->watch->client, r, NULL);
}

/* ---- Signals ---- */

static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        bool finished = sd_bus_message_is_signal(m, JOBS_INTERFACE, "JobFinished");
        _cleanup_free_ char *decoded = NULL;
        const char *id = NULL;
        Watch *w = userdata;
        WatchedJob *job, *next;

        if (finished) {
                if (sd_bus_message_read_basic(m, 's', &id) < 0)
                        return 0;
        } else if (!sd_bus_message_is_signal(m, "org.freedesktop.DBus.Properties", "PropertiesChanged") ||
                   sd_bus_path_decode(sd_bus_message_get_path(m), JOB_PATH_PREFIX, &decoded) <= 0)
                return 0;
        id = id ?: decoded;
        if (!id)
                return 0;
        for (job = LIST_FIRST(&w->jobs); job; job = next) {
                next = LIST_NEXT(job, entry);
                if (!streq(job->id, id) || job_state_is_terminal(job->record.state))
                        continue;
                if (finished)
                        job_read(job);
                else
                        job_touch(job);
        }
        return 0;
}

static void on_missed(void *userdata) {
        Watch *w = userdata;
        WatchedJob *job;

        LIST_FOREACH(job, &w->jobs, entry)
                if (!job_state_is_terminal(job->record.state))
                        job_read(job);
}

/* ---- The object ---- */

int watch_new(Client *c, Watch **ret) {
        _cleanup_(watch_freep) Watch *w = malloc(sizeof(Watch));
        int r;

        if (!w)
                return -ENOMEM;
        *w = (Watch) { .client = c };
        r = client_match(c, SIGNAL_RULE, on_signal, w);
        if (r >= 0)
                r = client_watch_service(c, on_missed, w);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(w);
        return 0;
}

Watch *watch_free(Watch *w) {
        if (!w)
                return NULL;
        while (!LIST_EMPTY(&w->jobs))
                (void) job_free(LIST_FIRST(&w->jobs));
        free(w);
        return NULL;
}

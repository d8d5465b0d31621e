/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "hold.h"
#include "own-job.h"
#include "render.h"
#include "text-new.h"
#include "time-util.h"

#define GRACE_USEC (4 * USEC_PER_SEC)     /* for the states, if the time is up before they are known */
#define PROGRESS_USEC (5 * USEC_PER_SEC)  /* between notifications */
#define PROGRESS_MIN_USEC USEC_PER_SEC    /* if the progress of a job changes sooner */

typedef struct HeldJob {
        Watcher watcher;
        Hold *hold;
        JobRecord record;
        bool known;
} HeldJob;

struct Hold {
        Exchange *exchange; /* not owned */
        HoldOptions options;
        HeldJob *jobs;
        size_t n;
        bool late; /* the time is up */
        sd_event_source *deadline;
        sd_event_source *tick; /* NULL: no notifications */
        uint64_t begun_usec, notified_usec; /* CLOCK_MONOTONIC */
};

/* ---- The end ---- */

bool hold_is_known(const Hold *h) {
        for (size_t i = 0; i < h->n; i++)
                if (!h->jobs[i].known)
                        return false;
        return true;
}

bool hold_is_done(const Hold *h) {
        size_t ended = 0;

        for (size_t i = 0; i < h->n; i++)
                ended += h->jobs[i].known && job_state_is_terminal(h->jobs[i].record.state);
        return h->options.any ? ended > 0 : ended == h->n;
}

/* Inside of a job a wait for that job never ends; with options.any, one for others may. */
static bool hold_is_endless(const Hold *h) {
        size_t blocked = 0;

        for (size_t i = 0; i < h->n; i++)
                blocked += h->jobs[i].known && own_job_blocks(&h->jobs[i].record);
        return h->options.any ? blocked == h->n : blocked > 0;
}

static void hold_over(Hold *h, const sd_bus_error *error) {
        for (size_t i = 0; i < h->n; i++)
                watch_remove(&h->jobs[i].watcher);
        h->deadline = sd_event_source_disable_unref(h->deadline);
        h->tick = sd_event_source_disable_unref(h->tick);
        h->options.over(h, error, h->options.userdata);
}

static int on_deadline(sd_event_source *s, uint64_t usec, void *userdata) {
        Hold *h = userdata;
        bool again = h->late;
        int r;

        h->late = true;
        if (again || hold_is_known(h)) {
                hold_over(h, NULL);
                return 0;
        }
        r = sd_event_source_set_time_relative(s, GRACE_USEC);
        if (r >= 0)
                r = sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
        if (r < 0)
                mcp_fail(h->exchange->mcp, r);
        return 0;
}

/* ---- Progress ---- */

static const JobRecord *first_unfinished(const Hold *h) {
        for (size_t i = 0; i < h->n; i++)
                if (h->jobs[i].known && !job_state_is_terminal(h->jobs[i].record.state))
                        return &h->jobs[i].record;
        return NULL;
}

/* How long the wait has lasted grows, as the number must. */
static int make_progress(Hold *h, uint64_t now, json_object *params) {
        const JobRecord *record = first_unfinished(h);
        _cleanup_free_ char *activity = record ? render_activity(record) : NULL;
        _cleanup_free_ char *text = activity ? text_new("%s %s", record->id, activity) : NULL;
        double seconds = (double) (now - h->begun_usec) / (double) USEC_PER_SEC;
        int r;

        if (record && !text)
                return -ENOMEM;
        r = json_add(params, "progressToken", json_object_get(h->exchange->token));
        if (r >= 0)
                r = json_add(params, "progress", json_object_new_double(seconds));
        return r < 0 || !text ? r : json_add_clean_line(params, "message", text);
}

static void send_progress(Hold *h) {
        _cleanup_json_ json_object *params = json_object_new_object();
        uint64_t now = now_monotonic();
        int r = params ? make_progress(h, now, params) : -ENOMEM;

        h->notified_usec = now;
        if (r >= 0)
                mcp_notify(h->exchange->mcp, "notifications/progress", TAKE_PTR(params), true);
        if (r >= 0)
                r = sd_event_source_set_time_relative(h->tick, PROGRESS_USEC);
        if (r >= 0)
                r = sd_event_source_set_enabled(h->tick, SD_EVENT_ONESHOT);
        if (r < 0)
                mcp_fail(h->exchange->mcp, r);
}

static int on_tick(sd_event_source *s, uint64_t usec, void *userdata) {
        send_progress(userdata);
        return 0;
}

static void progress_changed(Hold *h) {
        uint64_t due = h->notified_usec + PROGRESS_MIN_USEC;
        int r;

        if (!h->tick)
                return;
        if (now_monotonic() >= due) {
                send_progress(h);
                return;
        }
        r = sd_event_source_set_time(h->tick, due);
        if (r < 0)
                mcp_fail(h->exchange->mcp, r);
}

/* ---- Jobs ---- */

static bool differs(const JobRecord *a, const JobRecord *b) {
        return a->state != b->state || !streq(strempty(a->progress), strempty(b->progress));
}

static void on_changed(Watcher *watcher, const JobRecord *record, const sd_bus_error *error) {
        _cleanup_(sd_bus_error_free) sd_bus_error endless = SD_BUS_ERROR_NULL;
        HeldJob *job = CONTAINER_OF(watcher, HeldJob, watcher);
        Hold *h = job->hold;
        bool changed = !error && job->known && differs(&job->record, record);
        int r;

        if (error) {
                hold_over(h, error);
                return;
        }
        job_record_clear(&job->record);
        r = job_record_copy(record, &job->record);
        if (r < 0) {
                mcp_fail(h->exchange->mcp, r);
                return;
        }
        job->known = true;
        if (h->options.usec > 0 && hold_is_endless(h)) {
                (void) own_job_check(&job->record, &endless);
                hold_over(h, &endless);
        } else if (hold_is_known(h) && (hold_is_done(h) || h->late))
                hold_over(h, NULL);
        else if (changed)
                progress_changed(h);
}

/* ---- The object ---- */

static int add_timers(Hold *h) {
        int r = 0;

        h->begun_usec = h->notified_usec = now_monotonic();
        h->late = h->options.usec == 0;
        if (h->options.usec != USEC_INFINITY)
                r = sd_event_add_time_relative(h->exchange->mcp->event, &h->deadline, CLOCK_MONOTONIC,
                                               h->late ? GRACE_USEC : h->options.usec, USEC_PER_MSEC, on_deadline, h);
        if (r >= 0 && h->exchange->token)
                r = sd_event_add_time_relative(h->exchange->mcp->event, &h->tick, CLOCK_MONOTONIC, PROGRESS_USEC,
                                               USEC_PER_MSEC, on_tick, h);
        return r;
}

static int add_jobs(Hold *h, const char *const *ids, size_t n) {
        int r;

        for (; h->n < n; h->n++) {
                HeldJob *job = &h->jobs[h->n];

                *job = (HeldJob) { .hold = h, .record = JOB_RECORD_INIT };
                job->watcher = (Watcher) { .changed = on_changed, .progress = h->exchange->token };
                job->record.id = strdup(ids[h->n]);
                if (!job->record.id)
                        return -ENOMEM;
                r = watch_add(h->exchange->mcp->watch, ids[h->n], &job->watcher);
                if (r < 0) {
                        job_record_clear(&job->record);
                        return r;
                }
        }
        return 0;
}

int hold_new(Exchange *x, const char *const *ids, size_t n, const HoldOptions *options, Hold **ret) {
        _cleanup_(hold_freep) Hold *h = malloc(sizeof(Hold));
        int r;

        if (!h)
                return -ENOMEM;
        *h = (Hold) { .exchange = x, .options = *options, .jobs = calloc(n, sizeof(HeldJob)) };
        if (!h->jobs)
                return -ENOMEM;
        r = add_timers(h);
        if (r >= 0)
                r = add_jobs(h, ids, n);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(h);
        return 0;
}

Hold *hold_free(Hold *h) {
        if (!h)
                return NULL;
        for (size_t i = 0; i < h->n; i++) {
                watch_remove(&h->jobs[i].watcher);
                job_record_clear(&h->jobs[i].record);
        }
        free(h->jobs);
        (void) sd_event_source_disable_unref(h->deadline);
        (void) sd_event_source_disable_unref(h->tick);
        free(h);
        return NULL;
}

size_t hold_count(const Hold *h) {
        return h->n;
}

const JobRecord *hold_record(const Hold *h, size_t i) {
        return &h->jobs[i].record;
}

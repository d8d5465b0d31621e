/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "bus-names.h"
#include "live.h"
#include "own-queue.h"
#include "progress.h"
#include "render.h"
#include "say.h"
#include "text-new.h"
#include "time-util.h"

#define INTERVAL_USEC (3 * USEC_PER_SEC)
#define LIVE_INTERVAL_USEC (200 * USEC_PER_MSEC)

typedef struct Followed {
        char *id;
        char *path;
        char *shown; /* the last progress text that was shown */
        bool touched; /* it changed, and was not read since */
} Followed;

struct Progress {
        Client *client; /* not owned */
        Wait *wait;     /* not owned */
        Followed *jobs;
        size_t n_jobs;
        const Followed *latest; /* the last one that was shown; NULL: none */
        QueueQuestion why;      /* some do not start */
        bool asked_why;
        uint64_t begun_usec;
        bool live;
        bool subscribed;
        bool resting; /* something was shown within the interval */
        sd_event_source *timer;
};

static Followed *find_job(Progress *p, const char *id) {
        for (size_t i = 0; i < p->n_jobs; i++)
                if (streq(p->jobs[i].id, id))
                        return &p->jobs[i];
        return NULL;
}

static void read_touched(Progress *p) {
        for (size_t i = 0; i < p->n_jobs; i++) {
                if (!p->jobs[i].touched)
                        continue;
                p->jobs[i].touched = false;
                wait_refresh(p->wait, p->jobs[i].id);
        }
}

static int on_rested(sd_event_source *s, uint64_t usec, void *userdata) {
        Progress *p = userdata;

        p->resting = false;
        read_touched(p);
        return 0;
}

static void rest(Progress *p) {
        uint64_t usec = p->live ? LIVE_INTERVAL_USEC : INTERVAL_USEC;

        p->timer = sd_event_source_disable_unref(p->timer);
        p->resting = sd_event_add_time_relative(client_event(p->client), &p->timer, CLOCK_MONOTONIC, usec, usec / 30,
                                                on_rested, p) >= 0;
}

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const char *path = sd_bus_message_get_path(m);
        Progress *p = userdata;

        for (size_t i = 0; i < p->n_jobs; i++)
                if (path && streq(p->jobs[i].path, path))
                        p->jobs[i].touched = true;
        if (!p->resting)
                read_touched(p);
        return 0;
}

/* One job has a subscription of its own; for several, one for all jobs is cheaper for the bus. */
static int subscribe(Progress *p, const Followed *job) {
        _cleanup_free_ char *rule = NULL;
        bool single = wait_count(p->wait) == 1;

        if (p->subscribed)
                return 0;
        p->subscribed = true;
        rule = text_new("type='signal',sender='" JOBS_BUS_NAME "',%s='%s',"
                        "interface='org.freedesktop.DBus.Properties',member='PropertiesChanged'",
                        single ? "path" : "path_namespace", single ? job->path : JOB_PATH_PREFIX);
        if (!rule)
                return -ENOMEM;
        return client_match(p->client, rule, on_changed, p);
}

int progress_follow(Progress *p, const char *id) {
        Followed *job = &p->jobs[p->n_jobs];
        int r;

        *job = (Followed) { .id = strdup(id) };
        if (!job->id)
                return -ENOMEM;
        r = sd_bus_path_encode(JOB_PATH_PREFIX, id, &job->path);
        if (r < 0) {
                free(job->id);
                return r;
        }
        p->n_jobs++;
        return subscribe(p, job);
}

static int say_waiting(const JobRecord *record) {
        _cleanup_free_ char *text = render_activity(record);

        if (!text)
                return -ENOMEM;
        say("Waiting for %s: %s", record->id, text);
        return 0;
}

/* Shows the activity when the wait starts; not counted as progress. */
static int begin(Progress *p, const JobRecord *record) {
        Followed *job;
        int r;

        r = progress_follow(p, record->id);
        if (r >= 0 && !p->live)
                r = say_waiting(record);
        if (r < 0)
                return r;
        job = find_job(p, record->id);
        job->shown = strdup(strempty(record->progress));
        if (!job->shown)
                return -ENOMEM;
        if (p->asked_why || !own_queue_delays(record))
                return 0;
        p->asked_why = true;
        return queue_question_ask(&p->why, p->client);
}

static int show_progress(Progress *p, Followed *job, const JobRecord *record) {
        const char *text = strempty(record->progress);
        char *copy;

        if (streq(strempty(job->shown), text))
                return 0;
        if (p->resting) {
                job->touched = true;
                return 0;
        }
        copy = strdup(text);
        if (!copy)
                return -ENOMEM;
        free(job->shown);
        job->shown = copy;
        if (isempty(text))
                return 0;
        p->latest = job;
        if (!p->live)
                say("%s: %s", record->id, text);
        rest(p);
        return 0;
}

static void on_record(const JobRecord *record, void *userdata) {
        Progress *p = userdata;
        Followed *job = find_job(p, record->id);
        int r = 0;

        if (job_state_is_terminal(record->state))
                return;
        if (job)
                r = show_progress(p, job, record);
        else
                r = begin(p, record);
        if (r < 0)
                client_stop(p->client, r, NULL);
}

/* ---- The live line ---- */

static char *activity_text(const WaitedJob *job) {
        _cleanup_free_ char *activity = NULL;

        if (!job->complete)
                return strdup(job->id);
        activity = render_activity(&job->record);
        return activity ? text_new("%s %s", job->id, activity) : NULL;
}

static char *several_text(const Progress *p, size_t left) {
        bool has_text = p->latest && !isempty(p->latest->shown);
        uint64_t now = now_realtime();
        char duration[DURATION_MAX];

        (void) format_duration(now > p->begun_usec ? now - p->begun_usec : 0, duration);
        return text_new("Waiting for %zu of %zu jobs for %s%s%s%s%s", left, wait_count(p->wait), duration,
                        has_text ? ": " : "", has_text ? p->latest->id : "", has_text ? ": " : "",
                        has_text ? p->latest->shown : "");
}

static char *live_text(void *userdata, JobState *ret_state) {
        const WaitedJob *one = NULL;
        Progress *p = userdata;
        size_t left = 0;

        for (size_t i = 0; i < wait_count(p->wait); i++) {
                const WaitedJob *job = wait_job(p->wait, i);

                if (job_state_is_terminal(job->record.state))
                        continue;
                left++;
                one = job;
        }
        if (!one)
                return NULL;
        if (wait_count(p->wait) > 1) {
                *ret_state = JOB_RUNNING;
                return several_text(p, left);
        }
        *ret_state = one->record.state;
        if (!one->complete) /* it was enqueued just now, and may have begun before we listened */
                wait_refresh(p->wait, one->id);
        return activity_text(one);
}

/* ---- The object ---- */

int progress_new(Client *c, Wait *w, size_t n, uint64_t delay_usec, Progress **ret) {
        _cleanup_(progress_freep) Progress *p = NULL;

        p = malloc(sizeof(Progress));
        if (!p)
                return -ENOMEM;
        *p = (Progress) { .client = c, .wait = w, .jobs = calloc(n, sizeof(Followed)) };
        if (!p->jobs)
                return -ENOMEM;
        p->live = live_is_possible();
        p->begun_usec = now_realtime();
        if (p->live) {
                int r = live_begin(client_event(c), delay_usec, live_text, p);

                if (r < 0)
                        return r;
        }
        wait_on_record(w, on_record, p);
        *ret = TAKE_PTR(p);
        return 0;
}

Progress *progress_free(Progress *p) {
        if (!p)
                return NULL;
        live_end();
        wait_on_record(p->wait, NULL, NULL);
        for (size_t i = 0; i < p->n_jobs; i++) {
                free(p->jobs[i].id);
                free(p->jobs[i].path);
                free(p->jobs[i].shown);
        }
        free(p->jobs);
        queue_question_clear(&p->why);
        (void) sd_event_source_disable_unref(p->timer);
        free(p);
        return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "bus-names.h"
#include "job-id.h"
#include "own-job.h"
#include "wait.h"

#define FINISHED_RULE                                                                                          \
        "type='signal',sender='" JOBS_BUS_NAME "',path='" JOBS_PATH "',interface='" JOBS_INTERFACE             \
        "',member='JobFinished'"

struct Wait {
        Client *client; /* not owned */
        WaitOptions options;
        bool narrow; /* subscribed to options.only alone */
        WaitedJob *jobs;
        size_t n_jobs;
        size_t n_ended;
        sd_event_source *poll;
        void (*on_record)(const JobRecord *record, void *userdata);
        void *on_record_userdata;
};

static void job_read_state(WaitedJob *job);

static void wait_fail(Wait *w, int r, const sd_bus_error *error) {
        client_stop(w->client, r, error);
}

static bool job_has_ended(const WaitedJob *job) {
        return job_state_is_terminal(job->record.state);
}

/* ---- Replies and signals of the service ---- */

/* The subscription was for an ID that turned out to be a prefix. */
static int widen(Wait *w);

/* Inside of a job a wait for that job never ends; with options.any, one for others may. */
static bool is_endless(const Wait *w, const WaitedJob *job) {
        if (!w->options.any)
                return own_job_blocks(&job->record);
        for (size_t i = 0; i < w->n_jobs; i++)
                if (!own_job_blocks(&w->jobs[i].record))
                        return false;
        return true;
}

static void refuse_endless(const WaitedJob *job) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = own_job_check(&job->record, &error);

        wait_fail(job->wait, r, &error);
}

static int job_take_record(WaitedJob *job, JobRecord *record) {
        Wait *w = job->wait;
        bool other = !streq(job->id, record->id);
        char *id;

        if (other) {
                id = strdup(record->id);
                if (!id)
                        return -ENOMEM;
                free(job->id);
                job->id = id;
        }
        job->resolved = true;
        job_record_clear(&job->record);
        job->record = *record;
        *record = JOB_RECORD_INIT;
        job->complete = true;
        if (is_endless(w, job)) {
                refuse_endless(job);
                return 0;
        }
        if (job_has_ended(job)) {
                job->await = call_free(job->await);
                job->call = call_free(job->call);
                w->n_ended++;
        }
        if (w->on_record)
                w->on_record(&job->record, w->on_record_userdata);
        if (other && w->narrow && !job_has_ended(job)) {
                job->again = true;
                return widen(w);
        }
        return 0;
}

static void on_got(sd_bus_message *reply, const sd_bus_error *error, void *userdata) {
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        WaitedJob *job = userdata;
        int r;

        job->call = call_free(job->call);
        if (error) {
                wait_fail(job->wait, -EREMOTEIO, error);
                return;
        }
        r = job_record_read(reply, &record);
        if (r >= 0)
                r = job_take_record(job, &record);
        if (r < 0) {
                wait_fail(job->wait, r, NULL);
                return;
        }
        if (job->again)
                job_read_state(job);
}

static void job_read_state(WaitedJob *job) {
        int r;

        if (job_has_ended(job))
                return;
        if (job->call) {
                job->again = true;
                return;
        }
        job->again = false;
        r = call_new(job->wait->client, &job->call, CALL_PATIENT, "Get", append_string, job->id, on_got, job);
        if (r < 0)
                wait_fail(job->wait, r, NULL);
}

/* Where it is refused, as beyond the number of calls that a user may have waiting, the signal is waited for alone. */
static void on_awaited(sd_bus_message *reply, const sd_bus_error *error, void *userdata) {
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        WaitedJob *job = userdata;
        int r;

        job->await = call_free(job->await);
        if (error) {
                job_read_state(job);
                return;
        }
        r = sd_bus_message_skip(reply, "si");
        if (r >= 0)
                r = job_record_read(reply, &record);
        if (r >= 0)
                r = job_take_record(job, &record);
        if (r < 0)
                wait_fail(job->wait, r, NULL);
}

static int append_await(sd_bus_message *m, void *id) {
        return sd_bus_message_append(m, "st", id, UINT64_MAX);
}

static int on_finished(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Wait *w = userdata;
        const char *id;
        int r;

        r = sd_bus_message_read_basic(m, 's', &id);
        if (r < 0)
                return 0; /* not of the service */
        for (size_t i = 0; i < w->n_jobs; i++)
                if (w->jobs[i].resolved && streq(w->jobs[i].id, id) && !job_has_ended(&w->jobs[i]) && !w->jobs[i].await)
                        job_read_state(&w->jobs[i]);
        return 0;
}

static void on_changed(void *userdata) {
        wait_refresh(userdata, NULL);
}

static int widen(Wait *w) {
        w->narrow = false;
        return client_match(w->client, FINISHED_RULE, on_finished, w);
}

/* ---- The wait ---- */

static int on_poll(sd_event_source *s, uint64_t usec, void *userdata) {
        Wait *w = userdata;
        int r;

        wait_refresh(w, NULL);
        r = sd_event_source_set_time_relative(s, w->options.poll_usec);
        if (r >= 0)
                r = sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
        if (r < 0)
                wait_fail(w, r, NULL);
        return 0;
}

static int subscribe(Wait *w, const char *only) {
        char rule[sizeof(FINISHED_RULE) + sizeof(",arg0=''") + JOB_ID_MAX];

        if (!only || !job_id_is_valid(only))
                return client_match(w->client, FINISHED_RULE, on_finished, w);
        w->narrow = true;
        (void) snprintf(rule, sizeof(rule), FINISHED_RULE ",arg0='%s'", only);
        return client_match(w->client, rule, on_finished, w);
}

int wait_new(Client *c, const WaitOptions *options, Wait **ret) {
        _cleanup_(wait_freep) Wait *w = NULL;
        int r;

        w = malloc(sizeof(Wait));
        if (!w)
                return -ENOMEM;
        *w = (Wait) { .client = c, .options = *options };
        w->options.only = NULL;
        r = subscribe(w, options->only);
        if (r < 0)
                return r;
        if (options->poll_usec > 0) {
                r = sd_event_add_time_relative(client_event(c), &w->poll, CLOCK_MONOTONIC, options->poll_usec,
                                               USEC_PER_MSEC, on_poll, w);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(w);
        return 0;
}

Wait *wait_free(Wait *w) {
        if (!w)
                return NULL;
        for (size_t i = 0; i < w->n_jobs; i++) {
                (void) call_free(w->jobs[i].await);
                (void) call_free(w->jobs[i].call);
                job_record_clear(&w->jobs[i].record);
                free(w->jobs[i].id);
        }
        free(w->jobs);
        (void) sd_event_source_disable_unref(w->poll);
        free(w);
        return NULL;
}

int wait_reserve(Wait *w, size_t n) {
        w->jobs = calloc(n, sizeof(WaitedJob));
        return w->jobs ? 0 : -ENOMEM;
}

static WaitedJob *append_job(Wait *w, const char *id) {
        WaitedJob *job = &w->jobs[w->n_jobs];

        *job = (WaitedJob) { .wait = w, .record = JOB_RECORD_INIT, .id = strdup(id) };
        if (!job->id)
                return NULL;
        w->n_jobs++;
        return job;
}

int wait_add(Wait *w, const char *id) {
        WaitedJob *job = append_job(w, id);

        if (!job)
                return -ENOMEM;
        job_read_state(job);
        return 0;
}

int wait_add_new(Wait *w, const char *id) {
        WaitedJob *job = append_job(w, id);

        if (!job)
                return -ENOMEM;
        job->resolved = true;
        return call_new(w->client, &job->await, CALL_PATIENT, "Await", append_await, job->id, on_awaited, job);
}

void wait_on_record(Wait *w, void (*on_record)(const JobRecord *record, void *userdata), void *userdata) {
        w->on_record = on_record;
        w->on_record_userdata = userdata;
}

void wait_refresh(Wait *w, const char *id) {
        for (size_t i = 0; i < w->n_jobs; i++)
                if (!id || (w->jobs[i].resolved && streq(w->jobs[i].id, id)))
                        job_read_state(&w->jobs[i]);
}

bool wait_is_over(const Wait *w) {
        return w->options.any ? w->n_ended > 0 : w->n_ended == w->n_jobs;
}

int wait_run(Wait *w, sd_bus_error *error) {
        int r;

        r = client_watch_service(w->client, on_changed, w);
        if (r < 0)
                return r;
        while (!wait_is_over(w)) {
                r = client_iterate(w->client, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

static bool wait_is_settled(const Wait *w) {
        for (size_t i = 0; i < w->n_jobs; i++)
                if (!w->jobs[i].complete)
                        return wait_is_over(w);
        return true;
}

int wait_settle(Wait *w, sd_bus_error *error) {
        int r;

        while (!wait_is_settled(w)) {
                r = client_iterate(w->client, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

size_t wait_count(const Wait *w) {
        return w->n_jobs;
}

const WaitedJob *wait_job(const Wait *w, size_t i) {
        return &w->jobs[i];
}

const WaitedJob *wait_first_ended(const Wait *w) {
        for (size_t i = 0; i < w->n_jobs; i++)
                if (job_has_ended(&w->jobs[i]))
                        return &w->jobs[i];
        return NULL;
}

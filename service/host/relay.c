/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* From the first request to the end of the job. Whatever breaks, the same things are asked again, and nothing that has happened
 * there happens again: the job is enqueued with a key, its output is read from where it was read to, and its end does not change. */

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>

#include "bus-names.h"
#include "relay.h"
#include "text-new.h"

#define PAUSE_MIN_USEC USEC_PER_SEC /* doubled with each failure, up to: */
#define PAUSE_MAX_USEC (60 * USEC_PER_SEC)
#define RELEASE_USEC (10 * USEC_PER_SEC)

/* --- what is shown --------------------------------------------------------------------------------- */

static void show(Relay *r, const char *text) {
        Link *l = &r->link;
        size_t n = MIN(strlen(text), sizeof(l->progress));

        if (n == l->progress_size && memcmp(text, l->progress, n) == 0)
                return;
        memcpy(l->progress, text, n);
        l->progress_size = n;
        l->progress_type = WORKER_PROGRESS;
        l->progress_due = true;
}

static void show_waiting(Relay *r, const char *why) {
        char text[WORKER_TEXT_MAX];

        (void) snprintf(text, sizeof(text), why ? "Waiting for %s: %s" : "Waiting for %s", r->far.host, why);
        (void) dprintf(r->journal, "%s\n", text);
        show(r, text);
}

static void show_record(Relay *r, const JobRecord *job) {
        char text[WORKER_TEXT_MAX];

        if (job->state == JOB_QUEUED) {
                (void) snprintf(text, sizeof(text), "Queued on %s: %s", r->far.host, strempty(job->wait_text));
                show(r, text);
        } else
                show(r, strempty(job->progress));
}

/* --- the job there --------------------------------------------------------------------------------- */

static uint64_t next_pause(Relay *r) {
        r->pause_usec = MIN(MAX(2 * r->pause_usec, PAUSE_MIN_USEC), PAUSE_MAX_USEC);
        return r->pause_usec;
}

static void on_failure(Relay *r, const sd_bus_error *error) {
        _cleanup_free_ char *why = error ? far_sentence(&r->far, error) : NULL;

        if (r->stage >= RELAY_SETTLED)
                return;
        if (error && sd_bus_error_has_name(error, JOBS_ERROR_NO_SUCH_JOB)) {
                outcome_as(r, WORKER_CAUSE_LOST, 0, 0, "the job was removed on the other host");
                return;
        }
        if (r->go_on_usec > 0 || r->far.broken)
                return;
        show_waiting(r, why);
        r->go_on_usec = monotonic_usec() + next_pause(r);
}

static void cancel(Relay *r) {
        (void) sd_bus_call_method_async(r->far.bus, NULL, JOBS_BUS_NAME, JOBS_PATH, JOBS_INTERFACE, "Cancel", NULL, NULL, "s", r->there);
}

static int on_record(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        _cleanup_job_record_ JobRecord job = JOB_RECORD_INIT;
        Relay *r = userdata;

        r->looking = false;
        if (sd_bus_message_get_error(reply) || job_record_read(reply, &job) < 0 || r->stage != RELAY_FOLLOWING)
                return 0;
        r->pause_usec = 0;
        show_record(r, &job);
        return 0;
}

static void look(Relay *r) {
        if (r->looking || !r->far.ready || r->stage != RELAY_FOLLOWING)
                return;
        r->look_again = false;
        r->looking = sd_bus_call_method_async(r->far.bus, NULL, JOBS_BUS_NAME, JOBS_PATH, JOBS_INTERFACE, "Get", on_record, r, "s",
                                              r->there) >= 0;
}

static int on_end(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        Relay *r = userdata;

        r->awaited = false;
        if (r->stage != RELAY_FOLLOWING)
                return 0;
        if (error) { /* if the service there was restarted, it has forgotten who follows the output */
                on_failure(r, error);
                return 0;
        }
        job_record_clear(&r->record);
        if (sd_bus_message_skip(reply, "si") < 0 || job_record_read(reply, &r->record) < 0) {
                outcome_as(r, WORKER_CAUSE_LOST, 0, 0, RELAY_NONSENSE);
                return 0;
        }
        r->stage = RELAY_COPYING;
        show_record(r, &r->record);
        copy_start(r);
        return 0;
}

/* As long as it takes. */
static int await(Relay *r) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int error;

        error = sd_bus_message_new_method_call(r->far.bus, &m, JOBS_BUS_NAME, JOBS_PATH, JOBS_INTERFACE, "Await");
        if (error >= 0)
                error = sd_bus_message_append(m, "st", r->there, UINT64_MAX);
        return error < 0 ? error : sd_bus_call_async(r->far.bus, NULL, m, on_end, r, UINT64_MAX);
}

static void follow(Relay *r) {
        _cleanup_free_ char *rule = text_new("type='signal',sender='" JOBS_BUS_NAME "',path='%s',"
                                             "interface='org.freedesktop.DBus.Properties',member='PropertiesChanged'", r->path);

        if (r->stage == RELAY_FOLLOWING && !r->awaited) {
                if (rule)
                        (void) sd_bus_add_match_async(r->far.bus, NULL, rule, NULL, NULL, NULL);
                r->awaited = await(r) >= 0;
                if (r->stopping)
                        cancel(r);
        }
        if (r->stage == RELAY_COPYING)
                show_record(r, &r->record);
        copy_start(r);
        look(r);
}

static void on_accepted(Relay *r, const char *id, const char *path) {
        r->repeated = r->unsure > 1;
        r->pause_usec = 0;
        if (r->stage != RELAY_ASKING)
                return;
        r->there = strdup(id);
        r->path = strdup(path);
        if (!r->there || !r->path)
                exit(EXIT_STATUS_LOST); /* the service reaps */
        r->stage = RELAY_FOLLOWING;
        (void) snprintf(r->link.place, sizeof(r->link.place), "%.200s %s", r->far.host, id);
        r->link.place_due = true;
        show(r, "");
        follow(r);
}

/* A request before this one may have been accepted, or may yet be. */
static void on_refused(Relay *r, const sd_bus_error *error) {
        _cleanup_free_ char *why = far_sentence(&r->far, error);

        if (r->stage != RELAY_ASKING)
                return;
        if (sd_bus_error_has_name(error, JOBS_ERROR_KEY_CONFLICT))
                outcome_as(r, WORKER_CAUSE_LOST, 0, 0, "the other host knows this job with another command");
        else if (r->unsure > 0 || far_may_pass(error))
                on_failure(r, error);
        else if (r->stopping)
                outcome_stopped(r);
        else
                outcome_cannot(r, strempty(why));
}

static void go_on(Relay *r) {
        r->go_on_usec = 0;
        if (!r->far.ready)
                return;
        if (r->stage == RELAY_ASKING) {
                if (!r->asked && submit(r) < 0)
                        on_failure(r, NULL);
        } else if (r->stage == RELAY_FOLLOWING || r->stage == RELAY_COPYING)
                follow(r);
}

static const RelayEvents events = { .failed = on_failure, .accepted = on_accepted, .refused = on_refused };

/* --- the connection -------------------------------------------------------------------------------- */

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        static const char local[] = "org.freedesktop.DBus.Local";
        Relay *r = userdata;

        if (sd_bus_message_is_signal(m, local, "Connected")) {
                r->far.ready = true;
                go_on(r);
        } else if (sd_bus_message_is_signal(m, local, "Disconnected"))
                r->far.broken = true;
        else if (sd_bus_message_is_signal(m, JOBS_INTERFACE, "OutputGrew"))
                r->again = true;
        else if (sd_bus_message_is_signal(m, "org.freedesktop.DBus.Properties", "PropertiesChanged"))
                r->look_again = true;
        return 0;
}

static void on_broken(Relay *r) {
        _cleanup_free_ char *words = NULL;

        far_close(&r->far, &words);
        r->asked = r->awaited = r->looking = r->copying = false;
        r->go_on_usec = 0;
        if (r->stage == RELAY_RELEASING)
                r->stage = RELAY_OVER;
        if (r->stage >= RELAY_SETTLED)
                return;
        if (r->unsure == 0 && !r->there && r->stopping) {
                outcome_stopped(r);
                return;
        }
        if (r->unsure == 0 && !r->there && words && far_is_final(words)) {
                outcome_cannot(r, words);
                return;
        }
        show_waiting(r, words);
        r->connect_usec = monotonic_usec() + next_pause(r);
}

static void connect_now(Relay *r) {
        r->connect_usec = 0;
        if (far_open(&r->far, r->event, on_message, r) < 0)
                on_broken(r);
}

/* --- stopping and the end -------------------------------------------------------------------------- */

static void on_stop(Relay *r) {
        if (r->stopping || r->stage >= RELAY_SETTLED) {
                r->stopping = true;
                return;
        }
        r->stopping = true;
        if (r->stage == RELAY_ASKING && r->unsure == 0)
                outcome_stopped(r);
        else if (r->stage == RELAY_FOLLOWING && r->far.ready)
                cancel(r);
        else if (r->connect_usec > 0)
                r->connect_usec = 1; /* it is needed now */
}

static int on_removed(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Relay *r = userdata;

        r->stage = RELAY_OVER;
        return 0;
}

/* Record and output are here now. A job that a late request could bring back is left to retention there: its key refuses that. */
static void release(Relay *r) {
        r->stage = RELAY_OVER;
        if (!job_state_is_terminal(r->record.state) || r->repeated || !r->far.ready)
                return;
        if (sd_bus_call_method_async(r->far.bus, NULL, JOBS_BUS_NAME, JOBS_PATH, JOBS_INTERFACE, "Remove", on_removed, r, "as", 1,
                                     r->there) < 0)
                return;
        r->stage = RELAY_RELEASING;
        r->release_usec = monotonic_usec() + RELEASE_USEC;
}

/* --- the service ----------------------------------------------------------------------------------- */

static void on_link(Relay *r, uint64_t now) {
        elsewhere_dispatch(&r->link, now, &r->order, &r->follower);
        if (r->link.go && r->stage == RELAY_SETTLED)
                release(r);
}

static int on_epoll(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct epoll_event event;
        Relay *r = userdata;

        if (epoll_wait(fd, &event, 1, 0) > 0 && r->link.fd >= 0)
                on_link(r, monotonic_usec());
        return 0;
}

static int on_signal(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct signalfd_siginfo s;
        Relay *r = userdata;

        while (read(fd, &s, sizeof(s)) == sizeof(s)) {
                if (s.ssi_signo == SIGTERM)
                        on_stop(r);
                else if (s.ssi_signo == SIGCONT)
                        link_call(&r->link, monotonic_usec());
        }
        return 0;
}

/* --- the loop -------------------------------------------------------------------------------------- */

static bool is_due(uint64_t time, uint64_t now) {
        return time > 0 && time <= now;
}

static void on_time(Relay *r, uint64_t now) {
        if (r->far.broken)
                on_broken(r);
        if (is_due(r->connect_usec, now))
                connect_now(r);
        if (is_due(r->go_on_usec, now))
                go_on(r);
        if (is_due(r->copy_usec, now) || (r->again && r->copy_usec == 0 && r->go_on_usec == 0 && r->far.ready && !r->copying))
                copy_start(r);
        if (r->look_again)
                look(r);
        if (r->stage == RELAY_SETTLED && elsewhere_is_abandoned(&r->link, r->stopping, r->away_usec, now))
                r->stage = RELAY_OVER;
        if (r->stage == RELAY_RELEASING && is_due(r->release_usec, now))
                r->stage = RELAY_OVER;
}

static uint64_t next_time(const Relay *r, uint64_t now) {
        const uint64_t times[] = {
                r->connect_usec, r->go_on_usec, r->copy_usec,
                r->stage == RELAY_SETTLED && r->away_usec > now ? r->away_usec : 0,
                r->stage == RELAY_RELEASING ? r->release_usec : 0,
                r->link.fd < 0 ? r->link.retry_usec : 0,
        };
        uint64_t next = UINT64_MAX;

        for (size_t i = 0; i < ELEMENTSOF(times); i++)
                if (times[i] > 0)
                        next = MIN(next, times[i]);
        return next;
}

static void loop(Relay *r) {
        while (r->stage != RELAY_OVER) {
                uint64_t now = monotonic_usec(), next;

                on_time(r, now);
                link_flush(&r->link, now);
                if (r->stage == RELAY_OVER)
                        return;
                next = next_time(r, now);
                if (sd_event_run(r->event, next == UINT64_MAX ? next : next <= now ? 0 : next - now) < 0)
                        exit(EXIT_STATUS_LOST);
        }
}

/* --- the start ------------------------------------------------------------------------------------- */

static int prepare(Relay *r) {
        sigset_t set;
        int error;

        (void) signal(SIGPIPE, SIG_IGN);
        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGTERM);
        (void) sigaddset(&set, SIGCONT);
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
        r->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        r->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (r->signals < 0 || r->epoll < 0)
                return -errno;
        error = sd_event_new(&r->event);
        if (error >= 0)
                error = sd_event_add_io(r->event, NULL, r->signals, EPOLLIN, on_signal, r);
        return error < 0 ? error : sd_event_add_io(r->event, NULL, r->epoll, EPOLLIN, on_epoll, r);
}

static void begin(Relay *r, const char *id) {
        const char *wrong = far_init(&r->far);

        submit_name(id, r->description.trailer.flags >> WORKER_ATTEMPT_SHIFT, r->key, r->session);
        if (wrong)
                outcome_cannot(r, wrong);
        else
                connect_now(r);
}

int relay_run(const char *id) {
        static Relay r; /* it is large */
        int error;

        r = (Relay) { .events = &events, .order = -EBADF, .follower = -EBADF, .record = JOB_RECORD_INIT };
        elsewhere_open_files(r.base);
        error = description_load(&r.description, id);
        if (error >= 0 && !r.description.has_trailer)
                error = -EBADMSG;
        if (error >= 0)
                error = prepare(&r);
        if (error < 0) {
                (void) dprintf(STDERR_FILENO, "codex-jobs: cannot read the description of %s: %s\n", id, strerror(-error));
                return 126;
        }
        (void) prctl(PR_SET_DUMPABLE, 0);
        elsewhere_bound_output(&r.description.trailer);
        worker_failpoint_init(&r.description);
        r.journal = elsewhere_open_journal("codex-jobs-host");
        link_open(&r.link, r.epoll, &r.description, realtime_usec());
        begin(&r, id);
        loop(&r);
        far_close(&r.far, NULL);
        link_free(&r.link);
        job_record_clear(&r.record);
        free(r.there);
        free(r.path);
        free(r.order_data);
        return elsewhere_mirror(&r.link, r.code, r.status);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The connection: opened, watched, opened again; and the event loop it lives in. */

#include <signal.h>

#include "bus-names.h"
#include "client-internal.h"
#include "host.h"
#include "owner.h"
#include "say.h"
#include "standstill.h"
#include "text-new.h"
#include "time-util.h"

/* The first and the longest interval between attempts. A service that goes away is usually being replaced, and reports
 * when it is back; calling it earlier would start it although somebody may be stopping it. */
#define RETRY_USEC (50 * USEC_PER_MSEC)
#define RETRY_DOUBLINGS_MAX 5
#define RETRY_DOUBLINGS_MAX_REMOTE 9 /* each is a login */
#define RETRY_AWAY_USEC USEC_PER_SEC

#define PATIENCE_MIN_USEC USEC_PER_SEC
#define GREW_RULE                                                                                              \
        "type='signal',sender='" JOBS_BUS_NAME "',path='" JOBS_PATH "',interface='" JOBS_INTERFACE             \
        "',member='OutputGrew'"

#define SLOW_USEC USEC_PER_SEC /* then the reason for waiting is reported */

/* ---- The event loop ---- */

void client_stop(Client *c, int r, const sd_bus_error *error) {
        if (c->stop < 0)
                return;
        c->stop = r;
        if (error)
                (void) sd_bus_error_copy(&c->stop_error, error);
}

int client_iterate(Client *c, sd_bus_error *error) {
        int r;

        if (c->stop >= 0 && c->call_events)
                c->call_events->next(c);
        if (c->stop >= 0) {
                r = sd_event_run(c->event, UINT64_MAX);
                if (r < 0 && r != -EINTR)
                        client_stop(c, r, NULL);
        }
        if (c->stop < 0 && sd_bus_error_is_set(&c->stop_error))
                (void) sd_bus_error_copy(error, &c->stop_error);
        return c->stop;
}

void client_go_on(Client *c) {
        c->stop = 0;
        sd_bus_error_free(&c->stop_error);
}

static int on_deadline(sd_event_source *s, uint64_t usec, void *userdata) {
        client_stop(userdata, -ETIMEDOUT, NULL);
        return 0;
}

int client_set_timeout(Client *c, uint64_t usec) {
        c->deadline = sd_event_source_disable_unref(c->deadline);
        if (c->stop == -ETIMEDOUT)
                c->stop = 0;
        if (usec == USEC_INFINITY)
                return 0;
        return sd_event_add_time_relative(c->event, &c->deadline, CLOCK_MONOTONIC, usec, 1, on_deadline, c);
}

static int on_signal(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        Client *c = userdata;

        c->signal = (int) si->ssi_signo;
        client_stop(c, -EINTR, NULL);
        return 0;
}

/* A signal that is ignored, as by nohup(1), would come nevertheless once it is blocked. */
static int catch_signal(Client *c, int number, sd_event_source **ret) {
        struct sigaction action;
        sigset_t set;

        if (sigaction(number, NULL, &action) < 0)
                return -errno;
        if (action.sa_handler == SIG_IGN)
                return 0;
        (void) sigemptyset(&set);
        (void) sigaddset(&set, number);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        return sd_event_add_signal(c->event, ret, number, on_signal, c);
}

int client_catch_signals(Client *c) {
        int r;

        r = catch_signal(c, SIGINT, &c->interrupt);
        if (r >= 0)
                r = catch_signal(c, SIGTERM, &c->terminate);
        return r < 0 ? r : catch_signal(c, SIGHUP, &c->hangup);
}

void client_restore_signals(Client *c) {
        sigset_t set;

        c->interrupt = sd_event_source_disable_unref(c->interrupt);
        c->terminate = sd_event_source_disable_unref(c->terminate);
        c->hangup = sd_event_source_disable_unref(c->hangup);
        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGINT);
        (void) sigaddset(&set, SIGTERM);
        (void) sigaddset(&set, SIGHUP);
        (void) sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int client_signal(const Client *c) {
        return c->signal;
}

sd_event *client_event(Client *c) {
        return c->event;
}

sd_bus *client_bus(Client *c) {
        return link_bus(c->link);
}

bool client_was_answered(const Client *c) {
        return c->owner;
}

bool client_is_away(const Client *c) {
        return c->away;
}

/* ---- Coming back ---- */

void client_away(Client *c) {
        if (c->away)
                return;
        c->away = true;
        if (!c->quiet)
                say("Lost connection to the service%s, reconnecting.", c->place);
}

void client_set_patience(Client *c, uint64_t usec) {
        if (usec != USEC_INFINITY)
                c->patience_until = now_monotonic() + MAX(usec, PATIENCE_MIN_USEC);
}

static int on_slow(sd_event_source *s, uint64_t usec, void *userdata) {
        _cleanup_free_ char *status = NULL;
        Client *c = userdata;

        if (c->owner)
                return 0;
        status = client_remote(c) ? NULL : standstill_status(c->system);
        if (status)
                say("Waiting for the service to start: %s", status);
        else if (isatty(STDERR_FILENO))
                say("Waiting for the service%s to respond.", c->place);
        return 0;
}

static void resume_calls(Client *c, const sd_bus_error *error) {
        if (c->call_events)
                c->call_events->resume(c, error);
}

static void call_changed(Client *c) {
        if (c->changed)
                c->changed(c->changed_userdata);
        if (c->grew)
                c->grew(NULL, NULL, c->grew_userdata);
}

static void retry_or_stop(Client *c) {
        int r;

        r = client_retry(c);
        if (r < 0)
                client_stop(c, r, NULL);
}

static int on_retry(sd_event_source *s, uint64_t usec, void *userdata) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        Client *c = userdata;
        int r;

        if (link_bus(c->link)) {
                resume_calls(c, NULL);
                if (c->away)
                        call_changed(c);
                return 0;
        }

        if (c->call_events)
                c->call_events->lost(c);
        r = link_open(c->link);
        if (r < 0) {
                (void) explain_connect(c, r, &error);
                resume_calls(c, &error);
                retry_or_stop(c);
                return 0;
        }
        resume_calls(c, NULL);
        call_changed(c);
        return 0;
}

int client_retry(Client *c) {
        unsigned doublings = client_remote(c) ? RETRY_DOUBLINGS_MAX_REMOTE : RETRY_DOUBLINGS_MAX;
        uint64_t delay = RETRY_USEC << MIN(c->failures, doublings);
        uint64_t now = now_monotonic();
        int enabled, r;

        if (c->away)
                delay = MAX(delay, RETRY_AWAY_USEC);
        if (!c->owner && c->patience_until != UINT64_MAX)
                delay = MIN(delay, MAX(c->patience_until, now + USEC_PER_MSEC) - now);
        if (c->retry) {
                r = sd_event_source_get_enabled(c->retry, &enabled);
                if (r < 0 || enabled != SD_EVENT_OFF)
                        return r;
                r = sd_event_source_set_time_relative(c->retry, delay);
                if (r >= 0)
                        r = sd_event_source_set_enabled(c->retry, SD_EVENT_ONESHOT);
        } else
                r = sd_event_add_time_relative(c->event, &c->retry, CLOCK_MONOTONIC, delay, USEC_PER_MSEC, on_retry,
                                               c);
        c->failures++;
        return r;
}

int client_seen(Client *c, sd_bus_message *m) {
        const char *sender = sd_bus_message_get_sender(m);
        bool other = c->owner && sender && !streq(c->owner, sender);

        c->failures = 0;
        if (c->away && !c->quiet)
                say("Reconnected to the service%s.", c->place);
        c->away = false;

        if (sender && (!c->owner || other)) {
                free(c->owner);
                c->owner = strdup(sender);
                if (!c->owner)
                        return -ENOMEM;
        }
        if (other) /* it crashed and was restarted before we were notified */
                call_changed(c);
        return 0;
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const char *new_owner = owner_read_change(m, JOBS_BUS_NAME);
        Client *c = userdata;

        if (!new_owner || !c->owner || streq(c->owner, new_owner))
                return 0; /* it starts for us, or we have its answer already */

        if (isempty(new_owner)) {
                client_away(c);
                retry_or_stop(c);
                return 0;
        }
        resume_calls(c, NULL);
        call_changed(c);
        return 0;
}

static int watch_owner(Client *c) {
        if (c->watches_owner)
                return 0;
        c->watches_owner = true;
        return client_match(c, OWNER_RULE(JOBS_BUS_NAME), on_owner_changed, c);
}

int client_watch_service(Client *c, void (*changed)(void *userdata), void *userdata) {
        c->changed = changed;
        c->changed_userdata = userdata;
        return watch_owner(c);
}

static int on_output_grew(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const char *id, *stream;
        Client *c = userdata;

        if (c->grew && sd_bus_message_read(m, "ss", &id, &stream) >= 0)
                c->grew(id, stream, c->grew_userdata);
        return 0;
}

int client_watch_output(Client *c, client_grew_t grew, void *userdata) {
        int r;

        c->grew = grew;
        c->grew_userdata = userdata;
        if (!grew || c->watches_output)
                return 0;
        c->watches_output = true;
        r = client_match(c, GREW_RULE, on_output_grew, c);
        return r < 0 ? r : watch_owner(c);
}

/* ---- Subscriptions ---- */

static int on_match_installed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        _cleanup_(sd_bus_error_free) sd_bus_error failure = SD_BUS_ERROR_NULL;
        const sd_bus_error *error = sd_bus_message_get_error(m);
        Client *c = userdata;

        /* A connection that breaks is opened again with all its matches. */
        if (!error || sd_bus_is_open(sd_bus_message_get_bus(m)) <= 0)
                return 0;
        client_stop(c,
                    error_set(&failure,
                              "Failed to subscribe to finished jobs: %s. Close some of your other bus connections and "
                              "try again.",
                              error->message),
                    &failure);
        return 0;
}

static int match_install(Client *c, sd_bus *bus, Match *match) {
        match->slot = sd_bus_slot_unref(match->slot);
        return sd_bus_add_match_async(bus, &match->slot, match->rule, match->handler, on_match_installed,
                                      match->userdata);
}

static Match *match_free(Match *match) {
        if (!match)
                return NULL;
        (void) sd_bus_slot_unref(match->slot);
        free(match->rule);
        free(match);
        return NULL;
}
DEFINE_CLEANUP(Match *, match_free);

int client_match(Client *c, const char *rule, sd_bus_message_handler_t handler, void *userdata) {
        _cleanup_(match_freep) Match *match = NULL;
        Match **matches;
        int r;

        matches = reallocarray(c->matches, c->n_matches + 1, sizeof(Match *));
        if (!matches)
                return -ENOMEM;
        c->matches = matches;

        match = malloc(sizeof(Match));
        if (!match)
                return -ENOMEM;
        *match = (Match) { .rule = strdup(rule), .handler = handler, .userdata = userdata };
        if (!match->rule)
                return -ENOMEM;
        if (link_bus(c->link) && sd_bus_is_open(link_bus(c->link)) > 0) {
                r = match_install(c, link_bus(c->link), match);
                if (r < 0)
                        return r;
        }
        c->matches[c->n_matches++] = TAKE_PTR(match);
        return 0;
}

/* ---- The connection ---- */

static int on_up(sd_bus *bus, void *userdata) {
        Client *c = userdata;
        int r = 0;

        for (size_t i = 0; i < c->n_matches && r >= 0; i++)
                r = match_install(c, bus, c->matches[i]);
        return r;
}

static void on_down(void *userdata) {
        Client *c = userdata;

        for (size_t i = 0; i < c->n_matches; i++)
                c->matches[i]->slot = sd_bus_slot_unref(c->matches[i]->slot);
}

/* Why another host cannot be reached again, if that is new. */
static void say_complaint(Client *c) {
        const char *complaint = c->owner && !link_was_accepted(c->link) ? link_complaint(c->link) : NULL;

        if (!complaint || c->quiet || streq(complaint, strempty(c->complaint)))
                return;
        say("%s", complaint);
        free(c->complaint);
        c->complaint = strdup(complaint);
}

static void on_lost(void *userdata) {
        Client *c = userdata;

        if (c->owner)
                client_away(c);
        say_complaint(c);
        retry_or_stop(c);
}

bool client_passes_descriptors(const Client *c) {
        sd_bus *bus = link_bus(c->link);

        return bus && sd_bus_is_ready(bus) > 0 ? sd_bus_can_send(bus, SD_BUS_TYPE_UNIX_FD) > 0 : !c->remote.host;
}

bool client_is_system(const Client *c) {
        return c->system;
}

bool client_is_quiet(const Client *c) {
        return c->quiet;
}

/* $CODEX_JOBS_SCOPE is about the services of this host. */
static int set_place(Client *c, Scope scope, sd_bus_error *error) {
        const char *name = remote_name(&c->remote);
        bool given = scope == SCOPE_USER;
        int r;

        c->system = !given;
        if (!name) {
                r = scope_resolve(scope, &c->system, &given, error);
                if (r < 0)
                        return r;
        }
        c->place = text_new("%s%s", name ? " on " : "", strempty(name));
        c->option = text_new("%s%s%s", c->remote.host ? " -H " : name ? " -M " : "", strempty(name),
                             !given ? "" : c->system ? " --system" : " --user");
        return c->place && c->option ? 0 : -ENOMEM;
}

int client_new(Scope scope, const Remote *remote, bool quiet, Client **ret, sd_bus_error *error) {
        _cleanup_(client_freep) Client *c = NULL;
        int r;

        c = malloc(sizeof(Client));
        if (!c)
                return -ENOMEM;
        *c = (Client) { .remote = *remote, .quiet = quiet, .patience_until = UINT64_MAX };
        r = set_place(c, scope, error);
        if (r < 0)
                return r;
        r = sd_event_new(&c->event);
        if (r < 0)
                return r;
        if (!c->quiet) {
                r = sd_event_add_time_relative(c->event, &c->slow, CLOCK_MONOTONIC, SLOW_USEC, 0, on_slow, c);
                if (r < 0)
                        return r;
        }
        r = link_new(c->event, c->system, &c->remote, on_lost, c, &c->link);
        if (r >= 0)
                r = link_add_user(c->link, &(const LinkUser) { on_up, on_down, c });
        if (r < 0)
                return r;
        r = link_open(c->link);
        if (r < 0)
                return explain_connect(c, r, error);
        if (!c->system && !client_remote(c) && !c->quiet && host_foreign_runtime())
                say("XDG_RUNTIME_DIR is %s; using your own.", host_foreign_runtime());
        *ret = TAKE_PTR(c);
        return 0;
}

Client *client_free(Client *c) {
        if (!c)
                return NULL;
        (void) link_free(c->link);
        for (size_t i = 0; i < c->n_matches; i++)
                (void) match_free(c->matches[i]);
        free(c->matches);
        free(c->owner);
        free(c->unknown);
        free(c->place);
        free(c->option);
        free(c->complaint);
        (void) sd_event_source_disable_unref(c->slow);
        (void) sd_event_source_disable_unref(c->retry);
        (void) sd_event_source_disable_unref(c->deadline);
        (void) sd_event_source_disable_unref(c->interrupt);
        (void) sd_event_source_disable_unref(c->terminate);
        (void) sd_event_source_disable_unref(c->hangup);
        (void) sd_event_unref(c->event);
        sd_bus_error_free(&c->stop_error);
        free(c);
        return NULL;
}

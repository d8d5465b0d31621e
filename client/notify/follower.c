/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "bus-names.h"
#include "follower.h"
#include "mark.h"
#include "owner.h"
#include "say.h"

#define CONSUMER "desktop-notifications"
#define BATCH 100U /* jobs that are asked for at a time */

#define FINISHED_RULE                                                                                          \
        "type='signal',sender='" JOBS_BUS_NAME "',path='" JOBS_PATH "',interface='" JOBS_INTERFACE             \
        "',member='JobFinished'"

struct Follower {
        Link *link; /* not owned */
        FollowerEvents events;
        Owner owner;
        sd_bus_slot *match;
        sd_bus_slot *call; /* one at a time */
        bool showing;      /* the receiver has the jobs */
        bool settled;

        bool registered; /* the inbox is ours: what ended before the first start is left out */
        uint64_t first;   /* the lowest sequence that was signalled before, 0: none */

        bool waiting;   /* there may be something in the inbox */
        uint64_t shown; /* up to this, and not acknowledged yet; 0: all is */
        bool refused;   /* the last try to acknowledge it failed; not again before something happens */
};

static void follower_next(Follower *f);

static int call_service(Follower *f, const char *member, sd_bus_message_handler_t handler, const char *types, ...) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        va_list ap;
        int r;

        /* By its unique name: only a running service is called. */
        r = sd_bus_message_new_method_call(link_bus(f->link), &m, f->owner.unique, JOBS_PATH, JOBS_INTERFACE, member);
        if (r < 0)
                return r;
        va_start(ap, types);
        r = sd_bus_message_appendv(m, types, ap);
        va_end(ap);
        if (r < 0)
                return r;
        /* However slow its disk is: if it exits, the bus replies. */
        return sd_bus_call_async(link_bus(f->link), &f->call, m, handler, f, UINT64_MAX);
}

static const char *scope_of(const Follower *f) {
        return link_is_system(f->link) ? "system" : "session";
}

/* Retried with the next signal or the next owner of the name. */
static void complain(const Follower *f, const char *what, const sd_bus_error *error) {
        if (sd_bus_error_has_names(error, SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_DISCONNECTED,
                                   SD_BUS_ERROR_NAME_HAS_NO_OWNER, SD_BUS_ERROR_SERVICE_UNKNOWN,
                                   JOBS_ERROR_UNAVAILABLE))
                return; /* it is gone, or exits: its successor is called */
        say("Failed to %s of the service on the %s bus: %s", what, scope_of(f), error->message);
}

static void settle(Follower *f) {
        if (f->settled)
                return;
        f->settled = true;
        f->events.settled(f->events.userdata);
}

/* ---- The first start ---- */

static int on_registered(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const sd_bus_error *error = sd_bus_message_get_error(m);
        Follower *f = userdata;
        int r;

        f->call = sd_bus_slot_unref(f->call);
        if (error)
                complain(f, "open an inbox", error);
        else {
                r = mark_set(link_is_system(f->link));
                if (r < 0)
                        say("Failed to record the first start: %s. Make ~/.local/state writable.", strerror(-r));
                f->registered = true;
                follower_next(f);
        }
        settle(f);
        return 0;
}

/* Signals and replies of the service arrive in order: jobs that finish after our first look are shown. */
static int on_last_sequence(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const sd_bus_error *error = sd_bus_message_get_error(m);
        Follower *f = userdata;
        uint64_t last = 0;
        int r;

        f->call = sd_bus_slot_unref(f->call);
        if (error) {
                complain(f, "read the last sequence number", error);
                settle(f);
                return 0;
        }
        r = sd_bus_message_read(m, "v", "t", &last);
        if (r >= 0) {
                if (f->first > 0)
                        last = MIN(last, f->first - 1);
                r = call_service(f, "Acknowledge", on_registered, "st", CONSUMER, last);
        }
        if (r < 0)
                say("Failed to open an inbox on the %s bus: %s.", scope_of(f), strerror(-r));
        return 0;
}

static int ask_last_sequence(Follower *f) {
        return sd_bus_call_method_async(link_bus(f->link), &f->call, f->owner.unique, JOBS_PATH,
                                        "org.freedesktop.DBus.Properties", "Get", on_last_sequence, f, "ss",
                                        JOBS_INTERFACE, "LastSequence");
}

/* ---- The inbox ---- */

static int on_acknowledged(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const sd_bus_error *error = sd_bus_message_get_error(m);
        Follower *f = userdata;

        f->call = sd_bus_slot_unref(f->call);
        if (!error || sd_bus_error_has_name(error, JOBS_ERROR_INVALID_ARGUMENT))
                f->shown = 0; /* or its store is another one, with lower sequence numbers */
        else {
                complain(f, "acknowledge jobs", error);
                f->refused = true;
        }
        follower_next(f);
        return 0;
}

/* Without those that are only not acknowledged yet. */
static void drop_shown(Follower *f, JobList *jobs) {
        size_t n = 0;

        for (size_t i = 0; i < jobs->n; i++)
                if (jobs->records[i].sequence > f->shown)
                        jobs->records[n++] = jobs->records[i];
                else
                        job_record_clear(&jobs->records[i]);
        jobs->n = n;
}

static int on_inbox(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const sd_bus_error *error = sd_bus_message_get_error(m);
        _cleanup_job_list_ JobList jobs = {};
        Follower *f = userdata;
        int r;

        f->call = sd_bus_slot_unref(f->call);
        if (error) {
                f->waiting = true;
                complain(f, "read the inbox", error);
                return 0;
        }
        r = job_list_read(m, &jobs);
        if (r < 0) {
                say("Failed to read jobs of the service on the %s bus: %s. Restart codex-jobs-notify, its version may "
                    "differ.",
                    scope_of(f), strerror(-r));
                return 0;
        }
        drop_shown(f, &jobs);
        if (jobs.n == 0) {
                follower_next(f);
                return 0;
        }
        f->waiting |= jobs.n >= BATCH;
        f->showing = true;
        f->events.show(f, &jobs, f->events.userdata);
        return 0;
}

static void follower_next(Follower *f) {
        int r = 0;

        if (f->call || f->showing || !f->owner.unique)
                return;
        if (!f->registered)
                r = ask_last_sequence(f);
        else if (f->shown > 0 && !f->refused)
                r = call_service(f, "Acknowledge", on_acknowledged, "st", CONSUMER, f->shown);
        else if (f->waiting && f->events.is_ready(f->events.userdata)) {
                f->waiting = false;
                r = call_service(f, "Inbox", on_inbox, "su", CONSUMER, BATCH);
        }
        if (r < 0)
                say("Failed to call the service on the %s bus: %s.", scope_of(f), strerror(-r));
}

void follower_shown(Follower *f, uint64_t sequence, bool all) {
        f->showing = false;
        f->shown = MAX(f->shown, sequence);
        f->waiting |= !all;
        follower_next(f);
}

void follower_continue(Follower *f) {
        follower_next(f);
}

/* ---- What happens ---- */

static int on_finished(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const char *id, *state;
        Follower *f = userdata;
        uint64_t sequence;
        int32_t exit_code;

        if (sd_bus_message_read(m, "ssit", &id, &state, &exit_code, &sequence) < 0)
                return 0;
        if (!f->registered && owner_sent(&f->owner, m) && (f->first == 0 || sequence < f->first))
                f->first = sequence;
        f->waiting = true;
        f->refused = false;
        follower_next(f);
        return 0;
}

static void on_owner(void *userdata) {
        Follower *f = userdata;

        /* Without a reply nothing is settled: the call is repeated to the next owner of the name. */
        f->call = sd_bus_slot_unref(f->call);
        f->waiting = true;
        f->refused = false;
        f->first = 0;
        follower_next(f);
        if (f->registered || !f->owner.unique)
                settle(f);
}

static int on_up(sd_bus *bus, void *userdata) {
        Follower *f = userdata;
        int r;

        r = sd_bus_add_match_async(bus, &f->match, FINISHED_RULE, on_finished, NULL, f);
        return r < 0 ? r : owner_watch(&f->owner, bus);
}

static void on_down(void *userdata) {
        Follower *f = userdata;

        owner_forget(&f->owner);
        f->match = sd_bus_slot_unref(f->match);
        f->call = sd_bus_slot_unref(f->call);
        settle(f);
}

/* ---- The object ---- */

Link *follower_link(const Follower *f) {
        return f->link;
}

bool follower_is_settled(const Follower *f) {
        return f->settled;
}

int follower_new(Link *link, const FollowerEvents *events, Follower **ret) {
        _cleanup_(follower_freep) Follower *f = malloc(sizeof(Follower));
        int r;

        if (!f)
                return -ENOMEM;
        *f = (Follower) {
                .link = link,
                .events = *events,
                .owner = { .name = JOBS_BUS_NAME, .changed = on_owner, .userdata = f },
                .registered = mark_is_set(link_is_system(link)),
        };
        r = link_add_user(link, &(const LinkUser) { .up = on_up, .down = on_down, .userdata = f });
        if (r < 0)
                return r;
        *ret = TAKE_PTR(f);
        return 0;
}

Follower *follower_free(Follower *f) {
        if (!f)
                return NULL;
        owner_forget(&f->owner);
        (void) sd_bus_slot_unref(f->match);
        (void) sd_bus_slot_unref(f->call);
        free(f);
        return NULL;
}

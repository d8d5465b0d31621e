/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "owner.h"
#include "say.h"
#include "server.h"

#define SERVER_NAME "org.freedesktop.Notifications"
#define SERVER_PATH "/org/freedesktop/Notifications"
#define SERVER_INTERFACE "org.freedesktop.Notifications"
#define SIGNALS_RULE                                                                              \
        "type='signal',sender='" SERVER_NAME "',path='" SERVER_PATH "',interface='" SERVER_INTERFACE "'"

#define APP_NAME "Codex Jobs"
#define APP_ICON "codex-jobs"
#define DESKTOP_ENTRY "codex-jobs-notify" /* the name of the .desktop file */

struct Server {
        Link *session; /* not owned */
        ServerEvents events;
        ServerState state;
        Owner owner;
        bool actions, body, markup; /* what it can */
        bool lost;                  /* it did not answer; the bus has not reported yet that it is gone */
        uint64_t absent_until_usec; /* CLOCK_MONOTONIC: it is not started again before */
        sd_bus_slot *signals;
        sd_bus_slot *call;

        /* The last ActivationToken, which comes just before the action that it is for. */
        uint32_t token_id;
        char *token;
};

/* A server that crashes at each start, or when it shows a notification, is not restarted all the time. */
#define ABSENT_USEC (60 * USEC_PER_SEC)

/* A call of Notify. Belongs to its slot. */
typedef struct Showing {
        Server *server;
        server_done_t done;
        void *userdata;
} Showing;

/* ---- Its state ---- */

static void set_state(Server *s, ServerState state) {
        if (s->state == state)
                return;
        s->state = state;
        s->events.changed(s->events.userdata);
}

static uint64_t now_of(const Server *s) {
        uint64_t now = 0;

        if (link_bus(s->session))
                (void) sd_event_now(sd_bus_get_event(link_bus(s->session)), CLOCK_MONOTONIC, &now);
        return now;
}

static void set_absent(Server *s) {
        s->absent_until_usec = now_of(s) + ABSENT_USEC;
        set_state(s, SERVER_ABSENT);
}

static int read_capabilities(Server *s, sd_bus_message *m) {
        const char *word;
        int r;

        s->actions = s->body = s->markup = false;
        r = sd_bus_message_enter_container(m, 'a', "s");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read_basic(m, 's', &word)) > 0) {
                s->actions |= streq(word, "actions");
                s->body |= streq(word, "body");
                s->markup |= streq(word, "body-markup");
        }
        return r;
}

static int on_capabilities(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const sd_bus_error *error = sd_bus_message_get_error(m);
        Server *s = userdata;

        s->call = sd_bus_slot_unref(s->call);
        if (!error && read_capabilities(s, m) >= 0) {
                set_state(s, SERVER_READY);
                return 0;
        }
        say("The notification server does not respond: %s.", error ? error->message : "invalid reply");
        set_absent(s);
        return 0;
}

static int ask_capabilities(Server *s) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        s->call = sd_bus_slot_unref(s->call);
        r = sd_bus_message_new_method_call(link_bus(s->session), &m, s->owner.unique, SERVER_PATH, SERVER_INTERFACE,
                                           "GetCapabilities");
        if (r < 0)
                return r;
        return sd_bus_call_async(link_bus(s->session), &s->call, m, on_capabilities, s, UINT64_MAX);
}

/* It started, exited, or was replaced: in each case the notifications that were shown are gone. */
static void on_owner(void *userdata) {
        Server *s = userdata;
        bool crashed = s->lost || s->state == SERVER_COMING;
        int r;

        s->lost = false;
        s->call = sd_bus_slot_unref(s->call);
        s->state = s->owner.unique ? SERVER_COMING : SERVER_IDLE;
        s->absent_until_usec = crashed ? now_of(s) + ABSENT_USEC : 0;
        s->events.lost(s->events.userdata);
        if (!s->owner.unique) {
                s->events.changed(s->events.userdata);
                return;
        }
        r = ask_capabilities(s);
        if (r < 0) {
                say("Failed to call the notification server: %s.", strerror(-r));
                set_absent(s);
        }
}

static int on_started(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const sd_bus_error *error = sd_bus_message_get_error(m);
        Server *s = userdata;

        s->call = sd_bus_slot_unref(s->call);
        if (!error && s->owner.unique)
                return 0;
        if (error && !sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN))
                say("The notification server failed to start: %s.", error->message);
        set_absent(s);
        return 0;
}

ServerState server_state(const Server *s) {
        if (s->lost)
                return SERVER_ABSENT;
        if (s->owner.unique || s->state == SERVER_COMING || s->state == SERVER_READY)
                return s->state;
        return now_of(s) < s->absent_until_usec ? SERVER_ABSENT : SERVER_IDLE;
}

void server_want(Server *s) {
        int r;

        if (server_state(s) != SERVER_IDLE || !s->owner.known)
                return;
        s->state = SERVER_COMING;
        r = sd_bus_call_method_async(link_bus(s->session), &s->call, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                     "org.freedesktop.DBus", "StartServiceByName", on_started, s, "su", SERVER_NAME,
                                     (uint32_t) 0);
        if (r < 0) {
                say("Failed to start the notification server: %s.", strerror(-r));
                set_absent(s);
        }
}

bool server_has_markup(const Server *s) {
        return s->markup;
}

/* ---- Showing ---- */

static int append_actions(sd_bus_message *m, const Server *s, const Notice *notice) {
        const struct {
                const char *key;
                const char *text;
                bool wanted;
        } actions[] = {
                { "default", "Open", notice->actions },
                { "logs", "Log", notice->log },
                { "retry", "Retry", notice->retry },
        };
        int r;

        r = sd_bus_message_open_container(m, 'a', "s");
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(actions); i++)
                if (s->actions && actions[i].wanted)
                        r = sd_bus_message_append(m, "ss", actions[i].key, actions[i].text);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_notice(sd_bus_message *m, const Server *s, const Notice *notice, uint32_t replaces,
                         int32_t timeout_msec) {
        int r;

        r = sd_bus_message_append(m, "susss", APP_NAME, replaces, APP_ICON, notice->summary,
                                  s->body ? notice->body : "");
        if (r < 0)
                return r;
        r = append_actions(m, s, notice);
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "a{sv}", 3, "urgency", "y", notice->urgency, "category", "s", notice->category,
                                  "desktop-entry", "s", DESKTOP_ENTRY);
        if (r < 0)
                return r;
        return sd_bus_message_append(m, "i", timeout_msec);
}

static bool error_is_loss(const sd_bus_error *error) {
        return sd_bus_error_has_names(error, SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_DISCONNECTED,
                                      SD_BUS_ERROR_NAME_HAS_NO_OWNER, SD_BUS_ERROR_SERVICE_UNKNOWN);
}

static int on_shown(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const sd_bus_error *error = sd_bus_message_get_error(m);
        Showing showing = *(Showing *) userdata;
        bool lost = error && error_is_loss(error);
        uint32_t id = 0;

        if (lost)
                showing.server->lost = true;
        else if (error)
                say("The notification server rejected a notification: %s.", error->message);
        else
                (void) sd_bus_message_read_basic(m, 'u', &id);
        if (showing.done)
                showing.done(id, lost, showing.userdata);
        return 0;
}

int server_notify(Server *s, const Notice *notice, uint32_t replaces, int32_t timeout_msec, server_done_t done,
                  void *userdata, sd_bus_slot **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
        Showing *showing;
        int r;

        r = sd_bus_message_new_method_call(link_bus(s->session), &m, s->owner.unique, SERVER_PATH, SERVER_INTERFACE,
                                           "Notify");
        if (r < 0)
                return r;
        r = append_notice(m, s, notice, replaces, timeout_msec);
        if (r < 0)
                return r;
        showing = malloc(sizeof(Showing));
        if (!showing)
                return -ENOMEM;
        *showing = (Showing) { .server = s, .done = done, .userdata = userdata };
        r = sd_bus_call_async(link_bus(s->session), &slot, m, on_shown, showing, UINT64_MAX);
        if (r < 0) {
                free(showing);
                return r;
        }
        (void) sd_bus_slot_set_destroy_callback(slot, free);
        if (ret)
                *ret = TAKE_PTR(slot);
        else
                (void) sd_bus_slot_set_floating(slot, true);
        return 0;
}

/* ---- What people do with it ---- */

static void take_token(Server *s, uint32_t id, const char *token) {
        free(s->token);
        s->token = token ? strdup(token) : NULL;
        s->token_id = id;
}

static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Server *s = userdata;
        const char *text;
        uint32_t id;

        if (!owner_sent(&s->owner, m))
                return 0;
        if (sd_bus_message_is_signal(m, SERVER_INTERFACE, "ActivationToken")) {
                if (sd_bus_message_read(m, "us", &id, &text) >= 0)
                        take_token(s, id, text);
        } else if (sd_bus_message_is_signal(m, SERVER_INTERFACE, "ActionInvoked")) {
                if (sd_bus_message_read(m, "us", &id, &text) >= 0)
                        s->events.action(id, text, s->token_id == id ? s->token : NULL, s->events.userdata);
                take_token(s, 0, NULL);
        } else if (sd_bus_message_is_signal(m, SERVER_INTERFACE, "NotificationClosed")) {
                if (sd_bus_message_read_basic(m, 'u', &id) >= 0)
                        s->events.closed(id, s->events.userdata);
        }
        return 0;
}

/* ---- The object ---- */

static int on_up(sd_bus *bus, void *userdata) {
        Server *s = userdata;
        int r;

        r = sd_bus_add_match_async(bus, &s->signals, SIGNALS_RULE, on_signal, NULL, s);
        return r < 0 ? r : owner_watch(&s->owner, bus);
}

static void on_down(void *userdata) {
        Server *s = userdata;

        owner_forget(&s->owner);
        s->signals = sd_bus_slot_unref(s->signals);
        s->call = sd_bus_slot_unref(s->call);
        s->lost = false;
        s->state = SERVER_IDLE;
        s->events.lost(s->events.userdata);
}

int server_new(Link *session, const ServerEvents *events, Server **ret) {
        _cleanup_(server_freep) Server *s = malloc(sizeof(Server));
        int r;

        if (!s)
                return -ENOMEM;
        *s = (Server) {
                .session = session,
                .events = *events,
                .owner = { .name = SERVER_NAME, .changed = on_owner, .userdata = s },
        };
        r = link_add_user(session, &(const LinkUser) { .up = on_up, .down = on_down, .userdata = s });
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

Server *server_free(Server *s) {
        if (!s)
                return NULL;
        owner_forget(&s->owner);
        (void) sd_bus_slot_unref(s->signals);
        (void) sd_bus_slot_unref(s->call);
        free(s->token);
        free(s);
        return NULL;
}

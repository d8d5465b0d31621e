/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "address.h"
#include "link.h"

#define USERS_MAX 4

struct Link {
        sd_event *event;
        bool system;
        const Remote *remote; /* not owned; NULL: this host */
        void (*lost)(void *userdata);
        void *userdata; /* not owned */
        sd_bus *bus;    /* NULL: none */
        Bridge *bridge; /* NULL: the connection needs none */
        char *complaint;
        bool connected; /* the bus accepted the last connection; before that, it delivers nothing */
        LinkUser users[USERS_MAX];
        size_t n_users;
};

/* Closed before the subscriptions are dropped: the bus then drops all of them at once. */
static void link_close(Link *l) {
        if (!l->bus)
                return;
        sd_bus_close(l->bus);
        for (size_t i = 0; i < l->n_users; i++)
                l->users[i].down(l->users[i].userdata);
        l->bus = sd_bus_unref(l->bus);
        if (!l->connected)
                (void) link_complaint(l);
        l->bridge = bridge_free(l->bridge);
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Link *l = userdata;

        link_close(l);
        l->lost(l->userdata);
        return 0;
}

static int on_connected(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Link *l = userdata;

        l->connected = true;
        return 0;
}

/* Signals of sd-bus itself, about the connection. */
static int match_local(Link *l, sd_bus *bus, const char *member, sd_bus_message_handler_t handler) {
        return sd_bus_match_signal(bus, NULL, NULL, "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local", member,
                                   handler, l);
}

static int connect_bus(Link *l, sd_bus **ret, Bridge **ret_bridge) {
        _cleanup_(bridge_freep) Bridge *bridge = NULL;
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        int r;

        l->connected = false;
        free(TAKE_PTR(l->complaint));
        r = bus_open(l->system, l->remote, &bus, &bridge);
        if (r >= 0)
                r = sd_bus_attach_event(bus, l->event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = match_local(l, bus, "Connected", on_connected);
        if (r >= 0)
                r = match_local(l, bus, "Disconnected", on_disconnected);
        if (r < 0) {
                l->complaint = bridge ? bridge_complaint(bridge) : NULL;
                return r;
        }
        *ret = TAKE_PTR(bus);
        *ret_bridge = TAKE_PTR(bridge);
        return 0;
}

int link_open(Link *l) {
        int r;

        link_close(l);
        r = connect_bus(l, &l->bus, &l->bridge);
        for (size_t i = 0; r >= 0 && i < l->n_users; i++)
                r = l->users[i].up(l->bus, l->users[i].userdata);
        if (r < 0)
                link_close(l);
        return MIN(r, 0);
}

bool link_is_system(const Link *l) {
        return l->system;
}

bool link_was_accepted(const Link *l) {
        return l->connected;
}

const char *link_complaint(Link *l) {
        if (l->bridge && !l->complaint)
                l->complaint = bridge_complaint(l->bridge);
        return l->complaint;
}

sd_bus *link_bus(const Link *l) {
        return l->bus;
}

int link_add_user(Link *l, const LinkUser *user) {
        if (l->n_users >= USERS_MAX)
                return -ENOBUFS;
        l->users[l->n_users++] = *user;
        return 0;
}

int link_new(sd_event *event, bool system, const Remote *remote, void (*lost)(void *userdata), void *userdata, Link **ret) {
        Link *l = malloc(sizeof(Link));

        if (!l)
                return -ENOMEM;
        *l = (Link) { .event = sd_event_ref(event), .system = system, .remote = remote, .lost = lost, .userdata = userdata };
        *ret = l;
        return 0;
}

Link *link_free(Link *l) {
        if (!l)
                return NULL;
        if (l->bus)
                sd_bus_close(l->bus);
        (void) sd_bus_unref(l->bus);
        (void) bridge_free(l->bridge);
        free(l->complaint);
        (void) sd_event_unref(l->event);
        free(l);
        return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */

#include "link.h"

#define USERS_MAX 4

struct Link {
        sd_event *event;
        bool system;
        void (*lost)(void *userdata);
        void *userdata; /* not owned */
        sd_bus *bus;    /* NULL: none */
        LinkUser users[USERS_MAX];
        size_t n_users;
};

/* Closed before the subscriptions are dropped: the bus forgets them all, and need not be told of each. */
static void link_close(Link *l) {
        if (!l->bus)
                return;
        sd_bus_close(l->bus);
        for (size_t i = 0; i < l->n_users; i++)
                l->users[i].down(l->users[i].userdata);
        l->bus = sd_bus_unref(l->bus);
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Link *l = userdata;

        link_close(l);
        l->lost(l->userdata);
        return 0;
}

/* Where the user's bus is when the environment does not say so, as for sudo, cron and some agents. */
static int open_user_bus_by_uid(sd_bus **ret) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        char address[64];
        int r;

        (void) snprintf(address, sizeof(address), "unix:path=/run/user/%u/bus", (unsigned) getuid());
        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_address(bus, address);
        if (r >= 0)
                r = sd_bus_set_bus_client(bus, true);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r >= 0)
                *ret = TAKE_PTR(bus);
        return r;
}

static int open_any(bool system, sd_bus **ret) {
        if (system)
                return sd_bus_open_system(ret);
        if (!getenv("DBUS_SESSION_BUS_ADDRESS") && !getenv("XDG_RUNTIME_DIR"))
                return open_user_bus_by_uid(ret);
        return sd_bus_open_user(ret);
}

static int connect_bus(Link *l, sd_bus **ret) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        int r;

        r = open_any(l->system, &bus);
        if (r >= 0)
                r = sd_bus_attach_event(bus, l->event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = sd_bus_match_signal(bus, NULL, NULL, "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
                                        "Disconnected", on_disconnected, l);
        if (r >= 0)
                *ret = TAKE_PTR(bus);
        return r;
}

int link_open(Link *l) {
        int r;

        link_close(l);
        r = connect_bus(l, &l->bus);
        for (size_t i = 0; r >= 0 && i < l->n_users; i++)
                r = l->users[i].up(l->bus, l->users[i].userdata);
        if (r < 0)
                link_close(l);
        return MIN(r, 0);
}

bool link_is_system(const Link *l) {
        return l->system;
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

int link_new(sd_event *event, bool system, void (*lost)(void *userdata), void *userdata, Link **ret) {
        Link *l = malloc(sizeof(Link));

        if (!l)
                return -ENOMEM;
        *l = (Link) { .event = sd_event_ref(event), .system = system, .lost = lost, .userdata = userdata };
        *ret = l;
        return 0;
}

Link *link_free(Link *l) {
        if (!l)
                return NULL;
        if (l->bus)
                sd_bus_close(l->bus);
        (void) sd_bus_unref(l->bus);
        (void) sd_event_unref(l->event);
        free(l);
        return NULL;
}

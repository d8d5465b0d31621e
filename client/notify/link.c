/* SPDX-License-Identifier: Apache-2.0 */

#include "link.h"
#include "say.h"

/* A bus that is not there is tried again after that long, then after twice as long and so on. A bus that is being
 * restarted by systemd costs no try: its socket stays, and takes the connection. */
#define RETRY_MIN_USEC (100 * USEC_PER_MSEC)
#define RETRY_MAX_USEC (10 * USEC_PER_SEC)

#define USERS_MAX 4

struct Link {
        sd_event *event;
        bool system;
        sd_bus *bus; /* NULL: waiting for it */
        sd_event_source *retry;
        uint64_t delay_usec;
        LinkUser users[USERS_MAX];
        size_t n_users;
};

static const char *name_of(const Link *l) {
        return l->system ? "system bus" : "session bus";
}

static void link_drop(Link *l) {
        for (size_t i = 0; i < l->n_users; i++)
                l->users[i].down(l->users[i].userdata);
        if (l->bus)
                sd_bus_close(l->bus);
        l->bus = sd_bus_unref(l->bus);
}

static int on_retry(sd_event_source *s, uint64_t usec, void *userdata) {
        return link_open(userdata);
}

static int retry_later(Link *l) {
        uint64_t delay = l->delay_usec;

        l->delay_usec = MIN(2 * delay, RETRY_MAX_USEC);
        l->retry = sd_event_source_disable_unref(l->retry);
        return sd_event_add_time_relative(l->event, &l->retry, CLOCK_MONOTONIC, delay, delay / 4, on_retry, l);
}

static int on_greeted(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Link *l = userdata;

        if (sd_bus_message_is_method_error(m, NULL) == 0)
                l->delay_usec = RETRY_MIN_USEC;
        return 0;
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Link *l = userdata;

        if (l->delay_usec == RETRY_MIN_USEC) /* not for each try that fails */
                say("Lost connection to the %s, reconnecting.", name_of(l));
        link_drop(l);
        return retry_later(l);
}

static int connect_bus(Link *l, sd_bus **ret) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        int r;

        r = l->system ? sd_bus_open_system(&bus) : sd_bus_open_user(&bus);
        if (r < 0)
                return r;
        r = sd_bus_attach_event(bus, l->event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0)
                return r;
        r = sd_bus_match_signal(bus, NULL, NULL, "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
                                "Disconnected", on_disconnected, l);
        if (r < 0)
                return r;
        /* The first thing that is answered: until then the bus may only be about to come. */
        r = sd_bus_call_method_async(bus, NULL, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                     "org.freedesktop.DBus", "GetId", on_greeted, l, "");
        if (r < 0)
                return r;
        *ret = TAKE_PTR(bus);
        return 0;
}

int link_open(Link *l) {
        int r;

        r = connect_bus(l, &l->bus);
        for (size_t i = 0; r >= 0 && i < l->n_users; i++)
                r = l->users[i].up(l->bus, l->users[i].userdata);
        if (r >= 0)
                return 0;
        if (r == -ENOMEM)
                return r;
        if (l->delay_usec == RETRY_MIN_USEC)
                say("Failed to connect to the %s: %s. Trying again.", name_of(l), strerror(-r));
        link_drop(l);
        return retry_later(l);
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

int link_new(sd_event *event, bool system, Link **ret) {
        Link *l = malloc(sizeof(Link));

        if (!l)
                return -ENOMEM;
        *l = (Link) { .event = sd_event_ref(event), .system = system, .delay_usec = RETRY_MIN_USEC };
        *ret = l;
        return 0;
}

Link *link_free(Link *l) {
        if (!l)
                return NULL;
        (void) sd_event_source_disable_unref(l->retry);
        (void) sd_bus_flush_close_unref(l->bus);
        (void) sd_event_unref(l->event);
        free(l);
        return NULL;
}

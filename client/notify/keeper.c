/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "keeper.h"
#include "say.h"

/* A bus that is not there is tried again after that long, then after twice as long and so on. A bus that is being
 * restarted by systemd costs no try: its socket stays, and takes the connection. */
#define RETRY_MIN_USEC (100 * USEC_PER_MSEC)
#define RETRY_MAX_USEC (10 * USEC_PER_SEC)

struct Keeper {
        sd_event *event;
        Link *link;
        sd_event_source *retry;
        uint64_t delay_usec;
};

static const char *name_of(const Keeper *k) {
        return link_is_system(k->link) ? "system bus" : "session bus";
}

static int on_retry(sd_event_source *s, uint64_t usec, void *userdata) {
        return keeper_open(userdata);
}

static int retry_later(Keeper *k) {
        uint64_t delay = k->delay_usec;

        k->delay_usec = MIN(2 * delay, RETRY_MAX_USEC);
        k->retry = sd_event_source_disable_unref(k->retry);
        return sd_event_add_time_relative(k->event, &k->retry, CLOCK_MONOTONIC, delay, delay / 4, on_retry, k);
}

static void on_lost(void *userdata) {
        Keeper *k = userdata;
        int r;

        if (k->delay_usec == RETRY_MIN_USEC) /* not for each try that fails */
                say("Lost connection to the %s, reconnecting.", name_of(k));
        r = retry_later(k);
        if (r < 0)
                (void) sd_event_exit(k->event, r);
}

static int on_greeted(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Keeper *k = userdata;

        if (sd_bus_message_is_method_error(m, NULL) == 0)
                k->delay_usec = RETRY_MIN_USEC;
        return 0;
}

/* The first thing that is answered: until then the bus may only be about to come. */
static int on_up(sd_bus *bus, void *userdata) {
        return sd_bus_call_method_async(bus, NULL, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                        "org.freedesktop.DBus", "GetId", on_greeted, userdata, "");
}

static void on_down(void *userdata) {
}

Link *keeper_link(const Keeper *k) {
        return k->link;
}

int keeper_open(Keeper *k) {
        int r;

        r = link_open(k->link);
        if (r >= 0 || r == -ENOMEM)
                return r;
        if (k->delay_usec == RETRY_MIN_USEC)
                say("Failed to connect to the %s: %s. Trying again.", name_of(k), strerror(-r));
        return retry_later(k);
}

int keeper_new(sd_event *event, bool system, Keeper **ret) {
        _cleanup_(keeper_freep) Keeper *k = malloc(sizeof(Keeper));
        int r;

        if (!k)
                return -ENOMEM;
        *k = (Keeper) { .event = sd_event_ref(event), .delay_usec = RETRY_MIN_USEC };
        r = link_new(event, system, NULL, on_lost, k, &k->link);
        if (r >= 0)
                r = link_add_user(k->link, &(const LinkUser) { on_up, on_down, k });
        if (r < 0)
                return r;
        *ret = TAKE_PTR(k);
        return 0;
}

Keeper *keeper_free(Keeper *k) {
        if (!k)
                return NULL;
        (void) sd_event_source_disable_unref(k->retry);
        if (k->link && link_bus(k->link))
                (void) sd_bus_flush(link_bus(k->link));
        (void) link_free(k->link);
        (void) sd_event_unref(k->event);
        free(k);
        return NULL;
}

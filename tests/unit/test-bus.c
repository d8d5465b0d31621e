/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <sys/socket.h>
#include <systemd/sd-id128.h>

#include "bus-names.h"
#include "test-bus.h"
#include "test.h"

#define PATIENCE_USEC (20 * USEC_PER_SEC)

static sd_bus *bus_new(int fd, bool server) {
        sd_bus *bus = NULL;

        check_ok(sd_bus_new(&bus));
        check_ok(sd_bus_set_fd(bus, fd, fd));
        check_ok(sd_bus_negotiate_fds(bus, true));
        check_ok(sd_bus_set_anonymous(bus, true));
        if (server) {
                sd_id128_t id;

                check_ok(sd_id128_randomize(&id));
                check_ok(sd_bus_set_server(bus, true, id));
        }
        check_ok(sd_bus_start(bus));
        return bus;
}

static void socket_pair(int fds[static 2]) {
        check_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds));
}

sd_bus *bus_new_silent(void) {
        int fds[2];

        /* The other end stays open until the process of the test ends. */
        socket_pair(fds);
        return bus_new(fds[0], false);
}

sd_bus_message *message_new(sd_bus *bus, const char *member) {
        sd_bus_message *m = NULL;

        check_ok(sd_bus_message_new_method_call(bus, &m, NULL, JOBS_PATH, JOBS_INTERFACE, member));
        return m;
}

void message_finish(sd_bus_message *m) {
        check_ok(sd_bus_message_seal(m, 1, 0));
        check_ok(sd_bus_message_rewind(m, true));
}

void bus_pair_open(BusPair *pair) {
        int fds[2];

        *pair = (BusPair) {};
        check_ok(sd_event_default(&pair->event));
        socket_pair(fds);
        pair->server = bus_new(fds[0], true);
        pair->client = bus_new(fds[1], false);
        check_ok(sd_bus_attach_event(pair->server, pair->event, SD_EVENT_PRIORITY_NORMAL));
        check_ok(sd_bus_attach_event(pair->client, pair->event, SD_EVENT_PRIORITY_NORMAL));
        while (sd_bus_is_ready(pair->server) <= 0 || sd_bus_is_ready(pair->client) <= 0)
                check(check_ok(sd_event_run(pair->event, PATIENCE_USEC)) > 0);
}

void bus_pair_close(BusPair *pair) {
        pair->client = sd_bus_close_unref(pair->client);
        pair->server = sd_bus_close_unref(pair->server);
        pair->event = sd_event_unref(pair->event);
}

void run_until(sd_event *event, const bool *done) {
        while (!*done)
                check(check_ok(sd_event_run(event, PATIENCE_USEC)) > 0);
}

void run_pending(sd_event *event) {
        while (check_ok(sd_event_run(event, 0)) > 0)
                ;
}

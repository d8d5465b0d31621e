/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Real D-Bus connections and messages without a bus: two ends of a socket pair. And the event loop that
 * moves them. Failures end the test. */

#include <stdbool.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

/* A connection whose other end never answers: for messages that are made and read, and not sent. */
sd_bus *bus_new_silent(void);

/* A method call of org.codex.Jobs on that connection, to be filled. */
sd_bus_message *message_new(sd_bus *bus, const char *member);

/* A message as its receiver has it: complete, and at its beginning. */
void message_finish(sd_bus_message *m);

/* Two connected ends. */
typedef struct BusPair {
        sd_event *event; /* the default event loop; owned */
        sd_bus *client;
        sd_bus *server;
} BusPair;

void bus_pair_open(BusPair *pair);
void bus_pair_close(BusPair *pair);
#define _cleanup_bus_pair_ _cleanup_(bus_pair_close)

/* Runs the loop until it is so; fails after 20 seconds in which nothing happened. */
void run_until(sd_event *event, const bool *done);

/* Runs what is pending on the loop and waits for nothing. */
void run_pending(sd_event *event);

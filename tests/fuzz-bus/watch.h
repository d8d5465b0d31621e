/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Looks at the service from outside while others call it: how large it is, and how soon it answers. */

#include <systemd/sd-bus.h>

#include "macro.h"

typedef struct WatchSize {
        uint64_t rss;  /* bytes, without the pages of files */
        unsigned n_fds;
} WatchSize;

int watch_size(pid_t pid, WatchSize *ret);

/* The process that owns the name of the service now. */
int watch_find(sd_bus *bus, pid_t *ret);

#define WATCH_PINGS_MAX 100000

/* How long the service and, beside it, the bus itself took to answer a Ping and a GetId. */
typedef struct WatchPings {
        unsigned n;
        uint32_t service[WATCH_PINGS_MAX]; /* µs */
        uint32_t bus[WATCH_PINGS_MAX];
        /* What is left of service without the time that the main thread was ready and did not get a processor, and
         * without what the bus took: this long the service was busy with something else. */
        uint32_t busy[WATCH_PINGS_MAX];
} WatchPings;

/* Pings once. -ENOTCONN: the service did not answer within two minutes, or is gone. */
int watch_ping_once(sd_bus *bus, pid_t pid, WatchPings *ret);

/* Pings until *stop: a time of one is taken every 10 ms. */
int watch_ping(sd_bus *bus, pid_t pid, const volatile bool *stop, WatchPings *ret);

/* Sorts the times and prints the median, the 99th percentile and the longest of each. */
void watch_print(WatchPings *pings);

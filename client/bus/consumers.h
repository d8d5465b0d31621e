/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The consumers of inboxes of the caller. */

#include "client-bus.h"

typedef struct Consumer {
        char *name;
        uint64_t sequence;  /* acknowledged up to here */
        uint64_t seen_usec; /* when it last read or acknowledged, CLOCK_REALTIME */
        bool unread;        /* finished jobs are stored that it has not acknowledged */
} Consumer;

typedef struct ConsumerList {
        Consumer *consumers;
        size_t n;
} ConsumerList;

void consumer_list_clear(ConsumerList *list);
#define _cleanup_consumer_list_ _cleanup_(consumer_list_clear)

/* Each returns 0, or a negative errno with error set unless it is from client_iterate(). The list starts with the one
 * that was not seen for the longest time. */
int consumer_list(Client *c, ConsumerList *ret, sd_bus_error *error);
int consumer_forget(Client *c, const char *name, sd_bus_error *error);

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Turns of one user at a shared resource: a few are served at a time and the others wait, in their order, so that
 * nobody waits for everything that another user asks for. */

#include <stdint.h>
#include <sys/queue.h>

typedef enum TicketState {
        TICKET_NONE,
        TICKET_WAITS,
        TICKET_SERVED,
} TicketState;

/* Embedded in objects that wait to be served; all zero before it joins. */
typedef struct Ticket {
        TAILQ_ENTRY(Ticket) entry; /* while it waits */
        TicketState state;
} Ticket;

typedef struct Turns {
        TAILQ_HEAD(, Ticket) waiting; /* in order of arrival */
        unsigned n_served, n_waiting;
        unsigned at_a_time;
        unsigned waiting_max;
} Turns;

void turns_init(Turns *turns, unsigned at_a_time, unsigned waiting_max);

/* Returns 1 if it is served immediately, 0 if it waits, -JOB_ERROR_TOO_MANY_CALLS if too many wait. */
int turns_join(Turns *turns, Ticket *ticket);

/* Leaves, whether it waited or not; has no effect if it has not joined. Returns the one that is served instead, or
 * NULL. */
Ticket *turns_leave(Turns *turns, Ticket *ticket);

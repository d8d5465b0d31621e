/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Tickets for something that is shared: of each user a few are served at a time and the others of his wait, in
 * their order, so that nobody waits for all that another asks for. */

#include <stdint.h>
#include <sys/queue.h>

typedef enum TicketState {
        TICKET_NONE,
        TICKET_WAITS,
        TICKET_SERVED,
} TicketState;

/* Embedded in what waits to be served; all zero before it joins. */
typedef struct Ticket {
        TAILQ_ENTRY(Ticket) entry;
        uint32_t uid;
        TicketState state;
} Ticket;

typedef struct TicketQueue {
        TAILQ_HEAD(, Ticket) tickets; /* in the order in which they came */
        unsigned at_a_time;       /* of a user */
        unsigned waiting_max;     /* of a user, and those after them */
} TicketQueue;

void ticket_queue_init(TicketQueue *queue, unsigned at_a_time, unsigned waiting_max);

/* Returns 1 where it is served at once, 0 where it waits, -EUSERS where too many of that user wait. */
int ticket_join(TicketQueue *queue, Ticket *ticket, uint32_t uid);

/* Leaves, whether it waited or not; without effect on one that has not joined. Returns the one that is served
 * instead, or NULL. */
Ticket *ticket_leave(TicketQueue *queue, Ticket *ticket);

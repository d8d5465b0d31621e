/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <stddef.h>

#include "ticket.h"

void ticket_queue_init(TicketQueue *queue, unsigned at_a_time, unsigned waiting_max) {
        TAILQ_INIT(&queue->tickets);
        queue->at_a_time = at_a_time;
        queue->waiting_max = waiting_max;
}

/* How many of a user are served, and how many wait; the first of those. */
static Ticket *count(const TicketQueue *queue, uint32_t uid, unsigned *ret_served, unsigned *ret_waiting) {
        Ticket *ticket, *first = NULL;

        *ret_served = *ret_waiting = 0;
        TAILQ_FOREACH(ticket, &queue->tickets, entry) {
                if (ticket->uid != uid)
                        continue;
                *(ticket->state == TICKET_SERVED ? ret_served : ret_waiting) += 1;
                if (ticket->state == TICKET_WAITS && !first)
                        first = ticket;
        }
        return first;
}

int ticket_join(TicketQueue *queue, Ticket *ticket, uint32_t uid) {
        unsigned served, waiting;

        (void) count(queue, uid, &served, &waiting);
        if (waiting >= queue->waiting_max)
                return -EUSERS;
        ticket->uid = uid;
        ticket->state = served < queue->at_a_time ? TICKET_SERVED : TICKET_WAITS;
        TAILQ_INSERT_TAIL(&queue->tickets, ticket, entry);
        return ticket->state == TICKET_SERVED;
}

Ticket *ticket_leave(TicketQueue *queue, Ticket *ticket) {
        unsigned served, waiting;
        Ticket *next;

        if (ticket->state == TICKET_NONE)
                return NULL;
        TAILQ_REMOVE(&queue->tickets, ticket, entry);
        ticket->state = TICKET_NONE;
        next = count(queue, ticket->uid, &served, &waiting);
        if (!next || served >= queue->at_a_time)
                return NULL;
        next->state = TICKET_SERVED;
        return next;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "job-error.h"
#include "turns.h"

void turns_init(Turns *turns, unsigned at_a_time, unsigned waiting_max) {
        *turns = (Turns) { .at_a_time = at_a_time, .waiting_max = waiting_max };
        TAILQ_INIT(&turns->waiting);
}

int turns_join(Turns *turns, Ticket *ticket) {
        if (turns->n_waiting >= turns->waiting_max)
                return -JOB_ERROR_TOO_MANY_CALLS;
        if (turns->n_served < turns->at_a_time) {
                ticket->state = TICKET_SERVED;
                turns->n_served++;
                return 1;
        }
        ticket->state = TICKET_WAITS;
        TAILQ_INSERT_TAIL(&turns->waiting, ticket, entry);
        turns->n_waiting++;
        return 0;
}

Ticket *turns_leave(Turns *turns, Ticket *ticket) {
        TicketState state = ticket->state;
        Ticket *next;

        ticket->state = TICKET_NONE;
        if (state == TICKET_WAITS) {
                TAILQ_REMOVE(&turns->waiting, ticket, entry);
                turns->n_waiting--;
        }
        if (state != TICKET_SERVED)
                return NULL;
        turns->n_served--;
        next = TAILQ_FIRST(&turns->waiting);
        if (next) {
                TAILQ_REMOVE(&turns->waiting, next, entry);
                turns->n_waiting--;
                next->state = TICKET_SERVED;
                turns->n_served++;
        }
        return next;
}

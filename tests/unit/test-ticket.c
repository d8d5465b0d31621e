/* SPDX-License-Identifier: Apache-2.0 */

#include "macro.h"
#include "test.h"
#include "ticket.h"

static void served_in_order(void) {
        Ticket tickets[5] = {};
        TicketQueue queue;

        ticket_queue_init(&queue, 2, 10);
        for (size_t i = 0; i < ELEMENTSOF(tickets); i++)
                check_int(ticket_join(&queue, &tickets[i], 7), i < 2);
        check(ticket_leave(&queue, &tickets[1]) == &tickets[2]);
        check(ticket_leave(&queue, &tickets[0]) == &tickets[3]);
        check(ticket_leave(&queue, &tickets[2]) == &tickets[4]);
        check(!ticket_leave(&queue, &tickets[3]));
        check(!ticket_leave(&queue, &tickets[4]));
        check(TAILQ_EMPTY(&queue.tickets));
}

/* A user's own wait for him, and nobody else's. */
static void each_user(void) {
        Ticket own[2] = {}, other[2] = {};
        TicketQueue queue;

        ticket_queue_init(&queue, 1, 10);
        check_int(ticket_join(&queue, &own[0], 1), 1);
        check_int(ticket_join(&queue, &own[1], 1), 0);
        check_int(ticket_join(&queue, &other[0], 2), 1);
        check_int(ticket_join(&queue, &other[1], 2), 0);
        check(ticket_leave(&queue, &other[0]) == &other[1]);
        check(ticket_leave(&queue, &own[0]) == &own[1]);
        check(!ticket_leave(&queue, &own[1]));
        check(!ticket_leave(&queue, &other[1]));
}

static void leaves_while_it_waits(void) {
        Ticket tickets[3] = {};
        TicketQueue queue;

        ticket_queue_init(&queue, 1, 10);
        for (size_t i = 0; i < ELEMENTSOF(tickets); i++)
                (void) ticket_join(&queue, &tickets[i], 1);
        check(!ticket_leave(&queue, &tickets[1])); /* it was nobody's turn */
        check(!ticket_leave(&queue, &tickets[1]));
        check(ticket_leave(&queue, &tickets[0]) == &tickets[2]);
        check(!ticket_leave(&queue, &tickets[2]));
        check_int(ticket_join(&queue, &tickets[1], 1), 1); /* once more */
        check(!ticket_leave(&queue, &tickets[1]));
}

static void too_many_wait(void) {
        Ticket tickets[4] = {}, other = {};
        TicketQueue queue;

        ticket_queue_init(&queue, 1, 2);
        check_int(ticket_join(&queue, &tickets[0], 1), 1);
        check_int(ticket_join(&queue, &tickets[1], 1), 0);
        check_int(ticket_join(&queue, &tickets[2], 1), 0);
        check_int(ticket_join(&queue, &tickets[3], 1), -EUSERS);
        check(!ticket_leave(&queue, &tickets[3])); /* it has not joined */
        check_int(ticket_join(&queue, &other, 2), 1);
        check(ticket_leave(&queue, &tickets[0]) == &tickets[1]);
        check_int(ticket_join(&queue, &tickets[3], 1), 0);
}

TEST_MAIN(TEST(served_in_order), TEST(each_user), TEST(leaves_while_it_waits), TEST(too_many_wait))

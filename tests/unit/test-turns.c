/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "job-error.h"
#include "macro.h"
#include "test.h"
#include "turns.h"

static void served_in_order(void) {
        Ticket tickets[5] = {};
        Turns turns;

        turns_init(&turns, 2, 10);
        for (size_t i = 0; i < ELEMENTSOF(tickets); i++)
                check_int(turns_join(&turns, &tickets[i]), i < 2);
        check(turns_leave(&turns, &tickets[1]) == &tickets[2]);
        check(turns_leave(&turns, &tickets[0]) == &tickets[3]);
        check(turns_leave(&turns, &tickets[2]) == &tickets[4]);
        check(!turns_leave(&turns, &tickets[3]));
        check(!turns_leave(&turns, &tickets[4]));
        check(TAILQ_EMPTY(&turns.waiting));
}

static void leaves_while_it_waits(void) {
        Ticket tickets[3] = {};
        Turns turns;

        turns_init(&turns, 1, 10);
        for (size_t i = 0; i < ELEMENTSOF(tickets); i++)
                (void) turns_join(&turns, &tickets[i]);
        check(!turns_leave(&turns, &tickets[1])); /* it was nobody's turn */
        check(!turns_leave(&turns, &tickets[1]));
        check(turns_leave(&turns, &tickets[0]) == &tickets[2]);
        check(!turns_leave(&turns, &tickets[2]));
        check_int(turns_join(&turns, &tickets[1]), 1); /* once more */
        check(!turns_leave(&turns, &tickets[1]));
}

static void too_many_wait(void) {
        Ticket tickets[4] = {};
        Turns turns;

        turns_init(&turns, 1, 2);
        check_int(turns_join(&turns, &tickets[0]), 1);
        check_int(turns_join(&turns, &tickets[1]), 0);
        check_int(turns_join(&turns, &tickets[2]), 0);
        check_int(turns_join(&turns, &tickets[3]), -JOB_ERROR_TOO_MANY_CALLS);
        check(!turns_leave(&turns, &tickets[3])); /* it has not joined */
        check(turns_leave(&turns, &tickets[0]) == &tickets[1]);
        check_int(turns_join(&turns, &tickets[3]), 0);
}

TEST_MAIN(TEST(served_in_order), TEST(leaves_while_it_waits), TEST(too_many_wait))

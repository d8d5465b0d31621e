/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Why Codex gave up, from what it wrote to standard error: where it fails early there is no event that says
 * it. Keeps only the lines that may be the reason. */

#include <stdbool.h>
#include <stddef.h>

typedef struct Complaint {
        char *error; /* the last line that says error; NULL: none */
        char *last;  /* the last line that says anything; NULL: none */
        bool goes_on; /* the line behind the error belongs to it */
        bool backtrace;
} Complaint;

/* Takes in a line. Returns 1 if it is of interest to a person, 0 if it is the rest of a backtrace and the
 * like, -ENOMEM. */
int complaint_line(Complaint *complaint, const char *line, size_t n);

/* The reason as one line, NULL if there is none. Not owned. */
const char *complaint_reason(const Complaint *complaint);

void complaint_clear(Complaint *complaint);

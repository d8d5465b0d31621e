/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The reason of a failure, from standard error of Codex: there is no event for early failures. Keeps only lines that
 * may be the reason. */

#include <stdbool.h>
#include <stddef.h>

typedef struct Complaint {
        char *error; /* the last line that reports an error; NULL: none */
        char *last;  /* the last other line; NULL: none */
        bool continues; /* the line after the error is part of it */
        bool backtrace;
} Complaint;

/* Adds a line. Returns 1 if it is relevant to users, 0 if it is part of a backtrace or similar, -ENOMEM. */
int complaint_line(Complaint *complaint, const char *line, size_t n);

void complaint_clear(Complaint *complaint);

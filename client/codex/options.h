/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The command line of codex-jobs-codex. Strings point into argv. */

#include "macro.h"

typedef struct Options {
        const char *kind;
        const char *expected_thread; /* NULL: any */
        const char *target;          /* of a review; NULL: it is not known */
        const char *model;           /* as passed to Codex; NULL: its default */
        char **command;              /* of Codex, NULL-terminated */
} Options;

/* Reads it. Returns 0 with ret set, 1 when the program is done (--help), or -EINVAL; the reason is on stderr. */
int options_read(int argc, char *argv[], Options *ret);

bool options_is_review(const Options *options);

/* Whether the answer should be findings. */
bool options_is_structured(const Options *options);

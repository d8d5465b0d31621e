/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Advice to users about failures whose reason is only known as a message of Codex. */

#include <stdbool.h>

typedef struct Advice {
        const char *part;    /* of the reason */
        const char *fact;    /* these are sentences without their full stop */
        const char *remedy;
        const char *command; /* the command that fixes it; NULL: there is none */
        bool resumable;      /* the thread can then be continued */
} Advice;

/* Returns the advice for a reason, or NULL. */
const Advice *advice_find(const char *reason);

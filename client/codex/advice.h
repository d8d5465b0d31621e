/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a person can do about a failure whose reason is known only as a text of Codex. */

#include <stdbool.h>

typedef struct Advice {
        const char *part; /* of the reason */
        const char *text; /* a sentence without its full stop */
        const char *command; /* what mends it; NULL: no single command does */
        bool go_on; /* and then go on with the thread */
} Advice;

/* The advice for a reason; NULL: there is none. */
const Advice *advice_find(const char *reason);

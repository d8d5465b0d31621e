/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Events that the core reports to the room that presents its jobs. */

#include <stdbool.h>

typedef struct Job Job;

typedef struct JobEvents {
        /* The state of all stored jobs is known: from now on the core can answer for them. Called once. Returns 0,
         * or a negative errno that stops the service. */
        int (*ready)(void *userdata);

        void (*added)(Job *job, void *userdata);
        void (*started)(Job *job, void *userdata);    /* state and start have changed */
        void (*progressed)(Job *job, void *userdata); /* not rate-limited */
        void (*waits)(Job *job, void *userdata);      /* what it waits for has changed */
        void (*edited)(Job *job, void *userdata);     /* its label, queue, priority or time have changed */
        void (*retries)(Job *job, void *userdata);    /* an attempt has ended, and it is queued again */
        void (*stuck)(Job *job, void *userdata);      /* Job.stuck is set: the job may not end soon */
        void (*finished)(Job *job, void *userdata);   /* its end is recorded: all of its fields may have changed */
        bool (*answer)(Job *job, void *userdata);     /* then, until it returns false: answer one that waits for the end, if any */
        void (*removed)(Job *job, void *userdata);    /* it is no longer live */

        /* Whether what was reported is still being sent: what has no bound then waits until core_resume() is called. */
        bool (*is_congested)(void *userdata);
} JobEvents;

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the core reports to whoever shows its jobs to others. */

typedef struct Job Job;

typedef struct JobEvents {
        /* What became of the jobs of before is known: from now on the core can answer for all of them. Once. Returns 0, or a
         * negative errno that ends the service. */
        int (*ready)(void *userdata);

        void (*added)(Job *job, void *userdata);
        void (*started)(Job *job, void *userdata);    /* state and start have changed */
        void (*progressed)(Job *job, void *userdata); /* as often as the job likes */
        void (*stuck)(Job *job, void *userdata);      /* Job.stuck is set: it may not end soon */
        void (*finished)(Job *job, void *userdata);   /* its end is recorded: all that it has to do with may have changed */
        void (*removed)(Job *job, void *userdata);    /* it is no longer live */
} JobEvents;

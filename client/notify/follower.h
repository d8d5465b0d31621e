/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* What ends on one bus, by sequence: an inbox of our own at the service, which is asked whenever JobFinished or
 * another owner of the service's name shows that there may be something, and acknowledged once that was shown. So
 * no job is missed, whichever side was away. The service is never started for this: no job ends while
 * it does not run. */

#include "jobs.h"
#include "link.h"

typedef struct Follower Follower;

typedef struct FollowerEvents {
        bool (*is_ready)(void *userdata); /* whether jobs could be shown now */

        /* Finished jobs, ordered by sequence; answered by follower_shown(), immediately or later. */
        void (*show)(Follower *f, JobList *jobs, void *userdata); /* takes the contents of jobs */

        void (*settled)(void *userdata); /* it is known for the first time whether there is anything to follow */
        void *userdata;                  /* not owned */
} FollowerEvents;

int follower_new(Link *link, const FollowerEvents *events, Follower **ret);
Follower *follower_free(Follower *f);
DEFINE_CLEANUP(Follower *, follower_free);

Link *follower_link(const Follower *f);
bool follower_is_settled(const Follower *f);

/* Continues with jobs that could not be shown before. */
void follower_continue(Follower *f);

/* Jobs up to this sequence are dealt with, 0: none. all: those of show() are. */
void follower_shown(Follower *f, uint64_t sequence, bool all);

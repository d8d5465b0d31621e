/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Jobs in a queue, for its tests. */

#include "queue.h"
#include "test.h"

/* A job of a user; its ID ends in that letter. Those of a lane are in the queue of that name, in
 * the last case of user 7. */
Job *new_job(char letter, uint32_t uid);
Job *new_job_of(char letter, uint32_t uid, const char *lane);
Job *new_job_in(char letter, const char *lane);

void init_queue(Queue *queue, uint32_t max_running, uint32_t max_running_user);

void check_counts(const Queue *queue, uint32_t n_waiting, uint32_t n_running);
void check_lent(const Queue *queue, uint32_t n_running, uint32_t n_lent);

/* Gives all slots back, so that the queue holds no user any more: a leak would be found. */
void release_all(Queue *queue, Job *const *jobs, size_t n);
#define RELEASE(queue, ...) release_all(queue, (Job *[]) { __VA_ARGS__ }, ELEMENTSOF(((Job *[]) { __VA_ARGS__ })))

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A thread beside the event loop for what may block on a disk. Operations run in the order in which they
 * were submitted; their completions run on the loop, in the same order. The thread takes all that is
 * waiting as one batch, so that an owner may share one fsync among them. */

#include <sys/queue.h>
#include <systemd/sd-event.h>

typedef struct Background Background;
typedef struct BackgroundOp BackgroundOp;
typedef TAILQ_HEAD(BackgroundBatch, BackgroundOp) BackgroundBatch;

/* Embedded as the first member of what an owner submits. */
struct BackgroundOp {
        TAILQ_ENTRY(BackgroundOp) entry;
        void (*complete)(BackgroundOp *op); /* on the loop; frees op */
};

/* Runs on the thread: carries out all operations of the batch and removes none. */
typedef void (*BackgroundRun)(BackgroundBatch *batch, void *userdata);

/* Starts a thread of that name (at most 15 characters). userdata belongs to the thread until
 * background_free(). Returns 0 or a negative errno. */
int background_new(Background **ret, sd_event *event, const char *name, BackgroundRun run, void *userdata);

/* Carries out what is waiting, completes it, and ends the thread. Takes NULL; returns NULL. */
Background *background_free(Background *b);

/* Hands op over; its complete() is called exactly once, never from within this call. */
void background_submit(Background *b, BackgroundOp *op);

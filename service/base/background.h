/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* A thread for operations that may block on a disk. Operations run in the order of submission; their completions run
 * on the event loop, in the same order. The thread takes all waiting operations as one batch, so that an owner can
 * share one fsync between them. */

#include <sys/queue.h>
#include <systemd/sd-event.h>

typedef struct Background Background;
typedef struct BackgroundOp BackgroundOp;
typedef TAILQ_HEAD(BackgroundBatch, BackgroundOp) BackgroundBatch;

/* Embedded as the first member of an operation. */
struct BackgroundOp {
        TAILQ_ENTRY(BackgroundOp) entry;
        void (*complete)(BackgroundOp *op); /* on the loop; frees op */
};

/* Runs on the thread: executes all operations of the batch without removing any. */
typedef void (*BackgroundRun)(BackgroundBatch *batch, void *userdata);

/* Starts a thread of that name (at most 15 characters). userdata belongs to the thread until
 * background_free(). Returns 0 or a negative errno. */
int background_new(Background **ret, sd_event *event, const char *name, BackgroundRun run, void *userdata);

/* Executes and completes waiting operations, and stops the thread. Takes NULL; returns NULL. */
Background *background_free(Background *b);

/* Submits op; its complete() is called exactly once, never from within this call. */
void background_submit(Background *b, BackgroundOp *op);

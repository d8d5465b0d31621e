/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The jobs that top shows: listed once, and then read when a signal reports a change. They are listed again when
 * signals may have been missed. */

#include "client-bus.h"
#include "job-record.h"
#include "usage.h"

typedef struct TopJob {
        JobRecord record;
        Usage usage; /* of a running job */
} TopJob;

typedef struct Model Model;

/* Subscribes and starts to list. changed() is called after each change. */
int model_new(Client *c, void (*changed)(void *userdata), void *userdata, Model **ret);
Model *model_free(Model *m);
DEFINE_CLEANUP(Model *, model_free);

/* In order: running jobs, by start; queued jobs, by priority and age; the newest finished jobs, the newest first. Valid
 * until the event loop runs. */
TopJob *const *model_jobs(const Model *m, size_t *ret_n);

/* Whether the jobs have been listed since the start, or since signals were missed. */
bool model_is_loaded(const Model *m);

/* Whether the queue of the caller is paused; false if the service does not support that. */
bool model_is_paused(const Model *m);

/* Lists again. */
void model_reload(Model *m);

/* Reads again whether the queue is paused. */
void model_read_queue(Model *m);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The jobs that top shows, as the bus tells of them: all are listed once, and from then on a job is read when a
 * signal said that it changed. They are listed anew when signals may have been missed. */

#include "client-bus.h"
#include "job-record.h"
#include "usage.h"

typedef struct TopJob {
        JobRecord record;
        Usage usage; /* of one that runs */
} TopJob;

typedef struct Model Model;

/* Subscribes and begins to list. changed() is called after each change. */
int model_new(Client *c, void (*changed)(void *userdata), void *userdata, Model **ret);
Model *model_free(Model *m);
DEFINE_CLEANUP(Model *, model_free);

/* In order: those that run, by their start; those that wait, by their place; the newest that ended, newest first.
 * Valid until the event loop runs. */
TopJob *const *model_jobs(const Model *m, size_t *ret_n);

/* Whether the jobs were listed since the start, or since signals were missed. */
bool model_is_loaded(const Model *m);

/* Whether the caller's queue starts no jobs; of a service that cannot pause, never. */
bool model_is_paused(const Model *m);

/* Lists again. */
void model_reload(Model *m);

/* Asks again whether the queue is paused. */
void model_read_queue(Model *m);

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Callers of ReadOutput that have read all of a stream of a live job: OutputGrew tells each of them once when there is
 * more. Output that nobody waits for costs nothing. */

#include <stdint.h>

#include "output.h"
#include "peer.h"

typedef struct Service Service;
typedef struct Job Job;
typedef struct Reader Reader;

typedef struct Readers {
        Service *service; /* not owned */
        Job *job;         /* not owned */
        LIST_HEAD(, Reader) list;
        sd_event_source *growth; /* the eventfd of the worker; NULL: nobody waits, or an older worker has none */
        sd_event_source *timer;  /* until they may be told again */
        uint64_t told_usec;      /* CLOCK_MONOTONIC */
} Readers;

void readers_init(Readers *readers, Service *service, Job *job);

/* Frees all of them. */
void readers_clear(Readers *readers);

/* A peer has read a stream up to an offset, its end. */
int readers_wait(Readers *readers, Peer *peer, OutputStream stream, uint64_t offset);

/* The job has ended: tells all of them. */
void readers_end(Readers *readers);

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The folder of a job on the node that runs it, SPOOL_ROOT/UID/ID. Making it is the claim: a job whose folder is there was
 * begun, and is never begun again. It is locked (flock(2)) while its keeper is alive, see node.c. In it are
 *
 *   out, err, order   what the job writes, and in which order; the first two begin where earlier attempts ended
 *   hello, place, progress, left, end   the last message of each kind from its worker, see worker-protocol.h
 *   link              the socket of the keeper
 *   work              for the worker: the parent of the folder with notify and result
 *
 * SPOOL_ROOT belongs to root and everybody may make folders in it (sticky); one that belongs to somebody else is refused. */

#include "macro.h"

#define SPOOL_ROOT "/var/spool/codex-jobs"

enum {
        SPOOL_OUT,
        SPOOL_ERR,
        SPOOL_ORDER,
        SPOOL_STREAMS,
};
extern const char *const spool_streams[SPOOL_STREAMS];

typedef struct Spool {
        const char *id;
        int parent; /* SPOOL_ROOT/UID */
        int fd;     /* the folder of the job */
        char path[104];
} Spool;

/* Makes and locks the folder: -EEXIST if it is there. *ret_error: what failed, for a sentence. */
int spool_claim(Spool *s, const char *id, const char **ret_failed);

/* Opens the folder of a job that was begun, -ENOENT if there is none. */
int spool_open(Spool *s, const char *id, const char **ret_failed);

/* Whether nobody has it locked. */
bool spool_is_dead(const Spool *s);

/* Writes a file so that it is there whole or not at all; durable: even after a power failure. */
int spool_put(const Spool *s, const char *name, const void *data, size_t size, bool durable);

/* Reads a file of at most max bytes. Returns its size, or a negative errno. */
ssize_t spool_get(const Spool *s, const char *name, void *data, size_t max);

/* Deletes the folder of the job. */
void spool_remove(Spool *s);

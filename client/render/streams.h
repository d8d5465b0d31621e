/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Copies what a job writes to our own standard descriptors, as it grows, without ever blocking the event loop on a slow
 * reader. Both streams come in the order in which they were written, as far as that is known, so that a reader that is
 * slow with one of them holds up the other. Byte for byte, but clean for a terminal (clean.h). A failure stops the
 * client: -EPIPE when the reader of stdout went away. */

#include "client-bus.h"

typedef struct Streams Streams;

#define STREAM_ALL UINT64_MAX

typedef struct StreamRange {
        uint64_t begin, end; /* INT64_MAX: of the file */
} StreamRange;

typedef struct StreamOptions {
        const char *only; /* "stdout" or "stderr", which goes to our stdout; NULL: both, each to its own */
        uint64_t tail;    /* how many of the last lines of each, or STREAM_ALL */
        const StreamRange *ranges; /* what is shown of stdout and stderr; NULL: all */
        bool timestamps;  /* each line begins with its time (stamp.h) */
        bool lazy;        /* a job that ends soon, or at once, may have written nothing: not asked for before */
} StreamOptions;

/* Asks for the output of a job, by its id in full, and copies it. */
int streams_new(Client *c, const char *id, const StreamOptions *options, Streams **ret);
Streams *streams_free(Streams *s);
DEFINE_CLEANUP(Streams *, streams_free);

/* What there is now is all that is wanted: runs the event loop until it is copied. NULL is done already. Returns 0 or
 * what client_iterate() returned. */
int streams_finish(Streams *s, sd_bus_error *error);

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Copies both streams of a job to our own standard descriptors: cleaned on a terminal, and with times if requested.
 * Never blocks. */

#include "clean.h"
#include "macro.h"
#include "order.h"

#define OUTLET_SIZE (64U * 1024U)

typedef struct OutletTarget {
        int fd;           /* not owned */
        size_t chunk;     /* a write accepts as much as fits when it is ready */
        bool is_terminal; /* output is cleaned */
        bool lost;        /* its reader went away */
        bool amid;        /* a line */
        Cleaner cleaner;
} OutletTarget;

typedef struct Outlet {
        bool timestamps;
        OutletTarget targets[_OUTPUT_ORDER_STREAM_MAX]; /* of each stream */
        OutletTarget *target; /* of what is in the buffer */
        size_t begin, end;    /* of what has not been written */
        char buffer[OUTLET_SIZE];
        char raw[OUTLET_SIZE];
        char cleaned[OUTLET_SIZE];
} Outlet;

void outlet_init(Outlet *o, int out, int err, bool timestamps);

bool outlet_is_empty(const Outlet *o);

/* Whether there is room for output of a stream. Buffered output is written before that of another stream. */
bool outlet_has_room(const Outlet *o, OutputOrderStream stream);

/* Reads as much of a part as there is room for. Returns the number of bytes, 0 at the end of the file. */
ssize_t outlet_read(Outlet *o, const OrderPart *part, int fd);

/* At the end of the streams: adds incomplete characters that were held back. Must be called until it returns false,
 * each time with an empty buffer. */
bool outlet_end(Outlet *o);

/* Writes the buffer. Returns 1 if all of it was written, 0 if the target is not ready. */
int outlet_flush(Outlet *o);

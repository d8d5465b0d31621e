/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The way of both streams of a job to our own standard descriptors: what one of them gets next is made clean where that
 * is a terminal, and gets its times where they are wanted. Never waits. */

#include "clean.h"
#include "macro.h"
#include "order.h"

#define OUTLET_SIZE (64U * 1024U)

typedef struct OutletTarget {
        int fd;           /* not owned */
        size_t chunk;     /* as much as it takes without blocking when it is ready */
        bool is_terminal; /* what is written there is clean */
        bool lost;        /* nobody reads it */
        bool amid;        /* a line */
        Cleaner cleaner;
} OutletTarget;

typedef struct Outlet {
        bool timestamps;
        OutletTarget targets[_OUTPUT_ORDER_STREAM_MAX]; /* of each stream */
        OutletTarget *target; /* of what is in the buffer */
        size_t begin, end;    /* of what is not written */
        char buffer[OUTLET_SIZE];
        char raw[OUTLET_SIZE];
        char cleaned[OUTLET_SIZE];
} Outlet;

void outlet_init(Outlet *o, int out, int err, bool timestamps);

bool outlet_is_empty(const Outlet *o);

/* Whether there is room for some of a stream. What is in the buffer is written before anything of another. */
bool outlet_has_room(const Outlet *o, OutputOrderStream stream);

/* Reads as much of a part as there is room for. Returns how many bytes, 0 at the end of the file. */
ssize_t outlet_read(Outlet *o, const OrderPart *part, int fd);

/* Nothing more is read: takes what was held back as the beginning of a character. To be called until it returns false,
 * always with an empty buffer. */
bool outlet_end(Outlet *o);

/* Writes what is in the buffer. Returns 1 when all of it is written, 0 when the target is not ready. */
int outlet_flush(Outlet *o);

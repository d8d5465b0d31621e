/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Copies what a job writes to one of our own standard descriptors, as it grows, without ever blocking the event
 * loop on a slow reader. Byte for byte, but clean for a terminal (clean.h). A failure stops the client: -EPIPE when
 * the reader went away. */

#include "client-bus.h"

typedef struct Stream Stream;

#define STREAM_ALL UINT64_MAX

/* Asks for an output of the job ("stdout" or "stderr") and copies it to target, from its last tail lines on. */
int stream_new(Client *c, const char *id, const char *name, int target, uint64_t tail, Stream **ret);
Stream *stream_free(Stream *s);
DEFINE_CLEANUP(Stream *, stream_free);

/* Nothing will be added to the output: runs the event loop until all of it is copied. NULL is done already.
 * Returns 0 or what client_iterate() returned. */
int stream_finish(Stream *s, sd_bus_error *error);

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The output of a job: opened, measured from its end, and read within bounds. */

#include "client-bus.h"

/* The output of a job: the argument of append_output(). */
typedef struct OutputName {
        const char *id;     /* the full ID; must live as long as a call that uses it */
        const char *stream; /* "stdout" or "stderr" */
} OutputName;

int append_output(sd_bus_message *m, void *output_name);

/* Takes the file descriptor out of a reply to OpenOutput; the caller closes it. */
int output_take_fd(sd_bus_message *reply, int *ret);

/* What a caller will read of a stream: all that is copied where the connection passes no descriptors. */
typedef struct OutputWant {
        uint64_t head, tail; /* bytes from the beginning, and at the end; UINT64_MAX: all */
        uint64_t lines;      /* the last ones */
} OutputWant;

/* Opens a stream, or a copy of what is wanted of it, in a file of the same size. */
int output_open(Client *c, const OutputName *name, const OutputWant *want, int *ret, sd_bus_error *error);

/* The offset of the last n lines of a file. An incomplete line counts. */
int output_tail(int fd, uint64_t n, off_t *ret);

/* Reads up to max bytes from an offset; *ret is followed by a NUL byte. */
int output_read(int fd, off_t offset, size_t max, char **ret, size_t *ret_size);

/* ---- Without descriptors, for mirror.c ---- */

/* The arguments of ReadOutput, for append_part(). */
typedef struct OutputPart {
        OutputName name;
        uint64_t offset, max;
} OutputPart;

typedef struct OutputState {
        uint64_t size;
        bool complete;
} OutputState;

int append_part(sd_bus_message *m, void *output_part);

/* Writes the data of a reply to ReadOutput into a file, where it belongs, and advances the offset. */
int output_take_part(sd_bus_message *reply, OutputPart *part, int fd, OutputState *ret);

/* An empty file in memory. */
int output_new(void);

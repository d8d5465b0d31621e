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

int output_open(Client *c, const OutputName *name, int *ret, sd_bus_error *error);

/* The offset of the last n lines of a file. An incomplete line counts. */
int output_tail(int fd, uint64_t n, off_t *ret);

/* Reads up to max bytes from an offset; *ret is followed by a NUL byte. */
int output_read(int fd, off_t offset, size_t max, char **ret, size_t *ret_size);

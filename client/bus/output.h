/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a job wrote: opened, measured from its end, and read in bounds. */

#include "client-bus.h"

/* Which output of which job: what append_output() takes as argument. */
typedef struct OutputName {
        const char *id;     /* in full; must live as long as a call that uses it */
        const char *stream; /* "stdout" or "stderr" */
} OutputName;

int append_output(sd_bus_message *m, void *output_name);

/* Takes the file descriptor out of an answer to OpenOutput; the caller closes it. */
int output_take_fd(sd_bus_message *reply, int *ret);

int output_open(Client *c, const OutputName *name, int *ret, sd_bus_error *error);

/* Where the last n lines of a file begin. A line that has no end yet is one. */
int output_tail(int fd, uint64_t n, off_t *ret);

/* Reads what stands from an offset on, as it is, up to max bytes; *ret has a NUL byte behind them. */
int output_read(int fd, off_t offset, size_t max, char **ret, size_t *ret_size);

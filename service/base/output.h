/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Output files of jobs: standard output and error, and the order of both (output-order.h). They belong to the
 * service, in folders that are inaccessible to others; the worker of a job gets descriptors. For jobs that an older
 * version started, also the result, in a separate folder. */

#include <stdint.h>

#include "macro.h"

typedef enum OutputStream {
        OUTPUT_STDOUT,
        OUTPUT_STDERR,
        OUTPUT_ORDER,
        OUTPUT_RESULT, /* of an older version */
        _OUTPUT_STREAM_MAX,
        _OUTPUT_STREAM_INVALID = -1,
} OutputStream;

/* The maximum size that is reported and counted: a sparse file may have any size, and sums must not overflow. */
#define OUTPUT_SIZE_MAX (UINT64_C(1) << 40)

typedef struct Output Output;

/* state_directory holds standard output and error and is inaccessible to others; result_directory holds the results,
 * and its parents must be searchable for the users of jobs. Creates missing ones. Logs. */
int output_new(Output **ret, const char *state_directory, const char *result_directory);
Output *output_free(Output *output);
DEFINE_CLEANUP(Output *, output_free);

/* "stdout", "stderr" or "order" as a stream, or _OUTPUT_STREAM_INVALID. */
OutputStream output_stream_from_string(const char *word);
const char *output_stream_to_string(OutputStream stream);

/* Creates the missing files of a job that is about to start, empty. Returns 0 or a negative errno. */
int output_create(Output *output, const char *id);

/* Whether the worker of the job was executed: the first thing it does is to touch its standard error, which is
 * created with a time of 0. */
bool output_was_touched(Output *output, const char *id);

/* As if it was not, for the next attempt: before the begin of that is recorded. Returns 0 or a negative errno. */
int output_untouch(Output *output, const char *id);

/* Deletes the existing files of a job. May block: not for the event loop. */
void output_remove(Output *output, const char *id);

/* Opens a stream to append to (for the unit) or to read. Returns a descriptor or a negative errno. */
int output_open_writer(Output *output, const char *id, OutputStream stream);
int output_open_reader(Output *output, const char *id, OutputStream stream);

/* A stream that is empty and stays so. */
int output_open_empty(void);

/* Size of a stream; 0 if it does not exist. */
uint64_t output_size(Output *output, const char *id, OutputStream stream);

/* For a job whose worker could not: syncs standard output and error and reads the result of an older version, at
 * most max bytes, NUL-terminated, continuing after errors. *ret is NULL if there is none, or if it is too long: the
 * file is then truncated. Returns 0 or the first error. May block: not for the event loop. */
int output_collect(Output *output, const char *id, size_t max, char **ret, size_t *ret_size);

/* Calls found once for the ID of each job that has files, and deletes those that were not completed. Synchronous, for the
 * start. */
int output_foreach(Output *output, int (*found)(const char *id, void *userdata), void *userdata);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The files of what jobs have written: standard output and error, and the order of both (output-order.h). They belong to
 * the service, in folders that are closed to others; the worker of a job gets descriptors. Of jobs that an older version
 * has started, also the result, in a folder of its own. */

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

/* More is not told, or counted: a file may be as long as it likes without having a byte in it, and sums are to stay sums. */
#define OUTPUT_SIZE_MAX (UINT64_C(1) << 40)

typedef struct Output Output;

/* state_directory holds standard output and error and is closed to others; result_directory holds the
 * results, its parents must be searchable for the users of jobs. Makes what is missing. Logs. */
int output_new(Output **ret, const char *state_directory, const char *result_directory);
Output *output_free(Output *output);
DEFINE_CLEANUP(Output *, output_free);

/* "stdout", "stderr" or "order" as a stream, or _OUTPUT_STREAM_INVALID. */
OutputStream output_stream_from_string(const char *word);

/* Makes the empty files of a job that is about to start, as far as they are not there. Returns 0 or a negative errno. */
int output_create(Output *output, const char *id);

/* Whether the worker of the job was executed: the first thing it does is to touch its standard error, which is
 * made with a time of 0. */
bool output_was_touched(Output *output, const char *id);

/* Deletes the files of a job, as far as they exist. May block: not for the event loop. */
void output_remove(Output *output, const char *id);

/* Opens a stream to append to (for the unit) or to read. Returns a descriptor or a negative errno. */
int output_open_writer(Output *output, const char *id, OutputStream stream);
int output_open_reader(Output *output, const char *id, OutputStream stream);

/* A stream in which there is nothing and never will be. */
int output_open_empty(void);

/* How large a stream is; 0 if it is not there. */
uint64_t output_size(Output *output, const char *id, OutputStream stream);

/* Of a job whose worker could not: brings standard output and error to the disk and reads the result of an older version, at most max bytes, with a NUL behind,
 * each also where another of them fails; *ret is NULL when there is none, or it is too long: then the file is emptied.
 * Returns 0 or the first error. May block: not for the event loop. */
int output_collect(Output *output, const char *id, size_t max, char **ret, size_t *ret_size);

/* Calls found once for the id of each job that has files. Synchronous, for the start. */
int output_foreach(Output *output, int (*found)(const char *id, void *userdata), void *userdata);

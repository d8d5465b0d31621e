/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The files that a job writes: standard output, standard error and its structured result. They belong to
 * the service; the job's user may read and write each of them (by an access control list, where that
 * is somebody else), but not replace it, since the folders are the service's. */

#include <stdint.h>

#include "macro.h"

typedef enum OutputStream {
        OUTPUT_STDOUT,
        OUTPUT_STDERR,
        OUTPUT_RESULT,
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

/* "stdout" or "stderr" as a stream, or _OUTPUT_STREAM_INVALID. */
OutputStream output_stream_from_string(const char *word);

/* Makes the empty files of a new job. -EEXIST when the id is taken; -EOPNOTSUPP when the file system
 * has no access control lists and uid needs one; -ENOSPC, no -EDQUOT. */
int output_create(Output *output, const char *id, uint32_t uid);

/* Makes those that are not there of a job that was accepted and never ran: nobody syncs the folders, so they may be
 * lost when power fails. */
int output_create_missing(Output *output, const char *id, uint32_t uid);

/* Whether the worker of the job was executed: the first thing it does is to touch its standard error, which is
 * made with a time of 0. */
bool output_was_touched(Output *output, const char *id);

/* Deletes the files of a job, as far as they exist. May block: not for the event loop. */
void output_remove(Output *output, const char *id);

/* Opens a stream to append to (for the unit) or to read. Returns a descriptor or a negative errno. */
int output_open_writer(Output *output, const char *id, OutputStream stream);
int output_open_reader(Output *output, const char *id, OutputStream stream);

/* How large a stream is; 0 if it is not there. */
uint64_t output_size(Output *output, const char *id, OutputStream stream);

/* The path of the result of a job, for its environment. The caller frees it; NULL: out of memory. */
char *output_result_path(const Output *output, const char *id);

/* Lets the user of a job that has ended open its files only to read them from now on. */
void output_close(Output *output, const char *id);

/* The same; brings standard output and error to the disk and reads the result, at most max bytes, with a NUL behind,
 * each also where another of them fails; *ret is NULL when there is none, or it is too long: then the file is emptied.
 * Returns 0 or the first error. May block: not for the event loop. */
int output_collect(Output *output, const char *id, size_t max, char **ret, size_t *ret_size);

/* Calls found once for the id of each job that has files. Synchronous, for the start. */
int output_foreach(Output *output, int (*found)(const char *id, void *userdata), void *userdata);

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* What programs have in common that stand for the worker in the unit of a job that runs elsewhere, see launcher.h. */

#include "worker.h"

#define ELSEWHERE_AWAY_USEC (10 * USEC_PER_SEC) /* for a service that is away to come back, as in the worker */

/* Whether the program has exited by itself and left nothing; of a process that PID 1 executes after it (ExecStopPost=). */
bool elsewhere_is_done(void);

/* A stream to the journal, of lines; /dev/null if there is none. */
int elsewhere_open_journal(const char *program);

/* Marks the output files as those of a job that was executed, as the worker does. What earlier attempts have written stays:
 * *ret is their size. */
void elsewhere_open_files(uint64_t ret[static 2]);

/* Whatever comes from there, what is written here is bounded by the limit of the job. */
void elsewhere_bound_output(const WorkerTrailer *t);

/* Writes to a file of the job at *offset, and advances it. A failure is noted in *error: as for the worker, that part is lost,
 * and the job goes on. fd: negative, it is dropped. Returns 0, or -EAGAIN if the disk is full: then the rest is written later. */
int elsewhere_write(int fd, const char *p, size_t size, uint64_t base, uint64_t *offset, int *error);

/* Clients follow the output, which has grown. follower: an eventfd, or negative. */
void elsewhere_tell(int follower);

/* What the service says; keeps the descriptors that come with it: the file for the order, and who follows the output. */
void elsewhere_dispatch(Link *l, uint64_t now, int *order, int *follower);

/* The end is to be told to the service, with the data that follows; takes it. The output is on disk before. output_error: an
 * errno, 0 if it is whole. */
void elsewhere_report(Link *l, WorkerEnded *e, size_t size, int output_error);

/* The end is reported, and there is no service to record it: PID 1 keeps the exit status. */
bool elsewhere_is_abandoned(const Link *l, bool stopping, uint64_t away_usec, uint64_t now);

/* The exit status; or does not return, since the process ends as the command did. */
int elsewhere_mirror(const Link *l, int code, int status);

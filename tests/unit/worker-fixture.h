/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Runs codex-jobs-worker as a unit does: with a spec as its standard input. The command that it becomes is the
 * test program again, which reports what it was given, byte for byte. */

#include "spec.h"
#include "test.h"
#include "worker-protocol.h"

#define WORKER_JOB "job-0000000000" /* the id that the worker gets */
#define WORKER_NO_USER 98           /* its exit status where the user it is to run as cannot execute it */

/* The path of the test program, for a command. */
extern char worker_self[];

typedef struct Run {
        int spec_fd;        /* owned */
        char **environment; /* of the unit; NULL: REPORT=1 and HOME=/home. With REPORT the command reports. */
        uid_t uid;          /* to run as; 0: as the test does */
        int err_fd;         /* its standard error, not owned; -EBADF: it is read into err */
        int status;
        char *out, *err;
        size_t out_size, err_size;
} Run;

void run_clear(Run *run);
#define _cleanup_run_ _cleanup_(run_clear)
#define RUN_INIT (Run) { .spec_fd = -EBADF, .err_fd = -EBADF }

/* A memfd with these bytes, at its beginning. */
int new_memfd(const void *data, size_t size);

/* The spec as the store hands it out. extra as for spec_encode(); input NULL: none. */
int spec_fd_new(const Spec *spec, char *const *extra, const void *input, uint64_t input_size);

/* The same with a trailer behind it: the worker stays then. */
int spec_fd_new_supervised(const Spec *spec, char *const *extra, const void *input, uint64_t input_size,
                           const WorkerTrailer *trailer);

/* Becomes the worker, in a child, with these descriptors. */
_Noreturn void worker_exec(const int descriptors[static 3], uid_t uid, char **environment);

/* Runs the worker to its end. Skips the test where the other user cannot. */
void run_worker(Run *run);

/* Checks what the command reported, but for the environment; returns where that begins. */
const char *check_report(const Run *run, char *const *argv, const char *directory, const void *input, size_t size);
const char *check_report_of(const char *report, size_t report_size, char *const *argv, const char *directory,
                            const void *input, size_t size);

/* The next entry at *p with that letter, NULL if there is none before another one; moves *p behind it. */
const char *next_entry(const char **p, char tag);

/* How often an entry is in the reported environment. */
unsigned count_entries(const char *environment, const char *entry);

/* test_main() of a program that may be the command. */
int worker_test_main(int argc, char *argv[], const Test *tests, size_t n);
#define WORKER_TEST_MAIN(...)                                                           \
        int main(int argc, char *argv[]) {                                              \
                static const Test tests[] = { __VA_ARGS__ };                            \
                                                                                        \
                return worker_test_main(argc, argv, tests, ELEMENTSOF(tests));          \
        }

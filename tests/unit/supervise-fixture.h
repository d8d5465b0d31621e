/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Runs codex-jobs-worker with a description that has a trailer, from the start of the command to the end of the job, and
 * stands in for the service at the other end of its connection. Whatever is waited for has to come within a deadline. */

#include <sys/resource.h>

#include "output-order.h"
#include "worker-fixture.h"
#include "worker-message.h"

typedef struct Supervised {
        /* Set by supervise_init(), to be changed before the start: */
        WorkerTrailer trailer;
        Spec spec; /* of strings that it does not own */
        char **unit_environment;
        const char *input;
        size_t input_size;
        uid_t uid; /* to run as; 0: as the test does */
        const struct rlimit *n_files; /* RLIMIT_NOFILE of the worker, not owned; NULL: that of the test */
        rlim_t n_processes; /* RLIMIT_NPROC of the worker; 0: that of the test */
        int group; /* the file cgroup.procs of the control group to run in; -EBADF: that of the test */

        int listener; /* owned; -EBADF: nobody listens */
        int link;     /* owned; the connection of the worker */
        char *buffer; /* owned; of the last message */
        WorkerMessage message;
        char progress[WORKER_TEXT_MAX + 1]; /* the last */
        unsigned n_progress;

        pid_t pid; /* of the worker, 0: it has ended */
        int status;
        struct rusage usage; /* of it and of its children */
        char *out, *err; /* what is in the files then; owned */
        size_t out_size, err_size;
        OutputOrderEntry *order; /* owned */
        size_t n_order;
} Supervised;

/* /bin/true with a moderate time to end, in the directory of the test, which has the folders. */
void supervise_init(Supervised *s);
void supervise_clear(Supervised *s);
#define _cleanup_supervised_ _cleanup_(supervise_clear)

/* What is to be executed, as a script of sh; or by the test program itself, see supervise_test_main(). */
void supervise_shell(Supervised *s, const char *script);
void supervise_act(Supervised *s, const char *name);

/* The steps of a job, in the order in which they are called. */
void supervise_listen(Supervised *s);
void supervise_start(Supervised *s);
void supervise_accept(Supervised *s); /* and reads the hello, which has to be right */
void supervise_welcome(Supervised *s); /* with the file for the order */
void supervise_send(Supervised *s, uint32_t type, int fd);
WorkerMessageType supervise_receive(Supervised *s);
void supervise_until_progress(Supervised *s, const char *text);
const WorkerMessage *supervise_until_ended(Supervised *s);
void supervise_hang_up(Supervised *s); /* as a service that is gone */
bool supervise_ends_within(Supervised *s, unsigned msec);
void supervise_wait(Supervised *s); /* for its end; fills in what there is then */

/* The first four of them; and that the end is recorded, after which the worker ends with success. */
void supervise_begin(Supervised *s);
void supervise_let_go(Supervised *s);

/* All of them: returns what was said of the end. The worker has ended with success, since it was told that that is recorded. */
const WorkerMessage *supervise_run(Supervised *s);

/* The same, where nobody listens: its wait status. */
int supervise_run_alone(Supervised *s);

/* Waits until the command opens the FIFO "gate" in its directory for the other direction than mode, O_RDONLY or O_WRONLY. */
void supervise_pass_gate(int mode);

/* Waits until a file in the directory of the test has that many bytes. */
void supervise_wait_for_size(const char *name, size_t size);

/* Both streams as the order puts them together, and with a NUL. The caller frees it. */
char *supervise_put_together(const Supervised *s, size_t *ret_size);
void supervise_check_order_is_whole(const Supervised *s);

/* Of a command: all of that, or n numbered lines of 8 bytes to both streams by turns. */
void supervise_write(int fd, const void *data, size_t size);
int supervise_write_in_turn(unsigned n);

/* A message to $NOTIFY_SOCKET, of a command. */
void supervise_notify(const char *message);

/* What it said of the end of the command. */
void test_check_end(const TestPlace *place, const WorkerMessage *m, WorkerCause cause, int code, int status);
#define check_end(m, cause, code, status) test_check_end(TEST_PLACE(#m), m, cause, code, status)

/* What a file of the test has. The caller frees it. */
char *supervise_read_file(const char *path, size_t *ret_size);

/* One of the things that the test program does as a command. */
typedef struct Act {
        const char *name;
        int (*run)(void);
} Act;

#define ACT(function) { #function, function }
int supervise_test_main(int argc, char *argv[], const Act *acts, size_t n_acts, const Test *tests, size_t n);
#define SUPERVISE_TEST_MAIN(acts, ...)                                                                          \
        int main(int argc, char *argv[]) {                                                                      \
                static const Test tests[] = { __VA_ARGS__ };                                                    \
                                                                                                                \
                return supervise_test_main(argc, argv, acts, ELEMENTSOF(acts), tests, ELEMENTSOF(tests));       \
        }

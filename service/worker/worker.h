/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* codex-jobs-worker, the main process of a job's unit. It only uses the C library, and stays small: there is one for each
 * running job.
 *
 *   main.c         start, and the choice of what to do
 *   description.c  the command, its environment and limits, as passed by the service
 *   command.c      starting the command
 *   supervise.c    the loop from there to the end of the job
 *   progress.c     notifications of the job
 *   ending.c       end of the job: its processes, and the report
 *   pump.c         output, from pipes to files
 *   writes.c       the order of the output
 *   tree.c         the processes of the job, and how they are terminated
 *   readers.c      those that have not processed all of their input
 *   folder.c       the folder of the job: its notification socket and its result
 *   link.c         the connection to the service
 *   failpoint.c    places at which a test kills it, in test builds
 *
 * Each from pump.c on is an object that supervise.c owns. All functions return 0 or a negative errno unless noted
 * otherwise. Nothing is logged: failures before the command is started are reported to the service, and to the job's
 * standard error. */

#include <signal.h>
#include <sys/types.h>
#include <time.h>

#include "group-walk.h"
#include "macro.h"
#include "resource-limits.h"
#include "spec-format.h"
#include "worker-protocol.h"

/* --- description.c --- */

typedef struct Description {
        const char *id; /* of the job */
        char *map;      /* of descriptor 0 */
        size_t map_size;
        SpecHeader header;
        char *directory; /* in map or, if not set for the job, the home of the user: */
        char *home;      /* owned */
        char **argv;
        char *environment;     /* NUL-terminated entries, */
        char *environment_end; /* up to here */
        bool has_trailer;      /* false: an older service has started the job */
        WorkerTrailer trailer;
        WorkerLimit limits[RESOURCE_LIMITS_N];
        size_t n_limits;
} Description;

/* Reads descriptor 0. The strings are valid until the process exits, or description_drop(). */
int description_load(Description *ret, const char *id);

/* Adds the environment to that of the worker, overriding variables of the service manager. */
int description_set_environment(const Description *d);

/* Creates the standard input of the command; returns its descriptor. */
int description_open_stdin(const Description *d);

/* Writes on behalf of the job are bounded by its limit, whatever goes wrong in here. */
void description_bound_files(const WorkerTrailer *t);

/* Forgets the description: the command has it, or will not be started. Also for one that could not be loaded. */
void description_drop(Description *d);

/* --- command.c --- */

/* Why a command could not be executed; what: "enter the working directory", … */
typedef struct Failure {
        int exit_status; /* 127: there is no such command, otherwise 126 */
        int error;       /* errno */
        const char *what;
        char name[256]; /* of the object that failed, possibly truncated */
} Failure;

/* Formats "cannot execute ./x: No such file or directory" into text, with that name. It is one line: control
 * characters become spaces. Returns text. */
const char *failure_format(const Failure *f, const char *name, char text[static WORKER_TEXT_MAX]);

/* Executes the command in this process; returns only on failure. */
void command_become(const Description *d, Failure *ret);

/* Starts it as a child in a new session, with these descriptors. Returns its pid, or a negative errno: with *ret set, or, if
 * no process could be created, with an exit status of 0 in it. */
pid_t command_start(const Description *d, const int descriptors[static 3], const sigset_t *mask, Failure *ret);

/* --- writes.c --- */

/* The order in which a job writes to two pipes: a signal for each write. Its size is that of a packet, see pump.c; in other
 * data it is estimated. */
typedef struct Writes {
        int signals; /* a signalfd, -EBADF: writes are not watched */
        int pipes[2]; /* not owned */
        uint8_t *streams; /* of each write that was signalled and whose data has not been divided; owned */
        size_t n, n_allocated;
        size_t n_early; /* those signalled before writes_before(), */
        size_t n_seen;  /* and before writes_after() */
        bool lost; /* signals were lost */
        bool is_full[2];   /* the pipe, before the data is read */
        size_t n_slots[2]; /* packets for which it has room */
        bool waits[2];     /* the writer, if the pipe is full */
        bool waited[2];    /* it probably did, before the previous data was read */
        size_t wait_at[2]; /* the packet of the data to come that possibly did not fit into the full pipe, or SIZE_MAX */
        size_t run[2];     /* full pages at the end of the data of a full pipe, possibly of a write that waits */
        size_t pages[2];   /* that long writes fill exactly, see join_packets() */
        size_t late[2]; /* writes of each stream whose data was divided before they were signalled */
        uint32_t *packets[2]; /* sizes, of the data to be divided; owned */
        size_t n_packets[2], n_packets_allocated[2];
} Writes;

typedef struct Piece {
        unsigned stream;
        size_t size;
} Piece;

int writes_open(Writes *w);
void writes_watch(Writes *w, unsigned stream, int pipe, bool on);

/* Call writes_before() before looking at the size of the data in the pipes, and writes_after() after that; then writes_look() and
 * note which pipes are full, again if that has changed. Once the data was read, with writes_add_packet() for each read(2) of
 * a pipe in packet mode, writes_divide() divides it into pieces in the order in which they were written. Returns their
 * number; the caller frees them. */
void writes_before(Writes *w);
void writes_after(Writes *w);
void writes_look(Writes *w);
void writes_add_packet(Writes *w, unsigned stream, size_t size);
size_t writes_divide(Writes *w, const char *const text[static 2], const size_t size[static 2], Piece **ret);

/* The pipes are empty: all writes signalled by writes_before() concern data that was read already. */
void writes_forget(Writes *w);

void writes_free(Writes *w);

/* --- pump.c --- */

#define WORKER_ORDER_ROOM (16U * 1024U * 1024U) /* bytes: the file for the order may exceed the limit of the output by that */
#define PUMP_ENTRIES 128U           /* in one write */
#define PUMP_ENTRIES_MAX (64U * 1024U) /* kept until there is a file for them */

typedef struct Stream {
        int pipe; /* the end that is read, -EBADF: none */
        int end;  /* the end that is written, whose flags are looked at; -EBADF: the pipe was never in packet mode */
        int file;
        bool packets;       /* what the pipe contains is in packets */
        bool paused;        /* the pipe is not in packet mode until the next data */
        bool plain;         /* nor ever again: it is written without blocking, or small */
        bool is_spliced;    /* and not watched: it is written much, and alone */
        bool cannot_splice; /* the file system */
        int blocked;        /* errno if the disk is full, to be retried; 0: it is not */
        bool lost;          /* the file accepts no more data */
        char *buffer;       /* owned */
        size_t buffered;    /* bytes in it that a full disk has not accepted */
        size_t written;     /* bytes not in the order yet, see pieces */
        uint32_t streak;    /* bytes since data of the other stream */
        uint64_t size;      /* of the file */
} Stream;

typedef struct Pump {
        Stream streams[2]; /* standard output and error */
        int epoll; /* not owned */
        Writes writes;
        int spool[2]; /* a pipe, to which packets are moved all at once; -EBADF: there is none */
        bool pending; /* there may be more data than was moved */
        size_t last_moved; /* bytes, by the last call */
        Piece *pieces;     /* of the data in the buffers, in the order of writes; owned */
        size_t n_pieces, next_piece;
        int order; /* the file, -EBADF: not known yet */
        bool order_lost;
        int followers[4]; /* eventfds, -EBADF: none; a restarted service sends another one */
        unsigned n_followers; /* total number */
        bool grown;           /* since they were notified */
        struct OutputOrderEntry *entries; /* not written yet */
        size_t n_entries;
        size_t n_allocated;
        uint64_t max; /* bytes of both, 0: no limit */
        bool is_over; /* it was exceeded */
        int error;    /* errno of the first lost byte */
} Pump;

/* Creates the pipes, in packet mode if there are two, and watches them, edge-triggered: data.u32 is the number of the stream.
 * ret_ends: the ends of the command, owned by the caller. */
int pump_open(Pump *p, int epoll, const WorkerTrailer *trailer, int ret_ends[static 2]);

bool pump_has_output(const Pump *p);

/* The command probably writes without blocking: what it has not written to yet is an ordinary pipe until it does. */
void pump_pause_packets(Pump *p);

/* Moves available data of both streams. Returns the number of bytes. */
uint64_t pump_move(Pump *p);

/* Whether a full disk prevents writing. */
bool pump_is_blocked(const Pump *p);

/* Moves everything that is in the pipes now, as far as the disk accepts it. */
void pump_drain(Pump *p);

/* Take ownership of fd: the file for the order; an eventfd to notify when there is more. */
void pump_set_order(Pump *p, int fd);
void pump_set_follower(Pump *p, int fd);

/* Whether there is something to flush. */
bool pump_is_dirty(const Pump *p);

/* Writes pending entries of the order, and notifies followers. */
void pump_flush(Pump *p);

/* Discards data in the pipes if the disk is full. */
void pump_give_up(Pump *p);

void pump_free(Pump *p);

/* Accepts no more data, and syncs standard output and error. */
void pump_close(Pump *p);

/* --- tree.c --- */

typedef struct Tree {
        int folder; /* of the control group, -EBADF if the job has none of its own: only the command counts then, */
        bool on_node; /* or its descendants */
        pid_t self;
        pid_t command; /* 0: it has exited */
} Tree;

typedef struct TreeCount {
        size_t n;        /* processes other than the worker */
        size_t n_denied; /* of them, those that cannot be signalled */
        pid_t first;     /* one of them, which cannot be signalled if there is such; 0: none */
} TreeCount;

/* Of the processes in a control group. */
typedef struct TreeLimit {
        char name[256]; /* of the unit */
        uint64_t max;
        bool of_job; /* and not of a slice */
} TreeLimit;

void tree_open(Tree *t, const char *id);

/* Calls found() for all processes of the job except the worker, until it returns false. */
void tree_walk(const Tree *t, GroupFound found, void *userdata);

/* Sends a signal (0: none) to all processes of the job except the worker. */
TreeCount tree_signal(Tree *t, int signal);

/* Lists some of them: "42 sleep 60, …"; or, denied, those that cannot be signalled: "PID 42 (root): sleep 60, …".
 * Returns the length without the NUL. */
size_t tree_describe(Tree *t, bool denied, char *text, size_t size);

/* Finds a control group that has as many processes as it may: that of the job, or the next one above it. */
bool tree_find_full(const char *id, TreeLimit *ret);

/* Opens the file that counts OOM kills in the job's control group, -ENOENT if there is none. *ret_polls: each one
 * causes EPOLLPRI, before the process dies. */
int tree_open_oom(const char *id, bool *ret_polls);
uint64_t tree_count_oom_kills(int fd);

/* Whether SIGKILL is pending for a process, or it is dead. */
bool tree_is_dying(pid_t pid);

/* --- readers.c --- */

/* Filters that still have something to do, see readers.c. */
typedef struct Readers {
        pid_t first; /* one of them, 0: there are none */
        uint64_t unread; /* bytes in the pipes that they read */
} Readers;

Readers readers_find(const Tree *t);

/* --- folder.c --- */

typedef struct Folder {
        char path[WORKER_PATH_SIZE + 80];
        int parent;
        int fd; /* locked; -EBADF: it could not be created */
        int notify;
        const char *id;
} Folder;

/* Creates the folder and its socket, and sets NOTIFY_SOCKET and CODEX_JOB_RESULT. If that fails, the job runs
 * without them. */
void folder_open(Folder *f, const char *id, const WorkerTrailer *trailer);

/* Reads one notification. Returns 1, with its STATUS= in text (*ret_size: bytes, or SIZE_MAX if there is none), 0
 * for one to be ignored, or a negative errno: -EAGAIN if there is none. */
int folder_read_notification(Folder *f, char text[static WORKER_TEXT_MAX], size_t *ret_size);

/* Reads the result into text, if it is acceptable. Returns a WorkerResult. */
WorkerResult folder_read_result(Folder *f, char *text, uint64_t *ret_bytes, size_t *ret_size, int *ret_error);

/* Deletes the folder with its content. */
void folder_close(Folder *f);

/* --- link.c --- */

typedef struct Link {
        int fd; /* -EBADF: not connected */
        int epoll; /* not owned */
        bool welcomed; /* on this connection */
        bool go;       /* the end is recorded */
        bool away;     /* the service is stopped: it connects when it is back */
        bool refused;  /* nobody listens, or the service does not know the job, or dies whenever it is asked */
        bool no_socket; /* at its path: the service is not just down */
        unsigned failures; /* consecutive */
        unsigned rejected; /* likewise: it was connected, but not welcomed, */
        bool unknown;      /* because the service does not know the job, */
        unsigned n_unknown; /* counted apart */
        uint64_t connected_usec; /* CLOCK_MONOTONIC */
        uint64_t retry_usec; /* CLOCK_MONOTONIC of the next attempt, 0: none is due */

        WorkerHello hello;
        WorkerMessageType progress_type; /* of the message that it is sent with */
        char progress[WORKER_TEXT_MAX];
        size_t progress_size;
        bool progress_due;
        char place[300]; /* "NODE ID", of a program that stands for the worker; empty: not known */
        bool place_due;
        WorkerEnded *ended; /* with the data that follows; owned; NULL: none */
        size_t ended_size;
        bool ended_due;
        const char *path;
} Link;

void link_open(Link *l, int epoll, const Description *d, uint64_t started_usec);

/* Sends pending messages, as far as possible now. Connects if necessary. */
void link_flush(Link *l, uint64_t now);

/* The service is stopped, but not its socket unit: the socket is listened on. */
bool link_waits(const Link *l);

/* The service is back, if it was away. */
void link_call(Link *l, uint64_t now);

void link_free(Link *l);

/* Handles a message, or the end of the connection. Returns the type of the message, or 0; a descriptor that came
 * with it belongs to the caller (-EBADF: none). */
WorkerMessageType link_dispatch(Link *l, uint64_t now, int *ret_fd);

/* --- supervise.c --- */

/* Sources of epoll events, in data.u32; the numbers of the streams first. */
enum {
        SOURCE_STDOUT,
        SOURCE_STDERR,
        SOURCE_SIGNAL,
        SOURCE_NOTIFY,
        SOURCE_LINK,
        SOURCE_OOM,
        SOURCE_LEFT, /* a process that must exit before the job ends */
};

/* From the start of the command to the end of the job. Returns the exit status; or does not return, if the worker
 * terminates itself with the signal that terminated the command. */
int supervise(Description *d);

/* --- failpoint.c --- */

/* In a test build (meson option failpoints) the worker kills itself at named places, see docs/durability.md. It has
 * no state directory: a test arms one by creating the file .failpoints/NAME in the parent of the jobs' folders. The
 * first worker that reaches it renames the file to NAME.ID, so that the test knows its job, and kills itself with
 * SIGKILL. */
#ifdef WITH_FAILPOINTS
void worker_failpoint_init(const Description *d);
void worker_failpoint(const char *name);
#else
#define worker_failpoint_init(description) ((void) 0)
#define worker_failpoint(name) ((void) 0)
#endif

/* --- clocks, in microseconds --- */

static inline uint64_t clock_usec(clockid_t clock) {
        struct timespec t;

        (void) clock_gettime(clock, &t);
        return (uint64_t) t.tv_sec * USEC_PER_SEC + (uint64_t) t.tv_nsec / NSEC_PER_USEC;
}

static inline uint64_t monotonic_usec(void) {
        return clock_usec(CLOCK_MONOTONIC);
}

static inline uint64_t realtime_usec(void) {
        return clock_usec(CLOCK_REALTIME);
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* codex-jobs-worker, the main process of a job's unit. It uses the C library alone, and stays small: there is one for each
 * job that runs.
 *
 *   main.c         what it was started with, and which way it goes
 *   description.c  the command, its environment and limits, as the service handed them over
 *   command.c      starting the command
 *   supervise.c    the loop from there to the end of the job
 *   progress.c     what it says of itself
 *   ending.c       how it ends: its processes, and the report
 *   pump.c         its output, from pipes to files
 *   writes.c       the order of its output
 *   tree.c         the processes of the job, and how they are ended
 *   folder.c       the folder of the job: its notification socket and its result
 *   link.c         the connection to the service
 *   failpoint.c    places at which a test has it die, in test builds
 *
 * Each from pump.c on is an object that supervise.c owns. All functions return 0 or a negative errno unless they
 * say otherwise. Nothing is logged: what goes wrong before the command is started is told to the service, and to the job's
 * standard error. */

#include <signal.h>
#include <sys/types.h>
#include <time.h>

#include "macro.h"
#include "spec-format.h"
#include "worker-protocol.h"

/* --- description.c --- */

typedef struct Description {
        const char *id; /* of the job */
        char *map;      /* of descriptor 0 */
        size_t map_size;
        SpecHeader header;
        char *directory; /* in map or, where the job names none, the user's home: */
        char *home;      /* owned */
        char **argv;
        char *environment;     /* entries, each with a NUL, */
        char *environment_end; /* up to here */
        bool has_trailer;      /* no: an older service has started the job */
        WorkerTrailer trailer;
} Description;

/* Reads descriptor 0. The strings are valid until the process ends, or description_drop(). */
int description_load(Description *ret, const char *id);

/* Puts the environment into that of the worker, over what the service manager has set. */
int description_set_environment(const Description *d);

/* Makes what the command is to read; returns its descriptor. */
int description_open_stdin(const Description *d);

/* The command has it all, or there will be none: the worker forgets it. Also of one that could not be loaded. */
void description_drop(Description *d);

/* --- command.c --- */

/* Why a command could not be executed; what: "enter the working directory", … */
typedef struct Failure {
        int exit_status; /* 127: there is no such command, otherwise 126 */
        int error;       /* errno */
        const char *what;
        char name[256]; /* of what it could not be done to, perhaps cut */
} Failure;

/* "cannot execute ./x: No such file or directory", into text, with that name. Returns text. */
const char *failure_format(const Failure *f, const char *name, char text[static WORKER_TEXT_MAX]);

/* Executes the command in this process; returns only when that fails. */
void command_become(const Description *d, Failure *ret);

/* Starts it as a child in a session of its own, with these descriptors. Returns its pid, or a negative errno with *ret set. */
pid_t command_start(const Description *d, const int descriptors[static 3], const sigset_t *mask, Failure *ret);

/* --- writes.c --- */

/* In which order a job has written to two pipes: a signal for each write, and what the bytes tell of where it ended. */
typedef struct Writes {
        int signals; /* a signalfd, -EBADF: they are not watched */
        int pipes[2]; /* not owned */
        uint8_t *streams; /* of each write that was heard of and whose bytes have not been divided; owned */
        size_t n, n_allocated;
        size_t n_early; /* of them, those that were heard of at writes_before(), */
        size_t n_full;  /* and those at writes_after() */
        bool lost; /* there were too many */
        bool was_full[2];
        size_t late[2]; /* writes of each stream whose bytes were divided before they were heard of */
} Writes;

typedef struct Piece {
        unsigned stream;
        size_t size;
} Piece;

int writes_open(Writes *w);
void writes_watch(Writes *w, unsigned stream, int pipe, bool on);

/* Before it is looked how much there is in the pipes; then, when that was read, its bytes are divided into pieces in the order
 * in which they were written: returns how many, which are the caller's to free. */
void writes_before(Writes *w);
void writes_after(Writes *w);
size_t writes_divide(Writes *w, const char *const text[static 2], const size_t size[static 2], Piece **ret);

/* There is nothing in the pipes: all that was heard of before it was looked is about bytes that have gone. */
void writes_forget(Writes *w);

void writes_free(Writes *w);

/* --- pump.c --- */

#define PUMP_ENTRIES 128U           /* in one write */
#define PUMP_ENTRIES_MAX (64U * 1024U) /* kept until there is a file for them */

typedef struct Stream {
        int pipe; /* that we read, -EBADF: none */
        int file;
        bool wide;          /* the pipe has more than its usual room */
        bool cannot_splice; /* the file system */
        int blocked;        /* errno, where the disk is full: to be tried again; 0: it is not */
        bool lost;          /* the file takes nothing any more */
        char *buffer;       /* owned */
        size_t buffered;    /* bytes in it that a full disk has not taken */
        size_t written;     /* bytes whose place in the order is still to be told, see pieces */
        uint32_t streak;    /* bytes since something came from the other stream */
        uint64_t size;      /* of the file */
} Stream;

typedef struct Pump {
        Stream streams[2]; /* standard output and error */
        int epoll; /* not owned */
        Writes writes;
        bool pending; /* there may be more than was moved */
        size_t last_moved; /* bytes, in one go */
        Piece *pieces;     /* of what was read, in the order in which it was written by the job; owned */
        size_t n_pieces, next_piece;
        int order; /* the file, -EBADF: not known yet */
        bool order_lost;
        int followers[4]; /* eventfds, -EBADF: none; a service that was restarted comes with another */
        unsigned n_followers; /* that ever came */
        bool grown;           /* since they were told */
        struct OutputOrderEntry *entries; /* not written yet */
        size_t n_entries;
        size_t n_allocated;
        uint64_t max; /* bytes of both, 0: no limit */
        bool is_over; /* there were more */
        int error;    /* errno of the first byte that was lost */
} Pump;

/* Makes the pipes and watches them, edge-triggered: data.u32 is the number of the stream. ret_ends: what the command writes
 * to, which become the caller's. */
int pump_open(Pump *p, int epoll, const WorkerTrailer *trailer, int ret_ends[static 2]);

/* Moves what there is of both. Returns how many bytes. */
uint64_t pump_move(Pump *p);

/* Whether a full disk keeps it from writing. */
bool pump_is_blocked(const Pump *p);

/* Everything that is in the pipes now, as far as the disk takes it. */
void pump_drain(Pump *p);

/* Take fd over: of the file for the order; of who wants to know when there is more. */
void pump_set_order(Pump *p, int fd);
void pump_set_follower(Pump *p, int fd);

/* Whether there is something to flush. */
bool pump_is_dirty(const Pump *p);

/* Writes the entries of the order that are due, and tells the followers. */
void pump_flush(Pump *p);

/* What is in the pipes of a disk that is full is lost. */
void pump_give_up(Pump *p);

void pump_free(Pump *p);

/* Takes nothing more, and brings standard output and error to the disk. */
void pump_close(Pump *p);

/* --- tree.c --- */

typedef struct Tree {
        int folder; /* of the control group, -EBADF where the job has none of its own: the command alone counts then */
        pid_t self;
        pid_t command; /* 0: it has ended */
} Tree;

typedef struct TreeCount {
        size_t n;        /* processes other than the worker */
        size_t n_denied; /* of them, those that cannot be signalled */
        pid_t first;     /* one of them, which cannot be signalled if there is one; 0: none */
} TreeCount;

void tree_open(Tree *t, const char *id);

/* Sends a signal, 0: none, to all processes of the job but the worker. */
TreeCount tree_signal(Tree *t, int signal);

/* Names some of them: "42 sleep 60, …"; or, denied, those that cannot be signalled: "PID 42 (root): sleep 60, …". Returns
 * how many bytes, without the NUL. */
size_t tree_describe(Tree *t, bool denied, char *text, size_t size);

/* The file that counts OOM kills in the job's control group, -ENOENT where there is none. *ret_polls: each is told of by
 * EPOLLPRI, before the process dies. */
int tree_open_oom(const char *id, bool *ret_polls);
uint64_t tree_count_oom_kills(int fd);

/* Whether a process is being killed, or is dead. */
bool tree_is_dying(pid_t pid);

/* --- folder.c --- */

typedef struct Folder {
        char path[WORKER_PATH_SIZE + 80];
        int parent;
        int fd; /* locked; -EBADF: it could not be made */
        int notify;
        const char *id;
} Folder;

/* Makes the folder and its socket, and sets NOTIFY_SOCKET and CODEX_JOB_RESULT. Where it cannot, the job does without. */
void folder_open(Folder *f, const char *id, const WorkerTrailer *trailer);

/* Reads one notification. Returns 1, with its STATUS= in text (bytes, or SIZE_MAX: it has none), 0 for one that says nothing,
 * or a negative errno: -EAGAIN where there is none. */
int folder_read_notification(Folder *f, char text[static WORKER_TEXT_MAX], size_t *ret_size);

/* Reads the result into text, if it can be taken. Returns a WorkerResult. */
WorkerResult folder_read_result(Folder *f, char *text, uint64_t *ret_bytes, size_t *ret_size, int *ret_error);

/* Deletes it with all that is in it. */
void folder_close(Folder *f);

/* --- link.c --- */

typedef struct Link {
        int fd; /* -EBADF: not connected */
        int epoll; /* not owned */
        bool welcomed; /* on this connection */
        bool go;       /* the end is recorded */
        bool away;     /* the service is stopped: it calls when it is back */
        bool refused;  /* nobody listens, or nobody who knows the job */
        bool no_socket; /* where the service would; it is not just away */
        unsigned failures; /* in a row */
        unsigned rejected; /* likewise: it was connected, but not welcomed */
        uint64_t connected_usec; /* CLOCK_MONOTONIC */
        uint64_t retry_usec; /* CLOCK_MONOTONIC of the next try, 0: none is due */

        WorkerHello hello;
        char progress[WORKER_TEXT_MAX];
        size_t progress_size;
        bool progress_due;
        WorkerEnded *ended; /* with what follows; owned; NULL: nothing to say */
        size_t ended_size;
        bool ended_due;
        const char *path;
} Link;

void link_open(Link *l, int epoll, const Description *d, uint64_t started_usec);

/* Says what is due, as far as it can be said now. Connects where it should. */
void link_flush(Link *l, uint64_t now);

/* The service is stopped, and not gone: its socket is listened on. */
bool link_waits(const Link *l);

/* The service is back, if it was away. */
void link_call(Link *l, uint64_t now);

void link_free(Link *l);

/* Something came, or the connection is gone. Returns the type of what came, or 0; a descriptor that came with it is the
 * caller's (-EBADF: none). */
WorkerMessageType link_dispatch(Link *l, uint64_t now, int *ret_fd);

/* --- supervise.c --- */

/* What epoll tells of, in data.u32; the numbers of the streams first. */
enum {
        SOURCE_STDOUT,
        SOURCE_STDERR,
        SOURCE_SIGNAL,
        SOURCE_NOTIFY,
        SOURCE_LINK,
        SOURCE_OOM,
        SOURCE_LEFT, /* a process that has to end before the job has */
};

/* From the start of the command to the end of the job. Returns the exit status; or does not, where the worker ends by the
 * signal that ended the command. */
int supervise(Description *d);

/* --- failpoint.c --- */

/* In a test build (meson option failpoints) the worker kills itself at named places, see docs/durability.md. It has no state
 * directory: a test arms one by making the file .failpoints/NAME in the folder of the jobs' folders. The first worker that
 * comes by renames that to NAME.ID, so that the test knows which it was, and dies by SIGKILL. */
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

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the service and codex-jobs-worker say to each other. Both are of one host, so that numbers are in its byte order;
 * but either may be of another version than its peer, for as long as an upgrade takes and a job runs: members are
 * added at the end of a struct, and a reader takes what it does not get for 0. Needs libc only.
 *
 *   service -> worker, at the start    a trailer at the end of the description (spec-format.h) on descriptor 0; the files
 *                                      for standard output and error on descriptors 1 and 2
 *   worker -> service                  hello, then progress and ended, as datagrams of a SOCK_SEQPACKET socket
 *   service -> worker                  welcome, with the file for the order of the output; follow, with an eventfd; go
 *
 * A worker that loses its connection connects again and begins with hello; what it had said about the end it says
 * again. It is the user's process: what it says is believed about its own job and nothing else. */

#include <stdint.h>

#define WORKER_TRAILER_MAGIC UINT64_C(0x3172656b726f7763)
#define WORKER_SECRET_SIZE 16
#define WORKER_PATH_SIZE 108 /* as sockaddr_un has it, see unix(7) */

enum {
        WORKER_MERGE_OUTPUT = 1 << 0, /* one pipe for both streams */
        WORKER_TIDY = 1 << 1,         /* folders of workers that were killed may be left: remove them */
};

#define WORKER_UMASK_GIVEN 01000U /* in umask, beside the mask */

/* Behind the standard input in the description, which an older worker does not read. */
typedef struct WorkerTrailer {
        uint64_t magic;
        uint64_t stop_timeout_usec; /* from SIGTERM to SIGKILL, 0: SIGKILL at once */
        uint64_t runtime_max_usec;  /* 0: no limit; likewise: */
        uint64_t output_max;
        uint64_t stall_usec;
        uint32_t umask; /* 0: as it is */
        uint32_t flags;
        uint8_t secret[WORKER_SECRET_SIZE]; /* for hello */
        char channel[WORKER_PATH_SIZE];     /* where the service listens; ends with NUL */
        char folders[WORKER_PATH_SIZE];     /* in which the worker makes the folder of the job; ends with NUL */
} WorkerTrailer;

#define WORKER_VERSION 1U

typedef enum WorkerMessageType {
        WORKER_NOTHING = 0, /* no message */
        WORKER_HELLO = 1,
        WORKER_PROGRESS = 2, /* STATUS= of sd_notify(3): the text follows, at most WORKER_TEXT_MAX bytes, perhaps no UTF-8 */
        WORKER_ENDED = 3,    /* the command has; or not all that should have, see final */
        WORKER_WELCOME = 64, /* with the descriptor of the file for the order, see output-order.h */
        WORKER_GO = 65,      /* the end is recorded: nobody asks for the exit status any more */
        WORKER_FOLLOW = 66,  /* somebody follows the output: with an eventfd, to be written to whenever it has grown */
} WorkerMessageType;

typedef struct WorkerHeader {
        uint32_t version;
        uint32_t type;
} WorkerHeader;

typedef struct WorkerHello {
        WorkerHeader header;
        char id[64]; /* of the job; ends with NUL */
        uint8_t secret[WORKER_SECRET_SIZE];
        uint64_t started_usec; /* CLOCK_REALTIME at which the command was started, or could not be */
} WorkerHello;

/* Why a command ended. */
typedef enum WorkerCause {
        WORKER_CAUSE_ITSELF = 0,  /* it exited, or a signal came from somewhere */
        WORKER_CAUSE_CANNOT = 1,  /* it could not be executed */
        WORKER_CAUSE_STOP = 2,    /* the service manager told the worker to stop */
        WORKER_CAUSE_OOM = 3,     /* the kernel, out of memory */
        WORKER_CAUSE_RUNTIME = 4, /* it passed a limit of the trailer */
        WORKER_CAUSE_OUTPUT = 5,
        WORKER_CAUSE_STALL = 6,
        _WORKER_CAUSE_MAX,
} WorkerCause;

/* What became of the file that $CODEX_JOB_RESULT names. */
typedef enum WorkerResult {
        WORKER_RESULT_NONE = 0,
        WORKER_RESULT_TAKEN = 1,
        WORKER_RESULT_TOO_LARGE = 2,
        WORKER_RESULT_NO_FILE = 3, /* a directory, a FIFO, a symbolic link, … */
        WORKER_RESULT_UNREADABLE = 4, /* see result_error */
        _WORKER_RESULT_MAX,
} WorkerResult;

#define WORKER_TEXT_MAX 1024U
#define WORKER_RESULT_SIZE_MAX (64U * 1024U)
#define WORKER_MESSAGE_MAX (sizeof(WorkerEnded) + 2 * WORKER_TEXT_MAX + WORKER_RESULT_SIZE_MAX)

/* Behind it: text, then left, then the result, of these sizes and without NULs. */
typedef struct WorkerEnded {
        WorkerHeader header;
        uint32_t struct_size; /* bytes of this struct as the sender knows it: there the rest begins */
        uint32_t final;   /* not 0: no process of the job is left, and what it wrote is on the disk */
        uint32_t cause;   /* WorkerCause */
        int32_t code;     /* CLD_EXITED, CLD_KILLED or CLD_DUMPED, see waitid(2); 0: it never ran, or runs still */
        int32_t status;   /* exit status or signal */
        uint64_t started_usec; /* as in WorkerHello */
        uint64_t ended_usec;
        uint32_t result;       /* WorkerResult */
        uint32_t result_error; /* errno */
        uint64_t result_bytes; /* of the file, also where it was not taken */
        uint32_t output_error; /* errno of what could not be written or synced of the output, 0: all was */
        uint32_t text_size;    /* why it could not be executed */
        uint32_t left_size;    /* final: what the command had left running; otherwise: what cannot be terminated */
        uint32_t result_size;
} WorkerEnded;

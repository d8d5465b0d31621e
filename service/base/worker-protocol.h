/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Messages between the service and codex-jobs-worker. Both run on the same host, so numbers are in host byte order;
 * but during an upgrade, or while a job runs, either may be of another version: members are added at the end of a
 * struct, and a reader treats missing ones as 0. Needs libc only.
 *
 *   service -> worker, at the start    a trailer at the end of the description (spec-format.h) on descriptor 0; the files
 *                                      for standard output and error on descriptors 1 and 2
 *   worker -> service                  hello, then lack, progress and ended, as datagrams of a SOCK_SEQPACKET socket
 *   service -> worker                  welcome, with the file for the order of the output; follow, with an eventfd; go;
 *                                      or unknown
 *
 * A worker that loses its connection reconnects, starts with hello and repeats its report of the end. It is a process
 * of the user: its messages are accepted for its own job only. */

#include <stdint.h>

#define WORKER_TRAILER_MAGIC UINT64_C(0x3172656b726f7763)
#define WORKER_SECRET_SIZE 16
#define WORKER_PATH_SIZE 108 /* as in sockaddr_un, see unix(7) */

enum {
        WORKER_MERGE_OUTPUT = 1 << 0, /* one pipe for both streams */
        WORKER_TIDY = 1 << 1,         /* folders of killed workers may be left: remove them */
        WORKER_ON_NODE = 1 << 2,      /* set by codex-jobs-node: no unit is around the job, whose processes are descendants */
};

#define WORKER_LIMITS_SHIFT 8 /* in flags: the number of WorkerLimits before the trailer, */
#define WORKER_LIMITS_MASK 0xffU
#define WORKER_ATTEMPT_SHIFT 16 /* and that of the attempt; 0: not known */

#define WORKER_SLOT_SHIFT 16 /* in umask */
#define WORKER_UMASK_GIVEN 01000U /* set in umask in addition to the mask */

/* Appended to the standard input in the description; an older worker does not read it. */
typedef struct WorkerTrailer {
        uint64_t magic;
        uint64_t stop_timeout_usec; /* from SIGTERM to SIGKILL, 0: SIGKILL immediately */
        uint64_t runtime_max_usec;  /* 0: no limit; likewise: */
        uint64_t output_max;
        uint64_t stall_usec;
        uint32_t umask; /* 0: not changed; and, shifted, the slot of the job + 1, 0: not known */
        uint32_t flags; /* and numbers, see above */
        uint8_t secret[WORKER_SECRET_SIZE]; /* for hello */
        char channel[WORKER_PATH_SIZE];     /* socket of the service; NUL-terminated */
        char folders[WORKER_PATH_SIZE];     /* parent of the folder that the worker creates; NUL-terminated */
} WorkerTrailer;

/* A limit of setrlimit(2) for the command. */
typedef struct WorkerLimit {
        uint64_t resource;
        uint64_t value; /* UINT64_MAX: no limit */
} WorkerLimit;

#define WORKER_VERSION 1U

typedef enum WorkerMessageType {
        WORKER_NOTHING = 0, /* no message */
        WORKER_HELLO = 1,
        WORKER_PROGRESS = 2, /* STATUS= of sd_notify(3): the text follows, at most WORKER_TEXT_MAX bytes */
        WORKER_ENDED = 3,    /* the command has exited; or the job cannot end, see final */
        WORKER_LACK = 4,     /* the command waits to be started, and is not yet: why, as progress */
        WORKER_PLACE = 5,    /* of codex-jobs-slurm: "NODE JOBID", where the command runs, as progress; sent when it begins */
        WORKER_WELCOME = 64, /* with the descriptor of the file for the order, see output-order.h */
        WORKER_GO = 65,      /* the end is recorded: the exit status is no longer needed */
        WORKER_FOLLOW = 66,  /* a client follows the output: with an eventfd, to be signalled when it grows */
        WORKER_AWAY = 67,    /* the service stops: a connection would start it. It sends SIGCONT when it is back */
        WORKER_UNKNOWN = 68, /* no such job is live, or the secret is wrong; closes. An older service only closes */
} WorkerMessageType;

typedef struct WorkerHeader {
        uint32_t version;
        uint32_t type;
} WorkerHeader;

typedef struct WorkerHello {
        WorkerHeader header;
        char id[64]; /* of the job; NUL-terminated */
        uint8_t secret[WORKER_SECRET_SIZE];
        uint64_t started_usec; /* CLOCK_REALTIME at which the command was first tried to be started */
} WorkerHello;

/* Why a command ended. */
typedef enum WorkerCause {
        WORKER_CAUSE_ITSELF = 0,  /* it exited, or was terminated by a signal of unknown origin */
        WORKER_CAUSE_CANNOT = 1,  /* it could not be executed */
        WORKER_CAUSE_STOP = 2,    /* the service manager stopped the worker */
        WORKER_CAUSE_OOM = 3,     /* the OOM killer */
        WORKER_CAUSE_RUNTIME = 4, /* it exceeded a limit of the trailer */
        WORKER_CAUSE_OUTPUT = 5,
        WORKER_CAUSE_STALL = 6,
        /* Of codex-jobs-slurm, with a code of 0, final, and the reason as text; from a worker on this host, the service closes
         * the connection: */
        WORKER_CAUSE_NODE_LOST = 7, /* the node failed, or cannot be reached */
        WORKER_CAUSE_LOST = 8,      /* Slurm does not know the job any more */
        WORKER_CAUSE_ELSEWHERE = 9, /* cancelled in Slurm, not by the service */
        _WORKER_CAUSE_MAX,
} WorkerCause;

/* Outcome of reading the file that $CODEX_JOB_RESULT names. */
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

/* Followed by text, left and the result, of these sizes and without NULs. */
typedef struct WorkerEnded {
        WorkerHeader header;
        uint32_t struct_size; /* bytes of this struct as known to the sender: the rest follows */
        uint32_t final;   /* not 0: no process of the job is left, and its output is on disk */
        uint32_t cause;   /* WorkerCause */
        int32_t code;     /* CLD_EXITED, CLD_KILLED or CLD_DUMPED, see waitid(2); 0: it never ran, or is still running */
        int32_t status;   /* exit status or signal */
        uint64_t started_usec; /* as in WorkerHello */
        uint64_t ended_usec;
        uint32_t result;       /* WorkerResult */
        uint32_t result_error; /* errno */
        uint64_t result_bytes; /* of the file, even if it was not accepted */
        uint32_t output_error; /* errno of a failure to write or sync output, 0: none */
        uint32_t text_size;    /* why it could not be executed, or was lost */
        uint32_t left_size;    /* final: left running by the command; otherwise: cannot be terminated */
        uint32_t result_size;
} WorkerEnded;

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Parts of codex-jobs-slurm:
 *
 *   main.c           options
 *   adapter.c        the loop, and what a lost connection means
 *   listen.c         what the node says
 *   settle.c         the end of the job
 *   slurm-command.c  Slurm's programs
 *   frame.c          how it talks to codex-jobs-node
 *
 * To the service it is the worker of the job, see worker-protocol.h. Its state is only what can be asked for again: the name
 * of the job in Slurm, and the sizes of the output files, from which the node continues. */

#include "frame.h"
#include "slurm-command.h"
#include "worker.h"

typedef enum Stage {
        STAGE_ASKED,   /* srun runs: the job is pending, or about to begin */
        STAGE_HEARD,   /* the node has greeted */
        STAGE_LOOKING, /* srun is gone: Slurm is asked for the job at look_usec */
        STAGE_SETTLED, /* the end is known, and to be recorded by the service */
        STAGE_RELEASING, /* it is recorded: the allocation ends */
        STAGE_OVER,
} Stage;

typedef struct Adapter {
        Description description;
        SlurmJob job;
        Stage stage;
        int epoll;
        int signals;
        int journal; /* for what srun says */
        Link link;
        Srun srun;
        bool attached; /* srun is not that which began the job */
        FrameBuffer input;
        char *output; /* to srun, from output_begin to output_end; owned */
        size_t output_begin, output_end;

        bool begun;        /* the worker on the node has said hello */
        bool seen_pending; /* by this process */
        bool stopping;
        char number[24];   /* of the job in Slurm, once known */
        char place[sizeof((Link) {}.place)]; /* to be told once it has begun */
        FrameReason refused; /* 0: not */
        char error[512];   /* the last one of srun, or of the node */
        uint64_t base[3];
        uint64_t offsets[3]; /* of what was got of each stream */
        int order;         /* of the service; -EBADF: none yet */
        uint64_t order_base;
        bool order_lost;
        int follower;      /* an eventfd of a client that follows the output */
        int code, status;  /* how to exit */
        int output_error;  /* errno of a failure to write output */

        /* CLOCK_MONOTONIC, 0: not due */
        uint64_t heard_usec; /* the last frame */
        uint64_t disk_usec;
        uint64_t look_usec;
        uint64_t look_pause;
        uint64_t net_usec;   /* a look while it is pending */
        uint64_t net_pause;
        uint64_t stop_usec;
        uint64_t keep_usec;
        uint64_t away_usec;
        uint64_t release_usec;
} Adapter;

/* --- listen.c --- */

/* Reads and handles what the node has sent. */
void listen_read(Adapter *a, uint64_t now);

/* Reads what srun says on its standard error. */
void listen_read_errors(Adapter *a);

/* Queues a frame for the node. */
void listen_say(Adapter *a, const char *line, const void *data, size_t size);

/* Writes what is queued, as far as possible now. */
void listen_flush(Adapter *a);

/* --- settle.c --- */

#define ADAPTER_KEEP_USEC (5 * 60 * USEC_PER_SEC) /* between two requests to keep the allocation */

/* As found out here: with a text, if it is not NULL. */
void settle_as(Adapter *a, WorkerCause cause, int code, int status, const char *text);

/* It could not be started, for the reason in a->error; or it was cancelled by the service. */
void settle_cannot(Adapter *a);
void settle_stopped(Adapter *a);

/* As reported by the node. */
void settle_reported(Adapter *a, const void *data, size_t size);

/* --- adapter.c --- */

int adapter_run(const char *id);

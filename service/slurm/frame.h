/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* What codex-jobs-slurm and codex-jobs-node say to each other, through the standard input and output of srun. A frame is a
 * line, "TYPE NUMBER NUMBER…", and the bytes that the last number counts, if the type has such, with a newline after them:
 * srun passes on whole lines.
 *
 *   node -> adapter   H version job node   greeting: the node has the job, or listens to it
 *                     O stream offset size output, or an entry of the order
 *                     M size             a message of worker-protocol.h
 *                     B                  a heartbeat, every FRAME_BEAT_USEC
 *                     X reason size      it cannot: a FrameReason, and a sentence
 *   adapter -> node   S out err size     the description, and how long the files of earlier attempts are
 *                     T                  terminate the job
 *                     P                  the adapter still needs the end
 *                     G                  the end is recorded: forget the job
 *
 * Both programs are of the same architecture; they may be of different versions, see FRAME_VERSION. */

#include "macro.h"

#define FRAME_VERSION 1U
#define FRAME_LINE_MAX 320U
#define FRAME_DATA_MAX (32U * 1024U * 1024U) /* of a description, the largest */
#define FRAME_BEAT_USEC (5 * USEC_PER_SEC)

typedef enum FrameReason {
        FRAME_NO_REASON = 0, /* none was given */
        FRAME_CANNOT = 1,  /* the job was not begun, and another attempt would fail as well */
        FRAME_CLAIMED = 2, /* it was begun before */
        FRAME_NO_SPOOL = 3, /* it is to be listened to, and was never begun here */
        FRAME_DEAD = 4,     /* likewise, and what ran it is gone without an end */
} FrameReason;

typedef struct Frame {
        char type;
        unsigned n;
        uint64_t numbers[3];
        char word[256]; /* the node, of a greeting */
        const char *data;
        size_t size;
} Frame;

/* Bytes that were read and do not make a frame yet. */
typedef struct FrameBuffer {
        char *data; /* owned */
        size_t begin, end, allocated;
} FrameBuffer;

/* Reads what is there. Returns the number of bytes, 0 at the end, or a negative errno. */
ssize_t frame_fill(FrameBuffer *b, int fd);

/* Takes a frame, whose data is valid until the next call. Returns 1, 0 if there is none yet, or -EBADMSG. */
int frame_next(FrameBuffer *b, Frame *ret);

void frame_free(FrameBuffer *b);

/* Writes a line and, unless it is NULL, data with a newline after it, to a descriptor that blocks. Returns 0 or a negative
 * errno. */
int frame_write(int fd, const char *line, const void *data, size_t size);

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Parts of codex-jobs-node:
 *
 *   node.c     start, and the keeper: the parent of the worker
 *   stream.c   what is in the spool, to the adapter
 *   greet.c    the first words to the adapter
 *   spool.c    the folder of the job
 *   frame.c    how both talk */

#include "frame.h"
#include "spool.h"

/* What an adapter asks a keeper for: datagrams of one byte. */
enum {
        ASK_TERMINATE = 'T',
        ASK_KEEP = 'P',
        ASK_FORGET = 'G',
};

/* Tells the adapter why not. Returns the exit status. */
int node_refuse(FrameReason reason, const char *text);

/* Greets the adapter. */
int node_greet(void);

/* Sends what is in the spool from these offsets on, and what comes, until the adapter or the keeper is gone. input: frames of
 * the adapter that were read already. Returns the exit status. */
int stream(Spool *s, FrameBuffer *input, uint64_t offsets[static SPOOL_STREAMS]);

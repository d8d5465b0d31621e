/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Parses messages of workers, see worker-protocol.h. Workers are processes of users: nothing is trusted. Does no
 * I/O. */

#include <stdbool.h>
#include <stddef.h>

#include "worker-protocol.h"

/* All pointers are into the datagram. */
typedef struct WorkerMessage {
        WorkerMessageType type; /* WORKER_HELLO, WORKER_PROGRESS, WORKER_LACK, WORKER_PLACE or WORKER_ENDED */

        const char *id; /* hello; NUL-terminated, may be anything */
        const uint8_t *secret;
        uint64_t started_usec;

        const char *text; /* progress; place; or why the command could not be executed, or was lost. Not NUL-terminated, possibly not UTF-8 */
        size_t text_size;

        WorkerEnded ended; /* with valid cause, code, status and result */
        const char *left;
        size_t left_size;
        const char *result; /* with WORKER_RESULT_TAKEN */
        size_t result_size;
} WorkerMessage;

/* Returns 0; 1 for a type of a later version, to be ignored; -EBADMSG for an invalid message. */
int worker_message_read(const void *data, size_t size, WorkerMessage *ret);

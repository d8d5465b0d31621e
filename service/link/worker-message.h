/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reads what workers send, see worker-protocol.h. They are processes of users: nothing in it is taken for granted. Does
 * no I/O. */

#include <stdbool.h>
#include <stddef.h>

#include "worker-protocol.h"

/* All pointers are into the datagram. */
typedef struct WorkerMessage {
        WorkerMessageType type; /* WORKER_HELLO, WORKER_PROGRESS or WORKER_ENDED */

        const char *id; /* hello; ends with NUL, may be anything */
        const uint8_t *secret;
        uint64_t started_usec;

        const char *text; /* progress; or why the command could not be executed. No NUL at the end, perhaps no UTF-8 */
        size_t text_size;

        WorkerEnded ended; /* with a cause, code, status and result that exist */
        const char *left;
        size_t left_size;
        const char *result; /* with WORKER_RESULT_TAKEN */
        size_t result_size;
} WorkerMessage;

/* Returns 0; 1 for a type of a later version, which is to be passed over; -EBADMSG for what no worker sends. */
int worker_message_read(const void *data, size_t size, WorkerMessage *ret);

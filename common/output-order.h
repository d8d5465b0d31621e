/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* ID.order, the file beside ID.stdout and ID.stderr that keeps the order in which a job wrote to its two streams, and
 * when. The worker of the job appends to it, the client reads it: D-Bus OpenOutput(id, "order").
 *
 * The file is a sequence of entries, in the byte order of the host and without a header. Each stands for the next
 * size bytes of one stream: the first entry of a stream for its first bytes, the second for those after them. An
 * entry is appended after the bytes that it is about, so a reader may find bytes that no entry covers yet; it may
 * also find a part of an entry at the end, which is being written.
 *
 * A missing or empty file, or one that covers less than the streams have, is not an error: the job was started by an
 * older version, or its worker was killed. The order of the bytes that are not covered is not known. The file belongs
 * to the user of the job: a reader must not rely on any of its values. */

#include <assert.h>
#include <stdint.h>

typedef enum OutputOrderStream {
        OUTPUT_ORDER_STDOUT,
        OUTPUT_ORDER_STDERR,
        _OUTPUT_ORDER_STREAM_MAX,
} OutputOrderStream;

typedef struct OutputOrderEntry {
        uint64_t usec;   /* CLOCK_REALTIME: when the bytes were read from the job */
        uint32_t size;   /* bytes, at least 1 */
        uint32_t stream; /* an OutputOrderStream */
} OutputOrderEntry;

static_assert(sizeof(OutputOrderEntry) == 16, "the layout is part of the file format");

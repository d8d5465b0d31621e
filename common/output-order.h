/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* ID.order, the file next to ID.stdout and ID.stderr that records the order in which a job wrote to its two streams,
 * and when. The worker of the job appends to it, the client reads it with OpenOutput(id, "order").
 *
 * The file is a sequence of entries, in host byte order and without a header. Each covers the next size bytes of one
 * stream: the first entry of a stream its first bytes, the second the bytes after them. An entry is appended after the
 * bytes that it covers, so a reader may find bytes that no entry covers yet, and an incomplete entry at the end, which
 * is being written.
 *
 * A missing or empty file, or one that covers only a part of the streams, is not an error: the job was started by an
 * older version, or its worker was killed. The order of bytes that are not covered is unknown. The file is written as
 * the user of the job: a reader must not trust any of its values. */

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

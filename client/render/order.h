/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The order in which to show the output of a job: walks its two streams by the index described in output-order.h. Every
 * byte is shown exactly once, whatever the index contains. Never blocks, and copies nothing: the caller reads the
 * ranges returned. */

#include "macro.h"
#include "output-order.h"

typedef struct OrderPart {
        OutputOrderStream stream;
        uint64_t usec; /* CLOCK_REALTIME, when it was written; 0: unknown */
        off_t begin, end;
} OrderPart;

typedef struct OrderSource {
        int fd;        /* owned; -EBADF: not shown */
        off_t size;    /* its size when it was last checked */
        off_t shown;   /* what is before was returned, or is not wanted */
        off_t covered; /* by the entries that were read */
        off_t limit;   /* what is after is not wanted */
} OrderSource;

typedef enum OrderIndex {
        ORDER_UNUSED, /* the order does not matter for anything yet */
        ORDER_WANTED,
        ORDER_OPEN,
        ORDER_NONE, /* there is none, or it is not reliable */
} OrderIndex;

typedef struct Order {
        OrderSource sources[_OUTPUT_ORDER_STREAM_MAX];
        bool timed; /* the times are wanted: entries are not joined */
        bool ended;
        bool late; /* output that is not in the index is shown nevertheless */
        OutputOrderStream last; /* the stream of the last part returned */

        OrderIndex index;
        int fd; /* owned */
        off_t offset; /* of unread entries */
        OutputOrderEntry entries[256];
        size_t next, n; /* of the entries that were read */
        OrderPart part; /* the part not returned yet; begin == end: none */
} Order;

void order_init(Order *o, bool timed);
void order_clear(Order *o);

/* Adds a stream, to be shown from an offset on, to another one (ORDER_TO_END). Returns 0 or a negative errno; takes ownership of fd in any case. */
int order_add(Order *o, OutputOrderStream stream, int fd, off_t begin, off_t end);
#define ORDER_TO_END INT64_MAX

/* Whether the index must be opened to continue, and sets it; a negative fd: there is none. */
bool order_wants_index(const Order *o);
void order_set_index(Order *o, int fd);

/* The next part. Returns 1; 0: nothing now; or a negative errno. A part may be empty if much was skipped, so that the
 * caller can do something else before it continues. */
int order_next(Order *o, OrderPart *ret);

/* If there was nothing: whether a stream has output that the index should contain and does not. */
int order_is_behind(Order *o);

/* Shows such output without an order, except for what an entry describes and is not there yet. */
void order_give_up(Order *o);

/* The streams are complete now: shows them to the end, and last what is not in the index. */
int order_end(Order *o);

/* Whether it is at the end: order_next() returned 0 and will not return anything else. */
bool order_is_over(const Order *o);

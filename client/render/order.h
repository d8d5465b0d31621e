/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* In which order to show what a job wrote: walks its two streams by the index of output-order.h. Every byte of both is
 * shown once, whatever stands in the index. Never waits, and copies nothing: the caller reads what is named. */

#include "macro.h"
#include "output-order.h"

typedef struct OrderPart {
        OutputOrderStream stream;
        uint64_t usec; /* CLOCK_REALTIME: when it was written; 0: not known */
        off_t begin, end;
} OrderPart;

typedef struct OrderSource {
        int fd;        /* owned; -EBADF: not shown */
        off_t size;    /* as it was when it was looked at last */
        off_t shown;   /* what stands before was returned, or is not wanted */
        off_t covered; /* by the entries that were read */
        off_t limit;   /* what stands behind is not wanted */
} OrderSource;

typedef enum OrderIndex {
        ORDER_UNUSED, /* there is nothing yet whose order matters */
        ORDER_WANTED,
        ORDER_OPEN,
        ORDER_NONE, /* there is none, or none to rely on any more */
} OrderIndex;

typedef struct Order {
        OrderSource sources[_OUTPUT_ORDER_STREAM_MAX];
        bool timed; /* the times are wanted: entries are not joined */
        bool ended;
        bool late; /* what the index does not tell of is shown all the same */
        OutputOrderStream last; /* of which something was returned */

        OrderIndex index;
        int fd; /* owned */
        off_t offset; /* of the entries that are not read */
        OutputOrderEntry entries[256];
        size_t next, n; /* of those that were read */
        OrderPart part; /* of which nothing was returned; begin == end: none */
} Order;

void order_init(Order *o, bool timed);
void order_clear(Order *o);

/* Takes a stream, to be shown from an offset on. Returns 0 or a negative errno; fd is taken anyway. */
int order_add(Order *o, OutputOrderStream stream, int fd, off_t begin);

/* Whether the index has to be opened before there is more, and takes it; a negative number: there is none. */
bool order_wants_index(const Order *o);
void order_set_index(Order *o, int fd);

/* What comes next. Returns 1; 0: nothing now; or a negative errno. A part may be empty: there was much to skip, and the
 * caller may want to do something else before it goes on. */
int order_next(Order *o, OrderPart *ret);

/* When there was nothing: whether a stream has something that the index, which should, does not tell of. */
int order_is_behind(Order *o);

/* Shows that without an order, what an entry tells of and is not there apart. */
void order_give_up(Order *o);

/* What the streams have now is all: it is shown to the end, what the index does not tell of at last. */
int order_end(Order *o);

/* Whether it ended, and order_next(), which returned 0, will never return anything else. */
bool order_is_over(const Order *o);

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The output, in turns: what there is of its order, then the bytes of both streams up to their ends, so that what the order
 * covers is there when it is written. At its end, the service there tells once when there is more (OutputGrew). */

#include <sys/stat.h>

#include "bus-names.h"
#include "relay.h"

#define PART_SIZE (256U * 1024U)
#define PAUSE_USEC (50 * USEC_PER_MSEC) /* between two turns */
#define DISK_USEC USEC_PER_SEC
#define ORDER_ENTRY 16U /* bytes, see output-order.h */

static const char *const names[COPY_STREAMS] = { "stdout", "stderr", "order" };

static void ask(Relay *r);

static void fail(Relay *r, const sd_bus_error *error) {
        r->copying = false;
        r->again = true;
        r->events->failed(r, error);
}

/* The order is written, or lost, as a whole: an entry after one that is missing would cover the wrong bytes. */
static int write_order(Relay *r) {
        struct stat st;

        if (r->order_size == 0)
                return 0;
        if (r->order < 0 || fstat(r->order, &st) < 0)
                r->order_lost = true;
        else if (r->offsets[COPY_ORDER] == 0)
                r->order_base = (uint64_t) st.st_size;
        return elsewhere_write(r->order_lost ? -EBADF : r->order, r->order_data, r->order_size, r->order_base,
                               &r->offsets[COPY_ORDER], &r->output_error);
}

static void end_turn(Relay *r, bool disk_full) {
        bool complete = !r->grown && !r->again && !disk_full;
        uint64_t now = monotonic_usec();

        r->copying = false;
        if (r->stage == RELAY_COPYING && complete)
                outcome_settle(r);
        else if (!complete)
                r->copy_usec = now + (disk_full ? DISK_USEC : PAUSE_USEC);
}

static int keep_order(Relay *r, const void *data, size_t size) {
        free(r->order_data);
        r->order_size = 0;
        r->order_data = malloc(MAX(size, (size_t) 1));
        if (!r->order_data)
                return -ENOMEM;
        memcpy(r->order_data, data, size);
        r->order_size = size;
        return 0;
}

/* Returns whether there may be more of the stream; or -EAGAIN if the disk is full. */
static int take(Relay *r, const void *data, size_t size) {
        int error;

        if (r->stream == COPY_ORDER)
                size -= size % ORDER_ENTRY; /* whole entries only */
        r->grown = r->grown || size > 0;
        if (r->stream == COPY_ORDER)
                return keep_order(r, data, size);
        error = elsewhere_write(r->stream == COPY_STDOUT ? STDOUT_FILENO : STDERR_FILENO, data, size, r->base[r->stream],
                                &r->offsets[r->stream], &r->output_error);
        if (size > 0)
                elsewhere_tell(r->follower);
        return error < 0 ? error : size > 0;
}

static int on_part(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        Relay *r = userdata;
        const void *data = NULL;
        size_t size = 0;
        int more;

        if (r->stage >= RELAY_SETTLED)
                return 0;
        if (error || sd_bus_message_read_array(reply, 'y', &data, &size) < 0) {
                fail(r, error);
                return 0;
        }
        r->pause_usec = 0;
        more = take(r, data, size);
        if (more == 0) /* the order, stdout, stderr */
                r->stream = r->stream == COPY_ORDER ? COPY_STDOUT : r->stream + 1;
        if (more >= 0 && (more > 0 || r->stream != COPY_ORDER))
                ask(r);
        else
                end_turn(r, more < 0 || write_order(r) < 0);
        return 0;
}

static void ask(Relay *r) {
        uint64_t offset = r->offsets[r->stream];
        int error;

        error = sd_bus_call_method_async(r->far.bus, NULL, JOBS_BUS_NAME, JOBS_PATH, JOBS_INTERFACE, "ReadOutput", on_part, r, "sstt",
                                         r->there, names[r->stream], offset, (uint64_t) PART_SIZE);
        if (error < 0)
                fail(r, NULL);
}

void copy_start(Relay *r) {
        if (r->copying || !r->far.ready || !r->there || r->stage >= RELAY_SETTLED) {
                r->again = true;
                return;
        }
        r->copy_usec = 0;
        r->copying = true;
        r->again = r->grown = false;
        r->stream = COPY_ORDER;
        ask(r);
}

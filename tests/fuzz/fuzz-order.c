/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The index of what a job wrote, which is the user's, while both streams grow. The first bytes say how; the rest is the
 * index. Whatever it is, each byte of both streams is shown once, and the walk ends. */

#include <fcntl.h>
#include <sys/mman.h>

#include "fuzz.h"
#include "order.h"
#include "stamp.h"

typedef struct Plan {
        uint16_t sizes[_OUTPUT_ORDER_STREAM_MAX]; /* of the streams at first */
        uint16_t grown[_OUTPUT_ORDER_STREAM_MAX]; /* by that much later */
        uint16_t begins[_OUTPUT_ORDER_STREAM_MAX]; /* of the last lines */
        uint16_t index;  /* bytes of it that are there at first */
        uint8_t flags;
        uint8_t zero;
} Plan;

enum {
        TIMED = 1 << 0,
        TAIL = 1 << 1,
        GIVE_UP = 1 << 2,
        NO_INDEX = 1 << 3,
        ONLY_STDOUT = 1 << 4,
        ONLY_STDERR = 1 << 5,
        AT_ONCE = 1 << 6,
};

static int make_file(void) {
        int fd = memfd_create("fuzz", MFD_CLOEXEC);

        fuzz_check(fd >= 0);
        return fd;
}

static void check_stamp(const OrderPart *part) {
        char out[STAMPED_SIZE(3)];
        bool amid = false;

        fuzz_check(stamp(&amid, part->usec, "\na\n", 3, out) == 2 * STAMP_SIZE + 3 && !amid);
}

static void show(Order *o, const Plan *plan, int index, size_t index_size, off_t shown[]) {
        /* Each step returns something, or has read some of the index. */
        for (size_t steps = index_size + 16;; steps--) {
                OrderPart part = {};
                int r = order_next(o, &part);

                fuzz_check(steps > 0 && r >= 0);
                if (r == 0 && order_wants_index(o)) {
                        order_set_index(o, plan->flags & NO_INDEX ? -EBADF : fcntl(index, F_DUPFD_CLOEXEC, 3));
                        continue;
                }
                if (r == 0)
                        return;
                if (part.begin == part.end)
                        continue;
                fuzz_check(part.stream < _OUTPUT_ORDER_STREAM_MAX && o->sources[part.stream].fd >= 0);
                fuzz_check(part.begin == shown[part.stream] && part.end > part.begin);
                fuzz_check(part.end <= o->sources[part.stream].size);
                shown[part.stream] = part.end;
                check_stamp(&part);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        int files[_OUTPUT_ORDER_STREAM_MAX] = { make_file(), make_file() }, index = make_file();
        off_t shown[_OUTPUT_ORDER_STREAM_MAX] = {};
        static Order o;
        Plan plan = {};
        size_t first;

        memcpy(&plan, data, MIN(size, sizeof(plan)));
        data += MIN(size, sizeof(plan));
        size -= MIN(size, sizeof(plan));
        first = MIN((size_t) plan.index, size);
        fuzz_check(pwrite(index, data, first, 0) == (ssize_t) first);
        order_init(&o, plan.flags & TIMED);
        for (unsigned i = 0; i < ELEMENTSOF(files); i++) {
                fuzz_check(ftruncate(files[i], plan.sizes[i]) >= 0);
                if (plan.flags & (i == OUTPUT_ORDER_STDOUT ? ONLY_STDERR : ONLY_STDOUT))
                        continue;
                if (plan.flags & TAIL)
                        shown[i] = MIN(plan.begins[i], plan.sizes[i]);
                fuzz_check(order_add(&o, i, fcntl(files[i], F_DUPFD_CLOEXEC, 3), shown[i], ORDER_TO_END) >= 0);
        }
        if (!(plan.flags & AT_ONCE))
                show(&o, &plan, index, size, shown);
        fuzz_check(pwrite(index, data, size, 0) == (ssize_t) size);
        for (unsigned i = 0; i < ELEMENTSOF(files); i++)
                fuzz_check(ftruncate(files[i], plan.sizes[i] + plan.grown[i]) >= 0);
        if (plan.flags & GIVE_UP)
                order_give_up(&o);
        if (!(plan.flags & AT_ONCE))
                show(&o, &plan, index, size, shown);
        fuzz_check(order_is_behind(&o) >= 0);
        fuzz_check(order_end(&o) >= 0);
        show(&o, &plan, index, size, shown);
        fuzz_check(order_is_over(&o));
        for (unsigned i = 0; i < ELEMENTSOF(files); i++) {
                fuzz_check(o.sources[i].fd < 0 || shown[i] == plan.sizes[i] + plan.grown[i]);
                (void) close(files[i]);
        }
        (void) close(index);
        order_clear(&o);
        return 0;
}

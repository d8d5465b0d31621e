/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* worker_message_read() of what a worker, or somebody who says to be one, sends to the service. */

#include <signal.h>

#include "fuzz.h"
#include "worker-message.h"

/* All n bytes at p are of the datagram. */
static void check_within(const void *p, size_t n, const uint8_t *data, size_t size) {
        const uint8_t *bytes = p;

        fuzz_check(bytes >= data && bytes <= data + size);
        fuzz_check(n <= (size_t) (data + size - bytes));
}

static void check_hello(const WorkerMessage *m, const uint8_t *data, size_t size) {
        check_within(m->id, sizeof(((WorkerHello *) NULL)->id), data, size);
        fuzz_check(memchr(m->id, 0, sizeof(((WorkerHello *) NULL)->id)));
        check_within(m->secret, WORKER_SECRET_SIZE, data, size);
}

static void check_progress(const WorkerMessage *m, const uint8_t *data, size_t size) {
        check_within(m->text, m->text_size, data, size);
        fuzz_check(m->text_size <= WORKER_TEXT_MAX);
        fuzz_check(sizeof(WorkerHeader) + m->text_size == size);
}

static void check_ended(const WorkerMessage *m, const uint8_t *data, size_t size) {
        const WorkerEnded *e = &m->ended;

        check_within(m->text, m->text_size, data, size);
        check_within(m->left, m->left_size, data, size);
        check_within(m->result, m->result_size, data, size);
        fuzz_check(m->text_size <= WORKER_TEXT_MAX && m->left_size <= WORKER_TEXT_MAX);
        fuzz_check(m->result_size <= WORKER_RESULT_SIZE_MAX);
        fuzz_check(m->left == m->text + m->text_size && m->result == m->left + m->left_size);
        fuzz_check(e->struct_size <= (size_t) (m->text - (const char *) data));
        fuzz_check(e->cause < _WORKER_CAUSE_MAX && e->result < _WORKER_RESULT_MAX);
        fuzz_check(m->result_size == 0 || e->result == WORKER_RESULT_TAKEN);
        fuzz_check(e->code == 0 || e->code == CLD_EXITED || e->code == CLD_KILLED || e->code == CLD_DUMPED);
        fuzz_check(e->code != 0 || !e->final || e->cause >= WORKER_CAUSE_NODE_LOST);
        fuzz_check(e->code != CLD_EXITED || (e->status >= 0 && e->status <= 255));
        fuzz_check(e->code != CLD_KILLED || (e->status > 0 && e->status < NSIG));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        WorkerMessage m;

        switch (worker_message_read(data, size, &m)) {
        case 0:
                break;
        case 1: /* of a later version */
                fuzz_check(m.type != WORKER_HELLO && m.type != WORKER_PROGRESS && m.type != WORKER_LACK &&
                           m.type != WORKER_PLACE && m.type != WORKER_ENDED);
                return 0;
        default:
                return 0;
        }
        if (m.type == WORKER_HELLO)
                check_hello(&m, data, size);
        else if (m.type == WORKER_PROGRESS || m.type == WORKER_LACK || m.type == WORKER_PLACE)
                check_progress(&m, data, size);
        else {
                fuzz_check(m.type == WORKER_ENDED);
                check_ended(&m, data, size);
        }
        return 0;
}

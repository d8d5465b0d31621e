/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <signal.h>

#include "macro.h"
#include "worker-message.h"

/* Copies a struct, as far as it was sent. */
static void read_struct(void *target, size_t target_size, const void *data, size_t size) {
        memset(target, 0, target_size);
        memcpy(target, data, MIN(size, target_size));
}

static int read_hello(const char *data, size_t size, WorkerMessage *m) {
        const WorkerHello *hello = NULL;

        if (size < sizeof(*hello))
                return -EBADMSG;
        m->id = data + offsetof(WorkerHello, id);
        m->secret = (const uint8_t *) data + offsetof(WorkerHello, secret);
        memcpy(&m->started_usec, data + offsetof(WorkerHello, started_usec), sizeof(m->started_usec));
        return memchr(m->id, 0, sizeof(hello->id)) ? 0 : -EBADMSG;
}

static int read_progress(const char *data, size_t size, WorkerMessage *m) {
        m->text = data + sizeof(WorkerHeader);
        m->text_size = size - sizeof(WorkerHeader);
        return m->text_size <= WORKER_TEXT_MAX ? 0 : -EBADMSG;
}

static bool is_possible(const WorkerEnded *e) {
        bool by_signal = e->code == CLD_KILLED || e->code == CLD_DUMPED;

        if (e->cause >= WORKER_CAUSE_NODE_LOST) /* nobody saw its end */
                return e->code == 0 && e->final;
        if (by_signal)
                return e->status > 0 && e->status < NSIG;
        if (e->code == CLD_EXITED)
                return e->status >= 0 && e->status <= 255;
        return e->code == 0 && !e->final; /* it is still running */
}

/* A later version may have more causes and outcomes of reading a result: they are treated as an exit of the command
 * without a result. The worker would keep sending the report if it was rejected. */
static void pass_over_unknown(WorkerEnded *e) {
        if (e->cause >= _WORKER_CAUSE_MAX)
                e->cause = WORKER_CAUSE_ITSELF;
        if (e->result >= _WORKER_RESULT_MAX) {
                e->result = WORKER_RESULT_NONE;
                e->result_size = 0;
        }
}

/* Takes the next size bytes; each part is within the datagram. */
static const char *take(const char **p, const char *end, size_t size, size_t max) {
        const char *s = *p;

        if (size > max || size > (size_t) (end - s))
                return NULL;
        *p += size;
        return s;
}

static int read_ended(const char *data, size_t size, WorkerMessage *m) {
        const char *p, *end = data + size;
        WorkerEnded *e = &m->ended;
        uint32_t struct_size = 0;

        if (size < offsetof(WorkerEnded, struct_size) + sizeof(struct_size))
                return -EBADMSG;
        memcpy(&struct_size, data + offsetof(WorkerEnded, struct_size), sizeof(struct_size));
        if (struct_size > size || struct_size < offsetof(WorkerEnded, result_size) + sizeof(e->result_size))
                return -EBADMSG;
        read_struct(e, sizeof(*e), data, struct_size);
        pass_over_unknown(e);
        if (!is_possible(e))
                return -EBADMSG;
        p = data + struct_size;
        m->text = take(&p, end, e->text_size, WORKER_TEXT_MAX);
        m->left = m->text ? take(&p, end, e->left_size, WORKER_TEXT_MAX) : NULL;
        m->result = m->left ? take(&p, end, e->result_size, WORKER_RESULT_SIZE_MAX) : NULL;
        if (!m->result || (e->result_size > 0 && e->result != WORKER_RESULT_TAKEN))
                return -EBADMSG;
        m->text_size = e->text_size;
        m->left_size = e->left_size;
        m->result_size = e->result_size;
        return 0;
}

int worker_message_read(const void *data, size_t size, WorkerMessage *ret) {
        WorkerHeader header;

        *ret = (WorkerMessage) {};
        if (size < sizeof(header))
                return -EBADMSG;
        memcpy(&header, data, sizeof(header));
        ret->type = (WorkerMessageType) header.type;
        switch (header.type) {
        case WORKER_HELLO:
                return read_hello(data, size, ret);
        case WORKER_PROGRESS:
        case WORKER_LACK:
        case WORKER_PLACE:
                return read_progress(data, size, ret);
        case WORKER_ENDED:
                return read_ended(data, size, ret);
        default:
                return 1;
        }
}

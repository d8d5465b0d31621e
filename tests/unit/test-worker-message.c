/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <signal.h>

#include "test.h"
#include "worker-message.h"

/* An end with what follows it, in memory of exactly its size. */
static void *new_ended(const WorkerEnded *ended, size_t later, const char *rest, size_t rest_size, size_t *ret_size) {
        char *data;

        *ret_size = sizeof(*ended) + later + rest_size;
        data = calloc(1, *ret_size);
        check(data);
        memcpy(data, ended, sizeof(*ended));
        memset(data + sizeof(*ended), 0xff, later);
        memcpy(data + sizeof(*ended) + later, rest, rest_size);
        return data;
}

static int read_ended(const WorkerEnded *ended, const char *rest, WorkerMessage *ret) {
        static void *data; /* of the last one: ret points into it */
        size_t size;

        free(data);
        data = new_ended(ended, ended->struct_size > sizeof(*ended) ? ended->struct_size - sizeof(*ended) : 0, rest, strlen(rest),
                         &size);
        return worker_message_read(data, size, ret);
}

static WorkerEnded ended_of(int code, int status) {
        return (WorkerEnded) {
                .header = { WORKER_VERSION, WORKER_ENDED },
                .struct_size = sizeof(WorkerEnded),
                .final = 1,
                .code = code,
                .status = status,
        };
}

static void hello(void) {
        WorkerHello h = { .header = { WORKER_VERSION, WORKER_HELLO }, .id = "job-0000000000", .secret = { 7 }, .started_usec = 5 };
        WorkerMessage m;

        check_int(worker_message_read(&h, sizeof(h), &m), 0);
        check_int(m.type, WORKER_HELLO);
        check_string(m.id, "job-0000000000");
        check_int(m.secret[0], 7);
        check_int(m.started_usec, 5);
        check_error(worker_message_read(&h, sizeof(h) - 1, &m), -EBADMSG);
        memset(h.id, 'x', sizeof(h.id));
        check_error(worker_message_read(&h, sizeof(h), &m), -EBADMSG);
}

static void progress(void) {
        char data[sizeof(WorkerHeader) + WORKER_TEXT_MAX + 1] = {};
        WorkerMessage m;

        memcpy(data, &(WorkerHeader) { WORKER_VERSION, WORKER_PROGRESS }, sizeof(WorkerHeader));
        check_int(worker_message_read(data, sizeof(WorkerHeader), &m), 0);
        check_int(m.text_size, 0);
        check_int(worker_message_read(data, sizeof(data) - 1, &m), 0);
        check(m.text == data + sizeof(WorkerHeader));
        check_int(m.text_size, WORKER_TEXT_MAX);
        check_error(worker_message_read(data, sizeof(data), &m), -EBADMSG);
        memcpy(data, &(WorkerHeader) { WORKER_VERSION, WORKER_LACK }, sizeof(WorkerHeader));
        check_int(worker_message_read(data, sizeof(data) - 1, &m), 0);
        check_int(m.type, WORKER_LACK);
        check_int(m.text_size, WORKER_TEXT_MAX);
}

static void ended(void) {
        WorkerEnded e = ended_of(CLD_EXITED, 3);
        WorkerMessage m;

        e.cause = WORKER_CAUSE_CANNOT;
        e.result = WORKER_RESULT_TAKEN;
        e.text_size = 4;
        e.left_size = 3;
        e.result_size = 2;
        check_int(read_ended(&e, "textend{}", &m), 0);
        check_bytes(m.text, m.text_size, "text", 4);
        check_bytes(m.left, m.left_size, "end", 3);
        check_bytes(m.result, m.result_size, "{}", 2);
        check_int(m.ended.status, 3);
        check_error(read_ended(&e, "textend{", &m), -EBADMSG);
        e.result = WORKER_RESULT_NO_FILE;
        check_error(read_ended(&e, "textend{}", &m), -EBADMSG);
}

static void possible_ends(void) {
        static const struct {
                int code, status;
                uint32_t final;
                bool possible;
        } ends[] = {
                { CLD_EXITED, 0, 1, true },    { CLD_EXITED, 255, 1, true },  { CLD_EXITED, 256, 1, false },
                { CLD_EXITED, -1, 1, false },  { CLD_KILLED, 9, 1, true },    { CLD_DUMPED, 6, 1, true },
                { CLD_KILLED, 0, 1, false },   { CLD_KILLED, NSIG, 1, false }, { CLD_STOPPED, 19, 1, false },
                { 0, 0, 1, false },            { 0, 0, 0, true },             { CLD_EXITED, 0, 0, true },
                { -1, 0, 1, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
                WorkerEnded e = ended_of(ends[i].code, ends[i].status);
                WorkerMessage m;

                e.final = ends[i].final;
                check_int(read_ended(&e, "", &m), ends[i].possible ? 0 : -EBADMSG);
        }
}

/* It has more members, causes and results than we know. */
static void later_version(void) {
        WorkerEnded e = ended_of(CLD_EXITED, 3);
        WorkerMessage m;

        e.struct_size += 16;
        e.cause = _WORKER_CAUSE_MAX;
        e.result = WORKER_RESULT_TAKEN;
        e.left_size = 4;
        e.result_size = 2;
        check_int(read_ended(&e, "left{}", &m), 0);
        check_int(m.ended.cause, WORKER_CAUSE_ITSELF);
        check_bytes(m.left, m.left_size, "left", 4);
        check_bytes(m.result, m.result_size, "{}", 2);
        e.result = _WORKER_RESULT_MAX;
        check_int(read_ended(&e, "left{}", &m), 0);
        check_int(m.ended.result, WORKER_RESULT_NONE);
        check_int(m.result_size, 0);
        check_int(worker_message_read(&(WorkerHeader) { 9, 9 }, sizeof(WorkerHeader), &m), 1);
}

static void sizes(void) {
        static char text[WORKER_TEXT_MAX + 2];
        WorkerEnded e = ended_of(CLD_EXITED, 3);
        WorkerMessage m;

        memset(text, 'x', sizeof(text) - 1);

        for (size_t i = 0; i < sizeof(e); i++)
                check_error(worker_message_read(&e, i, &m), -EBADMSG);
        e.struct_size--;
        check_error(read_ended(&e, "", &m), -EBADMSG);
        e.struct_size = UINT32_MAX;
        check_error(worker_message_read(&e, sizeof(e), &m), -EBADMSG);
        e = ended_of(CLD_EXITED, 3);
        e.text_size = UINT32_MAX;
        check_error(read_ended(&e, "xxx", &m), -EBADMSG);
        e.text_size = 1;
        e.left_size = UINT32_MAX;
        check_error(read_ended(&e, "xxx", &m), -EBADMSG);
        e = ended_of(CLD_EXITED, 3);
        e.left_size = WORKER_TEXT_MAX + 1; /* more than may be, also where it is there */
        check_error(read_ended(&e, text, &m), -EBADMSG);
        e.left_size--;
        check_int(read_ended(&e, text, &m), 0);
}

TEST_MAIN(TEST(hello), TEST(progress), TEST(ended), TEST(possible_ends), TEST(later_version), TEST(sizes))

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs mcp: lines of a client, and a service that is not there. The first byte of the input says how calls are
 * answered; the rest is what the client writes. Every line of an answer must be JSON, and each request has at most one.
 * The linker replaces the connection (client-bus.h) by the functions below. */

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "bus-names.h"
#include "fuzz.h"
#include "json-text.h"
#include "server.h"

#define CALLS_MAX 100000 /* answered for an input: more is an endless loop */

struct Call {
        Call *next, *previous;
        const char *method;
        call_append_t append;
        void *arguments;
        call_done_t done;
        void *userdata;
};

static struct {
        sd_event *event;
        sd_bus *bus;
        Call *calls; /* the newest first */
        sd_bus_message_handler_t on_signal;
        void *signal_userdata;
        void (*changed)(void *userdata);
        void *changed_userdata;
        int stop;
} fake;

/* ---- The connection ---- */

sd_event *__wrap_client_event(Client *c);
int __wrap_client_match(Client *c, const char *rule, sd_bus_message_handler_t handler, void *userdata);
int __wrap_client_watch_service(Client *c, void (*changed)(void *userdata), void *userdata);
void __wrap_client_stop(Client *c, int r, const sd_bus_error *error);
const char *__wrap_client_scope_option(const Client *c);
int __wrap_call_new(Client *c, Call **ret, CallMode mode, const char *method, call_append_t append, void *arguments,
                    call_done_t done, void *userdata);
Call *__wrap_call_free(Call *call);

sd_event *__wrap_client_event(Client *c) {
        return fake.event;
}

int __wrap_client_match(Client *c, const char *rule, sd_bus_message_handler_t handler, void *userdata) {
        fake.on_signal = handler;
        fake.signal_userdata = userdata;
        return 0;
}

int __wrap_client_watch_service(Client *c, void (*changed)(void *userdata), void *userdata) {
        fake.changed = changed;
        fake.changed_userdata = userdata;
        return 0;
}

void __wrap_client_stop(Client *c, int r, const sd_bus_error *error) {
        fake.stop = r;
}

const char *__wrap_client_scope_option(const Client *c) {
        return "";
}

int __wrap_call_new(Client *c, Call **ret, CallMode mode, const char *method, call_append_t append, void *arguments,
                    call_done_t done, void *userdata) {
        Call *call = malloc(sizeof(Call));

        fuzz_check(call);
        *call = (Call) {
                .next = fake.calls,
                .method = method,
                .append = append,
                .arguments = arguments,
                .done = done,
                .userdata = userdata,
        };
        if (fake.calls)
                fake.calls->previous = call;
        fake.calls = call;
        *ret = call;
        return 0;
}

Call *__wrap_call_free(Call *call) {
        if (!call)
                return NULL;
        if (call->previous)
                call->previous->next = call->next;
        else
                fake.calls = call->next;
        if (call->next)
                call->next->previous = call->previous;
        free(call);
        return NULL;
}

/* ---- The service ---- */

static sd_bus_message *new_message(void) {
        sd_bus_message *m = NULL;

        fuzz_check(sd_bus_message_new_signal(fake.bus, &m, "/", "org.codex.Fuzz", "Reply") >= 0);
        return m;
}

static void append_record(sd_bus_message *m, bool ended) {
        JobRecord record = JOB_RECORD_INIT;

        record.id = (char *) "job-0123456789";
        record.kind = (char *) "job";
        record.label = (char *) "a job";
        record.state = ended ? JOB_FAILED : JOB_RUNNING;
        record.reason = ended ? JOB_REASON_EXIT_CODE : JOB_REASON_NONE;
        record.exit_code = ended ? 3 : -1;
        record.stdout_bytes = ended ? 5 : 0;
        record.result = (char *) (ended ? "{\"a\":[1,\"\\u001b\"]}" : NULL);
        fuzz_check(job_record_append(m, &record) >= 0);
}

static void append_reply(sd_bus_message *m, const Call *call, bool ended) {
        if (streq(call->method, "Get"))
                append_record(m, ended);
        else if (streq(call->method, "Enqueue"))
                fuzz_check(sd_bus_message_append(m, "so", "job-0123456789", "/org/codex/Jobs/job/x") >= 0);
        else if (streq(call->method, "Cancel"))
                fuzz_check(sd_bus_message_append(m, "s", "cancelled") >= 0);
        else if (streq(call->method, "List")) {
                fuzz_check(sd_bus_message_open_container(m, 'a', "a{sv}") >= 0);
                append_record(m, ended);
                fuzz_check(sd_bus_message_close_container(m) >= 0);
        } else {
                int fd = memfd_create("fuzz", MFD_CLOEXEC);

                fuzz_check(streq(call->method, "OpenOutput") && fd >= 0 && write(fd, "a\033[1m\377", 6) == 6);
                fuzz_check(sd_bus_message_append_basic(m, 'h', &fd) >= 0);
                (void) close(fd);
        }
}

/* What is asked must be something that can be sent. */
static void check_arguments(const Call *call) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = new_message();

        (void) call->append(m, call->arguments);
}

static void answer(Call *call, bool refused, bool ended) {
        static const sd_bus_error error = SD_BUS_ERROR_MAKE_CONST(JOBS_ERROR_NO_SUCH_JOB, "Job x not found");
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        check_arguments(call);
        if (refused) {
                call->done(NULL, &error, call->userdata);
                return;
        }
        reply = new_message();
        append_reply(reply, call, ended);
        fuzz_check(sd_bus_message_seal(reply, 1, 0) >= 0);
        call->done(reply, NULL, call->userdata);
}

/* Bits: calls are answered; refused; jobs have ended; answers come after each line, else at the end; signals come. */
static void answer_all(uint8_t how) {
        for (unsigned i = 0; (how & 1) && fake.calls && fake.stop == 0; i++) {
                fuzz_check(i < CALLS_MAX);
                answer(fake.calls, how & 2, how & 4);
        }
        if (how & 16)
                fake.changed(fake.changed_userdata);
}

/* ---- The client ---- */

static void check_output(int fd) {
        off_t size = lseek(fd, 0, SEEK_END);
        char *data, *line, *end;

        fuzz_check(size >= 0);
        data = malloc((size_t) size + 1);
        fuzz_check(data && pread(fd, data, (size_t) size, 0) == size);
        data[size] = 0;
        for (line = data; (end = memchr(line, '\n', (size_t) (data + size - line))); line = end + 1) {
                char *compact = json_text_compact_object(line, (size_t) (end - line));

                fuzz_check(compact);
                free(compact);
        }
        fuzz_check(line == data + size);
        free(data);
}

static void begin(void) {
        int fds[2];

        if (fake.bus)
                return;
        fuzz_check(clearenv() == 0);
        fuzz_check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
        fuzz_check(sd_bus_new(&fake.bus) >= 0 && sd_bus_set_fd(fake.bus, fds[0], fds[0]) >= 0 &&
                   sd_bus_start(fake.bus) >= 0);
        fuzz_check(sd_event_new(&fake.event) >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        int in = open("/dev/null", O_RDONLY | O_CLOEXEC), out = memfd_create("fuzz", MFD_CLOEXEC);
        uint8_t how = size > 0 ? data[0] : 0;
        const char *text = (const char *) data + 1;
        Mcp mcp;

        begin();
        fake.stop = 0;
        fuzz_check(in >= 0 && out >= 0);
        fuzz_check(server_begin(&mcp, NULL, &(const ServerOptions) {
                                                    .read_only = how & 32,
                                                    .wait_usec = USEC_PER_SEC,
                                                    .in = in,
                                                    .out = out,
                                            }) >= 0);
        for (size_t left = size > 0 ? size - 1 : 0; left > 0 && fake.stop == 0;) {
                const char *end = memchr(text, '\n', left);
                size_t n = end ? (size_t) (end - text) + 1 : left;

                fuzz_check(wire_take(mcp.wire, text, n) >= 0);
                text += n;
                left -= n;
                if (how & 8)
                        answer_all(how);
        }
        answer_all(how);
        server_clear(&mcp);
        fuzz_check(!fake.calls);
        check_output(out);
        (void) close(in);
        (void) close(out);
        return 0;
}

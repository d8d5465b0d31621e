/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include "json-build.h"
#include "json-read.h"
#include "test.h"
#include "wire.h"

/* A wire that reads nothing but what a test passes to it, and writes to a socket that only a test reads. */
static struct {
        sd_event *event;
        Wire *wire;
        int other; /* the end of the socket that is read */
        unsigned n_messages, n_malformed;
        int code; /* of the last that was malformed */
        char method[64];
        bool ended;
        int error;
} given;

static void on_message(json_object *message, void *userdata) {
        given.n_messages++;
        (void) snprintf(given.method, sizeof(given.method), "%s", strempty(json_text(message, "method")));
}

static void on_malformed(int code, const char *text, void *userdata) {
        given.n_malformed++;
        given.code = code;
}

static void on_ended(int r, bool writing, void *userdata) {
        given.ended = true;
        given.error = r;
}

static void begin(void) {
        int fds[2];

        check_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
        given.other = fds[0];
        check_ok(sd_event_new(&given.event));
        check_ok(wire_new(given.event, check_ok(open("/dev/null", O_RDONLY | O_CLOEXEC)), fds[1],
                          &(const WireEvents) { .message = on_message, .malformed = on_malformed, .ended = on_ended },
                          &given.wire));
}

static void end(void) {
        given.wire = wire_free(given.wire);
        given.event = sd_event_unref(given.event);
}

static void take(const char *text) {
        check_ok(wire_take(given.wire, text, strlen(text)));
}

static void messages(void) {
        begin();
        take("{\"method\":\"a\"}\n{\"method\":");
        check_int(given.n_messages, 1);
        check_string(given.method, "a");
        take("\"b\"}");
        check_int(given.n_messages, 1);
        take("\r\n\n \t\n");
        check_int(given.n_messages, 2);
        check_string(given.method, "b");
        check_int(given.n_malformed, 0);
        end();
}

static void check_malformed(const char *line, int code) {
        unsigned before = given.n_malformed;

        take(line);
        take("\n");
        check_int(given.n_malformed, before + 1);
        check_int(given.code, code);
}

static void lines_that_are_none(void) {
        begin();
        check_malformed("{", CODE_PARSE);
        check_malformed("no", CODE_PARSE);
        check_malformed("7", CODE_PARSE);
        check_malformed("{} {}", CODE_PARSE);
        check_malformed("{'a':1}", CODE_PARSE);
        check_malformed("{\"a\":\"\xff\"}", CODE_PARSE);
        check_malformed("[{}]", CODE_REQUEST);
        check_int(given.n_messages, 0);
        take("{\"method\":\"a\"}\n");
        check_int(given.n_messages, 1);
        end();
}

static void levels(void) {
        char text[128];

        begin();
        for (int n = 31; n <= 32; n++) { /* and that of the object */
                (void) snprintf(text, sizeof(text), "{\"a\":%.*s%.*s}", n, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", n,
                                "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
                take(text);
                take("\n");
        }
        check_int(given.n_messages, 1);
        check_int(given.n_malformed, 1);
        end();
}

/* The rest of it is skipped, however it comes. */
static void a_line_that_is_too_long(void) {
        _cleanup_free_ char *part = malloc(1 << 20);

        check(part);
        (void) memset(part, 'x', 1 << 20);
        begin();
        for (unsigned i = 0; i < 9; i++)
                check_ok(wire_take(given.wire, part, 1 << 20));
        check_int(given.n_malformed, 1);
        check_int(given.code, CODE_REQUEST);
        take("\n{\"method\":\"a\"}\n");
        check_int(given.n_messages, 1);
        check_int(given.n_malformed, 1);
        end();
}

static json_object *message_of(size_t size) {
        _cleanup_free_ char *text = malloc(size + 1);
        json_object *message = json_object_new_object();

        check(text && message);
        (void) memset(text, 'x', size);
        text[size] = 0;
        check_ok(json_add_string(message, "text", text));
        return message;
}

static void a_client_that_reads(void) {
        _cleanup_json_ json_object *message = message_of(3);
        char data[64];

        begin();
        check_ok(wire_send(given.wire, message, false));
        check_int(read(given.other, data, sizeof(data)), strlen("{\"text\":\"xxx\"}\n"));
        check(memcmp(data, "{\"text\":\"xxx\"}\n", strlen("{\"text\":\"xxx\"}\n")) == 0);
        end();
}

/* Of progress, none is kept for it; what must not be lost ends the server once it is too much. */
static void a_client_that_does_not_read(void) {
        _cleanup_json_ json_object *message = message_of(1 << 20);
        unsigned i;

        begin();
        for (i = 0; i < 64; i++)
                check_ok(wire_send(given.wire, message, true));
        check(!given.ended);
        for (i = 0; i < 64 && !given.ended; i++)
                check_ok(wire_send(given.wire, message, false));
        check_int(i, 15); /* the first of progress began to be written, and cannot be dropped */
        check_int(given.error, -ENOBUFS);
        end();
}

static void a_client_that_went_away(void) {
        _cleanup_json_ json_object *message = message_of(3);

        check(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
        begin();
        (void) close(given.other);
        check_ok(wire_send(given.wire, message, false));
        check(given.ended);
        check_int(given.error, -EPIPE);
        end();
}

TEST_MAIN(TEST(messages), TEST(lines_that_are_none), TEST(levels), TEST(a_line_that_is_too_long),
          TEST(a_client_that_reads), TEST(a_client_that_does_not_read), TEST(a_client_that_went_away))

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "bus-names.h"
#include "fuzz.h"
#include "message.h"
#include "utf8.h"

/* A connection whose other end never answers, for all messages of the process. */
static sd_bus *silent_bus(void) {
        static sd_bus *bus;
        int fds[2];

        if (bus)
                return bus;
        fuzz_check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
        fuzz_check(sd_bus_new(&bus) >= 0 && sd_bus_set_fd(bus, fds[0], fds[0]) >= 0 && sd_bus_start(bus) >= 0);
        return bus;
}

static void append_text(sd_bus_message *m, char type, const char *s, size_t n) {
        _cleanup_free_ char *text = utf8_make_valid(s, n);

        fuzz_check(text);
        if (type == 'o') {
                if (sd_bus_message_append_basic(m, 'o', text) < 0) /* is no path */
                        fuzz_check(sd_bus_message_append_basic(m, 'o', "/") >= 0);
        } else
                fuzz_check(sd_bus_message_append_basic(m, 's', text) >= 0);
}

static void append_list(sd_bus_message *m, bool bytes, const char *s, size_t n) {
        fuzz_check(sd_bus_message_open_container(m, 'a', bytes ? "ay" : "s") >= 0);
        for (const char *end = s + n; s < end;) {
                const char *bar = memchr(s, '|', (size_t) (end - s)) ?: end;

                if (bytes)
                        fuzz_check(sd_bus_message_append_array(m, 'y', s, (size_t) (bar - s)) >= 0);
                else
                        append_text(m, 's', s, (size_t) (bar - s));
                s = bar + 1;
        }
        fuzz_check(sd_bus_message_close_container(m) >= 0);
}

static void append_fd(sd_bus_message *m, bool memory, const char *s, size_t n) {
        int fds[2] = { -EBADF, -EBADF };

        if (memory)
                fuzz_check((fds[0] = memfd_create("fuzz", MFD_CLOEXEC)) >= 0 && write(fds[0], s, n) == (ssize_t) n);
        else
                fuzz_check(pipe2(fds, O_CLOEXEC) >= 0);
        fuzz_check(sd_bus_message_append_basic(m, 'h', &fds[0]) >= 0); /* a copy */
        closep(&fds[0]);
        closep(&fds[1]);
}

static void append_number(sd_bus_message *m, char type, const char *s) {
        uint64_t value = strtoull(s, NULL, 10);
        uint32_t small = type == 'b' ? value != 0 : (uint32_t) value;

        fuzz_check(sd_bus_message_append_basic(m, type, type == 't' ? (void *) &value : (void *) &small) >= 0);
}

static const char *type_of(char letter) {
        static const struct {
                char letter;
                const char *type;
        } types[] = {
                { 's', "s" }, { 'o', "o" }, { 't', "t" }, { 'u', "u" }, { 'i', "i" }, { 'b', "b" }, { 'y', "ay" },
                { 'S', "as" }, { 'Y', "aay" }, { 'h', "h" }, { 'p', "h" }, { 'v', "v" }, { 'd', "(su)" },
        };

        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (types[i].letter == letter)
                        return types[i].type;
        return NULL;
}

static void append_value(sd_bus_message *m, char letter, const char *s, size_t n) {
        switch (letter) {
        case 's':
        case 'o':
                append_text(m, letter, s, n);
                break;
        case 'S':
        case 'Y':
                append_list(m, letter == 'Y', s, n);
                break;
        case 'y':
                fuzz_check(sd_bus_message_append_array(m, 'y', s, n) >= 0);
                break;
        case 'h':
        case 'p':
                append_fd(m, letter == 'h', s, n);
                break;
        case 'v':
                fuzz_check(sd_bus_message_append(m, "v", "u", 7) >= 0);
                break;
        case 'd':
                fuzz_check(sd_bus_message_append(m, "(su)", "x", 7) >= 0);
                break;
        default:
                append_number(m, letter, s);
        }
}

/* Splits a line, of n bytes, at its '='. Returns where the value begins, NULL if there is none. */
static const char *find_value(const char *line, size_t n) {
        const char *equals = n > 0 ? memchr(line, '=', n) : NULL;

        return equals ? equals + 1 : NULL;
}

static void append_entry(sd_bus_message *m, const char *line, size_t n) {
        const char *value = find_value(line, n), *type = type_of(line[0]);

        if (!value || !type || value == line + 1)
                return;
        fuzz_check(sd_bus_message_open_container(m, 'e', "sv") >= 0);
        append_text(m, 's', line + 1, (size_t) (value - line - 2));
        fuzz_check(sd_bus_message_open_container(m, 'v', type) >= 0);
        append_value(m, line[0], value, n - (size_t) (value - line));
        fuzz_check(sd_bus_message_close_container(m) >= 0);
        fuzz_check(sd_bus_message_close_container(m) >= 0);
}

/* Appends an argument (arguments) or an entry of the dictionary for each line that is one. */
static void append_lines(sd_bus_message *m, const char *s, bool arguments) {
        while (*s) {
                size_t n = strcspn(s, "\n");
                const char *value = find_value(s, n);

                if (arguments && *s == 'a' && value)
                        append_text(m, 's', value, n - (size_t) (value - s));
                else if (!arguments && n > 0)
                        append_entry(m, s, n);
                s += n + (s[n] == '\n');
        }
}

sd_bus_message *fuzz_message(const uint8_t *data, size_t size, bool with_argv) {
        _cleanup_free_ char *text = fuzz_string(data, size);
        sd_bus_message *m = NULL;

        fuzz_check(sd_bus_message_new_method_call(silent_bus(), &m, NULL, JOBS_PATH, JOBS_INTERFACE, "Fuzz") >= 0);
        if (with_argv) {
                fuzz_check(sd_bus_message_open_container(m, 'a', "s") >= 0);
                append_lines(m, text, true);
                fuzz_check(sd_bus_message_close_container(m) >= 0);
        }
        fuzz_check(sd_bus_message_open_container(m, 'a', "{sv}") >= 0);
        append_lines(m, text, false);
        fuzz_check(sd_bus_message_close_container(m) >= 0);
        fuzz_check(sd_bus_message_seal(m, 1, 0) >= 0 && sd_bus_message_rewind(m, true) >= 0);
        return m;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <signal.h>
#include <sys/uio.h>

#include "live.h"
#include "read-write.h"
#include "say.h"
#include "terminal.h"
#include "text-new.h"

#define ERROR_OWN "org.codex.Jobs.Client.Failed"

static const char *program = "codex-jobs";
static bool hints = true;

void say_as(const char *name) {
        program = name;
}

static void write_line(const char *text) {
        bool amid = live_is_amid(); /* output without a last newline */
        struct iovec parts[] = {
                { (char *) "\n", amid ? 1 : 0 },
                { (char *) program, strlen(program) },
                { (char *) ": ", strlen(": ") },
                { (char *) text, strlen(text) },
                { (char *) "\n", 1 },
        };

        live_hide();
        /* Errors of stderr itself cannot be reported. */
        if (writev(STDERR_FILENO, parts, ELEMENTSOF(parts)) < 0)
                return;
        live_wrote(STDERR_FILENO, "\n", 1);
}

static void say_v(const char *format, va_list ap) _printf_(1, 0);
static void say_v(const char *format, va_list ap) {
        _cleanup_free_ char *text = text_new_v(format, ap), *line = NULL;

        if (text)
                line = terminal_text(text, terminal_takes_utf8(STDERR_FILENO));
        write_line(line ?: "Out of memory.");
}

void say(const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        say_v(format, ap);
        va_end(ap);
}

void say_no_hints(void) {
        hints = false;
}

void say_hint(const char *format, ...) {
        va_list ap;

        if (!hints)
                return;
        va_start(ap, format);
        say_v(format, ap);
        va_end(ap);
}

int say_out_of_memory(void) {
        write_line("Out of memory.");
        return STATUS_OWN_FAILURE;
}

int say_error(const sd_bus_error *error, int r) {
        if (r == -ENOMEM)
                return say_out_of_memory();
        if (error && !isempty(error->message))
                say("%s", error->message);
        else
                say("Unexpected error: %s.", strerror(-r));
        return STATUS_OWN_FAILURE;
}

int say_to_stdout(const char *text) {
        int r = write_all(STDOUT_FILENO, text, strlen(text));

        if (r >= 0)
                return 0;
        if (r == -EPIPE)
                return STATUS_SIGNALLED + SIGPIPE; /* like a program that does not ignore that signal */
        say("Failed to write to standard output: %s.", strerror(-r));
        return STATUS_OWN_FAILURE;
}

int error_set(sd_bus_error *error, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) sd_bus_error_setfv(error, ERROR_OWN, format, ap);
        va_end(ap);
        return -EINVAL;
}

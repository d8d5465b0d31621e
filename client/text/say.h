/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Messages of codex-jobs itself: one line each, on stderr, safe for terminals. Only verbs, event callbacks of a wait
 * and main() print them; all others return errors. */

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "macro.h"

/* Exit statuses of codex-jobs itself. */
enum {
        STATUS_TIMED_OUT = 124, /* the wait timed out, the job keeps running */
        STATUS_OWN_FAILURE = 125,
        STATUS_CANCELLED = 143,
        STATUS_SIGNALLED = 128, /* + n: signal n stopped the wait, the job keeps running */
};

/* The name of the program, if not codex-jobs. It is not copied. */
void say_as(const char *name);

/* Writes "codex-jobs: ", the text and a newline in one write, on a line of its own: after output without a last newline,
 * that is added. Control characters become spaces. */
void say(const char *format, ...) _printf_(1, 2);

/* The same for what helps people and is no result or error: nothing after say_no_hints(), as with --quiet. */
void say_hint(const char *format, ...) _printf_(1, 2);
void say_no_hints(void);

/* Prints the error and returns STATUS_OWN_FAILURE. If it has no message, the errno -r is used. */
int say_error(const sd_bus_error *error, int r);
int say_out_of_memory(void);

/* Writes text to stdout, such as a help text. Returns 0, or an exit status after reporting that it cannot be written; EPIPE
 * is not reported. */
int say_to_stdout(const char *text);

/* Sets an error of our own, handled like those of the service. Returns -EINVAL. */
int error_set(sd_bus_error *error, const char *format, ...) _printf_(2, 3);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What codex-jobs itself says: one line a message, on stderr, safe for a terminal. Verbs, the event
 * callbacks of a wait and main() say something; everybody else returns an error. */

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

/* The name of the program, which does not copy it, where it is not codex-jobs. */
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

/* Flushes stdout. Returns 0, or STATUS_OWN_FAILURE after saying that it cannot be written; a reader that
 * went away (EPIPE) is not worth a word. */
int say_if_stdout_failed(void);

/* Makes an error of our own, which travels as those of the service do. Returns -EINVAL. */
int error_set(sd_bus_error *error, const char *format, ...) _printf_(2, 3);

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The readable log of the job on standard error: events, one per line, with the time since the start. Safe for
 * terminals. Errors of writing are ignored. */

#include "macro.h"
#include "turn.h"

typedef struct Log {
        uint64_t begun_usec; /* CLOCK_MONOTONIC */
        bool message_logged;   /* the turn's latest message is in the log */
} Log;

/* Begins: times are counted from now. */
void log_begin(Log *log);

/* Writes one line. */
void log_say(const Log *log, const char *format, ...) _printf_(2, 3);

/* Logs an event, before the turn processes it. */
void log_event(Log *log, const Turn *turn, const Event *event, uint64_t now_usec);

/* Writes a line of Codex's own standard error. */
void log_codex(const Log *log, const char *line, size_t n);

/* Writes the latest message, which is not going to be the answer. */
void log_commentary(Log *log, const Turn *turn);

/* Writes the last line of all, without the time: how it failed. */
void log_failure(const char *text);

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* A line on stderr that is redrawn in place. There is at most one, and only if stderr is a terminal that supports it
 * and we are in its foreground. It must be hidden before anything else is written to the terminal. */

#include <systemd/sd-event.h>

#include "job-state.h"
#include "macro.h"

bool live_is_possible(void);

/* The text to show, which is freed, and in *ret_state the state for its color; NULL: nothing to show now. */
typedef char *(*live_text_t)(void *userdata, JobState *ret_state);

/* Shows the line after a delay, and redraws it several times a second. */
int live_begin(sd_event *event, uint64_t delay_usec, live_text_t text, void *userdata);

/* Erases and frees it. Does nothing if there is none. */
void live_end(void);

/* Erases it before something else is written to the terminal. */
void live_hide(void);

/* Must be called with output written to stdout or stderr, other descriptors are ignored: the line is shown again only
 * at the start of a line. */
void live_wrote(int fd, const char *data, size_t n);

/* Whether the last line on stderr, which stdout may share, is incomplete. */
bool live_is_amid(void);

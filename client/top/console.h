/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The terminal, which is restored even if the process is stopped or crashes. There is only one. */

#include <systemd/sd-bus.h>

#include "macro.h"

/* Initializes the terminal; SIGTSTP must be blocked. Returns 0, or -EINVAL with error set if it is not supported. */
int console_open(sd_bus_error *error);

/* Restores it; does nothing if it was not initialized. */
void console_close(void);

/* Lets another program use the screen. Keys are still read by us, one at a time. */
void console_suspend(void);
void console_resume(void);

/* After SIGTSTP, which Ctrl-Z sends: stops the process, with the terminal as it was before, until it is continued. */
void console_stop(void);

/* Sets the terminal up again after the process was stopped. */
void console_continue(void);

/* Adapts to the current size. */
void console_resize(void);

bool console_is_utf8(void);
bool console_has_color(void);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The terminal, taken and given back: also when the process is stopped, or crashes. There is one. */

#include <systemd/sd-bus.h>

#include "macro.h"

/* Takes the terminal. Returns 0, or -EINVAL with error set where it cannot show what is to be shown. */
int console_open(sd_bus_error *error);

/* Gives it back; does nothing where it was not taken. */
void console_close(void);

/* Gives the screen to another program for a while. Keys are still ours, one by one. */
void console_suspend(void);
void console_resume(void);

/* Takes the size that it has now. */
void console_resize(void);

bool console_is_utf8(void);
bool console_has_color(void);

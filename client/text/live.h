/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A line on stderr that is drawn again in place while something goes on. There is one at most, and only where stderr
 * is a terminal that can do that and we are in its foreground. Whoever writes something else to the terminal hides it
 * first. */

#include <systemd/sd-event.h>

#include "job-state.h"
#include "macro.h"

bool live_is_possible(void);

/* What to show: the text, which is freed, and in *ret_state the state that gives the colour; NULL: nothing now. */
typedef char *(*live_text_t)(void *userdata, JobState *ret_state);

/* Shows the line after a while, and draws it several times a second. */
int live_begin(sd_event *event, uint64_t delay_usec, live_text_t text, void *userdata);

/* Erases it, and ends it. Does nothing where there is none. */
void live_end(void);

/* Erases it before something else is written to the terminal. */
void live_hide(void);

/* Learns what was written to stdout or stderr: the line comes back only at the beginning of a line. Others are ignored. */
void live_wrote(int fd, const char *data, size_t n);

/* Whether a line on stderr, to which stdout may write as well, has no end yet. */
bool live_is_amid(void);

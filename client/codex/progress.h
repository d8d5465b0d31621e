/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The job's progress line, through STATUS= of sd_notify(3). Under a service of an older version every user of the machine
 * can read it, so it has no more of the work in it than a list of processes shows. */

#include <systemd/sd-event.h>

#include "turn.h"

#define PROGRESS_COMMAND_MAX 72U /* bytes of a command */
#define PROGRESS_MAX 1024U

typedef struct Progress Progress;

int progress_new(Progress **ret, sd_event *event);
Progress *progress_free(Progress *progress);

/* Tells a text of one line if it is another than the last. Those that come too fast are passed over, but the
 * last one is always told. */
void progress_set(Progress *progress, const char *text);

/* Tells it now: nothing else will be. */
void progress_finish(Progress *progress, const char *text);

/* What to tell after an event that the turn has taken in already, into ret. Returns ret, or NULL where the
 * event changes nothing. busy is the word for work that has no better name. */
const char *progress_phase(const Turn *turn, const Event *event, const char *busy, char ret[static PROGRESS_MAX]);

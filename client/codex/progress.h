/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The progress line of the job, through STATUS= of sd_notify(3). With older services all users can read it, so it shows
 * no more of the work than a list of processes. */

#include <systemd/sd-event.h>

#include "turn.h"

#define PROGRESS_COMMAND_MAX 72U /* bytes of a command */
#define PROGRESS_MAX 1024U

typedef struct Progress Progress;

int progress_new(Progress **ret, sd_event *event);
Progress *progress_free(Progress *progress);

/* Sets the text, one line, if it changed. Texts in quick succession are skipped, but the last one is always sent. */
void progress_set(Progress *progress, const char *text);

/* Sends it now: no other text follows. */
void progress_finish(Progress *progress, const char *text);

/* The text after an event that the turn has processed, in ret. Returns ret, or NULL if the event changes nothing. busy
 * is the word for work without a better description. */
const char *progress_phase(const Turn *turn, const Event *event, const char *busy, char ret[static PROGRESS_MAX]);

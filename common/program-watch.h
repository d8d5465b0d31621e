/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Notices that the file of the running program was replaced, by an upgrade, or removed: by inotify(7), of which a user has a
 * limited number of instances, or else by looking at it, after pauses that grow to a minute. */

#include <systemd/sd-event.h>

#include "macro.h"

typedef struct ProgramWatch ProgramWatch;

/* Called once nothing has happened to the file for a few seconds; after it was removed, again when there is one. */
typedef int (*ProgramCallback)(bool removed, void *userdata);

/* path: of the installed program, which is supposed to be the running one. */
int program_watch_new(ProgramWatch **ret, sd_event *event, const char *path, ProgramCallback changed, void *userdata);

/* Takes NULL; returns NULL. */
ProgramWatch *program_watch_free(ProgramWatch *watch);
DEFINE_CLEANUP(ProgramWatch *, program_watch_free);

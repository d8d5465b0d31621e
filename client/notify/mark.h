/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Remembers across restarts that the inbox of a bus is ours already: a file without content for each bus in
 * $XDG_STATE_HOME/codex-jobs-notify, by default in ~/.local/state. All else is kept by the service. */

#include <stdbool.h>

/* Whether the mark of the system bus, or of the session bus, is there. */
bool mark_is_set(bool system);

/* Returns 0 or a negative errno. */
int mark_set(bool system);

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* What the host offers: whether systemd and logind run there, and whose runtime directory the environment names. */

#include "macro.h"

/* Whether this host, or container, was booted with systemd, see sd_booted(3). */
bool host_runs_systemd(void);

/* If it was not: the name of the process that is PID 1, what to do about it, and the command for that, or NULL. */
char *host_init(void);
const char *host_init_remedy(void);
const char *host_init_command(void);

/* Whether a user's service manager, and all of its jobs with it, is stopped when that user has logged out. */
bool host_stops_user_manager(void);
#define LINGER_COMMAND "loginctl enable-linger"

/* After su(1) or sudo(8), $XDG_RUNTIME_DIR and $DBUS_SESSION_BUS_ADDRESS may be those of another user, who does not let us
 * in. In our environment they are replaced by our own. Returns 0 or -ENOMEM. */
int host_use_own_runtime(void);

/* Then: "/run/user/0, which belongs to root"; NULL: they were our own. */
const char *host_foreign_runtime(void);

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Which of the two services is meant: that of the system, or the user's own. */

#include <systemd/sd-bus.h>

#include "macro.h"

typedef enum Scope {
        SCOPE_DEFAULT, /* the system service if installed, else the user's */
        SCOPE_SYSTEM,
        SCOPE_USER,
} Scope;

/* The scope of the options, or else of CODEX_JOBS_SCOPE. *ret_given says whether a command that is shown must
 * name it because it comes from an option. Returns 0, or -EINVAL with error set. */
int scope_resolve(Scope option, bool *ret_system, bool *ret_given, sd_bus_error *error);
